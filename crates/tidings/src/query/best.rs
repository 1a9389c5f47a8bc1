//! Which of the events met so far come first?

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::Order;
use super::cursor::ListKey;
use crate::clock::Timestamp;
use crate::event::SharedEvent;

pub(super) fn in_order(order: Order, a: &ListKey, b: &ListKey) -> Ordering {
    match order {
        Order::Ascending => a.cmp(b),
        Order::Descending => b.cmp(a),
    }
}

/// The first events in an order, at most so many.
pub(super) struct Best {
    order: Order,
    limit: usize,
    /// The last of them on top.
    heap: BinaryHeap<Ranked>,
}

impl Best {
    pub(super) fn new(order: Order, limit: usize) -> Best {
        Best { order, limit, heap: BinaryHeap::new() }
    }

    pub(super) fn order(&self) -> Order {
        self.order
    }

    /// What a further event must come before, once there are enough.
    pub(super) fn bar(&self) -> Bar {
        let full = self.heap.len() >= self.limit;
        let last = self.heap.peek().filter(|_| full).map(|ranked| ranked.key);
        Bar { order: self.order, last }
    }

    pub(super) fn insert(&mut self, key: ListKey, event: Arc<SharedEvent>) {
        if self.limit == 0 || !self.bar().admits(&key) {
            return;
        }
        if self.heap.len() >= self.limit {
            self.heap.pop();
        }
        self.heap.push(Ranked { order: self.order, key, event });
    }

    pub(super) fn into_sorted(self) -> Vec<Arc<SharedEvent>> {
        self.heap.into_sorted_vec().into_iter().map(|ranked| ranked.event).collect()
    }
}

/// The last of the first events, if there are as many as are wanted.
#[derive(Clone, Copy)]
pub(super) struct Bar {
    order: Order,
    last: Option<ListKey>,
}

impl Bar {
    /// Whether nothing from this list time on can be among the first.
    pub(super) fn is_before(&self, earliest: Timestamp) -> bool {
        self.last.is_some_and(|last| match self.order {
            Order::Ascending => earliest > last.time,
            Order::Descending => earliest < last.time,
        })
    }

    pub(super) fn admits(&self, key: &ListKey) -> bool {
        self.last.is_none_or(|last| in_order(self.order, &last, key) == Ordering::Greater)
    }
}

/// An event that compares by its place in an order.
struct Ranked {
    order: Order,
    key: ListKey,
    event: Arc<SharedEvent>,
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
