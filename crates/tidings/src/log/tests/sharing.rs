use super::scripted::{Act, Scripted};
use super::*;
use crate::sharing::Unshared;
use crate::store::{Note, Sink};
use crate::testing::{Fault, FaultyStore};

fn faulty() -> Arc<FaultyStore<MemoryStore>> {
    Arc::new(FaultyStore::new(MemoryStore::new().unwrap()))
}

fn bases(log: &Log) -> Vec<Position> {
    let waiting = log.core().waiting(Position(0), u64::MAX).unwrap();
    waiting.into_iter().map(|waiting| waiting.base).collect()
}

#[track_caller]
fn assert_books(log: &Log, books: &str) {
    let sharing = log.sharing().unwrap();
    assert_eq!(sharing.to_string(), books);
    assert!(sharing.is_balanced(), "{sharing}");
}

#[test]
fn a_log_that_is_not_shared_keeps_nothing_for_others() {
    let store = memory();
    let log = log_over(&store, &by_hand());
    append(&log, Event::new("a", "m"));
    log.put(&foreign_block(Boot::from_bytes([1; 8]), 1, start(), &["q"])).unwrap();

    assert_eq!((log.is_shared(), log.sharing()), (false, None));
    assert!(store.outbox(Position(0), 9).unwrap().is_empty());
    assert!(store.recall("shared").unwrap().is_none());
}

#[test]
fn every_stored_event_waits_until_it_is_published() {
    let log = log_over(&memory(), &shared());
    append(&log, Event::new("a", "1"));
    log.append(vec![Event::new("a", "2"); 2], Ack::Disk, false).unwrap();
    log.put(&foreign_block(Boot::from_bytes([1; 8]), 1, start(), &["q"])).unwrap();
    assert_eq!(bases(&log), [Position(0), Position(1), Position(3)]);
    assert_eq!(log.core().first_waiting(), Some(Position(0)));

    log.core().shared_out(&[Position(0)], &[], &[]).unwrap();
    assert_books(&log, "queued 4 = published 1 + unshared 0 + waiting 3");

    let late = [(Unshared::Rejected, 2)];
    log.core().shared_out(&[Position(1)], &late, &[]).unwrap();
    log.core().shared_out(&[Position(1), Position(3)], &[], &[]).unwrap();
    assert_books(&log, "queued 4 = published 2 + unshared 2 (rejected 2) + waiting 0");
    assert_eq!((bases(&log), log.core().first_waiting()), (vec![], None));
}

#[test]
fn a_block_that_a_queue_puts_again_waits_once() {
    let store = Scripted::new();
    let log = log_over(&store, &shared());
    let block = foreign_block(Boot::from_bytes([1; 8]), 1, start(), &["q", "r"]);
    for act in [Act::UnknownLost, Act::UnknownStored] {
        store.will(&[act]);
        log.put(&block).unwrap_err();
        log.maintain().unwrap();
    }
    log.put(&block).unwrap();

    assert_books(&log, "queued 2 = published 0 + unshared 0 + waiting 2");
    published(&log);
    log.put(&block).unwrap();
    assert_books(&log, "queued 2 = published 2 + unshared 0 + waiting 0");
}

#[test]
fn once_shared_a_log_stays_shared() {
    let (store, options) = (Scripted::new(), shared());
    let log = log_over(&store, &options);
    append(&log, Event::new("a", "1"));
    log.close(SECOND);

    let log = log_over(&store, &LogOptions { shared: false, ..options });
    append(&log, Event::new("a", "2"));

    assert!(log.is_shared());
    assert_books(&log, "queued 3 = published 0 + unshared 0 + waiting 3");
    assert_eq!(waiting(&log).len(), 3, "the end of the boot before as well");
}

#[test]
fn the_history_of_a_log_waits_when_it_becomes_shared() {
    let (store, options) = (Scripted::new(), by_hand());
    let log = log_over(&store, &options);
    append(&log, Event::new("a", "before"));
    log.put(&foreign_block(Boot::from_bytes([1; 8]), 1, start(), &["a queue's"])).unwrap();
    log.close(SECOND);

    let log = log_over(&store, &LogOptions { shared: true, ..options.clone() });
    published(&log);
    append(&log, Event::new("a", "after"));

    assert_books(&log, "queued 3 = published 2 + unshared 0 + waiting 1");
    log.close(SECOND);
    let log = log_over(&store, &LogOptions { shared: true, ..options });
    assert_books(&log, "queued 2 = published 0 + unshared 0 + waiting 2");
}

