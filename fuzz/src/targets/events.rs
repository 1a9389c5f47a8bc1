//! What is an event, if a stranger wrote it?

use std::sync::Arc;

use tidings::store::memory::MemoryStore;
use tidings::{Ack, Clock, Event, Log, LogOptions, Order, Query, Taken};
use tidings_cli::protocols::json::{Document, read_event};
use tidings_cli::protocols::{BadBody, Fault, json, ndjson};
use tidings_cli::server::door;

use super::NOW;

/// Events of one body, at most, in the targets below.
const SOME_EVENTS: usize = 50;

/// One event as JSON, in and out.
pub(crate) fn event(data: &[u8]) -> bool {
    let event = match read_event(data) {
        Ok(event) => event,
        Err(unread) => {
            assert!(!unread.error.is_empty());
            assert_eq!(unread.field.is_some(), unread.fault == Fault::Invalid, "{unread:?}");
            return false;
        }
    };
    let written = serde_json::to_string(&event).expect("an event is JSON");
    let again = read_event(written.as_bytes());
    assert_eq!(again.as_ref(), Ok(&event), "{written}");
    if event.validate().is_ok() {
        assert!(written.len() <= 6 * tidings::EVENT_BYTES_MAX + 4096, "{}", written.len());
    }
    true
}

/// A document: an object or an array. What is in an array reads as it does alone.
pub(crate) fn array(data: &[u8]) -> bool {
    let entries = match json::read(data, SOME_EVENTS) {
        Ok(Document::One(event)) => return event.is_ok(),
        Ok(Document::Many(entries)) => entries,
        Err(bad) => {
            assert!(!bad.to_string().is_empty());
            return false;
        }
    };
    assert!(entries.len() <= SOME_EVENTS);
    let whole: Option<Vec<&Event>> = entries.iter().map(|entry| entry.as_ref().ok()).collect();
    let Some(events) = whole.filter(|events| !events.is_empty()) else { return false };
    let lines: Vec<String> =
        events.iter().map(|event| serde_json::to_string(event).expect("JSON")).collect();
    let read = ndjson::read(lines.join("\n").as_bytes(), SOME_EVENTS);
    assert_eq!(read, Ok(entries), "{lines:?}");
    true
}

/// Lines into a log: what is taken is found, once, as it was sent.
pub(crate) fn ndjson(data: &[u8]) -> bool {
    let entries = match ndjson::read(data, SOME_EVENTS) {
        Ok(entries) => entries,
        Err(BadBody::TooMany { limit }) => {
            assert!(ndjson::lines(data).filter(|line| !line.is_empty()).count() > limit);
            return false;
        }
        Err(_) => return false,
    };
    let events: Vec<Event> = entries.into_iter().filter_map(Result::ok).collect();
    let log = log();
    let taken = log.append(events.clone(), Ack::Disk, false).expect("the store is in memory");
    assert_eq!(taken.len(), events.len());
    let stored: Vec<_> = events
        .iter()
        .zip(&taken)
        .filter_map(|(event, taken)| match taken {
            Taken::Accepted { id, duplicate: false, .. } => Some((*id, event)),
            _ => None,
        })
        .collect();
    assert_found(&log, &stored);
    !stored.is_empty()
}

#[track_caller]
fn assert_found(log: &Log, stored: &[(tidings::EventId, &Event)]) {
    let limit = SOME_EVENTS + 1;
    let query = Query { order: Order::Ascending, limit, ..Query::default() };
    let page = log.query(&query).expect("the store is in memory");
    assert_eq!(page.events.len(), stored.len());
    for (id, event) in stored {
        let found = page.events.iter().find(|found| found.id == *id).expect("it was taken");
        assert_eq!(found.event.message(), event.message());
        assert_eq!(found.event.event_type(), event.event_type());
        assert_eq!(found.event.fields(), event.fields());
        assert_eq!(found.event.severity(), event.severity());
        assert_eq!(found.timestamp, event.timestamp().unwrap_or(found.received));
    }
}

fn log() -> Log {
    let store = Arc::new(MemoryStore::new().expect("random bytes"));
    let clock = Clock::by_hand(NOW);
    let options = LogOptions { background: false, clock, ..LogOptions::default() };
    Log::over(store, options).expect("the store is in memory")
}

/// Text as an event. Lines: the type, the query, one `name: value` for each
/// header; after an empty line the body.
pub(crate) fn spoken(data: &[u8]) -> bool {
    let at = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let (head, body) = (&data[..at], data.get(at + 2..).unwrap_or_default());
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let (event_type, query) = (lines.next(), lines.next().unwrap_or_default());
    let headers = lines.filter_map(|line| line.split_once(": "));
    match door::spoken_event(event_type, query, headers, body, NOW) {
        Ok(event) => {
            assert_eq!(event.message().as_bytes(), body, "the body is the message, to the byte");
            event.validate().is_ok()
        }
        Err(problem) => {
            assert!(problem.kind().status().is_client_error(), "{problem:?}");
            false
        }
    }
}
