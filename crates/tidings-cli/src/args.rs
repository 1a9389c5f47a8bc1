//! What can be typed? The commands, their flags, and the help.

mod count;
mod record;
mod select;
mod store;
mod tools;
mod transfer;
mod which;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use count::{By, CountsArgs, CountsFormat, NamesArgs, StatsArgs};
pub use record::{AddArgs, EventArgs, RunArgs};
pub use select::{Lines, ListArgs, SelectArgs, ShowArgs, StatusArgs, StatusFormat, TailArgs};
pub use store::{CheckArgs, EtcdArgs, SalvageArgs, ServeArgs};
pub use tools::{CompletionsArgs, ConfigArgs, ConfigCommand, ManArgs};
pub use transfer::{ExportArgs, ImportArgs, TransferFormat};
pub use which::{WhichArgs, ZoneArgs};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "tidings",
    version,
    about = "Tells what happened in your cluster in the last 24 hours, and which member said so",
    after_help = "\
Examples:
  tidings serve                                start a server, with its page
  tidings add -t deploy -a version=1.42 'api rolled out'
  tidings run -t backup -- pg_dump -f all.sql  record how a command went
  tidings list -S yesterday -p warn            what went wrong since yesterday
  tidings tail -f -t 'deploy.*'                follow all deploys
  tidings stats --by type                      how often, and when

Exit codes:
  0 ok   1 failed, or nothing matched with --exit-code   2 usage or configuration
  3 server not reached   4 refused   5 data directory or port cannot be used
  6 damage found   130 interrupted

Every setting is a flag, a TIDINGS_* variable, or a key of the configuration file,
in this order: --retention, TIDINGS_RETENTION, retention = \"24h\".",
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Settings that every command knows.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings that every command knows.
#[derive(Debug, Clone, Default, Args)]
pub struct GlobalArgs {
    /// Read this configuration file [default: XDG_CONFIG_HOME/tidings/config.toml if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Colour the output: auto, always or never [default: auto]
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Global options")]
    pub color: Option<String>,
    /// Speak to this server [default: http://127.0.0.1:8434]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub server: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Store events, answer over HTTP, show the page
    Serve(ServeArgs),
    /// Record one event and print its id
    Add(AddArgs),
    /// Run a command and record how it went
    Run(RunArgs),
    /// List events, newest last
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show the last events, and follow new ones with -f
    Tail(TailArgs),
    /// Show one event in full
    Show(ShowArgs),
    /// Count events over time, by severity, type or member
    Stats(StatsArgs),
    /// Tell which members spoke, and for how long each has been silent
    #[command(after_help = count::MEMBERS_HELP)]
    Members(NamesArgs),
    /// Tell which types of events there were, and for how long each has not come
    #[command(after_help = count::TYPES_HELP)]
    Types(NamesArgs),
    /// Tell how the server is, and how far back its log reaches
    Status(StatusArgs),
    /// Verify every block of a data directory, without changing it
    Check(CheckArgs),
    /// Copy what is whole of a damaged data directory into a new one
    Salvage(SalvageArgs),
    /// Write events to a file, one JSON object a line
    Export(ExportArgs),
    /// Store what was exported, also from another log
    Import(ImportArgs),
    /// Tell what is configured, and by whom
    Config(ConfigArgs),
    /// Print a script by which a shell completes commands and flags
    Completions(CompletionsArgs),
    /// Print the manual, or write a page for each command
    Man(ManArgs),
    /// Print the version
    Version,
}

#[cfg(test)]
mod tests;
