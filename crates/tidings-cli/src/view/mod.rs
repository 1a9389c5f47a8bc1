//! How do answers look? Output for people and programs.

pub mod chart;
pub mod csv;
pub mod escape;
pub mod histogram;
pub mod json;
pub mod lines;
pub mod names;
pub mod out;
pub mod progress;
pub mod row;
pub mod servers;
pub mod summary;
pub mod width;

use std::io::{self, Write};

use jiff::tz::TimeZone;

use self::escape::{escaped, escaped_json};
use self::lines::{Columns, TimeStyle};
use self::row::Row;

/// How events look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line each: time, member, type, severity, subject, message, fields.
    #[default]
    Short,
    /// As short, with an ISO 8601 time.
    Iso,
    /// As short, with weekday, date and zone.
    Full,
    /// Everything that is known, one name a line.
    Verbose,
    /// One JSON object a line.
    Json,
    /// JSON over several lines.
    JsonPretty,
    /// A table for spreadsheets.
    Csv,
    /// The message alone: escaped on a terminal, exact elsewhere.
    Cat,
}

/// Prints events in one format.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    zone: TimeZone,
    colors: bool,
    /// A person looks: nothing hostile may pass, whatever the format.
    terminal: bool,
    /// Stands above the first event and is not printed yet.
    header: Option<&'static str>,
    columns: Columns,
}

impl Printer {
    /// A printer that has printed nothing yet.
    pub fn new(format: Format, zone: TimeZone, colors: bool, terminal: bool) -> Printer {
        let header = (format == Format::Csv).then_some(csv::HEADER);
        Printer { format, zone, colors, terminal, header, columns: Columns::default() }
    }

    /// The same for a list whose rows stand for groups of events.
    #[must_use]
    pub fn of_groups(mut self) -> Printer {
        self.header = self.header.map(|_| csv::COLLAPSED_HEADER);
        self
    }

    /// Prints what stands above the first event, if the format has such a thing.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let header = self.header.take().unwrap_or_default();
        out.write_all(header.as_bytes())
    }

    /// Prints events that stand together: their columns are as wide as they need.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn rows(&mut self, out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
        self.begin(out)?;
        for row in rows {
            self.columns.widen(&row.event);
        }
        rows.iter().try_for_each(|row| out.write_all(self.text(row).as_bytes()))
    }

    fn text(&self, row: &Row) -> String {
        let line =
            |style| lines::line(&row.event, style, &self.zone, self.columns, self.colors) + "\n";
        let json = |laid_out: String| {
            let shown = if self.terminal { escaped_json(&laid_out) } else { laid_out.into() };
            shown.into_owned() + "\n"
        };
        match self.format {
            Format::Short => line(TimeStyle::Short),
            Format::Iso => line(TimeStyle::Iso),
            Format::Full => line(TimeStyle::Full),
            Format::Verbose => lines::record(&row.event, &self.zone),
            Format::Json => json(json::compact(row.raw.get())),
            Format::JsonPretty => json(json::pretty(row.raw.get())),
            Format::Csv if self.terminal => csv_for_terminal(&csv::row(&row.event)),
            Format::Csv => csv::row(&row.event),
            Format::Cat if self.terminal => escaped(&row.event.message).into_owned() + "\n",
            Format::Cat => row.event.message.clone() + "\n",
        }
    }
}

/// A row without what a terminal obeys; its own line end stays.
fn csv_for_terminal(row: &str) -> String {
    escaped(row.strip_suffix("\r\n").unwrap_or(row)).into_owned() + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "{\"id\":\"i\",\"type\":\"t\",\"message\":\"\\u001b[2J\\n\u{202e}\",\
        \"timestamp\":\"2026-11-22T09:45:57Z\",\"memberid\":\"m\",\"severity\":\"info\"}";

    fn printed(format: Format, terminal: bool) -> String {
        let row = Row::read(serde_json::from_str(HOSTILE).unwrap()).unwrap();
        let mut out = Vec::new();
        let mut printer = Printer::new(format, TimeZone::UTC, false, terminal);
        printer.rows(&mut out, &[row]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_format_lets_a_message_command_the_terminal() {
        use clap::ValueEnum as _;
        for format in Format::value_variants() {
            let text = printed(*format, true);

            let hostile = |c: char| escape::is_hostile(c) && !matches!(c, '\n' | '\r');
            assert!(!text.contains(hostile), "{format:?}: {text:?}");
        }
    }

    #[test]
    fn programs_get_messages_exactly() {
        assert_eq!(printed(Format::Cat, false), "\x1b[2J\n\u{202e}\n");
        assert_eq!(printed(Format::Json, false), format!("{HOSTILE}\n"));
        assert!(printed(Format::Csv, false).contains(",\"\x1b[2J\n\u{202e}\","));
    }

    #[test]
    fn text_formats_are_a_line_an_event_for_programs_too() {
        assert_eq!(
            printed(Format::Short, false),
            "Nov 22 09:45:57 m t[info] \\x1b[2J\\n\\u{202e}\n"
        );
    }
}
