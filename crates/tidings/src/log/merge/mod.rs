//! How do many small blocks become few large ones, while everybody writes and reads?
//!
//! One step reads neighbours, makes one block of them, puts it in their place in the
//! store, and only then tells the index. Whoever still has an old slot finds its
//! positions in the new block (see [`super::part`]); should the process die at any
//! point, the store has either, and the index is read from it anew.

mod plan;
mod thread;

#[cfg(test)]
mod tests;

use std::ops::{ControlFlow, Range};

use super::core::Core;
use super::index::Slot;
use crate::block::{Block, Gathered, Spoilt};
use crate::id::Position;
use crate::pause::State;
use crate::store::{Damage, Outcome, StoreError, Stored};
use crate::sync::Mutex;
use plan::{Planner, is_worth_it};

pub(super) use thread::{Bell, start};

/// What one step of merging did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Blocks that became one; 0 if what was planned turned out to be damaged, or not
    /// to fit into one block, and is left as it is.
    pub blocks: u64,
    /// Their events.
    pub events: u64,
}

/// What a log still does with the events it has, while it serves them.
///
/// What came in since it was looked at last, at most a second before in a log that
/// runs, counts as waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// Events from the oldest on that is to be merged now, or once it is published.
    pub unmerged_events: u64,
    /// Events whose words are to be put into their index and are not there yet.
    pub unworded_events: u64,
}

/// Where merging stands.
#[derive(Debug, Default)]
pub(crate) struct Merging {
    /// Held through a whole step, reads and writes included: it only keeps two of them
    /// apart. Comes before `reshaping`.
    state: Mutex<Progress>,
    /// Whoever takes blocks out of the store, or puts another in their place, holds
    /// this from the decision until the index knows: a block that is to expire must
    /// not have become a larger one meanwhile. Comes before the index.
    pub(super) reshaping: Mutex<()>,
    pub(super) bell: Bell,
    /// Since the log was opened.
    totals: Mutex<Merged>,
    /// Where begins what is to be merged next, or what nobody has looked at yet.
    due: Mutex<Position>,
}

#[derive(Debug, Default)]
struct Progress {
    planner: Planner,
    /// Was put in the place of these with an unknown outcome.
    unsettled: Option<(Range<Position>, Block)>,
}

/// Neighbours as the index has them.
struct Plan {
    range: Range<Position>,
    bases: Vec<Position>,
    /// How few blocks and events are worth a write.
    is_worth: fn(usize, u64) -> bool,
}

/// Why gathering stops before the last block.
enum Stop {
    /// Another block stands there by now: the index is told by others.
    Moved,
    /// One block may not hold this one too.
    Unfit(Position),
    Damaged(Position, Damage),
    Spoilt(Position, Block, Spoilt),
}

/// Gathers what is thought to stand at `base`; says what is in the way of more.
fn gather(gathered: &mut Gathered, base: Position, stored: Stored) -> Option<Stop> {
    let block = match stored.block {
        Ok(block) if stored.base == base => block,
        Ok(_) => return Some(Stop::Moved),
        Err(cause) => return Some(Stop::Damaged(stored.base, cause)),
    };
    match gathered.push(&block) {
        Ok(true) => None,
        Ok(false) => Some(Stop::Unfit(base)),
        Err(spoilt) => Some(Stop::Spoilt(base, block, spoilt)),
    }
}

impl Plan {
    fn of(slots: &[Slot], is_worth: fn(usize, u64) -> bool) -> Plan {
        let bases = slots.iter().map(|slot| slot.base).collect();
        Plan { range: slots[0].base..slots[slots.len() - 1].end(), bases, is_worth }
    }
}

impl Core {
    pub(super) fn merge_step(&self) -> Result<Option<Merged>, StoreError> {
        let mut progress = self.merging.state.lock();
        if self.state() != State::Running {
            return Ok(None);
        }
        self.settle_merge(&mut progress)?;
        let Some(plan) = self.plan_merge(&mut progress.planner)? else { return Ok(None) };
        self.merge(&plan, &mut progress)
    }

    fn merge(&self, plan: &Plan, progress: &mut Progress) -> Result<Option<Merged>, StoreError> {
        let Some((block, parts)) = self.build(plan, &mut progress.planner)? else {
            return Ok(Some(Merged::default()));
        };
        let bases = &plan.bases[..parts];
        let end = plan.bases.get(parts).copied().unwrap_or(plan.range.end);
        let done = self.put_in_place(plan.range.start..end, bases, block, progress);
        if let Ok(Some(merged)) = &done {
            let mut totals = self.merging.totals.lock();
            totals.blocks += merged.blocks;
            totals.events += merged.events;
        }
        done
    }

