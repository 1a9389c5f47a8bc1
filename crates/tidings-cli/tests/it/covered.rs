//! Does every answer say what the log can answer for?

use crate::damage::{damage, three_events};
use crate::server::Server;
use crate::streams::Stream;

/// Documents, and where their coverage stands.
const DOCUMENTS: [(&str, &str); 8] = [
    ("/api/v1/events", "/coverage"),
    ("/api/v1/events?collapse=1", "/coverage"),
    ("/api/v1/events?type=nothing", "/coverage"),
    ("/api/v1/histogram", "/coverage"),
    ("/api/v1/facets", "/coverage"),
    ("/api/v1/members", "/coverage"),
    ("/api/v1/types", "/coverage"),
    ("/api/v1/stats", "/coverage"),
];
/// Lines, which have no room for it.
const LINES: [&str; 5] = [
    "/api/v1/events?format=ndjson",
    "/api/v1/events?format=text",
    "/api/v1/events?format=csv",
    "/api/v1/events?format=ndjson&collapse=1",
    "/api/v1/events?format=ndjson&type=nothing",
];

/// A server over three events, the second of which is damaged.
fn server_with_damage(dir: &std::path::Path) -> Server {
    three_events(dir);
    damage(dir);
    let server = Server::start_in(dir);
    // Damage is told once it was met.
    server.get("/api/v1/events");
    server
}

#[test]
fn every_document_says_how_far_it_reaches_and_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let server = server_with_damage(dir.path());
    let id = server.get("/api/v1/events").events()[0]["id"].as_str().unwrap().to_owned();
    let among = format!("/api/v1/events/{id}?context=1");
    let unknown = "/api/v1/events/019aab3c-7d2e-7c41-9a3b-1f2e00000001".to_owned();
    let documents = DOCUMENTS.iter().map(|(path, at)| ((*path).to_owned(), *at));

    for (path, at) in documents.chain([(among, "/coverage"), (unknown, "/coverage")]) {
        let answer = server.get(&path).json();
        let coverage = answer.pointer(at).unwrap_or_else(|| panic!("{path}: {answer}"));
        assert_eq!(coverage["retention"], 86_400, "{path}");
        assert!(coverage["oldest"].is_string() && coverage["newest"].is_string(), "{path}");
        assert_eq!(coverage["complete"], false, "{path}: {coverage}");
        assert_eq!(coverage["gaps"][0]["reason"], "damaged", "{path}: {coverage}");
    }
}

#[test]
fn lines_and_single_events_say_so_in_a_header() {
    let dir = tempfile::tempdir().unwrap();
    let server = server_with_damage(dir.path());
    let id = server.get("/api/v1/events").events()[0]["id"].as_str().unwrap().to_owned();

    for path in LINES.iter().map(|path| (*path).to_owned()).chain([format!("/api/v1/events/{id}")])
    {
        let answer = server.get(&path);
        let told = answer.header("tidings-coverage").unwrap_or_else(|| panic!("{path}"));
        let wanted = "complete=?0, retention=86400, gaps=1, missing=1, oldest=\"";
        assert!(told.starts_with(wanted) && told.contains("newest=\""), "{path}: {told}");
    }
}

#[test]
fn lines_and_streams_say_in_a_header_how_a_query_was_read() {
    let server = Server::start();
    let lines = LINES.iter().map(|path| format!("{path}&q=%22(b"));

    for path in lines {
        let answer = server.get(&path);
        let told = answer.header("tidings-q").unwrap_or_else(|| panic!("{path}"));
        assert_eq!(told, r#"problems=1, column=1, read-as=%"%22\%22(b%22""#, "{path}");
    }
    let stream = Stream::open(&server, "/api/v1/events/stream?format=ndjson&q=b", "");
    assert!(stream.is_headed(r#"tidings-q: problems=0, read-as=%"b""#));
    assert!(server.get(LINES[0]).header("tidings-q").is_none(), "nothing was asked in words");
    assert!(server.get("/api/v1/events?q=a").header("tidings-q").is_none(), "documents say it");
}
