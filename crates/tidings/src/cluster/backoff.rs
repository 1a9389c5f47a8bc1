//! How long does one rest that has failed?

use std::time::Duration;

use crate::jitter::Jitter;

/// The rest after a first failure.
pub(super) const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The rest after many.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Rests that double, each a little shorter than that by chance, so that a hundred
/// members do not come back at the same moment.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    jitter: Jitter,
}

impl Backoff {
    /// The seed only keeps members apart.
    pub(super) fn new(seed: u64) -> Backoff {
        Backoff { failures: 0, jitter: Jitter::new(seed) }
    }

    /// How long to rest after one more failure: between half and all of the span
    /// that is due.
    pub(super) fn fail(&mut self) -> Duration {
        let doubled = BACKOFF_MIN.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        self.jitter.shorten(doubled.min(BACKOFF_MAX), 2)
    }

    /// It works again.
    pub(super) fn succeed(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_a_limit_and_begin_anew_after_a_success() {
        for seed in 0..50 {
            let mut backoff = Backoff::new(seed);
            for doubled in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
                let span = Duration::from_millis(doubled);
                let rest = backoff.fail();
                assert!(rest >= span / 2 && rest <= span, "seed {seed}: {rest:?} of {span:?}");
            }
            (0..100).for_each(|_| assert!(backoff.fail() <= BACKOFF_MAX));
            backoff.succeed();
            assert!(backoff.fail() <= BACKOFF_MIN, "seed {seed}");
        }
    }

    #[test]
    fn two_members_do_not_rest_equally_long() {
        let (mut one, mut other) = (Backoff::new(1), Backoff::new(2));

        assert!((0..8).any(|_| one.fail() != other.fail()));
    }
}
