//! Into which step of time does an instant fall?

use std::iter;
use std::time::Duration;

use super::QueryError;
use crate::clock::Timestamp;

/// Steps of a histogram when nobody says how long one is, at most.
pub const HISTOGRAM_STEPS: usize = 100;
/// Steps of one histogram, at most.
pub const HISTOGRAM_STEPS_MAX: usize = 2000;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// Steps that people read easily, in seconds. Beyond, weeks are doubled.
const USUAL_SECONDS: [u64; 18] = [
    1,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    WEEK,
];

/// Time cut into steps of one length, counted from the epoch.
pub(super) struct Bins {
    step: Duration,
    /// The first of them, as steps from the epoch.
    first: i128,
    pub(super) count: usize,
}

impl Bins {
    /// Steps that take in both instants. Without a length, the shortest usual one
    /// that makes no more than [`HISTOGRAM_STEPS`].
    ///
    /// # Errors
    ///
    /// [`QueryError::TooManySteps`].
    pub(super) fn over(
        (since, last): (Timestamp, Timestamp),
        step: Option<Duration>,
    ) -> Result<Bins, QueryError> {
        let usual = |max: usize| usual().find(|step| steps(since, last, *step) <= max as u128);
        let Some(step) = step.or_else(|| usual(HISTOGRAM_STEPS)) else {
            unreachable!("weeks are doubled until a few take in all of time")
        };
        let count = steps(since, last, step);
        let fitting = usize::try_from(count).ok().filter(|count| *count <= HISTOGRAM_STEPS_MAX);
        match fitting {
            Some(count) => Ok(Bins { step, first: step_of(since, step), count }),
            None => Err(QueryError::TooManySteps {
                step,
                steps: u64::try_from(count).unwrap_or(u64::MAX),
                cure: usual(HISTOGRAM_STEPS_MAX).unwrap_or(Duration::MAX),
            }),
        }
    }

    pub(super) fn step(&self) -> Duration {
        self.step
    }

    /// Where the first step begins and the last one ends, stopping at the ends of
    /// the range of time.
    pub(super) fn edges(&self) -> (Timestamp, Timestamp) {
        let at = |step: i128| {
            let nanos = step.saturating_mul(nanos_of(self.step));
            let within = nanos.clamp(i64::MIN.into(), i64::MAX.into());
            Timestamp::from_nanos(i64::try_from(within).unwrap_or_default())
        };
        (at(self.first), at(self.first.saturating_add(self.count as i128)))
    }

    pub(super) fn bin_of(&self, at: Timestamp) -> Option<usize> {
        let bin = usize::try_from(step_of(at, self.step) - self.first).ok()?;
        (bin < self.count).then_some(bin)
    }

    /// The bin of all instants from the first to the second, if it is one.
    pub(super) fn only(&self, (from, to): (Timestamp, Timestamp)) -> Option<usize> {
        self.bin_of(from).filter(|bin| self.bin_of(to) == Some(*bin))
    }
}

fn usual() -> impl Iterator<Item = Duration> {
    let beyond = iter::successors(Some(2 * WEEK), |seconds| seconds.checked_mul(2));
    USUAL_SECONDS.into_iter().chain(beyond).map(Duration::from_secs)
}

/// How many steps take in both instants; without a length it takes no end.
fn steps(since: Timestamp, last: Timestamp, step: Duration) -> u128 {
    if step.is_zero() {
        return u128::MAX;
    }
    let steps = step_of(last, step) - step_of(since, step) + 1;
    u128::try_from(steps).unwrap_or_default()
}

fn step_of(at: Timestamp, step: Duration) -> i128 {
    match i64::try_from(step.as_nanos()) {
        // Several times faster, and it is asked for each event.
        Ok(nanos) => at.as_nanos().div_euclid(nanos).into(),
        Err(_) => i128::from(at.as_nanos()).div_euclid(nanos_of(step)),
    }
}

fn nanos_of(step: Duration) -> i128 {
    i128::try_from(step.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn steps_are_counted_from_the_epoch_to_both_sides() {
        let bins = Bins::over((at(-1), at(SECOND)), Some(Duration::from_secs(1))).unwrap();

        assert_eq!((bins.count, bins.edges()), (3, (at(-SECOND), at(2 * SECOND))));
        let found = [-SECOND - 1, -SECOND, -1, 0, SECOND, 2 * SECOND].map(|t| bins.bin_of(at(t)));
        assert_eq!(found, [None, Some(0), Some(0), Some(1), Some(2), None]);
        assert_eq!(bins.only((at(0), at(SECOND - 1))), Some(1));
        assert_eq!(bins.only((at(0), at(SECOND))), None);
    }

    #[test]
    fn a_step_that_nobody_asked_for_is_the_shortest_that_fits() {
        let step = |seconds: i64| Bins::over((at(0), at(seconds * SECOND - 1)), None).unwrap();

        assert_eq!((step(100).step().as_secs(), step(100).count), (1, HISTOGRAM_STEPS));
        assert_eq!((step(101).step().as_secs(), step(101).count), (5, 21));
        assert_eq!(step(86_400).step().as_secs(), 900);
        let all = Bins::over((Timestamp::MIN, Timestamp::MAX), None).unwrap();
        assert!(all.count <= HISTOGRAM_STEPS && all.step().as_secs().is_multiple_of(WEEK));
        assert_eq!(all.edges(), (Timestamp::MIN, Timestamp::MAX));
    }
}
