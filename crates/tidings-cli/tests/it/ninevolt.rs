//! What 9volt answered, held against what we answer: `fixtures/ninevolt` has the
//! raw answers of the original.

use serde_json::{Value, json};

use crate::server::{Answer, Server, parse};

/// An answer of the original: after the line with the command, as on the wire.
pub(crate) fn original(name: &str) -> Answer {
    let path = format!("{}/tests/fixtures/ninevolt/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("a fixture");
    let start = text.find("HTTP/1.1").expect("an answer");
    let wire = text[start..].replace("\r\n", "\n");
    let (head, body) = wire.split_once("\n\n").expect("a head");
    let body = body.trim_end_matches('\n');
    let head = head.replace('\n', "\r\n");
    parse(format!("{head}\r\n\r\n{body}").as_bytes()).expect("an answer")
}

/// Records the events of a fixture, oldest first.
fn replay(server: &Server, fixture: &Answer) {
    let body = fixture.json();
    let mut events: Vec<&Value> = body.as_object().unwrap().values().collect();
    events.sort_by_key(|event| event["timestamp"].as_str().unwrap());
    for event in events {
        let answer =
            server.post("/api/v1/events", "application/json", event.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

fn values(answer: &Answer) -> Vec<Value> {
    let body = answer.json();
    let mut values: Vec<Value> = body.as_object().unwrap().values().cloned().collect();
    values.sort_by_key(Value::to_string);
    values
}

#[test]
fn events_of_9volt_come_back_as_9volt_gave_them() {
    let fixture = original("28-event-after.txt");
    let server = Server::start();
    replay(&server, &fixture);
    let type_api = original("29-event-type-api.txt");

    let ours = server.get("/api/v1/event");

    assert_eq!((ours.status, ours.header("content-type")), (200, fixture.header("content-type")));
    assert_eq!(values(&ours), values(&fixture));
    assert_eq!(values(&server.get("/api/v1/event?type=api")), values(&type_api));
    // Byte for byte, escapes and order of names included, but for the keys.
    for event in fixture.text().split("\":{").skip(1) {
        let event = event.split('}').next().unwrap();
        assert!(ours.text().contains(&format!("\":{{{event}}}")), "{event}");
    }
    for key in ours.json().as_object().unwrap().keys() {
        let (event_type, random) = key.rsplit_once('-').unwrap();
        assert!(["api", "error"].contains(&event_type), "{key}");
        assert!(
            random.len() == 6
                && random.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        );
    }
}

#[test]
fn types_are_compared_exactly() {
    let server = Server::start();
    replay(&server, &original("01-event-initial.txt"));
    for (path, fixture) in [
        ("/api/v1/event", "01-event-initial.txt"),
        ("/api/v1/event?type=error", "05-event-type-error.txt"),
        ("/api/v1/event?type=error,warning", "06-event-type-error-warning.txt"),
        ("/api/v1/event?type=", "07-event-type-empty.txt"),
        ("/api/v1/event?type=nosuch", "09-event-type-unknown.txt"),
        ("/api/v1/event?type=ERROR", "13-event-type-upper.txt"),
    ] {
        let (ours, theirs) = (server.get(path), original(fixture));
        assert_eq!((ours.status, values(&ours)), (theirs.status, values(&theirs)), "{path}");
    }
    assert_eq!(server.get("/api/v1/event?type=*").text(), "{}");
    assert_eq!(server.get("/api/v1/event?type=!nosuch").text(), "{}");
    assert_eq!(server.get("/api/v1/event?x=1").json().as_object().unwrap().len(), 1);
}

#[test]
fn nothing_is_an_empty_object() {
    let server = Server::start();

    assert_eq!(server.get("/api/v1/event").text(), original("07-event-type-empty.txt").text());
}

#[test]
fn many_events_of_one_second_keep_their_keys_and_their_order() {
    let server = Server::start();
    let lines: String = (0..3000)
        .map(|n| {
            format!(
                "{}\n",
                json!({"type": "api", "message": n.to_string(), "fields": {"b": n, "a": "x"}})
            )
        })
        .collect();
    server.post("/api/v1/events", "application/x-ndjson", lines.as_bytes());

    let text = server.get("/api/v1/event").text();

    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 3000, "no key was given twice");
    let messages: Vec<&str> =
        text.split("\"message\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let newest_first: Vec<String> = (0..3000).rev().map(|n| format!("{n} [a=x b={n}]")).collect();
    assert_eq!(messages, newest_first);
    assert_eq!(server.get("/api/v1/event").text(), text, "an event keeps its key");
}

#[test]
fn the_status_is_told_as_9volt_told_it() {
    let server = Server::start();

    let (ours, theirs) = (server.get("/status/check"), original("02-status-check.txt"));

    assert_eq!((ours.status, ours.header("content-type")), (200, theirs.header("content-type")));
    assert_eq!(ours.text(), theirs.text().replace("b251f2ec", "test-server"));
}
