//! Where do the events of a slot stand by now, and how are some of them read?
//!
//! A question copies the slots that it wants and reads their frames later, without
//! a lock. Meanwhile a merge may have put one large block in the place of several.
//! Positions never change their meaning, so whoever reads a slot asks for
//! positions and is given the frames that have them now.

use std::ops::Range;

use super::core::Core;
use super::index::Slot;
use crate::block::{Block, Excerpt, Header, Outline, Sections};
use crate::id::Position;
use crate::store::StoreError;

/// Neighbouring frames that are read at once, at most, where all are wanted.
pub(crate) const FRAMES_AT_ONCE: usize = 8;

/// From a position to before another one.
pub(crate) type Positions = (Position, Position);

/// The events of a slot, in the block that holds them now. None of them is read.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Where the block's first event stands.
    pub(crate) base: Position,
    pub(crate) outline: Outline,
    /// The slot's events, by their index in the block.
    pub(crate) events: Range<usize>,
}

impl Part {
    /// `None` unless the block holds every position of the slot.
    fn of(slot: &Slot, base: Position, outline: Outline) -> Option<Part> {
        let first = usize::try_from(slot.base.0.checked_sub(base.0)?).ok()?;
        let end = first.checked_add(slot.count as usize)?;
        let holds = end <= outline.header().count as usize;
        holds.then_some(Part { base, outline, events: first..end })
    }

    /// What the block says of itself.
    pub(crate) fn header(&self) -> &Header {
        self.outline.header()
    }

    /// The frames that hold events of the slot.
    pub(crate) fn frames(&self) -> Range<usize> {
        self.frames_of(&self.events)
    }

    /// The frames that hold events of the slot among these positions.
    pub(crate) fn frames_among(&self, positions: Positions) -> Range<usize> {
        self.frames_of(&self.among(positions))
    }

    /// The slot's events among these positions, by their index in the block.
    fn among(&self, (from, to): Positions) -> Range<usize> {
        let place = |position: Position| {
            usize::try_from(position.0.saturating_sub(self.base.0)).unwrap_or(usize::MAX)
        };
        let start = place(from).max(self.events.start);
        start..place(to).min(self.events.end).max(start)
    }

    fn frames_of(&self, events: &Range<usize>) -> Range<usize> {
        if events.is_empty() {
            return 0..0;
        }
        let frames = 0..self.outline.frames();
        let first = frames.clone().find(|frame| self.end_of(*frame) > events.start);
        let last = frames.rev().find(|frame| self.outline.frame_start(*frame) < events.end);
        match (first, last) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }

    /// The slot's events in a frame, by their index in the frame.
    pub(crate) fn rows(&self, frame: usize) -> Range<usize> {
        self.rows_of(frame, &self.events)
    }

    fn rows_of(&self, frame: usize, events: &Range<usize>) -> Range<usize> {
        let start = self.outline.frame_start(frame);
        let first = events.start.max(start) - start;
        let end = events.end.min(self.end_of(frame)).saturating_sub(start);
        first..end.max(first)
    }

    /// From the position of a frame's first event to the one after its last.
    pub(crate) fn positions(&self, frame: usize) -> Positions {
        let start = self.outline.frame_start(frame) as u64;
        (self.base.plus(start), self.base.plus(self.end_of(frame) as u64))
    }

    /// Index in the block of the event after a frame's last.
    fn end_of(&self, frame: usize) -> usize {
        if frame + 1 < self.outline.frames() {
            self.outline.frame_start(frame + 1)
        } else {
            self.outline.header().count as usize
        }
    }
}

/// Neighbouring frames of a slot's block that were read, though not opened.
#[derive(Clone, Debug)]
pub(crate) struct Passage {
    pub(crate) part: Part,
    pub(crate) excerpt: Excerpt,
    /// Its events that are asked for, by their index in the block.
    events: Range<usize>,
}

impl Passage {
    /// The frames with events that are asked for.
    pub(crate) fn frames(&self) -> Range<usize> {
        self.part.frames_of(&self.events)
    }

    /// The events of a frame that are asked for, by their index in the frame.
    pub(crate) fn rows(&self, frame: usize) -> Range<usize> {
        self.part.rows_of(frame, &self.events)
    }

