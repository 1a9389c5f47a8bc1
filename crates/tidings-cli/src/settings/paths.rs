//! Where do files belong by the customs of this machine?

use std::path::{Path, PathBuf};

use super::Environment;

/// The configuration file that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigPath {
    /// Where it is.
    pub path: PathBuf,
    /// Who says so: `--config`, `TIDINGS_CONFIG`, or `the default`.
    pub origin: &'static str,
}

impl ConfigPath {
    /// The file of the flag, of `TIDINGS_CONFIG`, or the one of this user; `None`
    /// where nothing says where users keep theirs.
    pub fn find(flag: Option<&Path>, environment: &Environment) -> Option<ConfigPath> {
        if let Some(path) = flag {
            return Some(ConfigPath { path: path.to_owned(), origin: "--config" });
        }
        if let Some(path) = environment.get("TIDINGS_CONFIG") {
            return Some(ConfigPath { path: path.into(), origin: "TIDINGS_CONFIG" });
        }
        let path = base(environment, "XDG_CONFIG_HOME", ".config")?.join("tidings/config.toml");
        Some(ConfigPath { path, origin: DEFAULT })
    }

    /// Whether it must be there.
    pub fn is_asked_for(&self) -> bool {
        self.origin != DEFAULT
    }
}

const DEFAULT: &str = "the default";

/// systemd's `STATE_DIRECTORY`, or `XDG_STATE_HOME/tidings`, which is
/// `~/.local/state/tidings` by default; and whether systemd said so.
pub(super) fn default_data(environment: &Environment) -> Option<(PathBuf, bool)> {
    // systemd joins several state directories with a colon; the first is ours.
    let systemd = environment.get("STATE_DIRECTORY").and_then(|all| all.split(':').next());
    match systemd {
        Some(directory) => Some((PathBuf::from(directory), true)),
        None => Some((base(environment, "XDG_STATE_HOME", ".local/state")?.join("tidings"), false)),
    }
}

/// A secret that systemd was told to load under this name, if it is there.
pub(super) fn credential(environment: &Environment, name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(environment.get("CREDENTIALS_DIRECTORY")?).join(name);
    path.exists().then_some(path)
}

/// The directory of an XDG variable. Its specification has relative ones ignored.
fn base(environment: &Environment, variable: &str, below_home: &str) -> Option<PathBuf> {
    let given = environment.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    given.or_else(|| Some(PathBuf::from(environment.get("HOME")?).join(below_home)))
}
