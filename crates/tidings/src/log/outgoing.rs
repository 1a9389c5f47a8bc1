//! What goes out to the other machines? The log's side of publishing: what waits,
//! what a publisher has to remember, and what became of it.

use super::append::AppendError;
use super::core::Core;
use super::index::{Index, Span};
use super::ledger::Ledger;
use super::peers::AskPeers;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::Position;
use crate::sharing::{Sharing, Unshared};
use crate::store::{Batch, BlockStore, Note, StoreError, Waiting};
use crate::sync::Mutex;

/// The note that says that a log is shared. What it says does not matter.
const SHARED_NOTE: &str = "shared";
/// Bases of waiting blocks that are read at once.
const OUTBOX_PAGE: usize = 10_000;

/// The ledger of a log that is or becomes shared; `None` for one that never was.
pub(super) fn open_ledger(
    store: &dyn BlockStore,
    wanted: bool,
    index: &Index,
) -> Result<Option<Mutex<Ledger>>, StoreError> {
    if !is_noted(store)? {
        if !wanted {
            return Ok(None);
        }
        // In this order: after a crash between the two it is begun again, and
        // nothing was published yet.
        store.share_all()?;
        let notes = &[Note { name: SHARED_NOTE, value: b"1" }];
        store.take(&Batch { notes, ..Batch::default() })?;
    }
    let mut ledger = Ledger::default();
    for (base, events) in waiting_from(store, Position(0), index)? {
        ledger.queue(base, events);
    }
    Ok(Some(Mutex::new(ledger)))
}

fn is_noted(store: &dyn BlockStore) -> Result<bool, StoreError> {
    match store.recall(SHARED_NOTE) {
        Ok(note) => Ok(note.is_some()),
        // It is there, and that is all it says.
        Err(StoreError::DamagedNote { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The blocks that wait, from a position on, and how many events each has.
fn waiting_from(
    store: &dyn BlockStore,
    mut from: Position,
    index: &Index,
) -> Result<Vec<(Position, u64)>, StoreError> {
    let mut waiting = Vec::new();
    loop {
        let bases = store.outbox(from, OUTBOX_PAGE)?;
        waiting.extend(bases.iter().map(|base| {
            // One that the index lacks has vanished; the publisher finds that out.
            let slot = index.at_or_after(*base).filter(|slot| slot.base == *base);
            (*base, slot.map_or(0, |slot| slot.count.into()))
        }));
        match bases.last() {
            Some(last) if bases.len() == OUTBOX_PAGE => from = last.plus(1),
            _ => return Ok(waiting),
        }
    }
}

impl Core {
    pub(crate) fn is_shared(&self) -> bool {
        self.ledger.is_some()
    }

    pub(crate) fn sharing(&self) -> Option<Sharing> {
        self.ledger.as_ref().map(|ledger| ledger.lock().books())
    }

    /// Blocks that stand there from `base` on, side by side, wait to be published.
    pub(super) fn queued(&self, base: Position, events: impl Iterator<Item = u64>) {
        if let Some(ledger) = &self.ledger {
            let mut ledger = ledger.lock();
            events.fold(base, |at, events| {
                ledger.queue(at, events);
                at.plus(events)
            });
        }
    }

    /// Counts what waits among blocks that the index learns of late.
    pub(super) fn queued_late(&self, from: Position, fresh: &Index) -> Result<(), StoreError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let waiting = waiting_from(self.store.as_ref(), from, fresh)?;
        let mut ledger = ledger.lock();
        for (base, events) in waiting {
            ledger.queue(base, events);
        }
        Ok(())
    }

    /// Retention let go of these blocks.
    pub(super) fn expired(&self, bases: &[Position], reason: Unshared) {
        if let Some(ledger) = &self.ledger {
            let waiting = ledger.lock().waiting_of(bases);
            let span = self.received_in(&waiting);
            ledger.lock().give_up(&waiting, reason, span);
        }
    }

    /// Earliest and latest `received` in these blocks, as far as it can be read.
    fn received_in(&self, bases: &[Position]) -> Option<Span> {
        let index = self.index.read();
        let slots = bases.iter().filter_map(|base| {
            index.at_or_after(*base).filter(|slot| slot.base == *base && slot.readable)
        });
        slots
            .map(|slot| slot.received)
            .reduce(|(from, to), next| (from.min(next.0), to.max(next.1)))
    }
}

/// What a cluster asks and says.
#[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "only a cluster asks"))]
impl Core {
    /// The blocks that wait to be published, from `from` on, oldest first, as
    /// [`BlockStore::waiting`] reads them.
    pub(crate) fn waiting(
        &self,
        from: Position,
        events_max: u64,
    ) -> Result<Vec<Waiting>, StoreError> {
        let mut waiting = self.store.waiting(from, events_max)?;
        // A block is in the store a moment before it is in the books, and the books
        // are closed over it a moment after it is gone.
        if let Some(ledger) = &self.ledger {
            let ledger = ledger.lock();
            waiting.retain(|waiting| ledger.waits(waiting.base));
        }
        Ok(waiting)
    }

    /// Where the oldest block begins that waits; `None` when nothing does.
    pub(crate) fn first_waiting(&self) -> Option<Position> {
        self.ledger.as_ref().and_then(|ledger| ledger.lock().first_waiting())
    }

    /// Every event of the log's own that was received before this is in the store,
    /// and in the second books, or lost.
    pub(crate) fn settled_through(&self) -> Timestamp {
        let now = self.now();
        self.gate.lock().settled_through(now)
    }

    /// Notes something durably.
    pub(crate) fn note(&self, notes: &[Note<'_>]) -> Result<(), StoreError> {
        let taken = self.store.take(&Batch { notes, ..Batch::default() });
        taken.map(drop).inspect_err(|error| self.note_failed_put(error))
    }

    /// What was noted under a name.
    pub(crate) fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.recall(name)
    }

    /// These blocks wait no longer, and this is noted in the same transaction. Of
    /// their events as many as `unshared` says were given up, and all others are
    /// published. Saying it again after an error is safe, and counts once.
    pub(crate) fn shared_out(
        &self,
        bases: &[Position],
        unshared: &[(Unshared, u64)],
        notes: &[Note<'_>],
    ) -> Result<(), StoreError> {
        let out = self.store.published(bases, notes);
        out.inspect_err(|error| self.note_failed_put(error))?;
        if let Some(ledger) = &self.ledger {
            let span = if unshared.is_empty() { None } else { self.received_in(bases) };
            ledger.lock().share(bases, unshared, span);
        }
        Ok(())
    }

    /// Takes in an event of tidings' own, valid by its making, which is stored with
    /// the next commit and published like any other.
    #[allow(dead_code, reason = "a cluster that says how full etcd is will ask")]
    pub(crate) fn tell(&self, event: &Event) -> Result<(), AppendError> {
        let now = self.now();
        let mut gate = self.gate.lock();
        gate.admits()?;
        gate.take_own(event, now);
        Ok(())
    }

    /// Whom coverage asks about the other members; nobody from now on, if `None`.
    pub(crate) fn set_peers(&self, ask: Option<AskPeers>) {
        self.peers.set(ask);
    }
}
