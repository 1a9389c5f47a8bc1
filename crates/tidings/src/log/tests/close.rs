use super::scripted::{Act, Scripted};
use super::*;
use crate::tally::LossReason;

fn reopened(store: &Arc<Scripted>, options: &LogOptions) -> Log {
    log_over(store, options)
}

fn kinds(log: &Log) -> Vec<String> {
    let query = Query { order: crate::Order::Ascending, limit: 1000, ..Query::default() };
    log.query(&query).unwrap().events.into_iter().map(|stored| stored.event.event_type).collect()
}

#[test]
fn a_clean_close_says_so_and_nothing_is_unknown() {
    let (store, options) = (Scripted::new(), by_hand());
    let log = log_over(&store, &options);
    append(&log, Event::new("a", "m"));
    log.append(vec![Event::new("b", "m")], Ack::Queued, false).unwrap();

    let tally = log.close(SECOND);

    assert_eq!((tally.offered, tally.stored, tally.pending, tally.own), (3, 3, 0, 1));
    assert_eq!(log.state(), State::Closed);
    let again = reopened(&store, &options);
    assert_eq!(kinds(&again), ["a", "b", "tidings.closed"]);
    assert!(again.coverage().complete);
}

#[test]
fn a_boot_that_did_not_close_reads_as_end_unknown() {
    let (store, options) = (Scripted::new(), by_hand());
    let crashed = log_over(&store, &options);
    append(&crashed, Event::new("a", "m"));
    // Its process is gone: nobody closes it while the next one runs.
    std::mem::forget(crashed.clone());
    options.clock.advance(SECOND);

    let log = reopened(&store, &options);

    let coverage = log.coverage();
    let gap = &coverage.gaps[0];
    assert!(!coverage.complete);
    assert_eq!((gap.reason, gap.events, gap.boot), ("end_unknown", None, Some(crashed.boot())));
    assert_eq!((gap.from, gap.origin), (Some(start()), Some(log.origin())));
    options.clock.advance(24 * HOUR);
    assert!(log.coverage().complete, "what is over age is nobody's question");
}

#[test]
fn losses_of_an_earlier_boot_are_told_after_a_restart() {
    let (store, options) = (Scripted::new(), by_hand());
    let log = log_over(&store, &options);
    let boot = log.boot();
    log.suspend(PauseReason::Manual);
    for _ in 0..3 {
        log.append(vec![Event::new("a", "m")], Ack::Disk, false).unwrap_err();
    }
    log.resume(PauseReason::Manual);
    log.close(SECOND);

    let again = reopened(&store, &options);

    assert_eq!(kinds(&again), ["tidings.lost"]);
    let coverage = again.coverage();
    let gap = &coverage.gaps[0];
    assert_eq!((gap.reason, gap.events, gap.boot), ("paused", Some(3), Some(boot)));
    assert_eq!(coverage.gaps.len(), 1, "the boot ended: {coverage:?}");
}

#[test]
fn closing_twice_and_dropping_after_it_is_harmless() {
    let log = log_over(&memory(), &by_hand());
    append(&log, Event::new("a", "m"));

    let first = log.close(SECOND);
    assert_eq!(log.close(SECOND), first);

    let refused = log.append(vec![Event::new("a", "m")], Ack::Disk, false).unwrap_err();
    assert!(matches!(refused, AppendError::Closed));
    assert_balanced(&log);
    assert!(log.maintain().is_ok());
}

#[test]
fn dropping_the_last_clone_closes_the_log() {
    let (store, options) = (Scripted::new(), by_hand());
    let log = log_over(&store, &options);
    let follower = log.follow(crate::FollowFrom::Now, Arc::default()).unwrap();
    append(&log.clone(), Event::new("a", "m"));
    drop(log);

    assert_eq!(kinds(&reopened(&store, &options)), ["a", "tidings.closed"]);
    assert!(!follower.caught_up(), "followers keep nothing open");
}

#[test]
fn a_log_that_took_nothing_leaves_nothing() {
    let store = memory();
    log_over(&store, &by_hand()).close(SECOND);

    let store = Scripted::new();
    log_over(&store, &by_hand()).close(SECOND);
    assert_eq!(store.ends().unwrap().events, 0);
}

#[test]
fn a_store_that_hangs_does_not_hold_the_close_up_and_the_books_are_closed() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Waits]);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| log.append(vec![Event::new("a", "m")], Ack::Disk, false));
        store.wait_for_waiting(1);
        log.append(vec![Event::new("a", "queued")], Ack::Queued, false).unwrap();

        let tally = log.close(Duration::from_millis(1));

        assert_eq!((tally.lost(LossReason::Unknown), tally.lost(LossReason::Closed)), (1, 1));
        assert_eq!((tally.pending, tally.is_balanced()), (0, true));
        store.open();
        assert!(stuck.join().unwrap().is_ok(), "who still waits hears what happened");
        assert_eq!(log.tally(), tally, "closed books stay closed");
    });
}

