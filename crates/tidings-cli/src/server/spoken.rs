//! Text as an event: the body is the message, everything else stands in the
//! query or in `X-Tidings-*` headers. `/e/{type}` is made for `curl -d`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;
use tidings::{Event, Invalid, MESSAGE_BYTES_MAX, Severity, StoredEvent, Timestamp};

use super::app::App;
use super::limits::BATCH_EVENTS_MAX;
use super::params::{FIELD, Params, cut};
use super::problem::{Kind, Problem};
use super::take::{self, Accepted, How};
use super::{body, media};
use crate::protocols::{Unread, text};
use crate::times::parse_time;

pub(super) const PARAMETERS: [&str; 11] = [
    "type",
    "severity",
    "member",
    "source",
    "subject",
    "timestamp",
    "key",
    "lines",
    "ack",
    "strict",
    FIELD,
];

/// The type of text that names none.
const DEFAULT_TYPE: &str = "message";

/// Records the body as the message of an event: `curl -d "disk 91%" …/e/disk.high`.
#[utoipa::path(
    method(post, put),
    path = "/e/{type}",
    tag = "record",
    params(
        ("type" = String, Path, description = "The type; one segment, percent-decoded: `a%2Fb` is the type `a/b`"),
        ("severity" = Option<String>, Query, description = "trace, debug, info, warn, error or fatal"),
        ("member" = Option<String>, Query, description = "Who says so"),
        ("source" = Option<String>, Query, description = "The component that speaks"),
        ("subject" = Option<String>, Query, description = "What it is about"),
        ("timestamp" = Option<String>, Query, description = "When it happened; without a zone in UTC"),
        ("key" = Option<String>, Query, description = "The caller's own id, against repetitions"),
        ("field.*" = Option<String>, Query, description = "Any number of `field.<name>=<text>`"),
        ("lines" = Option<bool>, Query, description = "One event a line"),
    ),
    request_body(content = String, content_type = "text/plain", description = "The message, to the byte"),
    responses(
        (status = 201, description = "The event as it is stored"),
        (status = 400, description = "It does not parse"),
        (status = 409, description = "Another event has this key"),
        (status = 413, description = "Over a limit, which is named"),
        (status = 415, description = "The body is not text"),
        (status = 422, description = "A field breaks a rule; it is named"),
        (status = 503, description = "Not now; `Retry-After` says when")
    )
)]
pub(super) async fn post_text(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(event_type) = path.map_err(|_| {
        Problem::new(Kind::Malformed, "the type in the path is not percent-encoded UTF-8")
    })?;
    // curl -d sends a form type whatever the data is: here it means nothing.
    let text = match media::content_type(&headers) {
        Ok(None) => true,
        Ok(Some(media)) => media == "text/plain" || media == "application/x-www-form-urlencoded",
        Err(media::ForeignCharset) => false,
    };
    if !text {
        let detail = "here the body is plain text in UTF-8; JSON goes to /api/v1/events";
        return Err(Problem::new(Kind::UnsupportedType, detail));
    }
    take(&app, Some(event_type), uri.query(), &headers, body).await
}

/// Takes a body of text; without a type in the path, the query may name one.
///
/// # Errors
///
/// Why it was not taken.
pub(super) async fn take(
    app: &App,
    path_type: Option<String>,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let in_path = path_type.is_some();
    let params = Params::read(query, if in_path { &PARAMETERS[1..] } else { &PARAMETERS })?;
    let how = How::read(&params, app)?;
    let template = template(app.clock.now(), path_type, &params, headers)?;
    let lines = params.switch("lines")?;
    if lines && template.key().is_some() {
        return Err(Problem::invalid("key", "key: one key cannot name the events of many lines"));
    }
    let whole = body::read(&app.bodies, headers, body).await?;
    if lines {
        let (entries, _room) = whole.parse(|bytes| {
            let lines = text::read_lines(bytes, BATCH_EVENTS_MAX)?.into_iter();
            Ok(lines.map(|line| Ok(with_message(&template, line))).collect())
        })?;
        let entries = entries.map_err(|bad| take::problem_of_body(&bad))?;
        return take::many(app, entries, how, "text").await;
    }
    let (entry, _room) = whole.parse(|bytes| {
        let message = text::read_whole(bytes)?;
        Ok(fits(message).map(|()| with_message(&template, message)).map_err(Unread::from))
    })?;
    let entry = entry.map_err(|bad| take::problem_of_body(&bad))?;
    let accepted = take::one(app, entry.clone(), how, "text").await?;
    match entry {
        Ok(event) if in_path => Ok(answer_event(app, event, &accepted, how)),
        _ => Ok(take::answer_one(&accepted, how)),
    }
}

