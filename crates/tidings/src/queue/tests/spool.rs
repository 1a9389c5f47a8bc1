//! Does a spool keep what the sink cannot take, once and in order?

use std::path::Path;

use super::*;
use crate::pause::PauseReason;
use crate::queue::gate::SPOOL_REST;
use crate::queue::{Fate, QueueError, RETRY_MAX, SPOOL_BYTES_MIN, WhenPaused};
use crate::store::memory::MemoryStore;
use crate::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use crate::store::{BlockStore, Sink};
use crate::tally::{LossReason, Refusal};
use crate::testing::{Answer, Blocks, Fault, FaultyStore};

type Store = Arc<FaultyStore<MemoryStore>>;

fn store() -> Store {
    Arc::new(FaultyStore::new(MemoryStore::new().unwrap()))
}

#[track_caller]
fn over(builder: QueueBuilder, sink: &ScriptedSink, spool: &Store) -> SteppedQueue {
    let spool = Arc::clone(spool);
    builder.build_stepped_over("web1", Arc::new(sink.clone()), spool).unwrap()
}

/// Adds and settles each, so that each gets a block of its own.
fn add_each(queue: &SteppedQueue, clock: &Clock, texts: &[&str]) {
    for text in texts {
        queue.client().add("a", text).unwrap();
        clock.advance(RETRY_MAX);
        queue.settle();
    }
}

#[test]
fn what_comes_while_paused_is_put_in_order_before_what_is_newer() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    queue.client().add("a", "1").unwrap();
    queue.stop();
    add_each(&queue, &clock, &["2", "3"]);
    assert_eq!((sink.puts(), spool.ends().unwrap().events), (0, 3));
    assert_books(&queue, "offered 3 = stored 0 + refused 0 + lost 0 + pending 3 (spooled 3)");

    queue.start().unwrap();
    queue.client().add("a", "4").unwrap();
    queue.settle();

    assert_eq!(messages(&sink), ["1", "2", "3", "4"]);
    assert_books(&queue, "offered 4 = stored 4 + refused 0 + lost 0 + pending 0");
    assert_eq!((queue.backlog().unwrap().events, spool.ends().unwrap().events), (0, 0));
}

#[test]
fn a_put_that_fails_sends_what_follows_through_the_spool() {
    let (sink, spool, clock) = (ScriptedSink::remote(), store(), clock());
    let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    sink.always(Answer::NotStored);
    add_each(&queue, &clock, &["1", "2", "3"]);
    assert_eq!(queue.tally().spooled, 3);
    assert!(queue.flush().settled, "nothing is in memory only");

    sink.always(Answer::Stored);
    clock.advance(RETRY_MAX);
    queue.settle();
    add_each(&queue, &clock, &["4"]);

    assert_eq!(messages(&sink), ["1", "2", "3", "4"]);
    assert_eq!((queue.tally().stored, spool.ends().unwrap().next.0), (4, 3), "4 went straight");
}

#[test]
fn a_block_whose_outcome_is_unknown_is_there_once() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    sink.script([Answer::UnknownButStored, Answer::UnknownButStored]);

    add_each(&queue, &clock, &["1", "2"]);
    clock.advance(RETRY_MAX);
    queue.settle();

    assert_eq!(messages(&sink), ["1", "2"]);
    assert_books(&queue, "offered 2 = stored 2 + refused 0 + lost 0 + pending 0");
}

#[test]
fn receipts_say_that_an_event_is_in_the_spool() {
    let (sink, spool) = (ScriptedSink::new(), store());
    let queue = over(buffer_of(9), &sink, &spool);
    queue.suspend(PauseReason::StoreDown);
    let receipt = queue.client().record_tracked(Event::new("a", "b"));
    assert_eq!(receipt.fate(), None);

    queue.settle();

    assert_eq!(receipt.fate(), Some(Fate::Spooled));
}

#[test]
fn no_block_is_put_after_stop_and_a_pause_holds_through_the_close() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    queue.stop();
    add_each(&queue, &clock, &["1", "2"]);

    let report = queue.close();

    assert_eq!((sink.puts(), report.settled), (0, true));
    assert_eq!((report.spooled(), report.pending(), report.lost_total()), (3, 3, 0));
    assert!(queue.is_closed());
}

#[test]
fn the_next_queue_puts_what_an_earlier_one_left_with_its_names() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let first = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    let boot = first.boot();
    first.stop();
    add_each(&first, &clock, &["1", "2"]);
    // As if it had been killed: its end is not written.
    std::mem::forget(first);

    let second = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    assert_eq!(second.backlog().unwrap().events, 2);
    second.settle();

    assert_eq!(messages(&sink), ["1", "2"]);
    assert!(sink.events().iter().all(|event| event.boot == boot));
    assert_books(&second, "offered 0 = stored 0 + refused 0 + lost 0 + pending 0");
}

