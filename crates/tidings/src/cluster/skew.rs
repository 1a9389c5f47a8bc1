//! How wrong is another member's clock? As it says the time on a beat that is heard
//! as it speaks.
//!
//! A watch that catches up hands old words over as if they were new. So a beat
//! counts only if it came as long after the one before as it was said after it.

use std::time::Duration;

use crate::clock::Timestamp;

/// Clocks that are apart by no more are taken for right.
pub const SKEW_MAX: Duration = Duration::from_mins(5);
/// Beats that come closer together prove nothing.
const BEAT_SHORTEST: Duration = Duration::from_secs(2);
/// By how much a beat may be late.
const BEAT_LATE_MAX: Duration = Duration::from_secs(2);

/// How far a clock is ahead of ours, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Skew(i64);

impl Skew {
    fn of(theirs: Timestamp, ours: Timestamp) -> Skew {
        Skew(theirs.as_nanos().saturating_sub(ours.as_nanos()))
    }

    pub(super) fn seconds(self) -> f64 {
        let nanos = Duration::from_nanos(self.0.unsigned_abs()).as_secs_f64();
        if self.0 < 0 { -nanos } else { nanos }
    }

    /// Whether the clock is so wrong that what it says is corrected.
    pub(super) fn is_wrong(self) -> bool {
        Duration::from_nanos(self.0.unsigned_abs()) > SKEW_MAX
    }

    /// What our clock said when that one said this.
    pub(super) fn corrected(self, theirs: Timestamp) -> Timestamp {
        Timestamp::from_nanos(theirs.as_nanos().saturating_sub(self.0))
    }

    /// As [`Skew::corrected`] for a clock that is wrong; any other is believed.
    pub(super) fn corrected_if_wrong(self, theirs: Timestamp) -> Timestamp {
        if self.is_wrong() { self.corrected(theirs) } else { theirs }
    }
}

/// Learns the skew of one member from what it says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SkewSeen {
    /// The last beat: by its clock, and when it came.
    last: Option<(Timestamp, Duration)>,
    skew: Option<Skew>,
}

impl SkewSeen {
    pub(super) fn skew(&self) -> Option<Skew> {
        self.skew
    }

    /// A beat came from a watch that is not listing. `now` is our time of day and the
    /// time that only goes forward.
    pub(super) fn heard(&mut self, said_at: Timestamp, now: (Timestamp, Duration)) {
        let (ours, came_at) = now;
        let before = self.last.replace((said_at, came_at));
        let Some((said_before, came_before)) = before else { return };
        let apart = came_at.saturating_sub(came_before);
        let said_apart = said_at.since(said_before);
        let late = apart.max(said_apart).saturating_sub(apart.min(said_apart));
        if apart >= BEAT_SHORTEST && late <= BEAT_LATE_MAX {
            self.skew = Some(Skew::of(said_at, ours));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::tests::others::START;

    const BEAT: Duration = Duration::from_secs(5);
    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn beats_heard_as_they_are_said_tell_the_skew_in_either_direction() {
        for said in [START.after(DAY), START.before(DAY)] {
            let mut seen = SkewSeen::default();
            seen.heard(said, (START, BEAT));
            assert_eq!(seen.skew(), None, "one beat proves nothing");

            seen.heard(said.after(BEAT), (START.after(BEAT), 2 * BEAT));

            let skew = seen.skew().unwrap();
            assert!(skew.is_wrong());
            assert_eq!(skew.corrected(said), START);
            assert_eq!(skew.corrected_if_wrong(said.after(DAY)), START.after(DAY));
        }
    }

    #[test]
    fn old_words_that_come_in_a_burst_say_nothing_of_the_clock() {
        let mut seen = SkewSeen::default();
        for beat in 0..100 {
            let said = START.before(DAY).after(beat * BEAT);
            seen.heard(said, (START, BEAT + beat * Duration::from_millis(1)));
        }
        assert_eq!(seen.skew(), None);
        seen.heard(START, (START, 2 * BEAT));
        assert_eq!(seen.skew(), None, "it was said long after the one before");
        seen.heard(START.after(BEAT), (START.after(BEAT), 3 * BEAT));

        assert_eq!(seen.skew(), Some(Skew::default()));
    }

    #[test]
    fn a_clock_that_is_minutes_off_is_taken_for_right() {
        let skew = Skew::of(START.after(SKEW_MAX), START);
        assert_eq!(skew.corrected_if_wrong(START), START);
        assert_eq!(skew.seconds().to_string(), "300");
    }

    #[test]
    fn clocks_at_the_ends_of_time_are_corrected_without_overflow() {
        let skew = Skew::of(Timestamp::MIN, Timestamp::MAX);
        assert_eq!(skew.corrected(Timestamp::MAX), Timestamp::MAX);
        assert!(skew.seconds() < -1e9);
    }
}
