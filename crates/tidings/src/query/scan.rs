//! Which events come first, of all that match? Blocks in order of their times,
//! with an early stop, however much their times overlap.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::cursor::ListKey;
use super::filter::{BlockPlan, Plan};
use super::{Order, QueryError};
use crate::block::{FormatError, Frame};
use crate::clock::Timestamp;
use crate::event::StoredEvent;
use crate::log::{Core, Part, Slot};

/// The events that a question is about, before its filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// From this list time on.
    pub(super) since: Timestamp,
    /// To this list time, included.
    pub(super) last: Timestamp,
    /// What was received before is over age.
    pub(super) cutoff: Timestamp,
}

impl Window {
    /// Whether there is no instant in it.
    pub(super) fn is_empty(&self) -> bool {
        self.since > self.last
    }

    pub(super) fn meets(&self, listed: (Timestamp, Timestamp)) -> bool {
        listed.0 <= self.last && listed.1 >= self.since
    }

    pub(super) fn holds(&self, listed: (Timestamp, Timestamp)) -> bool {
        listed.0 >= self.since && listed.1 <= self.last
    }

    pub(super) fn shows(&self, frame: &Frame<'_>, i: usize) -> bool {
        let listed = frame.listed(i);
        self.holds((listed, listed)) && frame.received(i) >= self.cutoff
    }
}

/// Looks for the first events in an order.
pub(super) struct Scan<'a> {
    pub(super) core: &'a Core,
    pub(super) plan: &'a Plan,
    pub(super) window: Window,
    pub(super) order: Order,
    /// Only what comes after this key in the order.
    pub(super) after: Option<ListKey>,
    /// How many are wanted.
    pub(super) limit: usize,
    /// Count every match in the window, on either side of `after`.
    pub(super) count_all: bool,
}

/// What a scan found.
pub(super) struct Scanned {
    /// In the scan's order.
    pub(super) events: Vec<StoredEvent>,
    /// There are more than were wanted.
    pub(super) more: bool,
    /// Matches in the window; only meaningful when all were counted.
    pub(super) matched: u64,
}

