//! G2: do the books balance in every moment of every interleaving?
//!
//! Shuttle runs the queue's core under many schedules of its threads: whoever
//! adds, pauses, closes, and the steps of sealer and workers; and a log's callers. A failure prints the
//! schedule; `shuttle::replay` runs it again.

use std::future::Future;
use std::task::{Context, Waker};
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::Arc;
use shuttle::{Config, Runner, thread};
use tidings::store::BlockStore;
use tidings::store::memory::MemoryStore;
use tidings::testing::{Answer, ScriptedSink, SteppedQueue};
use tidings::{
    Ack, Clock, Event, Log, LogOptions, LossReason, PauseReason, Queue, QueueBuilder, Tally,
    Timestamp, WhenPaused,
};

/// Schedules of one run of this file, about.
const SCHEDULES: usize = if cfg!(feature = "soak") { 10_000_000 } else { 50_000 };
/// Events offered in one schedule.
const ADDS: usize = 4;
/// How many priority changes PCT makes in one schedule.
const PCT_DEPTH: usize = 3;
/// Schedules within which the planted race has to be found.
const PLANTED_MAX: usize = 10_000;

/// Shuttle's own are too small for reading a block without optimisation.
const STACK_BYTES: usize = 256 * 1024;

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config
}

fn random(body: impl Fn() + Send + Sync + 'static, schedules: usize) {
    Runner::new(RandomScheduler::new(schedules), config()).run(body);
}

fn pct(body: impl Fn() + Send + Sync + 'static, schedules: usize, depth: usize) {
    Runner::new(PctScheduler::new(depth, schedules), config()).run(body);
}

fn builder(when_paused: WhenPaused) -> QueueBuilder {
    Queue::builder()
        .buffer_events_max(1)
        .workers(2)
        .when_paused(when_paused)
        .clock(Clock::by_hand(Timestamp::from_nanos(1_700_000_000_000_000_000)))
}

fn stepped(builder: QueueBuilder, sink: &ScriptedSink) -> Arc<SteppedQueue> {
    Arc::new(builder.build_stepped("web1", Arc::new(sink.clone())).expect("a valid queue"))
}

#[track_caller]
fn assert_exact(queue: &SteppedQueue) {
    let audit = queue.audit();
    assert!(audit.is_exact(), "the books do not balance: {audit:?}");
}

/// Runs a thread that audits after each of its acts.
fn acting(
    queue: &Arc<SteppedQueue>,
    acts: usize,
    act: impl Fn(&SteppedQueue) + Send + 'static,
) -> thread::JoinHandle<()> {
    let queue = Arc::clone(queue);
    thread::spawn(move || {
        for _ in 0..acts {
            act(&queue);
            assert_exact(&queue);
        }
    })
}

fn join<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().expect("no thread panics");
    }
}

/// Nobody may start a put between the return of `stop` and the next `start`.
fn stop_and_start(queue: &SteppedQueue) {
    queue.stop();
    let before = queue.audit().puts_started;
    thread::yield_now();
    assert_eq!(queue.audit().puts_started, before, "a put started while stopped");
    let _ = queue.start();
}

fn add(queue: &SteppedQueue) {
    let _ = queue.client().add("a", "b");
}

/// Everyone at once, over a store that fails once without knowing what it did.
fn everyone(builder: QueueBuilder) {
    let sink = ScriptedSink::remote();
    sink.script([Answer::UnknownButStored]);
    let queue = stepped(builder, &sink);
    let threads = [
        acting(&queue, ADDS / 2, add),
        acting(&queue, ADDS / 2, add),
        acting(&queue, 1, stop_and_start),
        acting(&queue, 3, |queue| _ = queue.seal()),
        acting(&queue, 2, |queue| _ = queue.put()),
        acting(&queue, 2, |queue| _ = queue.put()),
    ];
    join(threads);
    assert_end(&queue.close().tally, &sink);
    assert_exact(&queue);
}

/// Everyone at once, over a store that fails and a spool.
fn spooling() {
    let sink = ScriptedSink::remote();
    sink.script([Answer::UnknownButStored]);
    let spool = Arc::new(MemoryStore::new().expect("random bytes"));
    let builder = builder(WhenPaused::Discard).buffer_events_max(ADDS);
    let queue = builder.build_stepped_over("web1", Arc::new(sink.clone()), spool.clone());
    let queue = Arc::new(queue.expect("a valid queue"));
    let threads = [
        acting(&queue, ADDS, add),
        acting(&queue, 1, stop_and_start),
        acting(&queue, 4, |queue| _ = queue.seal()),
        acting(&queue, 2, |queue| _ = queue.put()),
        acting(&queue, 2, |queue| _ = queue.put()),
    ];
    join(threads);
    let tally = queue.close().tally;
    assert_exact(&queue);
    assert_eq!((tally.pending, tally.missing()), (tally.spooled, 0), "{tally}");
    assert_eq!(tally.offered - tally.own, ADDS as u64, "{tally}");
    assert_eq!(spool.ends().expect("it is open").events, tally.spooled, "{tally}");
    assert!(tally.stored <= sink.events_len() && sink.events_len() <= tally.offered);
}

