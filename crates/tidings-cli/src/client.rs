//! How do the commands speak to a server? HTTP/1.1 over `ureq`, blocking.
//!
//! Every call has a deadline: [`CONNECT_TIMEOUT`] to connect, and
//! [`SILENCE_MAX`] without a byte. No proxy is used and no redirect followed:
//! the address names the server itself.

pub mod answers;
pub mod attempt;
pub mod counts;
pub mod lines;
pub mod stream;

use std::fmt::Write as _;
use std::io::Read as _;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tidings::Event;
use ureq::http::Response;
use ureq::{Agent, Body};

use self::answers::{Added, Batch, Page, PageBody, ProblemBody, Shown, Stats};
use self::counts::{Counts, Names, NamesBody, NamesOf};
use self::lines::Lines;
use self::stream::Stream;
use crate::exit::{Exit, Failure};

/// How long a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may be silent. A stream says every 15 s that it lives.
pub const SILENCE_MAX: Duration = Duration::from_secs(45);
/// Bytes of one answer, at most.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Bytes of an error that are read.
const PROBLEM_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of a foreign answer that are shown.
const FOREIGN_BYTES_SHOWN: usize = 200;

/// Speaks to one server.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    agent: Agent,
}

/// Names and values of a query.
pub type Params = Vec<(String, String)>;

impl Client {
    /// A client of the server at `base`, such as `http://127.0.0.1:8434`.
    pub fn new(base: impl Into<String>) -> Client {
        Client::with_patience(base, SILENCE_MAX)
    }

    /// A client that gives up sooner on a server that does not answer.
    pub fn with_patience(base: impl Into<String>, silence_max: Duration) -> Client {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .user_agent(concat!("tidings/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIMEOUT.min(silence_max)))
            .timeout_per_read(Some(silence_max))
            .timeout_per_write(Some(silence_max));
        Client { base: base.into(), agent: config.build().new_agent() }
    }

    /// The server's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// One page of a list.
    ///
    /// # Errors
    ///
    /// As every call: the server is not reached, refuses, or answers something
    /// else than a tidings would.
    pub fn list(&self, params: &Params) -> Result<Page, Failure> {
        let page: PageBody = self.get("/api/v1/events", params)?;
        page.read().map_err(|error| self.foreign(&error.to_string()))
    }

    /// One event in full, with `context` events around it.
    ///
    /// # Errors
    ///
    /// As [`Client::list`]; the event is not there, or not any more.
    pub fn show(&self, id: &str, context: Option<u32>) -> Result<Shown, Failure> {
        let path = format!("/api/v1/events/{id}");
        let raw: Box<serde_json::value::RawValue> = match context {
            None => self.get(&path, &Params::new())?,
            Some(count) => self.get(&path, &vec![("context".to_owned(), count.to_string())])?,
        };
        Shown::read(raw, context.is_some()).map_err(|error| self.foreign(&error.to_string()))
    }

    /// Counts over time.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn histogram(&self, params: &Params) -> Result<Counts, Failure> {
        let raw = self.get("/api/v1/histogram", params)?;
        Counts::read(raw).map_err(|error| self.foreign(&error.to_string()))
    }

    /// The members or types that occurred.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn names(&self, of: NamesOf, params: &Params) -> Result<Names, Failure> {
        let path = match of {
            NamesOf::Members => "/api/v1/members",
            NamesOf::Types => "/api/v1/types",
        };
        let body: NamesBody = self.get(path, params)?;
        body.read().map_err(|error| self.foreign(&error.to_string()))
    }

