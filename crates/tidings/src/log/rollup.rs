//! How many events of each kind were there, minute by minute, without asking a block?
//!
//! A [`Rollup`] adds up the headers of neighbouring blocks that were received within
//! one hour. It speaks of positions, so a merge changes nothing in it. It is exact
//! or it is not there: once one of its events is damaged or expired it is dropped,
//! and questions ask the headers again. Lives in memory only; made from the headers
//! as they are read when the log is opened, and as blocks come in.

use std::mem;
use std::sync::Arc;

use super::index::Span;
use super::kinds::{Kinds, SOME_LEVEL, SOME_MINUTE};
use crate::block::{self, Header};
use crate::clock::Timestamp;
use crate::id::Position;

/// Events of one roll-up, at most, unless a single block has more: what a question
/// asks headers for where a roll-up does not tell.
pub(crate) const ROLLUP_EVENTS_MAX: u64 = 131_072;
/// Cells of one roll-up by type, and as many by member, at most.
pub(crate) const ROLLUP_CELLS_MAX: usize = 16_384;
/// Bytes of all roll-ups, at most; beyond, the oldest are dropped.
pub(crate) const ROLLUPS_BYTES_MAX: usize = 16 * 1024 * 1024;

const HOUR_NANOS: i64 = 3_600_000_000_000;

/// The events of neighbouring positions, counted.
#[derive(Clone, Debug)]
pub(crate) struct Rollup {
    pub(crate) from: Position,
    /// The position after its last event.
    pub(crate) end: Position,
    pub(crate) listed: Span,
    pub(crate) received: Span,
    /// The hour in which all were received; `None` if it is not one.
    hour: Option<i64>,
    pub(crate) types: Kinds,
    /// `None` if there were too many.
    pub(crate) members: Option<Kinds>,
    /// The members were counted event by event; this is all there is to know.
    learned: bool,
}

impl Rollup {
    fn starting_at(base: Position, header: &Header) -> Rollup {
        Rollup {
            from: base,
            end: base,
            listed: header.listed,
            received: header.received,
            hour: hour_of(header),
            types: Kinds::default(),
            members: Some(Kinds::default()),
            learned: false,
        }
    }

    /// Whether more would be known of its members if its events were asked.
    pub(crate) fn is_vague(&self) -> bool {
        !self.learned && self.members.as_ref().is_some_and(Kinds::is_vague)
    }

    /// The same, with its members counted event by event.
    pub(crate) fn with_members(&self, members: Kinds) -> Rollup {
        Rollup { members: members.bounded(ROLLUP_CELLS_MAX), learned: true, ..self.clone() }
    }

    fn takes(&self, base: Position, header: &Header, cells: &[block::Cell]) -> bool {
        let count = self.end.0 - self.from.0 + u64::from(header.count);
        self.end == base
            && self.hour.is_some()
            && self.hour == hour_of(header)
            && count <= ROLLUP_EVENTS_MAX
            && self.types.sums().len() + cells.len() <= ROLLUP_CELLS_MAX
    }

    fn add(&mut self, header: &Header, cells: &[block::Cell]) {
        self.end = self.end.plus(header.count.into());
        self.learned = false;
        self.listed = around(self.listed, header.listed);
        self.received = around(self.received, header.received);
        let types: Vec<u32> =
            header.types.iter().map(|tagged| self.types.place_of(&tagged.name)).collect();
        for cell in cells {
            let key = Kinds::key(types[cell.event_type as usize], level_of(cell));
            self.types.add(minute_in(cell), key, cell.count);
        }
        self.add_members(header, cells);
    }

    /// Headers count members over the whole block: when, and how bad, is told only
    /// by a block of one member, of one minute, of one level.
    fn add_members(&mut self, header: &Header, cells: &[block::Cell]) {
        let Some(kinds) = &mut self.members else { return };
        if let [only] = header.members.as_slice() {
            let place = kinds.place_of(&only.name);
            for cell in cells {
                let key = Kinds::key(place, level_of(cell));
                kinds.add(minute_in(cell), key, cell.count);
            }
        } else {
            let minute = only_one(cells.iter().map(minute_in)).unwrap_or(SOME_MINUTE);
            let level = only_one(cells.iter().map(level_of));
            let level = level.unwrap_or(SOME_LEVEL);
            for tagged in &header.members {
                let place = kinds.place_of(&tagged.name);
                kinds.add(minute, Kinds::key(place, level), tagged.count);
            }
        }
        if kinds.sums().len() > ROLLUP_CELLS_MAX {
            self.members = None;
        }
    }

    fn bytes(&self) -> usize {
        let members = self.members.as_ref().map_or(0, Kinds::bytes);
        size_of::<Rollup>() + self.types.bytes() + members
    }
}

/// Of a header's cell, whose minute lies within the range of a timestamp.
fn minute_in(cell: &block::Cell) -> i32 {
    i32::try_from(cell.minute).unwrap_or(SOME_MINUTE)
}

fn level_of(cell: &block::Cell) -> u32 {
    u32::try_from(cell.severity.place()).unwrap_or(SOME_LEVEL)
}

fn only_one<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

fn hour_of(header: &Header) -> Option<i64> {
    let hour = |at: Timestamp| at.as_nanos().div_euclid(HOUR_NANOS);
    let (first, last) = (hour(header.received.0), hour(header.received.1));
    (first == last).then_some(first)
}

fn around(one: Span, other: Span) -> Span {
    (one.0.min(other.0), one.1.max(other.1))
}

