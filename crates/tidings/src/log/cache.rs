//! Who read this block a moment ago? The blocks used last, shared by followers
//! and queries, so that many followers do not each read the store.

use std::collections::VecDeque;

use crate::block::Block;
use crate::id::Position;

/// Bytes of blocks that are kept, at most.
pub(crate) const CACHE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Blocks that are kept, at most.
pub(crate) const CACHE_BLOCKS_MAX: usize = 64;

/// The blocks used last, the latest in front.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    blocks: VecDeque<(Position, Block)>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn get(&mut self, base: Position) -> Option<Block> {
        let at = self.blocks.iter().position(|(known, _)| *known == base)?;
        let found = self.blocks.remove(at)?;
        let block = found.1.clone();
        self.blocks.push_front(found);
        Some(block)
    }

    pub(crate) fn insert(&mut self, base: Position, block: Block) {
        if let Some(at) = self.blocks.iter().position(|(known, _)| *known == base) {
            if self.blocks[at].1.header().count >= block.header().count {
                return;
            }
            // A merge has put a larger block where this one stood.
            if let Some((_, old)) = self.blocks.remove(at) {
                self.bytes -= old.bytes().len();
            }
        }
        self.bytes += block.bytes().len();
        self.blocks.push_front((base, block));
        while self.bytes > CACHE_BYTES_MAX || self.blocks.len() > CACHE_BLOCKS_MAX {
            let Some((_, oldest)) = self.blocks.pop_back() else { break };
            self.bytes -= oldest.bytes().len();
        }
    }

    /// Forgets blocks that are gone from the store, or that it says are damaged.
    pub(crate) fn remove(&mut self, bases: &[Position]) {
        self.blocks.retain(|(base, _)| !bases.contains(base));
        self.bytes = self.blocks.iter().map(|(_, block)| block.bytes().len()).sum();
    }
}
