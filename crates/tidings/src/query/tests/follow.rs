use super::naive::World;
use super::*;

fn everything() -> Arc<Filter> {
    Arc::default()
}

/// Reads a follower to its end; panics on whatever is no event.
#[track_caller]
fn drain(follower: &mut Follower, limit: usize) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    while !follower.caught_up() {
        for seen in follower.poll(limit).unwrap() {
            match seen {
                Followed::Event(event, _) => events.push(StoredEvent::clone(&event)),
                other => panic!("{other:?}"),
            }
        }
    }
    events
}

fn from_start(log: &Log) -> FollowFrom {
    FollowFrom::Cursor(FollowCursor::new(log.origin(), Position(0)))
}

/// Merges some neighbours, now and then.
fn merge_some(log: &Log, dice: &mut fastrand::Rng) {
    let end = log.core().index.read().next().0;
    if dice.u8(0..3) == 0 {
        log.merge_neighbours(Position(dice.u64(0..=end)), dice.usize(2..9)).unwrap();
    }
}

#[test]
fn a_follower_sees_everything_once_in_order_wherever_it_is_cut() {
    for seed in 0..200 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::random(&mut dice);
        // Nothing is over age in this one: the clock stands where the last block came.
        let patient = LogOptions { retention: HOUR * 1000, ..world.options.clone() };
        let log = Log::over(Arc::clone(&world.log.core().store), patient).unwrap();
        let mut filter = Filter::default();
        if dice.bool() {
            filter.types.add("deploy.*").unwrap();
        }
        let filter = Arc::new(filter);
        let wanted: Vec<u64> = world
            .all
            .iter()
            .filter(|e| filter.is_empty() || e.event.event_type().starts_with("deploy."))
            .map(|stored| stored.position.0)
            .collect();

        let mut seen = Vec::new();
        let mut follower = log.follow(from_start(&log), Arc::clone(&filter)).unwrap();
        while !follower.caught_up() {
            let polled = follower.poll(dice.usize(1..300)).unwrap();
            let kept = dice.usize(0..=polled.len());
            for followed in &polled[..kept] {
                let Followed::Event(event, _) = followed else { panic!("{followed:?}") };
                seen.push(event.position.0);
            }
            merge_some(&log, &mut dice);
            // Cut: what was not handled is lost on the way, and asked for again.
            if kept < polled.len() || dice.bool() {
                let cursor = match polled[..kept].last() {
                    Some(Followed::Event(_, cursor)) => cursor.clone(),
                    _ if kept < polled.len() => match &polled[0] {
                        Followed::Event(_, cursor) => {
                            FollowCursor::new(cursor.origin, Position(cursor.next.0 - 1))
                        }
                        other => panic!("{other:?}"),
                    },
                    _ => follower.cursor(),
                };
                let text = cursor.to_string();
                let from = FollowFrom::Cursor(text.parse().unwrap());
                follower = log.follow(from, Arc::clone(&filter)).unwrap();
            }
        }

        assert_eq!(seen, wanted, "replay: seed {seed}");
        // Two logs stand on one store here; neither may close it for the other.
        std::mem::forget(log);
    }
}

#[test]
fn a_follower_is_woken_by_what_arrives_after_it() {
    let log = empty_log();
    append(&log, vec![Event::new("a", "before")]);
    let mut follower = log.follow(FollowFrom::Now, everything()).unwrap();
    assert!(follower.caught_up() && !follower.wait(Duration::ZERO));

    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| follower.wait(HOUR));
        append(&log, vec![Event::new("a", "after")]);
        assert!(waiter.join().unwrap());
    });

    assert_eq!(messages(&drain(&mut follower, 10)), ["after"]);
}

#[tokio::test]
async fn an_async_follower_is_woken_by_an_arrival_and_by_the_close() {
    let log = empty_log();
    let mut follower = log.follow(FollowFrom::Now, everything()).unwrap();
    let other = log.clone();

    let appended = tokio::task::spawn_blocking(move || append(&other, vec![Event::new("a", "m")]));
    follower.arrived().await;
    appended.await.unwrap();
    assert_eq!(drain(&mut follower, 10).len(), 1);

    let arrived = follower.arrived();
    let closing = tokio::task::spawn_blocking(move || log.close(SECOND));
    arrived.await;
    closing.await.unwrap();
}

#[test]
fn what_arrived_before_the_wait_began_ends_it_at_once() {
    let log = empty_log();
    let follower = log.follow(FollowFrom::Now, everything()).unwrap();
    append(&log, vec![Event::new("a", "m")]);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());

    assert!(Box::pin(follower.arrived()).as_mut().poll(&mut context).is_ready());
    assert!(follower.wait(Duration::ZERO));
}

