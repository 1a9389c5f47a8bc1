//! Do the books balance?
//!
//! offered = stored + refused by reason + lost by reason + pending, in every
//! snapshot: whoever keeps a [`Tally`] changes it under one lock only. Events
//! that tidings itself writes (loss records) take a sequence number and are
//! counted like any other; `own` says how many of the offered they were.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// Why an event was not taken, without the details of [`crate::Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The buffer holds as many events as it may.
    BufferFull,
    /// The buffer holds as many bytes as it may.
    BytesFull,
    /// Paused, and pausing means discarding; or the spool takes no more.
    Paused,
    /// Closed for good.
    Closed,
    /// The event is larger than [`crate::EVENT_BYTES_MAX`].
    TooLarge,
    /// A field breaks a rule.
    Invalid,
    /// Another event was there under the same key.
    KeyConflict,
}

/// Why an event that had been taken was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossReason {
    /// It waited in the buffer when a pause began that discards.
    Paused,
    /// It grew older than the retention while the store kept failing.
    TooOld,
    /// The store refuses this block for good.
    Rejected,
    /// It may be stored: the store never said, and there was no time to settle it.
    Unknown,
    /// The deadline of `close` passed first.
    Closed,
    /// The write failed, and whoever waited for it was told so.
    StoreFailed,
    /// The store was away, and the spool was full, failed, or was damaged since.
    SpoolFailed,
}

impl Refusal {
    /// All of them, in the order of the books.
    pub const ALL: [Refusal; 7] = [
        Refusal::BufferFull,
        Refusal::BytesFull,
        Refusal::Paused,
        Refusal::Closed,
        Refusal::TooLarge,
        Refusal::Invalid,
        Refusal::KeyConflict,
    ];

    /// The name in metrics, JSON and loss records: `buffer_full`.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::BufferFull => "buffer_full",
            Refusal::BytesFull => "bytes_full",
            Refusal::Paused => "paused",
            Refusal::Closed => "closed",
            Refusal::TooLarge => "too_large",
            Refusal::Invalid => "invalid",
            Refusal::KeyConflict => "key_conflict",
        }
    }

    /// Whether the event itself is at fault, so that it will never be taken and
    /// its sender was told so: nothing is missing then.
    pub fn is_the_senders(self) -> bool {
        match self {
            Refusal::TooLarge | Refusal::Invalid | Refusal::KeyConflict => true,
            Refusal::BufferFull | Refusal::BytesFull | Refusal::Paused | Refusal::Closed => false,
        }
    }
}

impl LossReason {
    /// All of them, in the order of the books.
    pub const ALL: [LossReason; 7] = [
        LossReason::Paused,
        LossReason::TooOld,
        LossReason::Rejected,
        LossReason::Unknown,
        LossReason::Closed,
        LossReason::StoreFailed,
        LossReason::SpoolFailed,
    ];

    /// The name in metrics, JSON and loss records: `too_old`.
    pub fn name(self) -> &'static str {
        match self {
            LossReason::Paused => "paused",
            LossReason::TooOld => "too_old",
            LossReason::Rejected => "rejected",
            LossReason::Unknown => "unknown",
            LossReason::Closed => "closed",
            LossReason::StoreFailed => "store_failed",
            LossReason::SpoolFailed => "spool_failed",
        }
    }
}

/// The books of a queue or of a log, at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Every event ever offered, taken or not; the last sequence number.
    pub offered: u64,
    /// In the store, for all we were told.
    pub stored: u64,
    /// Taken, and neither stored nor lost yet.
    pub pending: u64,
    /// Of the pending, how many are in the spool: on this machine's disk, durably,
    /// and not in the store yet.
    pub spooled: u64,
    /// Of the offered, how many tidings itself wrote.
    pub own: u64,
    refused: [u64; Refusal::ALL.len()],
    lost: [u64; LossReason::ALL.len()],
}

impl Tally {
    /// How many were refused for this reason.
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize]
    }

    /// How many were refused in all.
    pub fn refused_total(&self) -> u64 {
        self.refused.iter().sum()
    }

    /// How many were lost for this reason.
    pub fn lost(&self, reason: LossReason) -> u64 {
        self.lost[reason as usize]
    }

    /// How many were lost in all.
    pub fn lost_total(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// Offered and not stored: refused and lost.
    pub fn missing(&self) -> u64 {
        self.refused_total() + self.lost_total()
    }

    /// Whether every offered event is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.offered == self.stored + self.missing() + self.pending && self.spooled <= self.pending
    }

    pub(crate) fn count_refused(&mut self, reason: Refusal, events: u64) {
        self.offered += events;
        self.refused[reason as usize] += events;
    }

    pub(crate) fn count_taken(&mut self, events: u64) {
        self.offered += events;
        self.pending += events;
    }

    /// Taken from tidings itself.
    pub(crate) fn count_own(&mut self) {
        self.count_taken(1);
        self.own += 1;
    }

    pub(crate) fn count_stored(&mut self, events: u64) {
        self.pending -= events;
        self.stored += events;
    }

    pub(crate) fn count_lost(&mut self, reason: LossReason, events: u64) {
        self.pending -= events;
        self.lost[reason as usize] += events;
    }
}

