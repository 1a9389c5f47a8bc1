//! How bad is it?
//!
//! One number from 1 to 24, as in the OpenTelemetry log data model ("Severity
//! Fields"): six levels of four steps. Most events sit on the first step of
//! their level; a finer number that came in is kept.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// How bad an event is, from [`Severity::TRACE`] to [`Severity::FATAL`].
///
/// Ordered: `Severity::ERROR > Severity::WARN`. The finer steps of OpenTelemetry
/// (`WARN2`, …) are kept by number and print with the name of their level.
///
/// ```
/// use tidings::Severity;
///
/// let severity: Severity = "warning".parse()?;
/// assert_eq!(severity, Severity::WARN);
/// assert_eq!(severity.name(), "warn");
/// assert_eq!(severity.number(), 13);
/// # Ok::<(), tidings::UnknownSeverity>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Severity(NonZeroU8);

/// The highest severity number; the lowest is 1.
pub const SEVERITY_NUMBER_MAX: u8 = 24;

pub(crate) const NAMES: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

impl Severity {
    /// Number 1.
    pub const TRACE: Severity = Severity::step_one(1);
    /// Number 5.
    pub const DEBUG: Severity = Severity::step_one(5);
    /// Number 9, what an event has when nobody says otherwise.
    pub const INFO: Severity = Severity::step_one(9);
    /// Number 13. From here on an event may use the buffer's reserved slots.
    pub const WARN: Severity = Severity::step_one(13);
    /// Number 17.
    pub const ERROR: Severity = Severity::step_one(17);
    /// Number 21.
    pub const FATAL: Severity = Severity::step_one(21);

    /// Each level, from the least.
    pub(crate) const LEVELS: [Severity; 6] = [
        Severity::TRACE,
        Severity::DEBUG,
        Severity::INFO,
        Severity::WARN,
        Severity::ERROR,
        Severity::FATAL,
    ];

    const fn step_one(number: u8) -> Severity {
        match NonZeroU8::new(number) {
            Some(number) => Severity(number),
            None => unreachable!(),
        }
    }

    /// The severity of an OpenTelemetry number, or `None` outside 1..=24.
    pub fn from_number(number: u64) -> Option<Severity> {
        let number = u8::try_from(number).ok().filter(|n| *n <= SEVERITY_NUMBER_MAX)?;
        NonZeroU8::new(number).map(Severity)
    }

    /// 1..=24.
    pub fn number(self) -> u8 {
        self.0.get()
    }

    /// The level without its finer step: `WARN3` becomes [`Severity::WARN`].
    #[must_use]
    pub fn level(self) -> Severity {
        Severity::step_one((self.number() - 1) / 4 * 4 + 1)
    }

    /// `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
    pub fn name(self) -> &'static str {
        NAMES[self.place()]
    }

    /// Which of the levels it is: 0 for trace to 5 for fatal.
    pub(crate) fn place(self) -> usize {
        usize::from((self.number() - 1) / 4)
    }

    /// Whether the number says more than the name does.
    pub fn is_finer_than_its_name(self) -> bool {
        self != self.level()
    }

    /// What 9volt's types mean: `error` is an error, `warning` a warning, all
    /// else informs.
    pub fn of_type(event_type: &str) -> Severity {
        match event_type {
            "error" => Severity::ERROR,
            "warning" => Severity::WARN,
            _ => Severity::INFO,
        }
    }
}

impl fmt::Debug for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Severity({}, {})", self.name(), self.number())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A severity word or number that nobody defined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown severity {given:?}: use trace, debug, info, warn, error or fatal, or a number from 1 to 24"
)]
pub struct UnknownSeverity {
    /// What was given, cut to 40 characters.
    pub given: String,
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    /// Reads a name in any case, the usual other names of syslog and of log
    /// libraries (`warning`, `err`, `crit`, `notice`, …), or a number 1..=24.
    fn from_str(text: &str) -> Result<Severity, UnknownSeverity> {
        let severity = match text.to_ascii_lowercase().as_str() {
            "trace" => Severity::TRACE,
            "debug" => Severity::DEBUG,
            "info" | "information" | "informational" | "notice" => Severity::INFO,
            "warn" | "warning" => Severity::WARN,
            "error" | "err" => Severity::ERROR,
            "fatal" | "critical" | "crit" | "alert" | "emerg" | "emergency" | "panic" => {
                Severity::FATAL
            }
            other => {
                return other
                    .parse()
                    .ok()
                    .and_then(Severity::from_number)
                    .ok_or_else(|| UnknownSeverity { given: text.chars().take(40).collect() });
            }
        };
        Ok(severity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_the_name_of_its_level() {
        for number in 1..=24_u8 {
            let severity = Severity::from_number(number.into()).unwrap();

            assert_eq!(severity.number(), number);
            assert_eq!(severity.level().name().parse::<Severity>().unwrap(), severity.level());
        }
    }

    #[test]
    fn numbers_outside_the_table_are_nobodys() {
        assert_eq!(Severity::from_number(0), None);
        assert_eq!(Severity::from_number(25), None);
        assert_eq!(Severity::from_number(u64::MAX), None);
    }

    #[test]
    fn unknown_words_say_what_is_known() {
        let error = "loud".parse::<Severity>().unwrap_err();

        assert!(error.to_string().contains("trace, debug, info"), "{error}");
    }

    #[test]
    fn the_types_of_9volt_carry_their_severity() {
        assert_eq!(Severity::of_type("error"), Severity::ERROR);
        assert_eq!(Severity::of_type("warning"), Severity::WARN);
        assert_eq!(Severity::of_type("api"), Severity::INFO);
    }
}
