use super::scripted::{Act, Scripted};
use super::*;
use crate::query::FollowFrom;
use crate::store::Note;
use crate::testing::{Fault, FaultyStore};

/// The log of another machine, on the same clock.
fn elsewhere(options: &LogOptions) -> Log {
    log_over(&memory(), &LogOptions { shared: true, member: "far".to_owned(), ..options.clone() })
}

fn keyed(message: &str, key: &str) -> Event {
    Event::new("order", message).with_key(key).with_member("client")
}

/// Every message in order of arrival: clocks in tests stand still.
fn arrived(log: &Log) -> Vec<String> {
    let query = Query { limit: 10_000, ..Query::default() };
    let mut events = log.query(&query).unwrap().events;
    events.sort_by_key(|stored| stored.position);
    events.into_iter().map(|stored| stored.event.message).collect()
}

#[track_caller]
fn apply(log: &Log, blocks: &[Block]) -> (u64, u64) {
    let applied = log.core().apply(blocks.to_vec(), &[]).unwrap();
    (applied.events, applied.duplicates)
}

#[track_caller]
fn assert_duplicate_of(taken: &Taken, id: EventId) {
    let duplicate = matches!(taken, Taken::Accepted { duplicate: true, .. });
    assert!(duplicate && id_of(taken) == id, "{taken:?}");
}

#[test]
fn what_others_published_is_in_the_log_in_their_order() {
    let options = shared();
    let (there, here) = (elsewhere(&options), log_over(&memory(), &options));
    append(&here, Event::new("a", "ours"));
    let ids = ["1", "2", "3"].map(|message| id_of(&append(&there, Event::new("a", message))));
    let mut follower = here.follow(FollowFrom::Now, Arc::default()).unwrap();

    let applied = here.core().apply(published(&there), &[]).unwrap();

    assert_eq!((applied.events, applied.duplicates), (3, 0));
    assert_eq!(applied.placed, [1, 2, 3].map(|p| Some(Position(p)..Position(p + 1))));
    assert_eq!(arrived(&here), ["ours", "1", "2", "3"]);
    for id in ids {
        let Found::Event(found) = here.find(id).unwrap() else { panic!("{id} is not here") };
        assert_eq!((found.origin, found.boot), (there.origin(), there.boot()));
    }
    assert_eq!(follower.poll(9).unwrap().len(), 3);
    assert_eq!(waiting(&here).len(), 1, "others' events are not ours to publish");
    assert_eq!(here.tally().offered, 1, "nor in the first books");
}

#[test]
fn the_same_blocks_again_store_nothing_also_after_a_restart_and_after_their_time() {
    let (store, options) = (Scripted::new(), shared());
    let (there, here) = (elsewhere(&options), log_over(&store, &options));
    append(&there, keyed("1", "k"));
    append(&there, Event::new("a", "2"));
    let blocks = published(&there);
    assert_eq!(apply(&here, &blocks), (2, 0));

    assert_eq!(apply(&here, &blocks), (0, 2));
    here.close(SECOND);
    let here = log_over(&store, &options);
    assert_eq!(apply(&here, &blocks), (0, 2));
    options.clock.advance(crate::clock::CLOCK_STEADY_MIN);
    options.clock.advance(25 * HOUR);
    here.maintain().unwrap();
    options.clock.advance(crate::clock::CLOCK_STEADY_MIN);
    here.maintain().unwrap();
    assert_eq!(here.ends().unwrap().events, 0);

    assert_eq!(apply(&here, &blocks), (0, 2));
    assert_eq!(here.ends().unwrap().events, 0);
}

#[test]
fn a_retry_on_another_machine_is_a_duplicate_of_what_came_from_there() {
    let options = shared();
    let (there, here) = (elsewhere(&options), log_over(&memory(), &options));
    let timed = keyed("2", "timed").with_timestamp(start()).with_field("n", 0.1);
    options.clock.advance(SECOND);
    let first = id_of(&append(&there, keyed("1", "k")));
    let second = id_of(&append(&there, timed.clone()));
    apply(&here, &published(&there));

    assert_duplicate_of(&append(&here, keyed("1", "k")), first);
    assert_duplicate_of(&append(&here, timed), second);
    assert_eq!(append(&here, keyed("other", "k")), Taken::KeyConflict { id: first });
    assert_eq!(arrived(&here).len(), 2);

    options.clock.advance(HOUR);
    let late = append(&here, keyed("1", "k"));
    assert!(matches!(late, Taken::Accepted { duplicate: false, .. }), "{late:?}");
}

