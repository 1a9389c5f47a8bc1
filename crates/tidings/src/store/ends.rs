//! Where does a store begin and end, and what is missing in it?

use std::ops::Range;

use crate::id::Position;

/// A range of positions that a store should have and has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From the first missing position to the one after the last.
    pub range: Range<Position>,
    /// Why.
    pub reason: GapReason,
}

/// Why positions are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The tail mark says that they were there: the store file lost its end.
    MissingTail,
    /// Damage was found in the block, or the block has vanished.
    Damaged,
    /// The tail mark itself cannot be read, so nobody knows whether the end of
    /// the store file is the end of the log. The range is empty and stands there.
    TailUnknown,
}

/// The ends of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The oldest position that is kept; equals `next` in an empty store.
    pub first: Position,
    /// The position that the next event gets.
    pub next: Position,
    /// Events kept.
    pub events: u64,
    /// Blocks kept.
    pub blocks: u64,
    /// Bytes on disk, all files together: what was written last is there twice
    /// until it is checkpointed, and a little free space is kept for what comes.
    pub bytes: u64,
}

/// What [`BlockStore::expire`](super::BlockStore::expire) let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Events of all blocks that went.
    pub events: u64,
    /// Of these, events of blocks that still waited to be published.
    pub waiting: u64,
}

impl std::ops::AddAssign for Expired {
    fn add_assign(&mut self, other: Expired) {
        self.events += other.events;
        self.waiting += other.waiting;
    }
}
