//! What did the operator configure? The only reader of the environment.
//!
//! Precedence: flag, then `TIDINGS_*`, then the TOML file, then the default. The
//! keys of the file are the names of the flags with underscores. Each setting
//! remembers where it came from, so that an error can say so.

mod etcd;
mod file;
mod paths;
mod shown;
mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

pub use self::etcd::{EtcdFlags, EtcdSettings};
pub use self::paths::ConfigPath;
pub use self::shown::Shown;
use crate::exit::{Exit, Failure};
use crate::settings::file::ConfigFile;
use crate::settings::value::{Given, Source};

/// Where `tidings` looks for a server, and where `tidings serve` listens.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8434";
/// How long events are kept unless told otherwise.
pub const DEFAULT_RETENTION: &str = "24h";
/// Bytes on disk beyond which the oldest events go first.
pub const DEFAULT_RETENTION_SIZE: &str = "2GiB";
/// Events that one question may look at.
pub const DEFAULT_QUERY_EVENTS: u64 = crate::server::limits::QUERY_EVENTS_MAX;
/// What shows a long list on a terminal.
pub const DEFAULT_PAGER: &str = "less -FRX";

/// Every key of the configuration file.
pub const KEYS: [&str; 20] = [
    "listen",
    "data",
    "member",
    "retention",
    "retention_size",
    "query_events_max",
    "allowed_host",
    "etcd",
    "etcd_prefix",
    "etcd_user",
    "etcd_password_file",
    "etcd_ca",
    "etcd_cert",
    "etcd_key",
    "etcd_linger",
    "etcd_quota",
    "server",
    "color",
    "pager",
    "tz",
];

/// What `tidings serve` runs with, fully resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// Loopback addresses to listen on; port 0 picks a free one.
    pub listen: Vec<SocketAddr>,
    /// The data directory.
    pub data: PathBuf,
    /// Our name, and the member of events that name none.
    pub member: String,
    /// How long events are kept.
    pub retention: Duration,
    /// Bytes on disk beyond which the oldest go first.
    pub retention_bytes: u64,
    /// Events that one question may look at.
    pub query_events_max: u64,
    /// Host names besides loopback ones that requests may address.
    pub allowed_hosts: Vec<String>,
    /// The etcd through which the log is shared with other machines, if any.
    pub etcd: Option<EtcdSettings>,
}

