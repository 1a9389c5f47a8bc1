//! Is a log that was merged the same log?

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::block::{BlockBuilder, Entry};
use crate::clock::{Clock, Timestamp};
use crate::event::{Event, StoredEvent};
use crate::id::{Boot, Origin};
use crate::log::{Ack, Log, LogOptions};
use crate::store::memory::MemoryStore;
use crate::store::{Batch, BlockStore, Sink};
use crate::testing::{Fault, FaultyStore};

const HOUR: Duration = Duration::from_hours(1);

fn start() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn options() -> LogOptions {
    LogOptions { background: false, clock: Clock::by_hand(start()), ..LogOptions::default() }
}

fn log_over(store: &Arc<impl BlockStore + 'static>, options: &LogOptions) -> Log {
    Log::over(Arc::clone(store) as Arc<dyn BlockStore>, options.clone()).unwrap()
}

fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new().unwrap())
}

/// Appends so many blocks of so many events each.
fn append(log: &Log, blocks: usize, events: usize) {
    for block in 0..blocks {
        let event = |i| Event::new("deploy", format!("{block}:{i}"));
        log.append((0..events).map(event).collect(), Ack::Disk, false).unwrap();
    }
}

/// Steps until nothing is left to be merged; how many blocks there are then.
#[track_caller]
fn settle(log: &Log) -> u64 {
    for _ in 0..10_000 {
        if log.merge_step().unwrap().is_none() {
            return log.ends().unwrap().blocks;
        }
    }
    panic!("merging does not come to an end");
}

/// Every event by position, straight from the store.
fn events(store: &dyn BlockStore) -> Vec<StoredEvent> {
    let stored = store.blocks(Position(0)..Position(u64::MAX), usize::MAX).unwrap();
    stored.into_iter().flat_map(|it| it.block.unwrap().events(it.base).unwrap()).collect()
}

/// The bases of all blocks.
fn bases(log: &Log) -> Vec<u64> {
    log.core().index.read().slots().iter().map(|slot| slot.base.0).collect()
}

/// What the index says must be what it would say if it were read from the store.
#[track_caller]
fn assert_index_is_the_stores(log: &Log, store: &Arc<impl BlockStore + 'static>) {
    let again = log_over(store, log.options());
    assert_eq!(bases(log), bases(&again));
    assert_eq!(log.core().index.read().bytes(), again.core().index.read().bytes());
    // The store is the same, and may not be closed for the first.
    std::mem::forget(again);
}

#[test]
fn blocks_that_fill_one_become_one_and_every_event_stays_where_it_was() {
    let store = memory();
    let log = log_over(&store, &options());
    append(&log, 40, 1000);
    let before = events(store.as_ref());

    let merged = log.merge_step().unwrap().unwrap();

    assert_eq!(merged, Merged { blocks: 16, events: 16_000 });
    assert_eq!(settle(&log), 10, "two full ones, and eight that may still grow");
    assert_eq!(events(store.as_ref()), before);
    assert_eq!(log.merged(), Merged { blocks: 32, events: 32_000 });
    assert_index_is_the_stores(&log, &store);
}

#[test]
fn what_still_grows_is_merged_when_its_hour_is_over_and_never_with_the_next() {
    let (store, options) = (memory(), options());
    let log = log_over(&store, &options);
    append(&log, 20, 10);
    options.clock.advance(HOUR);
    append(&log, 20, 10);

    assert_eq!(settle(&log), 21);
    assert_eq!(bases(&log)[..2], [0, 200], "the first hour is one block");

    options.clock.advance(HOUR);
    assert_eq!(settle(&log), 2);
    assert_index_is_the_stores(&log, &store);
}

#[test]
fn whoever_has_begun_to_read_a_block_reads_on_in_the_one_that_took_its_place() {
    let log = log_over(&memory(), &options());
    append(&log, 20, 1000);
    let before = log.core().index.read().slots()[3];
    let part = log.core().part(&before).unwrap().unwrap();
    let positions = (Position(3400), Position(3600));
    settle(&log);

    let passage = log.core().passage(&before, &part, positions).unwrap().unwrap();

    assert!(passage.part.outline != part.outline, "nothing was merged");
    let mut read = Vec::new();
    for number in passage.frames() {
        let frame = passage.sections(number).into_frame().unwrap();
        let rows = passage.rows(number);
        read.extend(rows.map(|i| frame.event(i, passage.part.base).unwrap().position));
    }
    assert_eq!(read, (3400..3600).map(Position).collect::<Vec<_>>());
}

