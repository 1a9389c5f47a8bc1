//! The program `tidings` as a library, so that tests can reach its parts.

// SKELETON: removed when the rooms are built.
#![allow(clippy::todo, unused, missing_debug_implementations)]

pub mod commands;
pub mod exit;
pub mod protocols;
pub mod server;
pub mod settings;
pub mod times;
pub mod view;

/// Runs the program with the arguments of this process.
pub fn main() -> std::process::ExitCode {
    todo!()
}