    pub(crate) fn sections(&self, frame: usize) -> Sections<'_> {
        self.excerpt.sections(frame)
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
        let around = self.aside(|| self.store.heads(slot.base, 1))?;
        match around.first() {
            Some(head) if head.base < slot.base => self.read_part(slot, head.base),
            _ => Ok(None),
        }
    }

    /// The same as far as it can be had without the store.
    pub(crate) fn known_part(&self, slot: &Slot) -> Option<Part> {
        let cached = self.cache.lock().outline(slot.base);
        cached.and_then(|outline| Part::of(slot, slot.base, outline))
    }

    fn read_part(&self, slot: &Slot, base: Position) -> Result<Option<Part>, StoreError> {
        if base != slot.base {
            let cached = self.cache.lock().outline(base);
            if let Some(part) = cached.and_then(|outline| Part::of(slot, base, outline)) {
                return Ok(Some(part));
            }
        }
        let outline = self.passing_over_damage(self.aside(|| self.store.outline(base)))?;
        let part = outline.and_then(|outline| Part::of(slot, base, outline));
        if let Some(part) = &part {
            self.cache.lock().insert_outline(base, part.outline.clone());
        }
        Ok(part)
    }

    /// Reads the frames of a slot that have events among these positions: those of
    /// `part`, or of the block that has taken its place meanwhile. `None` when they
    /// are gone, or the block is damaged as a whole, which is noted.
    pub(crate) fn passage(
        &self,
        slot: &Slot,
        part: &Part,
        positions: Positions,
    ) -> Result<Option<Passage>, StoreError> {
        let mut part = part.clone();
        loop {
            let events = part.among(positions);
            let frames = part.frames_of(&events);
            if frames.is_empty() {
                return Ok(None);
            }
            if let Some(excerpt) = self.excerpt(&part, frames)? {
                return Ok(Some(Passage { part, excerpt, events }));
            }
            self.cache.lock().remove(&[part.base]);
            match self.part(slot)? {
                Some(now) if now.outline != part.outline || now.base != part.base => part = now,
                _ => return Ok(None),
            }
        }
    }

    /// The same as far as it can be had without the store.
    pub(crate) fn known_passage(&self, part: &Part, positions: Positions) -> Option<Passage> {
        let events = part.among(positions);
        let excerpt = self.known_excerpt(part, &part.frames_of(&events))?;
        Some(Passage { part: part.clone(), excerpt, events })
    }

    fn known_excerpt(&self, part: &Part, frames: &Range<usize>) -> Option<Excerpt> {
        let mut cache = self.cache.lock();
        let block = cache.block(part.base).filter(|block| block.outline() == &part.outline);
        let known = block.map(|block| block.excerpt().clone());
        let one = (frames.len() == 1).then_some(frames.start);
        known.or_else(|| cache.frame(part.base, &part.outline, one?))
    }

    fn excerpt(&self, part: &Part, frames: Range<usize>) -> Result<Option<Excerpt>, StoreError> {
        if let Some(known) = self.known_excerpt(part, &frames) {
            return Ok(Some(known));
        }
        let read = self.aside(|| self.store.excerpt(part.base, &part.outline, frames.clone()));
        let read = self.passing_over_damage(read)?;
        if let Some(excerpt) = read.as_ref().filter(|_| frames.len() == 1) {
            self.cache.lock().insert_frame(part.base, frames.start, excerpt.clone());
        }
        Ok(read)
    }

    /// The whole block that stands at a slot, or `None` as for [`Core::part`].
    pub(super) fn block(&self, slot: &Slot) -> Result<Option<Block>, StoreError> {
        if let Some(block) = self.cache.lock().block(slot.base) {
            return Ok(Some(block));
        }
        let block = self.passing_over_damage(self.aside(|| self.store.read(slot.base)))?;
        if let Some(block) = &block {
            self.cache.lock().insert(slot.base, block.clone());
        }
        Ok(block)
    }

    fn passing_over_damage<T>(
        &self,
        read: Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match read {
            Err(StoreError::Damaged { base, cause }) => {
                tracing::error!(%base, %cause, "block is damaged and passed over");
                self.index.write().mark_unreadable(base);
                Ok(None)
            }
            read => read,
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

        let part = Part::of(&slot(700, &small), Position(100), large.outline().clone()).unwrap();

        assert_eq!((part.events.clone(), part.frames()), (600..1200, 1..3));
        assert_eq!([part.rows(1), part.rows(2)], [88..512, 0..176]);
        assert_eq!(part.positions(2), (Position(1124), Position(1600)));
        assert_eq!(part.frames_among((Position(650), Position(1124))), 1..2);
        assert!(part.frames_among((Position(1300), Position(1400))).is_empty());
    }

    #[test]
    fn a_block_that_lacks_some_of_them_is_not_theirs() {
        let (small, large) = (Blocks::new(1).of(600), Blocks::new(1).of(1500));

        let bases = [0, 300, 900, 901].map(Position);
        let held =
            bases.map(|base| Part::of(&slot(900, &small), base, large.outline().clone()).is_some());

        assert_eq!(held, [true, true, true, false]);
        assert!(Part::of(&slot(900, &large), Position(900), small.outline().clone()).is_none());
    }
}
