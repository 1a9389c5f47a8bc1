//! `tidings check` and `tidings salvage`: what is whole, and what is not.

use std::path::Path;
use std::process::Output;

use crate::commands::{assert_code, listed, stderr, stdout};
use crate::server::{Server, tidings};

fn offline(args: &[&str], dir: &Path) -> Output {
    tidings().args(args).arg(dir).output().unwrap()
}

/// A data directory at rest with three events, each in a block of its own.
pub(crate) fn three_events(dir: &Path) {
    let server = Server::start_in(dir);
    for message in ["first of three", "marked-for-damage", "last of three"] {
        assert_code(&server.tidings(&["add", message]), 0);
    }
    assert_eq!(server.stop().code, Some(0));
}

/// Changes one byte of the message in the store file.
pub(crate) fn damage(dir: &Path) {
    let file = dir.join("log.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let marker = b"marked-for-damage";
    let at = bytes.windows(marker.len()).position(|window| window == marker);
    bytes[at.expect("a single event is stored as it is")] ^= 1;
    std::fs::write(&file, bytes).unwrap();
}

#[test]
fn a_whole_directory_is_whole_and_a_check_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    three_events(dir.path());
    let bytes = || std::fs::read(dir.path().join("log.sqlite")).unwrap();
    let before = bytes();

    let output = offline(&["check"], dir.path());

    assert_code(&output, 0);
    // The fourth is the log's own word about its clean stop.
    assert!(stdout(&output).starts_with("whole: 4 events in 4 blocks; damaged: 0 blocks; "));
    assert!(bytes() == before);
}

#[test]
fn a_flipped_byte_is_found_and_the_rest_is_salvaged() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    three_events(&old);
    damage(&old);

    let checked = offline(&["check", "--data"], &old);
    let salvaged = offline(&["salvage", "--data", old.to_str().unwrap(), "--into"], &new);

    assert_code(&checked, 6);
    assert!(stdout(&checked).contains("damaged: position 1: "), "{}", stdout(&checked));
    assert!(stderr(&checked).contains("hint: tidings salvage"), "{}", stderr(&checked));
    assert_code(&salvaged, 6);
    assert!(stdout(&salvaged).contains("missing: position 1: "), "{}", stdout(&salvaged));
    let server = Server::start_in(&new);
    let kept: Vec<_> =
        listed(&server, &["-t", "message"]).iter().map(|e| e["message"].clone()).collect();
    assert_eq!(kept, ["first of three", "last of three"]);
    // A list over the hole must not read as if nothing were missing.
    assert!(stderr(&server.tidings(&["list"])).contains("; missing: "));
}

#[test]
fn a_directory_that_cannot_be_checked_is_not_a_damaged_one() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(&dir.path().join("used"));

    let used = offline(&["check"], &dir.path().join("used"));
    let empty = offline(&["check"], dir.path());
    let nothing = offline(&["check"], &dir.path().join("nothing"));

    for output in [&used, &empty, &nothing] {
        assert_code(output, 5);
    }
    assert!(stderr(&used).contains(&server.pid().to_string()), "{}", stderr(&used));
}

#[test]
fn damage_on_the_last_pages_of_a_document_is_told_in_it() {
    let dir = tempfile::tempdir().unwrap();
    three_events(dir.path());
    damage(dir.path());
    let server = Server::start_in(dir.path());
    let lines = "{\"type\":\"newer\"}\n".repeat(600);
    server.post("/api/v1/events", "application/x-ndjson", lines.as_bytes());

    let first = server.get("/api/v1/events?limit=500").json();
    let list = server.get("/api/v1/events?limit=1000").json();

    assert_eq!(first["coverage"]["complete"], true, "nobody has met it yet");
    assert_eq!(list["coverage"]["complete"], false, "{}", list["coverage"]);
}