/// What the command line of `tidings serve` said; what it left out is empty.
#[derive(Clone, Debug, Default)]
pub struct ServeFlags {
    /// `--listen`.
    pub listen: Vec<String>,
    /// `--data`.
    pub data: Option<String>,
    /// `--member`.
    pub member: Option<String>,
    /// `--retention`.
    pub retention: Option<String>,
    /// `--retention-size`.
    pub retention_size: Option<String>,
    /// `--query-events-max`.
    pub query_events_max: Option<String>,
    /// `--allowed-host`.
    pub allowed_host: Vec<String>,
    /// `--etcd` and all that belongs to it.
    pub etcd: EtcdFlags,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal that can, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The variables of a process.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process that are text.
    pub fn of_process() -> Environment {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// A variable's value; an empty one counts as not set.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Environment {
        Environment(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// The environment and the configuration file of one run.
#[derive(Clone, Debug)]
pub struct Settings {
    environment: Environment,
    file: ConfigFile,
}

impl Settings {
    /// Reads the configuration file: the one of `--config`, or of
    /// `TIDINGS_CONFIG`, or the default one if it is there.
    ///
    /// # Errors
    ///
    /// A file that was asked for cannot be read; it is not TOML; a key in it is
    /// unknown or has a value of the wrong kind.
    pub fn load(config: Option<&Path>, environment: Environment) -> Result<Settings, Failure> {
        let file = match ConfigPath::find(config, &environment) {
            Some(place) if place.is_asked_for() || place.path.exists() => {
                ConfigFile::read(&place.path)?
            }
            _ => ConfigFile::default(),
        };
        Ok(Settings { environment, file })
    }

    /// The settings of this text of a file, whose name is only shown in errors.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`].
    pub fn of_text(path: &Path, toml: &str, environment: Environment) -> Result<Settings, Failure> {
        Ok(Settings { environment, file: ConfigFile::parse(path, toml)? })
    }

    /// What was given for a key, from the strongest source that gave anything.
    fn given(&self, key: &'static str, flag: &[String], default: Option<&str>) -> Option<Given> {
        if !flag.is_empty() {
            return Some(Given { key, values: flag.to_vec(), source: Source::Flag });
        }
        if let Some(value) = self.environment.get(&value::variable(key)) {
            let values = if value::is_list(key) {
                value.split(',').map(|v| v.trim().to_owned()).collect()
            } else {
                vec![value.to_owned()]
            };
            return Some(Given { key, values, source: Source::Variable });
        }
        self.file.given(key).or_else(|| {
            let values = vec![default?.to_owned()];
            Some(Given { key, values, source: Source::Default })
        })
    }

    fn one(&self, key: &'static str, flag: Option<&String>, default: &str) -> Given {
        let flag: Vec<String> = flag.into_iter().cloned().collect();
        let nothing = || Given { key, values: vec![default.into()], source: Source::Default };
        self.given(key, &flag, Some(default)).unwrap_or_else(nothing)
    }

    /// Everything that `tidings serve` needs to know.
    ///
    /// # Errors
    ///
    /// A setting does not parse; the message says its value and where it is from.
    pub fn serve(&self, flags: &ServeFlags) -> Result<ServeSettings, Failure> {
        let listen = self.given("listen", &flags.listen, Some(DEFAULT_LISTEN));
        let listen =
            listen.iter().flat_map(Given::each).map(value::listen).collect::<Result<_, _>>();
        let hosts = self.given("allowed_host", &flags.allowed_host, None);
        let hosts = hosts.iter().flat_map(Given::each).map(value::host).collect::<Result<_, _>>();
        let retention = self.one("retention", flags.retention.as_ref(), DEFAULT_RETENTION);
        let size = flags.retention_size.as_ref();
        let size = self.one("retention_size", size, DEFAULT_RETENTION_SIZE);
        let events = flags.query_events_max.as_ref();
        let events = self.one("query_events_max", events, &DEFAULT_QUERY_EVENTS.to_string());
        Ok(ServeSettings {
            listen: listen?,
            data: self.data(flags.data.as_ref())?,
            member: self.member(flags.member.as_ref())?,
            retention: value::retention(retention.first())?,
            retention_bytes: value::bytes(size.first())?,
            query_events_max: value::events(events.first())?,
            allowed_hosts: hosts?,
            etcd: self.etcd(&flags.etcd)?,
        })
    }

    /// The data directory: given, or systemd's, or the one of this user.
    ///
    /// # Errors
    ///
    /// Nothing says where it is: there is no home directory either.
    pub fn data(&self, flag: Option<&String>) -> Result<PathBuf, Failure> {
        let flag: Vec<String> = flag.into_iter().cloned().collect();
        if let Some(given) = self.given("data", &flag, None) {
            return value::path(given.first());
        }
        paths::default_data(&self.environment).map(|(path, _)| path).ok_or_else(|| {
            Failure::new(Exit::Usage, "no data directory: neither --data nor HOME is set")
                .hint("name one with --data DIR")
        })
    }

    /// Where files may lie for a moment: `TMPDIR`, or `/tmp`.
    pub fn scratch(&self) -> PathBuf {
        PathBuf::from(self.environment.get("TMPDIR").unwrap_or("/tmp"))
    }

    /// Who records: given, or the name of this host.
    ///
    /// # Errors
    ///
    /// It is empty or longer than a member may be.
    pub fn member(&self, flag: Option<&String>) -> Result<String, Failure> {
        value::member(self.one("member", flag, &host_name()).first())
    }

    /// The address of the server that the commands speak to, without a `/` at its
    /// end.
    ///
    /// # Errors
    ///
    /// It is not an `http://` address.
    pub fn server(&self, flag: Option<&String>) -> Result<String, Failure> {
        let default = format!("http://{DEFAULT_LISTEN}");
        value::server(self.one("server", flag, &default).first())
    }

    /// When to colour.
    ///
    /// # Errors
    ///
    /// It is none of `auto`, `always` and `never`.
    pub fn color(&self, flag: Option<&String>) -> Result<ColorChoice, Failure> {
        value::color(self.one("color", flag, "auto").first())
    }

    /// Whether a terminal may be sent colours when nobody said anything.
    pub fn terminal_has_colors(&self) -> bool {
        self.environment.get("NO_COLOR").is_none() && self.environment.get("TERM") != Some("dumb")
    }

    /// The command that shows long output, or `None` for no pager: `TIDINGS_PAGER`,
    /// then `PAGER`, then the file, then `less -FRX`.
    pub fn pager(&self) -> Option<String> {
        let given = self.given_pager();
        let pager = given.values[0].trim();
        (!pager.is_empty() && pager != "cat").then(|| pager.to_owned())
    }

    fn given_pager(&self) -> Given {
        let given = self.one("pager", None, DEFAULT_PAGER);
        match self.environment.get("PAGER") {
            Some(general) if given.source != Source::Variable => {
                let source = Source::Named("PAGER");
                Given { values: vec![general.to_owned()], source, ..given }
            }
            _ => given,
        }
    }

    /// The time zone of what is read and shown; the system's unless given.
    ///
    /// # Errors
    ///
    /// Nobody knows a zone of that name.
    pub fn zone(&self, flag: Option<&String>, utc: bool) -> Result<TimeZone, Failure> {
        if utc {
            return Ok(TimeZone::UTC);
        }
        let flag: Vec<String> = flag.into_iter().cloned().collect();
        let given = self.given("tz", &flag, None);
        given.map_or_else(|| Ok(TimeZone::system()), |given| value::zone(given.first()))
    }
}

/// The name of this host, or `localhost` where it has none.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests;
