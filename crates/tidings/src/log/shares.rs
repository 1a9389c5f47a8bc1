//! Which events of which boot stand where, so that a follower of another member can
//! go on here?
//!
//! Kept in memory, and only while the log has a part in a cluster: at most
//! [`SHARES_KEPT_MAX`] runs of 48 bytes. What stands before them is known as a
//! whole only.

use std::collections::{BTreeMap, VecDeque};

use super::core::Core;
use super::passed::{Passed, Stretch, Stretches};
use crate::block::{Block, FormatError, Header, Run as HeaderRun};
use crate::clock::Timestamp;
use crate::id::{Boot, Position};
use crate::store::{BlockStore, StoreError};
use crate::sync::Mutex;

/// Runs of positions that are kept, at most.
pub(crate) const SHARES_KEPT_MAX: usize = 65_536;
/// Positions that are joined into one run, at most: a follower that goes on in the
/// middle of one looks at it from its beginning.
const RUN_EVENTS_MAX: u64 = 4096;
/// Newest positions of blocks of several boots that are told apart when the log joins
/// a cluster, at most. Whoever stands within an older one has a cursor that only this
/// log understands.
#[allow(dead_code, reason = "only a cluster asks, and not every build has one")]
const APART_EVENTS_MAX: u64 = 1 << 20;
/// Boots whose last block number is remembered, at most.
const NUMBERED_BOOTS_MAX: usize = 4096;
/// Heads that are read from the store at once.
#[allow(dead_code, reason = "only a cluster asks, and not every build has one")]
const HEADS_PAGE: usize = 1000;

/// Where which boot's events stand.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The cluster, once it is known; nothing is kept before.
    cluster: Option<u64>,
    map: Map,
}

/// Positions that one boot's events take, side by side.
#[derive(Clone, Copy, Debug)]
struct Run {
    base: Position,
    end: Position,
    /// Begins after the event before it in its boot, if that stands in this log.
    stretch: Stretch,
    /// Events of other boots stand among them, and nobody here knows where: what was
    /// merged before this log was opened, unless it is among the newest.
    mixed: bool,
}

/// The newest block of a boot.
#[derive(Clone, Copy, Debug)]
struct Newest {
    number: u64,
    seq: u64,
}

#[derive(Debug)]
struct Map {
    kept_max: usize,
    /// What stands before `from`.
    before: Stretches,
    from: Position,
    end: Position,
    runs: VecDeque<Run>,
    newest: BTreeMap<Boot, Newest>,
}

/// How far what stands before a position is told by whole runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// To there.
    Whole,
    /// The position lies within this run, which begins there.
    Within(Position, Stretch),
    /// Not at all: no cluster, or so far back that too little is known.
    Unknown,
}

/// Where a follower of another member goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GoOn {
    /// It has passed all that stands before, as far as is known.
    pub(crate) at: Position,
    /// Something may stand before that it has not passed.
    pub(crate) gap: bool,
}

impl Default for Map {
    fn default() -> Map {
        Map {
            kept_max: SHARES_KEPT_MAX,
            before: Stretches::default(),
            from: Position::default(),
            end: Position::default(),
            runs: VecDeque::new(),
            newest: BTreeMap::new(),
        }
    }
}

impl Map {
    /// Takes in a block; one that is there already is passed over.
    fn note(&mut self, base: Position, header: &Header) {
        if base < self.end {
            return;
        }
        self.end = base.plus(header.count.into());
        let mixed = header.runs.len() > 1;
        for run in &header.runs {
            let from = self.begin(run);
            let received = run.received_by;
            let stretch = Stretch { boot: run.boot, from, to: run.last_seq, received };
            self.push(Run { base, end: self.end, stretch, mixed });
        }
        self.forget_oldest();
    }

    /// Takes in a block of several boots, told apart.
    fn note_apart(&mut self, base: Position, block: &Block) -> Result<(), FormatError> {
        let header = block.header();
        if base < self.end {
            return Ok(());
        }
        let mut apart: Vec<Run> = Vec::new();
        for number in 0..block.frames() {
            let frame = block.frame(number)?;
            for i in 0..frame.len() {
                let base = base.plus((block.frame_start(number) + i) as u64);
                let (_, boot, seq) = frame.name(i);
                let (end, received) = (base.plus(1), frame.received(i));
                let stretch = Stretch { boot, from: seq, to: seq, received };
                match apart.last_mut().filter(|last| last.stretch.boot == boot) {
                    Some(last) => {
                        (last.end, last.stretch.to) = (end, seq);
                        last.stretch.received = last.stretch.received.max(received);
                    }
                    None => apart.push(Run { base, end, stretch, mixed: false }),
                }
            }
        }
        // What comes between two of its stretches in a boot stands nowhere else.
        let mut next: BTreeMap<Boot, u64> = BTreeMap::new();
        for run in &header.runs {
            next.insert(run.boot, self.begin(run));
        }
        for mut run in apart {
            let boot = run.stretch.boot;
            run.stretch.from = next.get(&boot).map_or(run.stretch.from, |next| *next);
            next.insert(boot, run.stretch.to + 1);
            self.push(run);
        }
        self.end = base.plus(header.count.into());
        self.forget_oldest();
        Ok(())
    }

