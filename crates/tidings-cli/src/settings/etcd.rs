//! Which etcd is the log shared through, and as whom?
//!
//! Nothing here holds a password: it stays in its file, which only the library
//! reads.

use std::path::PathBuf;
use std::time::Duration;

use super::value::{self, Given, Source};
use super::{Settings, paths};
use crate::exit::Failure;

/// What keys in etcd begin with unless told otherwise.
pub(super) const DEFAULT_ETCD_PREFIX: &str = "tidings";
/// How long a publication waits for more under steady load.
pub(super) const DEFAULT_ETCD_LINGER: &str = "1s";
/// What etcd's own quota is unless it was told otherwise.
pub(super) const DEFAULT_ETCD_QUOTA: &str = "2GiB";

/// The keys that mean nothing without `etcd`.
const DEPENDENT_KEYS: [&str; 8] = [
    "etcd_prefix",
    "etcd_user",
    "etcd_password_file",
    "etcd_ca",
    "etcd_cert",
    "etcd_key",
    "etcd_linger",
    "etcd_quota",
];

/// The etcd of a server, fully resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdSettings {
    /// URLs of its members.
    pub endpoints: Vec<String>,
    /// What keys begin with.
    pub prefix: String,
    /// A user's name, and the file with the password.
    pub user: Option<(String, PathBuf)>,
    /// Who may sign etcd's certificate.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity_files: Option<(PathBuf, PathBuf)>,
    /// How long a publication waits for more under steady load.
    pub linger: Duration,
    /// Bytes that etcd holds at most.
    pub quota_bytes: u64,
}

/// What the command line of `tidings serve` said of etcd.
#[derive(Clone, Debug, Default)]
pub struct EtcdFlags {
    /// `--etcd`.
    pub etcd: Vec<String>,
    /// `--etcd-prefix`.
    pub prefix: Option<String>,
    /// `--etcd-user`.
    pub user: Option<String>,
    /// `--etcd-password-file`.
    pub password_file: Option<String>,
    /// `--etcd-ca`.
    pub ca: Option<String>,
    /// `--etcd-cert`.
    pub cert: Option<String>,
    /// `--etcd-key`.
    pub key: Option<String>,
    /// `--etcd-linger`.
    pub linger: Option<String>,
    /// `--etcd-quota`.
    pub quota: Option<String>,
}

impl EtcdFlags {
    fn of(&self, key: &str) -> Option<&String> {
        match key {
            "etcd_prefix" => self.prefix.as_ref(),
            "etcd_user" => self.user.as_ref(),
            "etcd_password_file" => self.password_file.as_ref(),
            "etcd_ca" => self.ca.as_ref(),
            "etcd_cert" => self.cert.as_ref(),
            "etcd_key" => self.key.as_ref(),
            "etcd_linger" => self.linger.as_ref(),
            "etcd_quota" => self.quota.as_ref(),
            _ => None,
        }
    }
}

impl Settings {
    /// The etcd of this server, or `None` for a server that stands alone.
    pub(super) fn etcd(&self, flags: &EtcdFlags) -> Result<Option<EtcdSettings>, Failure> {
        let given = |key| self.given(key, flags.of(key).cloned().as_slice(), None);
        let etcd = self.given("etcd", &flags.etcd, None).filter(|given| !given.values.is_empty());
        let Some(etcd) = etcd else {
            return match DEPENDENT_KEYS.into_iter().find_map(given) {
                Some(useless) => Err(useless.first().bad("needs --etcd URL")),
                None => Ok(None),
            };
        };
        let endpoints = etcd.each().map(value::endpoint).collect::<Result<_, _>>()?;
        let one = |key: &'static str, default| self.one(key, flags.of(key), default);
        let file = |key| given(key).map(|given| value::path(given.first())).transpose();
        let settings = EtcdSettings {
            endpoints,
            prefix: value::prefix(one("etcd_prefix", DEFAULT_ETCD_PREFIX).first())?,
            user: self.etcd_user(given("etcd_user"), given("etcd_password_file"))?,
            ca_file: file("etcd_ca")?,
            identity_files: match (given("etcd_cert"), given("etcd_key")) {
                (Some(cert), Some(key)) => {
                    Some((value::path(cert.first())?, value::path(key.first())?))
                }
                (Some(cert), None) => return Err(cert.first().bad("needs --etcd-key FILE")),
                (None, Some(key)) => return Err(key.first().bad("needs --etcd-cert FILE")),
                (None, None) => None,
            },
            linger: value::linger(one("etcd_linger", DEFAULT_ETCD_LINGER).first())?,
            quota_bytes: value::bytes(one("etcd_quota", DEFAULT_ETCD_QUOTA).first())?,
        };
        #[cfg(feature = "etcd")]
        settings.check()?;
        Ok(Some(settings))
    }

