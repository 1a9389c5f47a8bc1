//! `GET /api/v1/events/stream`: what is happening?
//!
//! The client's pace is the follower's pace: the log is read when the client has
//! taken what was sent, so a slow client costs one piece of memory and never
//! slows a writer. What expired meanwhile is told as a gap; one that had caught up and
//! falls far behind goes on with what happens now, and is told what was left out.

use std::io::Write;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use tidings::query::{BadCursor, FollowCursor, FollowFrom, Followed, Follower, QueryError};
use tidings::{Coverage, Position, SharedEvent, Timestamp};
use tokio::sync::OwnedSemaphorePermit;

use super::app::{App, blocking};
use super::limits::{FOLLOW_COMMENT_EVERY, FOLLOW_EVENTS_MAX, FOLLOW_RETRY_MILLIS};
use super::media;
use super::pages::NDJSON;
use super::parameters::{Which, with_which};
use super::params::{Params, cut, invalid};
use super::problem::{Kind, Problem};
use super::question::{self, Wanted};
use super::reach;
use super::reading::ReadAs;
use super::unfold::{self, BrokenOff, Step};

const OWN_PARAMETERS: [&str; 4] = ["since", "after", "verbose", "format"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Sse,
    Ndjson,
}

const OFFERED: [(&str, Format); 4] = [
    ("text/event-stream", Format::Sse),
    ("application/x-ndjson", Format::Ndjson),
    ("application/jsonl", Format::Ndjson),
    ("application/ndjson", Format::Ndjson),
];

/// Follows events as they arrive.
#[utoipa::path(
    get,
    path = "/api/v1/events/stream",
    tag = "ask",
    params(
        Which,
        ("Last-Event-ID" = Option<String>, Header, description = "Goes on after this `id`; wins over `after`, that over `since`; without any, from now on"),
        ("after" = Option<String>, Query, description = "An `id` of a stream"),
        ("since" = Option<String>, Query, description = "First what was received from this time on"),
        ("verbose" = Option<bool>, Query, description = "Adds origin, boot, seq, position"),
        ("format" = Option<String>, Query, description = "`sse` or `ndjson` instead of Accept"),
    ),
    responses(
        (status = 200, description = "Server-Sent Events: `hello` (coverage, and `read_as` if `q` is given), unnamed ones with the event as JSON and its cursor as id, `gap`, `dropped` (`count` events that were left out because the client was too slow, from position `from` to `to`; a stream with this `after` has them); or lines of JSON",
            content((String = "text/event-stream"), (String = "application/x-ndjson"))),
        (status = 400, description = "An unknown parameter, a cursor of another kind, or a `q` that does not parse in strict mode"),
        (status = 410, description = "`after` lies before the oldest event, or in another log; `oldest` says where the log begins"),
        (status = 503, description = "Too many followers")
    )
)]
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(uri.query(), &with_which(&OWN_PARAMETERS))?;
    let format = format_of(&params, &headers)?;
    let verbose = params.switch("verbose")?;
    let Wanted { filter, read_as } = Wanted::read(&params)?;
    let filter = Arc::new(filter);
    let start = Start::read(&params, &headers, app.clock.now())?;
    let seat = app.followers.clone().try_acquire_owned().map_err(|_| {
        Problem::unavailable("as many clients follow as this server has seats for", 5)
    })?;
    let ends = app.read(|log, _| log.ends()).await?;
    let (follower, begins_with) = start.follow(&app, &filter, ends.first)?;
    let follower = follower.with_lag_events_max(app.follow_lag_events_max);
    let mut first = Vec::new();
    let coverage = blocking(|| app.log.coverage());
    if format == Format::Sse {
        let _ = write!(first, "retry: {FOLLOW_RETRY_MILLIS}\n\n");
        // How words were understood is only told to whoever used some.
        let read_as = Some(&read_as).filter(|reading| reading.read_as.is_some());
        let hello = Hello { coverage: &coverage, read_as };
        write_sse(&mut first, "hello", &follower.cursor(), &json!(hello));
    }
    if let Some(gap) = begins_with {
        match format {
            Format::Sse => write_sse(&mut first, "gap", &follower.cursor(), &gap),
            Format::Ndjson => {
                let _ = writeln!(first, "{}", json!({ "gap": gap }));
            }
        }
    }
    let media = if format == Format::Sse { "text/event-stream" } else { NDJSON };
    let read_as = read_as.header();
    let following = Following { app, follower, format, verbose, first: Some(first), _seat: seat };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        reach::header(&coverage),
    ];
    let mut answer = (headers, unfold::body(following, step)).into_response();
    answer.headers_mut().extend(read_as);
    Ok(answer)
}

