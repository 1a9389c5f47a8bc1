//! What does the queue say of itself?
//!
//! `error`: a person must act; `warn`: something failed or went missing; `info`:
//! its life. Nothing per event. Everything is said under the mark of
//! [`super::echo`], so that it never comes back as an event.

use std::time::Duration;

use super::echo;
use super::jobs::Settled;
use super::shared::Shared;
use super::spool::{Drained, Spool, SpoolFailure};
use crate::pause::PauseReason;
use crate::store::{Placed, Sink, StoreError};
use crate::tally::{LossReason, Tally};

pub(super) fn started(shared: &Shared, workers: usize) {
    let _quiet = echo::quiet();
    tracing::info!(member = %shared.member, origin = %shared.origin, workers, "queue started");
}

pub(super) fn paused(shared: &Shared, reason: PauseReason, lost: u64) {
    let _quiet = echo::quiet();
    if lost > 0 {
        tracing::warn!(member = %shared.member, %reason, lost, "queue paused, what waited is lost");
    } else {
        tracing::info!(member = %shared.member, %reason, "queue paused");
    }
}

pub(super) fn resumed(shared: &Shared) {
    let _quiet = echo::quiet();
    tracing::info!(member = %shared.member, "queue resumed");
}

/// The first loss at once, totals after: as often as loss records are made.
pub(super) fn losses(shared: &Shared, books: &Tally) {
    let _quiet = echo::quiet();
    tracing::warn!(member = %shared.member, %books, "events are missing");
}

pub(super) fn put(
    shared: &Shared,
    sink: &dyn Sink,
    block: u64,
    put: &Result<Placed, StoreError>,
    settled: &Settled,
) {
    let _quiet = echo::quiet();
    match (settled, put) {
        (Settled::Again { attempts, rest }, Err(error)) => {
            failed(sink, block, *attempts, *rest, error);
        }
        (Settled::Stored { attempts: 2.., .. }, _) => {
            tracing::info!(block, "block stored after all");
        }
        (Settled::Lost { job, reason }, Err(error)) => {
            lost(shared, sink, (block, job.events), *reason, error);
        }
        (Settled::Late, _) => {
            tracing::warn!(block, "a put returned after its events were counted as unknown");
        }
        _ => {}
    }
}

fn failed(sink: &dyn Sink, block: u64, attempts: u32, rest: Duration, error: &StoreError) {
    let store = sink.describe();
    if attempts == 1 {
        tracing::warn!(store, block, ?rest, %error, "store put failed, will retry");
    } else {
        tracing::debug!(store, block, attempts, ?rest, %error, "store put failed again");
    }
}

fn lost(
    shared: &Shared,
    sink: &dyn Sink,
    (block, events): (u64, u64),
    reason: LossReason,
    error: &StoreError,
) {
    let (member, store, reason) = (&shared.member, sink.describe(), reason.name());
    tracing::error!(%member, store, block, events, reason, %error, "a block is lost");
}

/// Blocks cannot be spooled: what comes is lost while the sink is away.
pub(super) fn spool_failed(shared: &Shared, spool: &Spool, failure: &SpoolFailure, lost: u64) {
    let _quiet = echo::quiet();
    let (member, spool) = (&shared.member, spool.describe());
    tracing::error!(%member, spool, lost, error = %failure, "the spool takes no more");
}

pub(super) fn spool_mended(shared: &Shared, spool: &Spool, failure: Option<&SpoolFailure>) {
    let _quiet = echo::quiet();
    let (member, spool) = (&shared.member, spool.describe());
    match failure {
        None => tracing::info!(%member, spool, "the spool takes blocks again"),
        Some(error) => tracing::debug!(%member, spool, %error, "the spool still takes no more"),
    }
}

pub(super) fn spool_not_closed(shared: &Shared, spool: &Spool, error: &StoreError) {
    let _quiet = echo::quiet();
    tracing::warn!(member = %shared.member, spool = spool.describe(), %error, "spool not closed");
}

/// `emptied`: it was the last block of the spool.
pub(super) fn drained(shared: &Shared, sink: &dyn Sink, drained: &Drained, emptied: bool) {
    let _quiet = echo::quiet();
    let (member, store) = (&shared.member, sink.describe());
    match drained {
        Drained::Empty if emptied => tracing::info!(%member, store, "the spool is empty"),
        Drained::Empty | Drained::Stored(_) => {}
        Drained::Again { error, .. } => {
            tracing::debug!(%member, store, %error, "a spooled block was not stored, will retry");
        }
        Drained::Lost { share, reason, cause, .. } => {
            let (events, own, reason) = (share.events, share.own, reason.name());
            tracing::error!(%member, store, events, own, reason, cause, "a spooled block is lost");
        }
    }
}

pub(super) fn closed(shared: &Shared, books: &Tally) {
    let _quiet = echo::quiet();
    tracing::info!(member = %shared.member, %books, "queue closed");
}

/// The last resort: the log could not be told what is missing from it.
#[expect(
    clippy::print_stderr,
    reason = "the store is gone and the host may have no logger: nobody else would ever know"
)]
pub(super) fn untold(shared: &Shared, store: &str, books: &Tally) {
    let _quiet = echo::quiet();
    let member = &shared.member;
    tracing::error!(%member, store, %books, "closed, and the log could not be told what is missing");
    eprintln!(
        "tidings: {member}: events are missing from {store}, which could not be told: {books}"
    );
}
