//! Does the store in a directory keep its contract, also when opened again, also
//! when somebody meddles with its files?

use std::fs;
use std::path::Path;

use super::*;
use crate::store::{GapReason, Outcome};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::testing::{Blocks, store_suite};

fn options() -> SqliteOptions {
    SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() }
}

#[track_caller]
fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, options()).unwrap()
}

/// What a closed store with these blocks leaves behind.
#[track_caller]
fn closed_with(dir: &Path, blocks: &[Block]) {
    let store = open(dir);
    store.append(&Batch { blocks, keys: &[], outbox: false, notes: &[] }).unwrap();
    store.close().unwrap();
}

/// Changes a closed store behind its back.
#[track_caller]
fn meddle(dir: &Path, sql: &str) {
    let conn = Connection::open(dir.join("log.sqlite")).unwrap();
    assert_ne!(conn.execute(sql, []).unwrap(), 0, "{sql} changes nothing");
}

fn gap(range: Range<u64>, reason: GapReason) -> Gap {
    Gap { range: Position(range.start)..Position(range.end), reason }
}

#[test]
fn a_store_in_a_directory_keeps_the_contract() {
    let dirs = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    store_suite::assert_block_store(|| {
        count.set(count.get() + 1);
        open(&dirs.path().join(count.get().to_string()))
    });
}

#[test]
fn everything_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = Blocks::new(1);
    let sent = [blocks.of(3), blocks.of(5), blocks.of(2)];
    let store = open(dir.path());
    let origin = store.origin();
    store.append(&Batch { blocks: &sent, keys: &[], outbox: false, notes: &[] }).unwrap();
    store.expire(&[Position(0)]).unwrap();
    let ends = store.ends().unwrap();
    drop(store);

    let store = open(dir.path());

    assert_eq!(store.origin(), origin);
    assert_eq!(Ends { bytes: 0, ..store.ends().unwrap() }, Ends { bytes: 0, ..ends });
    assert_eq!(store.read(Position(3)).unwrap().unwrap().bytes(), sent[1].bytes());
    assert!(sent.iter().all(|block| store.put(block).unwrap().duplicate));
    assert_eq!(store.gaps().unwrap(), []);
}

#[test]
fn an_emptied_store_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = Blocks::new(1);
    closed_with(dir.path(), &[blocks.of(7)]);
    open(dir.path()).expire(&[Position(0)]).unwrap();

    let store = open(dir.path());

    assert_eq!(store.put(&blocks.of(1)).unwrap().base, Some(Position(7)));
    assert_eq!(store.gaps().unwrap(), []);
}

#[test]
fn a_second_opener_is_told_who_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());

    let refused = SqliteStore::open(dir.path(), options()).unwrap_err();

    let OpenError::InUse { pid, .. } = refused else { panic!("{refused}") };
    assert_eq!(pid, std::process::id().to_string());
    store.close().unwrap();
    open(dir.path());
}

#[cfg(unix)]
#[test]
fn the_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new");

    open(&dir);

    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_lost_store_file_is_never_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    closed_with(dir.path(), &[Blocks::new(1).of(1)]);
    let store = dir.path().join("log.sqlite");
    for lose in [|path: &Path| fs::remove_file(path), |path: &Path| fs::write(path, "")] {
        lose(&store).unwrap();
        let refused = SqliteStore::open(dir.path(), options()).unwrap_err();
        assert!(matches!(refused, OpenError::StoreFileLost { .. }), "{refused}");
        assert!(fs::metadata(&store).map_or(0, |meta| meta.len()) == 0);
    }
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let foreign = |fill: fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sqlite");
        fill(&path);
        let before = fs::read(&path).unwrap();
        let refused = SqliteStore::open(dir.path(), options()).unwrap_err();
        assert!(matches!(refused, OpenError::NotOurs { .. }), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), before);
    };
    foreign(|path| fs::write(path, "not a database at all").unwrap());
    foreign(|path| Connection::open(path).unwrap().execute_batch("CREATE TABLE a (b)").unwrap());
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    closed_with(dir.path(), &[Blocks::new(1).of(1)]);
    let conn = Connection::open(dir.path().join("log.sqlite")).unwrap();
    conn.pragma_update(None, "user_version", schema::FORMAT + 1).unwrap();
    drop(conn);

    let refused = SqliteStore::open(dir.path(), options()).unwrap_err();

    assert!(matches!(refused, OpenError::Newer { found: 4, known: 3, .. }), "{refused}");
}

