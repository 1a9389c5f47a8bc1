//! The program `tidings` as a library, so that tests can reach its parts.

pub mod args;
pub mod client;
pub mod commands;
pub mod exit;
mod interrupt;
pub mod protocols;
pub mod server;
pub mod settings;
pub mod times;
pub mod view;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::exit::Exit;
use crate::settings::Environment;

/// Runs the program with the arguments and variables of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(words) => {
            // Nobody is left to tell when the terminal is gone.
            let _ = words.print();
            return ExitCode::from(if words.use_stderr() { Exit::Usage } else { Exit::Ok });
        }
    };
    let ended = commands::run(&cli, Environment::of_process());
    ended.unwrap_or_else(|failure| failure.tell().into())
}