#[test]
fn an_unknown_outcome_is_settled_before_the_end() {
    let (store, options) = (Scripted::new(), by_hand());
    let log = log_over(&store, &options);
    store.will(&[Act::UnknownLost]);
    log.append(vec![Event::new("a", "m")], Ack::Disk, false).unwrap_err();

    let tally = log.close(SECOND);

    assert_eq!((tally.stored, tally.missing(), tally.pending), (2, 0, 0));
    assert_eq!(kinds(&reopened(&store, &options)), ["a", "tidings.closed"]);
}

#[test]
fn what_a_dead_store_never_took_is_counted_when_the_log_closes() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    log.append(vec![Event::new("a", "m")], Ack::Queued, false).unwrap();
    store.set_down(true);
    log.maintain().unwrap();
    assert!(matches!(log.state(), State::Paused { .. }));

    let tally = log.close(Duration::from_millis(1));

    assert_eq!((tally.lost(LossReason::Closed), tally.pending), (1, 0));
    assert!(tally.is_balanced(), "{tally}");
}

#[test]
fn the_end_of_a_queue_that_goes_on_is_not_unknown() {
    use crate::store::Sink;
    let (store, options) = (Scripted::new(), by_hand());
    let boot = Boot::from_bytes([1; 8]);
    let log = log_over(&store, &options);
    log.put(&foreign_block(boot, 1, start(), &["x"])).unwrap();
    assert!(log.coverage().complete, "it may well go on");
    log.close(SECOND);

    let log = reopened(&store, &options);
    assert_eq!(log.coverage().gaps[0].reason, "end_unknown");

    log.put(&foreign_block(boot, 2, start(), &["y"])).unwrap();
    assert!(log.coverage().complete);
}

#[test]
fn a_log_in_a_directory_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path()).unwrap();
    let id = id_of(&append(&log, Event::new("a", "kept").with_key("k")));
    let origin = log.origin();
    log.close(HOUR);

    let log = Log::open(dir.path()).unwrap();

    assert_eq!(log.origin(), origin);
    assert!(matches!(log.find(id).unwrap(), Found::Event(event) if event.event.message == "kept"));
    assert_eq!(id_of(&append(&log, Event::new("a", "kept").with_key("k"))), id);
    assert!(log.coverage().complete);
}

#[test]
fn a_log_that_has_ended_is_read_and_published_until_it_is_closed() {
    let store = memory();
    let log = log_over(&store, &shared());
    append(&log, Event::new("a", "m"));
    log.append(vec![Event::new("a", "queued")], Ack::Queued, false).unwrap();

    let tally = log.end(SECOND);

    assert_eq!((tally.stored, tally.pending, log.state()), (3, 0, State::Closed));
    let refused = log.append(vec![Event::new("a", "m")], Ack::Disk, false).unwrap_err();
    assert!(matches!(refused, AppendError::Closed));
    assert_eq!(kinds(&log), ["a", "a", "tidings.closed"]);
    let blocks = published(&log);
    assert!(blocks.last().unwrap().header().last_of_boot);
    assert_eq!(store.backlog().unwrap().events, 0);
    assert_eq!(log.close(SECOND).stored, 3);
    assert!(matches!(store.backlog(), Err(StoreError::Closed { .. })));
}

#[test]
fn whoever_ends_and_closes_at_once_gets_the_same_books() {
    for _ in 0..50 {
        let store = memory();
        let log = log_over(&store, &shared());
        append(&log, Event::new("a", "m"));
        let books: Vec<Tally> = std::thread::scope(|scope| {
            let (end, close) = (|| log.end(SECOND), || log.close(SECOND));
            let ending = [scope.spawn(end), scope.spawn(end)];
            let closing = [scope.spawn(close), scope.spawn(close)];
            ending.into_iter().chain(closing).map(|thread| thread.join().unwrap()).collect()
        });

        assert!(books.iter().all(|tally| *tally == books[0] && tally.stored == 2), "{books:?}");
        assert!(matches!(store.backlog(), Err(StoreError::Closed { .. })), "closed once all are");
    }
}

#[test]
fn dropping_a_log_that_has_ended_closes_its_store() {
    let store = memory();
    let log = log_over(&store, &LogOptions { background: true, ..shared() });
    append(&log, Event::new("a", "m"));
    log.end(SECOND);

    drop(log);

    assert!(matches!(store.backlog(), Err(StoreError::Closed { .. })));
}
