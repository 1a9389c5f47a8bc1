//! Where do the events of a slot stand by now?
//!
//! A question copies the slots that it wants and reads their blocks later, without
//! a lock. Meanwhile a merge may have put one large block in the place of several.
//! Positions never change their meaning, so whoever reads a slot asks for its
//! positions and is given the block that has them now.

use std::ops::Range;

use super::core::Core;
use super::index::Slot;
use crate::block::Block;
use crate::id::Position;
use crate::store::StoreError;

/// The events of a slot, in the block that holds them now.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Where the block's first event stands.
    pub(crate) base: Position,
    pub(crate) block: Block,
    /// The slot's events, by their index in the block.
    pub(crate) events: Range<usize>,
}

impl Part {
    /// `None` unless the block holds every position of the slot.
    fn of(slot: &Slot, base: Position, block: Block) -> Option<Part> {
        let first = usize::try_from(slot.base.0.checked_sub(base.0)?).ok()?;
        let end = first.checked_add(slot.count as usize)?;
        (end <= block.header().count as usize).then_some(Part { base, block, events: first..end })
    }

    /// Whether the slot's events are all that the block has.
    pub(crate) fn is_whole(&self) -> bool {
        self.events == (0..self.block.header().count as usize)
    }

    /// Those of its events that stand from one position on, before another.
    pub(crate) fn within(&self, (from, to): (Position, Position)) -> Part {
        let index =
            |at: Position| usize::try_from(at.0.saturating_sub(self.base.0)).unwrap_or(usize::MAX);
        let (start, end) = (index(from).max(self.events.start), index(to).min(self.events.end));
        Part { base: self.base, block: self.block.clone(), events: start..end.max(start) }
    }

    /// The frames that hold events of the slot.
    pub(crate) fn frames(&self) -> Range<usize> {
        let frames = 0..self.block.frames();
        let first = frames.clone().find(|frame| self.end_of(*frame) > self.events.start);
        let last = frames.rev().find(|frame| self.block.frame_start(*frame) < self.events.end);
        match (first, last) {
            (Some(first), Some(last)) if !self.events.is_empty() => first..last + 1,
            _ => 0..0,
        }
    }

    /// The slot's events in a frame, by their index in the frame.
    pub(crate) fn rows(&self, frame: usize) -> Range<usize> {
        let start = self.block.frame_start(frame);
        let first = self.events.start.max(start) - start;
        let end = self.events.end.min(self.end_of(frame)).saturating_sub(start);
        first..end.max(first)
    }

    /// From the position of a frame's first event to the one after its last.
    pub(crate) fn positions(&self, frame: usize) -> (Position, Position) {
        let start = self.block.frame_start(frame) as u64;
        (self.base.plus(start), self.base.plus(self.end_of(frame) as u64))
    }

    /// Index in the block of the event after a frame's last.
    fn end_of(&self, frame: usize) -> usize {
        if frame + 1 < self.block.frames() {
            self.block.frame_start(frame + 1)
        } else {
            self.block.header().count as usize
        }
    }
}

impl Core {
    /// The events of a slot, or `None` when they are gone or damaged; damage is
    /// noted.
    pub(crate) fn part(&self, slot: &Slot) -> Result<Option<Part>, StoreError> {
        if !slot.readable {
            return Ok(None);
        }
        if let Some(part) = self.known_part(slot) {
            return Ok(Some(part));
        }
        if let Some(part) = self.read_part(slot, slot.base)? {
            return Ok(Some(part));
        }
        // Merged into a block that begins before it, or gone.
        let around = self.store.heads(slot.base, 1)?;
        match around.first() {
            Some(head) if head.base < slot.base => self.read_part(slot, head.base),
            _ => Ok(None),
        }
    }

    /// The same as far as it can be had without the store.
    pub(crate) fn known_part(&self, slot: &Slot) -> Option<Part> {
        let cached = self.cache.lock().get(slot.base);
        cached.and_then(|block| Part::of(slot, slot.base, block))
    }

    fn read_part(&self, slot: &Slot, base: Position) -> Result<Option<Part>, StoreError> {
        if base != slot.base {
            let cached = self.cache.lock().get(base);
            if let Some(part) = cached.and_then(|block| Part::of(slot, base, block)) {
                return Ok(Some(part));
            }
        }
        match self.store.read(base) {
            Ok(Some(block)) => {
                let part = Part::of(slot, base, block.clone());
                if part.is_some() {
                    self.cache.lock().insert(base, block);
                }
                Ok(part)
            }
            Ok(None) => Ok(None),
            Err(StoreError::Damaged { base, cause }) => {
                tracing::error!(%base, %cause, "block is damaged and passed over");
                self.index.write().mark_unreadable(base);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Blocks;

    fn slot(base: u64, block: &Block) -> Slot {
        Slot::new(Position(base), block.bytes().len() as u64, block.header())
    }

    #[test]
    fn the_events_of_a_slot_are_found_in_a_larger_block() {
        let (small, large) = (Blocks::new(1).of(600), Blocks::new(1).of(1500));

        let part = Part::of(&slot(700, &small), Position(100), large).unwrap();

        assert_eq!((part.events.clone(), part.frames()), (600..1200, 1..3));
        assert_eq!([part.rows(1), part.rows(2)], [88..512, 0..176]);
        assert_eq!(part.positions(2), (Position(1124), Position(1600)));
        assert!(!part.is_whole());
        let within = part.within((Position(1000), Position(1130)));
        assert_eq!((within.events.clone(), within.frames()), (900..1030, 1..3));
        assert!(part.within((Position(0), Position(700))).frames().is_empty());
    }

    #[test]
    fn a_block_that_lacks_some_of_them_is_not_theirs() {
        let (small, large) = (Blocks::new(1).of(600), Blocks::new(1).of(1500));

        let bases = [0, 300, 900, 901].map(Position);
        let held = bases.map(|base| Part::of(&slot(900, &small), base, large.clone()).is_some());

        assert_eq!(held, [true, true, true, false]);
        assert!(Part::of(&slot(900, &large), Position(900), small).is_none());
    }
}
