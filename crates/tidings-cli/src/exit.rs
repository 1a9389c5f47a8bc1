//! How does a command end? The exit codes and errors that all commands share.

use std::io::Write as _;
use std::process::ExitCode;

use crate::view::escape::escaped;

/// How a command ended, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked.
    Ok = 0,
    /// It failed, or nothing matched under `--exit-code`.
    Failed = 1,
    /// Usage or configuration is wrong.
    Usage = 2,
    /// The server was not reached.
    Unreachable = 3,
    /// The server refused us.
    Refused = 4,
    /// The data directory or the port cannot be used.
    CannotServe = 5,
    /// Damage was found.
    Damaged = 6,
    /// Interrupted by ^C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Prints one line of words to the standard error, where they are not mistaken for
/// data. What a terminal would obey in them is escaped: they may quote a stranger.
/// A closed standard error is nobody's fault.
pub fn say(words: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", escaped(words));
}

/// Why a command failed: the words for stderr, a next step, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What was attempted, the value, the limit or the cure. Lower case, no full stop.
    pub message: String,
    /// The next step, printed on its own line after `hint: `.
    pub hint: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { message: message.into(), hint: None, exit }
    }

    /// An end that needs no words: whoever reads our output has gone.
    pub fn silent(exit: Exit) -> Failure {
        Failure::new(exit, "")
    }

    /// The output could not be written: silent if only nobody reads it any more.
    pub fn output(error: &std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::silent(Exit::Ok),
            _ => Failure::new(Exit::Failed, format!("cannot write the output: {error}")),
        }
    }

    /// Tells it on the standard error, and says how to exit.
    pub fn tell(&self) -> Exit {
        if !self.message.is_empty() {
            say(&format!("tidings: {}", self.message));
        }
        if let Some(hint) = &self.hint {
            say(&format!("hint: {hint}"));
        }
        self.exit
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}
