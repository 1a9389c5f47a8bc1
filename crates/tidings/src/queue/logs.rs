//! What does the queue say of itself?
//!
//! `error`: a person must act; `warn`: something failed or went missing; `info`:
//! its life. Nothing per event. Everything is said under the mark of
//! [`super::echo`], so that it never comes back as an event.

use std::time::Duration;

use super::echo;
use super::jobs::Settled;
use super::shared::Shared;
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