#[test]
fn an_older_copy_of_the_store_file_lacks_its_tail_and_says_so_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut blocks) = (dir.path().join("log.sqlite"), Blocks::new(1));
    closed_with(dir.path(), &[blocks.of(4)]);
    let old = fs::read(&path).unwrap();
    closed_with(dir.path(), &[blocks.of(6)]);
    fs::write(&path, old).unwrap();
    let missing = [gap(4..10, GapReason::MissingTail)];

    assert_eq!(open(dir.path()).gaps().unwrap(), missing);

    let store = open(dir.path());
    assert_eq!(store.put(&blocks.of(1)).unwrap().base, Some(Position(10)));
    assert_eq!(store.gaps().unwrap(), missing);
}

#[test]
fn the_tail_of_a_store_that_lost_everything_stays_missing() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close().unwrap();
    let empty = fs::read(dir.path().join("log.sqlite")).unwrap();
    closed_with(dir.path(), &[Blocks::new(1).of(6)]);
    fs::write(dir.path().join("log.sqlite"), empty).unwrap();

    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(store.gaps().unwrap(), [gap(0..6, GapReason::MissingTail)]);
        assert_eq!(store.ends().unwrap().next, Position(6));
    }
}

#[test]
fn a_damaged_tail_mark_leaves_the_end_unknown() {
    let dir = tempfile::tempdir().unwrap();
    closed_with(dir.path(), &[Blocks::new(1).of(6)]);
    fs::write(dir.path().join("tail"), [7; 5000]).unwrap();

    for _ in 0..2 {
        assert_eq!(open(dir.path()).gaps().unwrap(), [gap(6..6, GapReason::TailUnknown)]);
    }
}

#[test]
fn the_mark_of_another_log_is_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&dir, &other] {
        closed_with(dir.path(), &[Blocks::new(1).of(1)]);
    }
    fs::copy(other.path().join("tail"), dir.path().join("tail")).unwrap();

    let refused = SqliteStore::open(dir.path(), options()).unwrap_err();

    assert!(refused.to_string().contains("another log"), "{refused}");
}

#[test]
fn a_damaged_block_is_named_once_and_the_others_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = Blocks::new(1);
    closed_with(dir.path(), &[blocks.of(3), blocks.of(4), blocks.of(5)]);
    meddle(dir.path(), "UPDATE blocks SET body = zeroblob(length(body)) WHERE base = 3");

    for _ in 0..2 {
        let store = open(dir.path());
        for _ in 0..2 {
            let read = store.read(Position(3));
            assert!(matches!(read, Err(StoreError::Damaged { base: Position(3), .. })), "{read:?}");
        }
        assert!(store.read(Position(0)).unwrap().is_some());
        assert!(store.read(Position(7)).unwrap().is_some());
        assert_eq!(store.gaps().unwrap(), [gap(3..7, GapReason::Damaged)]);
    }
}

#[test]
fn a_damaged_head_is_named_and_its_count_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = Blocks::new(1);
    closed_with(dir.path(), &[blocks.of(3), blocks.of(4), blocks.of(5)]);
    meddle(dir.path(), "UPDATE blocks SET count = 1000 WHERE base = 3");

    let store = open(dir.path());
    let heads = store.heads(Position(0), 10).unwrap();

    assert_eq!(
        heads.iter().map(|head| head.header.is_ok()).collect::<Vec<_>>(),
        [true, false, true]
    );
    assert_eq!(heads[1].count, 4);
    assert_eq!(store.gaps().unwrap(), [gap(3..7, GapReason::Damaged)]);
}

