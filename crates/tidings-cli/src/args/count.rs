//! Flags of the commands that count: stats, members, types.

use std::time::Duration;

use clap::Args;

use super::which::{WhichArgs, ZoneArgs};
use crate::times::parse_span;

/// `tidings stats`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings stats                                 the last 24 hours by severity
  tidings stats --by type -p warn               what went wrong, and when
  tidings stats --by member --step 1h -S all
  tidings stats --step 10m -o json | jq '.series[] | {name, total}'

Each name has its count, its peak (the most in one column) and a line of blocks; a
full block is its own peak. How long a column is follows from the terminal's width,
and stands below. Other output than a terminal has 80 columns; -o json has exact
numbers.")]
pub struct StatsArgs {
    /// A line for each of these
    #[arg(long, value_name = "WHAT", default_value = "severity")]
    pub by: By,
    /// Count in steps of so long, such as 10m [default: what fits into the width]
    #[arg(long, value_name = "SPAN", value_parser = step)]
    pub step: Option<u64>,
    /// Which events are counted.
    #[command(flatten)]
    pub which: WhichArgs,
    /// How the counts look.
    #[command(flatten)]
    pub counts: CountsArgs,
}

/// `tidings members` and `tidings types`.
#[derive(Debug, Args)]
pub struct NamesArgs {
    /// Only those that have been silent for so long, such as 1h
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub silent: Option<Duration>,
    /// Which events are counted.
    #[command(flatten)]
    pub which: WhichArgs,
    /// How the counts look.
    #[command(flatten)]
    pub counts: CountsArgs,
}

/// How counts look: shared by stats, members and types.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How they look")]
pub struct CountsArgs {
    /// How they look
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "text")]
    pub output: CountsFormat,
    /// On whose clock.
    #[command(flatten)]
    pub zone: ZoneArgs,
    /// Exit with 1 if there is nothing to show
    #[arg(long)]
    pub exit_code: bool,
}

/// What `tidings stats` has a line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// How bad the events are.
    Severity,
    /// The 20 most frequent types.
    Type,
    /// The 20 members that say most.
    Member,
}

impl By {
    /// As a server knows it.
    pub fn name(self) -> &'static str {
        match self {
            By::Severity => "severity",
            By::Type => "type",
            By::Member => "member",
        }
    }
}

/// How counts look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CountsFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Examples in the help of `tidings members`.
pub(super) const MEMBERS_HELP: &str = "\
Examples:
  tidings members                               who spoke in the last 24 hours
  tidings members --silent 1h                   who has said nothing for an hour
  tidings members -S all -t 'backup.*'          whose backups are recorded at all
  tidings members --silent 1h --exit-code -o json | jq -r .name

A member that has said nothing in the whole window is not known: -S all looks
further back. Of a server with --etcd it also lists the servers that share the log:
when each was heard, up to when its events are here, how far its clock is off.";

/// Examples in the help of `tidings types`.
pub(super) const TYPES_HELP: &str = "\
Examples:
  tidings types                                 what kinds of events there were
  tidings types -m db1 -p warn
  tidings types -t '*.heartbeat' --silent 10m   which heartbeats have stopped
  tidings types -o json | jq -r .name";

fn span(given: &str) -> Result<Duration, String> {
    parse_span(given).map_err(|error| error.to_string())
}

/// Whole seconds, at least one.
fn step(given: &str) -> Result<u64, String> {
    let step = span(given)?;
    if step.subsec_nanos() > 0 || step.is_zero() {
        return Err("must be whole seconds, at least 1s".to_owned());
    }
    Ok(step.as_secs())
}
