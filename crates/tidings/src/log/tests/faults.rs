use super::scripted::{Act, Scripted};
use super::*;
use crate::store::{Outcome, Sink};
use crate::tally::LossReason;

#[track_caller]
fn append_fails(log: &Log, message: &str) -> Arc<StoreError> {
    match log.append(vec![Event::new("a", message)], Ack::Disk, false) {
        Err(AppendError::Store(error)) => error,
        other => panic!("not a store error: {other:?}"),
    }
}

#[test]
fn a_failed_commit_is_told_counted_and_recovered_from() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Fails]);

    assert_eq!(append_fails(&log, "m").outcome(), Outcome::NotStored);
    assert!(matches!(log.append(vec![Event::new("a", "m")], Ack::Disk, false),
        Err(AppendError::Paused(set)) if set.contains(PauseReason::StoreDown)));
    assert_eq!(log.tally().lost(LossReason::StoreFailed), 1);
    assert_balanced(&log);

    log.maintain().unwrap();
    append(&log, Event::new("a", "after"));
    assert_eq!(messages(&log).last().map(String::as_str), Some("after"));
}

#[test]
fn an_unknown_outcome_is_settled_by_the_same_bytes() {
    for act in [Act::UnknownLost, Act::UnknownStored] {
        let store = Scripted::new();
        let log = log_over(&store, &by_hand());
        append(&log, Event::new("a", "before"));
        store.will(&[act]);

        assert_eq!(append_fails(&log, "m").outcome(), Outcome::Unknown, "{act:?}");
        assert_eq!((log.tally().pending, log.tally().stored), (1, 1), "nobody knows yet");
        log.maintain().unwrap();
        append(&log, Event::new("a", "after"));

        assert_eq!(messages(&log), ["before", "m", "after"], "{act:?}");
        assert_eq!((log.tally().stored, log.tally().missing()), (3, 0));
    }
}

#[test]
fn an_unknown_outcome_stays_unknown_while_the_store_fails() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::UnknownStored, Act::DiskFull]);
    append_fails(&log, "m");

    log.maintain().unwrap_err();
    assert_eq!(log.tally().pending, 1);
    assert!(matches!(log.state(), State::Paused { .. }));

    log.maintain().unwrap();
    assert_eq!((messages(&log), log.state()), (vec!["m".to_owned()], State::Running));
    assert_balanced(&log);
}

#[test]
fn queued_events_survive_a_full_disk_and_keep_their_order() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    log.append(vec![Event::new("a", "queued")], Ack::Queued, false).unwrap();
    store.will(&[Act::DiskFull]);
    assert!(matches!(&*append_fails(&log, "awaited"), StoreError::DiskFull { .. }));
    assert_eq!((log.tally().pending, log.tally().lost(LossReason::StoreFailed)), (1, 1));

    log.maintain().unwrap();
    append(&log, Event::new("a", "after"));

    assert_eq!(messages(&log).first().map(String::as_str), Some("queued"));
    assert_eq!(log.tally().pending, 0);
    assert_balanced(&log);
}

#[test]
fn those_who_wait_behind_a_failed_commit_are_told_and_not_left() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Waits, Act::UnknownLost]);
    std::thread::scope(|scope| {
        scope.spawn(|| append(&log, Event::new("a", "first")));
        store.wait_for_waiting(1);
        let later: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| log.append(vec![Event::new("a", "m")], Ack::Disk, false)))
            .collect();
        store.open();

        assert!(later.into_iter().all(|caller| caller.join().unwrap().is_err()));
    });
    log.maintain().unwrap();
    assert_balanced(&log);
    assert_eq!(log.tally().pending, 0);
}

#[test]
fn a_block_never_stands_twice_under_one_number_through_failures_of_all_kinds() {
    let acts = [Act::Fails, Act::UnknownStored, Act::UnknownLost, Act::DiskFull];
    for seed in 0..200_u64 {
        let (store, mut dice) = (Scripted::new(), fastrand::Rng::with_seed(seed));
        let log = log_over(&store, &by_hand());
        for i in 0..20 {
            if dice.bool() {
                store.will(&[acts[dice.usize(..acts.len())]]);
            }
            let ack = if dice.bool() { Ack::Disk } else { Ack::Queued };
            let _ = log.append(vec![Event::new("a", i.to_string())], ack, false);
            if dice.u8(..3) > 0 {
                let _ = log.maintain();
            }
            assert_balanced(&log);
        }
        for _ in 0..30 {
            let _ = log.maintain();
        }

        let tally = log.tally();
        assert_eq!(tally.pending, 0, "seed {seed}: {tally}");
        let stored = messages(&log).len() as u64;
        assert_eq!(stored, tally.stored, "seed {seed}: {tally}");
    }
}

