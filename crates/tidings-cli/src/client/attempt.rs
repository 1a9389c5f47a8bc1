//! What became of a call that may be made again?

use std::time::Duration;

use serde::Deserialize;
use ureq::Body;
use ureq::http::Response;

use super::answers::{Batch, Rejected};
use super::{Client, Params};
use crate::exit::{Exit, Failure};

/// What became of one attempt.
#[derive(Debug)]
pub enum Attempt<T> {
    /// It was answered.
    Answered(T),
    /// Not now: the server did nothing, and may say when to come back.
    NotNow {
        /// Its `Retry-After`.
        after: Option<Duration>,
        /// Its words.
        failure: Failure,
    },
    /// The connection was lost: nobody knows what was done.
    Lost(Failure),
}

/// What a server did with lines.
#[derive(Debug)]
pub enum Offered {
    /// Took each for itself.
    Taken(Batch),
    /// Took none, because of these.
    NoneTaken(Vec<Rejected>),
}

/// The answer to a strict batch of which nothing was taken.
#[derive(Debug, Deserialize)]
struct NoneTaken {
    rejected: Vec<Rejected>,
}

impl Client {
    /// Offers the events of these lines of JSON; with `strict` all of them or none.
    ///
    /// # Errors
    ///
    /// What no further attempt can cure.
    pub fn offer_lines(&self, lines: &[u8], strict: bool) -> Result<Attempt<Offered>, Failure> {
        let params = strict.then(|| ("strict".to_owned(), "1".to_owned()));
        let url = self.url("/api/v1/events", &Params::from_iter(params));
        let request = self.agent.post(url).header("Content-Type", "application/x-ndjson");
        self.attempt(request.send(lines), |status, body| match status {
            200..300 => serde_json::from_slice(body).ok().map(Offered::Taken),
            422 => serde_json::from_slice(body)
                .ok()
                .map(|NoneTaken { rejected }| Offered::NoneTaken(rejected)),
            _ => None,
        })
    }

    /// Whether the server has an event of this id.
    ///
    /// # Errors
    ///
    /// What no further attempt can cure.
    pub fn has(&self, id: &str) -> Result<Attempt<bool>, Failure> {
        let url = self.url(&format!("/api/v1/events/{id}"), &Params::new());
        self.attempt(self.agent.get(url).call(), |status, _| match status {
            200 => Some(true),
            404 | 410 => Some(false),
            _ => None,
        })
    }

    /// Reads an answer; `meaning` is what one says, unless it is a failure.
    fn attempt<T>(
        &self,
        called: Result<Response<Body>, ureq::Error>,
        meaning: impl FnOnce(u16, &[u8]) -> Option<T>,
    ) -> Result<Attempt<T>, Failure> {
        let mut response = match called {
            Ok(response) => response,
            Err(error) => return Ok(Attempt::Lost(self.unreachable(&error))),
        };
        let status = response.status().as_u16();
        let body =
            match response.body_mut().with_config().limit(super::ANSWER_BYTES_MAX).read_to_vec() {
                Ok(body) => body,
                Err(error) => return Ok(Attempt::Lost(self.unreachable(&error))),
            };
        if let Some(answer) = meaning(status, &body) {
            return Ok(Attempt::Answered(answer));
        }
        let failure = self.failure(status, &body);
        match (status, failure.exit) {
            (429 | 503, _) => Ok(Attempt::NotNow { after: retry_after(&response), failure }),
            // Somebody between us and the server may answer for it while it restarts.
            (_, Exit::Unreachable) => Ok(Attempt::Lost(failure)),
            _ => Err(failure),
        }
    }
}

/// The seconds of `Retry-After`; a date, which no tidings sends, is passed over.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
