//! Does a store survive a full disk? On a small file system of its own.

use std::time::Duration;

use tidings::block::Block;
use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::store::{Batch, BlockStore, Sink, StoreError};
use tidings::testing::{Blocks, ScriptedSink};
use tidings::{Event, LossReason, PauseReason, Position, Queue, Reason, WhenPaused};

use crate::tmpfs::Tmpfs;

/// Ends every wait of a test that has gone wrong.
const LONG: Duration = Duration::from_mins(1);

#[test]
fn a_full_disk_pauses_writes_not_reads_and_purging_ends_it() {
    let Some(dir) = Tmpfs::mount("a_full_disk_pauses_writes_not_reads_…", "8m") else { return };
    let options = SqliteOptions { ballast_bytes: 1024 * 1024, ..SqliteOptions::default() };
    let store = SqliteStore::open(&dir.path().join("data"), options).unwrap();
    let (kept, refused) = fill(&store);
    assert!(!dir.path().join("data/ballast").exists(), "the ballast must be given up");
    assert!(matches!(store.put(&refused), Err(StoreError::DiskFull { .. })));
    assert!(matches!(store.probe(), Err(StoreError::DiskFull { .. })));
    assert_all_there(&store, &kept);
    let bases: Vec<Position> = kept.iter().map(|(base, _)| *base).collect();
    store.published(&bases[1..], &[]).unwrap();
    assert_eq!(store.outbox(Position(0), 9).unwrap(), bases[..1]);

    let half = kept.len() / 2;
    assert!(store.expire(&bases[..half]).unwrap().waiting > 0);
    store.probe().unwrap();

    assert!(!store.put(&refused).unwrap().duplicate, "it was refused, so it was not there");
    assert_all_there(&store, &kept[half..]);
    store.close().unwrap();
}

#[test]
fn a_spool_on_a_full_disk_discards_with_its_reason_and_loses_nothing_that_it_took() {
    let test = "a_spool_on_a_full_disk_discards_with_its_reason_…";
    let Some(dir) = Tmpfs::mount(test, "32m") else { return };
    let sink = ScriptedSink::new();
    let spool = WhenPaused::Spool(dir.path().join("spool"));
    let queue = Queue::builder().when_paused(spool).build("web1", sink.clone()).unwrap();
    queue.start().unwrap();
    queue.suspend(PauseReason::StoreDown);
    let (mut blocks, mut offered) = (Blocks::new(1), 0);
    while queue.tally().lost(LossReason::SpoolFailed) == 0 {
        let event = blocks.with_text(1, 60_000).events(Position(0)).unwrap().remove(0).event;
        let _ = queue.client().record(Event::new("a", event.message()));
        offered += 1;
        if offered % 8 == 0 {
            assert!(queue.flush(LONG).settled);
        }
        assert!(offered < 2000, "32 MiB are never full");
    }
    assert_eq!(queue.client().add("a", "b"), Err(Reason::Paused));

    queue.resume(PauseReason::StoreDown);
    let report = queue.close(LONG);

    assert_eq!((report.spooled(), sink.events_len()), (0, report.stored()), "{report}");
    let told = sink.events().into_iter().filter(|stored| stored.event.is_reserved()).count();
    assert!(told > 0, "the log is told of what is missing");
}

/// Puts blocks until there is no room; answers with those and the one refused.
fn fill(store: &SqliteStore) -> (Vec<(Position, Block)>, Block) {
    let (mut blocks, mut kept) = (Blocks::new(1), Vec::new());
    loop {
        let block = blocks.with_text(40, 1500);
        let batch =
            Batch { blocks: std::slice::from_ref(&block), keys: &[], outbox: true, notes: &[] };
        match store.append(&batch) {
            Ok(base) => kept.push((base, block)),
            Err(StoreError::DiskFull { .. }) => return (kept, block),
            Err(error) => panic!("{error}"),
        }
        assert!(kept.len() < 1000, "8 MiB are never full");
    }
}

#[track_caller]
fn assert_all_there(store: &SqliteStore, kept: &[(Position, Block)]) {
    for (base, block) in kept {
        assert_eq!(store.read(*base).unwrap().unwrap().bytes(), block.bytes());
    }
}
