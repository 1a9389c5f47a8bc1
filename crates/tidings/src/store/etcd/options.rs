//! Which etcd, as whom, and for how long?

use std::path::PathBuf;
use std::time::Duration;

use etcd_client::{Certificate, ConnectOptions, Identity, TlsOptions};

use crate::clock::Clock;
use crate::event::MAX_EVENT_AGE;

/// What keys begin with by default.
pub const ETCD_PREFIX: &str = "tidings";
/// Bytes of a prefix, at most.
pub const ETCD_PREFIX_BYTES_MAX: usize = 128;
/// How long connecting to one endpoint may take.
pub const ETCD_CONNECT_DEADLINE: Duration = Duration::from_millis(500);
/// How long one call may take.
pub const ETCD_CALL_DEADLINE: Duration = Duration::from_secs(2);
/// How often an open stream asks whether the other side still lives. etcd cuts
/// off who asks more than every 5 s.
const PING_INTERVAL: Duration = Duration::from_secs(6);
/// How long such a question may stay unanswered.
const PING_DEADLINE: Duration = Duration::from_secs(2);

/// Who we are to etcd.
#[derive(Clone, Debug)]
pub struct EtcdUser {
    /// The user's name.
    pub name: String,
    /// A file with the password and nothing else; one line end at its end is not
    /// part of it. It is read again for every login, so that a password can change
    /// while the program runs.
    pub password_file: PathBuf,
}

/// Certificates, as PEM files. All may be left out: then the system's roots say
/// whom to believe, and etcd sees no certificate of ours.
#[derive(Clone, Debug, Default)]
pub struct EtcdTls {
    /// Who may sign etcd's certificate, instead of the system's roots.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, for an etcd that asks for one.
    pub identity_files: Option<(PathBuf, PathBuf)>,
}

/// How to reach etcd, and how long events stay there.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// At least one URL of a member, `http://127.0.0.1:2379`. Calls go to the first
    /// that answers and stay with it; to the next when it fails, or gives no sign of
    /// life for [`super::ETCD_NEXT_AFTER`].
    pub endpoints: Vec<String>,
    /// What keys begin with. Default: [`ETCD_PREFIX`].
    pub prefix: String,
    /// The user, where etcd asks for one.
    pub user: Option<EtcdUser>,
    /// Certificates, for `https` endpoints.
    pub tls: EtcdTls,
    /// How long events stay, counted from `received`. Default:
    /// [`crate::MAX_EVENT_AGE`].
    pub retention: Duration,
    /// Reads the time.
    pub clock: Clock,
}

