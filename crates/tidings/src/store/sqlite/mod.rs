//! What must outlive the process? A directory with an SQLite file.
//!
//! One thread writes at a time, behind one lock; a few connections read beside
//! it; a thread of its own empties the WAL and moves the tail mark. Locks are
//! taken in this order: checkpointer, writer, and then at most one of the others.

mod ballast;
mod directory;
mod inspect;
mod keeper;
mod keys;
mod latch;
mod notes;
mod open;
mod outbox;
mod purge;
mod read;
mod readers;
mod replace;
mod revive;
mod row;
mod salvage;
mod schema;
mod survey;
mod tail;
#[cfg(test)]
mod tests;
mod turns;
mod walk;
mod words;
mod write;

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use self::directory::{Directory, DirectoryLock};
use crate::block::{Block, Excerpt, Outline};
use crate::clock::{Clock, Timestamp};
use crate::id::{NoRandomness, Origin, Position};
use crate::store::{
    Batch, BlockStore, Ends, Expired, Gap, Head, KeyRow, Note, Placed, Reach, Sink, StoreError,
    Stored, Waiting, WaitingTotals, WordRows,
};
use crate::sync::{Arc, Mutex, thread};

pub use ballast::BALLAST_BYTES;
pub use inspect::{Finding, Inspection, inspect};
pub use salvage::{Salvaged, salvage};

/// Where and how a data directory is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Reads the time for tail marks. Default: the system's.
    pub clock: Clock,
    /// Bytes kept aside, so that purging can run on a full disk; 0 keeps none.
    /// Default: [`BALLAST_BYTES`].
    pub ballast_bytes: u64,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions { clock: Clock::system(), ballast_bytes: BALLAST_BYTES }
    }
}

/// A store in a data directory: SQLite for the blocks, and a second file that
/// tells whether their end is missing.
///
/// Dropping it closes it, as [`BlockStore::close`] does.
#[derive(Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
    keeper: Mutex<Option<thread::JoinHandle<()>>>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    dir: Directory,
    origin: Origin,
    clock: Clock,
    /// First in the order of locks. `None` once closed.
    checkpointer: Mutex<Option<Connection>>,
    /// Second in the order of locks.
    writer: turns::Turns,
    readers: readers::Readers,
    counts: Mutex<Counts>,
    gaps: Mutex<Vec<Gap>>,
    keys: Mutex<keys::KeyFilter>,
    tail: Mutex<tail::Tail>,
    latch: latch::Latch,
    bell: keeper::Bell,
    wal: keeper::WalBounds,
    ballast: ballast::Ballast,
    /// When a small write was last tried; `None` if a write has failed since, or
    /// none was tried yet.
    probed_at: Mutex<Option<Duration>>,
    /// Given back last: see the order in [`SqliteStore::close`].
    lock: Mutex<Option<DirectoryLock>>,
}

/// The ends and sizes as of the last commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    first: u64,
    next: u64,
    events: u64,
    blocks: u64,
}

impl Counts {
    fn added(&mut self, base: u64, count: u64) {
        if self.blocks == 0 {
            self.first = base;
        }
        self.next = base.saturating_add(count);
        self.events += count;
        self.blocks += 1;
    }

    fn removed(&mut self, count: u64) {
        self.events = self.events.saturating_sub(count);
        self.blocks = self.blocks.saturating_sub(1);
    }
}

impl SqliteStore {
    /// Opens a data directory, creating it if it is not there or empty.
    ///
    /// Only one process at a time can have it. What is found wrong but leaves the
    /// rest usable (damaged blocks, a missing end) is told by
    /// [`BlockStore::gaps`]. On a full disk it opens, reads and purges.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(dir: &Path, options: SqliteOptions) -> Result<SqliteStore, OpenError> {
        let inner = Arc::new(open::open(dir, options)?);
        let keeper = Mutex::new(Some(keeper::start(&inner)?));
        Ok(SqliteStore { inner, keeper })
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(store = %self.inner.name, %error, "store was not closed cleanly");
        }
    }
}

impl Sink for SqliteStore {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        self.inner.put(block)
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe()
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }

    fn describe(&self) -> String {
        self.inner.name.clone()
    }
}

