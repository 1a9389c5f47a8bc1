//! What does the caller pay for `add`? Beside reading the clock and copying the
//! message, which no recorder gets around.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Duration;

use tidings::block::Block;
use tidings::store::{Placed, Reach, Sink, StoreError};
use tidings::{Client, Clock, PauseReason, Queue};

use crate::measure::{median_of, middle, seconds, short, table};

/// Offers of one round; the buffer holds more, and is emptied between rounds.
const OFFERS: u32 = 1000;
/// A round is over within a tenth of a millisecond.
const CALL_ROUNDS: usize = 301;
const BUFFER_EVENTS: usize = 65_536;
const FLUSH_MAX: Duration = Duration::from_secs(10);
const TYPE: &str = "disk.high";
/// 110 bytes.
const MESSAGE: &str = "disk /var/lib/etcd on db1 is 91% full, 12345 MB left, growing by 87 MB an hour; alarm set by operator 17 today";

/// Takes every block at once.
#[derive(Debug)]
struct Nowhere;

impl Sink for Nowhere {
    fn put(&self, _block: &Block) -> Result<Placed, StoreError> {
        Ok(Placed { base: None, duplicate: false })
    }

    fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }

    fn describe(&self) -> String {
        "nowhere".to_owned()
    }
}

fn queue(buffer_events: usize) -> Queue {
    let builder = Queue::builder().buffer_events_max(buffer_events);
    builder.build("bench", Nowhere).expect("a queue with valid settings")
}

pub(crate) fn report() -> String {
    let clock = Clock::system();
    let clock_and_copy = || {
        read(&clock);
        copy();
    };
    let rows = vec![
        row("clock: one reading", one_by_one(&clock, &|| read(&clock))),
        row("copy: one allocation of the message", one_by_one(&clock, &copy)),
        row("clock and copy", one_by_one(&clock, &clock_and_copy)),
        row("`add`, accepted", accepted(&clock, 1)),
        row("`add`, accepted, threads not started", buffered(&clock)),
        row("`add`, accepted, 2 threads, per event over all", accepted(&clock, 2)),
        row("`add`, accepted, 8 threads, per event over all", accepted(&clock, 8)),
        row("clock and copy, 1 ms apart", spaced(&clock, &clock_and_copy)),
        row("`add`, accepted, 1 ms apart", spaced_adds(&clock)),
        row("`add`, refused by a full buffer", refused(&clock)),
        row("`add`, refused while paused", paused(&clock)),
    ];
    format!(
        "A message of {} bytes, a sink that takes blocks at once; time on the wall, medians.\n\n{}",
        MESSAGE.len(),
        table(&["one call", "ns"], &rows)
    )
}

fn row(what: &str, nanos: f64) -> Vec<String> {
    vec![what.to_owned(), short(nanos)]
}

fn read(clock: &Clock) {
    black_box(clock.now());
}

fn copy() {
    black_box(Box::<str>::from(black_box(MESSAGE)));
}

fn add(client: &Client) {
    // Refusals are meant to happen in some of these measurements.
    let _ = black_box(client.add(TYPE, MESSAGE));
}

/// Nanoseconds of one call, over a round of them.
fn one_by_one(clock: &Clock, call: &dyn Fn()) -> f64 {
    median_of(CALL_ROUNDS, || {
        let start = clock.monotonic();
        (0..OFFERS).for_each(|_| call());
        nanos_each(clock.monotonic().saturating_sub(start), OFFERS)
    })
}

fn nanos_each(span: Duration, calls: u32) -> f64 {
    seconds(span) * 1e9 / f64::from(calls)
}

/// The sealer and the worker are awake meanwhile; nothing is ever refused.
///
/// From the first thread's start to the last one's end, each by its own reading:
/// how long it takes until the one who started them is awake again is not theirs.
fn accepted(clock: &Clock, threads: u32) -> f64 {
    let queue = queue(BUFFER_EVENTS);
    queue.start().expect("threads for the queue");
    let taken = median_of(CALL_ROUNDS, || {
        let barrier = Barrier::new(threads as usize);
        let offering = || {
            let client = queue.client();
            barrier.wait();
            let start = clock.monotonic();
            (0..OFFERS).for_each(|_| add(&client));
            (start, clock.monotonic())
        };
        let spans: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(offering)).collect();
            threads.into_iter().map(|thread| thread.join().expect("offers do not panic")).collect()
        });
        let start = spans.iter().map(|span| span.0).min().unwrap_or_default();
        let end = spans.iter().map(|span| span.1).max().unwrap_or_default();
        let report = queue.flush(FLUSH_MAX);
        assert_eq!(report.lost_total(), 0, "the sink takes everything");
        nanos_each(end.saturating_sub(start), OFFERS * threads)
    });
    assert_eq!(queue.tally().refused_total(), 0, "the buffer was large enough");
    taken
}

/// What the call costs when nobody else is at the buffer.
fn buffered(clock: &Clock) -> f64 {
    median_of(CALL_ROUNDS, || {
        let queue = queue(BUFFER_EVENTS);
        let client = queue.client();
        let start = clock.monotonic();
        (0..OFFERS).for_each(|_| add(&client));
        let span = clock.monotonic().saturating_sub(start);
        queue.start().expect("threads for the queue");
        nanos_each(span, OFFERS)
    })
}

/// The median of calls that find the processor idle and its caches cold. Two
/// readings of the clock are in it.
fn spaced(clock: &Clock, call: &dyn Fn()) -> f64 {
    let one = |_| {
        std::thread::park_timeout(Duration::from_millis(1));
        let start = clock.monotonic();
        call();
        nanos_each(clock.monotonic().saturating_sub(start), 1)
    };
    middle((0..OFFERS).map(one).collect())
}

/// The buffer is empty and the sealer asleep each time.
fn spaced_adds(clock: &Clock) -> f64 {
    let queue = queue(BUFFER_EVENTS);
    queue.start().expect("threads for the queue");
    let client = queue.client();
    spaced(clock, &|| add(&client))
}

fn refused(clock: &Clock) -> f64 {
    // Never started: nothing empties the buffer.
    let queue = queue(100);
    let client = queue.client();
    (0..1000).for_each(|_| add(&client));
    let taken = one_by_one(clock, &|| add(&client));
    assert!(queue.tally().refused_total() > u64::from(OFFERS), "the buffer was full");
    // What it holds is stored now, so that it has nothing to complain of.
    queue.start().expect("threads for the queue");
    taken
}

fn paused(clock: &Clock) -> f64 {
    let queue = queue(BUFFER_EVENTS);
    queue.start().expect("threads for the queue");
    queue.suspend(PauseReason::Manual);
    let client = queue.client();
    let taken = one_by_one(clock, &|| add(&client));
    assert!(queue.tally().refused_total() > u64::from(OFFERS), "the queue was paused");
    taken
}