/// All roll-ups of a log, in order of position. Blocks whose headers do not tell
/// enough stand in none.
#[derive(Debug, Default)]
pub(crate) struct Rollups {
    /// Blocks that come are added to the last.
    all: Vec<Arc<Rollup>>,
    /// Of all but the last.
    bytes: usize,
}

impl Rollups {
    pub(crate) fn all(&self) -> &[Arc<Rollup>] {
        &self.all
    }

    /// Takes in a block that stands at `base`. Blocks come in order of position:
    /// what is before the last roll-up's end is passed over.
    pub(crate) fn add(&mut self, base: Position, header: &Header) {
        let last = self.all.last();
        let Some(cells) = &header.minutes else { return };
        if last.is_some_and(|last| base < last.end) {
            return;
        }
        if !last.is_some_and(|last| last.takes(base, header, cells)) {
            self.begin(Rollup::starting_at(base, header));
        }
        if let Some(last) = self.all.last_mut() {
            // A question that holds it keeps what it was.
            Arc::make_mut(last).add(header, cells);
        }
    }

    fn begin(&mut self, mut rollup: Rollup) {
        if let Some(last) = self.all.last_mut() {
            let last = Arc::make_mut(last);
            rollup.types = Kinds::with_pool(last.types.close());
            if let (Some(last), Some(next)) = (&mut last.members, &mut rollup.members) {
                *next = Kinds::with_pool(last.close());
            }
            self.bytes += last.bytes();
        }
        self.shorten();
        self.all.push(Arc::new(rollup));
    }

    /// Drops the oldest if all take too much room.
    fn shorten(&mut self) {
        let mut excess = self.bytes.saturating_sub(ROLLUPS_BYTES_MAX);
        let over = self.all.iter().take_while(|rollup| {
            let goes = excess > 0;
            excess = excess.saturating_sub(rollup.bytes());
            goes
        });
        let over = over.count();
        self.bytes -= self.all.drain(..over).map(|rollup| rollup.bytes()).sum::<usize>();
    }

    /// Puts what was learned in the place of what it was learned from, if that is
    /// still what stands there.
    pub(crate) fn learn(&mut self, mut learned: Rollup) {
        let found = self.all.binary_search_by_key(&learned.from, |rollup| rollup.from);
        let Some(at) = found.ok().filter(|at| self.all[*at].end == learned.end) else { return };
        let is_last = at + 1 == self.all.len();
        if let Some(members) = learned.members.as_mut().filter(|_| !is_last) {
            members.close();
        }
        let bytes = learned.bytes();
        let before = mem::replace(&mut self.all[at], Arc::new(learned));
        if !is_last {
            self.bytes = self.bytes + bytes - before.bytes();
            self.shorten();
        }
    }

    /// Drops what counts any of these positions: from the first to before the second.
    pub(crate) fn forget(&mut self, from: Position, end: Position) {
        let first = self.all.partition_point(|rollup| rollup.end <= from);
        let after = self.all.partition_point(|rollup| rollup.from < end);
        if first < after {
            self.all.drain(first..after);
            let but_last = self.all.split_last().map_or(&[][..], |(_, rest)| rest);
            self.bytes = but_last.iter().map(|rollup| rollup.bytes()).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Blocks;

    fn rollups_of(blocks: &[(u64, u64)]) -> Rollups {
        let mut rollups = Rollups::default();
        for (base, events) in blocks {
            rollups.add(Position(*base), Blocks::new(1).of(*events).header());
        }
        rollups
    }

    fn ranges(rollups: &Rollups) -> Vec<(u64, u64)> {
        rollups.all().iter().map(|rollup| (rollup.from.0, rollup.end.0)).collect()
    }

    #[test]
    fn neighbours_stand_in_one_roll_up_and_a_hole_ends_it() {
        let rollups = rollups_of(&[(0, 3), (3, 4), (10, 2), (12, 1)]);

        assert_eq!(ranges(&rollups), [(0, 7), (10, 13)]);
        let counted: u32 = rollups.all()[0].types.sums().iter().map(|sum| sum.count).sum();
        assert_eq!(counted, 7);
    }

    #[test]
    fn a_block_that_comes_again_is_not_counted_twice() {
        let rollups = rollups_of(&[(0, 3), (3, 4), (3, 4), (0, 3)]);

        assert_eq!(ranges(&rollups), [(0, 7)]);
    }

    #[test]
    fn what_counts_a_position_is_forgotten_as_a_whole() {
        let mut rollups = rollups_of(&[(0, 3), (5, 3), (10, 3)]);

        rollups.forget(Position(3), Position(6));

        assert_eq!(ranges(&rollups), [(0, 3), (10, 13)]);
        rollups.forget(Position(12), Position(13));
        assert_eq!(ranges(&rollups), [(0, 3)]);
    }

    #[test]
    fn the_oldest_are_dropped_when_all_take_too_much_room() {
        let (mut rollups, mut base) = (Rollups::default(), Position(0));
        let mut builder = Blocks::new(1);
        let block = builder.of(1000);
        let one = {
            let mut one = Rollup::starting_at(base, block.header());
            one.add(block.header(), block.header().minutes.as_deref().unwrap());
            one.bytes()
        };

        for _ in 0..=ROLLUPS_BYTES_MAX / one + 2 {
            rollups.add(base, block.header());
            base = base.plus(1001);
        }

        assert!(rollups.all()[0].from > Position(0));
        assert!(rollups.bytes <= ROLLUPS_BYTES_MAX + one);
    }
}
