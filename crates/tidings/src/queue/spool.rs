//! Where do sealed blocks wait while the sink is away? On this machine's disk, in
//! the order in which they were sealed.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::builder::{QueueError, Settings};
use crate::block::Block;
use crate::clock::{Clock, Steady};
use crate::id::Position;
use crate::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use crate::store::{Batch, BlockStore, Outcome, Placed, StoreError};
use crate::sync::{Arc, Mutex};
use crate::tally::LossReason;

/// Bytes that a spool may take on its disk by default.
pub const SPOOL_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// The least that a spool may be allowed: what its files take beside the blocks.
pub const SPOOL_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// The file that tells a spool from the data directory of a log, whose blocks
/// must never be taken for ones that go when they are put.
const MARK: &str = "spool";
/// A full spool takes blocks again when this part of its limit is free.
const SPARE_PART: u64 = 16;

/// What waits in a spool, whoever put it there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Blocks that wait to be put.
    pub blocks: u64,
    /// Their events, also those of earlier processes.
    pub events: u64,
    /// What the spool takes on its disk.
    pub bytes: u64,
}

/// A store of blocks that go to the sink, oldest first, and are forgotten then.
pub(super) struct Spool {
    store: Arc<dyn BlockStore>,
    bytes_max: u64,
    age_max: Duration,
    clock: Clock,
    /// What stands from here on was sealed by this process.
    own_from: Position,
    steady: Mutex<Steady>,
    /// A front whose fate is known and that may be in the store still.
    decided: Mutex<Option<(Position, Share, Drained)>>,
}

/// Why a spool did not take a block.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolFailure {
    #[error("the spool is full: it takes at most {bytes_max} bytes")]
    Full { bytes_max: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose events a block in front of the spool has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Sealed by this process, and so in its books.
    pub(super) own: bool,
    pub(super) events: u64,
    /// `None` if the block cannot be read.
    pub(super) number: Option<u64>,
    pub(super) first_seq: u64,
}

/// What became of the block in front.
#[derive(Debug)]
pub(super) enum Drained {
    /// There is none.
    Empty,
    /// It is in the sink, and not in the spool any more.
    Stored(Share),
    /// It is gone. `certain`: and the sink does not have it.
    Lost { share: Share, reason: LossReason, certain: bool, cause: String },
    /// It is tried again. `perhaps`: the sink may have it all the same.
    Again { share: Option<Share>, perhaps: bool, error: StoreError },
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}

struct Front {
    base: Position,
    share: Share,
    block: Result<Block, String>,
}

impl Spool {
    pub(super) fn open(path: &Path, settings: &Settings) -> Result<Spool, QueueError> {
        let failed = |cause| QueueError::Spool { path: path.to_owned(), cause };
        let options = SqliteOptions { clock: settings.clock.clone(), ..SqliteOptions::default() };
        let mark = path.join(MARK);
        let is_marked = mark.exists();
        let store = SqliteStore::open(path, options).map_err(failed)?;
        let next = store.ends().map_err(|error| failed(error.into()))?.next;
        if !is_marked && next > Position(0) {
            let found = "beside the store of a log, and no spool".to_owned();
            return Err(failed(OpenError::NotOurs { path: mark, found }));
        }
        if !is_marked {
            let made = File::create(&mark).and_then(|_| File::open(path)?.sync_all());
            made.map_err(|cause| failed(OpenError::Io { doing: "create", path: mark, cause }))?;
        }
        Spool::over(Arc::new(store), settings).map_err(|error| failed(error.into()))
    }

    pub(super) fn over(
        store: Arc<dyn BlockStore>,
        settings: &Settings,
    ) -> Result<Spool, StoreError> {
        let clock = settings.clock.clone();
        Ok(Spool {
            own_from: store.ends()?.next,
            store,
            bytes_max: settings.spool_bytes_max,
            age_max: settings.max_event_age,
            steady: Mutex::new(Steady::since(clock.now(), clock.monotonic())),
            decided: Mutex::default(),
            clock,
        })
    }

    pub(super) fn describe(&self) -> String {
        self.store.describe()
    }

    /// Whether nothing is in it; no, when it cannot be read.
    pub(super) fn is_empty(&self) -> bool {
        self.store.ends().is_ok_and(|ends| ends.blocks == 0)
    }

    pub(super) fn backlog(&self) -> Result<Backlog, StoreError> {
        let ends = self.store.ends()?;
        Ok(Backlog { blocks: ends.blocks, events: ends.events, bytes: ends.bytes })
    }

