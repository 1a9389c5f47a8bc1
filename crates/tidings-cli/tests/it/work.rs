//! Questions that cost too much.

use serde_json::json;
use tempfile::TempDir;

use crate::server::Server;

/// One batch after the other, so that they stand in frames of their own.
const BATCHES: u64 = 20;

fn server_with_a_needle(dir: &TempDir) -> Server {
    let server = Server::start_with(dir.path(), &["--query-events-max", "10"]);
    for batch in 0..BATCHES {
        let message = |n| if (batch, n) == (0, 0) { "needle".to_owned() } else { n.to_string() };
        let events: Vec<_> =
            (0..5).map(|n| json!({"type": "hay", "message": message(n)})).collect();
        server.record(&events);
    }
    server
}

#[test]
fn a_question_that_may_look_no_further_says_so_and_goes_on_when_asked() {
    let dir = TempDir::new().unwrap();
    let server = server_with_a_needle(&dir);

    let (mut path, mut answers) = ("/api/v1/events?grep=needle".to_owned(), 0);
    let found = loop {
        let answer = server.get(&path).json();
        answers += 1;
        let Some(next) = answer["page"]["next"].as_str() else { break answer };
        let gap = &answer["coverage"]["gaps"][0];
        assert_eq!(
            (&answer["coverage"]["complete"], &gap["reason"]),
            (&json!(false), &json!("work_limit"))
        );
        assert_eq!(answer["matched"], json!(null), "{answer}");
        path = format!("/api/v1/events?grep=needle&after={next}");
    };

    assert!(answers > 2, "{answers} answers");
    assert_eq!(found["events"][0]["message"], "needle");
    assert_eq!(found["coverage"]["complete"], true);
}

#[test]
fn lines_and_the_command_line_go_on_to_the_end_by_themselves() {
    let dir = TempDir::new().unwrap();
    let server = server_with_a_needle(&dir);

    let lines = server.get("/api/v1/events?grep=needle&format=ndjson").text();
    let listed = server.tidings(&["list", "-g", "needle", "-o", "cat"]);

    assert_eq!(lines.matches("needle").count(), 1, "{lines}");
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), "needle\n");
    assert!(!String::from_utf8(listed.stderr).unwrap().contains("not looked at"));
    let counted = server.tidings(&["stats", "-g", "[0-4]"]);
    let told = String::from_utf8(counted.stderr).unwrap();
    assert!(told.contains("90 events ") && told.contains(" (not looked at)"), "{told}");
}

#[test]
fn the_search_for_the_last_match_ends_early_and_says_where() {
    let dir = TempDir::new().unwrap();
    let server = server_with_a_needle(&dir);
    let empty = |grep: &str| {
        server.get(&format!("/api/v1/events?grep={grep}&since=2100-01-01T00:00:00Z")).json()
    };

    let (needle, hay) = (empty("needle"), empty("4"));

    assert_eq!(needle["last_match_before"], json!(null), "{needle}");
    let newest = server.get("/api/v1/events?limit=11").events();
    let since = needle["no_match_since"].as_str().expect("a time from which nothing matches");
    assert!(newest.iter().all(|event| event["received"].as_str() >= Some(since)), "{needle}");
    assert_eq!(hay["last_match_before"]["id"], newest[0]["id"], "{hay}");
    assert!(hay.get("no_match_since").is_none(), "{hay}");
}
