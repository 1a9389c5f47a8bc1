//! Do thousands follow at the price of one, and is a slow one told what it missed?

use super::odd::Odd;
use super::*;
use crate::testing::FaultyStore;

fn follow(log: &Log, filter: Filter) -> Follower {
    log.follow(FollowFrom::Now, filter.into()).unwrap()
}

/// So many events with their numbers as messages, counted from `first`.
fn append_numbers(log: &Log, numbers: std::ops::Range<u32>) {
    append(log, numbers.map(|i| Event::new("a", i.to_string())).collect());
}

/// What was seen, as text: messages, gaps, and what was dropped.
fn told(seen: &[Followed]) -> Vec<String> {
    let tell = |followed: &Followed| match followed {
        Followed::Event(event, _) => event.event.message().to_owned(),
        Followed::Gap { to, reason, .. } => format!("{reason} to {to}"),
        Followed::Dropped { count, from, to, .. } => format!("dropped {count} of {from}..{to}"),
    };
    seen.iter().map(tell).collect()
}

fn of_type(name: &str) -> Filter {
    let mut filter = Filter::default();
    filter.types.add(name).unwrap();
    filter
}

#[test]
fn a_frame_is_opened_once_however_many_follow_and_from_wherever() {
    let log = empty_log();
    append_numbers(&log, 0..5);
    let mut all: Vec<Follower> = (0..50).map(|_| follow(&log, Filter::default())).collect();
    append_numbers(&log, 5..605);
    let late = FollowCursor::new(log.origin(), Position(100));
    all.extend(
        (0..50).map(|_| log.follow(FollowFrom::Cursor(late.clone()), Arc::default()).unwrap()),
    );

    for (i, follower) in all.iter_mut().enumerate() {
        while !follower.caught_up() {
            follower.poll(i + 1).unwrap();
        }
    }

    assert_eq!(log.core().frames.made(), 2, "a block of 600 events has two frames");
}

#[test]
fn short_lists_without_a_filter_share_frames_and_texts_with_all_who_ask() {
    let options = options();
    let log = log_with(&options);
    append_numbers(&log, 0..300);
    options.clock.advance(SECOND);
    append_numbers(&log, 300..600);
    let list = |query: &Query| {
        let events = log.query_shared(query).unwrap().events;
        let text = |event: &Arc<SharedEvent>| {
            let mut json = Vec::new();
            event.write_json(&mut json, true);
            assert_eq!(json, event.verbose_json().as_bytes());
            event.verbose_json().as_ptr()
        };
        (events.iter().map(text).collect::<Vec<_>>(), log.core().frames.made())
    };
    let short = Query { limit: 10, ..Query::default() };
    let others = [
        Query { limit: KEPT_LIST_EVENTS_MAX + 1, ..Query::default() },
        Query { filter: of_type("a"), ..short.clone() },
        Query { count_exactly: true, ..short.clone() },
    ];

    assert!(others.iter().all(|query| list(query).1 == 0), "they keep nothing");
    let (first, made) = list(&short);
    assert_eq!((list(&short), first.len(), made), ((first.clone(), 1), 10, 1));
    assert!(others.iter().all(|query| list(query).0[0] != first[0]), "they have their own");
}

#[test]
fn followers_on_many_threads_share_each_event_and_its_text() {
    let log = empty_log();
    let follower = || follow(&log, Filter::default());
    let mut all = [follower(), follower(), follower(), follower()];
    append_numbers(&log, 0..1);

    let seen: Vec<Followed> = std::thread::scope(|threads| {
        let poll = |follower: &mut Follower| follower.poll(1).unwrap().remove(0);
        let polling: Vec<_> = all.iter_mut().map(|f| threads.spawn(move || poll(f))).collect();
        polling.into_iter().map(|thread| thread.join().unwrap()).collect()
    });

    let texts = seen.iter().map(|followed| match followed {
        Followed::Event(event, _) => (event.json().as_ptr(), event.verbose_json().as_ptr()),
        other => panic!("{other:?}"),
    });
    let texts: std::collections::BTreeSet<_> = texts.collect();
    assert_eq!((texts.len(), log.core().frames.made()), (1, 1));
}

#[test]
fn the_shared_text_of_an_event_is_its_json() {
    let log = empty_log();
    let mut follower = follow(&log, Filter::default());
    append(&log, vec![Event::new("a", "\"m\n").with_field("n", 1).with_subject("s")]);

    let seen = follower.poll(1).unwrap();

    let [Followed::Event(event, _)] = &seen[..] else { panic!("{seen:?}") };
    let stored: &StoredEvent = event;
    assert_eq!(event.json(), serde_json::to_string(stored).unwrap());
    assert_eq!(event.verbose_json(), serde_json::to_string(&crate::Verbose(stored)).unwrap());
}

