//! Do blocks go to the sink or to the spool? What the gate knows of the spool.
//!
//! Blocks are diverted to the spool from the moment that the sink is paused or a
//! put fails, until no event of this boot is left there: so the sink gets what is
//! older first. A spool that fails is *down*: a paused queue discards then, and one
//! that is not paused holds what it has.

use std::time::Duration;

use super::{Gate, Phase, Swept};
use crate::block::Block;
use crate::clock::Timestamp;
use crate::queue::jobs::{Job, Pick, rest};
use crate::queue::spool::{Drained, Share};
use crate::tally::LossReason;

/// While blocks are diverted, a block takes what comes in so much time: they are
/// put one after the other later.
const SPOOL_LINGER: Duration = Duration::from_millis(100);
/// How long after a failure the spool is tried again.
pub(in crate::queue) const SPOOL_REST: Duration = Duration::from_secs(5);

/// What the gate knows of the spool.
#[derive(Debug)]
pub(in crate::queue) struct Spooling {
    /// Blocks are diverted.
    on: bool,
    /// It failed, and is tried again then, on the monotonic clock.
    down_until: Option<Duration>,
    appends: u64,
    appended_at: Option<Duration>,
    drain: Drain,
    /// Numbers of blocks that may be in it although the books have them elsewhere.
    /// Both lists grow with outcomes that nobody knows, and shrink as these settle.
    strays: Vec<u64>,
    /// Numbers of blocks in it that the sink may have although nobody said so.
    doubts: Vec<u64>,
}

/// The way from the spool to the sink: one block at a time.
#[derive(Debug)]
struct Drain {
    /// The spool may hold blocks, of this boot or of an earlier one.
    any: bool,
    /// Its front is being put.
    busy: bool,
    /// The last pick was its front: new blocks are next.
    picked_last: bool,
    due: Duration,
    attempts: u32,
}

/// What the sealer does for the spool.
#[derive(Debug)]
pub(in crate::queue) enum Chore {
    /// Append this block, which is a job still.
    Append { number: u64, block: Block },
    /// See whether it takes blocks again.
    Mend,
}

impl Spooling {
    pub(super) fn new(any: bool) -> Spooling {
        Spooling {
            on: false,
            down_until: None,
            appends: 0,
            appended_at: None,
            drain: Drain { any, busy: false, picked_last: false, due: Duration::ZERO, attempts: 0 },
            strays: Vec::new(),
            doubts: Vec::new(),
        }
    }

    pub(super) fn is_down(&self) -> bool {
        self.down_until.is_some()
    }
}

impl Drain {
    fn failed(&mut self, number: u64, mono: Duration) {
        self.attempts = self.attempts.saturating_add(1);
        self.due = mono + rest(number, self.attempts, false);
    }
}

impl Gate {
    /// From now on with a spool; `any`: it is not empty.
    pub(in crate::queue) fn with_spool(mut self, any: bool) -> Gate {
        self.spool = Some(Spooling::new(any));
        self
    }

    /// Whether sealed blocks go straight to the sink.
    pub(super) fn goes_direct(&self) -> bool {
        self.spool
            .as_ref()
            .is_none_or(|spool| !spool.on || (spool.is_down() && self.tally.spooled == 0))
    }

