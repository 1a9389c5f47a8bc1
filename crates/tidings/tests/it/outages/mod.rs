//! Does a program rest while its store fails, and is all well again after it?

mod host;
mod room;

use std::sync::Arc;

use tidings::store::memory::MemoryStore;
use tidings::store::{BlockStore, Outcome};
use tidings::testing::{Fault, FaultyStore};
use tidings::{AppendError, Clock, Health, LogOptions, PROBE_DEADLINE, PauseReason, Timestamp};

use host::{Host, Over};

/// A probe a second sees it, and after ten quiet ones it is believed.
const RECOVERY_SECONDS: u64 = 12;
const FAULTS: [Fault; 4] =
    [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone, Fault::DiskFull];

fn by_hand() -> LogOptions {
    let clock = Clock::by_hand(Timestamp::from_nanos(1_795_341_600_000_000_000));
    LogOptions { background: false, clock, ..LogOptions::default() }
}

fn host(over: Over) -> (Arc<FaultyStore<MemoryStore>>, Host) {
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let host = Host::over(&store, by_hand(), over);
    (store, host)
}

#[track_caller]
fn assert_told(host: &Host, wanted: &[&str]) {
    assert_eq!(host.take_told(), wanted);
}

#[test]
fn all_rest_while_the_store_fails_and_go_on_in_the_opposite_order() {
    let (store, host) = host(Over::Log);
    host.record("before");
    host.seconds(1);
    store.fail_from(1, Fault::NotStored);
    host.seconds(3);
    assert_told(
        &host,
        &["part rests: store_down", "queue rests: store_down", "log rests: store_down"],
    );
    assert!(matches!(host.append("refused"), Err(AppendError::Paused(_))));
    host.record("held");

    store.release();
    host.seconds(RECOVERY_SECONDS);

    assert_told(&host, &["log goes on", "queue goes on", "part goes on"]);
    host.assert_all_is_well();
    host.append("after").unwrap();
    assert_eq!(
        (host.messages("q"), host.messages("a")),
        (vec!["before".to_owned(), "held".to_owned()], vec!["after".to_owned()],)
    );
    assert_eq!(host.messages("tidings.lost").len(), 1, "the refusal is told in the log");
}

#[test]
fn whatever_fails_and_however_what_was_accepted_is_there_once_afterwards() {
    for (over, fault) in [Over::Log, Over::Store].into_iter().flat_map(|o| FAULTS.map(|f| (o, f))) {
        for nth in 1..=3 {
            let (store, host) = host(over);
            store.fail_from(nth, fault);
            let texts: Vec<String> = (0..6).map(|i| i.to_string()).collect();
            for text in &texts {
                host.record(text);
                host.seconds(1);
            }
            store.release();
            host.seconds(RECOVERY_SECONDS);

            host.assert_all_is_well();
            let mut found = host.messages("q");
            if over == Over::Store {
                // The log is only told what it has put itself.
                let count = store.ends().unwrap().events;
                assert_eq!(count, host.queue.tally().stored, "{fault:?} at {nth}");
                found.clone_from(&texts);
            }
            assert_eq!(found, texts, "{over:?} {fault:?} at {nth}");
            assert_eq!(host.queue.tally().missing(), 0, "{over:?} {fault:?} at {nth}");
        }
    }
}

#[test]
fn a_write_that_hangs_is_told_and_settled_when_it_comes_back() {
    let (store, host) = host(Over::Log);
    store.fail_from(1, Fault::Hang);
    std::thread::scope(|scope| {
        let writes = scope.spawn(|| host.append("m"));
        scope.spawn(|| host.overwatch.probe());
        store.wait_until_hanging(2);

        host.clock.advance(PROBE_DEADLINE);
        host.overwatch.step();

        let health = host.overwatch.health();
        assert!(matches!(health, Health::Failing { answers: false, .. }), "{health:?}");
        assert_eq!(host.reasons(), (vec![PauseReason::StoreDown], vec![PauseReason::StoreDown]));
        assert!(matches!(host.append("refused"), Err(AppendError::Paused(_))), "at once");
        assert_eq!(host.log.tally().pending, 1, "nobody knows");
        host.assert_well_kept();

        store.release();
        match writes.join().unwrap() {
            Err(AppendError::Store(error)) => assert_eq!(error.outcome(), Outcome::Unknown),
            other => panic!("{other:?}"),
        }
    });
    host.seconds(RECOVERY_SECONDS);
    host.assert_all_is_well();
    assert_eq!(host.messages("a"), ["m"], "it was written after all, and once");
}

#[test]
fn the_reason_follows_the_store() {
    let (store, host) = host(Over::Log);
    store.fail_from(1, Fault::NotStored);
    host.seconds(2);
    store.release();
    store.fail_at(1, Fault::DiskFull);
    host.record("m");
    assert_told(
        &host,
        &["part rests: store_down", "queue rests: store_down", "log rests: store_down"],
    );

    // Only a write finds out that the disk is full: this one makes room, and may.
    store.forget_keys(Timestamp::MIN).unwrap();
    host.seconds(1);

    assert_told(
        &host,
        &["part rests on: disk_full", "queue rests on: disk_full", "log rests on: disk_full"],
    );
    assert_eq!(host.reasons(), (vec![PauseReason::DiskFull], vec![PauseReason::DiskFull]));
    store.release();
    host.seconds(RECOVERY_SECONDS);
    host.assert_all_is_well();
    assert_eq!(host.messages("q"), ["m"]);
}

#[test]
fn a_pause_by_hand_outlives_the_outage() {
    let (store, host) = host(Over::Log);
    host.queue.stop();
    host.log.suspend(PauseReason::Manual);
    store.fail_from(1, Fault::NotStored);
    host.seconds(2);
    store.release();

    host.seconds(RECOVERY_SECONDS);

    assert_eq!(host.reasons(), (vec![PauseReason::Manual], vec![PauseReason::Manual]));
    assert!(host.overwatch.health().is_ok());
    host.queue.start().unwrap();
    host.log.resume(PauseReason::Manual);
    host.record("m");
    host.seconds(1);
    assert_eq!(host.messages("q"), ["m"]);
}

#[test]
fn through_a_flapping_store_nothing_is_lost_that_was_held_and_all_is_well_at_the_end() {
    for seed in 0..if cfg!(feature = "soak") { 2000 } else { 40 } {
        let (store, host) = host(Over::Log);
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut accepted = Vec::new();
        for i in 0..40 {
            let text = i.to_string();
            if host.record(&text) {
                accepted.push(text);
            }
            match dice.u8(..4) {
                0 => store.fail_from(dice.u64(1..4), FAULTS[dice.usize(..FAULTS.len())]),
                1 => store.release(),
                _ => {}
            }
            host.seconds(dice.u64(1..16));
        }
        store.release();
        host.seconds(2 * RECOVERY_SECONDS);

        host.assert_all_is_well();
        assert_eq!(host.messages("q"), accepted, "seed {seed}");
    }
}
