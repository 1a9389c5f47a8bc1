//! How does a block get into the store?
//!
//! A worker picks the oldest block that is due, puts it, and books the outcome.
//! It holds no state of its own: a put that hangs keeps its thread, not the books.

use super::jobs::{Pick, Settled};
use super::logs;
use super::sealer::Step;
use super::shared::Shared;
use super::spool::Spool;
use super::spooler;
use crate::block::Block;
use crate::store::{Placed, Sink, StoreError};
use crate::sync::Arc;

/// Puts at most one block.
pub(super) fn step(
    shared: &Shared,
    sink: &dyn Sink,
    spool: Option<&Spool>,
    may_wait: bool,
) -> Step {
    let (number, block) = match shared.pick(may_wait) {
        Pick::Put { number, block } => (number, block),
        Pick::Drain { appends } => {
            let Some(spool) = spool else { return Step::Idle };
            spooler::drain(shared, sink, spool, appends);
            return Step::Did;
        }
        Pick::Wait(_) => return Step::Idle,
        Pick::Done => return Step::Done,
    };
    let put = guarded_put(sink, &block);
    let settled = shared.settle(number, &put);
    logs::put(shared, sink, number, &put, &settled);
    match settled {
        Settled::Stored { job, .. } => {
            if let Ok(placed) = put {
                job.settle_stored(placed);
            }
        }
        Settled::Lost { job, reason } => job.settle_lost(reason),
        Settled::Again { .. } | Settled::Elsewhere | Settled::Late => {}
    }
    Step::Did
}

/// A sink that panics must not take the worker along: nobody knows what it did.
#[cfg(not(feature = "shuttle"))]
pub(super) fn guarded_put(sink: &dyn Sink, block: &Block) -> Result<Placed, StoreError> {
    let put = std::panic::AssertUnwindSafe(|| sink.put(block));
    std::panic::catch_unwind(put).unwrap_or_else(|_| {
        Err(StoreError::Io {
            doing: "write a block",
            store: "the sink".to_owned(),
            cause: "it panicked".to_owned(),
            outcome: crate::store::Outcome::Unknown,
        })
    })
}

/// Shuttle unwinds threads itself when a schedule has failed.
#[cfg(feature = "shuttle")]
pub(super) fn guarded_put(sink: &dyn Sink, block: &Block) -> Result<Placed, StoreError> {
    sink.put(block)
}

/// A worker's thread.
pub(super) fn run(shared: &Shared, sink: &Arc<dyn Sink>, spool: Option<&Arc<Spool>>) {
    while step(shared, &**sink, spool.map(|spool| &**spool), true) != Step::Done {}
}