#[test]
fn a_close_empties_the_spool_as_long_as_the_sink_takes_it() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    queue.suspend(PauseReason::StoreDown);
    add_each(&queue, &clock, &["1", "2"]);
    queue.resume(PauseReason::StoreDown);

    let report = queue.close();

    assert_eq!((report.spooled(), report.stored()), (0, 3));
    assert_eq!(messages(&sink), ["1", "2"]);
    assert_eq!(own_events(&sink).len(), 1, "the end of the boot comes last");
}

#[test]
fn a_spool_without_room_discards_while_paused_and_says_why() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    queue.suspend(PauseReason::StoreDown);
    add_each(&queue, &clock, &["1"]);
    spool.fail_at(1, Fault::DiskFull);
    add_each(&queue, &clock, &["2"]);
    assert_eq!(queue.tally().lost(LossReason::SpoolFailed), 1);
    assert!(queue.client().add("a", "3").is_err());
    assert_eq!(queue.tally().refused(Refusal::Paused), 1);

    spool.release();
    clock.advance(SPOOL_REST);
    queue.settle();
    add_each(&queue, &clock, &["4"]);
    queue.resume(PauseReason::StoreDown);
    queue.settle();

    assert_eq!(messages(&sink), ["1", "4"]);
    let told = own_events(&sink);
    assert_eq!(told[0].fields().get("lost").unwrap()["spool_failed"], 1);
    assert!(queue.audit().is_exact());
}

#[test]
fn a_spool_that_fails_holds_while_puts_fail_and_nothing_is_lost() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let queue = over(buffer_of(1).clock(clock.clone()), &sink, &spool);
    sink.always(Answer::NotStored);
    spool.fail_from(1, Fault::NotStored);
    add_each(&queue, &clock, &["1"]);
    queue.client().add("a", "2").unwrap();
    queue.settle();

    spool.release();
    sink.always(Answer::Stored);
    clock.advance(RETRY_MAX);
    queue.settle();

    assert_eq!(messages(&sink), ["1", "2"]);
    assert_books(&queue, "offered 2 = stored 2 + refused 0 + lost 0 + pending 0");
}

#[test]
fn a_spool_that_may_have_a_block_is_asked_again_and_it_is_counted_once() {
    for fault in [Fault::UnknownButDone, Fault::UnknownNotDone] {
        let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
        let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
        sink.always(Answer::NotStored);
        spool.fail_at(1, fault);
        add_each(&queue, &clock, &["1"]);
        assert_eq!((queue.tally().pending, queue.tally().spooled), (1, 0));

        sink.always(Answer::Stored);
        add_each(&queue, &clock, &["2"]);
        clock.advance(RETRY_MAX);
        queue.settle();

        assert_eq!(messages(&sink), ["1", "2"], "{fault:?}");
        assert_books(&queue, "offered 2 = stored 2 + refused 0 + lost 0 + pending 0");
        assert_eq!(spool.ends().unwrap().events, 0);
    }
}

#[test]
fn a_spool_at_its_limit_takes_no_more_until_the_sink_has_taken_some() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let builder = Queue::builder().spool_bytes_max(SPOOL_BYTES_MIN).clock(clock.clone());
    let queue = over(builder, &sink, &spool);
    let mut noise = Blocks::new(1);
    queue.suspend(PauseReason::StoreDown);
    let mut taken = 0;
    while queue.tally().lost(LossReason::SpoolFailed) == 0 {
        let block = noise.with_text(1, 60_000);
        let text = block.events(crate::Position(0)).unwrap()[0].event.message().to_owned();
        queue.client().add("a", &text).unwrap();
        clock.advance(RETRY_MAX);
        queue.settle();
        taken += 1;
        assert!(taken < 2000, "16 MiB are never full");
    }
    assert!(spool.ends().unwrap().bytes <= SPOOL_BYTES_MIN);

    queue.resume(PauseReason::StoreDown);
    queue.settle();

    let tally = queue.tally();
    assert_eq!((tally.stored, tally.lost_total()), (taken, 1), "{tally}");
}

#[test]
fn a_spooled_block_that_is_refused_for_good_is_lost_and_told() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    queue.suspend(PauseReason::StoreDown);
    add_each(&queue, &clock, &["1", "2"]);
    sink.script([Answer::Rejected]);

    queue.resume(PauseReason::StoreDown);
    queue.settle();

    assert_eq!(messages(&sink), ["2"]);
    assert_eq!(own_events(&sink)[0].fields().get("lost").unwrap()["rejected"], 1);
    assert_eq!(queue.tally().lost(LossReason::Rejected), 1);
}