#[test]
fn a_slow_follower_is_told_what_it_missed_and_can_fetch_exactly_that() {
    let log = empty_log();
    let mut slow = follow(&log, Filter::default()).with_lag_events_max(10);
    append_numbers(&log, 0..3);
    assert_eq!(told(&slow.poll(100).unwrap()), ["0", "1", "2"]);
    append_numbers(&log, 3..9);
    append_numbers(&log, 9..14);

    let seen = slow.poll(100).unwrap();
    append_numbers(&log, 14..15);

    assert_eq!(told(&seen), ["dropped 11 of 3..14"]);
    assert_eq!(told(&slow.poll(100).unwrap()), ["14"]);
    let [Followed::Dropped { resume, cursor, to, .. }] = &seen[..] else { panic!("{seen:?}") };
    let from = |cursor: &FollowCursor| FollowFrom::Cursor(cursor.to_string().parse().unwrap());
    let mut missed = log.follow(from(resume), Arc::default()).unwrap();
    let missed = told(&missed.poll(11).unwrap());
    assert_eq!(missed, (3..to.0).map(|i| i.to_string()).collect::<Vec<_>>());
    let mut after = log.follow(from(cursor), Arc::default()).unwrap();
    assert_eq!(told(&after.poll(100).unwrap()), ["14"]);
}

#[test]
fn a_follower_that_is_as_far_behind_as_it_may_be_misses_nothing() {
    let log = empty_log();
    let mut slow = follow(&log, Filter::default()).with_lag_events_max(10);

    append_numbers(&log, 0..10);

    assert_eq!(slow.poll(100).unwrap().len(), 10);
}

#[test]
fn reading_what_was_before_is_not_slow_until_it_has_caught_up() {
    let log = empty_log();
    append_numbers(&log, 0..30);
    let begin = FollowCursor::new(log.origin(), Position(0));
    let slow = log.follow(FollowFrom::Cursor(begin), Arc::default()).unwrap();
    let mut slow = slow.with_lag_events_max(10);
    let mut seen = told(&slow.poll(20).unwrap());
    append_numbers(&log, 30..60);

    while !slow.caught_up() {
        seen.extend(told(&slow.poll(20).unwrap()));
    }
    append_numbers(&log, 60..71);

    assert_eq!(seen, (0..60).map(|i| i.to_string()).collect::<Vec<_>>());
    assert_eq!(told(&slow.poll(20).unwrap()), ["dropped 11 of 60..71"]);
}

#[test]
fn what_nobody_asked_for_makes_no_follower_slow() {
    let log = empty_log();
    let mut slow = follow(&log, of_type("wanted")).with_lag_events_max(10);
    append_numbers(&log, 0..50);
    append(&log, vec![Event::new("wanted", "seen")]);
    assert_eq!(told(&slow.poll(100).unwrap()), ["seen"]);
    append_numbers(&log, 51..100);
    let mixed = |i: u32| Event::new(if i.is_multiple_of(2) { "wanted" } else { "a" }, "m");
    append(&log, (0..12).map(mixed).collect());

    // Half of the block would have matched, which nobody knows who has not opened it.
    assert_eq!(told(&slow.poll(100).unwrap()), ["dropped 12 of 51..112"]);
}

#[test]
fn what_is_gone_or_damaged_is_not_counted_as_dropped() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    let mut slow = follow(&log, Filter::default()).with_lag_events_max(10);
    append_numbers(&log, 0..20);
    options.clock.advance(25 * HOUR);
    append_numbers(&log, 20..40);
    log.core().index.write().mark_unreadable(Position(20));
    append_numbers(&log, 40..51);

    assert_eq!(told(&slow.poll(100).unwrap()), ["dropped 11 of 0..51"]);
}

#[test]
fn what_was_seen_before_the_store_failed_is_told_and_the_rest_later() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let log = Log::over(Arc::clone(&store) as Arc<dyn BlockStore>, options()).unwrap();
    let mut follower = follow(&log, Filter::default());
    append_numbers(&log, 0..1);
    append_numbers(&log, 1..2);
    log.core().cache.lock().remove(&[Position(1)]);
    store.fail_read_at(1);

    assert_eq!(told(&follower.poll(100).unwrap()), ["0"]);
    assert_eq!(told(&follower.poll(100).unwrap()), ["1"]);
}

#[test]
fn a_poll_in_memory_ends_where_the_store_would_be_read() {
    let store = Odd::new();
    let log = store.log(&options());
    let mut follower = follow(&log, Filter::default());
    let mut other = follow(&log, Filter::default());
    append_numbers(&log, 0..1);
    append_numbers(&log, 1..2);
    log.core().cache.lock().remove(&[Position(1)]);
    let reads = store.reads();

    assert_eq!(told(&follower.poll_in_memory(100)), ["0"]);
    assert!(follower.poll_in_memory(100).is_empty() && !follower.caught_up());
    assert_eq!(store.reads(), reads);

    assert_eq!(told(&follower.poll(100).unwrap()), ["1"]);
    assert_eq!(told(&other.poll_in_memory(100)), ["0", "1"], "the other has read it");
}

#[test]
fn damage_is_told_to_everybody_who_shares_it() {
    let (store, options) = (Odd::new(), options());
    let log = store.log(&options);
    let mut all = [follow(&log, Filter::default()), follow(&log, Filter::default())];
    append_numbers(&log, 0..600);
    log.core().cache.lock().remove(&[Position(0)]);
    assert_eq!(store.damage_last_frame(0), 512);

    let seen = all.each_mut().map(|follower| told(&follower.poll(1000).unwrap()).split_off(511));

    assert_eq!(seen, [["511", "damaged to 600"], ["511", "damaged to 600"]]);
}
