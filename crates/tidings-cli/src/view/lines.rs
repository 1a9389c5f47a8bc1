//! How does an event look as text? One line, or everything about it.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;
use tidings::{Severity, Timestamp};

use super::escape::{escaped, is_hostile};
use super::row::{Collapsed, RowEvent};
use super::summary::{Wall, counted, grouped};
use super::width::{self, padded};
use crate::times::zoned;

/// Columns that members and types are padded to, at most.
const MEMBER_COLUMNS_MAX: usize = 20;
const TAG_COLUMNS_MAX: usize = 32;

/// How the time stands in front of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStyle {
    /// `Nov 22 10:45:57`
    Short,
    /// `2020-11-22 10:45:57`: as short, for an event of another year.
    Dated,
    /// `2026-11-22T10:45:57.077+01:00`
    Iso,
    /// `Sun 2026-11-22 10:45:57.077124 CET`
    Full,
    /// As full, with nanoseconds.
    Exact,
}

/// A time on the wall clock of a zone.
pub fn time(at: Timestamp, style: TimeStyle, zone: &TimeZone) -> String {
    let Some(wall) = zoned(at, zone) else { return at.to_string() };
    let format = match style {
        TimeStyle::Short => "%b %d %H:%M:%S",
        TimeStyle::Dated => "%Y-%m-%d %H:%M:%S",
        TimeStyle::Iso if *zone == TimeZone::UTC => "%Y-%m-%dT%H:%M:%S.%3fZ",
        TimeStyle::Iso => "%Y-%m-%dT%H:%M:%S.%3f%:z",
        TimeStyle::Full => "%a %Y-%m-%d %H:%M:%S.%6f %Z",
        TimeStyle::Exact => "%a %Y-%m-%d %H:%M:%S.%9f %Z",
    };
    wall.strftime(format).to_string()
}

/// The widest member and type so far, so that lines stand in columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns {
    member: usize,
    tag: usize,
}

impl Columns {
    /// Makes room for an event that is about to be printed.
    pub fn widen(&mut self, event: &RowEvent) {
        let member = width::columns(&escaped(&event.memberid));
        let tag = width::columns(&tag(event));
        self.member = self.member.max(member.min(MEMBER_COLUMNS_MAX));
        self.tag = self.tag.max(tag.min(TAG_COLUMNS_MAX));
    }
}

/// `disk.high[warn]`
fn tag(event: &RowEvent) -> String {
    format!("{}[{}]", escaped(&event.event_type), escaped(&event.severity))
}

/// `Nov 22 10:45:57 db1 disk.high[warn] subject: message k=v`
pub fn line(
    event: &RowEvent,
    style: TimeStyle,
    zone: &TimeZone,
    columns: Columns,
    colors: bool,
) -> String {
    let (on, off) = if colors { color(event.level()) } else { ("", "") };
    let style = if style == TimeStyle::Short && is_old(event) { TimeStyle::Dated } else { style };
    let mut line = time(event.timestamp, style, zone);
    let Columns { member: member_columns, tag: tag_columns } = columns;
    // Writing to a string cannot fail.
    let _ = write!(line, " {}", padded(&escaped(&event.memberid), member_columns));
    let _ = write!(line, " {on}{}", padded(&tag(event), tag_columns));
    if let Some(subject) = &event.subject {
        let colon = if event.message.is_empty() { "" } else { ":" };
        let _ = write!(line, " {}{colon}", escaped(subject));
    }
    if !event.message.is_empty() {
        let _ = write!(line, " {}", escaped(&event.message));
    }
    line.truncate(line.trim_end().len());
    line.push_str(off);
    if let Some(group) = event.collapsed.filter(|group| group.count > 1) {
        line.push_str(&times(&group, event.timestamp, zone));
    }
    for (name, value) in &event.fields {
        let _ = write!(line, " {}={}", escaped(name), field_value(value));
    }
    line
}

/// Whether it was half a year old when it came, as events of an import are: without
/// a year it would be read as one of this year.
fn is_old(event: &RowEvent) -> bool {
    const OLD: Duration = Duration::from_hours(183 * 24);
    event.received.is_some_and(|received| received.since(event.timestamp) > OLD)
}

/// ` ×12 (since 18:03, 3 members)`, as seen from the newest of them.
fn times(group: &Collapsed, newest: Timestamp, zone: &TimeZone) -> String {
    let wall = Wall { now: newest.max(group.last), zone: zone.clone() };
    let members = match group.members {
        0 | 1 => String::new(),
        members => format!(", {}", counted(members, "member")),
    };
    format!(" ×{} (since {}{members})", grouped(group.count), wall.clock(group.first))
}

/// Colours from warn on; what is finer than info is dim.
pub(super) fn color(severity: Severity) -> (&'static str, &'static str) {
    const OFF: &str = "\x1b[0m";
    match severity.level() {
        Severity::FATAL => ("\x1b[1;31m", OFF),
        Severity::ERROR => ("\x1b[31m", OFF),
        Severity::WARN => ("\x1b[33m", OFF),
        Severity::INFO => ("", ""),
        _ => ("\x1b[2m", OFF),
    }
}

/// A text as it is if that is plain to read, else in quotes; all else as JSON.
fn field_value(value: &Value) -> String {
    let quoted = |c: char| c.is_whitespace() || c == '"' || is_hostile(c);
    match value {
        Value::String(text) if !text.is_empty() && !text.contains(quoted) => {
            escaped(text).into_owned()
        }
        other => super::escape::escaped_json(&other.to_string()).into_owned(),
    }
}

/// Everything about an event, one name a line.
pub fn record(event: &RowEvent, zone: &TimeZone) -> String {
    let exact = |at: Timestamp| time(at, TimeStyle::Exact, zone);
    let mut record = format!("{}  {}\n", exact(event.timestamp), escaped(&event.id));
    let mut name = |name: &str, value: &str| {
        let _ = writeln!(record, "    {name}={}", escaped(value));
    };
    let number = event.severity_number.map(|number| format!("{} ({number})", event.severity));
    name("type", &event.event_type);
    name("severity", number.as_deref().unwrap_or(&event.severity));
    name("member", &event.memberid);
    let texts = [("subject", &event.subject), ("source", &event.source), ("key", &event.key)];
    texts.iter().filter_map(|(n, text)| Some((n, text.as_ref()?))).for_each(|(n, t)| name(n, t));
    name("message", &event.message);
    for (field, value) in &event.fields {
        name(&format!("field.{}", escaped(field)), &field_value(value));
    }
    let known = [
        ("trace_id", event.trace_id.clone()),
        ("span_id", event.span_id.clone()),
        ("received", event.received.map(exact)),
        ("origin", event.origin.clone()),
        ("boot", event.boot.clone()),
        ("seq", event.seq.map(|seq| seq.to_string())),
        ("position", event.position.map(|position| position.to_string())),
        ("collapsed.count", event.collapsed.map(|group| group.count.to_string())),
        ("collapsed.first", event.collapsed.map(|group| exact(group.first))),
        ("collapsed.last", event.collapsed.map(|group| exact(group.last))),
        ("collapsed.members", event.collapsed.map(|group| group.members.to_string())),
    ];
    known.iter().filter_map(|(n, text)| Some((n, text.as_ref()?))).for_each(|(n, t)| name(n, t));
    record
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
