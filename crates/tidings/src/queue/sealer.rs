//! How do waiting events become blocks?
//!
//! One sealer takes the whole buffer by exchanging it for an empty one, makes
//! blocks of it, numbers them densely and hands each over when there is a slot.
//! One event waiting makes a block at once; what comes while every slot is taken
//! makes bigger ones.

use super::buffer::{Item, Ring};
use super::gate::Take;
use super::jobs::{Job, Sealed};
use super::receipt::{Fate, Ticket};
use super::shared::{Shared, Slot};
use super::spool::Spool;
use super::spooler;
use crate::block::{Block, BlockBuilder};
use crate::event::Event;
use crate::loss::LossRecord;
use crate::sync::Arc;
use crate::tally::LossReason;
use std::time::Duration;

/// What a step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something; step again.
    Did,
    /// Nothing could be done.
    Idle,
    /// The queue is closed: never step again.
    Done,
}

/// Makes blocks; one for each queue.
#[derive(Debug)]
pub(super) struct Sealer {
    shared: Arc<Shared>,
    spool: Option<Arc<Spool>>,
    builder: BlockBuilder,
    /// Exchanged for the buffer; what is in it has been taken.
    ring: Ring,
    /// Goes after what is in the ring.
    own: Option<Own>,
    epoch: u64,
    waiting_since: Duration,
    next_number: u64,
}

/// An event of the queue's own, with its text.
#[derive(Debug)]
struct Own {
    made: LossRecord,
    event: Event,
    ends_boot: bool,
}

/// A block, and what its job has to know.
struct Built {
    block: Option<Block>,
    first_seq: u64,
    tells_losses: bool,
    last: bool,
    tickets: Vec<(u64, Ticket)>,
}

impl Sealer {
    pub(super) fn new(shared: Arc<Shared>, spool: Option<Arc<Spool>>) -> Sealer {
        let boot = shared.gate().boot;
        Sealer {
            builder: BlockBuilder::new(shared.origin, boot),
            ring: Ring::new(shared.settings.buffer_events_max, shared.settings.buffer_bytes_max),
            own: None,
            epoch: 0,
            waiting_since: Duration::ZERO,
            next_number: 1,
            shared,
            spool,
        }
    }

    /// Takes the buffer, or seals one block of what was taken.
    pub(super) fn step(&mut self, may_wait: bool) -> Step {
        if !self.holds_any() {
            return self.take(may_wait);
        }
        match self.shared.slot(self.epoch, may_wait) {
            Slot::None => return Step::Idle,
            Slot::Lost(reason) => self.drop_lost(reason),
            Slot::Spool => return self.carry(),
            Slot::Free { ends_here } => self.seal(ends_here),
        }
        Step::Did
    }

    fn holds_any(&self) -> bool {
        !self.ring.is_empty() || self.own.is_some()
    }

    fn take(&mut self, may_wait: bool) -> Step {
        let (own, epoch, waiting_since, ends_boot) = match self
            .shared
            .take(&mut self.ring, may_wait)
        {
            Take::Wait(_) => return Step::Idle,
            Take::Spool => return self.carry(),
            Take::Done => return Step::Done,
            Take::Taken { own, epoch, waiting_since } => (own, epoch, waiting_since, false),
            Take::Finale { own, epoch } => (Some(own), epoch, self.shared.clock.monotonic(), true),
        };
        self.epoch = epoch;
        self.waiting_since = waiting_since;
        self.own = own.map(|made| {
            if made.tells_losses() {
                super::logs::losses(&self.shared, &made.tally);
            }
            Own { event: made.event(), made, ends_boot }
        });
        Step::Did
    }

    fn carry(&self) -> Step {
        self.spool.as_ref().map_or(Step::Idle, |spool| spooler::carry(&self.shared, spool))
    }

    fn seal(&mut self, ends_here: bool) {
        let built = self.build(ends_here);
        let Some(block) = built.block else { return };
        let next_seq = self
            .ring
            .first_seq()
            .or(self.own.as_ref().map(|own| own.made.seq()))
            .unwrap_or(u64::MAX);
        let sealed = Sealed {
            number: self.next_number,
            first_seq: built.first_seq,
            waiting_since: self.waiting_since,
            tells_losses: built.tells_losses,
            last: built.last,
            tickets: built.tickets,
        };
        self.next_number += 1;
        self.shared.submit(Job::new(block, sealed), self.epoch, next_seq);
    }

    fn build(&mut self, ends_here: bool) -> Built {
        let received = self.shared.clock.now();
        let member = &*self.shared.member;
        let mut first_seq = None;
        let mut tickets = Vec::new();
        while !self.builder.is_full()
            && let Some(item) = self.ring.pop()
        {
            first_seq.get_or_insert(item.seq);
            self.builder.push(&self.ring.entry(&item, member, received));
            let place = self.builder.len() as u64 - 1;
            tickets.extend(item.into_ticket().map(|ticket| (place, ticket)));
        }
        let mut tells_losses = false;
        let mut last = ends_here && self.ring.is_empty() && self.own.is_none();
        if self.ring.is_empty()
            && !self.builder.is_full()
            && let Some(own) = self.own.take()
        {
            let item = Item::own(own.made.seq(), own.made.added, own.event);
            first_seq.get_or_insert(item.seq);
            self.builder.push(&self.ring.entry(&item, member, received));
            tells_losses = own.made.tells_losses();
            last = own.ends_boot;
        }
        Built {
            block: self.builder.seal(self.next_number, last),
            first_seq: first_seq.unwrap_or_default(),
            tells_losses,
            last,
            tickets,
        }
    }

    fn drop_lost(&mut self, reason: LossReason) {
        self.own = None;
        while let Some(item) = self.ring.pop() {
            if let Some(ticket) = item.into_ticket() {
                ticket.settle(Fate::of_loss(reason));
            }
        }
    }
}

/// The sealer's thread.
pub(super) fn run(shared: Arc<Shared>, spool: Option<Arc<Spool>>) {
    let mut sealer = Sealer::new(shared, spool);
    while sealer.step(true) != Step::Done {}
}