    /// Whether the spool may hold blocks, of this boot or of an earlier one.
    pub(in crate::queue) fn may_hold_spooled(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| spool.drain.any)
    }

    pub(super) fn has_working_spool(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| !spool.is_down())
    }

    /// Whether blocks may be sealed, for wherever they go.
    pub(super) fn may_seal(&self) -> bool {
        if self.goes_direct() {
            return self.may_put();
        }
        self.phase > Phase::Fresh && self.has_working_spool()
    }

    /// Diverts blocks to the spool, if it works.
    pub(in crate::queue) fn divert(&mut self) {
        if let Some(spool) = &mut self.spool {
            spool.on |= !spool.is_down();
        }
    }

    /// How long the sealer lets events gather for the next block of the spool.
    pub(super) fn linger(&self, mono: Duration) -> Option<Duration> {
        let appended_at = self.spool.as_ref()?.appended_at?;
        if self.goes_direct() || self.phase != Phase::Running || self.buffer.len() >= self.half() {
            return None;
        }
        Some((appended_at + SPOOL_LINGER).saturating_sub(mono)).filter(|wait| !wait.is_zero())
    }

    /// How many buffered events wake a sealer that waits although there are some.
    pub(in crate::queue) fn wake_at_waiting(&self) -> usize {
        if self.goes_direct() { usize::MAX } else { self.half() }
    }

    fn half(&self) -> usize {
        (self.events_max / 2).max(1)
    }

    /// Whether the sealer has something to do for the spool.
    pub(in crate::queue) fn has_chore(&self, mono: Duration) -> bool {
        let Some(spool) = &self.spool else { return false };
        match spool.down_until {
            _ if matches!(self.phase, Phase::Fresh | Phase::Closed) => false,
            Some(until) => mono >= until,
            None => spool.on && !self.jobs.is_empty(),
        }
    }

    /// What to do for the spool next. A block that is to be appended is the
    /// spool's from now on: what a put of it comes to changes nothing any more.
    pub(in crate::queue) fn chore(&mut self, mono: Duration) -> Option<Chore> {
        if !self.has_chore(mono) {
            return None;
        }
        if !self.has_working_spool() {
            return Some(Chore::Mend);
        }
        self.jobs.spool_first().map(|(number, block)| Chore::Append { number, block })
    }

    /// The block is in the spool; gives its job back, for the receipts.
    pub(in crate::queue) fn spooled(&mut self, number: u64, mono: Duration) -> Option<Job> {
        let job = self.jobs.remove(number);
        let spool = self.spool.as_mut()?;
        spool.drain.any = true;
        spool.appends += 1;
        spool.appended_at = Some(mono);
        let job = job?;
        // Until it is empty again, also if that was decided otherwise meanwhile.
        spool.on = true;
        spool.strays.retain(|stray| *stray != number);
        if job.is_doubtful() {
            spool.doubts.push(number);
        }
        self.tally.count_spooled(job.events);
        if job.tells_losses {
            self.misses.told();
        }
        Some(job)
    }

    /// The spool did not take the block. `perhaps`: or nobody knows.
    pub(in crate::queue) fn spool_failed(
        &mut self,
        number: u64,
        perhaps: bool,
        now: Timestamp,
        mono: Duration,
        swept: &mut Swept,
    ) {
        self.jobs.unspool(number, perhaps);
        if let Some(spool) = &mut self.spool {
            spool.drain.any |= perhaps;
            if perhaps && !spool.strays.contains(&number) {
                spool.strays.push(number);
            }
            spool.down_until = Some(mono + SPOOL_REST);
        }
        if self.discards() && self.phase == Phase::Running {
            self.sweep_discarded(LossReason::SpoolFailed, now, swept);
        }
        self.settle_route();
    }

    /// Whether a spool that was down takes blocks again.
    pub(in crate::queue) fn mended(&mut self, works: bool, mono: Duration) {
        let paused = !self.pauses.is_empty();
        if let Some(spool) = &mut self.spool {
            spool.down_until = (!works).then_some(mono + SPOOL_REST);
            spool.on |= works && (paused || self.tally.spooled > 0);
        }
    }

    /// The time has come to close: what is down is tried again at once.
    pub(super) fn hurry_spool(&mut self) {
        if let Some(spool) = &mut self.spool {
            spool.down_until = spool.down_until.map(|_| Duration::ZERO);
            spool.drain.due = Duration::ZERO;
        }
    }

    /// A put has failed: what comes after it waits in the spool behind it.
    pub(super) fn divert_after(&mut self, number: u64, mono: Duration) {
        self.divert();
        if let Some(spool) = self.spool.as_mut().filter(|spool| !spool.drain.busy) {
            spool.drain.failed(number, mono);
        }
    }

    /// Blocks go straight to the sink again when nothing older is left.
    pub(super) fn settle_route(&mut self) {
        let (paused, spooled) = (!self.pauses.is_empty(), self.tally.spooled);
        if let Some(spool) = &mut self.spool
            && !paused
            && spooled == 0
            && (self.jobs.is_empty() || spool.is_down())
        {
            spool.on = false;
        }
    }

    /// What a worker does next, when there is a spool. Its front and new blocks
    /// take turns.
    pub(super) fn pick_in_turn(&mut self, mono: Duration) -> Pick {
        let drain = self.drain_wait(mono);
        let is_due = drain == Some(Duration::ZERO);
        let picked_last = self.spool.as_ref().is_some_and(|spool| spool.drain.picked_last);
        let pick = match () {
            () if is_due && !picked_last => Pick::Wait(None),
            () if self.goes_direct() => self.jobs.pick(mono),
            () => Pick::Wait(None),
        };
        let Some(spool) = &mut self.spool else { return pick };
        spool.drain.picked_last = false;
        let Pick::Wait(wait) = pick else { return pick };
        if !is_due {
            return Pick::Wait(wait.into_iter().chain(drain).min());
        }
        if let Err(wait) = self.jobs.take_pace(mono) {
            return Pick::Wait(Some(wait));
        }
        spool.drain.busy = true;
        spool.drain.picked_last = true;
        Pick::Drain { appends: spool.appends }
    }

    /// How long until the spool's front may be put; `None` while it may not.
    fn drain_wait(&self, mono: Duration) -> Option<Duration> {
        let spool = self.spool.as_ref()?;
        // What may be a stray of a job is settled before it can leave the spool.
        let settled = !spool.strays.iter().any(|number| self.jobs.has(*number));
        let may = spool.drain.any && !spool.drain.busy && self.pauses.is_empty() && settled;
        may.then(|| spool.drain.due.saturating_sub(mono))
    }

    /// Whether closing waits for the spool: as long as the sink takes its blocks.
    pub(super) fn drains_on(&self) -> bool {
        let Some(spool) = &self.spool else { return false };
        spool.drain.any && self.pauses.is_empty() && spool.drain.attempts == 0
    }

    /// Books what became of the spool's front. `appends` is that of the pick.
    pub(in crate::queue) fn drained(
        &mut self,
        drained: &Drained,
        appends: u64,
        now: Timestamp,
        mono: Duration,
    ) {
        let Some(spool) = &mut self.spool else { return };
        spool.drain.busy = false;
        match drained {
            Drained::Empty if spool.appends == appends => {
                spool.drain.any = false;
                spool.strays.retain(|number| self.jobs.has(*number));
            }
            Drained::Empty => {}
            Drained::Again { share, perhaps, .. } => {
                spool.drain.failed(appends, mono);
                if let Some(number) = share.and_then(|share| share.number.filter(|_| share.own))
                    && *perhaps
                    && !spool.doubts.contains(&number)
                {
                    spool.doubts.push(number);
                }
            }
            Drained::Stored(share) => {
                self.left_the_spool(*share, |gate, events, _| gate.tally.count_stored(events));
            }
            Drained::Lost { share, reason, certain, .. } => {
                self.left_the_spool(*share, |gate, events, doubtful| {
                    let unknown = doubtful && !certain;
                    let reason = if unknown { LossReason::Unknown } else { *reason };
                    gate.tally.count_lost(reason, events);
                    gate.misses.reopen(share.first_seq);
                    gate.misses.note(|| now);
                    gate.misses.stamp(now);
                });
            }
        }
        self.settle_route();
    }

    fn left_the_spool(&mut self, share: Share, book: impl FnOnce(&mut Gate, u64, bool)) {
        let Some(spool) = &mut self.spool else { return };
        spool.drain.attempts = 0;
        spool.drain.due = Duration::ZERO;
        let take = |numbers: &mut Vec<u64>| {
            let at = numbers.iter().position(|number| Some(*number) == share.number);
            at.map(|at| numbers.swap_remove(at)).is_some()
        };
        let is_booked = share.own && self.phase != Phase::Closed;
        if !is_booked || take(&mut spool.strays) {
            return;
        }
        let doubtful = take(&mut spool.doubts);
        let events = share.events.min(self.tally.spooled);
        self.tally.count_unspooled(events);
        book(self, events, doubtful);
    }
}
