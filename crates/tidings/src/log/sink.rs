//! How do others' blocks come in? A log is a sink for queues in its own process.

use super::append::AppendError;
use super::core::Core;
use super::{Log, STORE_NAME};
use crate::block::Block;
use crate::pause::PauseReason;
use crate::store::{Batch, Outcome, Placed, Reach, Sink, StoreError};

impl Sink for Log {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        self.core().put(block)
    }

    /// A pause that was told by who watches the store is passed over: whoever asks
    /// to learn whether it can be lifted would hear of nothing else.
    fn probe(&self) -> Result<(), StoreError> {
        let core = self.core();
        core.gate.lock().would_admit().map_err(refusal)?;
        core.store.probe()
    }

    fn reach(&self) -> Reach {
        self.core().store.reach()
    }

    fn describe(&self) -> String {
        self.core().store.describe()
    }
}

impl Core {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        if block.header().runs.iter().any(|run| run.origin == self.origin) {
            let cause = "it carries the log's own origin".to_owned();
            return Err(StoreError::Rejected { store: STORE_NAME.to_owned(), cause });
        }
        let desk = self.take_desk().map_err(refusal)?;
        let placed = self.put_or_take(block);
        match &placed {
            Ok(Placed { base: Some(base), .. }) => {
                self.took(*base, block);
                self.boots.lock().note_new(block);
                self.arrivals.grown_to(self.index.read().next());
            }
            Ok(Placed { base: None, .. }) => {}
            Err(error) => self.note_failed_put(error),
        }
        self.give_desk_back(desk);
        placed
    }

    /// In a log that is shared it waits to be published, as every other.
    fn put_or_take(&self, block: &Block) -> Result<Placed, StoreError> {
        if !self.is_shared() {
            return self.store.put(block);
        }
        let blocks = std::slice::from_ref(block);
        let taken = self.store.take(&Batch { blocks, outbox: true, ..Batch::default() })?;
        let placed = taken.first().copied();
        let placed = placed.unwrap_or(Placed { base: None, duplicate: true });
        if let (Some(base), false) = (placed.base, placed.duplicate) {
            self.queued(base, std::iter::once(block.header().count.into()));
        }
        Ok(placed)
    }

    /// The queue keeps the block and puts it again; the log only has to know that
    /// the store fails, and that it may have more than the index says.
    pub(super) fn note_failed_put(&self, error: &StoreError) {
        if error.outcome() == Outcome::Unknown {
            self.gate.lock().index_unsure = true;
        }
        if let Some(reason) = error.pause() {
            self.pause(reason);
        }
    }
}

/// What a queue hears from a log that takes nothing: wait, or give up.
pub(super) fn refusal(error: AppendError) -> StoreError {
    let store = STORE_NAME.to_owned();
    match error {
        AppendError::Closed => StoreError::Closed { store },
        AppendError::Paused(reasons) if reasons.contains(PauseReason::DiskFull) => {
            StoreError::DiskFull { store, cause: reasons.to_string() }
        }
        other => StoreError::Latched { store, cause: other.to_string() },
    }
}
