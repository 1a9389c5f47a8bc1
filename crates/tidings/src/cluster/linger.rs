//! When may the next publication begin?
//!
//! At once where little happens; where much does, events gather for a while, so
//! that a member makes few keys.

use std::time::Duration;

/// Publications that one member begins in a second, at most, whatever waits.
pub const PUBLICATIONS_PER_SECOND_MAX: u32 = 40;
/// How far two publications lie apart, at least.
pub(super) const PUBLICATION_SPACING: Duration =
    Duration::from_millis(1000 / PUBLICATIONS_PER_SECOND_MAX as u64);

/// Keeps publications apart. Its times are those of the clock that only goes
/// forward.
#[derive(Debug)]
pub(super) struct Linger {
    linger: Duration,
    /// When the last publication began.
    began: Option<Duration>,
}

impl Linger {
    pub(super) fn new(linger: Duration) -> Linger {
        Linger { linger, began: None }
    }

    /// How long the next publication is to wait from `now` on. `is_full` says
    /// whether as much waits as one can take.
    pub(super) fn rest(&self, now: Duration, is_full: bool) -> Duration {
        let Some(began) = self.began else { return Duration::ZERO };
        let apart = if is_full { Duration::ZERO } else { self.linger };
        (began + apart.max(PUBLICATION_SPACING)).saturating_sub(now)
    }

    /// A publication begins.
    pub(super) fn begin(&mut self, now: Duration) {
        self.began = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many publications begin in an hour in which something always waits.
    fn begun(linger: Duration, is_full: bool) -> u64 {
        let mut linger = Linger::new(linger);
        let (mut now, mut count) = (SECOND, 0);
        while now < 3601 * SECOND {
            let rest = linger.rest(now, is_full);
            if rest.is_zero() {
                linger.begin(now);
                count += 1;
            }
            now += rest.max(Duration::from_millis(1));
        }
        count
    }

    #[test]
    fn what_comes_after_a_quiet_while_goes_at_once() {
        let mut linger = Linger::new(SECOND);
        assert_eq!(linger.rest(Duration::ZERO, false), Duration::ZERO);
        linger.begin(Duration::ZERO);

        assert_eq!(linger.rest(SECOND, false), Duration::ZERO);
        assert_eq!(linger.rest(SECOND / 4, false), SECOND * 3 / 4);
    }

    #[test]
    fn a_member_under_steady_load_makes_at_most_ninety_thousand_keys_a_day() {
        assert_eq!(begun(SECOND, false) * 24, 86_400);
        assert_eq!(begun(10 * SECOND, false), 360);
    }

    #[test]
    fn full_blocks_do_not_wait_but_are_no_more_than_forty_a_second() {
        for (linger, is_full) in [(SECOND, true), (Duration::ZERO, true), (Duration::ZERO, false)] {
            assert_eq!(begun(linger, is_full), 40 * 3600, "{linger:?} {is_full}");
        }
    }
}