#[test]
fn an_event_that_is_here_already_is_left_out_of_its_block() {
    let options = shared();
    let (there, here) = (elsewhere(&options), log_over(&memory(), &options));
    let ours = id_of(&append(&here, keyed("1", "k")));
    let batch = vec![Event::new("a", "before"), keyed("1", "k"), Event::new("a", "after")];
    there.append(batch, Ack::Disk, false).unwrap();
    append(&there, keyed("2", "alone"));
    append(&here, keyed("2", "alone"));

    let blocks = published(&there);
    let applied = here.core().apply(blocks.clone(), &[]).unwrap();

    assert_eq!((applied.events, applied.duplicates), (2, 2));
    assert_eq!(applied.placed, [Some(Position(2)..Position(4)), None], "nothing was left of it");
    assert_eq!(arrived(&here), ["1", "2", "before", "after"]);
    assert!(matches!(here.find(ours).unwrap(), Found::Event(_)));
    assert_eq!(apply(&here, &blocks), (0, 4), "again");
    options.clock.advance(2 * HOUR);
    assert_eq!(apply(&here, &blocks[..1]), (0, 3), "also when the key is forgotten");
    assert_eq!(arrived(&here).len(), 4);
}

#[test]
fn another_event_under_the_same_key_stays_for_somebody_was_told_it_is_stored() {
    let options = shared();
    let (there, here) = (elsewhere(&options), log_over(&memory(), &options));
    let ours = id_of(&append(&here, keyed("ours", "k")));
    append(&there, keyed("theirs", "k"));

    assert_eq!(apply(&here, &published(&there)), (1, 0));

    assert_eq!(arrived(&here), ["ours", "theirs"]);
    assert_duplicate_of(&append(&here, keyed("ours", "k")), ours);
}

#[test]
fn of_the_same_key_in_blocks_that_come_together_the_first_counts() {
    let options = shared();
    let [one, other] = [elsewhere(&options), elsewhere(&options)];
    let here = log_over(&memory(), &options);
    let first = id_of(&append(&one, keyed("1", "k")));
    append(&other, keyed("1", "k"));
    let blocks = [published(&one), published(&other)].concat();

    assert_eq!(apply(&here, &blocks), (1, 1));

    assert_duplicate_of(&append(&here, keyed("1", "k")), first);
}

#[test]
fn an_append_with_the_same_key_is_waited_for() {
    let (store, options) = (Scripted::new(), shared());
    let (there, here) = (elsewhere(&options), log_over(&store, &options));
    append(&there, keyed("1", "k"));
    let blocks = published(&there);
    store.will(&[Act::Waits]);
    std::thread::scope(|scope| {
        let ours = scope.spawn(|| append(&here, keyed("1", "k")));
        store.wait_for_waiting(1);
        let applied = scope.spawn(|| apply(&here, &blocks));
        store.open();

        ours.join().unwrap();
        assert_eq!(applied.join().unwrap(), (0, 1));
    });
    assert_eq!(arrived(&here), ["1"]);
}

#[test]
fn blocks_and_notes_are_stored_together_or_not_at_all() {
    for fault in [Fault::NotStored, Fault::UnknownNotDone, Fault::UnknownButDone] {
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        let options = shared();
        let (there, here) = (elsewhere(&options), log_over(&store, &options));
        append(&there, keyed("1", "k"));
        let blocks = published(&there);
        let note = [Note { name: "applied", value: b"9" }];
        store.fail_at(1, fault);

        here.core().apply(blocks.clone(), &note).unwrap_err();
        assert!(here.core().apply(blocks.clone(), &note).is_err(), "it is paused: {fault:?}");
        here.maintain().unwrap();
        let known = here.core().recall("applied").unwrap().is_some();
        assert_eq!(known, fault == Fault::UnknownButDone);
        assert_eq!(arrived(&here).len(), usize::from(known), "{fault:?}");

        here.core().apply(blocks, &note).unwrap();
        assert_eq!(here.core().recall("applied").unwrap().as_deref(), Some(b"9".as_slice()));
        assert_eq!(arrived(&here), ["1"], "{fault:?}");
        assert!(matches!(append(&here, keyed("1", "k")), Taken::Accepted { duplicate: true, .. }));
    }
}

#[test]
fn a_paused_log_and_a_full_disk_take_nothing_and_go_on_afterwards() {
    let (store, options) = (Scripted::new(), shared());
    let (there, here) = (elsewhere(&options), log_over(&store, &options));
    append(&there, Event::new("a", "1"));
    let blocks = published(&there);
    here.suspend(PauseReason::Manual);
    assert!(here.core().apply(blocks.clone(), &[]).is_err());
    here.resume(PauseReason::Manual);
    store.will(&[Act::DiskFull]);

    let full = here.core().apply(blocks.clone(), &[]).unwrap_err();
    assert!(matches!(full, StoreError::DiskFull { .. }), "{full}");
    let paused = here.core().apply(blocks.clone(), &[]).unwrap_err();
    assert!(matches!(paused, StoreError::DiskFull { .. }), "{paused}");

    here.maintain().unwrap();
    assert_eq!(apply(&here, &blocks), (1, 0));
}