#[test]
fn a_block_under_the_wrong_position_is_not_shown_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = Blocks::new(1);
    closed_with(dir.path(), &[blocks.of(3), blocks.of(4), blocks.of(5)]);
    meddle(dir.path(), "UPDATE blocks SET base = 70000 WHERE base = 3");

    let store = open(dir.path());

    assert!(store.read(Position(70000)).is_err());
    assert_eq!(store.ends().unwrap().next, Position(12));
    assert_eq!(store.gaps().unwrap()[0], gap(3..7, GapReason::Damaged));
}

#[test]
fn a_block_that_vanished_is_missed_wherever_it_stood() {
    for (base, range) in [(0, 0..3), (3, 3..7)] {
        let dir = tempfile::tempdir().unwrap();
        let mut blocks = Blocks::new(1);
        closed_with(dir.path(), &[blocks.of(3), blocks.of(4), blocks.of(5)]);
        meddle(dir.path(), &format!("DELETE FROM blocks WHERE base = {base}"));

        assert_eq!(open(dir.path()).gaps().unwrap(), [gap(range, GapReason::Damaged)]);
    }
}

#[test]
fn a_hole_left_by_expiry_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = Blocks::new(1);
    let sent: Vec<Block> = (0..6).map(|_| blocks.of(2)).collect();
    closed_with(dir.path(), &sent);
    for base in [4, 8, 6] {
        open(dir.path()).expire(&[Position(base)]).unwrap();
    }
    assert_eq!(open(dir.path()).gaps().unwrap(), []);
    open(dir.path()).expire(&[Position(0), Position(2)]).unwrap();

    let store = open(dir.path());

    assert_eq!(store.gaps().unwrap(), []);
    assert_eq!(store.ends().unwrap().first, Position(10));
}

#[test]
fn a_gap_is_forgotten_with_the_blocks_around_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = Blocks::new(1);
    closed_with(dir.path(), &[blocks.of(3), blocks.of(4), blocks.of(5)]);
    meddle(dir.path(), "DELETE FROM blocks WHERE base = 3");
    let store = open(dir.path());
    assert_eq!(store.gaps().unwrap().len(), 1);

    store.expire(&[Position(0)]).unwrap();

    assert_eq!(store.gaps().unwrap(), []);
    drop(store);
    assert_eq!(open(dir.path()).gaps().unwrap(), []);
}

#[test]
fn a_failed_commit_latches_the_store_until_it_is_reopened_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut blocks) = (open(dir.path()), Blocks::new(1));
    store.put(&blocks.of(3)).unwrap();
    // A foreign key that is checked at COMMIT makes COMMIT itself fail, as long as
    // the connection is the same.
    for sql in [
        "PRAGMA foreign_keys = 1",
        "CREATE TEMP TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TEMP TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TEMP TRIGGER trap AFTER INSERT ON main.blocks
         BEGIN INSERT INTO child VALUES (1); END",
    ] {
        store.inner.writer.lock().conn.as_ref().unwrap().execute_batch(sql).unwrap();
    }
    let block = blocks.of(4);

    let failed = store.put(&block).unwrap_err();

    assert_eq!(failed.outcome(), Outcome::Unknown, "{failed}");
    assert!(matches!(store.put(&block), Err(StoreError::Latched { .. })));
    assert!(store.read(Position(0)).unwrap().is_some(), "reads go on");
    store.probe().unwrap();
    assert_eq!(store.put(&block).unwrap(), Placed { base: Some(Position(3)), duplicate: false });
    assert_eq!(store.ends().unwrap().events, 7);
}

