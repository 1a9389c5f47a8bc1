//! What do `inspect` and `salvage` see, and do they leave the source alone?

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tidings::Position;
use tidings::block::Block;
use tidings::store::sqlite::{
    Finding, Inspection, OpenError, SqliteOptions, SqliteStore, inspect, salvage,
};
use tidings::store::{Batch, BlockStore, Gap, GapReason, Sink};
use tidings::testing::Blocks;

fn options() -> SqliteOptions {
    SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() }
}

fn filled(dir: &Path) -> (SqliteStore, Vec<Block>) {
    let store = SqliteStore::open(dir, options()).unwrap();
    let mut blocks = Blocks::new(1);
    let sent: Vec<Block> = (1..=6).map(|i| blocks.with_text(i * 10, 100)).collect();
    store.append(&Batch { blocks: &sent, keys: &[], outbox: true, notes: &[] }).unwrap();
    (store, sent) // at 0, 10, 30, 60, 100, 150 to 210
}

/// The directory as it is, as if its process had died.
fn crashed_copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in ["log.sqlite", "log.sqlite-wal", "tail", "lock"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|it| (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap()))
        .collect()
}

/// Inspects, and makes sure that nothing was changed.
#[track_caller]
fn look(dir: &Path) -> (Inspection, Vec<u64>) {
    let scratch = tempfile::tempdir().unwrap();
    let before = contents(dir);
    let mut damaged = Vec::new();
    let inspection = inspect(dir, scratch.path(), &mut |finding| {
        if let Finding::Damaged { base, .. } = finding {
            damaged.push(base.0);
        }
    });
    assert_eq!(contents(dir), before, "the source must stay as it is");
    assert!(contents(scratch.path()).is_empty(), "the scratch directory must be empty again");
    (inspection.unwrap(), damaged)
}

fn damage(dir: &Path, base: u64) {
    let conn = rusqlite::Connection::open(dir.join("log.sqlite")).unwrap();
    let sql = "UPDATE blocks SET body = zeroblob(length(body)) WHERE base = ?1";
    assert_eq!(conn.execute(sql, [i64::try_from(base).unwrap()]).unwrap(), 1);
}

fn damaged(from: u64, to: u64) -> Gap {
    Gap { range: Position(from)..Position(to), reason: GapReason::Damaged }
}

#[test]
fn a_cleanly_closed_log_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).0.close().unwrap();

    let (inspection, _) = look(dir.path());

    assert!(inspection.is_whole() && inspection.clean_stop, "{inspection:?}");
    assert_eq!((inspection.blocks, inspection.events), (6, 210));
    assert_eq!(inspection.next, Position(210));
}

#[test]
fn a_crashed_log_is_read_with_its_wal() {
    let dirs = tempfile::tempdir().unwrap();
    let (live, dead) = (dirs.path().join("live"), dirs.path().join("dead"));
    let (_store, _) = filled(&live);
    crashed_copy(&live, &dead);

    let (inspection, _) = look(&dead);

    assert_eq!(inspection.events, 210);
    assert!(inspection.is_whole() && !inspection.clean_stop, "{inspection:?}");
}

#[test]
fn a_log_in_use_is_not_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, _) = filled(dir.path());

    let refused = inspect(dir.path(), dir.path(), &mut |_| {}).unwrap_err();

    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
}

#[test]
fn a_damaged_block_is_named_and_the_rest_is_carried_over_to_its_old_place() {
    let dirs = tempfile::tempdir().unwrap();
    let (from, into) = (dirs.path().join("from"), dirs.path().join("into"));
    let (store, sent) = filled(&from);
    let origin = store.origin();
    store.expire(&[Position(0)]).unwrap();
    store.close().unwrap();
    damage(&from, 30);

    let (inspection, named) = look(&from);
    let salvaged = salvage(&from, &into, options()).unwrap();

    assert_eq!((inspection.is_whole(), named), (false, vec![30]));
    assert_eq!((salvaged.blocks, salvaged.events, salvaged.damaged), (4, 170, 1));
    assert_eq!(salvaged.gaps, [damaged(30, 60)]);
    let store = SqliteStore::open(&into, options()).unwrap();
    assert_eq!((store.origin(), store.gaps().unwrap()), (origin, salvaged.gaps));
    assert_eq!(store.read(Position(60)).unwrap().unwrap().bytes(), sent[3].bytes());
    assert_eq!(store.ends().unwrap().next, Position(210));
    assert!(store.put(&sent[0]).unwrap().duplicate, "the name of what expired stays taken");
    assert!(store.put(&sent[5]).unwrap().duplicate);
}

#[test]
fn salvage_never_writes_into_a_directory_that_is_not_empty() {
    let dirs = tempfile::tempdir().unwrap();
    filled(&dirs.path().join("from")).0.close().unwrap();
    let before = contents(&dirs.path().join("from"));

    let refused = salvage(&dirs.path().join("from"), &dirs.path().join("from"), options());

    assert!(refused.unwrap_err().to_string().contains("not empty"));
    assert_eq!(contents(&dirs.path().join("from")), before);
}
