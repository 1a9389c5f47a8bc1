//! How are a hundred members kept from doing the same at the same moment?

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// A spread by chance. No secret: whoever sees some of it knows the rest.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// The seed only keeps members apart.
    #[cfg(any(test, feature = "etcd"))]
    pub(crate) fn new(seed: u64) -> Jitter {
        Jitter(seed)
    }

    /// Of a seed that nobody chose.
    pub(crate) fn random() -> Jitter {
        Jitter(RandomState::new().hash_one(()))
    }

    /// The span, or less by up to this part of it.
    pub(crate) fn shorten(&mut self, span: Duration, part: u32) -> Duration {
        // Numerical Recipes' LCG: any spread will do.
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        let share = u32::try_from(self.0 >> 32).unwrap_or(u32::MAX);
        span.saturating_sub((span / part).mul_f64(f64::from(share) / f64::from(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_shortened_by_no_more_than_its_part_and_not_always_alike() {
        let (span, least) = (Duration::from_secs(4), Duration::from_secs(3));
        let mut jitter = Jitter::new(1);

        let spans: Vec<Duration> = (0..100).map(|_| jitter.shorten(span, 4)).collect();

        assert!(spans.iter().all(|short| (least..=span).contains(short)), "{spans:?}");
        assert!(spans.iter().any(|short| *short < Duration::from_millis(3200)), "{spans:?}");
        assert!(spans.iter().any(|short| *short > Duration::from_millis(3800)), "{spans:?}");
    }

    #[test]
    fn two_that_nobody_chose_differ() {
        let of = || Jitter::random().shorten(Duration::from_secs(1000), 1);

        assert_ne!((of(), of(), of()), (of(), of(), of()));
    }
}
