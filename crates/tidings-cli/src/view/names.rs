//! Who spoke, how often, and when last? A table of members or types.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;
use tidings::Timestamp;

use super::escape::escaped;
use super::summary::{Wall, grouped};
use super::width::{columns, padded};
use crate::times::format_span;

/// A member or a type that occurred.
#[derive(Clone, Debug, Deserialize)]
pub struct NameSeen {
    /// Its name.
    pub name: String,
    /// Its events.
    pub count: u64,
    /// The earliest of them.
    pub first: Timestamp,
    /// The latest of them.
    pub last: Timestamp,
    /// Seconds since the latest, by the server's clock.
    pub silent_for: f64,
}

impl NameSeen {
    /// For how long it has said nothing.
    pub fn silent(&self) -> Duration {
        Duration::try_from_secs_f64(self.silent_for).unwrap_or_default()
    }

    fn cells(&self, wall: &Wall) -> [String; 5] {
        [
            escaped(&self.name).into_owned(),
            grouped(self.count),
            wall.clock(self.first),
            wall.clock(self.last),
            match self.silent().as_secs() {
                0 => "0s".to_owned(),
                seconds => format_span(Duration::from_secs(seconds)),
            },
        ]
    }
}

/// The table, with a first row that says what stands where. Numbers stand to the
/// right of their columns.
pub fn table(title: &str, seen: &[&NameSeen], wall: &Wall) -> String {
    let head = [title, "COUNT", "FIRST", "LAST", "SILENT"].map(str::to_owned);
    let rows: Vec<[String; 5]> =
        std::iter::once(head).chain(seen.iter().map(|name| name.cells(wall))).collect();
    let widest = |cell: usize| rows.iter().map(|row| columns(&row[cell])).max().unwrap_or(0);
    let [name, count, first, last, silent] = [0, 1, 2, 3, 4].map(widest);
    let mut text = String::new();
    for row in &rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  {:>count$}  {:first$}  {:last$}  {:>silent$}",
            padded(&row[0], name),
            row[1],
            row[2],
            row[3],
            row[4]
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn seen(name: &str, count: u64, first: &str, last: &str, silent_for: f64) -> NameSeen {
        let json = serde_json::json!({
            "name": name, "count": count, "first": first, "last": last, "silent_for": silent_for,
        });
        serde_json::from_value(json).unwrap()
    }

    fn wall() -> Wall {
        Wall { now: "2026-11-22T10:00:00Z".parse().unwrap(), zone: TimeZone::UTC }
    }

    #[test]
    fn names_and_numbers_stand_in_columns() {
        let db1 = seen("db1", 1204, "2026-11-21T18:02:00Z", "2026-11-22T09:58:00Z", 120.0);
        let wide = seen("日本", 1, "2026-11-22T01:00:00Z", "2026-11-22T01:00:00Z", 32_400.0);

        assert_eq!(
            table("MEMBER", &[&db1, &wide], &wall()),
            "\
MEMBER  COUNT  FIRST      LAST   SILENT
db1     1,204  Sat 18:02  09:58      2m
日本        1  01:00      01:00      9h
"
        );
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        let hostile =
            seen("\u{1b}[2J\n\u{202e}", 1, "2026-11-22T01:00:00Z", "2026-11-22T01:00:00Z", 0.0);

        let text = table("TYPE", &[&hostile], &wall());

        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(text.contains(r"\x1b[2J\n\u{202e}  "), "{text:?}");
        assert!(text.ends_with("      0s\n"), "{text:?}");
    }

    #[test]
    fn a_silence_that_is_no_span_is_none() {
        let ahead = seen("a", 1, "2026-11-22T11:00:00Z", "2026-11-22T11:00:00Z", -3.0);

        assert_eq!(ahead.silent(), Duration::ZERO);
    }
}
