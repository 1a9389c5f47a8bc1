//! `GET /api/v1/events` and one event: what happened?

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use serde_json::json;
use tidings::query::{Found, QueryError, Work};
use tidings::{Coverage, EventId, Log, StoredEvent, Verbose};

use super::app::App;
use super::limits::CONTEXT_EVENTS_MAX;
use super::parameters::{Span, Which, with_which_and_span};
use super::params::{Params, cut, invalid};
use super::problem::{Kind, Problem};
use super::question::Asked;
use super::{media, pages, reach};

/// What a list may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Ndjson,
    Text,
    Csv,
}

const OFFERED: [(&str, Format); 7] = [
    ("application/json", Format::Json),
    ("application/x-ndjson", Format::Ndjson),
    ("application/jsonl", Format::Ndjson),
    ("application/ndjson", Format::Ndjson),
    ("text/plain", Format::Text),
    ("text/csv", Format::Csv),
    ("application/problem+json", Format::Json),
];

pub(super) const LIST_PARAMETERS: [&str; 8] =
    ["after", "before", "limit", "order", "collapse", "verbose", "count", "format"];

/// Lists events, newest first unless `order=asc`.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "ask",
    params(
        Which,
        Span,
        ("after" = Option<String>, Query, description = "`page.next` of another answer"),
        ("before" = Option<String>, Query, description = "`page.prev` of another answer"),
        ("limit" = Option<u32>, Query, description = "1 to 10,000; 100 by default, for lines none"),
        ("order" = Option<String>, Query, description = "`desc` (default) or `asc`"),
        ("collapse" = Option<bool>, Query, description = "Events of the same type and message, numbers aside, stand in one place; each has `collapsed: {count, first, last, members}`. Not for CSV"),
        ("verbose" = Option<bool>, Query, description = "Adds origin, boot, seq, position"),
        ("count" = Option<String>, Query, description = "`exact` counts all matches"),
        ("format" = Option<String>, Query, description = "`json`, `ndjson`, `text` or `csv` instead of Accept"),
    ),
    responses(
        (status = 200, description = "`{events, page: {next, prev}, coverage, matched, total, read_as, last_match_before}`, with `groups` if collapsed and `no_match_since` if the search for the last match ended before everything was searched; or a line for each event",
            content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/plain"), (String = "text/csv"))),
        (status = 400, description = "An unknown parameter, a cursor of another kind, or a `q` that does not parse in strict mode"),
        (status = 406, description = "None of the accepted types"),
        (status = 422, description = "A value breaks a rule; its parameter is named")
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(uri.query(), &with_which_and_span(&LIST_PARAMETERS))?;
    let format = format_of(&params, &headers)?;
    let verbose = params.switch("verbose")?;
    let asked = Asked::read(&params, app.clock.now())?;
    if asked.collapse && format == Format::Csv {
        return Err(invalid("collapse", "has no place in CSV; ask for json, ndjson or text"));
    }
    pages::answer(app, asked, format, verbose).await
}

/// The `format` parameter, else `Accept`.
fn format_of(params: &Params, headers: &HeaderMap) -> Result<Format, Problem> {
    match params.one("format")? {
        Some("json") => Ok(Format::Json),
        Some("ndjson" | "jsonl") => Ok(Format::Ndjson),
        Some("text") => Ok(Format::Text),
        Some("csv") => Ok(Format::Csv),
        Some(other) => {
            Err(invalid("format", &format!("is {:?}, not json, ndjson, text or csv", cut(other))))
        }
        None => media::negotiate(headers, &OFFERED).ok_or_else(|| {
            let detail =
                "events come as application/json, application/x-ndjson, text/plain or text/csv";
            Problem::new(Kind::NotAcceptable, detail)
        }),
    }
}

/// An event as it is asked for.
pub(super) struct Shown<'a>(pub(super) &'a StoredEvent, pub(super) bool);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.1 { Verbose(self.0).serialize(serializer) } else { self.0.serialize(serializer) }
    }
}

/// Shows one event in full, and what happened around it.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}",
    tag = "ask",
    params(
        ("id" = String, Path, description = "The id that recording answered with"),
        ("context" = Option<u32>, Query, description = "So many events before and after it, at most 1,000"),
    ),
    responses(
        (status = 200, description = "The event with origin, boot, seq and position; with `context`, `{before, event, after, coverage}`"),
        (status = 404, description = "Never seen here"),
        (status = 410, description = "It was here, and its time is over")
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::read(uri.query(), &["context"])?;
    let context = params.one("context")?.map(context).transpose()?;
    let id: EventId = path
        .ok()
        .and_then(|Path(text)| text.parse().ok())
        .ok_or_else(|| Problem::new(Kind::NotFound, "that is not the id of an event"))?;
    let find = move |log: &Log, _: &Work| {
        let found = log.find(id)?;
        Ok::<_, QueryError>((found, log.coverage()))
    };
    let all = |found| ControlFlow::<_, fn(&Log, &Work) -> _>::Break(found);
    let (found, coverage) = app.read_at_a_glance(find, all).await?;
    let event = match found {
        Found::Event(event) => event,
        Found::Expired => return Err(absent(Kind::Gone, &coverage)),
        Found::Nothing => return Err(absent(Kind::NotFound, &coverage)),
    };
    let Some(count) = context else {
        let mut answer = Json(Shown(&event, true)).into_response();
        answer.headers_mut().extend([reach::header(&coverage)]);
        return Ok(answer);
    };
    let asked = app.read(move |log, _| {
        let around = log.around(&event, count)?;
        Ok::<_, QueryError>((event, around))
    });
    let (event, (before, after)) = asked.await?;
    let shown =
        |events| -> Vec<Shown<'_>> { <[_]>::iter(events).map(|e| Shown(e, true)).collect() };
    let (before, after) = (shown(&before), shown(&after));
    let event = Shown(&event, true);
    Ok(Json(InContext { before, event, after, coverage }).into_response())
}

/// It may be among what is missing.
fn absent(kind: Kind, coverage: &Coverage) -> Problem {
    let detail = match kind {
        Kind::Gone => "the event was here, and its time is over",
        _ => "no event has this id here",
    };
    Problem::new(kind, detail).with("coverage", json!(coverage))
}

/// An event among its neighbours, oldest first.
#[derive(Serialize)]
struct InContext<'a> {
    before: Vec<Shown<'a>>,
    event: Shown<'a>,
    after: Vec<Shown<'a>>,
    coverage: Coverage,
}

fn context(text: &str) -> Result<usize, Problem> {
    if let Ok(count @ 0..=CONTEXT_EVENTS_MAX) = text.parse() {
        return Ok(count);
    }
    let problem =
        format!("is {:?}; it may be a whole number up to {CONTEXT_EVENTS_MAX}", cut(text));
    Err(invalid("context", &problem).with("limit", CONTEXT_EVENTS_MAX))
}
