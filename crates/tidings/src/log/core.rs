//! What do all clones of a log share?

use std::sync::Arc;

use super::arrivals::Arrivals;
use super::boots::Boots;
use super::cache::Cache;
use super::committer::Desk;
use super::door::Door;
use super::frames::Frames;
use super::gate::{Gate, Phase};
use super::index::{Index, Slot};
use super::ledger::Ledger;
use super::merge::Merging;
use super::outgoing::open_ledger;
use super::peers::PeersSlot;
use super::retention::UpkeepSeen;
use super::shares::Shares;
use super::word_index::WordIndex;
use super::{AppendError, LogOptions};
use crate::block::Block;
use crate::clock::{Steady, Timestamp};
use crate::id::{Boot, NoRandomness, Origin, Position};
use crate::pause::{PauseReason, PauseSet, State};
use crate::store::sqlite::OpenError;
use crate::store::{BlockStore, Outcome, StoreError};
use crate::sync::{Mutex, RwLock, Seats, cores};

/// Threads that help questions at the same time, however many cores there are.
const HELPERS_MAX: usize = 7;
/// Heads that are read from the store at once.
const HEADS_PAGE: usize = 1000;

/// The log itself. [`super::Log`] is a handle to it.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn BlockStore>,
    pub(crate) options: LogOptions,
    pub(crate) origin: Origin,
    pub(crate) boot: Boot,
    pub(super) gate: Door,
    /// Written for the length of one insertion, read while candidates are
    /// collected: never across a read of the store.
    pub(crate) index: RwLock<Index>,
    pub(super) boots: Mutex<Boots>,
    pub(crate) cache: Mutex<Cache>,
    pub(crate) frames: Frames,
    pub(crate) arrivals: Arrivals,
    /// Threads beside its own that a question may read with, for all questions
    /// together.
    pub(crate) helpers: Seats,
    pub(crate) shares: Shares,
    /// Held through a whole `maintain`, reads and writes included: it only keeps
    /// two of them apart. Comes before the gate.
    pub(super) upkeep: Mutex<Steady>,
    pub(super) upkeep_seen: Mutex<UpkeepSeen>,
    /// The second books; `None` if the log was never shared. A leaf among the locks,
    /// and not behind the gate: that lock is the one that every append takes.
    pub(super) ledger: Option<Mutex<Ledger>>,
    pub(super) peers: PeersSlot,
    pub(super) merging: Merging,
    pub(super) words: WordIndex,
}

