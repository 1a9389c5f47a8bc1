//! Where do files belong by the customs of this machine?

use std::path::PathBuf;

use super::Environment;

/// `XDG_CONFIG_HOME/tidings/config.toml`, below `~/.config` by default.
pub(super) fn default_config(environment: &Environment) -> Option<PathBuf> {
    Some(base(environment, "XDG_CONFIG_HOME", ".config")?.join("tidings/config.toml"))
}

/// systemd's `STATE_DIRECTORY`, or `XDG_STATE_HOME/tidings`, which is
/// `~/.local/state/tidings` by default.
pub(super) fn default_data(environment: &Environment) -> Option<PathBuf> {
    // systemd joins several state directories with a colon; the first is ours.
    let systemd = environment.get("STATE_DIRECTORY").and_then(|all| all.split(':').next());
    match systemd {
        Some(directory) => Some(PathBuf::from(directory)),
        None => Some(base(environment, "XDG_STATE_HOME", ".local/state")?.join("tidings")),
    }
}

/// The directory of an XDG variable. Its specification has relative ones ignored.
fn base(environment: &Environment, variable: &str, below_home: &str) -> Option<PathBuf> {
    let given = environment.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    given.or_else(|| Some(PathBuf::from(environment.get("HOME")?).join(below_home)))
}