/// A message that is far too long would be copied, only to be refused.
fn fits(message: &str) -> Result<(), Invalid> {
    let (bytes, limit) = (message.len(), MESSAGE_BYTES_MAX);
    if bytes <= limit {
        return Ok(());
    }
    Err(Invalid { field: "message", problem: tidings::Problem::TooLong { bytes, limit } })
}

fn answer_event(app: &App, event: Event, accepted: &Accepted, how: How) -> Response {
    let member = event.member().unwrap_or(app.log.member()).to_owned();
    let stored = StoredEvent {
        timestamp: event.timestamp().unwrap_or(accepted.received),
        event: event.with_member(member),
        id: accepted.id,
        received: accepted.received,
        // Not shown here: `GET /api/v1/events/{id}` has them.
        origin: app.log.origin(),
        boot: app.log.boot(),
        seq: accepted.id.seq_low().into(),
        position: tidings::Position::default(),
    };
    let shown = Recorded { event: &stored, duplicate: accepted.duplicate };
    take::created(shown, accepted, how)
}

/// An event as it is stored, and whether it was there already.
#[derive(Serialize)]
struct Recorded<'a> {
    #[serde(flatten)]
    event: &'a StoredEvent,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

pub(super) fn with_message(template: &Event, message: &str) -> Event {
    let mut event = Event::new(template.event_type(), message)
        .with_severity(template.severity())
        .with_fields(template.fields().clone());
    if let Some(at) = template.timestamp() {
        event = event.with_timestamp(at);
    }
    if let Some(member) = template.member() {
        event = event.with_member(member);
    }
    if let Some(source) = template.source() {
        event = event.with_source(source);
    }
    if let Some(subject) = template.subject() {
        event = event.with_subject(subject);
    }
    match template.key() {
        Some(key) => event.with_key(key),
        None => event,
    }
}

/// An event without its message.
pub(super) fn template(
    now: Timestamp,
    path_type: Option<String>,
    params: &Params,
    headers: &HeaderMap,
) -> Result<Event, Problem> {
    let spoken = Spoken::read(params, headers)?;
    let named = path_type.or(spoken.one("type")?);
    let mut event = Event::new(named.unwrap_or_else(|| DEFAULT_TYPE.to_owned()), "");
    if let Some(word) = spoken.one("severity")? {
        let severity: Severity = word
            .parse()
            .map_err(|error| Problem::invalid("severity", format!("severity: {error}")))?;
        event = event.with_severity(severity);
    }
    if let Some(text) = spoken.one("timestamp")? {
        let at = parse_time(&text, now, &jiff::tz::TimeZone::UTC)
            .map_err(|error| Problem::invalid("timestamp", format!("timestamp: {error}")))?;
        event = event.with_timestamp(at);
    }
    if let Some(member) = spoken.one("member")? {
        event = event.with_member(member);
    }
    if let Some(source) = spoken.one("source")? {
        event = event.with_source(source);
    }
    if let Some(subject) = spoken.one("subject")? {
        event = event.with_subject(subject);
    }
    if let Some(key) = spoken.one("key")? {
        event = event.with_key(key);
    }
    for (name, value) in spoken.fields() {
        event = event.with_field(name, value);
    }
    Ok(event)
}

/// What the query and the headers say; the query is heard first.
struct Spoken<'a> {
    params: &'a Params,
    headers: Vec<(String, String)>,
}

const HEADER_PREFIX: &str = "x-tidings-";

impl<'a> Spoken<'a> {
    fn read(params: &'a Params, headers: &HeaderMap) -> Result<Spoken<'a>, Problem> {
        let mut spoken = Vec::new();
        for (name, value) in headers {
            let Some(name) = name.as_str().strip_prefix(HEADER_PREFIX) else { continue };
            let name = match name.strip_prefix("field-") {
                Some(field) => format!("field.{field}"),
                None => name.to_owned(),
            };
            let words = ["type", "severity", "member", "source", "subject", "timestamp", "key"];
            if !words.contains(&name.as_str()) && !name.starts_with("field.") {
                let detail = format!("there is no header {HEADER_PREFIX}{:?}", cut(&name));
                return Err(Problem::new(Kind::UnknownParameter, detail));
            }
            let value = std::str::from_utf8(value.as_bytes()).map_err(|_| {
                let detail = format!("the header {HEADER_PREFIX}{} is not UTF-8", cut(&name));
                Problem::new(Kind::Malformed, detail)
            })?;
            spoken.push((name, value.to_owned()));
        }
        Ok(Spoken { params, headers: spoken })
    }

    fn one(&self, name: &str) -> Result<Option<String>, Problem> {
        if let Some(value) = self.params.one(name)? {
            return Ok(Some(value.to_owned()));
        }
        let header = self.headers.iter().find(|(known, _)| known == name);
        Ok(header.map(|(_, value)| value.clone()))
    }

    /// Headers first, so that a field of the query replaces them.
    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("field.")?, value.as_str())));
        headers.chain(self.params.fields())
    }
}
