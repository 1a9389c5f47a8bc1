//! How much was shown, how far back does the log reach, and what is missing?
//!
//! `38 of 1,204 events since Sat 18:00; the log reaches back 23h58m (retention
//! 24h), nothing missing`

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use tidings::Timestamp;

use super::escape::escaped;
use crate::times::{format_span, zoned};

/// Gaps that are told one by one; the rest are counted.
const GAPS_TOLD_MAX: usize = 3;

/// Digits by which people tell logs apart.
const ORIGIN_DIGITS: usize = 8;

/// For so long a day is told by its name.
const NAMED_DAYS: Duration = Duration::from_hours(6 * 24);

/// What the server's log can answer for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Coverage {
    /// When the oldest event kept was received.
    pub oldest: Option<Timestamp>,
    /// When the newest event kept was received.
    pub newest: Option<Timestamp>,
    /// How long events are kept, in seconds.
    pub retention: Option<u64>,
    /// Nothing is known to be missing.
    pub complete: bool,
    /// What is missing, oldest first.
    #[serde(default)]
    pub gaps: Vec<Gap>,
    /// What forced events out before their time.
    pub cut_by: Option<String>,
    /// The other servers that share the log, if there are any.
    #[serde(default)]
    pub seen_through: Vec<SeenThrough>,
}

/// Another server, as coverage names it.
#[derive(Clone, Debug, Deserialize)]
pub struct SeenThrough {
    /// What it calls itself.
    pub member: String,
    /// The id of its log.
    pub origin: String,
}

/// Something that should be in the log and is not.
#[derive(Clone, Debug, Deserialize)]
pub struct Gap {
    /// The log of whoever took the events, if that is known.
    pub origin: Option<String>,
    /// From when, if that is known.
    pub from: Option<Timestamp>,
    /// Until when, if that is known.
    pub to: Option<Timestamp>,
    /// How many, if that is known.
    pub events: Option<u64>,
    /// Why.
    pub reason: String,
}

/// The part of time that was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// From here on; `None` is whatever is kept.
    pub since: Option<Timestamp>,
    /// Up to here.
    pub until: Option<Timestamp>,
}

/// How times are told.
#[derive(Clone, Debug)]
pub struct Wall {
    /// The time of telling.
    pub now: Timestamp,
    /// On whose clock.
    pub zone: TimeZone,
}

impl Coverage {
    /// What is missing in a window. A gap whose times nobody knows is in every
    /// window.
    fn missing_in(&self, window: Window) -> Vec<&Gap> {
        let before = |gap: &Gap| gap.to.zip(window.since).is_some_and(|(to, since)| to < since);
        let after = |gap: &Gap| gap.from.zip(window.until).is_some_and(|(at, until)| at >= until);
        self.gaps.iter().filter(|gap| !before(gap) && !after(gap)).collect()
    }

    /// The server whose events a gap lacks, if it is another one: its name, or what
    /// its log is told from others by.
    fn server(&self, gap: &Gap) -> Option<String> {
        let origin = gap.origin.as_ref()?;
        if let Some(seen) = self.seen_through.iter().find(|seen| seen.origin == *origin) {
            return Some(escaped(&seen.member).into_owned());
        }
        let of_others = matches!(gap.reason.as_str(), "unheard" | "hole" | "unshared");
        of_others.then(|| format!("log {}", short(origin)))
    }

    /// Whether an answer about this window may lack something.
    pub fn is_incomplete_in(&self, window: Window) -> bool {
        !self.missing_in(window).is_empty()
            || self.cut_by.is_some()
            || (!self.complete && self.gaps.is_empty())
    }
}

/// `38 of 1,204 events`
pub fn shown(shown: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{} of {}", grouped(shown), counted(total, "event")),
        None => counted(shown, "event"),
    }
}

/// `38 of 1,204 events since Sat 18:00; the log reaches back 23h58m (retention
/// 24h), nothing missing`
pub fn told(what: &str, coverage: &Coverage, window: Window, wall: &Wall) -> String {
    let mut words = what.to_owned();
    for (word, time) in [("since", window.since), ("until", window.until)] {
        if let Some(time) = time {
            words.extend([" ", word, " ", &wall.clock(time)]);
        }
    }
    words.extend(["; ", &reach(coverage, window, wall)]);
    words
}