impl Scan<'_> {
    pub(super) fn run(&self) -> Result<Scanned, QueryError> {
        // One more than is wanted tells whether there are more.
        let mut best = Best::new(self.order, self.limit.saturating_add(1));
        let mut matched = 0;
        for slot in self.candidates() {
            if !self.count_all && best.is_beyond(slot.listed) {
                break;
            }
            if let Some(part) = self.core.part(&slot)? {
                matched += self.part(&part, &mut best);
            }
        }
        let mut events = best.into_sorted();
        let more = events.len() > self.limit;
        events.truncate(self.limit);
        Ok(Scanned { events, more, matched })
    }

    /// Blocks that may hold a match, those first whose edge comes first.
    fn candidates(&self) -> Vec<Slot> {
        let index = self.core.index.read();
        let wanted = |slot: &&Slot| {
            slot.readable
                && slot.received.1 >= self.window.cutoff
                && self.is_wanted(slot.listed)
                && self.plan.may_match(slot)
        };
        let mut slots: Vec<Slot> = index.slots().iter().filter(wanted).copied().collect();
        drop(index);
        match self.order {
            Order::Ascending => slots.sort_by_key(|slot| slot.listed.0),
            Order::Descending => slots.sort_by_key(|slot| std::cmp::Reverse(slot.listed.1)),
        }
        slots
    }

    /// Whether events of these times are in the window and after the cursor.
    fn is_wanted(&self, listed: (Timestamp, Timestamp)) -> bool {
        let after = match (self.after, self.order) {
            (Some(key), Order::Ascending) if !self.count_all => listed.1 >= key.time,
            (Some(key), Order::Descending) if !self.count_all => listed.0 <= key.time,
            _ => true,
        };
        after && self.window.meets(listed)
    }

    fn part(&self, part: &Part, best: &mut Best) -> u64 {
        let block = &part.block;
        let Some(plan) = self.plan.for_block(block.header()) else { return 0 };
        let mut frames: Vec<usize> = part.frames().collect();
        match self.order {
            Order::Ascending => frames.sort_by_key(|f| block.frame_listed(*f).0),
            Order::Descending => {
                frames.sort_by_key(|f| std::cmp::Reverse(block.frame_listed(*f).1));
            }
        }
        let mut matched = 0;
        for number in frames {
            let listed = block.frame_listed(number);
            if !self.is_wanted(listed) || (!self.count_all && best.is_beyond(listed)) {
                continue;
            }
            match self.frame(part, number, &plan, best) {
                Ok(count) => matched += count,
                Err(cause) => {
                    let (from, to) = part.positions(number);
                    self.core.note_damage(from, to, &cause);
                }
            }
        }
        matched
    }

    fn frame(
        &self,
        part: &Part,
        number: usize,
        plan: &BlockPlan<'_>,
        best: &mut Best,
    ) -> Result<u64, FormatError> {
        let frame = part.block.frame(number)?;
        let (mut matched, mut rows) = (0, Vec::new());
        for i in part.rows(number).filter(|i| self.window.shows(&frame, *i)) {
            let key = key_of(&frame, i);
            let wanted = self.is_after(&key) && best.accepts(&key);
            if (wanted || self.count_all) && plan.matches(&frame, i)? {
                matched += 1;
                rows.extend(wanted.then_some((key, i)));
            }
        }
        rows.sort_unstable_by(|a, b| in_order(self.order, &a.0, &b.0));
        for (key, i) in rows {
            if !best.accepts(&key) {
                break;
            }
            best.insert(key, frame.event(i, part.base)?);
        }
        Ok(matched)
    }

    fn is_after(&self, key: &ListKey) -> bool {
        self.after.is_none_or(|after| in_order(self.order, &after, key) == Ordering::Less)
    }
}

pub(super) fn key_of(frame: &Frame<'_>, i: usize) -> ListKey {
    let (origin, boot, seq) = frame.name(i);
    ListKey { time: frame.listed(i), origin, boot, seq }
}

pub(super) fn in_order(order: Order, a: &ListKey, b: &ListKey) -> Ordering {
    match order {
        Order::Ascending => a.cmp(b),
        Order::Descending => b.cmp(a),
    }
}

/// The first events in an order, at most so many.
struct Best {
    order: Order,
    limit: usize,
    /// The last of them on top.
    heap: BinaryHeap<Ranked>,
}

impl Best {
    fn new(order: Order, limit: usize) -> Best {
        Best { order, limit, heap: BinaryHeap::new() }
    }

    fn last_when_full(&self) -> Option<&ListKey> {
        let full = self.heap.len() >= self.limit;
        self.heap.peek().filter(|_| full).map(|ranked| &ranked.key)
    }

    /// Whether nothing of these times can be among the first.
    fn is_beyond(&self, listed: (Timestamp, Timestamp)) -> bool {
        self.last_when_full().is_some_and(|last| match self.order {
            Order::Ascending => listed.0 > last.time,
            Order::Descending => listed.1 < last.time,
        })
    }

    fn accepts(&self, key: &ListKey) -> bool {
        let after = |last| in_order(self.order, last, key) != Ordering::Greater;
        !self.last_when_full().is_some_and(after)
    }

    fn insert(&mut self, key: ListKey, event: StoredEvent) {
        self.heap.push(Ranked { order: self.order, key, event });
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    fn into_sorted(self) -> Vec<StoredEvent> {
        self.heap.into_sorted_vec().into_iter().map(|ranked| ranked.event).collect()
    }
}

/// An event that compares by its place in an order.
struct Ranked {
    order: Order,
    key: ListKey,
    event: StoredEvent,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.key == other.key
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        in_order(self.order, &self.key, &other.key)
    }
}
