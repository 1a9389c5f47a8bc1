//! May the time of day be believed?

use std::time::Duration;

use super::Timestamp;

/// Time of day and monotonic time must drift apart by more than this to be called
/// a jump.
pub(crate) const CLOCK_JUMP_MIN: Duration = Duration::from_mins(1);
/// How long the clock must have run steadily, since a jump or since it was first
/// read, before anything is purged on its account. Until then what is over age
/// is only hidden.
pub(crate) const CLOCK_STEADY_MIN: Duration = Duration::from_mins(10);

/// Whether the time of day runs as the monotonic clock does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steady {
    wall: Timestamp,
    monotonic: Duration,
}

impl Steady {
    pub(crate) fn since(wall: Timestamp, monotonic: Duration) -> Steady {
        Steady { wall, monotonic }
    }

    /// Looks at both hands; says whether the clock has been steady for long enough.
    pub(crate) fn observe(&mut self, wall: Timestamp, monotonic: Duration) -> bool {
        let passed = monotonic.saturating_sub(self.monotonic);
        let expected = self.wall.after(passed);
        let apart = wall.since(expected).max(expected.since(wall));
        if apart > CLOCK_JUMP_MIN {
            tracing::warn!(%wall, %expected, "clock jumped; nothing is purged until it is steady");
            *self = Steady { wall, monotonic };
            return false;
        }
        passed >= CLOCK_STEADY_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn start() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_clock_is_believed_after_it_was_steady_for_long_enough() {
        let mut steady = Steady::since(start(), Duration::ZERO);

        assert!(!steady.observe(start().after(HOUR / 10), HOUR / 10));
        assert!(steady.observe(start().after(HOUR), HOUR));
    }

    #[test]
    fn a_jump_in_either_direction_starts_the_wait_again() {
        let decade = 10 * 365 * 24 * HOUR;
        for wall in [start().after(25 * HOUR), start().before(25 * HOUR), start().after(decade)] {
            let mut steady = Steady::since(start(), Duration::ZERO);

            assert!(!steady.observe(wall, (24 * HOUR).checked_sub(HOUR).unwrap()), "{wall}");
            assert!(
                !steady.observe(wall.after(CLOCK_STEADY_MIN / 2), 23 * HOUR + CLOCK_STEADY_MIN / 2)
            );
            assert!(steady.observe(wall.after(CLOCK_STEADY_MIN), 23 * HOUR + CLOCK_STEADY_MIN));
        }
    }
}