impl BlockStore for SqliteStore {
    fn origin(&self) -> Origin {
        self.inner.origin
    }

    fn append(&self, batch: &Batch<'_>) -> Result<Position, StoreError> {
        self.inner.append(batch)
    }

    fn take(&self, batch: &Batch<'_>) -> Result<Vec<Placed>, StoreError> {
        self.inner.take(batch)
    }

    fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.recall(name)
    }

    fn heads(&self, from: Position, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.inner.heads(from, limit)
    }

    fn read(&self, base: Position) -> Result<Option<Block>, StoreError> {
        self.inner.read(base)
    }

    fn outline(&self, base: Position) -> Result<Option<Outline>, StoreError> {
        self.inner.outline(base)
    }

    fn excerpt(
        &self,
        base: Position,
        outline: &Outline,
        frames: Range<usize>,
    ) -> Result<Option<Excerpt>, StoreError> {
        self.inner.excerpt(base, outline, &frames)
    }

    fn blocks(&self, range: Range<Position>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.inner.blocks(&range, limit)
    }

    fn visit_blocks(
        &self,
        range: Range<Position>,
        visit: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.inner.visit_blocks(&range, visit)
    }

    fn replace(&self, range: Range<Position>, with: &Block) -> Result<(), StoreError> {
        self.inner.replace(&range, with)
    }

    fn expire(&self, bases: &[Position]) -> Result<Expired, StoreError> {
        self.inner.expire(bases)
    }

    fn outbox(&self, from: Position, limit: usize) -> Result<Vec<Position>, StoreError> {
        self.inner.outbox(from, limit)
    }

    fn waiting(&self, from: Position, events_max: u64) -> Result<Vec<Waiting>, StoreError> {
        self.inner.waiting(from, events_max)
    }

    fn published(&self, bases: &[Position], notes: &[Note<'_>]) -> Result<(), StoreError> {
        self.inner.published(bases, notes)
    }

    fn backlog(&self) -> Result<WaitingTotals, StoreError> {
        self.inner.backlog()
    }

    fn share_all(&self) -> Result<u64, StoreError> {
        self.inner.share_all()
    }

    fn ends(&self) -> Result<Ends, StoreError> {
        self.inner.ends()
    }

    fn gaps(&self) -> Result<Vec<Gap>, StoreError> {
        self.inner.known_gaps()
    }

    fn find_key(
        &self,
        name: &[u8],
        now: Timestamp,
        window: Duration,
    ) -> Result<Option<KeyRow>, StoreError> {
        self.inner.find_key(name, now, window)
    }

    fn forget_keys(&self, before: Timestamp) -> Result<(), StoreError> {
        self.inner.forget_keys(before)
    }

    fn keep_words(&self, rows: &WordRows<'_>) -> Result<(), StoreError> {
        self.inner.keep_words(rows)
    }

    fn drop_words(&self, range: Range<Position>) -> Result<(), StoreError> {
        self.inner.drop_words(&range)
    }

    fn words(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.inner.words()
    }

    fn word_part(&self, first: Position, number: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.word_part(first, number)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.inner.bell.stop();
        if let Some(keeper) = self.keeper.lock().take() {
            // It ends after the checkpoint it is in; a panic of it was printed.
            let _ = keeper.join();
        }
        let finished = self.inner.finish();
        *self.inner.lock.lock() = None;
        finished
    }
}

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error("{dir} is in use by process {pid}; stop it, or choose another directory")]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Who has it, as far as the lock file says.
        pid: String,
    },
    /// The directory was written by a newer tidings.
    #[error("{dir} has format {found}, newer than this program knows ({known}); upgrade tidings")]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The store file is missing or empty, but the directory shows that there was one.
    #[error(
        "{dir} has lost its {file}; restore it from a backup, or empty the directory to start afresh"
    )]
    StoreFileLost {
        /// The directory.
        dir: PathBuf,
        /// What is missing.
        file: &'static str,
    },
    /// A file of another program, or of another log, stands in the way.
    #[error("{path} is {found}; choose another directory")]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// The store file is so damaged that nothing of it can be used.
    #[error("{path} is damaged: {cause}; run `tidings salvage`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The file system said no.
    #[error("cannot {doing} {path}: {cause}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No id could be drawn for a new log.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The store in it cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
