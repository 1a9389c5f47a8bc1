//! How did it end? What `flush` and `close` answer.

use std::fmt;

use crate::tally::{LossReason, Tally};

/// The books at the end of a [`crate::Queue::flush`] or [`crate::Queue::close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a report may tell of lost events"]
pub struct Report {
    /// The books of the queue, from its start.
    pub tally: Tally,
    /// Whether everything that had been taken before the call is stored, in the
    /// spool, or counted as lost. False: the time was up first.
    pub settled: bool,
}

impl Report {
    /// Events in the store.
    pub fn stored(&self) -> u64 {
        self.tally.stored
    }

    /// Events that had been taken and were lost for this reason.
    pub fn lost(&self, reason: LossReason) -> u64 {
        self.tally.lost(reason)
    }

    /// Events that had been taken and were lost.
    pub fn lost_total(&self) -> u64 {
        self.tally.lost_total()
    }

    /// Events that are neither stored nor lost yet; after `close` only those in
    /// the spool.
    pub fn pending(&self) -> u64 {
        self.tally.pending
    }

    /// Events that wait in the spool, for this queue or for the next one over the
    /// same spool.
    pub fn spooled(&self) -> u64 {
        self.tally.spooled
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.tally, f)
    }
}
