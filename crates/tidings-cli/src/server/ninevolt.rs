//! What did 9volt answer? Its `GET /api/v1/event` and `/status/check`, for
//! whatever reads those.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tidings::{EventId, Filter, Order, Query, State as LogState, StoredEvent};

use super::app::App;
use super::limits::STREAM_PAGE_EVENTS;
use super::params::decode;
use super::unfold::{self, BrokenOff, Step};

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// Lists everything that is kept, as 9volt did: an object of events.
#[utoipa::path(
    get,
    path = "/api/v1/event",
    tag = "9volt",
    params(("type" = Option<String>, Query, description = "Exact types, comma separated")),
    responses(
        (status = 200, description = "An object keyed `<type>-<6 of [a-z0-9]>`, newest first", body = serde_json::Value),
        (status = 500, description = "`{\"message\": …, \"status\": \"error\"}`")
    )
)]
pub(super) async fn events(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let types = match types(uri.query()) {
        Ok(types) => types,
        Err(problem) => return failed(StatusCode::BAD_REQUEST, &problem),
    };
    let query = Query {
        filter: filter(types.as_deref()),
        order: Order::Descending,
        limit: STREAM_PAGE_EVENTS,
        ..Query::default()
    };
    let mut object =
        Object { app, query, types, keys: Keys::default(), begun: false, ended: false };
    match object.next_page().await {
        Ok(first) => (JSON, unfold::body((Some(first), object), step)).into_response(),
        Err(broken) => failed(StatusCode::INTERNAL_SERVER_ERROR, &broken.0),
    }
}

fn failed(status: StatusCode, message: &str) -> Response {
    let mut body = String::from("{\"message\":");
    write_go_string(&mut body, message);
    body.push_str(",\"status\":\"error\"}");
    (status, JSON, body).into_response()
}

/// The types that are asked for, or `None` for all. An empty one is a type that
/// no event has, as it was for 9volt.
fn types(query: Option<&str>) -> Result<Option<Vec<String>>, String> {
    let mut types = None;
    for part in query.unwrap_or_default().split('&') {
        if let Some(("type", list)) = part.split_once('=') {
            let list = decode(list, true).map_err(|problem| problem.detail().to_owned())?;
            types.get_or_insert_with(Vec::new).extend(list.split(',').map(str::to_owned));
        } else if part == "type" {
            types.get_or_insert_with(Vec::new);
        }
    }
    Ok(types)
}

/// Lets the log skip what cannot match. Types that would read as patterns are
/// left to the exact comparison, which always follows.
fn filter(types: Option<&[String]>) -> Filter {
    let mut filter = Filter::default();
    let plain = |name: &String| !name.is_empty() && !name.contains(['*', '!', '\\']);
    if let Some(types) = types.filter(|types| types.iter().all(plain)) {
        // A list that is too long for a filter only makes the search slower.
        if filter.types.add(&types.join(",")).is_err() {
            filter = Filter::default();
        }
    }
    filter
}

struct Object {
    app: Arc<App>,
    query: Query,
    types: Option<Vec<String>>,
    keys: Keys,
    begun: bool,
    ended: bool,
}

async fn step((first, mut object): (Option<Bytes>, Object)) -> Step<(Option<Bytes>, Object)> {
    if let Some(first) = first {
        return Ok(Some((first, (None, object))));
    }
    if object.ended {
        return Ok(None);
    }
    if *object.app.stopping.borrow() {
        return Err(BrokenOff("the server is stopping".to_owned()));
    }
    let page = object.next_page().await?;
    Ok(Some((page, (None, object))))
}

impl Object {
    /// The next members of the object, with the brace that begins or ends it.
    async fn next_page(&mut self) -> Result<Bytes, BrokenOff> {
        let query = self.query.clone();
        let page = self
            .app
            .read(move |log, work| log.query(&Query { work: work.clone(), ..query }))
            .await
            .map_err(|problem| BrokenOff(problem.detail().to_owned()))?;
        self.ended = page.next.is_none();
        self.query.cursor = page.next;
        let mut text = String::with_capacity(page.events.len() * 200);
        let types = self.types.as_deref();
        for event in page.events.iter().filter(|event| is_wanted(types, event)) {
            text.push(if self.begun { ',' } else { '{' });
            self.begun = true;
            let key = self.keys.draw(event.event.event_type(), event.id);
            write_go_string(&mut text, &key);
            text.push(':');
            write_event(&mut text, event);
        }
        if self.ended {
            text.push_str(if self.begun { "}" } else { "{}" });
        }
        Ok(text.into())
    }
}

fn is_wanted(types: Option<&[String]>, stored: &StoredEvent) -> bool {
    let of_event = stored.event.event_type();
    types.is_none_or(|types| types.iter().any(|name| name == of_event))
}

fn write_event(text: &mut String, stored: &StoredEvent) {
    text.push_str("{\"type\":");
    write_go_string(text, stored.event.event_type());
    text.push_str(",\"message\":");
    write_go_string(text, &message(stored));
    // Writing to a string cannot fail.
    let _ = write!(text, ",\"timestamp\":\"{}\",\"memberid\":", stored.timestamp);
    write_go_string(text, stored.member());
    text.push('}');
}