    /// How the server is.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn stats(&self) -> Result<Stats, Failure> {
        let raw = self.get("/api/v1/stats", &Params::new())?;
        Stats::read(raw).map_err(|error| self.foreign(&error.to_string()))
    }

    /// Records one event.
    ///
    /// # Errors
    ///
    /// As [`Client::list`]; the event breaks a rule, or another one has its key.
    pub fn add(&self, event: &Event) -> Result<Added, Failure> {
        let body = serde_json::to_vec(event)
            .map_err(|error| Failure::new(Exit::Usage, format!("the event: {error}")))?;
        self.post("application/json", &body)
    }

    /// Records the events of these lines of JSON, each for itself.
    ///
    /// # Errors
    ///
    /// As [`Client::list`]; then nobody knows which of them are recorded, unless
    /// the message says so.
    pub fn add_lines(&self, lines: &[u8]) -> Result<Batch, Failure> {
        self.post("application/x-ndjson", lines)
    }

    /// Follows what happens; goes on after `last_event_id` if there is one.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn stream(&self, params: &Params, last_event_id: Option<&str>) -> Result<Stream, Failure> {
        let url = self.url("/api/v1/events/stream", params);
        let mut request = self.agent.get(url).header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = self.check(request.call())?;
        let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Stream::new(reader))
    }

    /// A list to its end, one event a line.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn lines(&self, params: &Params) -> Result<Lines, Failure> {
        let url = self.url("/api/v1/events", params);
        let request = self.agent.get(url).header("Accept", "application/x-ndjson");
        let response = self.check(request.call())?;
        // An answer that ends with its connection would end whole wherever it is cut.
        let framed = ["transfer-encoding", "content-length"];
        if !framed.iter().any(|name| response.headers().contains_key(*name)) {
            return Err(self.foreign("it does not say where its answer ends"));
        }
        let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Lines::new(reader))
    }

    fn get<T: DeserializeOwned>(&self, path: &str, params: &Params) -> Result<T, Failure> {
        let request = self.agent.get(self.url(path, params)).header("Accept", "application/json");
        self.read(self.check(request.call())?)
    }

    fn post<T: DeserializeOwned>(&self, media: &str, body: &[u8]) -> Result<T, Failure> {
        let url = self.url("/api/v1/events", &Params::new());
        let request = self.agent.post(url).header("Content-Type", media);
        self.read(self.check(request.send(body))?)
    }

    fn url(&self, path: &str, params: &Params) -> String {
        let mut url = format!("{}{path}", self.base);
        for (place, (name, value)) in params.iter().enumerate() {
            url.push(if place == 0 { '?' } else { '&' });
            push_encoded(&mut url, name);
            url.push('=');
            push_encoded(&mut url, value);
        }
        url
    }

    fn read<T: DeserializeOwned>(&self, mut response: Response<Body>) -> Result<T, Failure> {
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.foreign(&error.to_string()))
    }

    /// Lets answers through; errors become the words of the server.
    fn check(
        &self,
        called: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        let mut response = called.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let mut body = Vec::new();
        // What cannot be read of an error is left out of it.
        let _ = response.body_mut().as_reader().take(PROBLEM_BYTES_MAX).read_to_end(&mut body);
        Err(self.failure(status, &body))
    }

    /// What an answer says that is none.
    fn failure(&self, status: u16, body: &[u8]) -> Failure {
        match serde_json::from_slice::<ProblemBody>(body) {
            Ok(problem) => refused(status, &problem),
            Err(_) => self.foreign(&format!(
                "status {status}, {:?}",
                String::from_utf8_lossy(&body[..body.len().min(FOREIGN_BYTES_SHOWN)])
            )),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let cause = match error {
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::BadUri(_) => "that is not an address".to_owned(),
            ureq::Error::Timeout(_) => "it does not answer in time".to_owned(),
            other => other.to_string(),
        };
        let message = format!("cannot reach the server at {}: {cause}", self.base);
        Failure::new(Exit::Unreachable, message).hint("start a server with tidings serve")
    }

    fn foreign(&self, what: &str) -> Failure {
        let message = format!("what answers at {} is not a tidings server: {what}", self.base);
        Failure::new(Exit::Unreachable, message).hint("name another one with --server URL")
    }
}

/// The words of a server that did not do what it was asked.
fn refused(status: u16, problem: &ProblemBody) -> Failure {
    let exit = match status {
        400 | 413 | 414 | 422 => Exit::Usage,
        401 | 403 | 421 => Exit::Refused,
        _ => Exit::Failed,
    };
    let words = problem.detail.as_deref().or(problem.title.as_deref());
    let fallback = format!("the server answers with status {status}");
    let failure = Failure::new(exit, words.map_or(fallback, str::to_owned));
    match status {
        429 | 503 => failure.hint("try again in a few seconds"),
        _ => failure,
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => drop(write!(url, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_encoded() {
        let params = vec![("field.a b".to_owned(), "x&y=ü".to_owned()), ("q".into(), "+".into())];

        let url = Client::new("http://h:1").url("/p", &params);

        assert_eq!(url, "http://h:1/p?field.a%20b=x%26y%3D%C3%BC&q=%2B");
    }

    #[test]
    fn the_servers_words_and_whose_fault_it_is_are_kept() {
        let problem: ProblemBody = serde_json::from_str(r#"{"detail":"limit is 0"}"#).unwrap();

        for (status, exit) in [
            (422, Exit::Usage),
            (400, Exit::Usage),
            (421, Exit::Refused),
            (404, Exit::Failed),
            (503, Exit::Failed),
        ] {
            let failure = refused(status, &problem);
            assert_eq!((failure.exit, failure.message.as_str()), (exit, "limit is 0"));
        }
    }

    #[test]
    fn a_port_where_nobody_listens_is_unreachable() {
        // The listener is gone before the call, so nobody has its port.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let failure = Client::new(format!("http://127.0.0.1:{port}")).stats().unwrap_err();

        assert_eq!(failure.exit, Exit::Unreachable);
        assert_eq!(failure.hint.as_deref(), Some("start a server with tidings serve"));
    }
}
