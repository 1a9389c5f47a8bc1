//! Who read this a moment ago? The blocks that were stored last, the outlines of
//! those that were read last, and single frames of them, so that followers and the
//! same questions again do not each read the store.

use super::recent::Recent;
use crate::block::{Block, Excerpt, Outline};
use crate::id::Position;

/// Bytes of blocks that are kept, at most, and as many of frames.
pub(crate) const CACHE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Blocks, or outlines of blocks, that are kept, at most.
pub(crate) const CACHE_BLOCKS_MAX: usize = 64;
/// Frames that are kept, at most.
pub(crate) const CACHE_FRAMES_MAX: usize = 256;

/// What was used last.
#[derive(Debug)]
pub(crate) struct Cache {
    blocks: Recent<Position, What>,
    /// By the position of their block, and their number in it.
    frames: Recent<(Position, usize), Excerpt>,
}

#[derive(Debug)]
enum What {
    Block(Block),
    Outline(Outline),
}

impl What {
    fn outline(&self) -> &Outline {
        match self {
            What::Block(block) => block.outline(),
            What::Outline(outline) => outline,
        }
    }
}

impl Default for Cache {
    fn default() -> Cache {
        Cache {
            blocks: Recent::new(CACHE_BYTES_MAX, CACHE_BLOCKS_MAX),
            frames: Recent::new(CACHE_BYTES_MAX, CACHE_FRAMES_MAX),
        }
    }
}

impl Cache {
    pub(crate) fn outline(&mut self, base: Position) -> Option<Outline> {
        self.blocks.get(&base).map(|what| what.outline().clone())
    }

    /// The block, if it is there with all its frames.
    pub(crate) fn block(&mut self, base: Position) -> Option<Block> {
        match self.blocks.get(&base)? {
            What::Block(block) => Some(block.clone()),
            What::Outline(_) => None,
        }
    }

    /// A frame of the block that is outlined, if somebody has read it.
    pub(crate) fn frame(
        &mut self,
        base: Position,
        outline: &Outline,
        frame: usize,
    ) -> Option<Excerpt> {
        let known = self.frames.get(&(base, frame));
        known.filter(|excerpt| excerpt.outline() == outline).cloned()
    }

    pub(crate) fn insert(&mut self, base: Position, block: Block) {
        let bytes = block.bytes().len();
        self.put(base, What::Block(block), bytes);
    }

    pub(crate) fn insert_outline(&mut self, base: Position, outline: Outline) {
        let bytes = outline.head_bytes();
        self.put(base, What::Outline(outline), bytes);
    }

    pub(crate) fn insert_frame(&mut self, base: Position, frame: usize, excerpt: Excerpt) {
        let bytes = excerpt.kept_bytes();
        self.frames.put((base, frame), excerpt, bytes);
    }

    fn put(&mut self, base: Position, new: What, bytes: usize) {
        // A merge puts a larger block where a smaller one stood.
        let count = |what: &What| what.outline().header().count;
        let known = self.blocks.get(&base).map(count);
        if known.is_none_or(|known| known < count(&new)) {
            self.blocks.put(base, new, bytes);
        }
    }

    /// Forgets blocks that are gone from the store, or that it says are damaged.
    pub(crate) fn remove(&mut self, bases: &[Position]) {
        self.blocks.retain(|base| !bases.contains(base));
        self.frames.retain(|(base, _)| !bases.contains(base));
    }
}
