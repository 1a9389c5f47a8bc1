//! Does the queue keep its promises? By hand-moved steps where order matters,
//! with threads where threads matter.

mod close;
mod flapping;
mod loss;
mod offer;
mod pause;
mod spool;
mod spool_flapping;
mod store;
mod threads;

use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::event::{Event, StoredEvent};
use crate::queue::{Queue, QueueBuilder, SteppedQueue};
use crate::sync::Arc;
use crate::tally::Tally;
use crate::testing::ScriptedSink;

/// Ends every wait of a test that has gone wrong.
const LONG: Duration = Duration::from_mins(1);

fn clock() -> Clock {
    Clock::by_hand(Timestamp::from_nanos(1_700_000_000_000_000_000))
}

fn buffer_of(events: usize) -> QueueBuilder {
    Queue::builder().buffer_events_max(events).clock(clock())
}

#[track_caller]
fn stepped(builder: QueueBuilder, sink: &ScriptedSink) -> SteppedQueue {
    builder.build_stepped("web1", Arc::new(sink.clone())).unwrap()
}

#[track_caller]
fn assert_books(queue: &SteppedQueue, books: &str) {
    let audit = queue.audit();
    assert!(audit.is_exact(), "{audit:?}");
    assert_eq!(audit.tally.to_string(), books);
}

fn messages(sink: &ScriptedSink) -> Vec<String> {
    let own = |stored: &StoredEvent| stored.event.is_reserved();
    let others = sink.events().into_iter().filter(|stored| !own(stored));
    others.map(|stored| stored.event.message().to_owned()).collect()
}

fn own_events(sink: &ScriptedSink) -> Vec<Event> {
    sink.events().into_iter().map(|stored| stored.event).filter(Event::is_reserved).collect()
}

#[track_caller]
fn assert_balanced(tally: &Tally) {
    assert!(tally.is_balanced(), "{tally}");
}
