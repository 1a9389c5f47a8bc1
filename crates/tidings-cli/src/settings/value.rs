//! What does one setting's text mean, and where did it come from?

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
#[cfg(feature = "etcd")]
use tidings::store::etcd::{EtcdConfigError, EtcdOptions};

use super::ColorChoice;
use crate::exit::{Exit, Failure};
use crate::times;

/// What was given for one key, and by whom.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) key: &'static str,
    /// Never empty.
    pub(super) values: Vec<String>,
    pub(super) source: Source,
}

/// Who gave a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Flag,
    Variable,
    /// A variable that is not ours, such as `PAGER`.
    Named(&'static str),
    File {
        path: PathBuf,
        line: usize,
    },
    Default,
}

/// One text of a setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    given: &'a Given,
    text: &'a str,
}

/// The variable of a key: `TIDINGS_RETENTION`.
pub(super) fn variable(key: &str) -> String {
    format!("TIDINGS_{}", key.to_uppercase())
}

/// Whether a key takes more than one value; a variable separates them by commas.
pub(super) fn is_list(key: &str) -> bool {
    matches!(key, "listen" | "allowed_host" | "etcd")
}

impl Given {
    pub(super) fn each(&self) -> impl Iterator<Item = Value<'_>> {
        self.values.iter().map(|text| Value { given: self, text })
    }

    /// Who gave it: `--retention`, `TIDINGS_RETENTION`, `/etc/t.toml, line 3`.
    pub(super) fn origin(&self) -> String {
        match &self.source {
            Source::Flag => format!("--{}", self.key.replace('_', "-")),
            Source::Variable => variable(self.key),
            Source::Named(name) => (*name).to_owned(),
            Source::File { path, line } => format!("{}, line {line}", path.display()),
            Source::Default => "the default".to_owned(),
        }
    }

    /// The only value. More than one is told by [`single`].
    pub(super) fn first(&self) -> Value<'_> {
        Value { given: self, text: self.values.first().map_or("", String::as_str) }
    }
}

impl Value<'_> {
    /// `retention = "24x" (from TIDINGS_RETENTION): …`
    pub(super) fn bad(&self, why: impl fmt::Display) -> Failure {
        let Given { key, .. } = self.given;
        let (text, origin) = (without_password(key, self.text), self.given.origin());
        Failure::new(Exit::Usage, format!("{key} = {text:?} (from {origin}): {why}"))
    }
}

/// The value of a key without the name and password of an address in it, which
/// nobody needs to read.
pub(super) fn without_password<'a>(key: &str, text: &'a str) -> Cow<'a, str> {
    let is_address = matches!(key, "server" | "etcd");
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None if is_address => (String::new(), text),
        None => return text.into(),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}…@{host}").into(),
        None => text.into(),
    }
}

/// The text of a setting that has one value only.
fn single(value: Value<'_>) -> Result<&str, Failure> {
    match value.given.values.len() {
        1 => Ok(value.text),
        count => Err(value.bad(format!("one value is wanted, {count} are given"))),
    }
}

/// Any text, but only one.
pub(super) fn one(value: Value<'_>) -> Result<(), Failure> {
    single(value).map(drop)
}

pub(super) fn listen(value: Value<'_>) -> Result<SocketAddr, Failure> {
    let numeric = value.text.replacen("localhost:", "127.0.0.1:", 1);
    let address: SocketAddr = numeric
        .parse()
        .map_err(|_| value.bad("must be an address with a port, such as 127.0.0.1:8434"))?;
    if !address.ip().is_loopback() {
        return Err(value.bad("only loopback addresses are served: use 127.0.0.1 or [::1]"));
    }
    Ok(address)
}

pub(super) fn host(value: Value<'_>) -> Result<String, Failure> {
    let text = value.text;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if text.is_empty() || !text.chars().all(plain) {
        return Err(value.bad("must be a host name without scheme, port or path"));
    }
    Ok(text.to_ascii_lowercase())
}

pub(super) fn path(value: Value<'_>) -> Result<PathBuf, Failure> {
    let what = if value.given.key == "data" { "directory" } else { "file" };
    match single(value)? {
        "" => Err(value.bad(format!("must name a {what}"))),
        text => Ok(PathBuf::from(text)),
    }
}

pub(super) fn member(value: Value<'_>) -> Result<String, Failure> {
    let text = single(value)?;
    tidings::Event::new("member", "")
        .with_member(text)
        .validate()
        .map_err(|invalid| value.bad(invalid.problem))?;
    Ok(text.to_owned())
}

