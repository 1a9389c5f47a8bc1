//! How often may a put start? One token bucket for all workers.
//!
//! `workers / worker_sleep` puts a second on average, `workers` at once after a
//! rest: what as many workers would do that each sleep after a write.

use std::time::Duration;

/// A token bucket, kept as the time at which it will be full again.
#[derive(Debug)]
pub(super) struct Pace {
    per_token: Duration,
    burst: Duration,
    full_at: Duration,
}

impl Pace {
    /// `tokens` in `span`; a span of zero sets no pace.
    pub(super) fn new(tokens: usize, span: Duration) -> Pace {
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX).max(1);
        Pace { per_token: span / tokens, burst: span, full_at: Duration::ZERO }
    }

    /// No pace at all.
    pub(super) fn none() -> Pace {
        Pace::new(1, Duration::ZERO)
    }

    /// Takes a token at the monotonic time `now`, or says how long until there is
    /// one.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.per_token;
        let wait = full_at.saturating_sub(now + self.burst);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{WORKER_COUNT, WORKER_SLEEP};

    fn taken(pace: &mut Pace, from: Duration, until: Duration, step: Duration) -> usize {
        let times = std::iter::successors(Some(from), |now| Some(*now + step));
        times.take_while(|now| *now < until).filter(|now| pace.take(*now).is_ok()).count()
    }

    #[test]
    fn the_default_pace_is_forty_a_second_after_a_burst_of_twenty() {
        let mut pace = Pace::new(WORKER_COUNT, WORKER_SLEEP);
        let second = Duration::from_secs(1);

        let burst = (0..100).filter(|_| pace.take(second).is_ok()).count();
        let later = taken(&mut pace, second, 11 * second, Duration::from_millis(1));

        assert_eq!(burst, 20);
        assert!((399..=400).contains(&later), "{later}");
    }

    #[test]
    fn a_refusal_says_how_long_to_wait_and_waiting_that_long_is_enough() {
        let mut pace = Pace::new(1, Duration::from_millis(500));
        pace.take(Duration::ZERO).unwrap();

        let wait = pace.take(Duration::from_millis(100)).unwrap_err();

        assert_eq!(wait, Duration::from_millis(400));
        assert_eq!(pace.take(Duration::from_millis(500)), Ok(()));
    }

    #[test]
    fn without_a_pace_every_put_may_start() {
        let mut pace = Pace::none();

        assert!((0..1000).all(|_| pace.take(Duration::ZERO).is_ok()));
    }
}
