//! What is missing, and has the log been told?
//!
//! A loss record begins one past the last one that is known to be stored. Only one
//! is under way at a time; if it is lost itself, the next one covers its stretch as
//! well.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::loss::{LOSS_RECORD_PERIOD, LossRecord, to_tell};
use crate::tally::Tally;

/// A span in which events went missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Span {
    fn joined(self, later: Span) -> Span {
        Span { from: self.from.or(later.from), to: later.to.or(self.to) }
    }
}

/// A loss record that is not known to be stored yet.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    span: Span,
    missing: u64,
    through: u64,
}

/// What went missing and what of it the log has been told.
#[derive(Debug, Default)]
pub(super) struct Misses {
    span: Span,
    /// Something went missing after `span.to` was last set: `to` is set by the
    /// next one who has read the clock anyway, so that a refusal need not.
    unstamped: bool,
    told_missing: u64,
    told_through: u64,
    under_way: Option<UnderWay>,
    told_at: Option<Duration>,
    resumed: bool,
}

impl Misses {
    /// Something went missing. Reads the clock only for the first one.
    #[inline]
    pub(super) fn note(&mut self, now: impl FnOnce() -> Timestamp) {
        self.unstamped = true;
        if self.span.from.is_none() {
            self.span.from = Some(now());
        }
    }

    /// Nothing went missing between the last [`Misses::note`] and `now`.
    #[inline]
    pub(super) fn stamp(&mut self, now: Timestamp) {
        if self.unstamped {
            self.unstamped = false;
            self.span.to = Some(now);
        }
    }

    /// A pause is over: what went missing meanwhile is told at once.
    pub(super) fn resumed(&mut self, tally: &Tally) {
        self.resumed |= self.is_untold(tally);
    }

    /// Whether something is missing that no record tells, stored or under way.
    pub(super) fn is_untold(&self, tally: &Tally) -> bool {
        to_tell(tally) > self.under_way.map_or(self.told_missing, |u| u.missing)
    }

    /// Whether something is missing that no stored record tells.
    pub(super) fn is_unconfirmed(&self, tally: &Tally) -> bool {
        to_tell(tally) > self.told_missing
    }

    /// How long until the next record is due; `None` if there is nothing to tell
    /// or one is still under way.
    pub(super) fn due_in(&self, tally: &Tally, mono: Duration) -> Option<Duration> {
        if self.under_way.is_some() || !self.is_untold(tally) {
            return None;
        }
        let due = match self.told_at {
            Some(told_at) if !self.resumed => told_at + LOSS_RECORD_PERIOD,
            _ => Duration::ZERO,
        };
        Some(due.saturating_sub(mono))
    }

    /// Makes a record. `tally` has counted it as the last one offered.
    pub(super) fn tell(&mut self, tally: Tally, now: Timestamp, mono: Duration) -> LossRecord {
        self.stamp(now);
        let span = std::mem::take(&mut self.span);
        self.under_way = Some(UnderWay { span, missing: to_tell(&tally), through: tally.offered });
        self.told_at = Some(mono);
        self.resumed = false;
        let since = self.told_through + 1;
        LossRecord { tally, added: now, since, span: span.from.zip(span.to) }
    }

    /// The record under way is stored.
    pub(super) fn told(&mut self) {
        if let Some(told) = self.under_way.take() {
            self.told_missing = told.missing;
            self.told_through = told.through;
        }
    }

    /// What was told from this number on may be lost itself: the next record
    /// speaks for it again.
    pub(super) fn reopen(&mut self, first_seq: u64) {
        self.told_through = self.told_through.min(first_seq.saturating_sub(1));
    }

    /// The record under way is lost.
    pub(super) fn not_told(&mut self) {
        if let Some(lost) = self.under_way.take() {
            self.span = lost.span.joined(self.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::tally::Refusal;

    const AT: fn(i64) -> Timestamp = Timestamp::from_nanos;
    const NOW: Duration = Duration::from_secs(100);

    fn go_missing(tally: &mut Tally, misses: &mut Misses, at: i64) {
        tally.count_refused(Refusal::BufferFull, 1);
        misses.note(|| AT(at));
    }

    fn tell(tally: &mut Tally, misses: &mut Misses, at: i64) -> Event {
        tally.count_taken(1);
        tally.own += 1;
        misses.tell(*tally, AT(at), NOW).event()
    }

    #[track_caller]
    fn assert_fields(event: &Event, json: &str) {
        assert_eq!(serde_json::to_string(event.fields()).unwrap(), json);
    }

    #[test]
    fn records_tile_the_sequence() {
        let (mut tally, mut misses) = (Tally::default(), Misses::default());
        go_missing(&mut tally, &mut misses, 1);
        go_missing(&mut tally, &mut misses, 2);
        let first = tell(&mut tally, &mut misses, 3);
        misses.told();
        tally.count_stored(1);
        go_missing(&mut tally, &mut misses, 4);
        let second = tell(&mut tally, &mut misses, 5);

        assert_eq!(first.fields().get("through"), Some(&3.into()));
        assert_fields(
            &second,
            r#"{"through":5,"since":4,"stored":1,"pending":1,"refused":{"buffer_full":3},"lost":{},"from":"1970-01-01T00:00:00.000000004Z","to":"1970-01-01T00:00:00.000000005Z"}"#,
        );
    }

    #[test]
    fn the_next_record_covers_the_stretch_of_one_that_was_lost() {
        let (mut tally, mut misses) = (Tally::default(), Misses::default());
        go_missing(&mut tally, &mut misses, 1);
        tell(&mut tally, &mut misses, 2);
        go_missing(&mut tally, &mut misses, 3);
        misses.not_told();

        let record = tell(&mut tally, &mut misses, 4);

        assert_eq!(record.fields().get("since"), Some(&1.into()));
        assert_eq!(record.fields().get("from"), Some(&AT(1).to_string().into()));
        assert_eq!(record.fields().get("to"), Some(&AT(4).to_string().into()));
    }

    #[test]
    fn the_first_loss_is_told_at_once_and_later_ones_every_period() {
        let (mut tally, mut misses) = (Tally::default(), Misses::default());
        assert_eq!(misses.due_in(&tally, NOW), None);
        go_missing(&mut tally, &mut misses, 1);
        assert_eq!(misses.due_in(&tally, NOW), Some(Duration::ZERO));
        tell(&mut tally, &mut misses, 1);
        misses.told();

        go_missing(&mut tally, &mut misses, 2);

        assert_eq!(misses.due_in(&tally, NOW), Some(LOSS_RECORD_PERIOD));
        misses.resumed(&tally);
        assert_eq!(misses.due_in(&tally, NOW), Some(Duration::ZERO));
    }

    #[test]
    fn only_one_record_is_under_way() {
        let (mut tally, mut misses) = (Tally::default(), Misses::default());
        go_missing(&mut tally, &mut misses, 1);
        tell(&mut tally, &mut misses, 1);
        go_missing(&mut tally, &mut misses, 2);

        assert_eq!(misses.due_in(&tally, 2 * NOW), None);
        assert!(misses.is_untold(&tally) && misses.is_unconfirmed(&tally));
    }
}
