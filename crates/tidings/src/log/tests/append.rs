use super::scripted::{Act, Scripted};
use super::*;
use crate::event::EVENT_BYTES_MAX;
use crate::tally::Refusal;

#[test]
fn what_was_appended_can_be_read_with_its_id_and_place() {
    let log = log_over(&memory(), &by_hand());

    let taken = append(&log, Event::new("Deploy", "out").with_subject("api"));

    let Taken::Accepted { id, received, position, duplicate } = taken else { panic!() };
    let Found::Event(found) = log.find(id).unwrap() else { panic!("not found") };
    assert_eq!((found.id, found.received, found.timestamp), (id, received, received));
    assert_eq!((found.member(), Some(found.position), duplicate), ("tidings", position, false));
    assert_eq!((found.origin, found.boot, found.seq), (log.origin(), log.boot(), 1));
}

#[test]
fn each_event_of_a_batch_is_judged_for_itself() {
    let log = log_over(&memory(), &by_hand());
    let events = ["a", "", "b", "tidings.lost"].map(|t| Event::new(t, "m")).to_vec();

    let taken = log.append(events, Ack::Disk, false).unwrap();

    assert!(matches!(&taken[1], Taken::Invalid(invalid) if invalid.field == "type"));
    assert!(matches!(&taken[3], Taken::Invalid(_)), "reserved types are refused");
    assert!(matches!(taken[2], Taken::Accepted { position: Some(Position(1)), .. }));
    let tally = log.tally();
    assert_eq!((tally.offered, tally.stored, tally.refused(Refusal::Invalid)), (4, 2, 2));
    let seqs: Vec<u64> = all(&log).iter().map(|stored| stored.seq).collect();
    assert_eq!(seqs, [1, 3], "refused events take their numbers along");
}

fn all(log: &Log) -> Vec<crate::StoredEvent> {
    let query = Query { order: crate::Order::Ascending, limit: 10_000, ..Query::default() };
    log.query(&query).unwrap().events
}

#[test]
fn a_strict_batch_is_taken_whole_or_not_at_all() {
    let log = log_over(&memory(), &by_hand());
    let events = vec![Event::new("a", "m"), Event::new("", "m")];

    let taken = log.append(events, Ack::Disk, true).unwrap();

    assert_eq!(taken[0], Taken::NotTaken);
    assert!(matches!(taken[1], Taken::Invalid(_)));
    assert_eq!((messages(&log).len(), log.tally().refused_total()), (0, 2));
    assert_balanced(&log);
}

#[test]
fn a_large_batch_spans_blocks_and_keeps_its_order() {
    let log = log_over(&memory(), &by_hand());
    let events = (0..9000).map(|i| Event::new("n", i.to_string())).collect();

    let taken = log.append(events, Ack::Disk, false).unwrap();

    let position = |taken: &Taken| match taken {
        Taken::Accepted { position: Some(position), .. } => position.0,
        other => panic!("{other:?}"),
    };
    assert!(taken.iter().enumerate().all(|(i, taken)| position(taken) == i as u64));
    assert!(log.ends().unwrap().blocks >= 3);
    assert_eq!(messages(&log)[8999], "8999");
}

#[test]
fn callers_that_arrive_while_a_commit_runs_share_the_next_one() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Waits]);
    std::thread::scope(|scope| {
        scope.spawn(|| append(&log, Event::new("a", "first")));
        store.wait_for_waiting(1);
        for _ in 0..8 {
            scope.spawn(|| append(&log, Event::new("a", "later")));
        }
        while log.tally().pending < 9 {
            std::thread::yield_now();
        }
        store.open();
    });

    assert_eq!(store.batches(), [1, 8]);
    assert_eq!(log.tally().stored, 9);
}

