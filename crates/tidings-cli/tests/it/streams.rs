//! Following: everything once, in order, or a gap.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::server::Server;

const STREAM: &str = "/api/v1/events/stream";
/// Signs of life that a stream may give while somebody waits for its next frame:
/// each means that there was nothing to say for a while.
const SILENCES_MAX: usize = 2;

/// An open stream, read line by line.
pub(crate) struct Stream {
    status: u16,
    head: Vec<String>,
    lines: BufReader<TcpStream>,
}

impl Frame {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// One Server-Sent Event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frame {
    pub(crate) name: String,
    id: String,
    data: Value,
}

impl Stream {
    pub(crate) fn open(server: &Server, path: &str, headers: &str) -> Stream {
        let mut socket = server.connect();
        // HTTP/1.0 has no chunks, so the body comes as it is.
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let lines = BufReader::new(socket);
        let mut stream = Stream { status: 0, head: Vec::new(), lines };
        let head = stream.line().expect("a status line");
        stream.status = head.split(' ').nth(1).unwrap().parse().unwrap();
        while let Some(line) = stream.line().filter(|line| !line.is_empty()) {
            stream.head.push(line);
        }
        stream
    }

    /// Whether its head has this line.
    pub(crate) fn is_headed(&self, line: &str) -> bool {
        self.head.iter().any(|of_head| of_head == line)
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("before the time limit");
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next frame with data; `None` at the end.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let mut frame = Frame::default();
        let mut silences = 0;
        loop {
            let line = self.line()?;
            silences += usize::from(line == ":");
            assert!(silences <= SILENCES_MAX, "nothing comes");
            match line.split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut frame.name),
                Some(("id", id)) => id.clone_into(&mut frame.id),
                Some(("data", data)) => frame.data = serde_json::from_str(data).unwrap(),
                _ if line.is_empty() && frame.data != Value::Null => return Some(frame),
                _ => {}
            }
        }
    }

    /// The messages of the next frames.
    pub(crate) fn messages(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| self.frame().expect("a frame").data["message"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn say(server: &Server, message: &str) {
    assert_eq!(server.post("/e/a", "text/plain", message.as_bytes()).status, 201);
}

#[test]
fn a_follower_sees_what_arrives_from_now_on() {
    let server = Server::start();
    say(&server, "before");
    let mut stream = Stream::open(&server, STREAM, "");
    let hello = stream.frame().unwrap();
    assert_eq!((hello.name.as_str(), &hello.data["complete"]), ("hello", &json!(true)));

    say(&server, "one");
    say(&server, "two");

    assert_eq!(stream.messages(2), ["one", "two"]);
}

#[test]
fn a_follower_that_comes_back_goes_on_where_it_was() {
    let server = Server::start();
    let mut stream = Stream::open(&server, STREAM, "");
    let hello = stream.frame().unwrap().id;
    say(&server, "one");
    let one = stream.frame().unwrap().id;
    drop(stream);
    say(&server, "two");
    say(&server, "three");

    let mut from_one = Stream::open(&server, STREAM, &format!("Last-Event-ID: {one}\r\n"));
    let mut from_hello = Stream::open(&server, &format!("{STREAM}?after={hello}"), "");
    let id_wins = format!("{STREAM}?after={hello}&since=1h");
    let mut both = Stream::open(&server, &id_wins, &format!("Last-Event-ID: {one}\r\n"));

    for (stream, wanted) in [
        (&mut from_one, &["two", "three"][..]),
        (&mut from_hello, &["one", "two", "three"]),
        (&mut both, &["two", "three"]),
    ] {
        assert_eq!(stream.frame().unwrap().name, "hello");
        assert_eq!(stream.messages(wanted.len()), wanted);
    }
}

#[test]
fn a_follower_can_begin_in_the_past_and_see_only_what_it_asks_for() {
    let server = Server::start();
    for (n, severity) in ["info", "warn", "error"].iter().enumerate() {
        let path = format!("/e/a?severity={severity}");
        server.post(&path, "text/plain", n.to_string().as_bytes());
    }

    let mut stream = Stream::open(&server, &format!("{STREAM}?since=1h&severity=warn"), "");

    stream.frame();
    assert_eq!(stream.messages(2), ["1", "2"]);
}

#[test]
fn lines_of_json_are_followed_too() {
    let server = Server::start();
    say(&server, "one");

    let accept = "Accept: application/x-ndjson\r\n";
    let mut by_accept = Stream::open(&server, &format!("{STREAM}?since=all"), accept);
    let mut by_format =
        Stream::open(&server, &format!("{STREAM}?since=all&format=ndjson&verbose"), "");

    for (stream, verbose) in [(&mut by_accept, false), (&mut by_format, true)] {
        let event: Value = serde_json::from_str(&stream.line().unwrap()).unwrap();
        assert_eq!((&event["message"], event["position"].is_u64()), (&json!("one"), verbose));
    }
}

#[test]
fn cursors_are_refused_where_another_kind_is_meant() {
    let server = Server::start();
    say(&server, "one");
    say(&server, "two");
    let mut stream = Stream::open(&server, &format!("{STREAM}?since=all"), "");
    let follow = stream.frame().unwrap().id;
    let page =
        server.get("/api/v1/events?limit=1").json()["page"]["next"].as_str().unwrap().to_owned();

    let list = server.get(&format!("/api/v1/events?after={follow}"));
    let follower = server.get(&format!("{STREAM}?after={page}"));
    let header = server.request("GET", STREAM, &[("Last-Event-ID", "nonsense")], b"");

    assert_eq!([list.status, follower.status, header.status], [400; 3]);
    assert!(list.json()["detail"].as_str().unwrap().contains("follow"), "{}", list.text());
}

#[test]
fn a_cursor_of_another_log_is_gone_and_a_browser_is_told_of_the_gap() {
    let (server, other) = (Server::start(), Server::start());
    say(&other, "elsewhere");
    say(&server, "here");
    let foreign = Stream::open(&other, &format!("{STREAM}?since=all"), "").frame().unwrap().id;

    let asked = server.get(&format!("{STREAM}?after={foreign}"));
    let mut resumed = Stream::open(&server, STREAM, &format!("Last-Event-ID: {foreign}\r\n"));

    assert_eq!((asked.status, &asked.json()["oldest"]), (410, &json!(0)));
    assert_eq!(resumed.frame().unwrap().name, "hello");
    let gap = resumed.frame().unwrap();
    assert_eq!((gap.name.as_str(), &gap.data["reason"]), ("gap", &json!("another_log")));
    assert_eq!(resumed.messages(1), ["here"]);
}

#[test]
fn a_stream_ends_cleanly_when_the_server_stops() {
    let server = Server::start();
    let mut sse = Stream::open(&server, STREAM, "");
    let mut ndjson = Stream::open(&server, &format!("{STREAM}?format=ndjson"), "");
    sse.frame();
    assert_eq!((sse.status, ndjson.status), (200, 200));

    let stopped = server.stop();

    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!((sse.frame(), ndjson.line()), (None, None));
}

#[test]
fn a_client_that_does_not_read_slows_nobody_and_misses_nothing() {
    const EVENTS: usize = 20_000;
    let server = Server::start();
    let mut stream = Stream::open(&server, STREAM, "");
    stream.frame();
    let message = "x".repeat(1000);
    let line = format!("{{\"type\":\"a\",\"message\":\"{message}\"}}\n");
    for _ in 0..EVENTS / 5000 {
        let answer =
            server.post("/api/v1/events", "application/x-ndjson", line.repeat(5000).as_bytes());
        assert_eq!(answer.json()["accepted"], 5000);
    }

    let positions: Vec<Value> =
        (0..EVENTS).map(|_| stream.frame().unwrap().data["id"].clone()).collect();

    let mut unique: Vec<&str> = positions.iter().map(|id| id.as_str().unwrap()).collect();
    assert!(unique.is_sorted(), "in the order of their arrival");
    unique.dedup();
    assert_eq!(unique.len(), EVENTS);
}
