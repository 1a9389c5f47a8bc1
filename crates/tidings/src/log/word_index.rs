//! Which positions have their words in the index, and who puts the others there?
//!
//! One step at a time: events without words are read and a segment is made of their
//! words, or small segments side by side become a larger one, so that there are few
//! to ask. A segment says nothing of positions that it has not read. What has no
//! segment may hold any word, so that nothing here can hide an event.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::index::{Index, Slot};
use super::part::Part;
use super::places::Asked;
use crate::id::Position;
use crate::pause::State;
use crate::store::{BlockStore, StoreError, WordRows};
use crate::sync::{Mutex, RwLock};
use crate::words::{self, Built, GRANULES_MAX, SEGMENT_POSITIONS_MAX, Segment, SegmentBuilder};

/// When the end of a log is worth a segment.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Positions at the end that have no words before a segment is made of them.
    fresh_positions: u64,
    /// The same once nothing has come for `quiet`.
    quiet_positions: u64,
    quiet: Duration,
}

const RULES: Rules =
    Rules { fresh_positions: 16_384, quiet_positions: 2048, quiet: Duration::from_secs(5) };
/// Positions whose events one step reads, at most, up to the end of a block.
const STEP_POSITIONS_MAX: u64 = 65_536;
/// Segments of about one size that become one.
const JOINED_SEGMENTS: usize = 4;
/// Parts that one step reads to join segments, at most.
const JOINED_PARTS_MAX: usize = 1024;
/// Blocks of fewer events at the end of a log wait to be merged: reading them one by
/// one costs more than their words are worth.
const SMALL_EVENTS: u32 = 64;

/// The segments, in order of position and side by side or apart.
#[derive(Debug, Default)]
pub(crate) struct WordIndex {
    segments: RwLock<Vec<Arc<Segment>>>,
    /// Held for a whole step, reads and writes included: it only keeps two of them
    /// apart.
    steps: Mutex<Steps>,
    /// Segments of which somebody found a part that is not what was written.
    damaged: Mutex<Vec<Arc<Segment>>>,
    /// Where begins what is to get words next, or what nobody has looked at yet.
    due: Mutex<Position>,
    pub(super) asked: Asked,
}

#[derive(Debug, Default)]
struct Steps {
    /// Where the log ended when it was looked at last, and since when.
    seen: Option<(Position, Duration)>,
}

impl WordIndex {
    /// Reads the heads of all segments. What cannot be read is as if it were not
    /// there.
    pub(super) fn open(store: &dyn BlockStore, next: Position) -> WordIndex {
        let heads = store.words().unwrap_or_else(|error| {
            tracing::warn!(%error, "words cannot be read, searches will take longer");
            Vec::new()
        });
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        for segment in heads.iter().filter_map(|head| Segment::parse(head)) {
            let range = segment.range();
            if range.end > next {
                // Other events will stand there.
                let dropped = store.drop_words(range);
                tracing::warn!(?dropped, "words of events that are missing are dropped");
            } else if segments.last().is_none_or(|last| last.range().end <= range.start) {
                segments.push(Arc::new(segment));
            }
        }
        let segments = RwLock::new(segments);
        WordIndex { segments, ..WordIndex::default() }
    }

    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().clone()
    }

    /// A part of this segment is not what was written.
    pub(super) fn suspect(&self, segment: &Arc<Segment>) {
        self.damaged.lock().push(Arc::clone(segment));
    }

    fn insert(&self, segment: Segment) {
        let range = segment.range();
        let mut segments = self.segments.write();
        segments.retain(|other| {
            let other = other.range();
            other.end <= range.start || other.start >= range.end
        });
        let at = segments.partition_point(|other| other.range().start < range.start);
        segments.insert(at, Arc::new(segment));
    }

    /// Whether it was there: another may have taken its place.
    fn remove(&self, gone: &Arc<Segment>) -> bool {
        let mut segments = self.segments.write();
        let at = segments.iter().position(|segment| Arc::ptr_eq(segment, gone));
        at.map(|at| segments.remove(at)).is_some()
    }

    /// The first positions with events that have no segment, up to the next that
    /// have one.
    fn first_gap(&self, index: &Index) -> Option<(Position, Position)> {
        let mut from = index.slots().first()?.base;
        for range in self.segments.read().iter().map(|segment| segment.range()) {
            if let Some(start) = stands_in(index, from, range.start) {
                return Some((start, range.start));
            }
            from = from.max(range.end);
        }
        stands_in(index, from, index.next()).map(|start| (start, index.next()))
    }

    /// Segments side by side that are to become one: the first of that kind.
    fn to_join(&self) -> Option<Vec<Arc<Segment>>> {
        let segments = self.segments.read();
        let like = |a: &Arc<Segment>, b: &Arc<Segment>| {
            a.range().end == b.range().start && tier(a) == tier(b)
        };
        let runs = segments.chunk_by(like).filter(|run| tier(&run[0]) < FULL_TIER);
        let full = runs.filter(|run| run.len() >= JOINED_SEGMENTS);
        full.map(fitting).find(|run| run.len() > 1).map(<[_]>::to_vec)
    }
}

