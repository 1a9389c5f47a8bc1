//! How do others' events come in? In order per boot, once each.
//!
//! What is seen goes into the order, and what the order lets go goes into the log:
//! blocks and the note of how far they go in one transaction. While the log takes
//! nothing the applier reads nothing, so that the watch waits, and memory does not
//! grow.

use std::time::Duration;

use super::Shared;
use super::applied::{self, APPLIED_NOTE};
use super::batch::ApplyBatch;
use super::bell::Bell;
use super::commons::Watching;
use super::incoming::Incoming;
use super::line::{Dated, Due, Seqs};
use super::noted::noted;
use super::order::{BootName, Here, Named, Order, Popped};
use super::restamp::Stamps;
use super::told::Told;
use crate::block::Block;
use crate::clock::Timestamp;
use crate::id::Origin;
use crate::log::Core;
use crate::store::etcd::{Seen, WatchFrom};
use crate::store::{Note, StoreError};

/// How long it rests when the log takes nothing.
const APPLY_REST: Duration = Duration::from_millis(100);
/// How often it notes how far it is while nothing is applied, and forgets what is
/// over age.
const NOTE_REST: Duration = Duration::from_secs(30);
/// What one step adds to the time of live watching, at most: more has passed
/// because the process stood still.
const LIVE_STEP_MAX: Duration = Duration::from_secs(1);

/// What the applying thread knows.
pub(super) struct Applier {
    watch: Box<dyn Watching>,
    order: Order,
    batch: ApplyBatch,
    /// The etcd whose revisions these are; `None` before everything was listed once.
    cluster: Option<u64>,
    /// The log knows which it is, for the cursors of followers.
    cluster_told: bool,
    noted: Option<WatchFrom>,
    noted_at: Duration,
    live: Live,
    told: Told,
    /// Why the log took nothing, while it does not.
    refused: Option<String>,
    rest: Bell,
}

/// Time of live watching: it stands still while the watch lists or is silent.
#[derive(Debug)]
struct Live {
    passed: Duration,
    looked_at: Duration,
}

/// The log, as the order asks it.
struct Asked<'a> {
    core: &'a Core,
    incoming: &'a Incoming,
}

impl Asked<'_> {
    fn stamps(&self, origin: Origin) -> Stamps {
        let (now, retention) = (self.core.now(), self.core.options.retention);
        Stamps { now, retention, skew: self.incoming.skew(origin) }
    }
}

impl Here for Asked<'_> {
    fn now(&self) -> Timestamp {
        self.core.now()
    }

    fn last_seq(&self, boot: BootName) -> Option<u64> {
        self.core.last_seq(boot.origin, boot.boot)
    }

    fn date(&self, block: &Block) -> Dated {
        self.stamps(block.header().runs[0].origin).date(block)
    }
}

impl Applier {
    /// Goes on from where the log's note says.
    ///
    /// # Errors
    ///
    /// The log's store cannot be read.
    pub(super) fn new(shared: &Shared) -> Result<Applier, StoreError> {
        let core = shared.log.core();
        let note = noted(core, APPLIED_NOTE, applied::read)?.unwrap_or_else(|cause| {
            tracing::warn!(cause, "everything in etcd is listed anew");
            None
        });
        let (at, lines) = note.map_or_else(Default::default, |note| (note.at, note.lines));
        if at.is_some() {
            shared.incoming.listed();
        }
        let passed = core.options.clock.monotonic();
        let order = Order::resumed(lines, at.map_or(0, |at| at.revision));
        shared.incoming.applied_all(&order);
        Ok(Applier {
            watch: shared.commons.watch(at),
            order,
            batch: ApplyBatch::default(),
            cluster: at.map(|at| at.cluster),
            cluster_told: false,
            noted: at,
            noted_at: passed,
            live: Live { passed: Duration::ZERO, looked_at: passed },
            told: Told::default(),
            refused: None,
            rest: Bell::default(),
        })
    }

    /// Waits for what others put, no longer than this, and takes in what is there.
    pub(super) fn step(&mut self, shared: &Shared, wait: Duration) {
        self.tell_cluster(shared);
        if self.batch.is_empty() {
            self.read(shared, wait);
        }
        match self.apply(shared) {
            Ok(()) => self.note_now_and_then(shared),
            Err(error) => self.note_refusal(&error, wait),
        }
    }

