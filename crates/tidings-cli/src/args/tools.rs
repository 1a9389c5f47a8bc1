//! Flags of the commands that tell of the program itself: config, completions, man.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

/// `tidings config`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings config show                     every setting, and where it comes from
  tidings config path                     which file is read, and where the data is
  TIDINGS_RETENTION=3d tidings config show

What show prints is a configuration file: it can be kept and used as one.")]
pub struct ConfigArgs {
    /// What to tell.
    #[command(subcommand)]
    pub what: ConfigCommand,
}

/// What `tidings config` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, and whether a flag, a variable, the file or nobody gave it
    Show,
    /// Print which configuration file is read, and which data directory would be used
    Path,
}

/// `tidings completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings completions bash > ~/.local/share/bash-completion/completions/tidings
  tidings completions zsh > ~/.zfunc/_tidings
  tidings completions fish > ~/.config/fish/completions/tidings.fish
  source <(tidings completions bash)")]
pub struct CompletionsArgs {
    /// The shell to complete for
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `tidings man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings man | man -l -
  tidings man ~/.local/share/man/man1     a page for each command")]
pub struct ManArgs {
    /// Write a page for each command into this directory, which is made if need be
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
