//! `tidings completions`: what can the shell complete?

use clap::CommandFactory as _;

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Failure;
use crate::view::out;

/// Prints the script that makes a shell complete our commands and flags.
///
/// # Errors
///
/// The output cannot be written.
pub(super) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tidings", &mut script);
    out::print(&script).map_err(|error| Failure::output(&error))
}