const FULL_TIER: u32 = 2;

/// How often its size was multiplied.
fn tier(segment: &Segment) -> u32 {
    match segment.positions() * 4 / 3 {
        grown if grown >= SEGMENT_POSITIONS_MAX => FULL_TIER,
        grown if grown >= SEGMENT_POSITIONS_MAX / 4 => 1,
        _ => 0,
    }
}

/// The first of them, as many as fit into one.
fn fitting(run: &[Arc<Segment>]) -> &[Arc<Segment>] {
    let (mut positions, mut granules, mut parts) = (0, 0, 0);
    let fits = run.iter().take_while(|segment| {
        positions += segment.positions();
        granules += segment.granules();
        parts += segment.parts();
        positions <= SEGMENT_POSITIONS_MAX && granules <= GRANULES_MAX && parts <= JOINED_PARTS_MAX
    });
    &run[..fits.take(JOINED_SEGMENTS).count()]
}

impl Core {
    /// One step towards an index of all that is there; says whether there was
    /// anything to do.
    pub(super) fn index_step(&self) -> Result<bool, StoreError> {
        self.index_step_by(&RULES)
    }

    /// Puts the words of all that is there into the index, however few they are.
    #[cfg(test)]
    pub(crate) fn index_all_words(&self) {
        while self.index_eagerly().unwrap() {}
    }

    /// One step of that.
    #[cfg(test)]
    pub(crate) fn index_eagerly(&self) -> Result<bool, StoreError> {
        let quiet = Duration::ZERO;
        self.index_step_by(&Rules { fresh_positions: 1, quiet_positions: 1, quiet })
    }

    fn index_step_by(&self, rules: &Rules) -> Result<bool, StoreError> {
        let mut steps = self.words.steps.lock();
        if self.state() != State::Running {
            return Ok(false);
        }
        self.forget_words()?;
        if let Some((from, end)) = self.without_words(&mut steps, rules) {
            self.build_words(from, end)?;
            return Ok(true);
        }
        match self.words.to_join() {
            Some(run) => self.join_words(&run).map(|()| true),
            None => Ok(false),
        }
    }

    /// Lets go of what is damaged, and of what has expired.
    fn forget_words(&self) -> Result<(), StoreError> {
        let damaged = std::mem::take(&mut *self.words.damaged.lock());
        for segment in damaged {
            if !self.words.remove(&segment) {
                continue;
            }
            let range = segment.range();
            tracing::warn!(from = %range.start, to = %range.end, "words are damaged, and made anew");
            self.store.drop_words(range)?;
        }
        let first = self.index.read().slots().first().map(|slot| slot.base);
        self.words.segments.write().retain(|it| Some(it.range().end) > first);
        Ok(())
    }

    /// The first positions that are worth a segment and have none.
    fn without_words(&self, steps: &mut Steps, rules: &Rules) -> Option<(Position, Position)> {
        let (index, now) = (self.index.read(), self.options.clock.monotonic());
        let next = index.next();
        let since = steps.seen.filter(|seen| seen.0 == next).map_or(now, |seen| seen.1);
        steps.seen = Some((next, since));
        let is_quiet = now.saturating_sub(since) >= rules.quiet;
        let Some((from, end)) = self.words.first_gap(&index) else {
            *self.words.due.lock() = next;
            return None;
        };
        let waits = end < next || next.0 - from.0 >= rules.quiet_positions;
        *self.words.due.lock() = if waits { from } else { next };
        if end < next {
            return Some((from, end));
        }
        let end = if is_quiet { next } else { settled(&index, from, next) };
        let least = if is_quiet { rules.quiet_positions } else { rules.fresh_positions };
        (end.0.saturating_sub(from.0) >= least).then_some((from, end))
    }

    /// Positions that are to get words and have none, and those that were not looked
    /// at yet.
    pub(super) fn unworded(&self) -> u64 {
        let index = self.index.read();
        let first = index.slots().first().map_or(index.next(), |slot| slot.base);
        let due = first.max(*self.words.due.lock());
        let segments = self.words.segments.read();
        let worded = segments.iter().map(|segment| segment.range());
        let worded = worded.map(|it| it.end.0.saturating_sub(it.start.max(due).0)).sum();
        index.next().0.saturating_sub(due.0).saturating_sub(worded)
    }

