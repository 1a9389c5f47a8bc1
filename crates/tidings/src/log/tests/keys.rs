use super::scripted::{Act, Scripted};
use super::*;
use crate::tally::Refusal;

fn keyed(message: &str, key: &str) -> Event {
    Event::new("order", message).with_key(key)
}

#[test]
fn the_same_event_under_the_same_key_is_stored_once() {
    let store = memory();
    let log = log_over(&store, &by_hand());
    let first = append(&log, keyed("m", "k"));

    let again = append(&log, keyed("m", "k"));

    assert!(matches!(again, Taken::Accepted { duplicate: true, position: None, .. }));
    assert_eq!(id_of(&again), id_of(&first));
    assert_eq!((messages(&log).len(), log.tally().offered), (1, 1));
}

#[test]
fn another_event_under_the_same_key_is_a_conflict() {
    let log = log_over(&memory(), &by_hand());
    let first = append(&log, keyed("m", "k"));

    assert_eq!(append(&log, keyed("other", "k")), Taken::KeyConflict { id: id_of(&first) });

    assert_eq!(log.tally().refused(Refusal::KeyConflict), 1);
    assert_balanced(&log);
}

#[test]
fn keys_are_told_apart_by_member_and_source() {
    let log = log_over(&memory(), &by_hand());

    append(&log, keyed("1", "k"));
    append(&log, keyed("2", "k").with_member("db1"));
    append(&log, keyed("3", "k").with_source("cron"));

    assert_eq!(messages(&log), ["1", "2", "3"]);
    let named = append(&log, keyed("1", "k").with_member("tidings"));
    assert!(matches!(named, Taken::KeyConflict { .. }), "compared as sent");
}

#[test]
fn repetitions_inside_one_batch_are_found() {
    let log = log_over(&memory(), &by_hand());
    let events = vec![keyed("m", "k"), keyed("m", "k"), keyed("other", "k"), keyed("n", "k2")];

    let taken = log.append(events, Ack::Disk, false).unwrap();

    let first = id_of(&taken[0]);
    assert!(matches!(taken[1], Taken::Accepted { id, duplicate: true, .. } if id == first));
    assert_eq!(taken[2], Taken::KeyConflict { id: first });
    assert!(matches!(taken[3], Taken::Accepted { duplicate: false, .. }));
    assert_eq!((log.tally().offered, log.tally().stored), (3, 2));
}

#[test]
fn a_duplicate_is_acknowledged_only_when_the_first_is_durable() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Waits]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| append(&log, keyed("m", "k")));
        store.wait_for_waiting(1);
        let again = scope.spawn(|| {
            let taken = append(&log, keyed("m", "k"));
            (taken, store.batches())
        });
        store.open();

        let (taken, stored_by_then) = again.join().unwrap();
        assert!(matches!(taken, Taken::Accepted { duplicate: true, .. }));
        assert_eq!(id_of(&taken), id_of(&first.join().unwrap()));
        assert_eq!(stored_by_then, [1]);
    });
}

#[test]
fn a_key_is_free_again_when_its_event_was_not_stored() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::DiskFull]);

    log.append(vec![keyed("m", "k")], Ack::Disk, false).unwrap_err();
    log.maintain().unwrap();

    assert!(matches!(append(&log, keyed("m", "k")), Taken::Accepted { duplicate: false, .. }));
}

#[test]
fn keys_outlive_the_process_and_end_with_their_window() {
    let (store, options) = (Scripted::new(), by_hand());
    let log = log_over(&store, &options);
    let first = append(&log, keyed("m", "k"));
    log.close(SECOND);
    let log = log_over(&store, &options);

    options.clock.advance(HOUR.checked_sub(SECOND).unwrap());
    assert_eq!(id_of(&append(&log, keyed("m", "k"))), id_of(&first));

    options.clock.advance(2 * SECOND);
    assert!(matches!(append(&log, keyed("m", "k")), Taken::Accepted { duplicate: false, .. }));
}

#[test]
fn many_callers_with_one_key_store_it_once() {
    let log = log_over(&memory(), &by_hand());
    let ids: Vec<EventId> = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| id_of(&append(&log, keyed("m", "k"))))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });

    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(messages(&log).len(), 1);
}

#[test]
fn a_strict_batch_with_a_conflict_leaves_its_keys_free() {
    let log = log_over(&memory(), &by_hand());
    append(&log, keyed("m", "k"));

    let batch = vec![keyed("n", "new"), keyed("other", "k")];
    let taken = log.append(batch, Ack::Disk, true).unwrap();

    assert_eq!(taken[0], Taken::NotTaken);
    assert!(matches!(append(&log, keyed("n", "new")), Taken::Accepted { duplicate: false, .. }));
}
