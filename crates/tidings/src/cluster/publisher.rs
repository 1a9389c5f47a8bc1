//! How do own events get to the others? One publication at a time, in order.
//!
//! Publications have numbers of their own, dense in each boot. What is put under a
//! number never changes: a [`Plan`] is noted before the first try, and says after a
//! crash which blocks to put together again. One block alone, whole, needs no plan:
//! it is what is put first where there is none. So an idle member's event goes out
//! without a second write to the disk.

use std::task::{Context, Poll};
use std::time::Duration;

use super::backoff::Backoff;
use super::guard::Guard;
use super::linger::{Linger, PUBLICATION_SPACING};
use super::noted::noted;
use super::outlet::Orders;
use super::packing::{LeftOut, PUBLICATION_EVENTS_MAX, Packed, Packer, Publication, Reach};
use super::parcel::{ALL, Parcel, Settled};
use super::plan::{PROGRESS_NOTE, Plan, Progress};
use super::presenter::Presenter;
use super::{ClusterOptions, PRESENCE_BEAT, Shared};
use crate::clock::Timestamp;
use crate::id::Position;
use crate::log::{Core, Log};
use crate::pause::PauseReason;
use crate::sharing::Unshared;
use crate::store::{Note, Outcome, StoreError, Waiting};

/// What the publishing thread knows.
pub(super) struct Publisher {
    packer: Packer,
    linger: Linger,
    backoff: Backoff,
    presenter: Presenter,
    guard: Guard,
    /// `None` until the note was read.
    progress: Option<Progress>,
    /// Until one publication of this process is settled: an earlier process may
    /// have put something under the next number.
    inherits: bool,
    /// Numbers that were found taken, one after the other.
    taken_numbers: u64,
    parcel: Option<Parcel>,
    /// More waits than the last publication could take.
    is_full: bool,
    oldest_waiting: Option<Timestamp>,
    /// Nothing is tried before this, on the clock that only goes forward.
    rests_until: Duration,
    /// Its number among those who wait for the log to grow.
    listener: u64,
}

impl Publisher {
    pub(super) fn new(log: &Log, options: &ClusterOptions) -> Publisher {
        let core = log.core();
        Publisher {
            packer: Packer::new(core.origin),
            linger: Linger::new(options.linger),
            backoff: Backoff::new(u64::from_be_bytes(core.boot.to_bytes())),
            presenter: Presenter::default(),
            guard: Guard::new(options.quota_bytes, core.options.retention),
            progress: None,
            inherits: true,
            taken_numbers: 0,
            parcel: None,
            is_full: false,
            oldest_waiting: None,
            rests_until: Duration::ZERO,
            listener: 0,
        }
    }

    /// Does what is due; says how long it may rest unless the bell rings.
    pub(super) fn step(&mut self, shared: &Shared) -> Duration {
        let orders = shared.outlet.orders();
        let now = shared.monotonic();
        if orders.hurry {
            self.rests_until = now;
            self.presenter.hurry();
        }
        let rest = self.rests_until.saturating_sub(now);
        if orders.rests {
            if orders.leaves_in.is_some() {
                shared.outlet.said_goodbye();
            }
            return PRESENCE_BEAT;
        }
        if !rest.is_zero() {
            return rest;
        }
        match self.work(shared, now, orders) {
            Ok(rest) => {
                self.backoff.succeed();
                if shared.outlet.answered() {
                    tracing::info!("sharing events with the other members again");
                    self.presenter.hurry();
                }
                rest
            }
            Err(error) => self.rest_after(shared, now, orders, &error),
        }
    }

    fn rest_after(
        &mut self,
        shared: &Shared,
        now: Duration,
        orders: Orders,
        error: &StoreError,
    ) -> Duration {
        let reason = error.pause().unwrap_or(PauseReason::StoreDown);
        let at = shared.log.core().now();
        let failed_before = shared.outlet.failed(reason, error.to_string(), at);
        if !failed_before {
            tracing::warn!(%error, "cannot share events with the other members, will try again");
        }
        if orders.leaves_in.is_some_and(|left| failed_before || left.is_zero()) {
            shared.outlet.said_goodbye();
        }
        let rest = self.backoff.fail();
        self.rests_until = now + rest;
        rest
    }

    fn work(
        &mut self,
        shared: &Shared,
        now: Duration,
        orders: Orders,
    ) -> Result<Duration, StoreError> {
        let core = shared.log.core();
        self.recall(core)?;
        let published = self.publish(shared, now, orders.leaves_in.is_some());
        self.tell_how_far(shared);
        let rest = published?;
        if orders.leaves_in.is_some_and(|left| left.is_zero() || core.first_waiting().is_none()) {
            self.present(shared, now, true)?;
            shared.outlet.said_goodbye();
        } else if self.presenter.is_due(now) {
            self.present(shared, now, false)?;
        }
        if orders.leaves_in.is_none() && self.guard.takes_turn(now) {
            self.look_at_the_quota(shared, now);
        }
        Ok(rest.min(self.presenter.rest(now)))
    }

