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

/// One answer of [`super::BlockStore::waiting`] as it fills.
#[derive(Debug)]
pub(super) struct WaitingAnswer {
    waiting: Vec<Waiting>,
    events_left: u64,
    bytes_left: u64,
}

impl WaitingAnswer {
    pub(super) fn of_events(events_max: u64) -> WaitingAnswer {
        let waiting = Vec::new();
        WaitingAnswer { waiting, events_left: events_max, bytes_left: WAITING_BYTES_MAX }
    }

    pub(super) fn is_full(&self) -> bool {
        self.events_left == 0 || self.bytes_left == 0 || self.waiting.len() >= WAITING_BLOCKS_MAX
    }

    /// Takes the next block, unless it is full.
    pub(super) fn push(&mut self, next: Waiting) {
        if self.is_full() {
            return;
        }
        if let Ok(block) = &next.block {
            // The count of what cannot be read is not to be trusted.
            self.events_left = self.events_left.saturating_sub(next.count);
            self.bytes_left = self.bytes_left.saturating_sub(block.bytes().len() as u64);
        }
        self.waiting.push(next);
    }

    pub(super) fn into_waiting(self) -> Vec<Waiting> {
        self.waiting
    }
}