pub(super) fn retention(value: Value<'_>) -> Result<Duration, Failure> {
    let span = times::parse_span(single(value)?).map_err(|error| value.bad(error))?;
    if span < Duration::from_secs(1) {
        return Err(value.bad("must be at least 1s"));
    }
    Ok(span)
}

/// Bytes that a store needs at least: a few blocks and its own books.
const RETENTION_BYTES_MIN: u64 = 1024 * 1024;

const SIZES: [(&str, u64); 9] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("kib", 1 << 10),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

pub(super) fn bytes(value: Value<'_>) -> Result<u64, Failure> {
    let text = single(value)?.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = text[digits..].trim_start().to_ascii_lowercase();
    let factor = SIZES.iter().find(|size| size.0 == unit).map(|size| size.1);
    let bytes = text[..digits].parse::<u64>().ok().zip(factor);
    match bytes.and_then(|(count, factor)| count.checked_mul(factor)) {
        None => Err(value.bad("must be a size such as 2GiB, 500MB or a number of bytes")),
        Some(bytes) if bytes < RETENTION_BYTES_MIN => Err(value.bad("must be at least 1MiB")),
        Some(bytes) => Ok(bytes),
    }
}

/// A number of events, at least 1.
pub(super) fn events(value: Value<'_>) -> Result<u64, Failure> {
    match single(value)?.trim().parse() {
        Ok(0) | Err(_) => Err(value.bad("must be a whole number, at least 1")),
        Ok(events) => Ok(events),
    }
}

/// A name of somebody: any text that is not empty.
pub(super) fn name(value: Value<'_>) -> Result<String, Failure> {
    match single(value)? {
        "" => Err(value.bad("must not be empty")),
        text => Ok(text.to_owned()),
    }
}

/// How long a publication may wait for more, at most.
const ETCD_LINGER_MAX: Duration = Duration::from_secs(10);

pub(super) fn linger(value: Value<'_>) -> Result<Duration, Failure> {
    let span = times::parse_span(single(value)?).map_err(|error| value.bad(error))?;
    if span > ETCD_LINGER_MAX {
        return Err(value.bad("must be at most 10s"));
    }
    Ok(span)
}

/// The URL of a member of etcd, as the library wants it.
#[cfg(feature = "etcd")]
pub(super) fn endpoint(value: Value<'_>) -> Result<String, Failure> {
    match EtcdOptions::new([value.text]).check() {
        Err(EtcdConfigError::Endpoint { problem, .. }) => {
            Err(value.bad(format!("{problem}; one looks like http://127.0.0.1:2379")))
        }
        Err(other) => Err(value.bad(other)),
        Ok(()) => Ok(value.text.to_owned()),
    }
}

/// What keys in etcd may begin with.
#[cfg(feature = "etcd")]
pub(super) fn prefix(value: Value<'_>) -> Result<String, Failure> {
    let prefix = single(value)?.to_owned();
    let options = EtcdOptions { prefix, ..EtcdOptions::new(["http://127.0.0.1:2379"]) };
    match options.check() {
        Err(EtcdConfigError::Prefix { problem, .. }) => Err(value.bad(problem)),
        Err(other) => Err(value.bad(other)),
        Ok(()) => Ok(options.prefix),
    }
}

/// Whatever it is, it is refused.
#[cfg(not(feature = "etcd"))]
pub(super) fn endpoint(value: Value<'_>) -> Result<String, Failure> {
    Err(value.bad("this tidings was built without etcd"))
}

/// Nobody asks: there is no endpoint.
#[cfg(not(feature = "etcd"))]
pub(super) fn prefix(value: Value<'_>) -> Result<String, Failure> {
    single(value).map(str::to_owned)
}

pub(super) fn server(value: Value<'_>) -> Result<String, Failure> {
    let text = single(value)?.trim_end_matches('/');
    let address = text.strip_prefix("http://").unwrap_or_default();
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '?' | '#' | '@');
    if address.is_empty() || !address.chars().all(plain) {
        return Err(value.bad("must be an address such as http://127.0.0.1:8434"));
    }
    Ok(text.to_owned())
}

pub(super) fn color(value: Value<'_>) -> Result<ColorChoice, Failure> {
    match single(value)? {
        "auto" => Ok(ColorChoice::Auto),
        "always" => Ok(ColorChoice::Always),
        "never" => Ok(ColorChoice::Never),
        _ => Err(value.bad("must be auto, always or never")),
    }
}

pub(super) fn zone(value: Value<'_>) -> Result<TimeZone, Failure> {
    let name = single(value)?;
    TimeZone::get(name)
        .map_err(|_| value.bad("unknown time zone; use a name such as Europe/Berlin or UTC"))
}
