//! What goes into the log in one transaction? What has arrived, within bounds.

use crate::block::Block;

/// Publications that are applied in one transaction, at most.
pub const APPLY_BLOCKS_MAX: usize = 64;
/// Events with which such a transaction is full.
pub const APPLY_EVENTS_MAX: u64 = 65_536;
/// Bytes with which it is full.
pub const APPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Blocks on their way into the log, as they will be stored. Not changed any more:
/// an unknown outcome is settled by the same bytes.
#[derive(Debug, Default)]
pub(super) struct ApplyBatch {
    blocks: Vec<Block>,
    /// At which each was put.
    revisions: Vec<i64>,
    events: u64,
    bytes: usize,
}

impl ApplyBatch {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.blocks.len() >= APPLY_BLOCKS_MAX
            || self.events >= APPLY_EVENTS_MAX
            || self.bytes >= APPLY_BYTES_MAX
    }

    pub(super) fn push(&mut self, block: Block, revision: i64) {
        self.events += u64::from(block.header().count);
        self.bytes += block.bytes().len();
        self.blocks.push(block);
        self.revisions.push(revision);
    }

    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Each with the revision that put it there.
    pub(super) fn drain(&mut self) -> Vec<(Block, i64)> {
        let ApplyBatch { blocks, revisions, .. } = std::mem::take(self);
        blocks.into_iter().zip(revisions).collect()
    }
}