    /// Tells the log in which cluster it is; tried again by the next step.
    fn tell_cluster(&mut self, shared: &Shared) {
        if let Some(cluster) = self.cluster.filter(|_| !self.cluster_told) {
            self.cluster_told = shared.log.core().set_commons(cluster).is_ok();
        }
    }

    /// Fills the batch with what has arrived; waits only if there is nothing.
    fn read(&mut self, shared: &Shared, wait: Duration) {
        let is_live = shared.incoming.watched(self.watch.silent_for()) && !self.order.is_listing();
        self.live.pass(shared.incoming.now().1, is_live);
        self.fill(shared);
        let mut wait = if self.batch.is_empty() { wait } else { Duration::ZERO };
        while !self.batch.is_full()
            && let Some(seen) = self.watch.next(wait)
        {
            self.take(shared, seen);
            self.fill(shared);
            wait = Duration::ZERO;
        }
        shared.incoming.watched(self.watch.silent_for());
    }

    fn take(&mut self, shared: &Shared, seen: Seen) {
        let core = shared.log.core();
        match seen {
            Seen::Listing => {
                tracing::info!("everything in etcd is listed");
                self.order.listing(core.cutoff());
                shared.incoming.listing();
            }
            Seen::Listed { at } => {
                self.order.listed(at.revision);
                self.cluster_told &= self.cluster == Some(at.cluster);
                self.cluster = Some(at.cluster);
                shared.incoming.listed();
            }
            Seen::Block { block, revision } => match Named::of(&block) {
                Some(named) => self.put(shared, named, Some(block), revision),
                None => self.pass_over(shared, "a block", &"it has no number", revision),
            },
            Seen::Odd { key, cause, revision } => {
                self.pass_over(shared, &key, &cause, revision);
                if let Some(named) = Named::in_key(&key) {
                    self.put(shared, named, None, revision);
                }
            }
            Seen::Presence { presence, revision } => {
                self.order.seen(revision);
                if presence.origin != core.origin {
                    let boot = BootName { origin: presence.origin, boot: presence.boot };
                    self.order.said(boot, presence.published, self.live.passed);
                    shared.incoming.hear(presence, revision, !self.order.is_listing());
                }
            }
        }
    }

    fn put(&mut self, shared: &Shared, named: Named, block: Option<Block>, revision: i64) {
        let core = shared.log.core();
        if (named.boot.origin, named.boot.boot) == (core.origin, core.boot) {
            self.order.seen(revision);
            return;
        }
        let here = Asked { core, incoming: &shared.incoming };
        self.order.put(named, block, revision, self.live.passed, &here);
    }

    fn pass_over(
        &mut self,
        shared: &Shared,
        what: &str,
        cause: &dyn std::fmt::Display,
        revision: i64,
    ) {
        self.order.seen(revision);
        shared.incoming.count(|applied| applied.odd += 1);
        self.told.odd(shared.incoming.now().1, what, cause);
    }

    /// Takes what is due into the batch.
    fn fill(&mut self, shared: &Shared) {
        let here = Asked { core: shared.log.core(), incoming: &shared.incoming };
        while !self.batch.is_full()
            && let Some(Popped { boot, due, revision }) = self.order.pop(self.live.passed, &here)
        {
            match due {
                Due::Take { block, seqs } => {
                    self.stamp(shared, block, seqs, revision.unwrap_or_default());
                }
                Due::Known { events } => shared.incoming.count(|it| it.duplicates += events),
                Due::OverAge { events } => shared.incoming.count(|it| it.over_age += events),
                Due::Hole { numbers: (first, last) } => {
                    let missing = (last - first).saturating_add(1);
                    shared.incoming.count(|it| it.holes = it.holes.saturating_add(missing));
                    self.told.hole(shared.incoming.now().1, boot, (first, last));
                }
            }
        }
    }