/// `the log reaches back 23h58m (retention 24h), nothing missing`
pub fn reach(coverage: &Coverage, window: Window, wall: &Wall) -> String {
    let mut words = match coverage.oldest {
        Some(oldest) => format!("the log reaches back {}", format_span(wall.now.since(oldest))),
        None => "the log is empty".to_owned(),
    };
    if let Some(seconds) = coverage.retention {
        words.extend([" (retention ", &format_span(Duration::from_secs(seconds)), ")"]);
    }
    if let Some(cut_by) = &coverage.cut_by {
        words.extend([", cut by its ", &escaped(cut_by), " limit"]);
    }
    let missing = coverage.missing_in(window);
    match missing.len() {
        0 if coverage.is_incomplete_in(window) && coverage.cut_by.is_none() => {
            words.push_str(", and something is missing");
        }
        0 => words.push_str(", nothing missing"),
        count => {
            let told = missing.iter().take(GAPS_TOLD_MAX);
            let told = told.map(|gap| gap.told(coverage.server(gap), wall));
            let mut told: Vec<String> = told.collect();
            if count > GAPS_TOLD_MAX {
                told.push(format!("and {}", counted((count - GAPS_TOLD_MAX) as u64, "more gap")));
            }
            words.extend(["; missing: ", &told.join("; ")]);
        }
    }
    words
}

impl Gap {
    /// `12 events Sat 18:00 to Sat 18:05 (buffer full)`
    fn told(&self, server: Option<String>, wall: &Wall) -> String {
        let mut count = match (self.events, self.reason.as_str()) {
            (Some(events), _) => counted(events, "event"),
            (None, "unheard" | "watch_stale") => "whatever happened".to_owned(),
            (None, _) => "nobody knows how many events".to_owned(),
        };
        match (server, self.reason.as_str()) {
            (Some(server), _) => count.extend([" on ", &server]),
            (None, "watch_stale") => count.push_str(" on the other servers"),
            (None, "unheard") => count.push_str(" on another server"),
            (None, _) => {}
        }
        let why = match self.reason.as_str() {
            "watch_stale" => "etcd tells nothing new".into(),
            "hole" => "what was published never came".into(),
            "unshared" => "not shared".into(),
            "work_limit" => "not looked at".into(),
            other => escaped(other).replace('_', " "),
        };
        let when = match (self.from, self.to) {
            (Some(from), Some(to)) => format!(" {} to {}", wall.clock(from), wall.clock(to)),
            (Some(from), None) => format!(" after {}", wall.clock(from)),
            (None, Some(to)) => format!(" before {}", wall.clock(to)),
            (None, None) => String::new(),
        };
        format!("{count}{when} ({why})")
    }
}

impl Wall {
    /// `18:00` today, `Sat 18:00` within a week, else `2026-11-14 18:00`.
    pub fn clock(&self, at: Timestamp) -> String {
        self.clock_as("%H:%M", at)
    }

    /// `18:00:05`, in the same way.
    pub fn clock_with_seconds(&self, at: Timestamp) -> String {
        self.clock_as("%H:%M:%S", at)
    }

    fn clock_as(&self, time: &str, at: Timestamp) -> String {
        let (Some(then), Some(now)) = (zoned(at, &self.zone), zoned(self.now, &self.zone)) else {
            return at.to_string();
        };
        let near = self.now.since(at) < NAMED_DAYS && at <= self.now;
        let day = match near {
            _ if then.date() == now.date() => "",
            true => "%a ",
            false => "%Y-%m-%d ",
        };
        then.strftime(&format!("{day}{time}")).to_string()
    }
}

/// `5e1c40aa`: what a log is told from others by.
pub fn short(origin: &str) -> String {
    escaped(origin).chars().take(ORIGIN_DIGITS).collect()
}

/// `1,204 events`, `1 event`
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// `1,204`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1.2 MiB`
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| bytes >= *size) {
        // A tenth, without floating point: 10 times 2^54 bytes fit.
        Some((unit, size)) => {
            let tenths = bytes.saturating_mul(10) / size;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