    fn present(&mut self, shared: &Shared, now: Duration, left: bool) -> Result<(), StoreError> {
        let boot = shared.log.core().boot;
        let last = self.progress.and_then(|progress| progress.last);
        let published = last.filter(|(of, _)| *of == boot).map_or(0, |(_, number)| number);
        self.presenter.show(shared, now, published, left)
    }

    /// Not to know how full etcd is keeps nobody from publishing.
    fn look_at_the_quota(&mut self, shared: &Shared, now: Duration) {
        let status = match shared.commons.status() {
            Ok(status) => status,
            Err(error) => {
                tracing::debug!(%error, "cannot ask how full etcd is, will try again");
                return;
            }
        };
        let core = shared.log.core();
        let oldest = core.index.read().slots().first().map(|slot| slot.received.0);
        let age = oldest.map_or(Duration::ZERO, |oldest| core.now().since(oldest));
        let (estimate, event) = self.guard.look(now, &status, age);
        shared.outlet.estimated(estimate);
        if let Some(event) = event
            && let Err(error) = core.tell(&event)
        {
            tracing::debug!(%error, "cannot note how full etcd is");
        }
    }

    /// How far publishing had come when the last process ended.
    fn recall(&mut self, core: &Core) -> Result<(), StoreError> {
        if self.progress.is_some() {
            return Ok(());
        }
        let progress = noted(core, PROGRESS_NOTE, Progress::decode)?.unwrap_or_else(|cause| {
            tracing::error!(cause, "how far publishing had come is not known any more");
            None
        });
        self.progress = Some(progress.unwrap_or_default());
        Ok(())
    }

    /// Brings one publication further, or says how long there is nothing to do.
    fn publish(
        &mut self,
        shared: &Shared,
        now: Duration,
        leaves: bool,
    ) -> Result<Duration, StoreError> {
        let core = shared.log.core();
        if self.parcel.is_none()
            && let Some(rest) = self.pick(shared, now, leaves)?
        {
            return Ok(rest);
        }
        self.note_plan(core)?;
        self.put(shared, now)?;
        self.settle(core)?;
        Ok(Duration::ZERO)
    }

    /// Takes up what is to be published next; else how long to rest.
    fn pick(
        &mut self,
        shared: &Shared,
        now: Duration,
        leaves: bool,
    ) -> Result<Option<Duration>, StoreError> {
        let core = shared.log.core();
        let seen = core.index.read().next();
        let Some(first) = core.first_waiting() else {
            return Ok(Some(self.listen(shared, seen)));
        };
        let waiting = core.sharing().unwrap_or_default().waiting;
        let is_full = leaves || self.is_full || waiting >= PUBLICATION_EVENTS_MAX;
        let rest = self.linger.rest(now, is_full);
        if !rest.is_zero() {
            // Meanwhile as much may come as fills a publication.
            return Ok(Some(rest.min(PUBLICATION_SPACING)));
        }
        let waiting = core.waiting(first, PUBLICATION_EVENTS_MAX)?;
        self.oldest_waiting = oldest_in(&waiting).or(self.oldest_waiting);
        let progress = self.progress.unwrap_or_default();
        let inherited = progress.plan.filter(|_| self.inherits);
        let reach = match inherited {
            Some(plan) => Reach::Planned(plan),
            None if self.inherits => Reach::First,
            None => Reach::Full(self.guard.least()),
        };
        let number = |boot| match inherited {
            Some(plan) => plan.number,
            None => progress.next_number(boot),
        };
        match self.packer.pack(&waiting, reach, number) {
            Some(Packed::Publication(publication)) => {
                self.take_up(publication, inherited);
                return Ok(None);
            }
            Some(Packed::LeftOut(left_out)) => leave_out(core, &left_out)?,
            None => self.use_up_plan(),
        }
        Ok(Some(Duration::ZERO))
    }

    fn take_up(&mut self, publication: Publication, inherited: Option<Plan>) {
        let durable = self.progress.unwrap_or_default().plan;
        let is_ours = publication.name.is_some();
        let is_planned =
            !is_ours || inherited.is_some() || (durable.is_none() && publication.needs_no_plan());
        self.parcel = Some(Parcel {
            is_inherited: self.inherits && is_ours,
            is_planned,
            inherited,
            publication,
            may_be_there: false,
            settled: None,
        });
    }

    /// Nothing is left of what was planned: its number is used up, for a try of it
    /// may have arrived.
    fn use_up_plan(&mut self) {
        if let Some(progress) = &mut self.progress
            && let Some(plan) = progress.plan.take()
        {
            progress.last = Some((plan.boot, plan.number));
            // And nobody has tried the next one.
            self.inherits = false;
        }
    }