/// The message with its fields behind it, as 9volt's loggers had them.
fn message(stored: &StoredEvent) -> String {
    let mut message = stored.event.message().to_owned();
    let sorted: BTreeMap<&str, &serde_json::Value> = stored.event.fields().iter().collect();
    for (i, (name, value)) in sorted.iter().enumerate() {
        message.push_str(if i == 0 { " [" } else { " " });
        message.push_str(name);
        message.push('=');
        match value {
            serde_json::Value::String(text) => message.push_str(text),
            other => message.push_str(&other.to_string()),
        }
    }
    if !sorted.is_empty() {
        message.push(']');
    }
    message
}

/// A JSON string as Go's `encoding/json` writes it: also safe inside HTML.
fn write_go_string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

/// The keys that one answer has given out: two bytes and a little for each.
#[derive(Default)]
struct Keys(BTreeMap<u16, Vec<u16>>);

const KEY_ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

impl Keys {
    /// `<type>-<6 of [a-z0-9]>`, the same for the same event, unless another
    /// event of this answer has it: then the next that is free.
    fn draw(&mut self, event_type: &str, id: EventId) -> String {
        let mut seed = hash(0, &id.to_bytes());
        loop {
            let mut key = String::with_capacity(event_type.len() + 7);
            key.push_str(event_type);
            key.push('-');
            let mut rest = seed;
            for _ in 0..6 {
                key.push(char::from(KEY_ALPHABET[(rest % 36) as usize]));
                rest /= 36;
            }
            if self.is_new(&key) {
                return key;
            }
            seed = hash(seed, b"again");
        }
    }

    /// Two keys that look alike in 32 bits count as one: one of them is then
    /// drawn again without need, which does no harm.
    fn is_new(&mut self, key: &str) -> bool {
        let digest = hash(1, key.as_bytes());
        let (high, low) = ((digest >> 48) as u16, (digest >> 32 & 0xffff) as u16);
        let known = self.0.entry(high).or_default();
        let new = !known.contains(&low);
        if new {
            known.push(low);
        }
        new
    }
}

/// FNV-1a with a finish that spreads every bit: stable for ever, so that an
/// event keeps its key.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    let mixed = bytes
        .iter()
        .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ mixed >> 32
}

/// Says whether events are taken and shared, as 9volt did.
#[utoipa::path(
    get,
    path = "/status/check",
    tag = "9volt",
    responses(
        (status = 200, description = "`{\"message\":\"MemberID <id>\",\"status\":\"OK\"}`", body = serde_json::Value),
        (status = 500, description = "The same with the reason as status")
    )
)]
pub(super) async fn status_check(State(app): State<Arc<App>>) -> Response {
    let (status, word) = match app.log.state() {
        // What 9volt meant: that its etcd takes events.
        LogState::Running => match app.commons.as_ref().and_then(|it| it.etcd().failure()) {
            Some(failure) => (StatusCode::INTERNAL_SERVER_ERROR, failure),
            None => (StatusCode::OK, "OK".to_owned()),
        },
        LogState::Paused { reasons, .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, reasons.to_string())
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "the log is closed".to_owned()),
    };
    let mut body = String::from("{\"message\":");
    write_go_string(&mut body, &format!("MemberID {}", app.log.member()));
    body.push_str(",\"status\":");
    write_go_string(&mut body, &word);
    body.push('}');
    (status, JSON, body).into_response()
}

#[cfg(test)]
mod tests {
    use tidings::{Boot, Event, Origin, Position, Timestamp};

    use super::*;

    fn stored(event: Event) -> StoredEvent {
        let at = Timestamp::from_nanos(1_700_000_000_500_000_000);
        let boot = Boot::from_bytes([1; 8]);
        StoredEvent {
            event: event.with_member("m1"),
            id: EventId::new(at, boot, 1),
            timestamp: at,
            received: at,
            origin: Origin::from_bytes([2; 16]),
            boot,
            seq: 1,
            position: Position(0),
        }
    }

    #[test]
    fn fields_follow_the_message_in_sorted_order() {
        let event = Event::new("api", "changed").with_field("z", "x").with_field("a", 1);

        assert_eq!(message(&stored(event)), "changed [a=1 z=x]");
    }

    #[test]
    fn an_event_has_four_names_and_is_escaped_as_go_does() {
        let mut text = String::new();

        write_event(&mut text, &stored(Event::new("api", "a>b & \"c\"\n\u{1}\u{2028}é")));

        assert_eq!(
            text,
            r#"{"type":"api","message":"a\u003eb \u0026 \"c\"\n\u0001\u2028é","timestamp":"2023-11-14T22:13:20.5Z","memberid":"m1"}"#
        );
    }

    #[test]
    fn keys_are_derived_from_the_id_and_never_given_twice() {
        let id = stored(Event::new("a", "")).id;
        let mut keys = Keys::default();

        let (first, again) = (keys.draw("api", id), keys.draw("api", id));

        assert_eq!(first, Keys::default().draw("api", id));
        assert_ne!(first, again);
        let suffix = again.strip_prefix("api-").unwrap();
        assert!(suffix.len() == 6 && suffix.bytes().all(|b| KEY_ALPHABET.contains(&b)), "{again}");
    }

    #[test]
    fn types_are_read_as_9volt_read_them() {
        assert_eq!(types(None), Ok(None));
        assert_eq!(types(Some("x=1")), Ok(None));
        assert_eq!(types(Some("type=")), Ok(Some(vec![String::new()])));
        assert_eq!(types(Some("type=a%2Cb,c")).unwrap().unwrap(), ["a", "b", "c"]);
    }
}
