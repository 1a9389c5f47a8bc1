//! What does a client hear when it cannot have what it asked for?
//!
//! One shape for every error: `application/problem+json` (RFC 9457). The detail
//! is written for the client and never holds paths, headers or causes from
//! inside; those go to the log.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// Why a request has no answer, for machines: the last part of `type`, the
/// status and the title belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request or its body does not parse.
    Malformed,
    /// The query names a parameter that this route does not have.
    UnknownParameter,
    /// `q` does not parse, and strictness was asked for.
    BadQuery,
    /// A cursor of the other kind, or no cursor at all.
    BadCursor,
    /// Another site's page asks us to write, or a proxy forwards to us.
    Forbidden,
    /// Nothing is there.
    NotFound,
    /// Something is there, but not for this method.
    MethodNotAllowed,
    /// None of the media types that the client accepts.
    NotAcceptable,
    /// The body did not arrive in time.
    Timeout,
    /// Another event is there under the same key.
    KeyConflict,
    /// It was here, and its time is over.
    Gone,
    /// Over a limit.
    TooLarge,
    /// A media type or encoding that we do not read.
    UnsupportedType,
    /// A host name that is not ours.
    Misdirected,
    /// It parses, but a value breaks a rule.
    Invalid,
    /// Our own failure.
    Internal,
    /// Not now; try again.
    Unavailable,
}

impl Kind {
    /// The status that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Kind::Malformed | Kind::UnknownParameter | Kind::BadQuery | Kind::BadCursor => {
                StatusCode::BAD_REQUEST
            }
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Kind::Timeout => StatusCode::REQUEST_TIMEOUT,
            Kind::KeyConflict => StatusCode::CONFLICT,
            Kind::Gone => StatusCode::GONE,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn name_and_title(self) -> (&'static str, &'static str) {
        match self {
            Kind::Malformed => ("malformed", "The request does not parse"),
            Kind::UnknownParameter => ("unknown-parameter", "Unknown parameter"),
            Kind::BadQuery => ("bad-query", "The query does not parse"),
            Kind::BadCursor => ("bad-cursor", "The cursor cannot be used here"),
            Kind::Forbidden => ("forbidden", "Refused"),
            Kind::NotFound => ("not-found", "Nothing is here"),
            Kind::MethodNotAllowed => ("method-not-allowed", "Not with this method"),
            Kind::NotAcceptable => ("not-acceptable", "None of the accepted types"),
            Kind::Timeout => ("timeout", "The body did not arrive in time"),
            Kind::KeyConflict => ("key-conflict", "Another event has this key"),
            Kind::Gone => ("gone", "No longer kept"),
            Kind::TooLarge => ("too-large", "Over a limit"),
            Kind::UnsupportedType => ("unsupported-type", "Unknown type or encoding"),
            Kind::Misdirected => ("misdirected", "Not a name of this server"),
            Kind::Invalid => ("invalid", "A value breaks a rule"),
            Kind::Internal => ("internal", "The server failed"),
            Kind::Unavailable => ("unavailable", "Not now"),
        }
    }
}

/// An answer that says why there is none.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The media type of a problem.
const PROBLEM_JSON: &str = "application/problem+json";

impl Problem {
    /// What went wrong, in a sentence for the client.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), more: Map::new(), headers: Vec::new() }
    }

    /// A value of `field` that breaks a rule.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Problem {
        Problem::new(Kind::Invalid, detail).with("field", field)
    }

    /// Over `limit`, which is named.
    pub fn too_large(detail: impl Into<String>, limit: usize) -> Problem {
        Problem::new(Kind::TooLarge, detail).with("limit", limit)
    }

    /// Not now, but in so many seconds.
    pub fn unavailable(detail: impl Into<String>, retry_after_seconds: u32) -> Problem {
        Problem::new(Kind::Unavailable, detail)
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    /// Logs what happened, and tells the client only that something did.
    pub fn internal(error: &dyn std::fmt::Display) -> Problem {
        tracing::error!(%error, "a request failed");
        Problem::new(Kind::Internal, "the server could not read its log; its own log says why")
    }

    /// Adds a member of its own.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it says.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn body(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl Serialize for Problem {
    /// In the order in which people read it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, title) = self.kind.name_and_title();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format!("urn:tidings:problem:{name}"))?;
        map.serialize_entry("title", title)?;
        map.serialize_entry("status", &self.kind.status().as_u16())?;
        map.serialize_entry("detail", &self.detail)?;
        for (name, value) in &self.more {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static(PROBLEM_JSON);
        let mut response =
            (self.kind.status(), [(header::CONTENT_TYPE, json)], self.body()).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_status_and_carries_its_members() {
        let problem = Problem::too_large("11 events", 10).with("index", 10);

        let body: Value = serde_json::from_str(&problem.body()).unwrap();

        assert_eq!(body["status"], 413);
        assert_eq!(body["type"], "urn:tidings:problem:too-large");
        assert_eq!((&body["limit"], &body["index"]), (&10.into(), &10.into()));
    }

    #[test]
    fn what_failed_inside_stays_inside() {
        let problem = Problem::internal(&"cannot read /var/lib/secret");

        assert!(!problem.body().contains("secret"), "{}", problem.body());
    }
}