#[test]
fn it_is_told_how_many_events_wait_to_be_merged() {
    let (store, options) = (memory(), options());
    let log = log_over(&store, &options);
    append(&log, 40, 1000);
    let unmerged = || log.unsettled().unmerged_events;
    assert_eq!(unmerged(), 40_000, "nobody has looked yet");

    log.merge_step().unwrap().unwrap();
    assert_eq!(unmerged(), 40_000, "from where it looked");
    log.merge_step().unwrap().unwrap();
    assert_eq!((unmerged(), settle(&log)), (24_000, 10));
    assert_eq!(unmerged(), 0, "the last eight may still grow");
    append(&log, 1, 3);
    assert_eq!(unmerged(), 3, "these were not looked at");

    assert_eq!((settle(&log), unmerged()), (11, 0));
}

#[test]
fn very_many_tiny_blocks_are_merged_while_they_grow() {
    let (store, options) = (memory(), options());
    let log = log_over(&store, &options);
    append(&log, 1023, 1);
    assert_eq!(settle(&log), 1023);

    append(&log, 1, 1);

    assert_eq!(settle(&log), 1);
    append(&log, 9000, 1);
    let before = events(store.as_ref());
    assert_eq!(settle(&log), 2, "the newest 8192; nothing follows the others any more");
    assert_eq!(events(store.as_ref()), before);
    options.clock.advance(HOUR);
    assert_eq!(settle(&log), 2);
    assert_eq!(events(store.as_ref()), before);
}

#[test]
fn what_waits_to_be_published_is_not_merged_nor_what_stands_behind_it() {
    let store = memory();
    let log = log_over(&store, &LogOptions { shared: true, ..options() });
    append(&log, 40, 1000);
    let waiting = store.outbox(Position(0), 100).unwrap();
    assert_eq!((waiting.len(), settle(&log)), (40, 40));
    assert_eq!(log.unsettled().unmerged_events, 40_000);

    store.published(&waiting[..20], &[]).unwrap();
    store.published(&waiting[25..], &[]).unwrap();

    assert_eq!(settle(&log), 25);
    assert_eq!(store.outbox(Position(0), 100).unwrap(), waiting[20..25]);
    store.published(&waiting[20..25], &[]).unwrap();
    assert_eq!(settle(&log), 10);
}

/// Puts blocks of a boot of another origin, each received then, its events that much
/// earlier.
fn put(log: &Log, boot: u8, number: u64, count: u64, late: Duration) {
    let mut builder = BlockBuilder::new(Origin::from_bytes([9; 16]), Boot::from_bytes([boot; 8]));
    let now = log.core().now();
    for i in 0..count {
        let entry = Entry::bare(now, number * 1000 + i);
        builder.push(&Entry { event_type: "a", member: "m", timestamp: now.before(late), ..entry });
    }
    let block = builder.seal(number, false).unwrap();
    log.core().store.take(&Batch { blocks: &[block], ..Batch::default() }).unwrap();
    log.core().catch_up().unwrap();
}

#[test]
fn what_is_late_is_merged_apart() {
    let (store, options) = (memory(), options());
    let log = log_over(&store, &options);
    for number in 1..=60 {
        let late = if (21..=40).contains(&number) { HOUR * 5 } else { HOUR };
        put(&log, 1, number, 3, late);
    }
    options.clock.advance(HOUR);

    assert_eq!(settle(&log), 3);

    assert_eq!(bases(&log), [0, 60, 120]);
}

#[test]
fn blocks_of_a_boot_are_not_merged_across_one_that_may_still_come() {
    let (store, options) = (memory(), options());
    let log = log_over(&store, &options);
    for number in (1..=30).filter(|number| *number != 15) {
        put(&log, 1, number, 10, Duration::ZERO);
    }
    options.clock.advance(HOUR);
    let before = events(store.as_ref());

    assert_eq!(settle(&log), 2);

    assert_eq!(bases(&log), [0, 140]);
    assert_eq!(events(store.as_ref()), before);
}

#[test]
fn a_paused_log_and_a_closed_one_are_left_alone() {
    use crate::pause::PauseReason;
    let store = memory();
    let log = log_over(&store, &options());
    append(&log, 20, 1000);

    log.suspend(PauseReason::Manual);
    assert_eq!(log.merge_step().unwrap(), None);
    log.resume(PauseReason::Manual);
    assert!(log.merge_step().unwrap().is_some());
    log.close(Duration::from_secs(1));
    assert_eq!(log.merge_step().unwrap(), None);
}

#[test]
fn a_store_that_fails_at_any_call_leaves_every_event_where_it_was() {
    for fault in [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone, Fault::DiskFull] {
        for reads in 0..4 {
            let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
            let log = log_over(&store, &options());
            append(&log, 20, 1000);
            let before = events(store.as_ref());
            store.fail_read_at(reads);
            store.fail_at(1, fault);

            assert!(log.merge_step().is_err(), "{fault:?}, read {reads}");
            assert_eq!(shown(&log), before, "{fault:?}, read {reads}");

            store.fail_read_at(0);
            store.release();
            log.maintain().unwrap();
            settle(&log);
            assert_eq!(shown(&log), before, "{fault:?}, read {reads}");
            assert_eq!(log.ends().unwrap().blocks, 5, "{fault:?}, read {reads}");
            assert_index_is_the_stores(&log, &store);
        }
    }
}