/// What a stream says first.
#[derive(Serialize)]
struct Hello<'a> {
    #[serde(flatten)]
    coverage: &'a Coverage,
    #[serde(flatten)]
    read_as: Option<&'a ReadAs>,
}

fn format_of(params: &Params, headers: &HeaderMap) -> Result<Format, Problem> {
    match params.one("format")? {
        Some("sse") => Ok(Format::Sse),
        Some("ndjson" | "jsonl") => Ok(Format::Ndjson),
        Some(other) => Err(invalid("format", &format!("is {:?}, not sse or ndjson", cut(other)))),
        None => media::negotiate(headers, &OFFERED).ok_or_else(|| {
            let detail = "a stream comes as text/event-stream or application/x-ndjson";
            Problem::new(Kind::NotAcceptable, detail)
        }),
    }
}

/// Where the client wants to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Start {
    Now,
    Since(Timestamp),
    /// Asked for by `after`: if it cannot be had, that is the answer.
    After(FollowCursor),
    /// Asked for by `Last-Event-ID`, which a browser sends by itself: an error
    /// would end its stream for good, so what is missing is told as a gap.
    GoOn(FollowCursor),
}

impl Start {
    fn read(params: &Params, headers: &HeaderMap, now: Timestamp) -> Result<Start, Problem> {
        let bad = |name: &str, error: &BadCursor| {
            Problem::new(Kind::BadCursor, error.to_string()).with("parameter", name)
        };
        if let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) {
            let id = id.to_str().unwrap_or("(not text)");
            return id.parse().map(Start::GoOn).map_err(|error| bad("Last-Event-ID", &error));
        }
        if let Some(cursor) = params.one("after")? {
            return cursor.parse().map(Start::After).map_err(|error| bad("after", &error));
        }
        if params.one("since")? == Some("all") {
            return Ok(Start::Since(Timestamp::MIN));
        }
        Ok(question::time(params, "since", now)?.map_or(Start::Now, Start::Since))
    }

    /// A follower, and a gap that it begins with.
    fn follow(
        self,
        app: &App,
        filter: &Arc<tidings::Filter>,
        first: Position,
    ) -> Result<(Follower, Option<Value>), Problem> {
        let from = match &self {
            Start::Now => FollowFrom::Now,
            Start::Since(at) => FollowFrom::Since(*at),
            Start::After(cursor) | Start::GoOn(cursor) => FollowFrom::Cursor(cursor.clone()),
        };
        let gone = |detail: &str| Problem::new(Kind::Gone, detail).with("oldest", first.0);
        if let Start::After(cursor) = &self
            && cursor.origin == app.log.origin()
            && cursor.next < first
        {
            return Err(gone("the cursor lies before the oldest event that is kept"));
        }
        match (blocking(|| app.log.follow(from, filter.clone())), self) {
            (Ok(follower), Start::After(asked) | Start::GoOn(asked))
                if asked.origin == app.log.origin() && asked.next > follower.cursor().next =>
            {
                // The log lost its end, and with it what this client may have seen
                // and what it has not.
                let (from, to) = (follower.cursor().next, asked.next);
                Ok((follower, Some(json!({"from": from, "to": to, "reason": "missing_tail"}))))
            }
            (Ok(follower), _) => Ok((follower, None)),
            (Err(QueryError::ForeignCursor { .. }), Start::GoOn(_)) => {
                let from = FollowFrom::Since(Timestamp::MIN);
                let follower = blocking(|| app.log.follow(from, filter.clone()))
                    .map_err(|error| Problem::internal(&error))?;
                let gap = json!({"from": null, "to": first, "reason": "another_log"});
                Ok((follower, Some(gap)))
            }
            (Err(QueryError::ForeignCursor { hint, .. }), _) => {
                Err(gone(&format!("the cursor belongs to another log than this server has{hint}")))
            }
            (Err(error), _) => Err(Problem::internal(&error)),
        }
    }
}

/// A client that follows.
struct Following {
    app: Arc<App>,
    follower: Follower,
    format: Format,
    verbose: bool,
    first: Option<Vec<u8>>,
    _seat: OwnedSemaphorePermit,
}

