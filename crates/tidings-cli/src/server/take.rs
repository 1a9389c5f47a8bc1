//! What becomes of events that were read? Hands them to the log and answers for
//! each.

use std::pin::pin;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use tidings::store::{Outcome, StoreError};
use tidings::{Ack, AppendError, Event, EventBatch, EventId, PauseReason, Position, Taken};

use super::app::{App, blocking};
use super::params::{Params, invalid};
use super::problem::{Kind, Problem};
use super::shared::{Asking, Shared};
use crate::protocols::{BadBody, Fault, Unread};

/// How the client wants its events taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct How {
    ack: Ack,
    /// Whether the answer waits until others can get them.
    shared: bool,
    strict: bool,
}

impl How {
    /// Reads `ack` and `strict`.
    ///
    /// # Errors
    ///
    /// An unknown word, or `ack=shared` for a server that stands alone.
    pub(super) fn read(params: &Params, app: &App) -> Result<How, Problem> {
        let (ack, shared) = match params.one("ack")? {
            None | Some("disk") => (Ack::Disk, false),
            Some("queued") => (Ack::Queued, false),
            Some("shared") if app.commons.is_some() => (Ack::Disk, true),
            Some("shared") => {
                let problem = "shared is not available: this server stands alone, it was \
                               started without --etcd; use disk";
                return Err(invalid("ack", problem));
            }
            Some(_) => return Err(invalid("ack", "is disk, queued or shared")),
        };
        Ok(How { ack, shared, strict: params.switch("strict")? })
    }

    fn status(self, at_once: StatusCode, shared: Option<&Shared>) -> StatusCode {
        let not_yet = shared.is_some_and(|shared| !shared.is_so());
        if self.ack == Ack::Queued || not_yet { StatusCode::ACCEPTED } else { at_once }
    }

    /// Begins before the events are taken, so that whatever is given up meanwhile is
    /// noticed.
    fn asking(self, app: &App) -> Option<Asking<'_>> {
        if self.shared { Asking::of(app) } else { None }
    }
}

/// The events of a request, those that were read apart from those that were not.
#[derive(Debug, Default)]
pub(super) struct Offered {
    batch: EventBatch,
    /// Where each event of the batch stands in the request.
    indexes: Vec<usize>,
    unread: Vec<(usize, Unread)>,
}

impl Offered {
    /// The next one, in order. What was read is put down at once, so that its memory
    /// serves the next.
    pub(super) fn push(&mut self, entry: Result<Event, Unread>) {
        let index = self.indexes.len() + self.unread.len();
        match entry {
            Ok(event) => {
                self.batch.push(&event);
                self.indexes.push(index);
            }
            Err(unread) => self.unread.push((index, unread)),
        }
    }
}

impl FromIterator<Result<Event, Unread>> for Offered {
    fn from_iter<I: IntoIterator<Item = Result<Event, Unread>>>(entries: I) -> Offered {
        let mut offered = Offered::default();
        entries.into_iter().for_each(|entry| offered.push(entry));
        offered
    }
}

/// Once the disk counts as down, an append has this long to say what it knows.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Waits without holding a thread. What blocks cannot be called back from a disk that
/// hangs, so it has a task of its own, and the request is answered without it.
async fn append(
    app: &App,
    events: EventBatch,
    ack: Ack,
    strict: bool,
) -> Result<Vec<Taken>, Problem> {
    // A task runs on this very thread, as soon as this one sleeps: a thread that has
    // to be woken for each commit would come late on a busy machine.
    let elsewhere = |work| drop(tokio::spawn(async { blocking::<()>(work) }));
    let mut append = pin!(app.log.append_async(events, ack, strict, elsewhere));
    let appended = tokio::select! {
        biased;
        appended = &mut append => appended,
        () = app.disk.is_down() => match tokio::time::timeout(LAST_WORD, append).await {
            Ok(appended) => appended,
            Err(_) => return Err(unanswered()),
        }
    };
    appended.map_err(|error| refused(&error))
}

