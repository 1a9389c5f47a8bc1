//! How do answers look? Output for people and programs.

pub mod out;

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
    /// The message alone.
    Cat,
}