/// Options that etcd cannot be reached with, whatever its state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EtcdConfigError {
    /// No endpoint.
    #[error("no etcd endpoint was given; one looks like http://127.0.0.1:2379")]
    NoEndpoint,
    /// An endpoint is no URL of a member.
    #[error("the etcd endpoint {given:?} {problem}; one looks like http://127.0.0.1:2379")]
    Endpoint {
        /// As given, without a password.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The prefix cannot begin a key.
    #[error("the etcd prefix {given:?} {problem}")]
    Prefix {
        /// As given.
        given: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificates were given, and an endpoint does not use them.
    #[error("certificates were given, but {endpoint} is not https")]
    PlainEndpoint {
        /// The endpoint.
        endpoint: String,
    },
    /// A file cannot be read.
    #[error("cannot read the {what} in {path:?}: {cause}")]
    File {
        /// Which file it is: `password`, `certificate`, …
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The operating system has no thread to give.
    #[error("cannot start the thread that speaks to etcd: {0}")]
    Thread(std::io::Error),
}

impl EtcdOptions {
    /// The defaults for these endpoints.
    pub fn new<T: Into<String>>(endpoints: impl IntoIterator<Item = T>) -> EtcdOptions {
        EtcdOptions {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            prefix: ETCD_PREFIX.to_owned(),
            user: None,
            tls: EtcdTls::default(),
            retention: MAX_EVENT_AGE,
            clock: Clock::system(),
        }
    }

    /// Looks whether a store can be made with these options: endpoints, prefix, and
    /// files that can be read. Asks no etcd.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used.
    pub fn check(&self) -> Result<(), EtcdConfigError> {
        if self.endpoints.is_empty() {
            return Err(EtcdConfigError::NoEndpoint);
        }
        self.endpoints.iter().try_for_each(|endpoint| self.check_endpoint(endpoint))?;
        self.check_prefix()?;
        self.connecting().map(drop)
    }

    fn check_endpoint(&self, endpoint: &str) -> Result<(), EtcdConfigError> {
        let (scheme, rest) = endpoint.split_once("://").unwrap_or(("", endpoint));
        let problem = match scheme {
            "http" | "https" if rest.contains('@') => {
                "holds a user; give the user by its own setting"
            }
            "http" | "https" if rest.trim_end_matches('/').contains('/') => "has a path",
            "http" | "https" if rest.is_empty() => "names no host",
            "http" | "https" => "",
            _ => "does not begin with http:// or https://",
        };
        if !problem.is_empty() {
            // What stands before an @ may be a password.
            let host = rest.rsplit('@').next().unwrap_or_default();
            let given = if rest.contains('@') {
                format!("{scheme}://…@{host}")
            } else {
                endpoint.to_owned()
            };
            return Err(EtcdConfigError::Endpoint { given, problem });
        }
        let tls = self.tls.ca_file.is_some() || self.tls.identity_files.is_some();
        if tls && scheme == "http" {
            return Err(EtcdConfigError::PlainEndpoint { endpoint: endpoint.to_owned() });
        }
        Ok(())
    }

    fn check_prefix(&self) -> Result<(), EtcdConfigError> {
        let prefix = &self.prefix;
        let good = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let problem = if prefix.is_empty() {
            "is empty".to_owned()
        } else if prefix.len() > ETCD_PREFIX_BYTES_MAX {
            format!("has {} bytes, at most {ETCD_PREFIX_BYTES_MAX} are taken", prefix.len())
        } else if !prefix.chars().all(good) {
            "may have letters, digits, - _ . and /".to_owned()
        } else if prefix.ends_with('/') {
            "ends with a slash: leave it away".to_owned()
        } else {
            return Ok(());
        };
        Err(EtcdConfigError::Prefix { given: prefix.chars().take(60).collect(), problem })
    }

    /// What the client is told; reads the files anew.
    pub(super) fn connecting(&self) -> Result<ConnectOptions, EtcdConfigError> {
        let mut options = ConnectOptions::new()
            .with_connect_timeout(ETCD_CONNECT_DEADLINE)
            .with_keep_alive(PING_INTERVAL, PING_DEADLINE)
            .with_keep_alive_while_idle(false)
            .with_require_leader(true);
        if let Some(user) = &self.user {
            let text = read("password", &user.password_file)?;
            let password = text.strip_suffix('\n').unwrap_or(&text);
            options =
                options.with_user(&user.name, password.strip_suffix('\r').unwrap_or(password));
        }
        if self.endpoints.iter().any(|endpoint| endpoint.starts_with("https://")) {
            options = options.with_tls(self.tls_options()?);
        }
        Ok(options)
    }

    fn tls_options(&self) -> Result<TlsOptions, EtcdConfigError> {
        let mut tls = TlsOptions::new();
        tls = match &self.tls.ca_file {
            Some(path) => tls.ca_certificate(Certificate::from_pem(read("CA certificate", path)?)),
            None => tls.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.tls.identity_files {
            let pem = read("certificate", certificate)?;
            tls = tls.identity(Identity::from_pem(pem, read("key", key)?));
        }
        Ok(tls)
    }
}

fn read(what: &'static str, path: &PathBuf) -> Result<String, EtcdConfigError> {
    std::fs::read_to_string(path).map_err(|cause| EtcdConfigError::File {
        what,
        path: path.clone(),
        cause,
    })
}
