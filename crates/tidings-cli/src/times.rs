//! When does the operator mean? Times as people and programs write them.

use tidings::Timestamp;

/// A text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a time {given:?}: use RFC 3339, `2026-11-21 18:00`, `18:00`, `today`, `yesterday`, `now`, `10m`, `2d3h`, `10m ago` or unix seconds"
)]
pub struct BadTime {
    /// What was given, cut to 40 characters.
    pub given: String,
}

/// Reads a time. Texts without a zone are in `zone`: the local one on a command
/// line, UTC over HTTP. Durations (`10m`, `-10m`, `10m ago`, `2d3h`) are before
/// `now`; unix times are seconds to nanoseconds, told apart by their size.
///
/// # Errors
///
/// The text is not a time.
pub fn parse_time(
    text: &str,
    now: Timestamp,
    zone: &jiff::tz::TimeZone,
) -> Result<Timestamp, BadTime> {
    let _ = (text, now, zone);
    todo!()
}

/// Reads a span such as `24h`, `2d3h`, `500ms`.
///
/// # Errors
///
/// The text is not a span.
pub fn parse_span(text: &str) -> Result<std::time::Duration, BadTime> {
    let _ = text;
    todo!()
}