    /// The user with the file of the password, which systemd may have put where
    /// credentials are.
    fn etcd_user(
        &self,
        user: Option<Given>,
        file: Option<Given>,
    ) -> Result<Option<(String, PathBuf)>, Failure> {
        let Some(user) = user else {
            return match file {
                Some(file) => Err(file.first().bad("needs --etcd-user NAME")),
                None => Ok(None),
            };
        };
        let file = file.or_else(|| {
            let path = paths::credential(&self.environment, "etcd-password")?;
            let values = vec![path.display().to_string()];
            let source = Source::Named("CREDENTIALS_DIRECTORY");
            Some(Given { key: "etcd_password_file", values, source })
        });
        match file {
            Some(file) => Ok(Some((value::name(user.first())?, value::path(file.first())?))),
            None => Err(user.first().bad("needs --etcd-password-file FILE")),
        }
    }
}

#[cfg(feature = "etcd")]
impl EtcdSettings {
    /// How the library reaches this etcd, for events that are kept so long.
    pub fn options(&self, retention: Duration) -> tidings::store::etcd::EtcdOptions {
        use tidings::store::etcd::{EtcdOptions, EtcdTls, EtcdUser};
        let user = self.user.clone();
        EtcdOptions {
            prefix: self.prefix.clone(),
            user: user.map(|(name, password_file)| EtcdUser { name, password_file }),
            tls: EtcdTls {
                ca_file: self.ca_file.clone(),
                identity_files: self.identity_files.clone(),
            },
            retention,
            ..EtcdOptions::new(self.endpoints.iter().cloned())
        }
    }

