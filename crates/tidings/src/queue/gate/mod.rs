//! May it come in, and where is everything that did?
//!
//! The state that the queue's one short lock guards, as plain data with plain
//! transitions: books, pauses, buffer, and the blocks on their way. Nothing here
//! allocates, reads files or waits; what has to be dropped is handed out, to be
//! dropped after the lock.
//!
//! An accepted event is in exactly one place: the buffer, the sealer's hands
//! ([`Held`]), or a [`Job`]. `pending` is their sum, always.

mod entering;
mod spooling;
mod taking;

use std::time::Duration;

use super::buffer::Ring;
use super::builder::{Settings, WhenPaused};
use super::jobs::{Job, Jobs, Pick, Retry, Settled};
use super::loss::Misses;
use crate::clock::Timestamp;
use crate::id::Boot;
use crate::pause::{PauseReason, PauseSet, State};
use crate::store::{Placed, StoreError};
use crate::tally::{LossReason, Tally};

pub(super) use spooling::Chore;
#[cfg(test)]
pub(super) use spooling::SPOOL_REST;
use spooling::Spooling;
use taking::Held;
pub(super) use taking::Take;

/// How far a queue has come in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Made, not started: takes events, stores none.
    Fresh,
    Running,
    /// Takes no more, stores what it has, pauses or not.
    Closing,
    Closed,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) boot: Boot,
    pub(super) phase: Phase,
    pub(super) tally: Tally,
    pub(super) jobs: Jobs,
    pub(super) misses: Misses,
    events_max: usize,
    bytes_max: usize,
    discards_when_paused: bool,
    spool: Option<Spooling>,
    pauses: PauseSet,
    since: Timestamp,
    buffer: Ring,
    held: Held,
    /// When the buffer's oldest event was first seen by the sealer, on the
    /// monotonic clock: events grow old by it, not by jumps of the time of day.
    waiting_since: Option<Duration>,
    /// How many buffered events wake the sealer.
    pub(super) wake_at: usize,
    /// A block that says it is the boot's last is on its way or stored.
    finale_sealed: bool,
    /// The event that ends the boot has been made; there is one only.
    finale_made: bool,
    sealed_blocks: u64,
}

/// What was taken out of the gate, to be settled and dropped after the lock.
#[derive(Debug)]
pub(super) struct Swept {
    ring: Ring,
    ring_reason: LossReason,
    jobs: Vec<(Job, LossReason)>,
    pub(super) events: u64,
}

impl Swept {
    /// An empty one with room for everything; made before the lock.
    pub(super) fn with_room(settings: &Settings) -> Swept {
        Swept {
            ring: Ring::new(settings.buffer_events_max, settings.buffer_bytes_max),
            ring_reason: LossReason::Paused,
            jobs: Vec::with_capacity(settings.workers),
            events: 0,
        }
    }

    /// Tells every receipt, and drops.
    pub(super) fn settle(mut self) {
        while let Some(item) = self.ring.pop() {
            if let Some(ticket) = item.into_ticket() {
                ticket.settle(super::receipt::Fate::of_loss(self.ring_reason));
            }
        }
        for (job, reason) in self.jobs {
            job.settle_lost(reason);
        }
    }
}

impl Gate {
    pub(super) fn new(boot: Boot, settings: &Settings, jobs: Jobs) -> Gate {
        Gate {
            boot,
            phase: Phase::Fresh,
            tally: Tally::default(),
            jobs,
            misses: Misses::default(),
            events_max: settings.buffer_events_max,
            bytes_max: settings.buffer_bytes_max,
            // In a forked child there is no spool.
            discards_when_paused: settings.when_paused != WhenPaused::Hold,
            spool: None,
            pauses: PauseSet::new(),
            since: settings.clock.now(),
            buffer: Ring::new(settings.buffer_events_max, settings.buffer_bytes_max),
            held: Held::default(),
            waiting_since: None,
            wake_at: 1,
            finale_sealed: false,
            finale_made: false,
            sealed_blocks: 0,
        }
    }

    fn discards(&self) -> bool {
        let discards = self.spool.as_ref().map_or(self.discards_when_paused, Spooling::is_down);
        discards && !self.pauses.is_empty()
    }

