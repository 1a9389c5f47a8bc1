//! Bodies of every kind, and bodies that nobody should send.

use std::io::Write;

use serde_json::json;

use crate::server::{Answer, Server};

const EVENTS: &str = "/api/v1/events";
const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, member: &str, value: &serde_json::Value) {
    let body = answer.json();
    assert_eq!((answer.status, &body[member]), (status, value), "{body}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn one_event_is_created_and_can_be_read_where_it_says() {
    let server = Server::start();

    let created =
        server.post(EVENTS, JSON, br#"{"type":"Deploy","message":"api","memberid":"db1"}"#);

    assert_eq!((created.status, &created.json()["duplicate"]), (201, &json!(false)));
    let shown = server.get(created.header("location").unwrap()).json();
    assert_eq!(shown["id"], created.json()["id"]);
    assert_eq!((&shown["type"], &shown["memberid"]), (&json!("deploy"), &json!("db1")));
    assert!(shown["origin"].is_string() && shown["seq"].is_u64(), "{shown}");
}

#[test]
fn many_events_are_judged_each_for_itself() {
    let server = Server::start();
    let lines = b"{\"type\":\"a\"}\n{\"type\":\n\n{\"type\":\"\"}\n{\"type\":\"tidings.lost\"}\n{\"type\":\"b\"}";

    let answer = server.post(EVENTS, NDJSON, lines);
    let array = server.post(EVENTS, JSON, br#"[{"type":"a"},{"message":"m"},{"type":"b"}]"#);

    let body = answer.json();
    assert_eq!((answer.status, &body["accepted"]), (200, &json!(2)), "{body}");
    let rejected = body["rejected"].as_array().unwrap();
    let indexes: Vec<_> = rejected.iter().map(|entry| entry["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [1, 2, 3]);
    assert_eq!(rejected[1]["field"], "type");
    assert_eq!(array.json()["rejected"][0]["index"], 1);
    assert_eq!(server.get(EVENTS).events().len(), 4);
}

#[test]
fn a_strict_batch_is_taken_whole_or_not_at_all() {
    let server = Server::start();

    let unreadable = server.post("/api/v1/events?strict=1", NDJSON, b"{\"type\":\"a\"}\n{");
    let invalid = server.post("/api/v1/events?strict=1", JSON, br#"[{"type":"a"},{"type":""}]"#);
    assert_problem(&unreadable, 422, "status", &json!(422));
    assert_eq!(invalid.json()["rejected"][0]["index"], 1);
    assert_eq!(server.get(EVENTS).events().len(), 0);

    let whole = server.post("/api/v1/events?strict=1", JSON, br#"[{"type":"a"},{"type":"b"}]"#);
    assert_eq!((whole.status, &whole.json()["accepted"]), (200, &json!(2)));
}

#[test]
fn what_does_not_parse_is_malformed() {
    let server = Server::start();
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 14] = [
        b"",
        b" ",
        b"{\"type\":\"a\"",
        b"{\"type\":\"a\"} x",
        b"{\"type\":\"a\",\"x\":NaN}",
        b"{\"type\":\"a\",\"x\":1e400}",
        b"{\"type\":\"\xff\"}",
        b"\xef\xbb\xbf{\"type\":\"a\"}",
        b"{\"type\":\"a\",\"message\":\"\\ud800\"}",
        b"{\"type\":\"a\",\"message\":\"\x01\"}",
        b"[{\"type\":\"a\"}",
        b"7",
        deep.as_bytes(),
        b"{\"type\":\"a\"}{\"type\":\"b\"}",
    ];
    for body in bodies {
        let answer = server.post(EVENTS, JSON, body);
        let cut = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(answer.status, 400, "{cut}: {}", answer.text());
    }
    assert_eq!(server.post(EVENTS, NDJSON, b"\n\n").status, 400);
    assert_eq!(server.post(EVENTS, "text/plain", b"\xff").status, 400);
    assert_eq!(server.get(EVENTS).events().len(), 0);
}

#[test]
fn limits_are_named_before_memory_grows() {
    let server = Server::start();
    let lines = "{\"type\":\"a\"}\n".repeat(10_001);
    let big = format!(r#"{{"type":"a","fields":{{"x":"{}"}}}}"#, "x".repeat(256 * 1024));
    let long = format!(r#"{{"type":"a","message":"{}"}}"#, "x".repeat(64 * 1024 + 1));

    assert_problem(&server.post(EVENTS, NDJSON, lines.as_bytes()), 413, "index", &json!(10_000));
    assert_problem(&server.post(EVENTS, JSON, big.as_bytes()), 413, "limit", &json!(256 * 1024));
    assert_problem(&server.post(EVENTS, JSON, long.as_bytes()), 413, "limit", &json!(64 * 1024));
    let text = "x".repeat(64 * 1024 + 1);
    assert_problem(
        &server.post("/e/a", "text/plain", text.as_bytes()),
        413,
        "field",
        &json!("message"),
    );
    let batch = server.post(EVENTS, JSON, format!(r#"[{{"type":"a"}},{big}]"#).as_bytes()).json();
    assert_eq!((&batch["accepted"], &batch["rejected"][0]["index"]), (&json!(1), &json!(1)));
    let exact = "{\"type\":\"a\"}\n".repeat(10_000);
    assert_eq!(server.post(EVENTS, NDJSON, exact.as_bytes()).json()["accepted"], 10_000);
}

#[test]
fn a_body_past_all_limits_gets_its_answer_while_it_is_still_being_sent() {
    let server = Server::start();
    let huge = vec![b'x'; 100 * 1024 * 1024];
    let bomb = gzip(&huge);
    let encoded = [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")];

    let plain = server.post("/e/a", "text/plain", &huge);
    let decoded = server.request("POST", EVENTS, &encoded, &bomb);

    assert_problem(&plain, 413, "limit", &json!(16 * 1024 * 1024));
    assert_problem(&decoded, 413, "limit", &json!(16 * 1024 * 1024));
    let peak = peak_memory_kib(server.pid());
    assert!(peak < 300 * 1024, "{peak} KiB at its peak");
}

/// The most memory the process ever had.
fn peak_memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn encoded_bodies_are_read_and_other_encodings_and_types_are_not() {
    let server = Server::start();
    let event = br#"{"type":"a"}"#;
    let zstd = zstd::encode_all(&event[..], 1).unwrap();
    let with = |encoding: &str, body: &[u8]| {
        let headers = [("Content-Type", JSON), ("Content-Encoding", encoding)];
        server.request("POST", EVENTS, &headers, body)
    };

    assert_eq!(with("gzip", &gzip(event)).status, 201);
    assert_eq!(with("zstd", &zstd).status, 201);
    assert_eq!(with("gzip", event).status, 400);
    let unknown = with("br", event);
    assert_eq!((unknown.status, unknown.header("accept-encoding").is_some()), (415, true));
    for media in
        ["application/xml", "text/plain; charset=latin1", "application/x-www-form-urlencoded"]
    {
        let answer = server.post(EVENTS, media, event);
        assert_eq!(answer.status, 415, "{media}");
        assert!(answer.header("accept-post").unwrap().contains(NDJSON), "{media}");
    }
}

#[test]
fn chunked_bodies_are_read_like_any_other() {
    let server = Server::start();
    let request = b"POST /e/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\
        Connection: close\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

    assert_eq!(server.raw_status(request), Some(201));

    assert_eq!(server.get(EVENTS).events()[0]["message"], "hello world");
}

#[test]
fn a_queued_event_is_answered_before_it_is_durable_and_comes_all_the_same() {
    let server = Server::start();

    assert_eq!(server.post("/e/a?ack=queued", "text/plain", b"x").status, 202);
    let many = server.post("/api/v1/events?ack=queued", JSON, br#"[{"type":"a"}]"#);
    assert_eq!((many.status, &many.json()["accepted"]), (202, &json!(1)));
    assert_problem(
        &server.post("/e/a?ack=shared", "text/plain", b"x"),
        422,
        "parameter",
        &json!("ack"),
    );

    let stopped = server.stop();
    assert!(stopped.stderr.contains("lost 0"), "{}", stopped.stderr);
}
