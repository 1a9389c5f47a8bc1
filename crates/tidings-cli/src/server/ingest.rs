//! `POST /api/v1/events`: events in, by their media type.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;

use super::app::App;
use super::limits::BATCH_EVENTS_MAX;
use super::params::Params;
use super::problem::{Kind, Problem};
use super::take::{self, How, Offered};
use super::{body, media, spoken};
use crate::protocols::json::{self, Document};
use crate::protocols::ndjson;

/// What a body is, by its `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Ndjson,
    Text,
}

const ACCEPTED: &str = "application/json, application/x-ndjson, application/jsonl, text/plain";

const BATCH_PARAMETERS: [&str; 2] = ["ack", "strict"];

/// Records events.
#[utoipa::path(
    post,
    path = "/api/v1/events",
    tag = "record",
    params(
        ("ack" = Option<String>, Query, description = "`disk` (default): answered when the events are durable here; `queued`: as soon as they are taken, with 202; `shared`: when the other servers can get them too, or with 202 and `\"shared\": false` after 5 s (needs `--etcd`)"),
        ("strict" = Option<bool>, Query, description = "All events or none: 422 if one of them cannot be taken"),
        ("lines" = Option<bool>, Query, description = "text/plain only: one event a line"),
        ("type" = Option<String>, Query, description = "text/plain only: the type of the events, `message` by default"),
    ),
    request_body(
        description = "One event or many; `Content-Encoding: gzip` and `zstd` are read. At most 16 MiB, 10,000 events, 256 KiB an event",
        content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/plain"))
    ),
    responses(
        (status = 200, description = "Many: `{accepted, duplicates, rejected: [{index, error}]}`"),
        (status = 201, description = "One: `{id, duplicate}`"),
        (status = 202, description = "Taken with `ack=queued`, not durable yet; or with `ack=shared`, durable here and not shared yet"),
        (status = 400, description = "It does not parse"),
        (status = 409, description = "Another event has this key"),
        (status = 413, description = "Over a limit, which is named"),
        (status = 415, description = "Unknown type or encoding"),
        (status = 422, description = "A field breaks a rule; it is named"),
        (status = 503, description = "Not now; `Retry-After` says when")
    )
)]
pub(super) async fn post_events(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let format = format_of(&headers)?;
    if format == Format::Text {
        return spoken::take(&app, None, uri.query(), &headers, body).await;
    }
    let params = Params::read(uri.query(), &BATCH_PARAMETERS)?;
    let how = How::read(&params, &app)?;
    let whole = body::read(&app.bodies, &headers, body).await?;
    if format == Format::Ndjson {
        let (offered, _room) = whole.parse(|bytes| {
            let mut offered = Offered::default();
            ndjson::read_each(bytes, BATCH_EVENTS_MAX, |entry| offered.push(entry))
                .map(|()| offered)
        })?;
        let offered = offered.map_err(|bad| take::problem_of_body(&bad))?;
        return take::many(&app, offered, how, "ndjson").await;
    }
    let (document, _room) = whole.parse(|bytes| json::read(bytes, BATCH_EVENTS_MAX))?;
    match document.map_err(|bad| take::problem_of_body(&bad))? {
        Document::One(entry) => {
            let accepted = take::one(&app, *entry, how, "json").await?;
            Ok(take::answer_one(&accepted, how))
        }
        Document::Many(entries) => {
            take::many(&app, entries.into_iter().collect(), how, "json").await
        }
    }
}

fn format_of(headers: &HeaderMap) -> Result<Format, Problem> {
    let unsupported = |given: &str| {
        let detail = format!("the body is {given}; it may be {ACCEPTED}, in UTF-8");
        // RFC 5789 and the LDP registry name the header that lists what POST takes.
        Problem::new(Kind::UnsupportedType, detail).header(
            header::HeaderName::from_static("accept-post"),
            HeaderValue::from_static(ACCEPTED),
        )
    };
    match media::content_type(headers) {
        Err(media::ForeignCharset) => Err(unsupported("not in UTF-8")),
        Ok(None) => Err(unsupported("of no type")),
        Ok(Some(media)) => match media.as_str() {
            "application/json" => Ok(Format::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Ok(Format::Ndjson)
            }
            "text/plain" => Ok(Format::Text),
            other => Err(unsupported(&super::params::cut(other))),
        },
    }
}