#[test]
fn becoming_shared_is_begun_again_if_it_was_cut_short() {
    for (nth, fault) in [(1, Fault::NotStored), (2, Fault::NotStored), (2, Fault::UnknownButDone)] {
        let store = faulty();
        let log = log_over(&store, &by_hand());
        append(&log, Event::new("a", "before"));
        log.close(SECOND);
        store.inner().reopen();
        store.fail_at(nth, fault);

        let opened = Log::over(Arc::clone(&store) as Arc<dyn BlockStore>, shared());
        assert!(opened.is_err(), "{nth} {fault:?}");
        store.probe().unwrap();

        let log = log_over(&store, &shared());
        assert_books(&log, "queued 2 = published 0 + unshared 0 + waiting 2");
    }
}

#[test]
fn an_event_whose_commit_was_unknown_waits_if_it_is_stored() {
    for act in [Act::UnknownLost, Act::UnknownStored] {
        let store = Scripted::new();
        let log = log_over(&store, &shared());
        store.will(&[act]);
        log.append(vec![Event::new("a", "m")], Ack::Disk, false).unwrap_err();
        assert_books(&log, "queued 0 = published 0 + unshared 0 + waiting 0");
        assert!(waiting(&log).is_empty(), "nobody knows yet: {act:?}");

        log.maintain().unwrap();

        assert_books(&log, "queued 1 = published 0 + unshared 0 + waiting 1");
        assert_eq!(waiting(&log).len(), 1, "{act:?}");
    }
}

#[test]
fn the_second_books_agree_with_the_store_through_failures_of_all_kinds() {
    let acts = [Act::Fails, Act::UnknownStored, Act::UnknownLost, Act::DiskFull];
    for seed in 0..200_u64 {
        let (store, mut dice) = (Scripted::new(), fastrand::Rng::with_seed(seed));
        let log = log_over(&store, &shared());
        let mut number = 1;
        for i in 0..30 {
            if dice.bool() {
                store.will(&[acts[dice.usize(..acts.len())]]);
            }
            let _ = match dice.u8(..4) {
                0 => log.append(vec![Event::new("a", i.to_string())], Ack::Queued, false).is_ok(),
                1 => log.append(vec![Event::new("a", i.to_string())], Ack::Disk, false).is_ok(),
                2 => {
                    let boot = Boot::from_bytes([1; 8]);
                    let put = log.put(&foreign_block(boot, number, start(), &["q", "r"])).is_ok();
                    number += u64::from(put);
                    put
                }
                _ => {
                    let waiting = bases(&log);
                    let some = dice.usize(..=waiting.len().min(2));
                    log.core().shared_out(&waiting[..some], &[], &[]).is_ok()
                }
            };
            if dice.u8(..3) > 0 {
                let _ = log.maintain();
            }
            assert!(log.sharing().unwrap().is_balanced(), "seed {seed}");
        }
        for _ in 0..30 {
            let _ = log.maintain();
        }
        let (sharing, backlog) = (log.sharing().unwrap(), store.backlog().unwrap());
        assert_eq!(sharing.waiting, backlog.events, "seed {seed}: {sharing}");
        assert_eq!(waiting(&log).len() as u64, backlog.blocks, "seed {seed}");
        assert_eq!(sharing.queued, store.ends().unwrap().events, "seed {seed}: {sharing}");
    }
}

