//! Do the second books balance? What a log owes to the other machines.
//!
//! queued = published + unshared by reason + waiting, in every snapshot. They count
//! from when the log was opened; what waited then counts as queued.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::tally::{ByReason, write_reasons};

/// Why an event that is in the log here will not be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unshared {
    /// It waited for as long as events are kept, and went.
    TooOld,
    /// The size limit of the log forced it out while it waited.
    BySize,
    /// The commons would have overflowed, and it was among the least important.
    Shed,
    /// Something else was there under its name, or later events of its start were
    /// published already: nobody takes it any more.
    Conflict,
    /// It can no longer be read.
    Damaged,
    /// The commons refuse it for good.
    Rejected,
}

impl Unshared {
    /// All of them, in the order of the books.
    pub const ALL: [Unshared; 6] = [
        Unshared::TooOld,
        Unshared::BySize,
        Unshared::Shed,
        Unshared::Conflict,
        Unshared::Damaged,
        Unshared::Rejected,
    ];

    /// The name in metrics, JSON and records: `too_old`.
    pub fn name(self) -> &'static str {
        match self {
            Unshared::TooOld => "too_old",
            Unshared::BySize => "by_size",
            Unshared::Shed => "shed",
            Unshared::Conflict => "conflict",
            Unshared::Damaged => "damaged",
            Unshared::Rejected => "rejected",
        }
    }
}

/// The second books of a log, at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Every event that was to be published since the log was opened.
    pub queued: u64,
    /// Where the others can get it.
    pub published: u64,
    /// Neither published nor given up yet; on this machine's disk, durably.
    pub waiting: u64,
    unshared: [u64; Unshared::ALL.len()],
}

impl Sharing {
    /// How many were given up for this reason.
    pub fn unshared(&self, reason: Unshared) -> u64 {
        self.unshared[reason as usize]
    }

    /// How many were given up in all.
    pub fn unshared_total(&self) -> u64 {
        self.unshared.iter().sum()
    }

    /// Whether every queued event is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.queued == self.published + self.unshared_total() + self.waiting
    }

    pub(crate) fn count_queued(&mut self, events: u64) {
        self.queued += events;
        self.waiting += events;
    }

    pub(crate) fn count_published(&mut self, events: u64) {
        self.waiting -= events;
        self.published += events;
    }

    pub(crate) fn count_unshared(&mut self, reason: Unshared, events: u64) {
        self.waiting -= events;
        self.unshared[reason as usize] += events;
    }
}

impl Serialize for Sharing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("queued", &self.queued)?;
        map.serialize_entry("published", &self.published)?;
        let unshared = ByReason(&Unshared::ALL, &self.unshared, Unshared::name);
        map.serialize_entry("unshared", &unshared)?;
        map.serialize_entry("waiting", &self.waiting)?;
        map.end()
    }
}

impl fmt::Display for Sharing {
    /// `queued 5 = published 3 + unshared 1 (shed 1) + waiting 1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "queued {} = published {}", self.queued, self.published)?;
        let unshared = Unshared::ALL.map(|reason| (reason.name(), self.unshared(reason)));
        write_reasons(f, "unshared", self.unshared_total(), &unshared)?;
        write!(f, " + waiting {}", self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_keeps_the_books_balanced() {
        let mut sharing = Sharing::default();

        sharing.count_queued(7);
        sharing.count_published(3);
        sharing.count_unshared(Unshared::Shed, 2);

        assert!(sharing.is_balanced());
        assert_eq!(sharing.to_string(), "queued 7 = published 3 + unshared 2 (shed 2) + waiting 2");
        assert_eq!(
            serde_json::to_string(&sharing).unwrap(),
            r#"{"queued":7,"published":3,"unshared":{"shed":2},"waiting":2}"#
        );
    }

    #[test]
    fn every_reason_has_a_row_of_its_own() {
        for (row, reason) in Unshared::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, row);
        }
    }
}
