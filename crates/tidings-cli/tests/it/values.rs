//! Values that are odd and kept to the byte, and values that are refused.

use serde_json::{Value, json};

use crate::server::Server;

const EVENTS: &str = "/api/v1/events";
const JSON: &str = "application/json";

#[test]
fn a_value_that_breaks_a_rule_is_named() {
    let server = Server::start();
    let fields: serde_json::Map<String, Value> =
        (0..1001).map(|i| (format!("f{i}"), i.into())).collect();
    let cases = [
        (json!({"type": ""}), "type"),
        (json!({"type": "x".repeat(10_000)}), "type"),
        (json!({"type": "a\u{0}b"}), "type"),
        (json!({"type": 5}), "type"),
        (json!({"message": "m"}), "type"),
        (json!({"type": "tidings.lost"}), "type"),
        (json!({"type": "TIDINGS.Lost"}), "type"),
        (json!({"type": "a", "fields": fields}), "fields"),
        (json!({"type": "a", "timestamp": "10000-01-01T00:00:00Z"}), "timestamp"),
        (json!({"type": "a", "severity": "loud"}), "severity"),
        (json!({"type": "a", "severity_number": 25}), "severity_number"),
        (json!({"type": "a", "memberid": ""}), "memberid"),
        (json!({"type": "a", "trace_id": "xyz"}), "trace_id"),
    ];
    for (event, field) in cases {
        let answer = server.post(EVENTS, JSON, event.to_string().as_bytes());
        assert_eq!(answer.status, 422, "{field}: {}", answer.text());
        assert_eq!(answer.json()["field"], field, "{}", answer.text());
    }
    assert_eq!(server.get(EVENTS).events().len(), 0);
}

#[test]
fn hostile_text_is_kept_to_the_byte_and_shown_escaped() {
    let server = Server::start();
    let combining = format!("e{}", "\u{301}".repeat(10_000));
    let messages = [
        "a\u{0}b",
        "\u{1b}[2J\u{1b}]0;x\u{7}",
        "\u{202e}evil\u{2066}",
        "two\r\nlines\n",
        &combining,
        "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>",
        "\u{feff}x",
        "{\"type\":\"a\"}",
        "",
    ];
    for message in messages {
        assert_eq!(server.post("/e/a", "text/plain", message.as_bytes()).status, 201);
    }

    let events = server.get("/api/v1/events?order=asc").events();
    let lines = server.get("/api/v1/events?format=text").text();

    let kept: Vec<_> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!(kept, messages);
    assert_eq!(lines.lines().count(), messages.len());
    assert!(!lines.contains(['\u{1b}', '\u{0}', '\u{202e}', '\r']), "{lines:?}");
}

#[test]
fn the_same_key_and_body_is_stored_once() {
    let server = Server::start();
    let event = br#"{"type":"a","message":"m","memberid":"db1","id":"order-7"}"#;
    let other = br#"{"type":"a","message":"other","memberid":"db1","id":"order-7"}"#;
    let elsewhere = br#"{"type":"a","message":"other","memberid":"db2","id":"order-7"}"#;

    let first = server.post(EVENTS, JSON, event).json();
    let again = server.post(EVENTS, JSON, event).json();
    let conflict = server.post(EVENTS, JSON, other);
    let batch = server.post(EVENTS, "application/x-ndjson", &[&event[..], b"\n", other].concat());

    assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    assert_eq!((conflict.status, &conflict.json()["id"]), (409, &first["id"]));
    let batch = batch.json();
    assert_eq!((&batch["accepted"], &batch["duplicates"]), (&json!(0), &json!(1)), "{batch}");
    assert_eq!(
        (&batch["rejected"][0]["index"], &batch["rejected"][0]["id"]),
        (&json!(1), &first["id"])
    );
    assert_eq!(server.post(EVENTS, JSON, elsewhere).status, 201);
    assert_eq!(server.get(EVENTS).events().len(), 2);
}

#[test]
fn the_curl_form_takes_the_body_as_the_message_and_the_rest_from_the_url() {
    let server = Server::start();
    let path = "/e/a%2FB?severity=warn&member=db1&subject=%2Fdev%2Fsda&source=df&field.free=9%25\
                &key=k1&timestamp=2026-11-22T10:45:57.5%2B01:00";

    let form = server.post(path, "application/x-www-form-urlencoded", b"disk 91%&x=1\n");

    let event = form.json();
    assert_eq!(form.status, 201, "{event}");
    assert_eq!((&event["type"], &event["message"]), (&json!("a/b"), &json!("disk 91%&x=1\n")));
    assert_eq!((&event["severity"], &event["memberid"]), (&json!("warn"), &json!("db1")));
    assert_eq!((&event["subject"], &event["source"]), (&json!("/dev/sda"), &json!("df")));
    assert_eq!(event["fields"], json!({"free": "9%"}));
    assert_eq!(event["timestamp"], "2026-11-22T09:45:57.5Z");
    let shown = server.get(form.header("location").unwrap()).json();
    for name in ["id", "type", "message", "timestamp", "memberid", "severity", "key", "received"] {
        assert_eq!(shown[name], event[name], "{name}");
    }
}

#[test]
fn headers_say_the_same_and_put_is_post() {
    let server = Server::start();
    let headers = [
        ("X-Tidings-Severity", "error"),
        ("X-Tidings-Member", "käse"),
        ("X-Tidings-Field-Region", "eu"),
    ];

    let event = server.request("PUT", "/e/a?member=db1", &headers, b"m").json();

    assert_eq!((&event["severity"], &event["memberid"]), (&json!("error"), &json!("db1")));
    assert_eq!(event["fields"], json!({"region": "eu"}));
    let unknown = server.request("PUT", "/e/a", &[("X-Tidings-Sverity", "error")], b"m");
    assert_eq!(unknown.status, 400);
}

#[test]
fn text_can_be_one_event_a_line() {
    let server = Server::start();

    let lines = server.post("/api/v1/events?lines=1&type=log", "text/plain", b"one\r\n\ntwo\n");
    let whole = server.post("/api/v1/events", "text/plain", b"one\n");

    assert_eq!((lines.status, &lines.json()["accepted"]), (200, &json!(2)));
    assert_eq!(whole.status, 201);
    let events = server.get("/api/v1/events?order=asc").events();
    let told: Vec<_> = events
        .iter()
        .map(|e| (e["type"].as_str().unwrap(), e["message"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("log", "one"), ("log", "two"), ("message", "one\n")]);
}

#[test]
fn the_curl_form_names_what_is_wrong() {
    let server = Server::start();
    for (path, status) in [
        ("/e/a?severity=loud", 422),
        ("/e/a?timestamp=never", 422),
        ("/e/tidings.lost", 422),
        ("/e/a%0Ab", 422),
        ("/e/a?sevrity=warn", 400),
        ("/e/a?field.=x", 400),
        ("/e/a?member=%ff", 400),
        ("/e/%ff", 400),
        ("/e/a?lines=1&key=k", 422),
        ("/e/a?member=a&member=b", 422),
    ] {
        let answer = server.post(path, "text/plain", b"m");
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    assert_eq!(server.post("/e/a", "application/json", b"{}").status, 415);
    assert_eq!(server.get(EVENTS).events().len(), 0);
}