#[test]
fn the_second_books_balance_in_every_snapshot_of_racing_threads() {
    const EVENTS: usize = 400;
    let store = memory();
    let log = log_over(&store, &shared());
    std::thread::scope(|scope| {
        let append_all = || {
            for _ in 0..EVENTS {
                append(&log, Event::new("a", "m"));
            }
        };
        let appenders: Vec<_> = (0..4).map(|_| scope.spawn(append_all)).collect();
        let publisher = scope.spawn(|| {
            let mut seen = 0;
            while seen < 4 * EVENTS {
                seen += published(&log).iter().map(|b| b.header().count as usize).sum::<usize>();
                let sharing = log.sharing().unwrap();
                assert!(sharing.is_balanced(), "{sharing}");
            }
        });
        let snapshots = scope.spawn(|| {
            while log.sharing().unwrap().published < 4 * EVENTS as u64 {
                let sharing = log.sharing().unwrap();
                assert!(sharing.is_balanced(), "{sharing}");
            }
        });
        for appender in appenders {
            appender.join().unwrap();
        }
        publisher.join().unwrap();
        snapshots.join().unwrap();
    });

    assert_books(&log, "queued 1600 = published 1600 + unshared 0 + waiting 0");
    assert_eq!(store.backlog().unwrap().events, 0);
}

#[test]
fn what_expires_while_it_waits_is_told_apart_by_age_and_by_size() {
    let options = LogOptions { retention_bytes: 600, ..shared() };
    let log = log_over(&memory(), &options);
    for i in 0..6 {
        append(&log, Event::new("a", i.to_string()));
    }
    log.maintain().unwrap();
    let by_size = log.sharing().unwrap().unshared(Unshared::BySize);
    assert!(by_size > 0 && by_size < 6, "{by_size}");

    options.clock.advance(25 * HOUR);
    log.maintain().unwrap();

    let sharing = log.sharing().unwrap();
    // One of them is the record of those that the size forced out.
    assert_eq!(sharing.unshared(Unshared::TooOld), 6 - by_size + 1, "{sharing}");
    assert!(sharing.is_balanced());
}

#[test]
fn what_expires_is_counted_once_whatever_the_store_says_of_it() {
    for fault in [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone] {
        let store = faulty();
        let options = shared();
        let log = log_over(&store, &options);
        append(&log, Event::new("a", "m"));
        options.clock.advance(25 * HOUR);
        store.fail_at(1, fault);

        log.maintain().unwrap_err();
        assert_eq!(log.sharing().unwrap().unshared_total(), 0, "{fault:?}");
        for _ in 0..3 {
            log.maintain().unwrap();
        }

        assert_eq!(log.sharing().unwrap().unshared(Unshared::TooOld), 1, "{fault:?}");
    }
}

#[test]
fn a_publisher_that_was_not_answered_says_it_again_and_it_counts_once() {
    for fault in [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone] {
        let store = faulty();
        let log = log_over(&store, &shared());
        append(&log, Event::new("a", "m"));
        store.fail_at(1, fault);
        let plan = [Note { name: "plan", value: b"none" }];

        log.core().shared_out(&[Position(0)], &[], &plan).unwrap_err();
        assert_books(&log, "queued 1 = published 0 + unshared 0 + waiting 1");
        log.maintain().unwrap();
        log.core().shared_out(&[Position(0)], &[], &plan).unwrap();

        assert_books(&log, "queued 1 = published 1 + unshared 0 + waiting 0");
        assert_eq!(log.core().recall("plan").unwrap().as_deref(), Some(b"none".as_slice()));
        assert_eq!(store.backlog().unwrap().events, 0);
    }
}

#[test]
fn what_was_noted_is_there_after_a_restart() {
    let store = Scripted::new();
    let log = log_over(&store, &shared());
    log.core().note(&[Note { name: "plan", value: b"7" }]).unwrap();
    log.close(SECOND);

    let log = log_over(&store, &shared());

    assert_eq!(log.core().recall("plan").unwrap().as_deref(), Some(b"7".as_slice()));
    assert_eq!(log.core().recall("other").unwrap(), None);
}

#[test]
fn what_nobody_else_will_get_is_told_at_once_and_then_at_its_pace() {
    let options = shared();
    let log = log_over(&memory(), &options);
    let told = || messages(&log).iter().filter(|m| m.contains("on this server alone")).count();
    for base in 0..3 {
        append(&log, Event::new("a", "m"));
        log.core().shared_out(&[Position(base)], &[(Unshared::Shed, 1)], &[]).unwrap();
        log.maintain().unwrap();
        if base == 0 {
            // The record itself.
            log.core().shared_out(&[Position(1)], &[], &[]).unwrap();
        }
    }
    assert_eq!(told(), 1);

    options.clock.advance(10 * SECOND);
    log.maintain().unwrap();
    log.maintain().unwrap();

    assert_eq!(told(), 2);
    let tally = log.tally();
    assert!(tally.is_balanced() && tally.own == 2, "{tally}");
}

