//! How do own events get to the others? One publication at a time, in order.
//!
//! Publications have numbers of their own, dense in each boot. What is put under a
//! number never changes. What a process had put when it died is found again by the
//! next one: it asks what is there before it goes on with a boot.

use std::task::{Context, Poll};
use std::time::Duration;

use super::backoff::Backoff;
use super::booking::Booking;
use super::guard::Guard;
use super::inherited::{Inherited, Overtaken, Unknown};
use super::linger::{Linger, PUBLICATION_SPACING};
use super::noted::noted;
use super::order::{BootName, NUMBERS_END};
use super::outlet::Orders;
use super::packing::{PUBLICATION_EVENTS_MAX, Packed, Packer, Publication};
use super::presenter::Presenter;
use super::progress::{PROGRESS_NOTE, Progress};
use super::{ClusterOptions, PRESENCE_BEAT, Shared};
use crate::clock::Timestamp;
use crate::id::Position;
use crate::log::{Core, Log};
use crate::pause::PauseReason;
use crate::sharing::Unshared;
use crate::store::{StoreError, Waiting};

/// What is to be done next.
enum Picked {
    Rest(Duration),
    /// What is to be written into the books.
    Booked,
    Publication(Publication),
}

/// What the publishing thread knows.
pub(super) struct Publisher {
    packer: Packer,
    linger: Linger,
    backoff: Backoff,
    presenter: Presenter,
    guard: Guard,
    /// `None` until the note was read.
    progress: Option<Progress>,
    inherited: Inherited,
    /// Written before anything else is done.
    booking: Option<Booking>,
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
            inherited: Inherited::new(core.boot, core.index.read().next()),
            booking: None,
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
        self.book(core)?;
        match self.pick(shared, now, leaves)? {
            Picked::Rest(rest) => return Ok(rest),
            Picked::Booked => {}
            Picked::Publication(publication) => self.put(shared, now, publication)?,
        }
        self.book(core)?;
        Ok(Duration::ZERO)
    }

    /// What is to be published next, or what else is to be done first.
    fn pick(&mut self, shared: &Shared, now: Duration, leaves: bool) -> Result<Picked, StoreError> {
        let core = shared.log.core();
        let seen = core.index.read().next();
        let Some(first) = core.first_waiting() else {
            return Ok(Picked::Rest(self.listen(shared, seen)));
        };
        let waiting = core.sharing().unwrap_or_default().waiting;
        let is_full = leaves || self.is_full || waiting >= PUBLICATION_EVENTS_MAX;
        let rest = self.linger.rest(now, is_full);
        if !rest.is_zero() {
            // Meanwhile as much may come as fills a publication.
            return Ok(Picked::Rest(rest.min(PUBLICATION_SPACING)));
        }
        let waiting = core.waiting(first, PUBLICATION_EVENTS_MAX)?;
        self.oldest_waiting = oldest_in(&waiting).or(self.oldest_waiting);
        if let Some(unknown) = self.inherited.unknown(&waiting) {
            self.catch_up(shared, &waiting, unknown)?;
            return Ok(Picked::Booked);
        }
        let progress = self.progress.unwrap_or_default();
        let packed =
            self.packer.pack(&waiting, self.guard.least(), |boot| progress.next_number(boot));
        Ok(match packed {
            Some(Packed::Publication(publication)) => Picked::Publication(publication),
            Some(Packed::LeftOut(left_out)) => {
                self.booking = Some(left_out.booking());
                Picked::Booked
            }
            // What waited went a moment ago.
            None => Picked::Rest(Duration::ZERO),
        })
    }

    /// Asks what an earlier process has published of a boot, and gives up what
    /// stands before that.
    fn catch_up(
        &mut self,
        shared: &Shared,
        waiting: &[Waiting],
        unknown: Unknown<'_>,
    ) -> Result<(), StoreError> {
        let core = shared.log.core();
        let Unknown { boot, block, from } = unknown;
        let progress = self.progress.unwrap_or_default();
        let is_ours = boot.origin == core.origin;
        let own = is_ours.then(|| progress.next_number(boot.boot));
        let free = own.or(block.header().number).unwrap_or_default();
        let mut found = shared.commons.published(block, from.unwrap_or(free))?;
        found.retain(|(number, _)| *number < NUMBERS_END);
        if found.is_empty() {
            self.inherited.know(boot);
            return Ok(());
        }
        let overtaken = Overtaken::by(&found, boot, waiting, free);
        overtaken.tell(boot);
        self.inherited.dealt(boot, overtaken.next);
        if is_ours && overtaken.free > free {
            self.progress = Some(Progress { last: Some((boot.boot, overtaken.free - 1)) });
        }
        self.booking = Some(overtaken.booking(self.progress.filter(|_| is_ours)));
        Ok(())
    }

    fn put(
        &mut self,
        shared: &Shared,
        now: Duration,
        publication: Publication,
    ) -> Result<(), StoreError> {
        let Publication { events, is_full, name, .. } = publication;
        let booking = match shared.commons.put(&publication.block) {
            Ok(_) => publication.published(),
            Err(StoreError::Conflict { boot, number, .. }) if name.is_some() => {
                tracing::info!(%boot, number, "something is there under the next number");
                let origin = shared.log.origin();
                self.inherited.doubt(BootName { origin, boot });
                return Ok(());
            }
            Err(error) if error.pause().is_some() => return Err(error),
            Err(error) => {
                tracing::error!(%error, events, "events are refused and will not be shared");
                let is_taken = matches!(error, StoreError::Conflict { .. });
                publication.given_up(if is_taken { Unshared::Conflict } else { Unshared::Rejected })
            }
        };
        self.linger.begin(now);
        self.progress = booking.progress.or(self.progress);
        self.is_full = is_full;
        self.booking = Some(booking);
        Ok(())
    }

    /// Writes what is to be written into the books.
    fn book(&mut self, core: &Core) -> Result<(), StoreError> {
        if let Some(booking) = &self.booking {
            booking.write(core)?;
            self.booking = None;
        }
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