    fn stamp(&mut self, shared: &Shared, block: Block, seqs: Seqs, revision: i64) {
        let core = shared.log.core();
        let here = Asked { core, incoming: &shared.incoming };
        let events = u64::from(block.header().count);
        let stamps = here.stamps(block.header().runs[0].origin);
        match stamps.stamped(block, seqs, core.origin) {
            Ok(stamped) => {
                let kept = stamped.as_ref().map_or(0, |block| u64::from(block.header().count));
                shared.incoming.count(|it| it.duplicates += events - kept);
                if let Some(block) = stamped {
                    self.batch.push(block, revision);
                }
            }
            Err(error) => self.pass_over(shared, "a block", &error, revision),
        }
    }

    /// Stores the batch, and how far it goes, in one transaction.
    fn apply(&mut self, shared: &Shared) -> Result<(), StoreError> {
        if !self.batch.is_empty() {
            let (at, note) = self.note();
            let notes = [Note { name: APPLIED_NOTE, value: &note }];
            match shared.log.core().apply(self.batch.blocks().to_vec(), &notes) {
                Ok(applied) => {
                    let blocks = self.batch.drain().len() as u64;
                    shared.incoming.count(|it| {
                        it.blocks += blocks;
                        it.events += applied.events;
                        it.duplicates += applied.duplicates;
                    });
                    (self.noted, self.noted_at) = (at, shared.incoming.now().1);
                }
                Err(StoreError::Rejected { .. }) => self.apply_singly(shared)?,
                Err(error) => return Err(error),
            }
        }
        self.refused = None;
        shared.incoming.applied_all(&self.order);
        Ok(())
    }

    /// One of them is what no log takes: it is passed over. The note is left for
    /// later, for what is stored is passed over when it comes again.
    fn apply_singly(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let mut failed = None;
        for (block, revision) in self.batch.drain() {
            if failed.is_some() {
                self.batch.push(block, revision);
                continue;
            }
            match shared.log.core().apply(vec![block.clone()], &[]) {
                Ok(applied) => shared.incoming.count(|it| {
                    it.blocks += 1;
                    it.events += applied.events;
                    it.duplicates += applied.duplicates;
                }),
                Err(StoreError::Rejected { cause, .. }) => {
                    self.pass_over(shared, "a block", &cause, revision);
                }
                Err(error) => {
                    self.batch.push(block, revision);
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// How far everything is let go, in bytes.
    fn note(&self) -> (Option<WatchFrom>, Vec<u8>) {
        let revision = self.order.revision();
        // Revisions of an etcd that was listed only in part are not yet ours.
        let at = if self.order.is_listing() {
            self.noted
        } else {
            self.cluster.map(|cluster| WatchFrom { cluster, revision })
        };
        (at, applied::write(at, &self.order.lines))
    }

    /// Own publications and presences move the revision on, and nothing is applied.
    fn note_now_and_then(&mut self, shared: &Shared) {
        let passed = shared.incoming.now().1;
        if passed.saturating_sub(self.noted_at) < NOTE_REST {
            return;
        }
        self.noted_at = passed;
        let core = shared.log.core();
        self.order.forget_before(core.cutoff());
        shared.incoming.forget_unseen(core.options.retention);
        self.note_all(shared);
    }

    /// Notes how far everything is applied; without it more comes again, to be
    /// passed over.
    pub(super) fn note_all(&mut self, shared: &Shared) {
        let (at, note) = self.note();
        if !self.batch.is_empty() || at == self.noted {
            return;
        }
        if shared.log.core().note(&[Note { name: APPLIED_NOTE, value: &note }]).is_ok() {
            self.noted = at;
        }
    }

    /// The log takes nothing: the batch waits, and with it the watch.
    fn note_refusal(&mut self, error: &StoreError, wait: Duration) {
        let cause = error.to_string();
        // A log ends before its part in the cluster does, and then it takes nothing.
        let ends = matches!(error, StoreError::Closed { .. });
        if !ends && self.refused.as_ref() != Some(&cause) {
            tracing::warn!(cause, "the log does not take in what others published; it waits");
            self.refused = Some(cause);
        }
        self.rest.wait(wait.min(APPLY_REST));
    }
}

impl Live {
    fn pass(&mut self, now: Duration, is_live: bool) {
        let passed = now.saturating_sub(self.looked_at);
        self.looked_at = now;
        if is_live {
            self.passed += passed.min(LIVE_STEP_MAX);
        }
    }
}

#[cfg(test)]
mod tests;
