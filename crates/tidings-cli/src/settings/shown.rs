//! What is set, and who set it?

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::etcd::{DEFAULT_ETCD_LINGER, DEFAULT_ETCD_PREFIX, DEFAULT_ETCD_QUOTA};
use super::value::{self, Given, Source};
use super::{
    DEFAULT_LISTEN, DEFAULT_QUERY_EVENTS, DEFAULT_RETENTION, DEFAULT_RETENTION_SIZE, KEYS,
    Settings, host_name, paths,
};
use crate::exit::{Exit, Failure};

/// One setting as it would be used.
#[derive(Debug)]
pub struct Shown {
    /// Its key in the configuration file.
    pub key: &'static str,
    /// In the form of that file; `None` if nobody says anything.
    pub value: Option<String>,
    /// The flag, the variable, the file and line, or `the default`.
    pub origin: String,
    /// Why it cannot be used.
    pub problem: Option<Failure>,
}

impl Settings {
    /// Every setting, in the order of [`KEYS`]; `server` and `color` as the flags of
    /// that name were given. Passwords in addresses are left out.
    pub fn shown(&self, server: Option<&String>, color: Option<&String>) -> Vec<Shown> {
        let flags = |key| match key {
            "server" => server,
            "color" => color,
            _ => None,
        };
        KEYS.into_iter().map(|key| self.shown_key(key, flags(key))).collect()
    }

    fn shown_key(&self, key: &'static str, flag: Option<&String>) -> Shown {
        let given = match key {
            "pager" => Some(self.given_pager()),
            "data" => self.given_data(),
            _ => self.given(key, flag.cloned().as_slice(), self.default(key).as_deref()),
        };
        let Some(given) = given else {
            let (value, problem) = match key {
                "allowed_host" | "etcd" => (Some("[]".to_owned()), None),
                "tz" => (TimeZone::system().iana_name().map(quoted), None),
                "data" => (None, self.data(None).err()),
                _ => (None, None),
            };
            return Shown { key, value, origin: "the default".to_owned(), problem };
        };
        let texts: Vec<_> =
            given.values.iter().map(|text| quoted(&value::without_password(key, text))).collect();
        let value = match texts.as_slice() {
            [one] if !value::is_list(key) => one.clone(),
            all => format!("[{}]", all.join(", ")),
        };
        let problem = checked(&given).err();
        Shown { key, value: Some(value), origin: given.origin(), problem }
    }

    fn given_data(&self) -> Option<Given> {
        self.given("data", &[], None).or_else(|| {
            let (path, by_systemd) = paths::default_data(&self.environment)?;
            let source =
                if by_systemd { Source::Named("STATE_DIRECTORY") } else { Source::Default };
            Some(Given { key: "data", values: vec![path.display().to_string()], source })
        })
    }

    /// The data directory, and who says so.
    ///
    /// # Errors
    ///
    /// As [`Settings::data`].
    pub fn data_and_origin(&self) -> Result<(PathBuf, String), Failure> {
        let origin = self.given_data().map(|given| given.origin()).unwrap_or_default();
        Ok((self.data(None)?, origin))
    }

    fn default(&self, key: &str) -> Option<String> {
        let text = match key {
            "listen" => DEFAULT_LISTEN,
            "member" => return Some(host_name()),
            "retention" => DEFAULT_RETENTION,
            "retention_size" => DEFAULT_RETENTION_SIZE,
            "query_events_max" => return Some(DEFAULT_QUERY_EVENTS.to_string()),
            // Without an etcd these would be refused by who reads them back.
            _ if key.starts_with("etcd_") && self.given("etcd", &[], None).is_none() => {
                return None;
            }
            "etcd_prefix" => DEFAULT_ETCD_PREFIX,
            "etcd_linger" => DEFAULT_ETCD_LINGER,
            "etcd_quota" => DEFAULT_ETCD_QUOTA,
            "server" => return Some(format!("http://{DEFAULT_LISTEN}")),
            "color" => "auto",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// Whether it can be used.
fn checked(given: &Given) -> Result<(), Failure> {
    let first = given.first();
    match given.key {
        "listen" => given.each().try_for_each(|one| value::listen(one).map(drop)),
        "allowed_host" => given.each().try_for_each(|one| value::host(one).map(drop)),
        "data" | "etcd_password_file" | "etcd_ca" | "etcd_cert" | "etcd_key" => {
            value::path(first).map(drop)
        }
        "etcd" => given.each().try_for_each(|one| value::endpoint(one).map(drop)),
        "etcd_prefix" => value::prefix(first).map(drop),
        "etcd_user" => value::name(first).map(drop),
        "etcd_linger" => value::linger(first).map(drop),
        "member" => value::member(first).map(drop),
        "retention" => value::retention(first).map(drop),
        "query_events_max" => value::events(first).map(drop),
        "retention_size" | "etcd_quota" => value::bytes(first).map(drop),
        "server" => value::server(first).map(drop),
        "color" => value::color(first).map(drop),
        "tz" => value::zone(first).map(drop),
        "pager" => value::one(first),
        other => Err(Failure::new(Exit::Failed, format!("nobody knows what {other} means"))),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::Environment;
    use crate::settings::file::ConfigFile;

    fn settings(variables: &[(&str, &str)], toml: &str) -> Settings {
        let file = ConfigFile::parse(Path::new("config.toml"), toml).unwrap();
        let environment: Environment = variables.iter().copied().collect();
        Settings { environment, file }
    }

    #[track_caller]
    fn assert_shown(shown: &[Shown], key: &str, value: &str, origin: &str) {
        let one = shown.iter().find(|shown| shown.key == key).unwrap();
        assert_eq!((one.value.as_deref(), one.origin.as_str()), (Some(value), origin), "{key}");
    }

    #[test]
    fn each_setting_says_who_gave_it() {
        let variables = [
            ("HOME", "/home/op"),
            ("TIDINGS_MEMBER", "db1"),
            ("PAGER", "more"),
            ("TIDINGS_LISTEN", "[::1]:1, 127.0.0.1:2"),
        ];
        let settings = settings(&variables, "\nretention = \"3d\"\npager = \"less\"");

        let shown = settings.shown(Some(&"http://db1:8434".to_owned()), None);

        assert_eq!(shown.len(), KEYS.len());
        assert!(shown.iter().all(|shown| shown.problem.is_none()), "{shown:?}");
        assert_shown(&shown, "server", r#""http://db1:8434""#, "--server");
        assert_shown(&shown, "member", r#""db1""#, "TIDINGS_MEMBER");
        assert_shown(&shown, "listen", r#"["[::1]:1", "127.0.0.1:2"]"#, "TIDINGS_LISTEN");
        assert_shown(&shown, "retention", r#""3d""#, "config.toml, line 2");
        assert_shown(&shown, "pager", r#""more""#, "PAGER");
        assert_shown(&shown, "data", r#""/home/op/.local/state/tidings""#, "the default");
        assert_shown(&shown, "allowed_host", "[]", "the default");
    }

    #[test]
    fn what_cannot_be_used_is_shown_with_its_problem_and_without_its_password() {
        let variables = [("TIDINGS_SERVER", "http://op:hunter2@db1:8434"), ("TIDINGS_TZ", "Mars")];

        let shown = settings(&variables, "").shown(None, None);

        let problems: Vec<_> = shown.iter().filter(|s| s.problem.is_some()).collect();
        let keys: Vec<_> = problems.iter().map(|shown| shown.key).collect();
        assert_eq!(keys, ["data", "server", "tz"]);
        assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
        assert_shown(&shown, "server", r#""http://…@db1:8434""#, "TIDINGS_SERVER");
    }
}