#[test]
fn a_probe_hangs_while_a_write_hangs_and_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ended) = (open(dir.path()), AtomicBool::new(false));
    let write = store.inner.writer.lock();
    std::thread::scope(|scope| {
        let probe = scope.spawn(|| {
            store.probe().unwrap();
            assert!(ended.load(Ordering::SeqCst), "nobody knew yet that writing works");
        });
        assert!(store.ends().is_ok() && store.read(Position(0)).is_ok(), "reads go on");
        ended.store(true, Ordering::SeqCst);
        drop(write);
        probe.join().unwrap();
    });
}

#[test]
fn after_a_write_that_failed_the_next_probe_tries_one() {
    let dir = tempfile::tempdir().unwrap();
    let (store, block) = (open(dir.path()), Blocks::new(1).of(3));
    store.probe().unwrap();
    let sql = |sql| store.inner.writer.lock().conn.as_ref().unwrap().execute_batch(sql).unwrap();
    sql("PRAGMA query_only = 1");
    assert!(store.probe().is_ok(), "a store that never failed is not tried every time");
    assert_eq!(store.put(&block).unwrap_err().outcome(), Outcome::NotStored);

    assert!(store.probe().is_err());

    sql("PRAGMA query_only = 0");
    store.probe().unwrap();
    store.put(&block).unwrap();
}

#[test]
fn a_latched_store_whose_end_is_not_whole_stays_latched() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut blocks) = (open(dir.path()), Blocks::new(1));
    store.put(&blocks.of(3)).unwrap();
    store.put(&blocks.of(3)).unwrap();
    store.inner.latch_for(&"a test says so");
    meddle(dir.path(), "DELETE FROM blocks WHERE base = 3");

    let refused = store.probe().unwrap_err();

    assert!(refused.to_string().contains("acknowledged was 6"), "{refused}");
    assert!(matches!(store.put(&blocks.of(1)), Err(StoreError::Latched { .. })));
}

#[test]
fn expiring_gives_space_back_to_the_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut blocks) = (open(dir.path()), Blocks::new(1));
    let sent: Vec<Block> = (0..24).map(|_| blocks.with_text(250, 2000)).collect();
    store.append(&Batch { blocks: &sent, keys: &[], outbox: false, notes: &[] }).unwrap();
    let before = store.ends().unwrap();
    let bases: Vec<Position> = (0..23).map(|i| Position(i * 250)).collect();

    store.expire(&bases).unwrap();

    let after = store.ends().unwrap();
    assert!(before.bytes > 5_000_000, "{before:?}");
    assert!(after.bytes < 1_500_000, "{after:?}");
}

#[test]
fn the_committer_empties_the_wal_when_nobody_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let ballast = SqliteOptions { ballast_bytes: 1 << 20, ..SqliteOptions::default() };
    let inner = open::open(dir.path(), ballast).unwrap(); // without its thread
    let (mut blocks, mut largest, mut emptied) = (Blocks::new(1), 0, 0);

    for _ in 0..200 {
        inner.put(&blocks.with_text(10, 4000)).unwrap();
        let bytes = fs::metadata(dir.path().join("log.sqlite-wal")).unwrap().len();
        largest = largest.max(bytes);
        emptied += u64::from(bytes == 0);
    }

    assert!(emptied > 0, "the WAL was never emptied");
    assert!(largest < 1 << 20, "{largest} bytes in the WAL do not fit into the ballast");
}

#[test]
fn keys_are_found_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let received = crate::testing::blocks::START;
    let id = crate::id::EventId::from_bytes([3; 16]);
    let key = KeyRow { name: (*b"k").into(), body: [1; 16], id, received };
    let (blocks, keys) = ([Blocks::new(1).of(1)], [key.clone()]);
    open(dir.path())
        .append(&Batch { blocks: &blocks, keys: &keys, outbox: false, notes: &[] })
        .unwrap();

    let store = open(dir.path());

    let find = |name: &[u8]| store.find_key(name, received, Duration::from_mins(1)).unwrap();
    assert_eq!((find(b"k"), find(b"l")), (Some(key), None));
}
