//! How often does the caller allocate?

use allocation_counter::measure;
use tidings::testing::ScriptedSink;
use tidings::{Client, PauseReason, Queue, Reason};

const OFFERS: u64 = 1000;
/// 110 bytes.
const MESSAGE: &str = "disk /var/lib/etcd on db1 is 91% full, 12345 MB left, growing by 87 MB an hour; alarm set by operator 17 today";

fn queue(buffer_events: usize) -> Queue {
    let builder = Queue::builder().buffer_events_max(buffer_events);
    builder.build("web1", ScriptedSink::new()).unwrap()
}

/// What this thread allocates while it offers; the queue's own threads have
/// counts of their own.
fn allocations_of(offers: u64, mut offer: impl FnMut()) -> u64 {
    // What a thread sets up at its first offer is no offer's.
    offer();
    measure(|| (0..offers).for_each(|_| offer())).count_total
}

fn add(client: &Client, message: &str) -> Result<(), Reason> {
    client.add("disk.high", message).map(drop)
}

#[test]
fn an_ordinary_add_allocates_nothing_also_while_its_threads_work() {
    let queue = queue(65_536);
    queue.start().unwrap();
    let client = queue.client();

    let count = allocations_of(OFFERS, || add(&client, MESSAGE).unwrap());

    assert_eq!((count, queue.tally().refused_total()), (0, 0));
}

#[test]
fn an_add_of_a_long_text_allocates_once() {
    let queue = queue(65_536);
    let client = queue.client();
    let long = "x".repeat(2000);

    let count = allocations_of(OFFERS, || add(&client, &long).unwrap());

    assert_eq!(count, OFFERS);
}

#[test]
fn a_refusal_by_a_full_buffer_allocates_nothing() {
    let queue = queue(1);
    let client = queue.client();
    add(&client, MESSAGE).unwrap();

    let count =
        allocations_of(OFFERS, || assert_eq!(add(&client, MESSAGE), Err(Reason::BufferFull)));

    assert_eq!(count, 0);
}

#[test]
fn a_refusal_while_paused_allocates_nothing() {
    let queue = queue(1000);
    queue.start().unwrap();
    queue.suspend(PauseReason::Manual);
    let client = queue.client();

    let count = allocations_of(OFFERS, || assert_eq!(add(&client, MESSAGE), Err(Reason::Paused)));

    assert_eq!(count, 0);
}
