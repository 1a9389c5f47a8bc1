//! `tidings run`: how did a command go?
//!
//! The command comes first: it starts before anything is recorded, its signals,
//! output and exit code pass through, and a record that fails is a warning.

mod child;
mod stderr;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use tidings::{Clock, Event, Severity};

use self::child::{Child, Ended, Signals};
use super::Context;
use super::add::described;
use crate::args::RunArgs;
use crate::client::Client;
use crate::exit::{Exit, Failure, say};
use crate::times::format_span;

/// How long a server may be silent before a record is given up.
const RECORD_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the command line that are recorded, at most.
const COMMAND_BYTES_MAX: usize = 4096;
/// The exit code of a command that is not there, as shells have it.
const NOT_FOUND: u8 = 127;
/// The exit code of a command that is there and cannot be started.
const NOT_EXECUTABLE: u8 = 126;

/// Runs the command and ends as it does: with its exit code, with 128 and the
/// number of the signal that killed it, with 127 if it is not found.
///
/// # Errors
///
/// The flags are wrong; then the command was not started.
pub(super) fn run(args: &RunArgs, context: &Context<'_>) -> Result<ExitCode, Failure> {
    let server = context.settings.server(context.global.server.as_ref())?;
    let command = command_line(&args.command);
    let event = |suffix: &str, message: String| -> Result<Event, Failure> {
        let event = Event::new(format!("{}.{suffix}", args.event_type), message);
        Ok(described(event, &args.event, context)?.with_field("command", command.as_str()))
    };
    let records = Records {
        client: Client::with_patience(server, RECORD_PATIENCE),
        clock: context.clock.clone(),
        started: event("started", command.clone())?,
        succeeded: event("succeeded", String::new())?,
        failed: event("failed", String::new())?.with_severity(Severity::ERROR),
    };
    for event in [&records.started, &records.succeeded, &records.failed] {
        let invalid = event.validate().err().map(|invalid| invalid.to_string());
        let reserved = event.is_reserved().then(|| tidings::Problem::Reserved.to_string());
        if let Some(why) = invalid.or(reserved) {
            return Err(Failure::new(Exit::Usage, format!("the events of --type: {why}")));
        }
    }
    let signals = Signals::install()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot pass signals on: {error}")))?;
    let began = context.clock.monotonic();
    let child = match Child::start(&args.command, signals) {
        Ok(child) => child,
        Err(error) => {
            say(&format!("tidings: cannot run {command}: {error}"));
            let failed = records.failed.clone().with_timestamp(context.clock.now());
            let failed = failed.with_message(format!("{command}: cannot be run: {error}"));
            records.record(&failed.with_field("error", error.to_string()));
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            return Ok(ExitCode::from(if missing { NOT_FOUND } else { NOT_EXECUTABLE }));
        }
    };
    let ended = records.watch(child, args.only_failures)?;
    let took = context.clock.monotonic().saturating_sub(began);
    records.record_end(&command, &ended, took, args.only_failures);
    Ok(ExitCode::from(ended.code()))
}

/// What may be recorded, and where.
struct Records {
    client: Client,
    clock: Clock,
    started: Event,
    succeeded: Event,
    failed: Event,
}

impl Records {
    /// Records the start beside the running command, and waits for both.
    fn watch(&self, child: Child, only_failures: bool) -> Result<Ended, Failure> {
        let started = self.started.clone().with_timestamp(self.clock.now());
        std::thread::scope(|scope| {
            if !only_failures {
                scope.spawn(move || self.record(&started));
            }
            child.wait()
        })
        .map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot wait for the command: {error}"))
        })
    }

    fn record_end(&self, command: &str, ended: &Ended, took: Duration, only_failures: bool) {
        let shown = for_people(took);
        let event = match ended {
            Ended { exit_code: Some(0), .. } if only_failures => return,
            Ended { exit_code: Some(0), .. } => {
                self.succeeded.clone().with_message(format!("{command}: succeeded in {shown}"))
            }
            Ended { exit_code: Some(code), .. } => self
                .failed
                .clone()
                .with_message(format!("{command}: failed with exit code {code} after {shown}")),
            Ended { signal, .. } => self.failed.clone().with_message(format!(
                "{command}: killed by {} after {shown}",
                child::signal_name(*signal)
            )),
        };
        let mut event =
            event.with_timestamp(self.clock.now()).with_field("duration", seconds(took));
        event = match ended.exit_code {
            Some(code) => event.with_field("exit_code", code),
            None => event.with_field("signal", child::signal_name(ended.signal)),
        };
        if ended.exit_code != Some(0) && !ended.stderr.is_empty() {
            event = event.with_field("stderr", ended.stderr.as_str());
        }
        self.record(&event);
    }

    /// Records, or warns: the command has its own fate.
    fn record(&self, event: &Event) {
        if let Err(failure) = self.client.add(event) {
            say(&format!("tidings: {} is not recorded: {}", event.event_type(), failure.message));
        }
    }
}

/// To the millisecond: what is finer is our own doing.
fn seconds(took: Duration) -> f64 {
    u32::try_from(took.as_millis()).map_or(took.as_secs_f64(), |millis| f64::from(millis) / 1000.0)
}

/// `41ms`, `3.2s`, `2m5s`
fn for_people(took: Duration) -> String {
    match took.as_secs() {
        1..60 => format!("{:.1}s", took.as_secs_f64()),
        _ => format_span(took),
    }
}

/// The command as one would type it, cut to [`COMMAND_BYTES_MAX`].
fn command_line(words: &[OsString]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    let mut line = String::new();
    for word in words {
        let word = word.to_string_lossy();
        if !line.is_empty() {
            line.push(' ');
        }
        if !word.is_empty() && word.chars().all(plain) {
            line.push_str(&word);
        } else {
            line.extend(["'", &word.replace('\'', r"'\''"), "'"]);
        }
        if line.len() > COMMAND_BYTES_MAX {
            line.truncate(line.floor_char_boundary(COMMAND_BYTES_MAX - '…'.len_utf8()));
            line.push('…');
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> String {
        command_line(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_duration_is_told_as_finely_as_people_want_it() {
        let told = [41, 3_240, 125_000].map(|millis| for_people(Duration::from_millis(millis)));

        assert_eq!(told, ["41ms", "3.2s", "2m5s"]);
        assert_eq!(seconds(Duration::from_micros(1_703_999)).to_string(), "1.703");
    }

    #[test]
    fn a_command_line_can_be_typed_again() {
        assert_eq!(line(&["make", "-j2", "all"]), "make -j2 all");
        assert_eq!(line(&["sh", "-c", "echo $HOME; it's"]), r"sh -c 'echo $HOME; it'\''s'");
        assert_eq!(line(&["x", ""]), "x ''");
    }

    #[test]
    fn a_long_command_line_is_cut_at_its_limit() {
        let at = "é".repeat(COMMAND_BYTES_MAX / 2 - 1);

        assert_eq!(line(&[&at]).len(), COMMAND_BYTES_MAX);
        let cut = line(&[&at, "x"]);
        assert!(cut.len() <= COMMAND_BYTES_MAX && cut.ends_with('…'), "{}", cut.len());
    }
}
