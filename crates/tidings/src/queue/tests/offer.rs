//! What gets in, and what is said when it does not?

use super::*;
use crate::event::{EVENT_BYTES_MAX, Fields, MESSAGE_BYTES_MAX, Problem};
use crate::id::EventId;
use crate::queue::{Fate, RESERVED_BYTES, RESERVED_SLOTS, Reason, Recorder};
use crate::severity::Severity;

#[test]
fn a_full_buffer_hands_the_event_back() {
    let queue = stepped(buffer_of(1), &ScriptedSink::new());
    queue.client().add("a", "first").unwrap();

    let refused = queue.client().record(Event::new("b", "second")).unwrap_err();

    assert_eq!(refused.reason, Reason::BufferFull);
    assert_eq!(refused.event.message(), "second");
    assert_eq!(queue.client().add("c", "third"), Err(Reason::BufferFull));
    assert_books(&queue, "offered 3 = stored 0 + refused 2 (buffer_full 2) + lost 0 + pending 1");
}

#[test]
fn warnings_and_worse_have_places_of_their_own() {
    let queue = stepped(buffer_of(1), &ScriptedSink::new());
    let client = queue.client();
    client.add("a", "fills the buffer").unwrap();

    let taken = (0..=RESERVED_SLOTS).filter(|_| client.add("Warning", "x").is_ok()).count();

    assert_eq!(taken, RESERVED_SLOTS);
    assert_eq!(client.add("debug", "x"), Err(Reason::BufferFull));
    assert!(queue.audit().is_exact());
}

#[test]
fn a_buffer_full_of_bytes_refuses_all_but_what_is_urgent() {
    let builder = buffer_of(1000).buffer_bytes_max(EVENT_BYTES_MAX);
    let queue = stepped(builder, &ScriptedSink::new());
    let client = queue.client();
    let message = "x".repeat(MESSAGE_BYTES_MAX);

    let lesser = (0..10).filter(|_| client.add("a", &message).is_ok()).count();
    let urgent = (0..10).filter(|_| client.add("error", &message).is_ok()).count();

    assert_eq!(lesser, 3, "the fourth message has its overhead on top");
    assert_eq!(urgent, RESERVED_BYTES / MESSAGE_BYTES_MAX);
    assert_eq!(client.add("a", &message), Err(Reason::BytesFull));
    assert_eq!(client.add("a", "small"), Err(Reason::BytesFull));
}

#[test]
fn every_rule_of_an_event_is_checked_and_counted() {
    let queue = stepped(buffer_of(9), &ScriptedSink::new());
    let client = queue.client();

    let problem = |event_type: &str| match client.add(event_type, "") {
        Err(Reason::Invalid(invalid)) => invalid.problem,
        other => panic!("{other:?}"),
    };

    assert_eq!(problem(""), Problem::Empty);
    assert_eq!(problem("a\nb"), Problem::ControlCharacter);
    assert_eq!(problem("Tidings.lost"), Problem::Reserved);
    assert!(matches!(problem(&"x".repeat(129)), Problem::TooLong { bytes: 129, limit: 128 }));
    // 127 bytes, but 128 and more in lower case.
    assert!(matches!(problem(&format!("{}İ", "x".repeat(126))), Problem::TooLong { .. }));
    let message = "x".repeat(MESSAGE_BYTES_MAX + 1);
    assert_eq!(client.add("a", &message), Err(Reason::TooLarge));
    assert_books(
        &queue,
        "offered 6 = stored 0 + refused 6 (too_large 1, invalid 5) + lost 0 + pending 0",
    );
}

#[test]
fn whole_events_obey_the_same_rules() {
    let queue = stepped(buffer_of(9), &ScriptedSink::new());

    let answers = queue.client().record_all(vec![
        Event::new("a", "b"),
        Event::new("tidings.lost", "forged"),
        Event::new("a", "b").with_field("f", "x".repeat(EVENT_BYTES_MAX)),
    ]);

    let reasons: Vec<_> = answers.into_iter().map(|a| a.map_err(|r| r.reason)).collect();
    assert!(reasons[0].is_ok());
    assert!(matches!(&reasons[1], Err(Reason::Invalid(i)) if i.problem == Problem::Reserved));
    assert_eq!(reasons[2], Err(Reason::TooLarge));
}

#[test]
fn types_are_stored_in_lower_case() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);

    queue.client().add("Deploy", "api").unwrap();
    queue.client().add("ÄRGER", "Öl").unwrap();
    queue.settle();

    let types: Vec<_> = sink.events().iter().map(|e| e.event.event_type().to_owned()).collect();
    assert_eq!(types, ["deploy", "ärger"]);
    assert_eq!(messages(&sink), ["api", "Öl"]);
}

#[test]
fn what_is_stored_is_what_was_offered() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    let event = Event::new("deploy", "api")
        .with_severity(Severity::WARN)
        .with_source("cd")
        .with_subject("api")
        .with_key("k1")
        .with_field("version", "1.42")
        .with_trace_id(7)
        .with_span_id(8);

    let id = queue.client().record(event.clone()).unwrap();
    queue.settle();

    let stored = sink.events().remove(0);
    assert_eq!(stored.id, id);
    assert_eq!(id, EventId::new(stored.timestamp, queue.boot(), 1));
    assert_eq!((stored.origin, stored.boot, stored.seq), (queue.origin(), queue.boot(), 1));
    let filled = event.with_member("web1").with_timestamp(queue_time());
    assert_eq!(stored.event, filled);
}

fn queue_time() -> Timestamp {
    clock().now()
}

#[test]
fn a_client_outlives_its_queue_and_is_told_so() {
    let queue = stepped(buffer_of(9), &ScriptedSink::new());
    let client = queue.client();
    drop(queue);

    assert_eq!(client.add("a", "b"), Err(Reason::Closed));
    let receipt = client.record_tracked(Event::new("a", "b"));
    assert_eq!(receipt.fate(), Some(Fate::Refused(Reason::Closed)));
    assert_eq!(receipt.id(), None);
}

#[test]
fn a_receipt_tells_where_the_event_is() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    queue.client().add("a", "before").unwrap();

    let receipt = queue.client().record_tracked(Event::new("a", "b"));
    assert_eq!(receipt.fate(), None);
    queue.settle();

    let position = Some(crate::id::Position(1));
    assert_eq!(receipt.fate(), Some(Fate::Stored { position }));
    assert_eq!(receipt.id(), Some(sink.events()[1].id));
}

#[test]
fn logging_and_adding_are_one_call() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    let fields = || [("z", 1), ("a", 2)].map(|(k, v)| (k.to_owned(), v.into()));

    queue.client().add_with_error_log("disk", fields().into_iter().collect()).unwrap();
    queue.client().add_with_log("deploy", "api", Fields::new()).unwrap();
    queue.settle();

    let event = &sink.events()[0].event;
    assert_eq!((event.event_type(), event.message()), ("error", "disk"));
    assert_eq!(event.severity(), Severity::ERROR);
    assert_eq!(serde_json::to_string(event.fields()).unwrap(), r#"{"z":1,"a":2}"#);
}

#[test]
fn a_recorder_can_be_an_object() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    let recorder: Box<dyn Recorder> = Box::new(queue.client());

    recorder.add("a", "b").unwrap();
    queue.settle();

    assert_eq!(messages(&sink), ["b"]);
}