#[test]
fn a_disk_that_hangs_in_an_apply_hangs_nobody_who_appends() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
    let options = shared();
    let (there, here) = (elsewhere(&options), log_over(&store, &options));
    append(&there, Event::new("a", "theirs"));
    let blocks = published(&there);
    store.fail_at(1, Fault::Hang);
    std::thread::scope(|scope| {
        let applying = scope.spawn(|| apply(&here, &blocks));
        store.wait_until_hanging(1);
        let ours = scope.spawn(|| here.append(vec![Event::new("a", "ours")], Ack::Disk, false));
        while here.tally().offered == 0 {
            std::thread::yield_now();
        }

        here.suspend(PauseReason::StoreDown);
        assert!(matches!(ours.join().unwrap(), Err(AppendError::Paused(_))));
        here.resume(PauseReason::StoreDown);
        store.release();
        assert_eq!(applying.join().unwrap(), (1, 0));
    });
    append(&here, Event::new("a", "after"));
    assert_eq!(arrived(&here), ["theirs", "after"]);
}

#[test]
fn blocks_of_this_very_boot_are_refused_and_those_of_a_lost_one_are_taken() {
    let options = shared();
    let here = log_over(&memory(), &options);
    let of_boot = |boot| crate::testing::Blocks::of_boot(here.origin(), boot).of(2);

    let own = here.core().apply(vec![of_boot(here.boot())], &[]).unwrap_err();

    assert!(matches!(own, StoreError::Rejected { .. }), "{own}");
    assert_eq!(apply(&here, &[of_boot(Boot::from_bytes([7; 8]))]), (2, 0));
}

#[test]
fn an_ended_log_takes_no_blocks() {
    let here = log_over(&memory(), &shared());
    here.end(SECOND);

    let refused = here.core().apply(vec![], &[]).unwrap_err();

    assert!(matches!(refused, StoreError::Closed { .. }), "{refused}");
}

#[test]
fn racing_callers_and_machines_store_each_key_once() {
    const KEYS: usize = 40;
    let options = shared();
    let there: Vec<Log> = (0..3).map(|_| elsewhere(&options)).collect();
    let here = log_over(&memory(), &options);
    let key = |i: usize| keyed("m", &i.to_string());
    let published: Vec<Vec<Block>> = there
        .iter()
        .map(|log| {
            for i in 0..KEYS {
                append(log, key(i));
            }
            published(log)
        })
        .collect();
    std::thread::scope(|scope| {
        for blocks in &published {
            for _ in 0..2 {
                scope.spawn(|| {
                    for chunk in blocks.chunks(3) {
                        apply(&here, chunk);
                    }
                });
            }
        }
        scope.spawn(|| {
            for i in (0..KEYS).rev() {
                append(&here, key(i));
            }
        });
    });

    assert_eq!(arrived(&here).len(), KEYS);
    assert_balanced(&here);
    assert!(here.sharing().unwrap().is_balanced());
}

/// What a machine would see of another that publishes `count` blocks.
fn history(options: &LogOptions, count: usize, dice: &mut fastrand::Rng) -> Vec<Block> {
    let log = elsewhere(options);
    for i in 0..count {
        let event = Event::new("a", i.to_string());
        // The machine is in the key: no two bring the same event.
        let key = format!("{} {i}", log.origin());
        append(&log, if dice.bool() { event.with_key(key) } else { event });
        options.clock.advance(SECOND);
    }
    published(&log)
}

/// Every event in order of arrival: boot and number.
fn in_order(log: &Log) -> Vec<(Boot, u64)> {
    let mut events = log.query(&Query { limit: 10_000, ..Query::default() }).unwrap().events;
    events.sort_by_key(|stored| stored.position);
    events.into_iter().map(|stored| (stored.boot, stored.seq)).collect()
}

#[test]
fn blocks_that_come_over_and_over_through_failures_and_restarts_stand_once_and_in_order() {
    let acts = [Act::Fails, Act::UnknownStored, Act::UnknownLost, Act::DiskFull];
    for seed in 0..60_u64 {
        let (mut dice, options) = (fastrand::Rng::with_seed(seed), shared());
        let sent = [20, 20].map(|count| history(&options, count, &mut dice));
        let store = Scripted::new();
        let mut here = log_over(&store, &options);
        let mut reached = [0, 0];
        while reached != [20, 20] {
            let side = dice.usize(..2);
            // As after a restart: from somewhere before what was reached.
            let from = reached[side] - dice.usize(..=reached[side].min(3));
            let to = (from + dice.usize(..5)).min(20);
            if dice.u8(..3) == 0 {
                store.will(&[acts[dice.usize(..acts.len())]]);
            }
            if here.core().apply(sent[side][from..to].to_vec(), &[]).is_ok() {
                reached[side] = reached[side].max(to);
            }
            let _ = here.maintain();
            if dice.u8(..10) == 0 {
                std::mem::forget(here);
                here = log_over(&store, &options);
            }
        }
        for blocks in &sent {
            let run = blocks[0].header().runs[0];
            let found: Vec<u64> = in_order(&here)
                .into_iter()
                .filter(|(boot, _)| *boot == run.boot)
                .map(|e| e.1)
                .collect();
            assert_eq!(found, (1..=20).collect::<Vec<u64>>(), "seed {seed}");
        }
        assert_eq!(here.sharing().unwrap().waiting, store.backlog().unwrap().events);
    }
}