#[test]
fn what_is_too_old_is_given_up_when_a_put_fails_and_the_clock_is_steady() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let builder = Queue::builder().max_event_age(Duration::from_hours(1)).clock(clock.clone());
    let queue = over(builder, &sink, &spool);
    sink.always(Answer::NotStored);
    add_each(&queue, &clock, &["1"]);
    clock.set_wall(clock.now().after(Duration::from_hours(9)));
    add_each(&queue, &clock, &["2"]);
    assert_eq!(queue.tally().lost_total(), 0, "a jump of the clock is not believed");

    clock.advance(Duration::from_mins(11));
    queue.settle();

    assert_eq!(queue.tally().lost(LossReason::TooOld), 1);
    assert_eq!(queue.tally().spooled, 2, "the young one, and what tells of the other");
}

#[test]
fn a_failing_read_of_the_spool_only_delays() {
    let (sink, spool, clock) = (ScriptedSink::new(), store(), clock());
    let queue = over(Queue::builder().clock(clock.clone()), &sink, &spool);
    queue.stop();
    add_each(&queue, &clock, &["1"]);
    spool.fail_read_at(1);

    queue.start().unwrap();
    queue.settle();
    assert_eq!(sink.puts(), 0);
    clock.advance(RETRY_MAX);
    queue.settle();

    assert_eq!(messages(&sink), ["1"]);
}

fn spooling(path: &Path) -> QueueBuilder {
    Queue::builder().when_paused(WhenPaused::Spool(path.to_owned()))
}

#[test]
fn a_second_queue_over_one_directory_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = spooling(dir.path()).build("web1", ScriptedSink::new()).unwrap();

    let refused = spooling(dir.path()).build("web1", ScriptedSink::new()).unwrap_err();

    let pid = format!("in use by process {}", std::process::id());
    assert!(refused.to_string().contains(&pid), "{refused}");
    let QueueError::Spool { path, cause: OpenError::InUse { .. } } = refused else { panic!() };
    assert_eq!(path, dir.path());
    drop(first);
    spooling(dir.path()).build("web1", ScriptedSink::new()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();

    let refused = spooling(&file).build("web1", ScriptedSink::new()).unwrap_err();

    assert!(
        refused.to_string().starts_with(&format!("cannot open the spool in {}: ", file.display()))
    );
}

#[test]
fn the_data_directory_of_a_log_is_no_spool_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap();
    log.put(&Blocks::new(1).of(3)).unwrap();
    drop(log);

    let refused = spooling(dir.path()).build("web1", ScriptedSink::new()).unwrap_err();

    assert!(refused.to_string().contains("the store of a log"), "{refused}");
    assert!(!dir.path().join("spool").exists());
    let log = SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap();
    assert_eq!(log.ends().unwrap().events, 3);
}

#[test]
fn a_store_that_hangs_leaves_everything_in_the_spool_of_the_next_queue() {
    let (dir, hung) = (tempfile::tempdir().unwrap(), ScriptedSink::new());
    hung.always(Answer::Hang);
    let queue = spooling(dir.path()).build("web1", hung.clone()).unwrap();
    queue.start().unwrap();
    for text in ["0", "1", "2", "3", "4"] {
        queue.client().add("a", text).unwrap();
    }
    hung.wait_for_puts(1);

    let report = queue.close(Duration::from_secs(2));

    assert_eq!((report.lost_total(), report.stored()), (0, 0), "{report}");
    assert_eq!(report.spooled(), report.tally.offered);
    hung.release();
    let sink = ScriptedSink::new();
    let next = reopened(dir.path(), &sink);
    sink.wait_for_puts(usize::try_from(next.1).unwrap());
    assert!(next.0.close(LONG).settled);
    assert_eq!(messages(&sink), ["0", "1", "2", "3", "4"]);
}

/// A queue over a directory that a thread of an earlier one may still hold, and
/// the blocks that wait there.
fn reopened(path: &Path, sink: &ScriptedSink) -> (Queue, u64) {
    loop {
        match spooling(path).build("web1", sink.clone()) {
            Ok(queue) => {
                let blocks = queue.backlog().unwrap().blocks;
                queue.start().unwrap();
                return (queue, blocks);
            }
            Err(QueueError::Spool { cause: OpenError::InUse { .. }, .. }) => {
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_damaged_block_of_the_spool_is_passed_over_and_the_others_are_put() {
    let (dir, away) = (tempfile::tempdir().unwrap(), ScriptedSink::new());
    let queue = spooling(dir.path()).build("web1", away).unwrap();
    queue.start().unwrap();
    queue.stop();
    for text in ["1", "2"] {
        queue.client().add("a", text).unwrap();
        assert!(queue.flush(LONG).settled);
    }
    drop(queue);
    let file = rusqlite::Connection::open(dir.path().join("log.sqlite")).unwrap();
    let damage = "UPDATE blocks SET body = zeroblob(length(body)) WHERE base = 0";
    assert_eq!(file.execute(damage, []).unwrap(), 1);
    drop(file);

    let sink = ScriptedSink::new();
    let (next, _) = reopened(dir.path(), &sink);
    sink.wait_for_puts(2);
    let _ = next.close(LONG);

    assert_eq!(messages(&sink), ["2"]);
}