#[test]
fn bytes_in_flight_are_bounded_and_what_is_refused_is_counted() {
    let event = || Event::new("a", "x".repeat(1000));
    let store = Scripted::new();
    let limit = event().size_bytes() * 2;
    let log = log_over(&store, &LogOptions { inflight_bytes_max: limit, ..by_hand() });
    store.will(&[Act::Waits]);
    std::thread::scope(|scope| {
        scope.spawn(|| append(&log, event()));
        store.wait_for_waiting(1);
        log.append(vec![event()], Ack::Queued, false).unwrap();

        let refused = log.append(vec![event()], Ack::Disk, false).unwrap_err();

        assert!(matches!(refused, AppendError::Full { limit: told, .. } if told == limit));
        assert_eq!(log.tally().refused(Refusal::BytesFull), 1);
        assert_balanced(&log);
        store.open();
    });
    log.maintain().unwrap();
    assert!(append(&log, event()) != Taken::NotTaken, "there is room again");
}

#[test]
fn queued_events_are_stored_later_by_the_log_itself() {
    let log = log_over(&memory(), &by_hand());

    let taken = log.append(vec![Event::new("a", "m")], Ack::Queued, false).unwrap();
    assert!(matches!(taken[0], Taken::Accepted { position: None, .. }));
    assert_eq!((log.tally().pending, messages(&log).len()), (1, 0));

    log.maintain().unwrap();
    assert_eq!((log.tally().stored, messages(&log).len()), (1, 1));
}

#[test]
fn the_logs_own_thread_stores_what_was_only_queued() {
    let log = log_over(&memory(), &LogOptions { background: true, ..by_hand() });
    let mut follower = log.follow(crate::FollowFrom::Now, Arc::default()).unwrap();

    log.append(vec![Event::new("a", "m")], Ack::Queued, false).unwrap();

    while !follower.wait(HOUR) {}
    assert_eq!(follower.poll(10).unwrap().len(), 1);
}

#[test]
fn an_event_over_the_limit_is_counted_as_too_large() {
    let log = log_over(&memory(), &by_hand());
    let event = Event::new("a", "").with_field("f", "x".repeat(EVENT_BYTES_MAX));

    assert!(matches!(append(&log, event), Taken::Invalid(invalid) if invalid.is_too_large()));

    assert_eq!(log.tally().refused(Refusal::TooLarge), 1);
    assert!(log.coverage().complete, "an event that can never be taken is not missing");
}

#[test]
fn a_paused_log_refuses_at_once_and_can_be_read() {
    let log = log_over(&memory(), &by_hand());
    append(&log, Event::new("a", "before"));
    log.suspend(PauseReason::Manual);

    let refused = log.append(vec![Event::new("a", "m")], Ack::Disk, false).unwrap_err();

    assert!(matches!(refused, AppendError::Paused(set) if set.contains(PauseReason::Manual)));
    assert_eq!(messages(&log), ["before"]);
    assert!(matches!(log.state(), State::Paused { .. }));
    log.maintain().unwrap();
    assert!(matches!(log.state(), State::Paused { .. }), "only a person lifts a person's pause");
    log.resume(PauseReason::Manual);
    assert_eq!(log.state(), State::Running);
}

#[test]
fn blocks_of_queues_come_in_once_however_often_they_are_put() {
    use crate::store::Sink;
    let log = log_over(&memory(), &by_hand());
    let block = foreign_block(Boot::from_bytes([1; 8]), 1, start(), &["x", "y"]);

    let first = log.put(&block).unwrap();
    let again = log.put(&block).unwrap();

    assert_eq!((first.base, first.duplicate), (Some(Position(0)), false));
    assert_eq!((again.base, again.duplicate), (Some(Position(0)), true));
    assert_eq!(messages(&log), ["x", "y"]);
    assert_eq!(log.tally().offered, 0, "the books are of what was appended here");
}

#[test]
fn received_stands_still_when_the_clock_steps_back_a_little_and_follows_when_far() {
    let options = by_hand();
    let log = log_over(&memory(), &options);
    let received = |log: &Log| match append(log, Event::new("a", "m")) {
        Taken::Accepted { received, .. } => received,
        other => panic!("{other:?}"),
    };
    let first = received(&log);

    options.clock.set_wall(start().before(30 * SECOND));
    assert_eq!(received(&log), first);
    options.clock.set_wall(start().after(10 * 365 * 24 * HOUR));
    assert_eq!(received(&log), start().after(10 * 365 * 24 * HOUR));
    options.clock.set_wall(start());
    assert_eq!(received(&log), start(), "a mistaken date is not stamped for ever");
}
