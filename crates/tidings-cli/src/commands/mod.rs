//! One file for each command.

pub mod check_config;
pub mod serve;
pub mod version;

use crate::args::{Command, GlobalArgs};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// Does what the command line asks.
///
/// # Errors
///
/// Whatever made the command fail.
pub fn run(command: &Command, global: &GlobalArgs, settings: &Settings) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => {
            let serve = settings.serve(&args.flags())?;
            if args.check_config { check_config::run(&serve)? } else { serve::run(&serve)? }
        }
        Command::Version => version::run()?,
        _ => {}
    }
    Ok(Exit::Ok)
}