impl Tally {
    /// Pending events have reached the spool.
    pub(crate) fn count_spooled(&mut self, events: u64) {
        self.spooled += events;
    }

    /// Events have left the spool; where they went is counted next.
    pub(crate) fn count_unspooled(&mut self, events: u64) {
        self.spooled -= events;
    }
}

/// Reasons that happened, by name.
pub(crate) struct ByReason<'a, R>(
    pub(crate) &'a [R],
    pub(crate) &'a [u64],
    pub(crate) fn(R) -> &'static str,
);

impl<R: Copy> Serialize for ByReason<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counted = self.0.iter().zip(self.1).filter(|(_, count)| **count > 0);
        serializer.collect_map(counted.map(|(reason, count)| ((self.2)(*reason), count)))
    }
}

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("offered", &self.offered)?;
        map.serialize_entry("stored", &self.stored)?;
        let refused = ByReason(&Refusal::ALL, &self.refused, Refusal::name);
        map.serialize_entry("refused", &refused)?;
        let lost = ByReason(&LossReason::ALL, &self.lost, LossReason::name);
        map.serialize_entry("lost", &lost)?;
        map.serialize_entry("pending", &self.pending)?;
        // Logs, and queues without a spool, never have any.
        if self.spooled > 0 {
            map.serialize_entry("spooled", &self.spooled)?;
        }
        map.serialize_entry("own", &self.own)?;
        map.end()
    }
}

impl fmt::Display for Tally {
    /// `offered 5 = stored 3 + refused 1 (buffer_full 1) + lost 0 + pending 1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offered {} = stored {}", self.offered, self.stored)?;
        let refused = Refusal::ALL.map(|r| (r.name(), self.refused(r)));
        write_reasons(f, "refused", self.refused_total(), &refused)?;
        let lost = LossReason::ALL.map(|r| (r.name(), self.lost(r)));
        write_reasons(f, "lost", self.lost_total(), &lost)?;
        write!(f, " + pending {}", self.pending)?;
        if self.spooled > 0 { write!(f, " (spooled {})", self.spooled) } else { Ok(()) }
    }
}

/// A total, and in brackets what it is made of.
pub(crate) fn write_reasons(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    total: u64,
    reasons: &[(&str, u64)],
) -> fmt::Result {
    write!(f, " + {word} {total}")?;
    let counted: Vec<String> =
        reasons.iter().filter(|r| r.1 > 0).map(|r| format!("{} {}", r.0, r.1)).collect();
    if counted.is_empty() { Ok(()) } else { write!(f, " ({})", counted.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_keeps_the_books_balanced() {
        let mut tally = Tally::default();

        tally.count_taken(5);
        tally.count_refused(Refusal::BufferFull, 2);
        tally.count_stored(3);
        tally.count_lost(LossReason::Unknown, 1);

        assert!(tally.is_balanced());
        assert_eq!(tally.missing(), 3);
        assert_eq!(
            tally.to_string(),
            "offered 7 = stored 3 + refused 2 (buffer_full 2) + lost 1 (unknown 1) + pending 1"
        );
    }

    #[test]
    fn what_is_spooled_is_pending_and_told_apart() {
        let mut tally = Tally::default();
        tally.count_taken(3);
        tally.count_spooled(2);
        assert!(tally.is_balanced());
        assert!(tally.to_string().ends_with(" + pending 3 (spooled 2)"), "{tally}");
        assert!(serde_json::to_string(&tally).unwrap().contains(r#""pending":3,"spooled":2"#));

        tally.count_unspooled(2);
        tally.count_stored(2);

        assert_eq!((tally.pending, tally.spooled, tally.is_balanced()), (1, 0, true));
    }

    #[test]
    fn json_names_only_reasons_that_happened() {
        let mut tally = Tally::default();
        tally.count_refused(Refusal::Paused, 1);

        assert_eq!(
            serde_json::to_string(&tally).unwrap(),
            r#"{"offered":1,"stored":0,"refused":{"paused":1},"lost":{},"pending":0,"own":0}"#
        );
    }

    #[test]
    fn every_reason_has_a_row_of_its_own() {
        for (row, reason) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, row);
        }
        for (row, reason) in LossReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, row);
        }
    }
}