    /// Takes a block, durably. The same block again is taken once.
    pub(super) fn append(&self, block: &Block) -> Result<(), SpoolFailure> {
        self.has_room(block.bytes().len() as u64)?;
        let blocks = std::slice::from_ref(block);
        self.store.append(&Batch { blocks, keys: &[], outbox: true, notes: &[] })?;
        Ok(())
    }

    /// Says whether a spool that has failed takes blocks again.
    pub(super) fn mend(&self) -> Result<(), SpoolFailure> {
        self.store.probe()?;
        self.has_room(self.bytes_max / SPARE_PART)
    }

    fn has_room(&self, bytes: u64) -> Result<(), SpoolFailure> {
        if self.store.ends()?.bytes.saturating_add(bytes) > self.bytes_max {
            return Err(SpoolFailure::Full { bytes_max: self.bytes_max });
        }
        Ok(())
    }

    /// Puts the block in front into the sink and lets it go. It leaves the spool
    /// only when its fate is known; a process that dies in between puts the same
    /// bytes again.
    pub(super) fn drain(&self, put: impl FnOnce(&Block) -> Result<Placed, StoreError>) -> Drained {
        let decided = self.decided.lock().take();
        if let Some((base, share, drained)) = decided {
            return self.finish(base, share, drained);
        }
        let Front { base, share, block } = match self.front() {
            Ok(Some(front)) => front,
            Ok(None) => return Drained::Empty,
            Err(error) => return Drained::Again { share: None, perhaps: false, error },
        };
        let lost = |reason, certain, cause| Drained::Lost { share, reason, certain, cause };
        let drained = match block {
            Err(cause) => lost(LossReason::SpoolFailed, false, cause),
            Ok(block) => match put(&block) {
                Ok(_) => Drained::Stored(share),
                Err(error @ StoreError::Conflict { .. }) => {
                    lost(LossReason::Rejected, true, error.to_string())
                }
                Err(error) if error.pause().is_none() => {
                    lost(LossReason::Rejected, false, error.to_string())
                }
                Err(error) if self.is_too_old(&block) => {
                    lost(LossReason::TooOld, false, error.to_string())
                }
                Err(error) => {
                    let perhaps = error.outcome() == Outcome::Unknown;
                    return Drained::Again { share: Some(share), perhaps, error };
                }
            },
        };
        self.finish(base, share, drained)
    }

    /// Lets the front go, now that its fate is known; nobody may know whether that
    /// worked, so the fate is kept until it has.
    fn finish(&self, base: Position, share: Share, drained: Drained) -> Drained {
        let Err(error) = self.let_go(base) else { return drained };
        // Brings a latched store back, for the next try; that one tells.
        let _ = self.store.probe();
        let perhaps = matches!(drained, Drained::Stored(_));
        *self.decided.lock() = Some((base, share, drained));
        Drained::Again { share: Some(share), perhaps, error }
    }

    fn front(&self) -> Result<Option<Front>, StoreError> {
        let waiting = self.store.outbox(Position(0), 2)?;
        let Some(base) = waiting.first().copied() else { return Ok(None) };
        let block = match self.store.read(base) {
            Ok(Some(block)) => Ok(block),
            Ok(None) => Err("it is not in the spool any more".to_owned()),
            Err(StoreError::Damaged { cause, .. }) => Err(cause.to_string()),
            Err(error) => return Err(error),
        };
        let own = base >= self.own_from;
        let share = if let Ok(block) = &block {
            let header = block.header();
            let first_seq = header.runs.first().map_or(0, |run| run.first_seq);
            Share { own, events: u64::from(header.count), number: header.number, first_seq }
        } else {
            // Blocks stand side by side, so the next one says how long it was.
            let next = match waiting.get(1) {
                Some(next) => *next,
                None => self.store.ends()?.next,
            };
            Share { own, events: next.0.saturating_sub(base.0), number: None, first_seq: 0 }
        };
        Ok(Some(Front { base, share, block }))
    }

    fn let_go(&self, base: Position) -> Result<(), StoreError> {
        if self.store.expire(&[base])?.waiting == 0 {
            // So damaged that it cannot be taken out: at least it waits no longer.
            self.store.published(&[base], &[])?;
        }
        Ok(())
    }

    /// By the time of day, for it may be an earlier process's; so only while that
    /// can be believed.
    fn is_too_old(&self, block: &Block) -> bool {
        let now = self.clock.now();
        let steady = self.steady.lock().observe(now, self.clock.monotonic());
        steady && block.header().received.1 < now.before(self.age_max)
    }

    /// Closes its files; what waits stays there.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        self.store.close()
    }
}