    /// Whether a put may start. Closing is the last chance, pauses or not, of what
    /// no spool keeps.
    pub(super) fn may_put(&self) -> bool {
        match self.phase {
            Phase::Running => self.pauses.is_empty(),
            Phase::Closing => self.pauses.is_empty() || !self.has_working_spool(),
            Phase::Fresh | Phase::Closed => false,
        }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closing | Phase::Closed => State::Closed,
            Phase::Fresh => {
                let mut reasons = self.pauses;
                reasons.insert(PauseReason::Manual);
                State::Paused { reasons, since: self.since }
            }
            Phase::Running if self.pauses.is_empty() => State::Running,
            Phase::Running => State::Paused { reasons: self.pauses, since: self.since },
        }
    }

    /// Begins to put; says whether that is new.
    pub(super) fn start(&mut self) -> bool {
        let first = self.phase == Phase::Fresh;
        if first {
            self.phase = Phase::Running;
        }
        first
    }

    /// Sets a reason; under `Discard` sweeps out what nobody may put any more.
    pub(super) fn suspend(&mut self, reason: PauseReason, now: Timestamp, swept: &mut Swept) {
        if self.phase >= Phase::Closing {
            return;
        }
        if self.pauses.is_empty() {
            self.since = now;
        }
        self.pauses.insert(reason);
        self.divert();
        if self.discards() {
            let spool = self.spool.is_some();
            let reason = if spool { LossReason::SpoolFailed } else { LossReason::Paused };
            self.sweep_discarded(reason, now, swept);
        }
    }

    fn sweep_discarded(&mut self, reason: LossReason, now: Timestamp, swept: &mut Swept) {
        self.sweep_buffer(reason, swept);
        // A put in flight, or one of unknown outcome, may be in the store: what
        // became of it is found out, now or after the pause.
        while let Some(job) = self.jobs.remove_untried_or_failed() {
            self.lose_job(job, reason, swept);
        }
        self.note_swept(now, swept);
    }

    /// Lifts a reason; says whether the queue runs (again).
    pub(super) fn resume(&mut self, reason: PauseReason, now: Timestamp) -> bool {
        if !self.pauses.remove(reason) || !self.pauses.is_empty() {
            return false;
        }
        self.misses.stamp(now);
        self.misses.resumed(&self.tally);
        self.jobs.hurry();
        self.hurry_spool();
        self.settle_route();
        self.phase == Phase::Running
    }

    /// Closes the inbound side; what is inside gets its last chance.
    pub(super) fn begin_close(&mut self) {
        if self.phase < Phase::Closing {
            self.phase = Phase::Closing;
            self.jobs.hurry();
            self.jobs.close();
            self.hurry_spool();
        }
    }

    /// The time is up: whatever is inside is lost, and the books are final.
    pub(super) fn abandon(&mut self, now: Timestamp, swept: &mut Swept) {
        if self.phase == Phase::Closed {
            return;
        }
        self.sweep_buffer(LossReason::Closed, swept);
        while let Some(job) = self.jobs.remove_any() {
            let reason = if job.may_be_stored() { LossReason::Unknown } else { LossReason::Closed };
            self.lose_job(job, reason, swept);
        }
        self.note_swept(now, swept);
        self.phase = Phase::Closed;
    }

    fn sweep_buffer(&mut self, reason: LossReason, swept: &mut Swept) {
        let events = self.buffer.len() as u64 + self.held.events;
        std::mem::swap(&mut self.buffer, &mut swept.ring);
        swept.ring_reason = reason;
        self.waiting_since = None;
        if self.held.events > 0 {
            self.held.events = 0;
            self.held.epoch += 1;
            self.held.lost_as = Some(reason);
            if std::mem::take(&mut self.held.tells_losses) {
                self.misses.not_told();
            }
        }
        self.tally.count_lost(reason, events);
        swept.events += events;
    }

    fn lose_job(&mut self, job: Job, reason: LossReason, swept: &mut Swept) {
        self.tally.count_lost(reason, job.events);
        if job.tells_losses {
            self.misses.not_told();
        }
        swept.events += job.events;
        swept.jobs.push((job, reason));
    }

    fn note_swept(&mut self, now: Timestamp, swept: &Swept) {
        if swept.events > 0 {
            self.misses.note(|| now);
            self.misses.stamp(now);
        }
    }

    /// Gives a worker the next block to put, if a put may start.
    pub(super) fn pick(&mut self, mono: Duration) -> Pick {
        match self.phase {
            Phase::Closed => Pick::Done,
            _ if !self.may_put() => Pick::Wait(None),
            _ if self.spool.is_some() => self.pick_in_turn(mono),
            _ => self.jobs.pick(mono),
        }
    }

    /// Books what a put has come to.
    pub(super) fn settle(
        &mut self,
        number: u64,
        put: &Result<Placed, StoreError>,
        now: Timestamp,
        mono: Duration,
    ) -> Settled {
        let discards = self.discards() && self.phase == Phase::Running;
        let retry = if discards { Retry::UnknownOnly } else { Retry::All };
        let settled = self.jobs.settle(number, put, retry, mono);
        match &settled {
            Settled::Stored { job, .. } => {
                self.tally.count_stored(job.events);
                if job.tells_losses {
                    self.misses.told();
                }
            }
            Settled::Lost { job, reason } => {
                self.tally.count_lost(*reason, job.events);
                if job.tells_losses {
                    self.misses.not_told();
                }
                self.misses.note(|| now);
                self.misses.stamp(now);
                self.finale_sealed &= !job.last;
            }
            Settled::Again { .. } => self.divert_after(number, mono),
            Settled::Late if self.spool.is_some() && self.phase != Phase::Closed => {
                return Settled::Elsewhere;
            }
            Settled::Elsewhere | Settled::Late => {}
        }
        self.settle_route();
        settled
    }

    /// The lowest number that is neither stored nor lost; `None` if all are.
    pub(super) fn first_pending(&self) -> Option<u64> {
        let held = (self.held.events > 0).then_some(self.held.first_seq);
        [self.jobs.first_seq(), held, self.buffer.first_seq()].into_iter().flatten().min()
    }

    /// Whether no event waits in the buffer.
    pub(super) fn is_drained(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Events that are somewhere inside, counted one by one place.
    #[cfg(feature = "testing")]
    pub(super) fn inside(&self) -> u64 {
        self.buffer.len() as u64 + self.held.events + self.jobs.events()
    }
}