    fn forget_oldest(&mut self) {
        while self.runs.len() > self.kept_max {
            let Some(run) = self.runs.pop_front() else { break };
            self.before.add(run.stretch);
            self.from = self.from.max(run.end);
        }
    }

    /// Where the stretch of a block begins: after the block before it, if that is
    /// the last one here. What lies between two blocks of which one has not come may
    /// come yet.
    fn begin(&mut self, run: &HeaderRun) -> u64 {
        let newest = self.newest.get(&run.boot).copied();
        let from = match (newest, run.numbers) {
            (Some(newest), Some((first, _))) if first == newest.number + 1 => newest.seq + 1,
            // What says no numbers was merged of neighbours.
            (Some(newest), None) => newest.seq + 1,
            (None, None | Some((1, _))) => 0,
            _ => run.first_seq,
        };
        let before = newest.map_or(0, |newest| newest.number);
        let number = run.numbers.map_or(before, |(_, last)| last);
        if newest.is_none_or(|newest| newest.seq < run.last_seq) {
            if self.newest.len() >= NUMBERED_BOOTS_MAX && newest.is_none() {
                self.newest.clear();
            }
            self.newest.insert(run.boot, Newest { number, seq: run.last_seq });
        }
        from.min(run.first_seq)
    }

    /// Takes in the next heads of a store, and says how many.
    #[allow(dead_code, reason = "only a cluster asks, and not every build has one")]
    fn read_heads(&mut self, store: &dyn BlockStore) -> Result<usize, StoreError> {
        let heads = store.heads(self.end, HEADS_PAGE)?;
        let apart_from = Position(store.ends()?.next.0.saturating_sub(APART_EVENTS_MAX));
        for head in &heads {
            match &head.header {
                Ok(header) if header.runs.len() > 1 && head.base >= apart_from => {
                    let block = match store.read(head.base) {
                        Err(StoreError::Damaged { .. }) => None,
                        read => read?,
                    };
                    let known = block.map(|block| self.note_apart(head.base, &block));
                    if known != Some(Ok(())) {
                        self.note(head.base, header);
                    }
                }
                Ok(header) => self.note(head.base, header),
                Err(_) => self.end = self.end.max(head.base.plus(head.count)),
            }
        }
        Ok(heads.len())
    }

    fn push(&mut self, new: Run) {
        if let Some(last) = self.runs.back_mut()
            && last.end == new.base
            && last.stretch.boot == new.stretch.boot
            && last.stretch.to + 1 == new.stretch.from
            && !(last.mixed || new.mixed)
            && new.end.0 - last.base.0 <= RUN_EVENTS_MAX
        {
            last.end = new.end;
            last.stretch.to = new.stretch.to;
            last.stretch.received = last.stretch.received.max(new.stretch.received);
            return;
        }
        self.runs.push_back(new);
    }

    /// Adds what stands between two positions to `known`.
    fn tell(&self, known: &mut Stretches, since: Position, until: Position) -> Told {
        if until < self.from {
            return Told::Unknown;
        }
        if since < self.from {
            known.add_all(&self.before);
        }
        let first = self.runs.partition_point(|run| run.end <= since);
        for run in self.runs.range(first..) {
            if run.base >= until {
                break;
            }
            if run.end > until && run.mixed {
                return Told::Unknown;
            }
            if run.end > until {
                return Told::Within(run.base, run.stretch);
            }
            known.add(run.stretch);
        }
        Told::Whole
    }

    fn go_on(&self, passed: &Passed, cutoff: Timestamp) -> GoOn {
        let unpassed = |s: &Stretch| s.received >= cutoff && !passed.covers(s);
        let first = self.runs.iter().find(|run| unpassed(&run.stretch));
        GoOn {
            at: first.map_or(self.end, |run| run.base),
            gap: !passed.whole || self.before.iter().any(unpassed),
        }
    }
}

impl Shares {
    /// Takes in a block that stands there. To be called before the index has it, so
    /// that whoever reads it finds it here too.
    pub(super) fn note(&self, base: Position, header: &Header) {
        let state = &mut *self.0.lock();
        if state.cluster.is_some() {
            state.map.note(base, header);
        }
    }

