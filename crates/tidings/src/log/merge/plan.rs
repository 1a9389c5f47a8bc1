//! Which neighbours become one block, and when?
//!
//! From the oldest on: as many neighbours of a kind as one block may hold. They are
//! merged when they fill one, or when nothing can follow them: something of another
//! kind stands behind them, or their hour is over. What is still growing is only
//! merged once it is very many tiny blocks. So an event is written anew at most three
//! times: out of a tiny block, into a full one, and once at the end of its hour.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use super::super::index::{Index, Slot};
use crate::block::MERGED_EVENTS_MAX;
use crate::clock::Timestamp;
use crate::id::Position;
use crate::store::REPLACED_BLOCKS_MAX;

/// A block with an event that happened so long before it was received is only merged
/// with others of that kind, so that it does not widen the times of those that are
/// not late.
const LATE: Duration = Duration::from_hours(1);
/// Bytes of blocks, as they are stored, that are merged into one, at most.
const MERGED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// A block of so many events stays as it is.
const SETTLED_EVENTS: u64 = MERGED_EVENTS_MAX as u64 / 2;
/// A block of fewer events is tiny.
const TINY_EVENTS: u32 = 512;
/// So many tiny neighbours are merged while others may still come.
const TINY_BLOCKS: usize = 1024;
/// Fewer blocks of fewer events than this are not worth a write.
const WORTH_BLOCKS: usize = 8;
const WORTH_EVENTS: u64 = 1024;
/// Places that are remembered across which nothing can be merged, at most.
const BARRIERS_MAX: usize = 65_536;
const HOUR_NANOS: i64 = 3_600_000_000_000;

/// Neighbours that are to become one, by their place among the slots.
pub(super) type Group = Range<usize>;

/// What blocks must have in common to become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    /// In which all of it was received.
    hour: i64,
    late: bool,
}

/// Goes through a log from the oldest block to the newest, and remembers how far.
#[derive(Debug, Default)]
pub(super) struct Planner {
    /// Nothing before it is left to be merged.
    settled: Position,
    /// Blocks that begin here are not merged with those before them: they are of a
    /// boot of which something is missing between, or the block would be too large.
    barriers: BTreeSet<Position>,
    /// Of a long history of tiny blocks what begins here, or behind, was looked
    /// through.
    backlog: Option<Position>,
}

/// Why neighbours end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// One block would hold no more.
    Full,
    /// They are as many blocks as can be replaced at once, and others follow.
    Many,
    /// What follows is not to be merged with them.
    Closed,
    /// Nothing follows yet.
    Open,
}

impl Planner {
    /// The next group, of the slots of an index that end by `horizon`.
    pub(super) fn next(
        &mut self,
        index: &Index,
        horizon: Position,
        now: Timestamp,
    ) -> Option<Group> {
        let slots = index.slots();
        let count = slots.partition_point(|slot| slot.end() <= horizon);
        let slots = &slots[..count];
        loop {
            let start = slots.partition_point(|slot| slot.base < self.settled);
            let first = slots.get(start)?;
            let Some(kind) = kind_of(index, first) else {
                self.settle(first.end());
                continue;
            };
            let (group, end) = self.neighbours(index, slots, start, kind);
            match end {
                End::Many => {
                    let newest = self.newest_of_many(index, slots, start);
                    return Some(newest.unwrap_or_else(|| without_first_large(slots, group)));
                }
                End::Open if hour_of(now) <= kind.hour => {
                    return tiny_at_the_end(slots, group);
                }
                End::Full | End::Closed | End::Open => {
                    if is_worth(&slots[group.clone()]) {
                        return Some(group);
                    }
                    self.settle(slots[group.end - 1].end());
                }
            }
        }
    }

    /// The newest very many tiny blocks of a long history of such, from `start` on,
    /// that were not looked at before. The newest first: the store has them at the
    /// end of its file, which becomes shorter without anything being moved.
    fn newest_of_many(&mut self, index: &Index, slots: &[Slot], start: usize) -> Option<Group> {
        let end = self.backlog.map_or(slots.len(), |at| slots.partition_point(|s| s.base < at));
        let (mut streak, mut events) = (end..end, 0);
        for i in (start..end).rev() {
            let slot = &slots[i];
            let kind = kind_of(index, slot).filter(|_| is_tiny(slot));
            let (with, blocks) = (events + u64::from(slot.count), streak.end - i);
            let goes_on = kind.is_some_and(|kind| {
                blocks <= REPLACED_BLOCKS_MAX
                    && with <= MERGED_EVENTS_MAX as u64
                    && (streak.is_empty() || self.joins(index, slot, &slots[i + 1], kind))
            });
            if !goes_on && streak.len() >= TINY_BLOCKS {
                break;
            }
            (streak, events) = match kind {
                Some(_) if goes_on => (i..streak.end, with),
                Some(_) => (i..i + 1, slot.count.into()),
                None => (i..i, 0),
            };
        }
        let found = (streak.len() >= TINY_BLOCKS).then_some(streak);
        self.backlog = found.as_ref().map(|streak| slots[streak.start].base);
        found
    }

