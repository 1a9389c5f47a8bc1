//! Flags of the commands that record: add and run.

use std::ffi::OsString;

use clap::Args;
use serde_json::Value;
use tidings::Severity;

/// What both say about an event.
#[derive(Debug, Clone, Default, Args)]
pub struct EventArgs {
    /// What it is about: a host, a service, a ticket
    #[arg(short, long, value_name = "TEXT", visible_alias = "for")]
    pub subject: Option<String>,
    /// Who records it [default: the host name]
    #[arg(short, long, value_name = "NAME")]
    pub member: Option<String>,
    /// The component that spoke
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Add a field; NAME:=JSON gives a number, a list, …; repeatable
    #[arg(short = 'a', long = "field", value_name = "NAME=TEXT", value_parser = field)]
    pub fields: Vec<(String, Value)>,
}

/// `tidings add`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings add 'backup restored by hand'
  tidings add -t deploy -a version=1.42 -a replicas:=3 api rolled out
  tidings add -t disk.high -p warn -s /var -m db1 'disk 91%'
  journalctl -f | tidings add -t syslog --stdin

A repeated call with the same --key, member and source stores nothing twice.")]
pub struct AddArgs {
    /// What happened; several words are joined
    #[arg(value_name = "MESSAGE", conflicts_with = "stdin")]
    pub message: Vec<String>,
    /// What kind of event [default: message]
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// How bad it is: trace, debug, info, warn, error or fatal [default: by type, else info]
    #[arg(short = 'p', long, value_name = "SEVERITY")]
    pub severity: Option<Severity>,
    /// What both recording commands say about an event.
    #[command(flatten)]
    pub event: EventArgs,
    /// When it happened: a time such as '10m ago' or 2026-11-21T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<String>,
    /// Your own id for it, by which a repetition is recognised
    #[arg(long, value_name = "KEY", conflicts_with = "stdin")]
    pub key: Option<String>,
    /// Record each line of the standard input; empty lines are passed over
    #[arg(long)]
    pub stdin: bool,
}

/// `tidings run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings run -t build -- cargo build --release
  tidings run -t backup --only-failures -- pg_dump -f all.sql

Records TYPE.started, then TYPE.succeeded or TYPE.failed with its duration, exit code
or signal, and the end of what it wrote to its standard error. Signals and the exit
code pass through. Whether the record succeeds never changes how the command ends.")]
pub struct RunArgs {
    /// The first part of the events' types
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub event_type: String,
    /// Record only TYPE.failed
    #[arg(long)]
    pub only_failures: bool,
    /// What both recording commands say about an event.
    #[command(flatten)]
    pub event: EventArgs,
    /// The command and its arguments
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<OsString>,
}

/// `name=text` or `name:=json`.
fn field(given: &str) -> Result<(String, Value), String> {
    let (name, text) = given.split_once('=').ok_or("must be NAME=TEXT or NAME:=JSON")?;
    let (name, value) = match name.strip_suffix(':') {
        Some(name) => {
            let json = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
            (name, json)
        }
        None => (name, Value::from(text)),
    };
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    Ok((name.to_owned(), value))
}
