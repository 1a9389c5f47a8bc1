//! Going on at another server: everything once, whichever of them is asked.

use tidings::query::FollowCursor;

use crate::disks::wait_for;
use crate::server::Server;
use crate::several::{Pair, say_to_all};
use crate::streams::Stream;
use crate::tail::Tail;

fn say(server: &Server, message: &str) {
    assert_eq!(server.post("/e/a", "text/plain", message.as_bytes()).status, 201);
}

fn newest_position(server: &Server) -> u64 {
    let newest = server.get("/api/v1/events?type=a&limit=1&verbose=1").events();
    newest[0]["position"].as_u64().unwrap()
}

/// Waits until the server has met the cluster of this cursor.
fn wait_until_it_goes_on(server: &Server, cursor: &str) {
    let stream = format!("/api/v1/events/stream?after={cursor}");
    wait_for(server, || Stream::open(server, &stream, "").status() == 200);
}

/// The next lines, whatever their order: each server has one of its own.
#[track_caller]
fn assert_comes(tail: &Tail, lines: &[&str]) {
    let mut comes: Vec<String> =
        lines.iter().map(|_| tail.lines.recv_timeout(crate::server::PATIENCE).unwrap()).collect();
    comes.sort_unstable();
    assert_eq!(comes, lines);
}

#[test]
fn a_tail_that_is_killed_goes_on_at_another_server_by_its_cursor_file() {
    let name = "a_tail_that_is_killed_goes_on_at_another_server_by_its_cursor_file";
    let Some(Pair { db1, db2, .. }) = &Pair::start(name) else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cursor");
    let flags = ["--cursor-file", file.to_str().unwrap(), "-t", "a"];
    let cursor = || std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(say_to_all(db1, "1").status, 201);
    let tail = Tail::start(&db1.url(""), &flags);
    tail.expect(&["1"]);
    say(db1, "2");
    tail.expect(&["2"]);
    let two = newest_position(db1);
    let next = || cursor().trim().parse::<FollowCursor>().map(|cursor| cursor.next.0);
    wait_for(db1, || next().is_ok_and(|next| next > two));
    drop(tail);
    say(db1, "3");
    say(db2, "4");
    wait_until_it_goes_on(db2, cursor().trim());

    let tail = Tail::start(&db2.url(""), &flags);
    assert_comes(&tail, &["3", "4"]);
    say(db2, "5");
    tail.expect(&["5"]);
    say(db1, "6");

    tail.expect(&["6"]);
    let (_, words) = tail.interrupt();
    assert!(!words.contains("missing"), "{words}");
}

#[test]
fn a_stream_goes_on_at_another_server_after_its_last_event_id() {
    let name = "a_stream_goes_on_at_another_server_after_its_last_event_id";
    let Some(Pair { db1, db2, .. }) = &Pair::start(name) else { return };
    let path = "/api/v1/events/stream?type=a";
    let mut stream = Stream::open(db1, path, "");
    stream.frame();
    for message in ["1", "2", "3"] {
        assert_eq!(say_to_all(db1, message).status, 201);
    }
    assert_eq!(stream.messages(1), ["1"]);
    let two = stream.frame().unwrap();
    wait_until_it_goes_on(db2, two.id());

    let mut stream = Stream::open(db2, path, &format!("Last-Event-ID: {}\r\n", two.id()));
    let hello = stream.frame().unwrap();

    assert_eq!((hello.name.as_str(), stream.messages(1)), ("hello", vec!["3".to_owned()]));
}
