//! Flags of the commands that show events, and of status.

use std::path::PathBuf;

use clap::Args;
use tidings::EventId;

use super::which::{WhichArgs, ZoneArgs};
use crate::view::Format;

/// Which events, and how they look: shared by list and tail.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which events")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on a command line")]
pub struct SelectArgs {
    /// Only the last N, or `all`
    #[arg(short = 'n', long, value_name = "N", value_parser = lines)]
    pub lines: Option<Lines>,
    /// Which events.
    #[command(flatten)]
    pub which: WhichArgs,
    /// Show events of one type whose messages differ in numbers only as one line: the
    /// newest, how many there are, and since when
    #[arg(short = 'x', long, help_heading = "How they look")]
    pub collapse: bool,
    /// How they look
    #[arg(
        short = 'o',
        long,
        value_name = "FORMAT",
        default_value = "short",
        help_heading = "How they look"
    )]
    pub output: Format,
    /// On whose clock.
    #[command(flatten)]
    pub zone: ZoneArgs,
    /// Never start a pager
    #[arg(long, help_heading = "How they look")]
    pub no_pager: bool,
    /// Begin after this cursor
    #[arg(long, value_name = "CURSOR", conflicts_with = "cursor_file", help_heading = "Cursors")]
    pub after_cursor: Option<String>,
    /// Print the cursor of the last event to the standard error at the end
    #[arg(long, help_heading = "Cursors")]
    pub show_cursor: bool,
    /// Begin after the cursor in FILE if it is there, and keep it up to date
    #[arg(long, value_name = "FILE", help_heading = "Cursors")]
    pub cursor_file: Option<PathBuf>,
    /// Exit with 1 if nothing matched
    #[arg(long, help_heading = "Cursors")]
    pub exit_code: bool,
}

/// `-n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// No limit.
    All,
    /// The last so many.
    Last(usize),
}

/// `tidings list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings list                                  the last 24 hours
  tidings ls -n 20 -p warn                      the last 20 that went wrong
  tidings list -S yesterday -U today -t 'deploy.*,!deploy.test'
  tidings list -S all -m db1 -g 'disk 9[0-9]%'
  tidings list -a version=1.42 -o csv > events.csv
  tidings list -x -p warn                       each kind of trouble once, and how often
  tidings list -q 'disk (type:deploy.* OR severity>=warn) -test'

Queries (-q): words are whole words, in any case unless they have an upper-case letter;
conn* begins with it, *nect* has it inside; \"in quotes\" together; /re/ matches the
message. type: member: source: subject: key: id: trace: message: and fields.NAME: ask
for one part (* stands for anything), severity and fields.NAME compare with > >= < <= =.
Side by side all must hold; OR, -this, NOT and ( ). What does not parse is searched as
text, unless --strict.

Times: RFC 3339, '2026-11-21 18:00', 18:00, today, yesterday, now, 10m, '10m ago',
2d3h, unix seconds to nanoseconds. Without a zone they are local.

How far back the log reaches, and whether anything is missing, is said on the
standard error: always on a terminal, elsewhere when something is missing.")]
pub struct ListArgs {
    /// Newest first
    #[arg(short = 'r', long)]
    pub reverse: bool,
    /// Which events, and how they look.
    #[command(flatten)]
    pub select: SelectArgs,
}

/// `tidings tail`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings tail                                  the last 10
  tidings tail -f -p warn                       and every new one from warn on
  tidings tail -f -S 1h -o json | jq .message
  tidings tail -f --cursor-file state -o json   goes on where it stopped

With -f a lost connection is taken up again where it ended: nothing is shown twice,
and what cannot be shown any more is said on the standard error.")]
pub struct TailArgs {
    /// Go on with new events until ^C
    #[arg(short = 'f', long, conflicts_with_all = ["until", "show_cursor", "exit_code", "collapse"])]
    pub follow: bool,
    /// Newest first
    #[arg(short = 'r', long, conflicts_with = "follow")]
    pub reverse: bool,
    /// Which events, and how they look.
    #[command(flatten)]
    pub select: SelectArgs,
}

/// `tidings show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings show 019aab3c-7d2e-7c41-9a3b-1f2e00000001
  tidings show 019aab3c-7d2e-7c41-9a3b-1f2e00000001 -C 10
  tidings show 019aab3c-7d2e-7c41-9a3b-1f2e00000001 -o json | jq .fields

An event's id is printed by tidings add, and stands in -o verbose, json and csv.")]
pub struct ShowArgs {
    /// The event's id
    #[arg(value_name = "ID", value_parser = event_id)]
    pub id: String,
    /// Also show N events before and after it
    #[arg(short = 'C', long, value_name = "N")]
    pub context: Option<u32>,
    /// How it looks
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "verbose")]
    pub output: Format,
    /// Show times in UTC
    #[arg(long, conflicts_with = "tz")]
    pub utc: bool,
    /// Show times in this zone, such as Europe/Berlin [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
}

/// `tidings status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings status
  tidings status -o json | jq .stats.tally

Exits with 1 when the server takes no events, with 3 when it is not reached.")]
pub struct StatusArgs {
    /// How it looks: text or json
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "text")]
    pub output: StatusFormat,
}

/// How `tidings status` looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StatusFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `20` or `all`.
fn lines(given: &str) -> Result<Lines, String> {
    match given {
        "all" => Ok(Lines::All),
        number => number
            .parse()
            .map(Lines::Last)
            .map_err(|_| "must be a number of events or `all`".to_owned()),
    }
}

fn event_id(given: &str) -> Result<String, String> {
    given.parse::<EventId>().map(|id| id.to_string()).map_err(|error| error.to_string())
}