    /// Makes a segment of the words from `from` on, up to `end` at most.
    fn build_words(&self, from: Position, end: Position) -> Result<(), StoreError> {
        let mut builder = SegmentBuilder::new(from);
        let enough = from.plus(STEP_POSITIONS_MAX).min(end);
        while builder.next() < enough && !builder.is_full() {
            let slot = self.index.read().at_or_after(builder.next());
            let Some(slot) = slot.filter(|slot| slot.base < end) else {
                pass_over(&mut builder, end);
                break;
            };
            pass_over(&mut builder, slot.base);
            match self.part(&slot)? {
                Some(part) => self.gather_words(&mut builder, &slot, &part, end)?,
                None => pass_over(&mut builder, slot.end().min(end)),
            }
        }
        match builder.finish() {
            Some(built) => self.keep_words(&built),
            None => Ok(()),
        }
    }

    fn gather_words(
        &self,
        into: &mut SegmentBuilder,
        slot: &Slot,
        part: &Part,
        end: Position,
    ) -> Result<(), StoreError> {
        let damaged: Vec<_> = self.index.read().damaged_within(slot).collect();
        for number in part.frames() {
            let (start, to) = part.positions(number);
            // The slot may have begun before, and another segment may begin in it.
            let mut rows = part.rows(number);
            let place = |position: Position| {
                usize::try_from(position.0.saturating_sub(start.0)).unwrap_or(usize::MAX)
            };
            rows = rows.start.max(place(into.next()))..rows.end.min(place(end));
            if rows.is_empty() || into.is_full() {
                continue;
            }
            let read = (start.plus(rows.start as u64), start.plus(rows.end as u64));
            if damaged.iter().any(|hit| hit.0 < to && hit.1 > start) {
                pass_over(into, read.1);
                continue;
            }
            // Only the thread that is here merges, so the frames are those of `part`.
            let passage = self.passage(slot, part, read)?;
            let passage = passage.filter(|it| it.part.outline == part.outline);
            let Some(passage) = passage else {
                pass_over(into, read.1);
                continue;
            };
            let frame = passage.sections(number);
            if let Err(cause) = words::gather(into, part.header(), frame, rows) {
                self.note_damage(start, to, &cause);
            }
        }
        // Otherwise a slot without events would be read for ever.
        if !into.is_full() {
            pass_over(into, slot.end().min(end));
        }
        Ok(())
    }

    fn join_words(&self, run: &[Arc<Segment>]) -> Result<(), StoreError> {
        let mut all = Vec::with_capacity(run.len());
        for segment in run {
            let (first, numbers) = (segment.range().start, 0..segment.parts());
            let parts = numbers.map(|number| self.store.word_part(first, number));
            // What is not there is damaged as well.
            let parts: Result<Vec<_>, _> =
                parts.map(|part| part.map(Option::unwrap_or_default)).collect();
            let parts = parts?;
            if !parts.iter().enumerate().all(|(number, part)| segment.is_whole((number, part))) {
                self.words.suspect(segment);
                return Ok(());
            }
            all.push((segment.as_ref(), parts));
        }
        match words::joined(&all) {
            Some(built) => self.keep_words(&built),
            None => Ok(()),
        }
    }

    fn keep_words(&self, built: &Built) -> Result<(), StoreError> {
        let Built { range, head, parts } = built;
        self.store.keep_words(&WordRows { range: range.clone(), head, parts })?;
        if let Some(segment) = Segment::parse(head) {
            self.words.insert(segment);
        }
        Ok(())
    }
}

/// The first position from `from` on, before `end`, at which an event stands.
fn stands_in(index: &Index, from: Position, end: Position) -> Option<Position> {
    let slot = index.at_or_after(from)?;
    Some(slot.base.max(from)).filter(|start| *start < end)
}

/// Where the small blocks at the end of a log begin, unless there are too many.
fn settled(index: &Index, from: Position, next: Position) -> Position {
    let small = index.slots().iter().rev().take_while(|slot| slot.count < SMALL_EVENTS);
    let start = small.last().map_or(next, |slot| slot.base);
    let waits_long = next.0.saturating_sub(start.max(from).0) >= STEP_POSITIONS_MAX;
    if waits_long { next } else { start }
}

/// Goes on at `to`, if that is later; of what lies between nothing is known.
fn pass_over(builder: &mut SegmentBuilder, to: Position) {
    let positions = to.0.saturating_sub(builder.next().0).min(SEGMENT_POSITIONS_MAX);
    builder.pass_over(u32::try_from(positions).unwrap_or(u32::MAX));
}