fn unanswered() -> Problem {
    Problem::unavailable(IN_DOUBT, RETRY_LATER_SECONDS)
        .with("reasons", json!([PauseReason::StoreDown]))
}

/// One event that is in the log, or will be.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) id: EventId,
    pub(super) received: tidings::Timestamp,
    pub(super) duplicate: bool,
    /// Whether others can get it, if that was asked.
    pub(super) shared: Option<Shared>,
}

/// Takes one event.
///
/// # Errors
///
/// Why it was not taken.
pub(super) async fn one(
    app: &App,
    entry: Result<Event, Unread>,
    how: How,
    protocol: &'static str,
) -> Result<Accepted, Problem> {
    let event = entry.map_err(|unread| {
        app.metrics.unread(protocol, 1);
        problem_of(unread)
    })?;
    let asking = how.asking(app);
    let taken = append(app, vec![event].into(), how.ack, false).await?;
    match taken.into_iter().next() {
        Some(Taken::Accepted { id, received, duplicate, position }) => {
            app.metrics.ingested(protocol, u64::from(!duplicate));
            let shared = match asking {
                Some(asking) => Some(asking.wait(app, after(position), duplicate).await?),
                None => None,
            };
            Ok(Accepted { id, received, duplicate, shared })
        }
        Some(Taken::Invalid(invalid)) => Err(problem_of(invalid.into())),
        Some(Taken::KeyConflict { id }) => Err(Problem::new(Kind::KeyConflict, CONFLICT)
            .with("field", "key")
            .with("id", id.to_string())),
        Some(Taken::NotTaken) | None => Err(Problem::internal(&"the log gave no answer")),
    }
}

const CONFLICT: &str = "another event is there under the same key; its id is given";

/// The answer to one event: its id, and whether it was there already.
pub(super) fn answer_one(accepted: &Accepted, how: How) -> Response {
    let body = json!({"id": accepted.id, "duplicate": accepted.duplicate});
    created(body, accepted, how)
}

/// The answer to one event with this body.
pub(super) fn created(body: impl Serialize, accepted: &Accepted, how: How) -> Response {
    let shared = accepted.shared.as_ref();
    let status = how.status(StatusCode::CREATED, shared);
    (status, [location(accepted.id)], Json(Answer { body, shared })).into_response()
}

/// What is answered, and with `ack=shared` whether others can get it.
#[derive(Serialize)]
struct Answer<'a, B> {
    #[serde(flatten)]
    body: B,
    #[serde(flatten)]
    shared: Option<&'a Shared>,
}

/// The position behind one.
fn after(position: Option<Position>) -> Position {
    position.map_or(Position(0), |at| Position(at.0 + 1))
}

/// Where an event can be read.
fn location(id: EventId) -> (header::HeaderName, HeaderValue) {
    let path = format!("/api/v1/events/{id}");
    // An id is hexadecimal digits and dashes.
    let value = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (header::LOCATION, value)
}

/// Takes many events, each for itself unless strict, and answers.
///
/// # Errors
///
/// Nothing was taken: the log refuses, or one event of a strict batch is wrong.
pub(super) async fn many(
    app: &App,
    offered: Offered,
    how: How,
    protocol: &'static str,
) -> Result<Response, Problem> {
    let Offered { batch, indexes, unread } = offered;
    let unread = unread.into_iter().map(|(index, unread)| (index, unread_json(index, &unread)));
    let mut rejected: Vec<_> = unread.collect();
    app.metrics.unread(protocol, rejected.len() as u64);
    if how.strict && !rejected.is_empty() {
        return Err(none_taken(rejected));
    }
    let asking = how.asking(app);
    let taken =
        if batch.is_empty() { Vec::new() } else { append(app, batch, how.ack, how.strict).await? };
    let (mut accepted, mut duplicates, mut not_taken) = (0_u64, 0_u64, false);
    let mut through = Position(0);
    for (index, taken) in indexes.into_iter().zip(taken) {
        match taken {
            Taken::Accepted { duplicate: true, .. } => duplicates += 1,
            Taken::Accepted { position, .. } => {
                accepted += 1;
                through = through.max(after(position));
            }
            Taken::Invalid(invalid) => {
                rejected.push((index, unread_json(index, &Unread::from(invalid))));
            }
            Taken::KeyConflict { id } => {
                let entry = json!({"index": index, "error": CONFLICT, "field": "key", "id": id});
                rejected.push((index, entry));
            }
            Taken::NotTaken => not_taken = true,
        }
    }
    if not_taken {
        return Err(none_taken(rejected));
    }
    app.metrics.ingested(protocol, accepted);
    let body =
        json!({"accepted": accepted, "duplicates": duplicates, "rejected": in_order(rejected)});
    let shared = match asking {
        Some(asking) => Some(asking.wait(app, through, duplicates > 0).await?),
        None => None,
    };
    let shared = shared.as_ref();
    Ok((how.status(StatusCode::OK, shared), Json(Answer { body, shared })).into_response())
}

