//! What does the sealer get, and when is a boot at its end?

use std::time::Duration;

use super::{Gate, Phase};
use crate::clock::Timestamp;
use crate::loss::{LossRecord, to_tell};
use crate::queue::buffer::Ring;
use crate::queue::jobs::Job;
use crate::tally::LossReason;

/// What the sealer has taken out of the buffer and not made a block of yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) events: u64,
    pub(super) first_seq: u64,
    /// Grows when these events are counted lost: the sealer drops them then.
    pub(super) epoch: u64,
    pub(super) lost_as: Option<LossReason>,
    pub(super) tells_losses: bool,
}

/// What the sealer does next.
#[derive(Debug)]
pub(in crate::queue) enum Take {
    /// Its ring now has the buffer's events, perhaps none; `own` goes after them.
    Taken { own: Option<LossRecord>, epoch: u64, waiting_since: Duration },
    /// Everything else is settled: this event ends the boot.
    Finale { own: LossRecord, epoch: u64 },
    /// Nothing to do, for so long or until woken.
    Wait(Option<Duration>),
    /// See to the spool first.
    Spool,
    /// The queue is closed.
    Done,
}

impl Gate {
    /// Gives the sealer, whose `ring` is empty, what it should seal next.
    pub(in crate::queue) fn take(
        &mut self,
        ring: &mut Ring,
        now: Timestamp,
        mono: Duration,
    ) -> Take {
        if self.phase == Phase::Closed {
            return Take::Done;
        }
        self.note_waiting(mono);
        if self.has_chore(mono) {
            return Take::Spool;
        }
        if !self.may_seal() || !self.jobs.has_slot() {
            return Take::Wait(None);
        }
        let due_in = self.misses.due_in(&self.tally, mono);
        let due = due_in == Some(Duration::ZERO) && self.phase == Phase::Running;
        if self.buffer.is_empty() && !due {
            return self.take_nothing(due_in, now, mono);
        }
        if let Some(wait) = self.linger(mono) {
            return Take::Wait(Some(wait));
        }
        let first_seq = self.buffer.first_seq().unwrap_or(self.tally.offered + 1);
        std::mem::swap(ring, &mut self.buffer);
        let own = due.then(|| self.own_event(now, mono));
        self.held.first_seq = first_seq;
        self.held.events = ring.len() as u64 + u64::from(own.is_some());
        self.held.tells_losses = own.is_some();
        let waiting_since = self.waiting_since.take().unwrap_or(mono);
        Take::Taken { own, epoch: self.held.epoch, waiting_since }
    }

    /// Remembers when the buffer's oldest event was first seen.
    pub(in crate::queue) fn note_waiting(&mut self, mono: Duration) {
        if !self.buffer.is_empty() {
            self.waiting_since.get_or_insert(mono);
        }
    }

    fn take_nothing(&mut self, due_in: Option<Duration>, now: Timestamp, mono: Duration) -> Take {
        if self.phase != Phase::Closing {
            return Take::Wait(due_in);
        }
        if !self.jobs.is_empty() {
            return Take::Wait(None);
        }
        let nothing_to_end = self.sealed_blocks == 0 && to_tell(&self.tally) == 0;
        if self.finale_sealed || self.finale_made || nothing_to_end {
            if self.drains_on() {
                return Take::Wait(None);
            }
            self.phase = Phase::Closed;
            return Take::Done;
        }
        self.finale_made = true;
        let own = self.own_event(now, mono);
        self.held.first_seq = own.seq();
        self.held.events = 1;
        self.held.tells_losses = own.tells_losses();
        Take::Finale { own, epoch: self.held.epoch }
    }

    /// A loss record, or the end of a boot in which nothing went missing.
    fn own_event(&mut self, now: Timestamp, mono: Duration) -> LossRecord {
        self.tally.count_taken(1);
        self.tally.own += 1;
        self.misses.tell(self.tally, now, mono)
    }

    /// Whether what the sealer holds was counted lost meanwhile, and as what.
    pub(in crate::queue) fn lost_since(&self, epoch: u64) -> Option<LossReason> {
        self.held.lost_as.filter(|_| self.held.epoch != epoch)
    }

    /// Whether a block of everything that the sealer holds would be the last of a
    /// boot in which nothing went missing.
    pub(in crate::queue) fn ends_here(&self) -> bool {
        self.phase == Phase::Closing
            && self.buffer.is_empty()
            && self.jobs.is_empty()
            && to_tell(&self.tally) == 0
    }

    /// Takes a sealed block of the events held since `epoch`; gives it back with
    /// the reason if they were counted lost meanwhile. `next_seq` is the first
    /// number that the sealer still holds.
    pub(in crate::queue) fn submit(
        &mut self,
        job: Job,
        epoch: u64,
        next_seq: u64,
    ) -> Option<(Job, LossReason)> {
        if let Some(reason) = self.lost_since(epoch) {
            return Some((job, reason));
        }
        self.held.events -= job.events;
        self.held.first_seq = next_seq;
        self.held.tells_losses &= !job.tells_losses;
        self.finale_sealed |= job.last;
        self.sealed_blocks += 1;
        self.jobs.push(job);
        None
    }
}
