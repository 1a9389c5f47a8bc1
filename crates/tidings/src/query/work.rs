//! What may a question cost, and who ends it early?

use super::cursor::ListKey;
use super::{NANOSECOND, Order, QueryError};
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
use crate::log::{Coverage, Missing};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The reason in the coverage of an answer that its bound on work has cut short.
pub const CUT_SHORT: &str = "work_limit";

/// What a question may cost. The default: whatever it takes.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// Events that are looked at, at most; blocks that headers answer for, or that
    /// cannot hold a match, cost nothing. Events are looked at some hundred at a
    /// time, and a list goes on until its cursor has moved, so it may be more.
    /// Beyond it the answer says what is certain by then, and its coverage is not
    /// complete, with the reason `work_limit`.
    pub events_max: Option<u64>,
    /// Ends the question when nobody waits for its answer any more.
    pub stop: Stop,
}

/// A flag that ends questions. Cheap to clone; all clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the questions that were given this flag, within some milliseconds, with
    /// [`QueryError::Abandoned`].
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts what a question costs, on whatever threads.
pub(super) struct Meter<'a> {
    work: &'a Work,
    looked_at: AtomicU64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(work: &'a Work) -> Meter<'a> {
        Meter { work, looked_at: AtomicU64::new(0) }
    }

    /// Whether another event may be looked at.
    ///
    /// # Errors
    ///
    /// Nobody waits for the answer any more.
    pub(super) fn has_room(&self) -> Result<bool, QueryError> {
        if self.work.stop.is_set() {
            return Err(QueryError::Abandoned);
        }
        let looked_at = self.looked_at.load(Ordering::Relaxed);
        Ok(self.work.events_max.is_none_or(|max| looked_at < max))
    }

    /// Counts events that are looked at.
    pub(super) fn count(&self, events: usize) {
        self.looked_at.fetch_add(events as u64, Ordering::Relaxed);
    }
}

/// What a question did not look at because of its bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread {
    events: u64,
    received: (Timestamp, Timestamp),
}

impl Unread {
    pub(super) fn nothing() -> Unread {
        Unread { events: 0, received: (Timestamp::MAX, Timestamp::MIN) }
    }

    pub(super) fn add(&mut self, events: u64, received: (Timestamp, Timestamp)) {
        self.events += events;
        self.received.0 = self.received.0.min(received.0);
        self.received.1 = self.received.1.max(received.1);
    }

    pub(super) fn join(&mut self, other: &Unread) {
        self.add(other.events, other.received);
    }

    /// Tells of it in an answer.
    pub(super) fn tell(unread: Option<Unread>, mut coverage: Coverage) -> Coverage {
        if let Some(Unread { events, received: (from, to) }) = unread {
            coverage.complete = false;
            coverage.gaps.push(Missing {
                origin: None,
                boot: None,
                from: Some(from),
                to: Some(to),
                events: Some(events),
                reason: CUT_SHORT,
            });
        }
        coverage
    }
}

/// The key after which a list goes on that has looked at everything before a list
/// time, in its order: whatever has that time comes after it. `None` at the very end
/// of all times, where there is no such key.
pub(super) fn key_before(order: Order, time: Timestamp) -> Option<ListKey> {
    let (just_before, rest) = match order {
        Order::Descending => (time.after(NANOSECOND), 0),
        Order::Ascending => (time.before(NANOSECOND), 0xff),
    };
    let (origin, boot) = (Origin::from_bytes([rest; 16]), Boot::from_bytes([rest; 8]));
    let seq = u64::from_be_bytes([rest; 8]);
    (just_before != time).then_some(ListKey { time: just_before, origin, boot, seq })
}