fn in_order(mut rejected: Vec<(usize, Value)>) -> Value {
    rejected.sort_by_key(|(index, _)| *index);
    rejected.into_iter().map(|(_, entry)| entry).collect()
}

fn none_taken(rejected: Vec<(usize, Value)>) -> Problem {
    let count = rejected.len();
    let detail = format!("{count} of the events cannot be taken, so none was (strict=1)");
    Problem::new(Kind::Invalid, detail).with("rejected", in_order(rejected))
}

fn unread_json(index: usize, unread: &Unread) -> Value {
    let mut entry = json!({"index": index, "error": unread.error});
    if let Some(field) = &unread.field {
        entry["field"] = field.as_str().into();
    }
    if let Fault::TooLarge { limit } = unread.fault {
        entry["limit"] = limit.into();
    }
    entry
}

/// What a client hears of one event that was not read.
pub(super) fn problem_of(unread: Unread) -> Problem {
    let problem = match unread.fault {
        Fault::Malformed => Problem::new(Kind::Malformed, unread.error),
        Fault::Invalid => Problem::new(Kind::Invalid, unread.error),
        Fault::TooLarge { limit } => Problem::too_large(unread.error, limit).with("index", 0),
    };
    match unread.field {
        Some(field) => problem.with("field", field),
        None => problem,
    }
}

/// What a client hears of a body that was not read at all.
pub(super) fn problem_of_body(bad: &BadBody) -> Problem {
    let words = bad.to_string();
    match bad {
        BadBody::TooMany { limit } => Problem::too_large(words, *limit).with("index", *limit),
        BadBody::Malformed(_) | BadBody::Empty => Problem::new(Kind::Malformed, words),
    }
}

const IN_DOUBT: &str = "the store failed; nobody knows whether the events are stored. Sent again \
                        with a key they are stored once";
const RETRY_SOON_SECONDS: u32 = 1;
const RETRY_LATER_SECONDS: u32 = 5;

fn refused(error: &AppendError) -> Problem {
    match error {
        AppendError::Full { .. } => Problem::unavailable(error.to_string(), RETRY_SOON_SECONDS),
        AppendError::Paused(reasons) => {
            Problem::unavailable(error.to_string(), RETRY_LATER_SECONDS)
                .with("reasons", json!(reasons))
        }
        AppendError::Closed => Problem::unavailable("the server is stopping", RETRY_LATER_SECONDS)
            .header(header::CONNECTION, HeaderValue::from_static("close")),
        AppendError::Store(store) => write_failed(store),
        other => Problem::internal(other),
    }
}

fn write_failed(error: &StoreError) -> Problem {
    tracing::error!(%error, "events could not be stored");
    let detail = match error.outcome() {
        _ if matches!(error, StoreError::DiskFull { .. }) => {
            "the disk is full; the events are not stored, send them again"
        }
        Outcome::NotStored => "the store failed; the events are not stored, send them again",
        Outcome::Unknown => IN_DOUBT,
    };
    let problem = Problem::unavailable(detail, RETRY_LATER_SECONDS);
    // From now on the log is paused for it.
    match error.pause() {
        Some(reason) => problem.with("reasons", json!([reason])),
        None => problem,
    }
}
