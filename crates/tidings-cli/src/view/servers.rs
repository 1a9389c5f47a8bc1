//! Which servers share the log, and how is each? A table.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use tidings::Timestamp;

use super::escape::escaped;
use super::summary::{Wall, grouped, short};
use super::width::{columns, padded};
use crate::times::format_span;

/// Clocks that differ by less are said to agree.
const SKEW_TOLD_MIN: Duration = Duration::from_millis(500);

/// A server that takes part.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// What it calls itself.
    pub member: String,
    /// The id of its log.
    pub origin: String,
    /// `here`, `heard`, `unheard`, `left`.
    pub state: String,
    /// Seconds since it was heard.
    pub silent_for: f64,
    /// All that it received before this is here, or told as missing.
    pub through: Timestamp,
    /// How far its clock is ahead.
    pub skew_seconds: Option<f64>,
    /// Events that wait there to be published.
    pub waiting: u64,
    /// Events that it did not publish, by reason.
    #[serde(default)]
    pub unshared: BTreeMap<String, u64>,
}

impl Server {
    /// For how long it has said nothing.
    pub fn silent(&self) -> Duration {
        Duration::try_from_secs_f64(self.silent_for).unwrap_or_default()
    }

    fn cells(&self, wall: &Wall) -> [String; 8] {
        let here = self.state == "here";
        let silent = match self.silent().as_secs() {
            _ if here => "-".to_owned(),
            0 => "0s".to_owned(),
            seconds => format_span(Duration::from_secs(seconds)),
        };
        [
            escaped(&self.member).into_owned(),
            short(&self.origin),
            escaped(&self.state).into_owned(),
            silent,
            if here { "-".to_owned() } else { wall.clock(self.through) },
            self.clock(),
            grouped(self.waiting),
            grouped(self.unshared.values().sum()),
        ]
    }

    /// `+3s`: its clock is ahead.
    fn clock(&self) -> String {
        let Some(skew) = self.skew_seconds else { return "?".to_owned() };
        let span = Duration::try_from_secs_f64(skew.abs()).unwrap_or(Duration::MAX);
        if span < SKEW_TOLD_MIN {
            return "same".to_owned();
        }
        let sign = if skew > 0.0 { '+' } else { '-' };
        format!("{sign}{}", format_span(span))
    }
}

/// The table, with a first row that says what stands where.
pub fn table(servers: &[&Server], wall: &Wall) -> String {
    let head = ["SERVER", "LOG", "STATE", "SILENT", "THROUGH", "CLOCK", "WAITING", "UNSHARED"]
        .map(str::to_owned);
    let rows: Vec<[String; 8]> =
        std::iter::once(head).chain(servers.iter().map(|server| server.cells(wall))).collect();
    let widths: Vec<usize> =
        (0..8).map(|cell| rows.iter().map(|row| columns(&row[cell])).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| padded(cell, *width)).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn server(member: &str, state: &str, more: &str) -> Server {
        let json = format!(
            r#"{{"member":"{member}","origin":"00ff00ff00ff00ff","boot":"0a","version":"0.1.0",
            "state":"{state}","through":"2026-11-22T09:58:00Z",{more}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn servers_stand_in_a_table() {
        let wall = Wall { now: "2026-11-22T10:00:00Z".parse().unwrap(), zone: TimeZone::UTC };
        let servers = [
            server("db1", "here", r#""silent_for":0.0,"skew_seconds":0.0,"waiting":0"#),
            server("db2", "heard", r#""silent_for":2.1,"skew_seconds":-3.2,"waiting":1204"#),
            server(
                r"db3\u001b",
                "unheard",
                r#""silent_for":95.0,"skew_seconds":null,"waiting":0,"unshared":{"shed":4,"too_old":2}"#,
            ),
        ];

        let servers: Vec<&Server> = servers.iter().collect();

        assert_eq!(
            table(&servers, &wall),
            "\
SERVER   LOG       STATE    SILENT  THROUGH  CLOCK  WAITING  UNSHARED
db1      00ff00ff  here     -       -        same   0        0
db2      00ff00ff  heard    2s      09:58    -3s    1,204    0
db3\\x1b  00ff00ff  unheard  1m35s   09:58    ?      0        6
"
        );
    }
}