    /// From here on there may be something to merge.
    pub(super) fn settled(&self) -> Position {
        self.settled
    }

    /// Nothing before this is looked at again.
    pub(super) fn settle(&mut self, at: Position) {
        self.settled = self.settled.max(at);
        self.barriers = self.barriers.split_off(&self.settled);
    }

    /// The block that begins here is not merged with those before it.
    pub(super) fn bar(&mut self, base: Position) {
        self.barriers.insert(base);
        if self.barriers.len() > BARRIERS_MAX
            && let Some(last) = self.barriers.last().copied()
        {
            // Nobody writes such a log; what it has now stays as it is.
            self.settle(last);
        }
    }

    /// As many from `start` on as one block may hold.
    fn neighbours(&self, index: &Index, slots: &[Slot], start: usize, kind: Kind) -> (Group, End) {
        let (mut events, mut bytes) = (0, 0);
        for (i, slot) in slots.iter().enumerate().skip(start) {
            if i > start && !self.joins(index, &slots[i - 1], slot, kind) {
                return (start..i, End::Closed);
            }
            (events, bytes) = (events + u64::from(slot.count), bytes + slot.bytes());
            let fits = events <= MERGED_EVENTS_MAX as u64 && bytes <= MERGED_BYTES_MAX;
            if i > start && !fits {
                return (start..i, End::Full);
            }
            if i - start == REPLACED_BLOCKS_MAX {
                return (start..i, End::Many);
            }
        }
        (start..slots.len(), End::Open)
    }

    fn joins(&self, index: &Index, before: &Slot, slot: &Slot, kind: Kind) -> bool {
        before.end() == slot.base
            && !self.barriers.contains(&slot.base)
            && kind_of(index, slot) == Some(kind)
    }
}

/// What is left of very many blocks without those at their beginning that are not
/// tiny: they are few, and were made of such as these a moment ago.
fn without_first_large(slots: &[Slot], group: Group) -> Group {
    let large = slots[group.clone()].iter().take_while(|slot| !is_tiny(slot)).count();
    group.start + large..group.end
}

/// Tiny blocks at the end of a group that is still growing, if they are very many.
fn tiny_at_the_end(slots: &[Slot], group: Group) -> Option<Group> {
    let tiny = slots[group.clone()].iter().rev().take_while(|slot| is_tiny(slot)).count();
    (tiny >= TINY_BLOCKS).then_some(group.end - tiny..group.end)
}

/// Up to so many neighbours of a kind, from the first block that ends after a position.
#[cfg(any(test, feature = "testing"))]
pub(super) fn mergeable_from(
    index: &Index,
    from: Position,
    horizon: Position,
    blocks: usize,
) -> &[Slot] {
    let slots = index.slots();
    let slots = &slots[slots.partition_point(|slot| slot.end() <= from)..];
    let slots = &slots[..slots.partition_point(|slot| slot.end() <= horizon).min(blocks)];
    let Some(kind) = slots.first().and_then(|first| kind_of(index, first)) else { return &[] };
    let planner = Planner::default();
    let joins = |i: &usize| planner.joins(index, &slots[i - 1], &slots[*i], kind);
    &slots[..=(1..slots.len()).take_while(joins).count()]
}

fn is_tiny(slot: &Slot) -> bool {
    slot.count < TINY_EVENTS
}

/// Whether these blocks are worth a write.
pub(super) fn is_worth(slots: &[Slot]) -> bool {
    let events: u64 = slots.iter().map(|slot| u64::from(slot.count)).sum();
    is_worth_it(slots.len(), events)
}

pub(super) fn is_worth_it(blocks: usize, events: u64) -> bool {
    blocks >= 2 && (blocks >= WORTH_BLOCKS || events >= WORTH_EVENTS)
}

/// `None` for a block that is never merged.
fn kind_of(index: &Index, slot: &Slot) -> Option<Kind> {
    let (first, last) = (hour_of(slot.received.0), hour_of(slot.received.1));
    let is_whole = slot.readable && index.damaged_within(slot).next().is_none();
    let is_small = u64::from(slot.count) < SETTLED_EVENTS && slot.bytes() < MERGED_BYTES_MAX / 2;
    let late = slot.listed.0 < slot.received.0.before(LATE);
    (is_whole && is_small && first == last).then_some(Kind { hour: first, late })
}

fn hour_of(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(HOUR_NANOS)
}

#[cfg(test)]
mod tests;