#[test]
fn waiting_futures_that_are_dropped_leave_nothing_behind() {
    let log = empty_log();
    let follower = log.follow(FollowFrom::Now, everything()).unwrap();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());

    for _ in 0..3 {
        let mut arrived = Box::pin(follower.arrived());
        assert!(arrived.as_mut().poll(&mut context).is_pending());
    }

    assert_eq!(log.core().arrivals.waiting(), 0);
}

#[test]
fn closing_ends_the_wait() {
    let log = empty_log();
    let follower = log.follow(FollowFrom::Now, everything()).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| follower.wait(HOUR));
        log.close(SECOND);
        assert!(!waiter.join().unwrap(), "there is nothing to poll for");
    });
}

#[test]
fn following_since_a_time_begins_with_the_first_received_then() {
    let options = options();
    let log = log_with(&options);
    let at = |seconds: u32| start().after(SECOND * seconds);
    let event = |text: &str, seconds| (Event::new("a", text), at(seconds));
    let first = [event("0", 0), event("5", 5), event("3", 3)];
    log.put(&block_of(1, 1, 1, &first)).unwrap();
    log.put(&block_of(1, 2, 9, &[event("4", 4), event("9", 9)])).unwrap();

    let since = |seconds| {
        let from = FollowFrom::Since(at(seconds));
        let events = drain(&mut log.follow(from, everything()).unwrap(), 10);
        messages(&events).concat()
    };

    assert_eq!([since(0), since(1), since(6), since(10)], ["05349", "5349", "9", ""]);
}

#[test]
fn a_cursor_of_another_log_is_refused_and_one_ahead_of_this_log_goes_on_at_its_end() {
    let (log, other) = (empty_log(), empty_log());
    append(&log, vec![Event::new("a", "m")]);

    let foreign = log.follow(from_start(&other), everything()).unwrap_err();
    assert!(
        matches!(foreign, QueryError::ForeignCursor { theirs, .. } if theirs == other.origin())
    );

    let ahead = FollowCursor::new(log.origin(), Position(99));
    let mut follower = log.follow(FollowFrom::Cursor(ahead), everything()).unwrap();
    append(&log, vec![Event::new("a", "next")]);
    assert_eq!(messages(&drain(&mut follower, 10)), ["next"]);
}

#[test]
fn what_expired_before_it_was_followed_is_one_gap() {
    let options = options();
    let log = log_with(&options);
    for _ in 0..5 {
        append(&log, vec![Event::new("a", "old")]);
    }
    options.clock.advance(25 * HOUR);
    let hidden = poll_gaps(&log);
    append(&log, vec![Event::new("a", "new")]);
    log.maintain().unwrap();

    let mut follower = log.follow(from_start(&log), everything()).unwrap();
    let seen = follower.poll(10).unwrap();

    assert_eq!(hidden, [(0, 5, "expired")], "hidden and not purged yet");
    let Followed::Gap { from, to, reason, cursor } = &seen[0] else { panic!("{seen:?}") };
    assert_eq!((from.unwrap().0, to.0, *reason, cursor.next.0), (0, 5, "expired", 5));
    assert!(matches!(&seen[1], Followed::Event(event, _) if event.event.message() == "new"));
    let since = log.follow(FollowFrom::Since(start()), everything());
    assert_eq!(messages(&drain(&mut since.unwrap(), 10)), ["new"]);
}

fn poll_gaps(log: &Log) -> Vec<(u64, u64, &'static str)> {
    let seen = log.follow(from_start(log), everything()).unwrap().poll(100).unwrap();
    let gap = |followed: &Followed| match followed {
        Followed::Gap { from, to, reason, .. } => Some((from.unwrap().0, to.0, *reason)),
        _ => None,
    };
    seen.iter().filter_map(gap).collect()
}

#[test]
fn a_poll_opens_a_bounded_number_of_blocks_and_says_that_there_is_more() {
    let log = empty_log();
    for _ in 0..=FOLLOW_FRAMES_MAX {
        append(&log, vec![Event::new("a", "m")]);
    }
    let filter = Arc::new(Filter { expr: Expr::read("absent").expr, ..Filter::default() });
    let mut follower = log.follow(from_start(&log), filter).unwrap();

    assert!(follower.poll(10).unwrap().is_empty());
    assert!(!follower.caught_up());
    assert!(follower.poll(10).unwrap().is_empty());
    assert!(follower.caught_up());
}

#[test]
fn followers_that_come_while_others_write_see_everything_once() {
    let log = empty_log();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for i in 0..50 {
                    append(log, vec![Event::new("a", format!("{writer}:{i}"))]);
                }
            });
        }
        let mut follower = log.follow(from_start(&log), everything()).unwrap();
        let mut seen = Vec::new();
        while seen.len() < 200 {
            follower.wait(HOUR);
            seen.extend(drain(&mut follower, 7));
        }
        let positions: Vec<u64> = seen.iter().map(|stored| stored.position.0).collect();
        assert_eq!(positions, (0..200).collect::<Vec<_>>());
    });
}
