//! How does a block come about?

use super::{Block, Entry};
use crate::id::{Boot, Origin};

/// Collects events of one boot and seals them into a [`Block`].
#[derive(Debug)]
pub struct BlockBuilder {}

impl BlockBuilder {
    /// A builder for the blocks of one boot; reusable after every seal.
    pub fn new(_origin: Origin, _boot: Boot) -> BlockBuilder {
        todo!()
    }

    /// Adds an event.
    pub fn push(&mut self, _entry: &Entry<'_>) {
        todo!()
    }

    /// How many events wait to be sealed.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the next event belongs into the next block: as many events or
    /// bytes as a block may have.
    pub fn is_full(&self) -> bool {
        todo!()
    }

    /// Seals what was pushed as block `number` of the boot and starts afresh;
    /// `None` if nothing was pushed.
    pub fn seal(&mut self, _number: u64, _last_of_boot: bool) -> Option<Block> {
        todo!()
    }
}