#[test]
fn a_put_that_ended_unknown_is_found_after_recovery() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    let block = foreign_block(Boot::from_bytes([1; 8]), 1, start(), &["x"]);
    store.will(&[Act::UnknownStored]);
    log.put(&block).unwrap_err();
    assert!(log.put(&block).is_err(), "a paused log takes no blocks");

    log.maintain().unwrap();

    assert_eq!(messages(&log), ["x"]);
    assert!(log.put(&block).unwrap().duplicate);
    append(&log, Event::new("a", "after"));
    assert_eq!(messages(&log).len(), 2);
}

#[test]
fn losses_are_told_in_the_log_and_in_its_coverage() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Fails]);
    append_fails(&log, "m");
    log.maintain().unwrap();

    let page = log.query(&Query::default()).unwrap();
    let record = &page.events[0].event;
    assert_eq!((record.event_type(), record.severity()), ("tidings.lost", Severity::WARN));
    assert_eq!(record.fields().get("through"), Some(&2.into()));
    assert_eq!(record.fields().get("lost").unwrap()["store_failed"], 1);
    let gap = &page.coverage.gaps[0];
    assert_eq!((gap.reason, gap.events, gap.boot), ("store_failed", Some(1), Some(log.boot())));
    let tally = log.tally();
    assert_eq!((tally.offered, tally.stored, tally.own), (2, 1, 1));
}

#[test]
fn whichever_write_fails_and_however_the_books_and_the_list_agree() {
    use crate::testing::{Fault, FaultyStore};
    let faults = [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone, Fault::DiskFull];
    for fault in faults {
        for nth in 1..=12 {
            let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
            let options = LogOptions { retention_bytes: 2500, ..by_hand() };
            let log = log_over(&store, &options);
            store.fail_at(nth, fault);
            let mut acknowledged = Vec::new();
            for i in 0..12 {
                let event = Event::new("a", i.to_string()).with_key(i.to_string());
                let ack = if i % 3 == 0 { Ack::Queued } else { Ack::Disk };
                if let Ok(taken) = log.append(vec![event], ack, false) {
                    acknowledged.push(id_of(&taken[0]));
                } else {
                    store.release();
                }
                let _ = log.maintain();
                assert_balanced(&log);
            }
            store.release();
            log.maintain().and_then(|()| log.maintain()).unwrap();

            let why = format!("{fault:?} at {nth}: {}", log.tally());
            assert!(store.writes() >= nth, "the fault was never met: {why}");
            assert_eq!(log.tally().pending, 0, "{why}");
            assert_eq!(log.core().index.read().next().0, log.tally().stored, "{why}");
            let gone = |id: &EventId| matches!(log.find(*id).unwrap(), Found::Nothing);
            assert!(!acknowledged.iter().any(gone), "{why}");
        }
    }
}

/// It was booked as refused, though the first try may well have stored it, and was
/// not listed when it had.
#[test]
fn a_refusal_after_an_unknown_outcome_leaves_it_unknown() {
    use crate::testing::{Fault, FaultyStore};
    for (fault, is_there) in [(Fault::UnknownButDone, true), (Fault::UnknownNotDone, false)] {
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        let log = log_over(&store, &by_hand());
        store.fail_at(1, fault);
        append_fails(&log, "m");
        store.fail_at(1, Fault::Rejected);

        log.maintain().unwrap();

        assert_eq!(log.tally().lost(LossReason::Unknown), 1, "{fault:?}");
        assert_eq!(messages(&log).contains(&"m".to_owned()), is_there, "{fault:?}");
        // Its numbers are used up: nothing else may stand under them.
        append(&log, Event::new("a", "after"));
        assert_eq!(log.tally().lost_total(), 1, "{fault:?}");
        assert_balanced(&log);
    }
}

/// The next record spoke only for what came after the one that was refused.
#[test]
fn a_loss_record_that_is_refused_is_made_up_for_by_the_next() {
    use crate::testing::{Fault, FaultyStore};
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let log = log_over(&store, &by_hand());
    store.fail_from(1, Fault::Rejected);
    append_fails(&log, "m");
    log.maintain().unwrap();
    store.release();

    log.options().clock.advance(crate::LOSS_RECORD_PERIOD);
    log.maintain().unwrap();

    let record = &log.query(&Query::default()).unwrap().events[0].event;
    assert_eq!(record.fields().get("since"), Some(&1.into()));
    assert_eq!(record.fields().get("from"), Some(&start().to_string().into()));
    assert_eq!(record.fields().get("lost").unwrap()["rejected"], 2);
}

#[test]
fn nobody_lifts_the_pause_while_an_outcome_is_unknown() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::UnknownStored]);
    append_fails(&log, "m");

    log.resume(PauseReason::StoreDown);
    assert!(matches!(log.state(), State::Paused { .. }));

    log.maintain().unwrap();
    assert_eq!(log.state(), State::Running);
}