    /// Whether the settings fit each other and the files can be read.
    fn check(&self) -> Result<(), Failure> {
        let checked = self.options(Duration::from_secs(1)).check();
        checked.map_err(|error| Failure::new(crate::exit::Exit::Usage, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::{Environment, ServeFlags};

    fn settings(variables: &[(&str, &str)], toml: &str) -> Settings {
        let variables = [&[("HOME", "/home/op")], variables].concat();
        let environment: Environment = variables.iter().copied().collect();
        Settings::of_text(Path::new("config.toml"), toml, environment).unwrap()
    }

    fn of_file(toml: &str) -> Result<Option<EtcdSettings>, Failure> {
        settings(&[], toml).serve(&ServeFlags::default()).map(|serve| serve.etcd)
    }

    #[track_caller]
    fn assert_refused(toml: &str, message: &str) {
        assert_eq!(of_file(toml).unwrap_err().message, message);
    }

    const ETCD: &str = "etcd = \"http://10.0.0.1:2379\"\n";

    #[test]
    fn a_server_stands_alone_unless_an_etcd_is_given() {
        assert_eq!(of_file("").unwrap(), None);
        assert_eq!(of_file("etcd = []").unwrap(), None);
    }

    #[test]
    fn an_etcd_alone_is_enough() {
        let etcd = of_file(ETCD).unwrap().unwrap();

        assert_eq!(etcd.endpoints, ["http://10.0.0.1:2379"]);
        assert_eq!((etcd.prefix.as_str(), etcd.user), ("tidings", None));
        assert_eq!((etcd.linger, etcd.quota_bytes), (Duration::from_secs(1), 2 << 30));
    }

    #[test]
    fn members_are_flags_commas_in_variables_and_arrays_in_the_file() {
        let two = ["http://a:2379", "http://b:2379"];
        let nothing = ServeFlags::default();
        let flags = EtcdFlags { etcd: two.map(str::to_owned).into(), ..EtcdFlags::default() };
        let flags = ServeFlags { etcd: flags, ..nothing.clone() };
        let variable = ("TIDINGS_ETCD", "http://a:2379, http://b:2379");
        let file = r#"etcd = ["http://a:2379", "http://b:2379"]"#;

        for (settings, flags) in [
            (settings(&[], ""), &flags),
            (settings(&[variable], ""), &nothing),
            (settings(&[], file), &nothing),
        ] {
            assert_eq!(settings.serve(flags).unwrap().etcd.unwrap().endpoints, two);
        }
    }

    #[test]
    fn each_value_that_cannot_be_meant_is_told_with_its_origin() {
        let from = "(from config.toml, line 1)";
        assert_refused(
            "etcd = \"10.0.0.1:2379\"",
            &format!(
                "etcd = \"10.0.0.1:2379\" {from}: does not begin with http:// or https://; one \
                 looks like http://127.0.0.1:2379"
            ),
        );
        assert_refused(
            &format!("etcd_prefix = \"a b\"\n{ETCD}"),
            &format!("etcd_prefix = \"a b\" {from}: may have letters, digits, - _ . and /"),
        );
        assert_refused(
            &format!("etcd_linger = \"11s\"\n{ETCD}"),
            &format!("etcd_linger = \"11s\" {from}: must be at most 10s"),
        );
        assert_refused(
            &format!("etcd_quota = \"lots\"\n{ETCD}"),
            &format!(
                "etcd_quota = \"lots\" {from}: must be a size such as 2GiB, 500MB or a number \
                 of bytes"
            ),
        );
    }

    #[test]
    fn what_is_useless_alone_says_what_it_needs() {
        let from = "(from config.toml, line 1)";
        for key in DEPENDENT_KEYS {
            assert_refused(
                &format!("{key} = \"x\""),
                &format!("{key} = \"x\" {from}: needs --etcd URL"),
            );
        }
        for (key, needs) in [
            ("etcd_user", "--etcd-password-file FILE"),
            ("etcd_password_file", "--etcd-user NAME"),
            ("etcd_cert", "--etcd-key FILE"),
            ("etcd_key", "--etcd-cert FILE"),
        ] {
            assert_refused(
                &format!("{key} = \"x\"\n{ETCD}"),
                &format!("{key} = \"x\" {from}: needs {needs}"),
            );
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_and_a_certificate_for_plain_http_are_refused() {
        let user = "etcd_user = \"u\"\netcd_password_file = \"/no/such/file\"";
        let said = of_file(&format!("{ETCD}{user}")).unwrap_err().message;
        assert!(said.starts_with("cannot read the password in \"/no/such/file\": "), "{said}");
        assert_refused(
            &format!("{ETCD}etcd_ca = \"/no/such/file\""),
            "certificates were given, but http://10.0.0.1:2379 is not https",
        );
    }

    #[test]
    fn the_password_may_lie_where_systemd_puts_credentials() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("etcd-password"), "secret").unwrap();
        let credentials = ("CREDENTIALS_DIRECTORY", dir.path().to_str().unwrap());

        let etcd = settings(&[credentials], &format!("{ETCD}etcd_user = \"u\""));

        let etcd = etcd.serve(&ServeFlags::default()).unwrap().etcd.unwrap();
        assert_eq!(etcd.user, Some(("u".to_owned(), dir.path().join("etcd-password"))));
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        for address in ["http://root:hunter2@db1:2379", "root:hunter2@db1:2379", "hunter2@db1"] {
            let settings = settings(&[("TIDINGS_ETCD", address)], "");

            let refused = settings.serve(&ServeFlags::default()).unwrap_err();
            let shown = settings.shown(None, None);

            assert!(refused.message.contains("…@db1"), "{}", refused.message);
            assert!(!refused.message.contains("hunter2"), "{}", refused.message);
            assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
        }
    }
}
