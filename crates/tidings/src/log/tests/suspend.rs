//! Who pauses the log, who lifts that, and who hears what meanwhile?

use super::scripted::{Act, Scripted};
use super::*;
use crate::component::Component;
use crate::store::{Outcome, Sink};

fn reasons(log: &Log) -> Vec<PauseReason> {
    match log.state() {
        State::Paused { reasons, .. } => reasons.iter().collect(),
        _ => Vec::new(),
    }
}

fn appended(log: &Log, message: &str) -> Result<Vec<Taken>, AppendError> {
    log.append(vec![Event::new("a", message)], Ack::Disk, false)
}

/// Waits until so many events are taken and neither stored nor lost.
fn wait_for_pending(log: &Log, events: u64) {
    while log.tally().pending < events {
        std::thread::yield_now();
    }
}

#[test]
fn what_was_told_from_outside_outlives_the_logs_own_recovery() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Fails]);
    appended(&log, "m").unwrap_err();
    log.suspend(PauseReason::StoreDown);

    log.maintain().unwrap();
    assert_eq!(reasons(&log), [PauseReason::StoreDown]);

    log.resume(PauseReason::StoreDown);
    assert_eq!(log.state(), State::Running);
}

#[test]
fn who_watches_a_store_is_not_told_of_its_own_pause_but_of_a_persons() {
    let log = log_over(&Scripted::new(), &by_hand());

    log.suspend(PauseReason::StoreDown);
    assert!(log.probe().is_ok(), "or nobody could ever lift it");

    log.suspend(PauseReason::Manual);
    assert!(log.probe().is_err());
}

#[test]
fn a_close_gives_what_waits_its_last_chance_whatever_a_watcher_thinks() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    log.append(vec![Event::new("a", "queued")], Ack::Queued, false).unwrap();
    log.suspend(PauseReason::StoreDown);

    let tally = log.close(SECOND);

    assert_eq!((tally.missing(), tally.pending), (0, 0), "{tally}");
    assert_eq!(store.ends().unwrap().events, 2, "the event and the word of the end");
}

#[test]
fn a_changed_reason_takes_the_place_of_the_old() {
    let log = log_over(&Scripted::new(), &by_hand());
    log.suspend(PauseReason::StoreDown);

    log.change_reason(PauseReason::StoreDown, PauseReason::DiskFull);

    assert_eq!(reasons(&log), [PauseReason::DiskFull]);
}

#[test]
fn nobody_waits_for_a_commit_that_hangs_once_the_store_is_said_to_be_down() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Waits, Act::Waits]);
    let (told, hears) = std::sync::mpsc::sync_channel(2);
    std::thread::scope(|scope| {
        scope.spawn(|| appended(&log, "first").unwrap());
        store.wait_for_waiting(1);
        for _ in 0..2 {
            scope.spawn(|| told.send(appended(&log, "m").unwrap_err()).unwrap());
        }
        wait_for_pending(&log, 3);
        store.open();
        store.wait_for_waiting(2);

        // One of the two is in the store with both of them; the other waits for it.
        log.suspend(PauseReason::StoreDown);

        let unknown = |error| match error {
            AppendError::Store(error) => error.outcome() == Outcome::Unknown,
            _ => false,
        };
        assert!(unknown(hears.recv().unwrap()));
        assert_eq!((log.tally().pending, log.tally().stored), (2, 1), "nobody knows yet");
        store.open();
        assert!(unknown(hears.recv().unwrap()), "both of them hear the same");
    });
    assert_eq!((log.tally().pending, log.tally().stored), (0, 3));
    log.resume(PauseReason::StoreDown);
    append(&log, Event::new("a", "after"));
    assert_eq!(messages(&log).len(), 4);
    assert_balanced(&log);
}
