//! Why does nothing go in right now?
//!
//! A queue or a log is paused while any reason is set. Reasons are a set, so that
//! whoever lifts one never lifts another's: an operator's pause outlives the
//! recovery of a disk.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::clock::Timestamp;

/// One reason to put nothing into a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PauseReason {
    /// A person or the host program said stop.
    Manual,
    /// The store does not answer, or answers with errors.
    StoreDown,
    /// The store has no room left (a quota, not a disk).
    StoreFull,
    /// The disk under the store is full.
    DiskFull,
    /// The store refuses our credentials.
    Auth,
    /// The store asks for fewer writes.
    Throttled,
}

impl PauseReason {
    /// All of them, in the order in which they are told.
    pub const ALL: [PauseReason; 6] = [
        PauseReason::Manual,
        PauseReason::StoreDown,
        PauseReason::StoreFull,
        PauseReason::DiskFull,
        PauseReason::Auth,
        PauseReason::Throttled,
    ];

    /// The name in metrics and JSON: `store_down`.
    pub fn name(self) -> &'static str {
        match self {
            PauseReason::Manual => "manual",
            PauseReason::StoreDown => "store_down",
            PauseReason::StoreFull => "store_full",
            PauseReason::DiskFull => "disk_full",
            PauseReason::Auth => "auth",
            PauseReason::Throttled => "throttled",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for PauseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PauseReason::Manual => "paused by hand",
            PauseReason::StoreDown => "the store is down",
            PauseReason::StoreFull => "the store is full",
            PauseReason::DiskFull => "the disk is full",
            PauseReason::Auth => "the store refuses the credentials",
            PauseReason::Throttled => "the store asks for fewer writes",
        })
    }
}

impl Serialize for PauseReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A set of [`PauseReason`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PauseSet(u8);

impl PauseSet {
    /// No reason at all: running.
    pub const fn new() -> PauseSet {
        PauseSet(0)
    }

    /// Adds a reason; says whether it is new.
    pub fn insert(&mut self, reason: PauseReason) -> bool {
        let new = !self.contains(reason);
        self.0 |= reason.bit();
        new
    }

    /// Takes a reason away; says whether it was there.
    pub fn remove(&mut self, reason: PauseReason) -> bool {
        let there = self.contains(reason);
        self.0 &= !reason.bit();
        there
    }

    /// The reasons of both.
    #[must_use]
    pub const fn union(self, other: PauseSet) -> PauseSet {
        PauseSet(self.0 | other.0)
    }

    /// Whether this reason is set.
    pub fn contains(self, reason: PauseReason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// Whether nothing pauses.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The reasons that are set.
    pub fn iter(self) -> impl Iterator<Item = PauseReason> {
        PauseReason::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }
}

impl FromIterator<PauseReason> for PauseSet {
    fn from_iter<I: IntoIterator<Item = PauseReason>>(reasons: I) -> PauseSet {
        let mut set = PauseSet::new();
        reasons.into_iter().for_each(|reason| {
            set.insert(reason);
        });
        set
    }
}

impl fmt::Display for PauseSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, reason) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            fmt::Display::fmt(&reason, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for PauseSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for PauseSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// What a queue or a log is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// Taking events and storing them.
    Running,
    /// Storing nothing.
    Paused {
        /// Why; never empty.
        reasons: PauseSet,
        /// When the first of them was set.
        since: Timestamp,
    },
    /// Stopped for good.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifting_one_reason_leaves_the_others() {
        let mut set: PauseSet = [PauseReason::Manual, PauseReason::DiskFull].into_iter().collect();

        assert!(set.remove(PauseReason::DiskFull));
        assert!(!set.remove(PauseReason::DiskFull));

        assert!(!set.is_empty());
        assert_eq!(set.to_string(), "paused by hand");
    }

    #[test]
    fn every_reason_has_a_place_of_its_own() {
        let set: PauseSet = PauseReason::ALL.into_iter().collect();

        assert_eq!(set.iter().collect::<Vec<_>>(), PauseReason::ALL);
    }
}
