//! Are data directories of every version of the format still read, and written on?

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tidings::store::sqlite::{OpenError, inspect};
use tidings::{
    Ack, Clock, Event, Found, Log, LogOptions, Missing, Order, Page, Query, StoredEvent, Taken,
    Verbose,
};

/// The fixtures, and minutes after the last event of each.
const V1: (&str, &str) = ("data-v1", "2026-11-22T10:20:00Z");
/// Most of it is merged.
const V2: (&str, &str) = ("data-v2", "2026-11-22T11:20:00Z");
const SOON: Duration = Duration::from_secs(5);

/// A copy of a fixture that a test may write to.
fn copied(name: &str) -> TempDir {
    let fixture = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let copy = TempDir::new().unwrap();
    for file in fs::read_dir(fixture).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "events.ndjson" {
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    copy
}

fn open(dir: &Path, now: &str) -> Result<Log, OpenError> {
    let clock = Clock::by_hand(now.parse().unwrap());
    Log::open_with(dir, LogOptions { background: false, clock, ..LogOptions::default() })
}

fn everything(log: &Log) -> Page {
    let query = Query { order: Order::Ascending, limit: 10_000, ..Query::default() };
    log.query(&query).unwrap()
}

/// What was read of it when it was made: `events.ndjson`.
#[track_caller]
fn assert_as_written(name: &str, events: &[StoredEvent]) {
    let path = format!("{}/tests/fixtures/{name}/events.ndjson", env!("CARGO_MANIFEST_DIR"));
    let expected = fs::read_to_string(path).unwrap();
    assert!(expected.lines().count() > 500, "the fixture has events");
    assert_eq!(events.len(), expected.lines().count());
    for (event, line) in events.iter().zip(expected.lines()) {
        assert_eq!(serde_json::to_string(&Verbose(event)).unwrap(), line);
    }
}

/// Gives what the coverage says is missing.
#[track_caller]
fn assert_reads((name, now): (&str, &str)) -> Vec<Missing> {
    let dir = copied(name);
    let log = open(dir.path(), now).unwrap();

    let page = everything(&log);

    assert_as_written(name, &page.events);
    for event in &page.events {
        assert!(matches!(log.find(event.id).unwrap(), Found::Event(found) if *found == *event));
    }
    page.coverage.gaps
}

#[track_caller]
fn assert_goes_on((name, now): (&str, &str)) {
    let dir = copied(name);
    let log = open(dir.path(), now).unwrap();
    let keyed = Event::new("order", "paid").with_key("order-7").with_source("shop");
    let keyed = keyed.with_member("shop1");
    let fresh = Event::new("deploy", "by a later version");

    let ours = log.boot();
    let taken = log.append(vec![keyed, fresh], Ack::Disk, false).unwrap();
    log.close(SOON);

    let duplicates: Vec<bool> =
        taken.iter().map(|t| matches!(t, Taken::Accepted { duplicate: true, .. })).collect();
    assert_eq!(duplicates, [true, false]);
    let log = open(dir.path(), now).unwrap();
    let (new, old): (Vec<_>, Vec<_>) =
        everything(&log).events.into_iter().partition(|event| event.boot == ours);
    assert_eq!(new.iter().filter(|e| e.event.message() == "by a later version").count(), 1);
    assert_as_written(name, &old);
    log.close(SOON);
    let scratch = TempDir::new().unwrap();
    let seen = inspect(dir.path(), scratch.path(), &mut |_| {}).unwrap();
    assert!(seen.is_whole() && seen.clean_stop, "{seen:?}");
}

/// One event was refused while the log was paused; one boot never said goodbye.
const REASONS: [&str; 2] = ["paused", "end_unknown"];

#[test]
fn every_event_of_a_directory_of_version_1_reads_as_it_was_written() {
    let missing = assert_reads(V1);

    assert_eq!(missing.iter().map(|missing| missing.reason).collect::<Vec<_>>(), REASONS);
}

#[test]
fn every_event_of_a_directory_of_version_2_reads_as_it_was_written() {
    let missing = assert_reads(V2);

    assert_eq!(missing.iter().map(|missing| missing.reason).collect::<Vec<_>>(), REASONS);
}

#[test]
fn a_directory_of_version_1_is_written_on_and_its_keys_are_known() {
    assert_goes_on(V1);
}

#[test]
fn a_directory_of_version_2_is_written_on_and_its_keys_are_known() {
    assert_goes_on(V2);
}

/// Every file below a directory with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Where SQLite keeps the version of a file's format, big end first.
const VERSION_AT: usize = 60;

/// A directory as a version after ours would have written it.
fn newer() -> TempDir {
    let dir = copied(V1.0);
    open(dir.path(), V1.1).unwrap().close(SOON);
    let store = dir.path().join("log.sqlite");
    let mut bytes = fs::read(&store).unwrap();
    assert_eq!(bytes[VERSION_AT..VERSION_AT + 4], [0, 0, 0, 1]);
    bytes[VERSION_AT + 3] = 4;
    fs::write(store, bytes).unwrap();
    dir
}

#[test]
fn a_directory_of_a_newer_version_is_refused_and_left_as_it_is() {
    let dir = newer();
    let before = files(dir.path());

    let error = open(dir.path(), V1.1).unwrap_err();

    assert!(matches!(error, OpenError::Newer { found: 4, known: 3, .. }), "{error}");
    let words = error.to_string();
    assert!(words.contains("has format 4, newer than this program knows (3)"), "{words}");
    let after = files(dir.path());
    assert!(before == after, "{:?}", after.keys());
}