    fn note_plan(&mut self, core: &Core) -> Result<(), StoreError> {
        let (Some(parcel), Some(progress)) = (&mut self.parcel, &mut self.progress) else {
            return Ok(());
        };
        if parcel.is_planned {
            return Ok(());
        }
        // Also if that fails: it may be noted all the same, so that another plan in
        // its place has to be noted too.
        progress.plan = parcel.publication.plan();
        let noted = core.note(&[Note { name: PROGRESS_NOTE, value: &progress.encode() }]);
        match noted {
            Ok(()) => parcel.is_planned = true,
            // Nothing was tried: what waits then is looked at anew.
            Err(_) => self.parcel = None,
        }
        noted
    }

    fn put(&mut self, shared: &Shared, now: Duration) -> Result<(), StoreError> {
        let Some(parcel) = self.parcel.as_mut().filter(|parcel| parcel.settled.is_none()) else {
            return Ok(());
        };
        let events = parcel.publication.events;
        parcel.settled = Some(match shared.commons.put(&parcel.publication.block) {
            Ok(_) => parcel.published(),
            Err(error @ StoreError::Conflict { .. }) => {
                let Some(settled) = parcel.judge(&error) else {
                    self.skip_number();
                    return Ok(());
                };
                settled
            }
            Err(error) if error.pause().is_none() => {
                tracing::error!(%error, events, "events are refused and will not be shared");
                let takes_number = parcel.may_be_there || parcel.is_inherited;
                Settled { unshared: vec![(Unshared::Rejected, ALL)], takes_number }
            }
            Err(error) => {
                parcel.may_be_there |= error.outcome() == Outcome::Unknown;
                // What certainly did not arrive may be put together anew.
                if !parcel.may_be_there && !parcel.is_inherited {
                    self.parcel = None;
                }
                return Err(error);
            }
        });
        self.linger.begin(now);
        Ok(())
    }

    /// What an earlier process put under this number is not here any more: what
    /// waits goes out under another. Numbers are skipped faster and faster, should
    /// nobody know any more how far they had come.
    fn skip_number(&mut self) {
        self.taken_numbers = (self.taken_numbers * 2).max(1);
        let parcel = self.parcel.take();
        let name = parcel.and_then(|parcel| parcel.publication.name);
        if let (Some((boot, number)), Some(progress)) = (name, &mut self.progress) {
            let last = number.saturating_add(self.taken_numbers - 1);
            tracing::warn!(%boot, number, "another publication has this number, skipped it");
            progress.last = Some((boot, last));
        }
    }

    /// Writes into the books what became of the publication.
    fn settle(&mut self, core: &Core) -> Result<(), StoreError> {
        let Some(parcel) = &self.parcel else { return Ok(()) };
        let Some(settled) = &parcel.settled else { return Ok(()) };
        let publication = &parcel.publication;
        let mut progress = self.progress.unwrap_or_default();
        if publication.name.is_some() {
            let used = publication.name.filter(|_| settled.takes_number);
            progress = Progress { last: used.or(progress.last), plan: None };
        }
        let note = progress.encode();
        let notes = [Note { name: PROGRESS_NOTE, value: &note }];
        let notes = if publication.name.is_some() { &notes[..] } else { &[] };
        core.shared_out(&publication.bases, &settled.unshared, notes)?;
        self.progress = Some(progress);
        self.is_full = publication.is_full;
        if publication.name.is_some() {
            self.inherits = false;
            self.taken_numbers = 0;
        }
        self.parcel = None;
        Ok(())
    }

    /// Has the bell rung when the log grows beyond what was seen; says how long to
    /// rest if it does not.
    fn listen(&mut self, shared: &Shared, seen: Position) -> Duration {
        self.is_full = false;
        self.oldest_waiting = None;
        let core = shared.log.core();
        let waker = shared.bell.waker();
        let news = core.arrivals.poll(seen, &mut self.listener, &mut Context::from_waker(&waker));
        // A log that is closed always has news, and never any events.
        match news {
            Poll::Ready(true) => Duration::ZERO,
            Poll::Ready(false) | Poll::Pending => PRESENCE_BEAT,
        }
    }

    fn tell_how_far(&self, shared: &Shared) {
        let core = shared.log.core();
        // In this order: what is in the index was in the books before.
        let end = core.index.read().next();
        let first = core.first_waiting();
        shared.outlet.shared_up_to(first.unwrap_or(end), self.oldest_waiting);
    }
}

fn oldest_in(waiting: &[Waiting]) -> Option<Timestamp> {
    waiting.iter().find_map(|one| Some(one.block.as_ref().ok()?.header().received.0))
}

fn leave_out(core: &Core, left_out: &LeftOut) -> Result<(), StoreError> {
    let LeftOut { bases, events, why, cause } = left_out;
    if *why == Unshared::Shed {
        tracing::debug!(events, %cause, "events are not shared");
    } else {
        tracing::error!(events, from = %bases[0], %cause, "events will not be shared");
    }
    core.shared_out(bases, &[(*why, ALL)], &[])
}