async fn step(mut following: Following) -> Step<Following> {
    if let Some(first) = following.first.take().filter(|first| !first.is_empty()) {
        return Ok(Some((first.into(), following)));
    }
    let app = following.app.clone();
    let silent_since = app.clock.monotonic();
    loop {
        if *app.stopping.borrow() {
            return Ok(None);
        }
        let bytes = following.poll()?;
        if !bytes.is_empty() {
            return Ok(Some((bytes, following)));
        }
        if following.follower.caught_up() {
            let left = FOLLOW_COMMENT_EVERY
                .saturating_sub(app.clock.monotonic().saturating_sub(silent_since));
            tokio::select! {
                grown = following.follower.arrived() => {
                    if !grown {
                        return Ok(None);
                    }
                }
                () = app.stopped() => return Ok(None),
                () = tokio::time::sleep(left) => {}
            }
        } else {
            tokio::task::yield_now().await;
        }
        if app.clock.monotonic().saturating_sub(silent_since) >= FOLLOW_COMMENT_EVERY {
            return Ok(Some((Bytes::from_static(following.sign_of_life()), following)));
        }
    }
}

impl Following {
    fn sign_of_life(&self) -> &'static [u8] {
        match self.format {
            Format::Sse => b":\n\n",
            // Readers of NDJSON pass over empty lines.
            Format::Ndjson => b"\n",
        }
    }

    fn poll(&mut self) -> Result<Bytes, BrokenOff> {
        let mut seen = self.follower.poll_in_memory(FOLLOW_EVENTS_MAX);
        if seen.is_empty() && !self.follower.caught_up() {
            seen = blocking(|| self.follower.poll(FOLLOW_EVENTS_MAX)).map_err(|error| {
                tracing::error!(%error, "a follower could not read the log");
                BrokenOff("the log cannot be read".to_owned())
            })?;
        }
        let mut bytes = Vec::new();
        for followed in &seen {
            if let Followed::Dropped { count, .. } = followed {
                self.app.metrics.dropped(*count);
            }
            match self.format {
                Format::Sse => self.write_as_sse(&mut bytes, followed),
                Format::Ndjson => self.write_as_ndjson(&mut bytes, followed),
            }
        }
        Ok(bytes.into())
    }

    fn write_as_ndjson(&self, bytes: &mut Vec<u8>, followed: &Followed) {
        match followed {
            Followed::Event(event, _) => {
                bytes.extend_from_slice(self.text_of(event).as_bytes());
                bytes.push(b'\n');
            }
            Followed::Gap { from, to, reason, .. } => {
                let gap = json!({"gap": {"from": from, "to": to, "reason": reason}});
                bytes.extend_from_slice(gap.to_string().as_bytes());
                bytes.push(b'\n');
            }
            Followed::Dropped { count, from, to, resume, .. } => {
                let dropped = json!({"dropped": dropped(*count, *from, *to, resume)});
                bytes.extend_from_slice(dropped.to_string().as_bytes());
                bytes.push(b'\n');
            }
        }
    }

    fn write_as_sse(&self, bytes: &mut Vec<u8>, followed: &Followed) {
        match followed {
            Followed::Event(event, cursor) => {
                // Writing to memory cannot fail.
                let _ = write!(bytes, "id: {cursor}\ndata: ");
                // JSON has no raw newline, so the event is one line of data.
                bytes.extend_from_slice(self.text_of(event).as_bytes());
                bytes.extend_from_slice(b"\n\n");
            }
            Followed::Gap { from, to, reason, cursor } => {
                let gap = json!({"from": from, "to": to, "reason": reason});
                write_sse(bytes, "gap", cursor, &gap);
            }
            Followed::Dropped { count, from, to, resume, cursor } => {
                write_sse(bytes, "dropped", cursor, &dropped(*count, *from, *to, resume));
            }
        }
    }

    fn text_of<'a>(&self, event: &'a SharedEvent) -> &'a str {
        if self.verbose { event.verbose_json() } else { event.json() }
    }
}

/// What a client is told that was too slow, and how it gets what was left out.
fn dropped(count: u64, from: Position, to: Position, resume: &FollowCursor) -> Value {
    json!({"count": count, "from": from, "to": to, "after": resume.to_string()})
}

fn write_sse(bytes: &mut Vec<u8>, name: &str, cursor: &FollowCursor, data: &Value) {
    // Writing to memory cannot fail.
    let _ = write!(bytes, "event: {name}\nid: {cursor}\ndata: {data}\n\n");
}