    /// The cluster that the log has a part in.
    pub(crate) fn cluster(&self) -> Option<u64> {
        self.0.lock().cluster
    }

    /// Adds what stands between two positions to `known`.
    pub(crate) fn tell(&self, known: &mut Stretches, since: Position, until: Position) -> Told {
        let state = self.0.lock();
        state.cluster.map_or(Told::Unknown, |_| state.map.tell(known, since, until))
    }

    /// Where a follower goes on that has passed this elsewhere.
    pub(crate) fn go_on(&self, passed: &Passed, cutoff: Timestamp) -> GoOn {
        self.0.lock().map.go_on(passed, cutoff)
    }
}

impl Core {
    /// Says which cluster the log has a part in, by the id of its etcd. From then on
    /// cursors of followers say what another member needs to go on from them. The
    /// first call reads the heads of all blocks.
    ///
    /// # Errors
    ///
    /// The store cannot be read; the next call tries again.
    #[allow(dead_code, reason = "only a cluster says so, and not every build has one")]
    pub(crate) fn set_commons(&self, cluster: u64) -> Result<(), StoreError> {
        if let Some(known) = &mut self.shares.0.lock().cluster {
            *known = cluster;
            return Ok(());
        }
        let mut map = Map::default();
        while map.read_heads(self.store.as_ref())? == HEADS_PAGE {}
        let mut state = self.shares.0.lock();
        // What was stored since is read under the lock: what is not among it is noted
        // by whoever stored it, who waits for the lock.
        while map.read_heads(self.store.as_ref())? > 0 {}
        *state = State { cluster: Some(cluster), map };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::blocks::Blocks;

    /// A map of blocks of ten events, each told by its boot and its number.
    fn map_of(kept_max: usize, blocks: &[(u8, u64)]) -> Map {
        let mut map = Map { kept_max, ..Map::default() };
        for (boot, number) in blocks {
            let mut made = Blocks::new((*boot).into());
            let block = (0..*number).map(|_| made.of(10)).last().unwrap();
            map.note(map.end, block.header());
        }
        map
    }

    /// What a follower has passed at this position of a map.
    fn passed_at(map: &Map, position: u64) -> Passed {
        let mut known = Stretches::default();
        assert_eq!(map.tell(&mut known, Position(0), Position(position)), Told::Whole);
        known.passed(1, Timestamp::MIN)
    }

    fn stretches(passed: &Passed) -> Vec<(u8, u64, u64)> {
        let of = |s: &Stretch| (s.boot.to_bytes()[7], s.from, s.to);
        let mut stretches: Vec<_> = passed.stretches.iter().map(of).collect();
        stretches.sort_unstable();
        stretches
    }

    #[test]
    fn blocks_of_a_boot_in_order_are_one_stretch_and_a_hole_begins_another() {
        let map = map_of(100, &[(1, 1), (2, 1), (1, 2), (1, 4), (1, 3)]);

        assert_eq!(stretches(&passed_at(&map, 30)), [(1, 0, 20), (2, 0, 10)]);
        assert_eq!(stretches(&passed_at(&map, 40)), [(1, 0, 20), (1, 31, 40), (2, 0, 10)]);
        assert_eq!(stretches(&passed_at(&map, 50)), [(1, 0, 20), (1, 21, 40), (2, 0, 10)]);
    }

    #[test]
    fn a_map_that_does_not_reach_back_to_what_was_passed_says_so() {
        let whole = map_of(100, &[(1, 1), (2, 1), (1, 2), (2, 2)]);
        let short = map_of(2, &[(1, 1), (2, 1), (1, 2), (2, 2)]);
        let go_on = |at| short.go_on(&passed_at(&whole, at), Timestamp::MIN);

        assert_eq!(go_on(10), GoOn { at: Position(20), gap: true });
        assert_eq!(go_on(20), GoOn { at: Position(20), gap: false });
        assert_eq!(go_on(30), GoOn { at: Position(30), gap: false });
        assert_eq!(go_on(40), GoOn { at: Position(40), gap: false });
        let unknown = short.tell(&mut Stretches::default(), Position(0), Position(10));
        assert_eq!(unknown, Told::Unknown);
    }

    #[test]
    fn a_run_is_joined_up_to_its_limit_only() {
        let (mut map, mut made) = (Map::default(), Blocks::new(1));

        for _ in 0..410 {
            map.note(map.end, made.of(10).header());
        }

        let lengths: Vec<u64> = map.runs.iter().map(|run| run.end.0 - run.base.0).collect();
        assert_eq!(lengths, [4090, 10]);
    }
}
