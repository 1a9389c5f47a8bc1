//! kill -9 in the middle of ingest: everything acknowledged is listed, once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, tidings};

const ROUNDS: usize = if cfg!(feature = "soak") { 2000 } else { 100 };
const RECORDERS: usize = 3;

/// Records one at a time and in batches until the server is gone; returns the
/// messages that were acknowledged.
fn record_until_gone(server: &Server, name: &str, acknowledged: &AtomicUsize) -> Vec<String> {
    let mut stored = Vec::new();
    for n in 0.. {
        let batch: Vec<String> = (0..=n % 4).map(|i| format!("{name}.{n}.{i}")).collect();
        let lines: String =
            batch.iter().map(|m| format!("{{\"type\":\"a\",\"message\":\"{m}\"}}\n")).collect();
        let headers = [("Content-Type", "application/x-ndjson")];
        let answer = server.try_request("POST", "/api/v1/events", &headers, lines.as_bytes());
        match answer {
            // A connection that died under way says nothing about its events.
            Err(_) => break,
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{}", answer.text());
                acknowledged.fetch_add(batch.len(), Ordering::SeqCst);
                stored.extend(batch);
            }
        }
    }
    stored
}

/// Starts a server and kills it before anybody knows how far it came: in the
/// middle of its recovery, as often as not.
fn kill_while_recovering(dir: &std::path::Path, spins: usize) {
    let mut child = tidings()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(dir)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..spins {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// One life: records until it has stored enough, then dies. Returns what was
/// acknowledged.
fn live_and_die(dir: &std::path::Path, round: usize) -> Vec<String> {
    let server = Arc::new(Server::start_in(dir));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let together = Arc::new(Barrier::new(RECORDERS + 1));
    let recorders: Vec<_> = (0..RECORDERS)
        .map(|recorder| {
            let (server, acknowledged) = (server.clone(), acknowledged.clone());
            let together = together.clone();
            std::thread::spawn(move || {
                together.wait();
                record_until_gone(&server, &format!("{round}.{recorder}"), &acknowledged)
            })
        })
        .collect();
    together.wait();
    // A different moment each round: after 0 to 36 acknowledged events.
    while acknowledged.load(Ordering::SeqCst) < round * 7 % 37 {
        std::thread::yield_now();
    }
    crate::server::signal(server.pid(), "KILL");
    recorders.into_iter().flat_map(|recorder| recorder.join().unwrap()).collect()
}

fn listed(dir: &std::path::Path) -> Vec<String> {
    let server = Server::start_in(dir);
    let text = server.get("/api/v1/events?format=ndjson&type=a&since=all").text();
    text.lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["message"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn what_was_acknowledged_before_a_kill_is_listed_once_after_it() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(live_and_die(dir.path(), round));
        if round % 3 == 0 {
            kill_while_recovering(dir.path(), round * 50);
        }
        if round % 10 == 9 {
            let found = listed(dir.path());
            let unique: BTreeSet<&String> = found.iter().collect();
            assert_eq!(unique.len(), found.len(), "round {round}: an event is listed twice");
            let missing: Vec<&String> =
                acknowledged.iter().filter(|message| !unique.contains(message)).collect();
            assert!(missing.is_empty(), "round {round}: {missing:?}");
        }
    }
    assert!(acknowledged.len() > ROUNDS, "the rounds reached their path");
}
