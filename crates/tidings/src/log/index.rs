//! Which blocks are there, and which of them could answer?
//!
//! One [`Slot`] of under 100 bytes a block, so that a hundred thousand blocks of
//! one event stay small. Names are kept as 64-bit masks; the names themselves are
//! read again from the block's header when it is opened.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use super::rollup::{Rollup, Rollups};
use super::slots::Slots;
use crate::block::Header;
use crate::clock::Timestamp;
use crate::id::Position;
use crate::store::Head;

/// Earliest and latest of something, both included.
pub(crate) type Span = (Timestamp, Timestamp);

/// What the index knows of one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) base: Position,
    pub(crate) listed: Span,
    pub(crate) received: Span,
    pub(crate) added: Span,
    pub(crate) types: u64,
    pub(crate) members: u64,
    pub(crate) count: u32,
    pub(crate) severities: u32,
    bytes: u32,
    /// A block whose header is damaged keeps its place and counts as missing.
    pub(crate) readable: bool,
}

impl Slot {
    pub(crate) fn new(base: Position, bytes: u64, header: &Header) -> Slot {
        Slot {
            base,
            listed: header.listed,
            received: header.received,
            added: header.added,
            types: mask_of(header.types.iter().map(|t| t.name.as_str())),
            members: mask_of(header.members.iter().map(|t| t.name.as_str())),
            count: header.count,
            severities: header.severities,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            readable: true,
        }
    }

    pub(crate) fn of_head(head: &Head) -> Slot {
        match &head.header {
            Ok(header) => Slot::new(head.base, head.bytes, header),
            Err(_) => Slot::unreadable(head),
        }
    }

    fn unreadable(head: &Head) -> Slot {
        let never = (Timestamp::MAX, Timestamp::MIN);
        Slot {
            base: head.base,
            listed: never,
            received: never,
            added: never,
            types: 0,
            members: 0,
            count: u32::try_from(head.count).unwrap_or(u32::MAX),
            severities: 0,
            bytes: u32::try_from(head.bytes).unwrap_or(u32::MAX),
            readable: false,
        }
    }

    /// A block of so many events, all of them listed when they were received.
    #[cfg(test)]
    pub(super) fn made(base: Position, count: u32, received: Span) -> Slot {
        Slot {
            base,
            listed: received,
            received,
            added: received,
            types: 0,
            members: 0,
            count,
            severities: 0,
            bytes: 10,
            readable: true,
        }
    }

    /// The position after its last event.
    pub(crate) fn end(&self) -> Position {
        self.base.plus(u64::from(self.count))
    }

    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.bytes)
    }
}

/// One bit a name. Two names may share a bit: a mask says "not here" for sure and
/// "here" perhaps. Lives in memory only.
pub(crate) fn mask_of<'a>(names: impl Iterator<Item = &'a str>) -> u64 {
    names.fold(0, |mask, name| {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        mask | 1 << (hasher.finish() % 64)
    })
}

/// Every block of the log, in order of position.
#[derive(Debug, Default)]
pub(crate) struct Index {
    slots: Slots,
    next: Position,
    bytes: u64,
    /// Ranges inside readable blocks that turned out to be damaged: start, end.
    damaged: BTreeMap<Position, Position>,
    rollups: Rollups,
    told: Told,
}

/// What is known of all blocks together, so that nobody has to ask each.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// Blocks that cannot be read.
    unreadable: usize,
    /// Earliest and latest `received` of the others.
    received: Option<Span>,
    /// No block that can be read is older as a whole: the least of their latest, or
    /// less.
    all_since: Timestamp,
}

impl Told {
    fn of(slots: &[Slot]) -> Told {
        let mut told = Told::default();
        for slot in slots {
            told.take_in(slot);
        }
        told
    }

    fn take_in(&mut self, slot: &Slot) {
        let (first, last) = slot.received;
        if !slot.readable {
            self.unreadable += 1;
        } else if let Some(known) = self.received {
            self.received = Some((known.0.min(first), known.1.max(last)));
            self.all_since = self.all_since.min(last);
        } else {
            (self.received, self.all_since) = (Some(slot.received), last);
        }
    }
}

impl Index {
    /// An empty index of a log that goes on at `next`.
    pub(crate) fn starting_at(next: Position) -> Index {
        Index { next, ..Index::default() }
    }

    /// Takes a block in. One that is there already is passed over: a put may be
    /// repeated. What it holds is counted once its header is told, see
    /// [`Index::count`].
    pub(crate) fn insert(&mut self, slot: Slot) {
        let at = match self.slots.last() {
            Some(last) if last.base >= slot.base => {
                self.slots.partition_point(|s| s.base < slot.base)
            }
            _ => self.slots.len(),
        };
        if self.slots.get(at).is_some_and(|s| s.base == slot.base) {
            return;
        }
        self.bytes += slot.bytes();
        self.next = self.next.max(slot.end());
        self.told.take_in(&slot);
        self.slots.insert(at, slot);
    }

