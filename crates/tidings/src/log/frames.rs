//! Who else reads these events? Frames as followers and short lists share them: opened
//! once, each event made once and written as JSON once, however many ask.
//!
//! Positions never change their meaning, so a frame that was read before its block
//! was merged is as good as one that is read after.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::core::Core;
use super::index::Slot;
use super::part::{Passage, Positions};
use crate::block::{Excerpt, FormatError, Frame, Header};
use crate::event::SharedEvent;
use crate::id::Position;
use crate::store::StoreError;
use crate::sync::{Arc, Mutex};

/// What the frames that followers and lists share are reckoned to take, at most; the newest is
/// kept whatever it takes.
pub(crate) const FRAMES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Such frames that are kept, at most: a block of one event is one.
pub(crate) const FRAMES_KEPT_MAX: usize = 1024;
/// What an event takes besides its texts once it was made.
const EVENT_BYTES: usize = 768;
/// How often a text is there at most: as it was stored, in the event, and in its
/// two forms of JSON.
const TEXT_COPIES: usize = 4;

/// What came of making an event.
type Made = Result<Arc<SharedEvent>, FormatError>;

/// A frame of a block, for many readers.
#[derive(Debug)]
pub(crate) struct SharedFrame {
    excerpt: Excerpt,
    /// Where the block's first event stands.
    base: Position,
    number: usize,
    /// From its first event to the one after its last.
    positions: (Position, Position),
    opened: OnceLock<Result<Frame<'static>, FormatError>>,
    events: Box<[OnceLock<Made>]>,
}

impl SharedFrame {
    fn of(passage: &Passage, number: usize) -> SharedFrame {
        let positions = passage.part.positions(number);
        let events = (positions.0.0..positions.1.0).map(|_| OnceLock::new()).collect();
        let (excerpt, base) = (passage.excerpt.clone(), passage.part.base);
        SharedFrame { excerpt, base, number, positions, opened: OnceLock::new(), events }
    }

    /// From the position of its first event to the one after its last.
    pub(crate) fn positions(&self) -> (Position, Position) {
        self.positions
    }

    /// The position after the last event of its block.
    pub(crate) fn block_end(&self) -> Position {
        self.base.plus(self.header().count.into())
    }

    /// What its block says of itself.
    pub(crate) fn header(&self) -> &Header {
        self.excerpt.outline().header()
    }

    /// The frame, which the first to ask opens.
    pub(crate) fn frame(&self) -> Result<&Frame<'static>, FormatError> {
        let opened = self.opened.get_or_init(|| self.excerpt.frame_to_keep(self.number));
        opened.as_ref().map_err(FormatError::clone)
    }

    /// An event by its index in the frame, which the first to ask makes.
    pub(crate) fn event(&self, i: usize) -> Result<&Arc<SharedEvent>, FormatError> {
        let frame = self.frame()?;
        let make = || frame.event(i, self.base).map(|stored| SharedEvent::kept(stored).into());
        self.events[i].get_or_init(make).as_ref().map_err(FormatError::clone)
    }

    /// What it will take when all of it has been read.
    fn bytes(&self) -> usize {
        let raw = self.excerpt.outline().frame_raw_bytes(self.number);
        // Counted with each of its frames: the bytes stay as long as one of them.
        self.excerpt.kept_bytes() + raw * TEXT_COPIES + self.events.len() * EVENT_BYTES
    }
}

/// The frames that were read last.
#[derive(Debug, Default)]
pub(crate) struct Frames(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By the position of the first event.
    frames: BTreeMap<Position, Used>,
    /// Which were used how long ago.
    by_use: BTreeMap<u64, Position>,
    last_use: u64,
    bytes: usize,
    made: u64,
}

#[derive(Debug)]
struct Used {
    frame: Arc<SharedFrame>,
    /// Key in [`Kept::by_use`].
    at: u64,
}

impl Kept {
    fn using(&mut self, first: Position) -> Option<Arc<SharedFrame>> {
        let used = self.frames.get_mut(&first)?;
        // Thousands use the newest one after the other.
        if used.at != self.last_use {
            self.last_use += 1;
            self.by_use.remove(&used.at);
            self.by_use.insert(self.last_use, first);
            used.at = self.last_use;
        }
        Some(Arc::clone(&used.frame))
    }

    fn insert(&mut self, frame: SharedFrame) -> Arc<SharedFrame> {
        let ((first, end), frame) = (frame.positions, Arc::new(frame));
        // Of the blocks that stood there before a merge.
        let within: Vec<Position> = self.frames.range(first..end).map(|(at, _)| *at).collect();
        for old in within {
            self.forget(old);
        }
        self.last_use += 1;
        self.made += 1;
        self.bytes += frame.bytes();
        self.by_use.insert(self.last_use, first);
        self.frames.insert(first, Used { frame: Arc::clone(&frame), at: self.last_use });
        let is_full =
            |kept: &Kept| kept.bytes > FRAMES_BYTES_MAX || kept.frames.len() > FRAMES_KEPT_MAX;
        while is_full(self) && self.frames.len() > 1 {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.forget(oldest);
        }
        frame
    }

    fn forget(&mut self, first: Position) {
        if let Some(old) = self.frames.remove(&first) {
            self.by_use.remove(&old.at);
            self.bytes -= old.frame.bytes();
        }
    }
}

impl Frames {
    /// The frame with the event at this position, if somebody has read it lately.
    pub(crate) fn at(&self, position: Position) -> Option<Arc<SharedFrame>> {
        let mut kept = self.0.lock();
        let (first, used) = kept.frames.range(..=position).next_back()?;
        let first = *first;
        if used.frame.positions.1 > position { kept.using(first) } else { None }
    }

    /// A frame that was read. Nobody else makes it meanwhile.
    fn of(&self, passage: &Passage, number: usize) -> Arc<SharedFrame> {
        let mut kept = self.0.lock();
        let (first, end) = passage.part.positions(number);
        // One that is shorter is of the block that stood there before a merge.
        let is_whole = |used: &Used| used.frame.positions.1 >= end;
        let known =
            if kept.frames.get(&first).is_some_and(is_whole) { kept.using(first) } else { None };
        known.unwrap_or_else(|| kept.insert(SharedFrame::of(passage, number)))
    }

    /// How many were made since the log was opened.
    #[cfg(test)]
    pub(crate) fn made(&self) -> u64 {
        self.0.lock().made
    }
}

/// One position as a range of them.
fn one(position: Position) -> Positions {
    (position, position.plus(1_u64))
}

impl Core {
    /// The frame with the event at a position of a slot, or `None` when the slot's
    /// events are gone or damaged; damage is noted.
    pub(crate) fn shared_frame(
        &self,
        slot: &Slot,
        position: Position,
    ) -> Result<Option<Arc<SharedFrame>>, StoreError> {
        if let Some(frame) = self.frames.at(position) {
            return Ok(Some(frame));
        }
        let Some(part) = self.part(slot)? else { return Ok(None) };
        let passage = self.passage(slot, &part, one(position))?;
        Ok(passage.and_then(|passage| self.frame_of(&passage)))
    }

    /// The same as far as it can be had without the store.
    pub(crate) fn known_frame(&self, slot: &Slot, position: Position) -> Option<Arc<SharedFrame>> {
        let known = || self.known_passage(&self.known_part(slot)?, one(position));
        self.frames.at(position).or_else(|| self.frame_of(&known()?))
    }

    fn frame_of(&self, passage: &Passage) -> Option<Arc<SharedFrame>> {
        let number = passage.frames().next()?;
        Some(self.frames.of(passage, number))
    }
}
