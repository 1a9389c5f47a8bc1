//! When does the operator mean? Times as people and programs write them.
//!
//! A text without a zone is in the zone it is read for. Where clocks are put
//! forward, a time that was skipped means the instant as far after the jump; where
//! they are put back, a time that happens twice means the first of the two, so
//! that `--since` never shows too little.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use tidings::Timestamp;

/// How far back a list goes when nobody says.
const LIST_SPAN: Duration = Duration::from_hours(24);

/// Where a list begins when nobody says: a day before its end, which is now
/// unless it ends earlier.
pub fn list_since(until: Option<Timestamp>, now: Timestamp) -> Timestamp {
    until.map_or(now, |until| until.min(now)).before(LIST_SPAN)
}

/// A text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a time {given:?}: use RFC 3339, `2026-11-21 18:00`, `18:00`, `today`, `yesterday`, `now`, `10m`, `2d3h`, `10m ago` or unix seconds"
)]
pub struct BadTime {
    /// What was given, cut to 40 characters.
    pub given: String,
}

/// A text that is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a span of time {given:?}: use numbers with ms, s, m, h, d or w, such as `24h`, `2d3h`"
)]
pub struct BadSpan {
    /// What was given, cut to 40 characters.
    pub given: String,
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Reads a time. Texts without a zone are in `zone`: the local one on a command
/// line, UTC over HTTP. Durations (`10m`, `-10m`, `10m ago`, `2d3h`) are before
/// `now`; unix times are seconds to nanoseconds, told apart by their size, and
/// need nine digits, so that a number without its unit is an error (`0` is 1970).
///
/// # Errors
///
/// The text is not a time, or one outside the years 1678 to 2261.
pub fn parse_time(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, BadTime> {
    let text = text.trim();
    named(text, now, zone)
        .or_else(|| text.parse().ok())
        .or_else(|| unix(text))
        .or_else(|| ago(text).map(|span| now.before(span)))
        .or_else(|| civil(text, now, zone))
        .ok_or_else(|| BadTime { given: cut(text) })
}

/// `now`, `today`, `yesterday`, `tomorrow`.
fn named(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let days = match text {
        "now" => return Some(now),
        "yesterday" => -1,
        "today" => 0,
        "tomorrow" => 1,
        _ => return None,
    };
    let date = date_of(now, zone)?.checked_add(days.days()).ok()?;
    at(date.at(0, 0, 0, 0), zone)
}

/// Digits alone: 9 to 11 of them are seconds, then three more for each finer unit.
/// Seconds may have decimals.
fn unix(text: &str) -> Option<Timestamp> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(decimals) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    if !decimals.is_empty() || text.ends_with('.') {
        let nanos: i64 = format!("{decimals:0<9}").parse().ok()?;
        let seconds = (9..=11).contains(&whole.len()) && (1..=9).contains(&decimals.len());
        return seconds
            .then(|| number.checked_mul(1_000_000_000)?.checked_add(nanos))
            .flatten()
            .map(Timestamp::from_nanos);
    }
    let unit_nanos = match whole.len() {
        1 if number == 0 => 1,
        9..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        18..=19 => 1,
        _ => return None,
    };
    number.checked_mul(unit_nanos).map(Timestamp::from_nanos)
}

/// `10m`, `-10m`, `10m ago`.
fn ago(text: &str) -> Option<Duration> {
    let span = text.strip_prefix('-').or_else(|| text.strip_suffix("ago")).unwrap_or(text);
    parse_span(span).ok()
}

/// A date, a time of day, or both, on the wall clock of `zone`.
fn civil(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(time) = time_of_day(text) {
        return at(date_of(now, zone)?.to_datetime(time), zone);
    }
    let (date, time) = match text.split_once([' ', 'T', 't']) {
        Some((date, time)) => (date, time_of_day(time.trim_start())?),
        None => (text, Time::midnight()),
    };
    at(calendar_date(date)?.to_datetime(time), zone)
}

/// `2026-11-21`, and nothing looser.
fn calendar_date(text: &str) -> Option<Date> {
    let shaped = text.len() == 10 && text.as_bytes()[4] == b'-';
    shaped.then(|| Date::strptime("%Y-%m-%d", text).ok()).flatten()
}

/// `18:00`, `18:00:05`, `18:00:05.25`.
fn time_of_day(text: &str) -> Option<Time> {
    let formats = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f"];
    formats.iter().find_map(|format| Time::strptime(format, text).ok())
}

fn date_of(now: Timestamp, zone: &TimeZone) -> Option<Date> {
    Some(zoned(now, zone)?.date())
}

/// This instant on the wall clock of `zone`; `None` never happens for the years
/// that a [`Timestamp`] holds.
pub(crate) fn zoned(at: Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    let instant = jiff::Timestamp::from_nanosecond(at.as_nanos().into()).ok()?;
    Some(instant.to_zoned(zone.clone()))
}

fn at(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let instant = zone.to_ambiguous_timestamp(wall).compatible().ok()?;
    i64::try_from(instant.as_nanosecond()).ok().map(Timestamp::from_nanos)
}

const UNITS: [(&str, u64); 23] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("sec", 1_000_000_000),
    ("second", 1_000_000_000),
    ("seconds", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("mins", 60_000_000_000),
    ("minute", 60_000_000_000),
    ("minutes", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("hr", 3_600_000_000_000),
    ("hrs", 3_600_000_000_000),
    ("hour", 3_600_000_000_000),
    ("hours", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("day", 86_400_000_000_000),
    ("days", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
    ("week", 604_800_000_000_000),
    ("weeks", 604_800_000_000_000),
];

/// Reads a span such as `24h`, `2d3h`, `500ms`, `1h 30m`, `10 minutes`. A day is
/// 24 hours.
///
/// # Errors
///
/// The text is not a span, or it is longer than 584 years.
pub fn parse_span(text: &str) -> Result<Duration, BadSpan> {
    let bad = || BadSpan { given: cut(text) };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        let tail = rest[digits..].trim_start();
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (_, unit_nanos) =
            UNITS.iter().find(|unit| unit.0 == &tail[..letters]).ok_or_else(bad)?;
        let part = number.checked_mul(*unit_nanos).ok_or_else(bad)?;
        nanos = nanos.checked_add(part).ok_or_else(bad)?;
        rest = tail[letters..].trim_start();
    }
    Ok(Duration::from_nanos(nanos))
}

/// A span in its two largest units: `23h58m`, `2d3h`, `45s`, `500ms`. Days begin
/// at two: `24h` stays `24h`.
pub fn format_span(span: Duration) -> String {
    const SIZES: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let seconds = span.as_secs();
    let fits = |size: u64| seconds >= if size == 86_400 { 2 * size } else { size };
    let Some(first) = SIZES.iter().position(|(size, _)| fits(*size)) else {
        return format!("{}ms", span.subsec_millis());
    };
    let (size, unit) = SIZES[first];
    let rest = SIZES.get(first + 1).map(|(next, unit)| (seconds % size / next, unit));
    match rest {
        Some((count, next)) if count > 0 => format!("{}{unit}{count}{next}", seconds / size),
        _ => format!("{}{unit}", seconds / size),
    }
}

/// The difference of two instants, later minus earlier, with its sign.
pub(crate) fn signed_between(earlier: Timestamp, later: Timestamp) -> SignedDuration {
    let nanos = i128::from(later.as_nanos()) - i128::from(earlier.as_nanos());
    SignedDuration::from_nanos_i128(nanos)
}

#[cfg(test)]
mod tests;
