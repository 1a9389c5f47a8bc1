//! `tidings config`: what is configured, and by whom?

use std::fmt::Write as _;
use std::path::Path;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::settings::{ConfigPath, Environment, Settings, Shown};
use crate::view::out;

/// Prints every setting in the form of a configuration file, with where it comes
/// from behind it.
///
/// # Errors
///
/// The output cannot be written. What cannot be used is shown and told, and is
/// then the exit code.
pub(super) fn show(context: &Context<'_>) -> Result<Exit, Failure> {
    let global = context.global;
    let shown = context.settings.shown(global.server.as_ref(), global.color.as_ref());
    print(&as_toml(&shown))?;
    let problems = shown.iter().filter_map(|shown| shown.problem.as_ref());
    Ok(problems.map(Failure::tell).fold(Exit::Ok, |_, exit| exit))
}

/// Prints which configuration file is read and which data directory would be
/// used. It needs neither of them to be there or to be right.
///
/// # Errors
///
/// The output cannot be written; after the file has been told, that it cannot be
/// read, and that nothing says where the data directory is.
pub(super) fn path(flag: Option<&Path>, environment: Environment) -> Result<Exit, Failure> {
    let config = match ConfigPath::find(flag, &environment) {
        Some(place) => told(&place.path, place.origin),
        None => "none: neither XDG_CONFIG_HOME nor HOME is set".to_owned(),
    };
    print(&format!("configuration  {config}\n"))?;
    let (data, origin) = Settings::load(flag, environment)?.data_and_origin()?;
    print(&format!("data           {}\n", told(&data, &origin)))?;
    Ok(Exit::Ok)
}

fn print(text: &str) -> Result<(), Failure> {
    out::print(text.as_bytes()).map_err(|error| Failure::output(&error))
}

fn told(path: &Path, origin: &str) -> String {
    let there = if path.exists() { "" } else { ", not there" };
    format!("{} ({origin}{there})", path.display())
}

fn as_toml(shown: &[Shown]) -> String {
    let mut text = String::new();
    for Shown { key, value, origin, problem } in shown {
        let line = match value {
            Some(value) => format!("{key} = {value}"),
            None => format!("# {key} is not set"),
        };
        let unusable = if problem.is_some() { ", cannot be used" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line:<40} # {origin}{unusable}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ServeFlags;

    #[test]
    fn what_is_shown_is_a_configuration_file() {
        let etcd = ("TIDINGS_ETCD", "http://a:2379,http://b:2379");
        let variables = [("HOME", "/home/op"), ("TIDINGS_MEMBER", "db # \"1\""), etcd];
        let settings = |variables: &[(&str, &str)]| {
            Settings::load(None, variables.iter().copied().collect()).unwrap()
        };
        let text = as_toml(&settings(&variables).shown(None, None));

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let read = Settings::load(Some(file.path()), Environment::default()).unwrap();

        let serve = read.serve(&ServeFlags::default()).unwrap();
        assert_eq!(serve.member, "db # \"1\"", "{text}");
        assert_eq!(serve.etcd.unwrap().endpoints, ["http://a:2379", "http://b:2379"], "{text}");
        assert!(text.contains("# TIDINGS_MEMBER\n"), "{text}");
    }
}