    /// The place of the block that begins there. Most who ask mean the newest.
    fn place_of(&self, base: Position) -> Option<usize> {
        match self.slots.last() {
            Some(last) if last.base == base => Some(self.slots.len() - 1),
            _ => self.slots.binary_search_by_key(&base, |slot| slot.base).ok(),
        }
    }

    /// Counts the events of a block that is here, each once; blocks are told in order
    /// of position. One with damage in it is not counted.
    pub(crate) fn count(&mut self, base: Position, header: &Header) {
        let Some(at) = self.place_of(base) else { return };
        let slot = self.slots[at];
        let is_whole = slot.readable && self.damaged_within(&slot).next().is_none();
        if is_whole && slot.count == header.count {
            self.rollups.add(base, header);
        }
    }

    /// Keeps what was learned from the events of a roll-up.
    pub(crate) fn learn(&mut self, learned: Rollup) {
        self.rollups.learn(learned);
    }

    /// No longer counts blocks that are, or may be, gone: their bases.
    pub(crate) fn uncount(&mut self, bases: &[Position]) {
        for base in bases {
            if let Some(slot) = self.place_of(*base).map(|at| self.slots[at]) {
                self.rollups.forget(slot.base, slot.end());
            }
        }
    }

    /// What is counted without asking a block, in order of position. None counts
    /// an event that is gone or known to be damaged.
    pub(crate) fn rollups(&self) -> &[Arc<Rollup>] {
        self.rollups.all()
    }

    /// The position that the next event gets.
    pub(crate) fn next(&self) -> Position {
        self.next
    }

    /// Continues at `next` if that is later: the store knows of a missing tail.
    pub(crate) fn skip_to(&mut self, next: Position) {
        self.next = self.next.max(next);
    }

    /// Bytes of all blocks.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Earliest and latest `received` of the blocks that can be read and were not all
    /// received before `cutoff`.
    pub(crate) fn received_since(&self, cutoff: Timestamp) -> Option<Span> {
        if !self.has_older(cutoff) {
            return self.told.received;
        }
        let mut since = Told::default();
        let visible = self.slots.iter().filter(|slot| slot.readable && slot.received.1 >= cutoff);
        for slot in visible {
            since.take_in(slot);
        }
        since.received
    }

    /// Whether there may be a block that can be read and was received before `cutoff`
    /// as a whole.
    pub(crate) fn has_older(&self, cutoff: Timestamp) -> bool {
        self.told.received.is_some() && self.told.all_since < cutoff
    }

    /// Whether all of every block can be read, as far as is known.
    pub(crate) fn is_whole(&self) -> bool {
        self.told.unreadable == 0 && self.damaged.is_empty()
    }

    /// The first block that ends after `position`.
    pub(crate) fn at_or_after(&self, position: Position) -> Option<Slot> {
        let at = self.slots.partition_point(|s| s.end() <= position);
        self.slots.get(at).copied()
    }

    /// Forgets blocks by their bases, which ascend.
    pub(crate) fn remove(&mut self, bases: &[Position]) {
        self.uncount(bases);
        self.slots.retain(|slot| bases.binary_search(&slot.base).is_err());
        self.bytes = self.slots.iter().map(Slot::bytes).sum();
        self.told = Told::of(&self.slots);
        let first = self.slots.first().map_or(self.next, |slot| slot.base);
        self.damaged.retain(|_, end| *end > first);
    }

    /// Whether blocks begin at all of these positions, which are neighbours.
    pub(crate) fn holds(&self, bases: &[Position]) -> bool {
        let Some(first) = bases.first() else { return true };
        let at = self.slots.partition_point(|slot| slot.base < *first);
        let slots = self.slots[at..].iter().map(|slot| slot.base).take(bases.len());
        slots.eq(bases.iter().copied())
    }

    /// Puts one block in the place of all that stand in a range; says where they
    /// began. Nothing else changes for who reads: the events are the same.
    pub(crate) fn replace(&mut self, range: Range<Position>, slot: Slot) -> Vec<Position> {
        let from = self.slots.partition_point(|slot| slot.base < range.start);
        let to = self.slots.partition_point(|slot| slot.base < range.end);
        let gone = &self.slots[from..to];
        self.bytes -= gone.iter().map(Slot::bytes).sum::<u64>();
        self.bytes += slot.bytes();
        let bases = gone.iter().map(|slot| slot.base).collect();
        let all_readable = gone.iter().all(|slot| slot.readable);
        self.slots.replace(from..to, slot);
        if !all_readable {
            self.told = Told::of(&self.slots);
        }
        bases
    }

