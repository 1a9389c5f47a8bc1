//! Stopping: what was taken is stored or counted, whatever the signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use crate::server::{Server, Stopped, signal};

/// Rounds of each kind of stop.
const ROUNDS: usize = if cfg!(feature = "soak") { 250 } else { 10 };

/// Records until the server is gone; returns the ids that were acknowledged.
fn record_until_gone(name: usize, server: &Server, stop: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let headers = [("Content-Type", "application/json")];
    while !stop.load(Ordering::SeqCst) {
        let body = format!(r#"{{"type":"a","message":"{name}"}}"#);
        match server.try_request("POST", "/api/v1/events", &headers, body.as_bytes()) {
            Ok(answer) if answer.status == 201 => {
                acknowledged.push(answer.json()["id"].as_str().unwrap().to_owned());
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_) => break,
        }
    }
    acknowledged
}

/// The books as the server printed them at its end.
#[track_caller]
pub(crate) fn assert_balanced(stopped: &Stopped) {
    let books = stopped.stderr.lines().find_map(|line| line.strip_prefix("books: "));
    let books = books.unwrap_or_else(|| panic!("no books: {}", stopped.stderr));
    let number = |name: &str| {
        let rest = books.split(name).nth(1).unwrap_or_default().trim_start();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap_or_else(|_| panic!("{name} in {books}"))
    };
    assert_eq!(number("pending "), 0, "{books}");
    assert_eq!(
        number("offered "),
        number("stored ") + number("refused ") + number("lost "),
        "{books}"
    );
}

/// Stops a busy server with these signals, and looks for what it acknowledged.
fn round(signals: &[&str]) {
    let dir = TempDir::new().unwrap();
    let server = Arc::new(Server::start_in(dir.path()));
    let over = Arc::new(AtomicBool::new(false));
    let recorders: Vec<_> = (0..4)
        .map(|n| {
            let (server, over) = (server.clone(), over.clone());
            std::thread::spawn(move || record_until_gone(n, &server, &over))
        })
        .collect();
    // A handshake instead of a sleep: the signals come in the middle of it.
    while server.get("/api/v1/stats").json()["store"]["events"].as_u64().unwrap() < 8 {}
    for name in signals {
        signal(server.pid(), name);
    }
    let acknowledged: Vec<String> =
        recorders.into_iter().flat_map(|recorder| recorder.join().unwrap()).collect();
    over.store(true, Ordering::SeqCst);
    let stopped = Arc::into_inner(server).expect("the recorders ended").wait();
    assert_balanced(&stopped);
    if signals.len() == 1 {
        assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    }

    let again = Server::start_in(dir.path());
    let listed = again.get("/api/v1/events?format=ndjson&type=a").text();
    for id in &acknowledged {
        assert_eq!(listed.matches(id.as_str()).count(), 1, "{id}");
    }
    let coverage = again.get("/api/v1/stats").json()["coverage"].clone();
    assert_eq!(coverage["complete"], true, "{coverage}");
}

#[test]
fn one_signal_drains_what_is_in_flight() {
    for _ in 0..ROUNDS {
        round(&["TERM"]);
    }
}

#[test]
fn two_signals_end_at_once_and_still_count() {
    for _ in 0..ROUNDS {
        round(&["TERM", "INT"]);
    }
}

#[test]
fn a_request_in_flight_is_finished_after_the_signal() {
    use std::io::{Read, Write};
    let server = Server::start();
    let mut late = server.connect();
    late.write_all(b"POST /e/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe")
        .unwrap();
    // Answered on another connection: by then the first one was accepted.
    assert_eq!(server.get("/livez").status, 200);

    server.signal("TERM");
    while std::net::TcpStream::connect(server.address()).is_ok() {}
    late.write_all(b"llo").unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.wait().code, Some(0));
}