/// Every event as the log shows it, by position.
fn shown(log: &Log) -> Vec<StoredEvent> {
    let query = crate::Query { limit: usize::MAX, ..crate::Query::default() };
    let mut events = log.query(&query).unwrap().events;
    events.sort_by_key(|stored| stored.position);
    events
}

#[test]
fn a_damaged_block_is_told_and_left_alone_and_the_others_are_merged() {
    let options = options();
    let store = memory();
    let log = log_over(&store, &options);
    append(&log, 30, 10);
    log.core().index.write().mark_unreadable(Position(100));
    log.core().index.write().mark_damaged(Position(203), Position(205));
    options.clock.advance(HOUR);

    settle(&log);

    assert_eq!(bases(&log), [0, 100, 110, 200, 210]);
}

#[test]
fn what_expires_meanwhile_is_not_merged_and_nothing_younger_goes_with_it() {
    let (store, options) = (memory(), options());
    let log = log_over(&store, &options);
    append(&log, 20, 1);
    options.clock.advance(HOUR / 2);
    append(&log, 20, 1);
    options.clock.advance(HOUR * 23 + HOUR * 3 / 4);
    let plan = log.core().plan_merge(&mut Planner::default()).unwrap().unwrap();
    assert_eq!(plan.bases.len(), 40);

    log.maintain().unwrap();
    let mut progress = log.core().merging.state.lock();
    let merged = log.core().merge(&plan, &mut progress).unwrap();
    drop(progress);

    assert_eq!(merged, Some(Merged::default()));
    assert_eq!(log.ends().unwrap().events, 20);
    assert_eq!(settle(&log), 1);
    assert_eq!(bases(&log), [20]);
}

#[test]
fn the_logs_own_thread_merges_and_ends_with_the_log() {
    let store = memory();
    let log = log_over(&store, &LogOptions { background: true, ..LogOptions::default() });
    append(&log, 17, 1000);

    while log.merged() == Merged::default() {
        std::thread::yield_now();
    }

    assert_eq!(log.merged().events % 1000, 0);
    log.close(Duration::from_secs(5));
    assert!(log.core().merging.bell.wait_for_end(Duration::ZERO));
}

/// What a log over a copy of this store says of what is missing.
fn told_of(store: &MemoryStore, options: &LogOptions) -> Vec<crate::log::Missing> {
    let log = log_over(&Arc::new(store.copy()), options);
    let told = log.coverage().gaps;
    std::mem::forget(log);
    told
}

#[test]
fn who_ended_cleanly_and_what_was_lost_is_known_after_a_merge_and_a_restart() {
    use crate::pause::PauseReason;
    let (store, options) = (memory(), options());
    for start in 0..6 {
        let log = log_over(&store, &options);
        append(&log, 3, 2);
        if start % 3 == 1 {
            log.suspend(PauseReason::Manual);
            log.append(vec![Event::new("a", "refused")], Ack::Disk, false).unwrap_err();
            log.resume(PauseReason::Manual);
            log.maintain().unwrap();
        }
        append(&log, 2, 1);
        options.clock.advance(Duration::from_mins(1));
        if start % 3 == 2 {
            std::mem::forget(log);
        } else {
            log.close(Duration::from_secs(1));
            store.reopen();
        }
    }
    let before = told_of(&store, &options);
    assert!(before.iter().any(|gap| gap.reason == "end_unknown"), "{before:?}");
    assert!(before.iter().any(|gap| gap.reason == "paused"), "{before:?}");
    options.clock.advance(HOUR);
    let (log, all) = (log_over(&store, &options), events(store.as_ref()));

    assert_eq!(settle(&log), 1);

    assert_eq!(told_of(&store, &options), before);
    assert_eq!(events(store.as_ref()), all);
}

#[test]
fn a_kill_at_every_write_of_the_store_leaves_every_event_where_it_was() {
    for nth in 1.. {
        let options = options();
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        let log = log_over(&store, &options);
        append(&log, 50, 700);
        let before = events(store.as_ref());
        options.clock.advance(HOUR);
        store.fail_from(nth, if nth % 2 == 0 { Fault::NotStored } else { Fault::UnknownButDone });
        while let Ok(Some(_)) = log.merge_step() {}
        let writes = store.writes();
        std::mem::forget(log);
        store.release();
        store.probe().unwrap();

        let again = log_over(&store, &options);

        assert_eq!(shown(&again), before, "killed at write {nth}");
        assert_eq!(settle(&again), 3, "killed at write {nth}");
        assert_eq!(shown(&again), before, "killed at write {nth}");
        if writes < nth {
            return;
        }
    }
}
