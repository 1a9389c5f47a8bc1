//! What waits to be published?

use super::Damage;
use crate::block::Block;
use crate::id::Position;

/// Waiting blocks that are read in one go, at most.
pub const WAITING_BLOCKS_MAX: usize = 65_536;
/// Bytes of waiting blocks that are read in one go, at most, unless the first of
/// them has more.
pub const WAITING_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A block that waits to be published.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Where its first event stands.
    pub base: Position,
    /// How many positions it takes; as far as can be told, if it cannot be read.
    pub count: u64,
    /// The block, or why it cannot be read.
    pub block: Result<Block, Damage>,
}

/// How much waits to be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitingTotals {
    /// Blocks that wait.
    pub blocks: u64,
    /// Their events.
    pub events: u64,
}

/// What one answer of [`super::BlockStore::waiting`] may still take.
#[derive(Debug)]
pub(super) struct WaitingLimit {
    events: u64,
    blocks: usize,
    bytes: u64,
}

impl WaitingLimit {
    pub(super) fn of_events(events_max: u64) -> WaitingLimit {
        WaitingLimit { events: events_max, blocks: WAITING_BLOCKS_MAX, bytes: WAITING_BYTES_MAX }
    }

    pub(super) fn is_reached(&self) -> bool {
        self.events == 0 || self.blocks == 0 || self.bytes == 0
    }

    pub(super) fn count(&mut self, waiting: &Waiting) {
        let bytes = waiting.block.as_ref().map_or(0, |block| block.bytes().len() as u64);
        self.events = self.events.saturating_sub(waiting.count.max(1));
        self.blocks = self.blocks.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
