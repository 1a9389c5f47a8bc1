//! What time is it?
//!
//! The only reader of time. Everything that needs the time takes a [`Clock`], so
//! that a test can move it by hand.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sync::Arc;

mod steady;

#[cfg(test)]
pub(crate) use steady::CLOCK_STEADY_MIN;
pub(crate) use steady::Steady;

/// An instant in nanoseconds since 1970-01-01T00:00:00Z, from the year 1677 to
/// 2262.
///
/// Prints as RFC 3339 in UTC with as many digits as it needs; parses RFC 3339
/// with any offset.
///
/// ```
/// let t: tidings::Timestamp = "2026-11-22T11:45:57.5+01:00".parse()?;
/// assert_eq!(t.to_string(), "2026-11-22T10:45:57.5Z");
/// # Ok::<(), tidings::BadTimestamp>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant there is.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest instant there is.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Timestamp {
        Timestamp(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// This instant moved later, stopping at the end of the range.
    #[must_use]
    pub fn after(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(nanos_of(span)))
    }

    /// This instant moved earlier, stopping at the start of the range.
    #[must_use]
    pub fn before(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(nanos_of(span)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }
}

fn nanos_of(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(self.0.into()) {
            Ok(at) => fmt::Display::fmt(&at, f),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an RFC 3339 timestamp, or one outside 1677..2262.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a timestamp {given:?}: use RFC 3339 between the years 1678 and 2261, such as 2026-11-22T10:45:57.5Z"
)]
pub struct BadTimestamp {
    /// What was given, cut to 40 characters.
    pub given: String,
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Timestamp, BadTimestamp> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .and_then(|at| i64::try_from(at.as_nanosecond()).ok())
            .map(Timestamp)
            .ok_or_else(|| BadTimestamp { given: text.chars().take(40).collect() })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the time comes from: the system, or a test's hand.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<Hands>>);

/// The two hands of a clock that a test moves.
struct Hands {
    wall_nanos: AtomicI64,
    monotonic_nanos: AtomicU64,
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Clock {
        Clock(None)
    }

    /// A clock that stands still until [`Clock::advance`] or
    /// [`Clock::set_wall`] moves it. For tests.
    pub fn by_hand(start: Timestamp) -> Clock {
        Clock(Some(Arc::new(Hands {
            wall_nanos: AtomicI64::new(start.as_nanos()),
            monotonic_nanos: AtomicU64::new(0),
        })))
    }

    /// The time of day. May jump in either direction, as real clocks do.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(hands) => Timestamp(hands.wall_nanos.load(Ordering::SeqCst)),
            None => Timestamp(system_nanos()),
        }
    }

    /// Time that only goes forward, counted from some fixed start of this
    /// process. For deadlines and rates.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Some(hands) => Duration::from_nanos(hands.monotonic_nanos.load(Ordering::SeqCst)),
            None => monotonic_start().elapsed(),
        }
    }

    /// Moves both hands of a clock made by [`Clock::by_hand`]. The system's
    /// clock cannot be moved: then nothing happens.
    pub fn advance(&self, span: Duration) {
        if let Some(hands) = &self.0 {
            hands.wall_nanos.fetch_add(nanos_of(span), Ordering::SeqCst);
            let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
            hands.monotonic_nanos.fetch_add(nanos, Ordering::SeqCst);
        }
    }

    /// Sets the time of day alone, as an operator or NTP would, on a clock made
    /// by [`Clock::by_hand`].
    pub fn set_wall(&self, at: Timestamp) {
        if let Some(hands) = &self.0 {
            hands.wall_nanos.store(at.as_nanos(), Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = if self.0.is_some() { "by hand" } else { "system" };
        write!(f, "Clock({source}, {})", self.now())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one reader of the time of day")]
fn system_nanos() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => nanos_of(since),
        Err(before) => -nanos_of(before.duration()),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one reader of the monotonic clock")]
fn monotonic_start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_survive_text() {
        let text = "2026-11-22T10:44:55.956793643Z";

        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
    }

    #[test]
    fn years_that_nanoseconds_cannot_hold_are_refused() {
        for text in ["9999-12-31T23:59:59Z", "1600-01-01T00:00:00Z", "10000-01-01T00:00:00Z", ""] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_hand_moved_clock_moves_only_by_hand() {
        let clock = Clock::by_hand(Timestamp::from_nanos(5));

        clock.advance(Duration::from_nanos(7));
        clock.set_wall(Timestamp::from_nanos(1));

        assert_eq!(clock.now(), Timestamp::from_nanos(1));
        assert_eq!(clock.monotonic(), Duration::from_nanos(7));
    }

    #[test]
    fn the_ends_of_time_print_and_do_not_overflow() {
        assert_eq!(Timestamp::MAX.after(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.before(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::MAX.since(Timestamp::MIN), Duration::from_nanos(u64::MAX));
        assert!(Timestamp::MIN.to_string().starts_with("1677"));
    }
}