#[test]
fn in_a_data_directory_the_books_and_the_keys_of_others_outlive_the_process() {
    let (dir, options) = (tempfile::tempdir().unwrap(), shared());
    let open = || Log::open_with(dir.path(), options.clone()).unwrap();
    let there = log_over(&memory(), &options);
    let keyed = || Event::new("order", "1").with_key("k").with_member("client");
    let first = id_of(&append(&there, keyed()));
    let log = open();
    append(&log, Event::new("a", "ours"));
    log.core().apply(published(&there), &[Note { name: "applied", value: b"1" }]).unwrap();
    drop(log);

    let log = open();

    assert_books(&log, "queued 2 = published 0 + unshared 0 + waiting 2");
    assert_eq!(id_of(&append(&log, keyed())), first);
    assert_eq!(log.core().recall("applied").unwrap().as_deref(), Some(b"1".as_slice()));
    assert_eq!(published(&log).len(), 2);
    drop(log);
    assert_books(&open(), "queued 0 = published 0 + unshared 0 + waiting 0");
}

/// Does it, with time for the log to recover, until it works.
#[track_caller]
fn until_done(log: &Log, store: &FaultyStore<MemoryStore>, doing: impl Fn() -> bool) {
    for _ in 0..5 {
        if doing() {
            return;
        }
        store.release();
        let _ = log.maintain();
    }
    panic!("it does not recover: {:?}", log.state());
}

/// Everything that a shared log writes, over a store whose `nth` write fails; says
/// whether there were so many.
fn share_over(nth: u64, fault: Fault) -> bool {
    let (store, options) = (faulty(), shared());
    let (log, there) = (log_over(&store, &options), log_over(&memory(), &options));
    append(&there, Event::new("a", "theirs"));
    let (theirs, queued) =
        (published(&there), foreign_block(Boot::from_bytes([1; 8]), 1, start(), &["q"]));
    let ours = || Event::new("a", "ours").with_key("k");
    store.fail_at(nth, fault);

    until_done(&log, &store, || log.append(vec![ours()], Ack::Disk, false).is_ok());
    until_done(&log, &store, || log.put(&queued).is_ok());
    until_done(&log, &store, || log.core().apply(theirs.clone(), &[]).is_ok());
    let waits = bases(&log)[0];
    until_done(&log, &store, || log.core().note(&[Note { name: "n", value: b"1" }]).is_ok());
    until_done(&log, &store, || log.core().shared_out(&[waits], &[], &[]).is_ok());
    let mut found = messages(&log);
    found.retain(|message| !message.contains("missing"));
    found.sort();
    assert_eq!(found, ["ours", "q", "theirs"], "{nth} {fault:?}");
    options.clock.advance(25 * HOUR);
    until_done(&log, &store, || log.maintain().is_ok());
    until_done(&log, &store, || log.maintain().is_ok());

    let (sharing, backlog) = (log.sharing().unwrap(), store.backlog().unwrap());
    assert!(sharing.is_balanced() && log.tally().is_balanced(), "{nth} {fault:?}: {sharing}");
    assert_eq!(sharing.waiting, backlog.events, "{nth} {fault:?}: {sharing}");
    assert_eq!(sharing.published, 1, "{nth} {fault:?}: {sharing}");
    assert!(sharing.unshared(Unshared::TooOld) >= 1, "{nth} {fault:?}: {sharing}");
    store.writes() >= nth
}

#[test]
fn any_write_of_a_shared_log_may_fail_and_all_stands_once_and_is_counted_once() {
    let faults = [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone, Fault::DiskFull];
    for fault in faults {
        let writes = (1..100).take_while(|nth| share_over(*nth, fault)).count();
        assert!((6..99).contains(&writes), "{fault:?} reached {writes} writes");
    }
}
