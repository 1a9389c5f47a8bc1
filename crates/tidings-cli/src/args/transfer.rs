//! Flags of the commands that carry events to and fro: export, import.

use std::path::PathBuf;

use clap::Args;

use super::which::{WhichArgs, ZoneArgs};

/// `tidings export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings export > today.ndjson                   the last 24 hours
  tidings export -S all > everything.ndjson       whatever is kept
  tidings export -S all -t 'deploy.*' | gzip > deploys.ndjson.gz
  tidings export -S all --server http://old:8434 | tidings import

One JSON object a line, oldest first, with everything that is known of each event. What
may be missing is said on the standard error. Ends with 3 if the connection was lost for
good: then the words say that the file is not whole.")]
pub struct ExportArgs {
    /// How the events are written
    #[arg(long, value_name = "FORMAT", default_value = "ndjson")]
    pub format: TransferFormat,
    /// Which events.
    #[command(flatten)]
    pub which: WhichArgs,
    /// On whose clock.
    #[command(flatten)]
    pub zone: ZoneArgs,
}

/// `tidings import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings import everything.ndjson
  zcat deploys.ndjson.gz | tidings import -
  tidings import --strict events-*.ndjson         stop at the first bad line

Within an hour, what is imported again is stored once. Old times are kept, so look for
the events with -S all. Lines that are refused are told with file, line and reason; then
it ends with 1.")]
pub struct ImportArgs {
    /// Read these files; `-` is the standard input, as is none
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How the events are written
    #[arg(long, value_name = "FORMAT", default_value = "ndjson")]
    pub format: TransferFormat,
    /// Stop at the first batch with a bad line, of which nothing is stored
    #[arg(long)]
    pub strict: bool,
    /// Store an event whose own key another event has under the id it was exported with
    #[arg(long)]
    pub rekey: bool,
}

/// How exported events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TransferFormat {
    /// One JSON object a line.
    Ndjson,
}