/// A deadline that passes while everyone still works.
fn closing() {
    let sink = ScriptedSink::remote();
    let queue = stepped(builder(WhenPaused::Discard), &sink);
    let threads = [
        acting(&queue, ADDS, add),
        acting(&queue, 3, |queue| _ = queue.seal()),
        acting(&queue, 2, |queue| _ = queue.put()),
        acting(&queue, 1, SteppedQueue::begin_close),
        acting(&queue, 1, |queue| _ = queue.end()),
    ];
    join(threads);
    assert_end(&queue.tally(), &sink);
}

#[track_caller]
fn assert_end(tally: &Tally, sink: &ScriptedSink) {
    assert_eq!(tally.pending, 0, "{tally}");
    assert_eq!(tally.offered - tally.own, ADDS as u64, "{tally}");
    // A put that came back after the deadline stored what was counted as unknown.
    let unknown = tally.lost(LossReason::Unknown);
    assert!(tally.stored <= sink.events_len() && sink.events_len() <= tally.stored + unknown);
}

#[test]
fn books_balance_while_everyone_acts_on_a_discarding_queue() {
    random(|| everyone(builder(WhenPaused::Discard)), SCHEDULES / 5);
    pct(|| everyone(builder(WhenPaused::Discard)), SCHEDULES / 5, PCT_DEPTH);
}

#[test]
fn books_balance_while_everyone_acts_on_a_holding_queue() {
    random(|| everyone(builder(WhenPaused::Hold)), SCHEDULES / 5);
}

#[test]
fn books_balance_while_everyone_acts_on_a_spooling_queue() {
    random(spooling, SCHEDULES / 10);
    pct(spooling, SCHEDULES / 10, PCT_DEPTH);
}

#[test]
fn books_balance_when_the_deadline_passes_in_the_middle() {
    random(closing, SCHEDULES / 5);
    pct(closing, SCHEDULES / 5, PCT_DEPTH);
}

/// Callers of a log: nobody is left asleep, whoever commits, goes away or pauses.
/// Shuttle tells when all threads sleep.
fn appending() {
    let clock = Clock::by_hand(Timestamp::from_nanos(1_700_000_000_000_000_000));
    let options = LogOptions { background: false, clock, ..LogOptions::default() };
    let store = MemoryStore::new().expect("randomness");
    let log = Log::over(std::sync::Arc::new(store), options).expect("an empty store");
    let appending = |acts: usize, act: fn(&Log)| {
        let log = log.clone();
        thread::spawn(move || {
            for _ in 0..acts {
                act(&log);
                assert!(log.tally().is_balanced(), "{}", log.tally());
            }
        })
    };
    join([
        appending(2, |log| _ = log.append(vec![Event::new("a", "b")], Ack::Disk, false)),
        appending(2, |log| _ = log.append(vec![Event::new("a", "b")], Ack::Disk, false)),
        appending(1, |log| _ = log.append(vec![keyed()], Ack::Disk, false)),
        appending(1, |log| _ = log.append(vec![keyed()], Ack::Disk, false)),
        appending(2, polled_once),
        appending(1, |log| {
            log.suspend(PauseReason::DiskFull);
            log.resume(PauseReason::DiskFull);
        }),
    ]);
    let tally = log.close(Duration::from_secs(1));
    assert!(tally.is_balanced() && tally.pending == 0, "{tally}");
}

fn keyed() -> Event {
    Event::new("a", "b").with_key("k")
}

/// An append that goes away if it is not stored at once.
fn polled_once(log: &Log) {
    let append = log.append_async(vec![Event::new("a", "b")], Ack::Disk, false, |work| work());
    let _ = std::pin::pin!(append).poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn nobody_is_left_asleep_by_a_log() {
    random(appending, SCHEDULES / 5);
}

/// The control: were primitives in use that Shuttle does not see, every schedule
/// would pass.
#[test]
fn a_planted_race_is_found() {
    let planted = || everyone(builder(WhenPaused::Discard).with_planted_race());

    let found = std::panic::catch_unwind(|| random(planted, PLANTED_MAX));

    assert!(found.is_err(), "the planted race was not found in {PLANTED_MAX} schedules");
}