    /// Merges so many neighbours, from the first block that ends after a position on,
    /// as far as they may be merged at all: however few and small they are.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn merge_neighbours(
        &self,
        from: Position,
        blocks: usize,
    ) -> Result<Option<Merged>, StoreError> {
        let mut progress = self.merging.state.lock();
        let horizon = self.horizon()?;
        let plan = {
            let index = self.index.read();
            let slots = plan::mergeable_from(&index, from, horizon, blocks);
            if slots.len() < 2 {
                return Ok(None);
            }
            Plan::of(slots, |blocks, _| blocks >= 2)
        };
        self.merge(&plan, &mut progress)
    }

    /// What was merged since the log was opened.
    pub(super) fn merged(&self) -> Merged {
        *self.merging.totals.lock()
    }

    /// Positions from the first on that is to be merged, or was not looked at yet.
    pub(super) fn unmerged(&self) -> u64 {
        let index = self.index.read();
        let first = index.slots().first().map_or(index.next(), |slot| slot.base);
        index.next().0.saturating_sub(self.merging.due.lock().max(first).0)
    }

    fn plan_merge(&self, planner: &mut Planner) -> Result<Option<Plan>, StoreError> {
        let horizon = self.horizon()?;
        let index = self.index.read();
        let group = planner.next(&index, horizon, self.now());
        *self.merging.due.lock() = if group.is_some() { planner.settled() } else { horizon };
        Ok(group.map(|group| Plan::of(&index.slots()[group], is_worth_it)))
    }

    /// Where what may be merged ends: nothing that waits to be published, nor what
    /// stands behind it.
    fn horizon(&self) -> Result<Position, StoreError> {
        // In this order: what is stored after the first look may wait, and is not asked
        // for.
        let end = self.index.read().next();
        let waits = self.store.outbox(Position(0), 1)?.first().copied();
        Ok(waits.map_or(end, |base| base.min(end)))
    }

    /// The block that has the events of the first so many of these. `None` if it is
    /// not worth it, and what stands in the way is noted.
    fn build(
        &self,
        plan: &Plan,
        planner: &mut Planner,
    ) -> Result<Option<(Block, usize)>, StoreError> {
        let (mut gathered, mut bases) = (Gathered::default(), plan.bases.iter());
        let mut stop = None;
        self.store.visit_blocks(plan.range.clone(), &mut |stored| {
            stop = bases.next().and_then(|base| gather(&mut gathered, *base, stored));
            if stop.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        match stop {
            None | Some(Stop::Moved) => {}
            Some(Stop::Unfit(base)) => planner.bar(base),
            Some(Stop::Damaged(base, cause)) => {
                tracing::error!(%base, %cause, "block is damaged and not merged");
                self.index.write().mark_unreadable(base);
            }
            Some(Stop::Spoilt(base, block, spoilt)) => {
                self.note_spoilt(base, &block, &spoilt);
                return Ok(None);
            }
        }
        let (parts, events) = (gathered.len(), gathered.events() as u64);
        if !(plan.is_worth)(parts, events) {
            let first_left = plan.bases.get(parts.max(1)).copied();
            planner.bar(first_left.unwrap_or(plan.range.end));
            return Ok(None);
        }
        Ok(gathered.merged().map(|block| (block, parts)))
    }

    fn note_spoilt(&self, base: Position, block: &Block, spoilt: &Spoilt) {
        let Spoilt { frame, cause } = spoilt;
        let frame = *frame;
        let start = block.frame_start(frame) as u64;
        let count = u64::from(block.header().count);
        let end =
            if frame + 1 < block.frames() { block.frame_start(frame + 1) as u64 } else { count };
        self.note_damage(base.plus(start), base.plus(end), cause);
    }

    fn put_in_place(
        &self,
        range: Range<Position>,
        bases: &[Position],
        block: Block,
        progress: &mut Progress,
    ) -> Result<Option<Merged>, StoreError> {
        let reshaping = self.merging.reshaping.lock();
        if !self.index.read().holds(bases) {
            return Ok(Some(Merged::default()));
        }
        let merged = Merged { blocks: bases.len() as u64, events: block.header().count.into() };
        match self.store.replace(range.clone(), &block) {
            Ok(()) => {
                self.swap(range, &block);
                Ok(Some(merged))
            }
            Err(StoreError::Rejected { store, cause }) => {
                // The store knows something of these that the index does not.
                tracing::warn!(%store, %cause, from = %range.start, "blocks are not merged");
                progress.planner.settle(range.end);
                Ok(Some(Merged::default()))
            }
            Err(error) => {
                if error.outcome() == Outcome::Unknown {
                    progress.unsettled = Some((range, block));
                }
                drop(reshaping);
                if let Some(reason) = error.pause().filter(|_| self.is_open()) {
                    self.pause(reason);
                }
                // It may be there already: then nobody has to miss it until the store
                // can be written again.
                let _ = self.settle_merge(progress);
                Err(error)
            }
        }
    }

    /// Tells the index that a merged block is there, if its store failed when it was
    /// put.
    fn settle_merge(&self, progress: &mut Progress) -> Result<(), StoreError> {
        let Some((range, block)) = &progress.unsettled else { return Ok(()) };
        let _reshaping = self.merging.reshaping.lock();
        let there = self.store.read(range.start)?;
        if there.as_ref() == Some(block) {
            self.swap(range.clone(), block);
        }
        progress.unsettled = None;
        Ok(())
    }

    /// What stands in `range` is this block from now on.
    fn swap(&self, range: Range<Position>, block: &Block) {
        let slot = Slot::new(range.start, block.bytes().len() as u64, block.header());
        let replaced = self.index.write().replace(range, slot);
        self.cache.lock().remove(&replaced);
    }
}