impl Core {
    pub(super) fn open(store: Arc<dyn BlockStore>, options: LogOptions) -> Result<Core, OpenError> {
        let boot = Boot::random().map_err(|error| no_randomness(store.as_ref(), &error))?;
        let (mut index, mut boots) = (Index::default(), Boots::default());
        index.skip_to(store.ends()?.first);
        load(store.as_ref(), &mut index, |base, header| boots.note_old(base, header))?;
        index.skip_to(store.ends()?.next);
        for base in boots.take_unread() {
            match store.read(base) {
                Ok(Some(block)) => boots.note_records(&block),
                Ok(None) => {}
                Err(StoreError::Damaged { .. }) => index.mark_unreadable(base),
                Err(error) => return Err(error.into()),
            }
        }
        let ledger = open_ledger(store.as_ref(), options.shared, &index)?;
        let words = WordIndex::open(store.as_ref(), index.next());
        let arrivals = Arrivals::default();
        arrivals.grown_to(index.next());
        let (now, origin) = (options.clock.now(), store.origin());
        let gate = Gate::new(Desk::new(origin, boot).into(), now);
        Ok(Core {
            origin,
            boot,
            gate: Door::new(gate),
            index: RwLock::new(index),
            boots: Mutex::new(boots),
            cache: Mutex::default(),
            frames: Frames::default(),
            arrivals,
            helpers: Seats::new((cores() - 1).min(HELPERS_MAX)),
            shares: Shares::default(),
            upkeep: Mutex::new(Steady::since(now, options.clock.monotonic())),
            upkeep_seen: Mutex::default(),
            ledger,
            peers: PeersSlot::default(),
            merging: Merging::default(),
            words,
            store,
            options,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// Events received before this instant are over age.
    pub(crate) fn cutoff(&self) -> Timestamp {
        self.now().before(self.options.retention)
    }

    pub(super) fn state(&self) -> State {
        self.gate.lock().state()
    }

    /// Pauses because the log met a failure; its own recovery ends that.
    pub(super) fn pause(&self, reason: PauseReason) {
        let now = self.now();
        let new = self.gate.lock().pause(reason, now);
        Core::log_paused(reason, new);
    }

    /// Pauses because somebody else says so, until they take it back.
    pub(super) fn suspend(&self, reason: PauseReason) {
        let now = self.now();
        let new = self.gate.lock().suspend(reason, now);
        Core::log_paused(reason, new);
    }

    fn log_paused(reason: PauseReason, new: bool) {
        if new {
            tracing::warn!(reason = reason.name(), "log paused");
        }
    }

    pub(super) fn resume(&self, reason: PauseReason) {
        let lifted = self.gate.lock().resume(reason);
        Core::log_resumed(lifted.then_some(reason).into_iter().collect());
    }

    /// The store works again, and nothing is unknown any more.
    pub(super) fn recovered(&self) {
        let lifted = self.gate.lock().recover();
        Core::log_resumed(lifted);
    }

    fn log_resumed(lifted: PauseSet) {
        for reason in lifted.iter() {
            tracing::info!(reason = reason.name(), "log resumed");
        }
    }

    /// Takes in blocks of others that the store has and the index has not.
    pub(super) fn catch_up(&self) -> Result<(), StoreError> {
        let from = self.index.read().next();
        let mut fresh = Index::starting_at(from);
        load(self.store.as_ref(), &mut fresh, |base, header| self.shares.note(base, header))?;
        self.queued_late(from, &fresh)?;
        for slot in fresh.slots() {
            self.index.write().insert(*slot);
            // This boot of this log has its own books.
            let is_ours = |block: &Block| block.header().runs.iter().any(|r| r.boot == self.boot);
            let Some(block) = self.block(slot)? else { continue };
            self.index.write().count(slot.base, block.header());
            if !is_ours(&block) {
                self.boots.lock().note_new(&block);
            }
        }
        self.index.write().skip_to(fresh.next());
        self.arrivals.grown_to(fresh.next());
        Ok(())
    }

    /// Takes in a block that was stored at `base`.
    pub(super) fn took(&self, base: Position, block: &Block) {
        self.shares.note(base, block.header());
        let slot = Slot::new(base, block.bytes().len() as u64, block.header());
        {
            let mut index = self.index.write();
            index.insert(slot);
            index.count(base, block.header());
        }
        self.cache.lock().insert(base, block.clone());
    }

    /// Notes that the events `from..to` of a block cannot be read.
    pub(crate) fn note_damage(
        &self,
        from: Position,
        to: Position,
        cause: &crate::block::FormatError,
    ) {
        tracing::error!(%from, %to, %cause, "events are damaged and passed over");
        self.index.write().mark_damaged(from, to);
    }

    /// Waits until the desk is free and takes it: nobody else writes meanwhile.
    pub(super) fn take_desk(&self) -> Result<Box<Desk>, AppendError> {
        let mut gate = self.gate.lock();
        loop {
            gate.admits()?;
            if gate.frozen.is_none()
                && let Some(desk) = gate.desk.take()
            {
                return Ok(desk);
            }
            gate = gate.wait_for_turn();
        }
    }

    pub(super) fn give_desk_back(&self, desk: Box<Desk>) {
        self.gate.lock().end_commit(desk);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.gate.lock().phase >= Phase::Ended
    }

    pub(super) fn is_open(&self) -> bool {
        self.gate.lock().phase == Phase::Open
    }
}

/// Reads all heads from the index's end on.
fn load(
    store: &dyn BlockStore,
    index: &mut Index,
    mut note: impl FnMut(Position, &crate::block::Header),
) -> Result<(), StoreError> {
    loop {
        let heads = store.heads(index.next(), HEADS_PAGE)?;
        for head in &heads {
            if let Ok(header) = &head.header {
                note(head.base, header);
            }
            index.insert(Slot::of_head(head));
            if let Ok(header) = &head.header {
                index.count(head.base, header);
            }
        }
        if heads.len() < HEADS_PAGE {
            return Ok(());
        }
    }
}

fn no_randomness(store: &dyn BlockStore, error: &NoRandomness) -> OpenError {
    OpenError::Store(StoreError::Io {
        doing: "draw the id of a boot",
        store: store.describe(),
        cause: error.to_string(),
        outcome: Outcome::NotStored,
    })
}