    /// Notes that a whole block cannot be read.
    pub(crate) fn mark_unreadable(&mut self, base: Position) {
        if let Some(at) = self.place_of(base) {
            let slot = self.slots[at];
            self.slots[at].readable = false;
            let at_an_end = |told: Span| told.0 == slot.received.0 || told.1 == slot.received.1;
            if self.told.received.is_none_or(at_an_end) {
                self.told = Told::of(&self.slots);
            } else {
                self.told.unreadable += usize::from(slot.readable);
            }
            let end = slot.end();
            self.damaged.retain(|from, _| *from < base || *from >= end);
            self.rollups.forget(base, end);
        }
    }

    /// Notes that some events of a readable block cannot be read.
    pub(crate) fn mark_damaged(&mut self, from: Position, to: Position) {
        self.damaged.insert(from, to);
        self.rollups.forget(from, to);
    }

    /// What is damaged inside readable blocks, and lies in a block: start and end.
    pub(crate) fn damaged_within(
        &self,
        slot: &Slot,
    ) -> impl Iterator<Item = (Position, Position)> + '_ {
        self.damaged.range(slot.base..slot.end()).map(|(from, to)| (*from, *to))
    }

    /// How many events of a block can be read, as far as is known.
    pub(crate) fn readable_count(&self, slot: &Slot) -> u64 {
        if !slot.readable {
            return 0;
        }
        let lost: u64 = self.damaged_within(slot).map(|(from, to)| to.0 - from.0).sum();
        u64::from(slot.count).saturating_sub(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(base: u64, count: u32) -> Slot {
        let at = Timestamp::from_nanos(0);
        Slot::made(Position(base), count, (at, at))
    }

    fn index_of(slots: &[(u64, u32)]) -> Index {
        let mut index = Index::default();
        for (base, count) in slots {
            index.insert(slot(*base, *count));
        }
        index
    }

    #[test]
    fn a_slot_stays_small() {
        assert!(size_of::<Slot>() <= 96, "{}", size_of::<Slot>());
    }

    #[test]
    fn a_block_that_is_put_twice_stands_once() {
        let index = index_of(&[(0, 3), (3, 2), (3, 2), (0, 3)]);

        assert_eq!(index.slots().len(), 2);
        assert_eq!((index.next(), index.bytes()), (Position(5), 20));
    }

    #[test]
    fn the_block_at_a_position_is_found_across_holes() {
        let mut index = index_of(&[(0, 3), (3, 2), (5, 4)]);
        index.remove(&[Position(3)]);

        let base = |p| index.at_or_after(Position(p)).map(|s| s.base.0);
        assert_eq!([base(2), base(3), base(8), base(9)], [Some(0), Some(5), Some(5), None]);
        assert_eq!(index.bytes(), 20);
    }

    #[test]
    fn what_is_told_of_all_blocks_is_what_each_would_say() {
        let at = |second: i64| Timestamp::from_nanos(second * 1_000_000_000);
        for seed in 0..300 {
            let mut dice = fastrand::Rng::with_seed(seed);
            let mut index = Index::default();
            for _ in 0..dice.u32(1..60) {
                let (first, length) = (dice.i64(0..50), dice.i64(0..5));
                let span = (at(first), at(first + length));
                index.insert(Slot::made(index.next(), dice.u32(1..9), span));
                let any = *dice.choice(index.slots()).unwrap();
                match dice.u32(0..9) {
                    0 => index.mark_unreadable(any.base),
                    1 => index.remove(&[any.base]),
                    2 => {
                        let merged = index.slots()[0];
                        let merged = Slot::made(merged.base, 1, merged.received);
                        index.replace(merged.base..merged.end(), merged);
                    }
                    _ => {}
                }
                let cutoff = at(dice.i64(0..60));
                let visible = index.slots().iter().filter(|s| s.readable);
                let visible = visible.filter(|s| s.received.1 >= cutoff).map(|s| s.received);
                let span = visible.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));

                assert_eq!(index.received_since(cutoff), span, "replay: seed {seed}");
                let unreadable = index.slots().iter().any(|slot| !slot.readable);
                assert_eq!(index.is_whole(), !unreadable, "replay: seed {seed}");
            }
        }
    }

    #[test]
    fn damaged_events_are_not_counted_as_readable() {
        let mut index = index_of(&[(0, 10), (10, 10)]);
        index.mark_damaged(Position(12), Position(15));
        index.mark_unreadable(Position(0));

        let counts: Vec<u64> = index.slots().iter().map(|s| index.readable_count(s)).collect();
        assert_eq!(counts, [0, 7]);
    }

    #[test]
    fn a_mask_never_misses_a_name() {
        let mask = mask_of(["deploy", "error"].into_iter());

        assert_ne!(mask & mask_of(["deploy"].into_iter()), 0);
        assert_ne!(mask & mask_of(["error"].into_iter()), 0);
    }
}
