//! Who empties the WAL and moves the tail mark? A thread of its own, so that
//! commits do not wait for either.
//!
//! A passive checkpoint copies pages while commits go on. It can only start the
//! WAL over if it catches up with them, so at half of the bound the rest is copied
//! while commits wait, which is short. Should the thread not get to run at all,
//! the committer itself empties the WAL when it is at its bound.

use std::time::Duration;

use rusqlite::Connection;

use super::ballast::BALLAST_BYTES;
use super::latch::{Fault, Health, fault};
use super::tail::Mark;
use super::write::Writer;
use super::{Inner, OpenError};
use crate::clock::Clock;
use crate::store::{Outcome, StoreError};
use crate::sync::{Arc, Condvar, Mutex, spawn, thread};

/// How old a tail mark may be.
const MARK_PERIOD: Duration = Duration::from_secs(1);

/// How large the WAL may become. What waits in it must fit into the ballast, or a
/// full disk could not be purged: copying it makes the store file longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct WalBounds {
    /// Bytes at which it is emptied in the background.
    checkpoint: u64,
    /// Bytes at which commits wait for what is left to copy.
    caught: u64,
    /// Bytes at which the committer empties it.
    max: u64,
}

impl WalBounds {
    pub(super) fn within(ballast_bytes: u64) -> WalBounds {
        let quarter = if ballast_bytes == 0 { BALLAST_BYTES } else { ballast_bytes } / 4;
        WalBounds { checkpoint: quarter, caught: 2 * quarter, max: 3 * quarter }
    }
}

/// What the thread is told; a leaf in the order of locks.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<Told>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Told {
    stop: bool,
    checkpoint: bool,
}

impl Bell {
    fn ring(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.state.lock());
        self.rung.notify_all();
    }

    pub(super) fn stop(&self) {
        self.ring(|told| told.stop = true);
    }

    /// `None` when it is time to stop; else whether a checkpoint is due.
    fn wait(&self, clock: &Clock, until: Duration) -> Option<bool> {
        let mut told = self.state.lock();
        loop {
            if told.stop {
                return None;
            }
            let left = until.saturating_sub(clock.monotonic());
            if told.checkpoint || left.is_zero() {
                return Some(std::mem::take(&mut told.checkpoint));
            }
            told = self.rung.wait_timeout(told, left);
        }
    }
}

/// Starts the thread.
pub(super) fn start(store: &Arc<Inner>) -> Result<thread::JoinHandle<()>, OpenError> {
    let keeper = Arc::clone(store);
    spawn("tidings-checkpoint", move || run(&keeper)).map_err(|cause| OpenError::Io {
        doing: "start a thread for",
        path: store.dir.path().to_owned(),
        cause,
    })
}

fn run(store: &Inner) {
    // Marks are paced by real time, also under a clock that a test moves.
    let clock = Clock::system();
    let mut marked_at = clock.monotonic();
    while let Some(checkpoint) = store.bell.wait(&clock, marked_at + MARK_PERIOD) {
        if checkpoint && let Err(error) = store.checkpoint() {
            tracing::warn!(store = %store.name, %error, "checkpoint failed, will be tried again");
        }
        if clock.monotonic() >= marked_at + MARK_PERIOD {
            marked_at = clock.monotonic();
            if let Err(error) = store.mark(false) {
                tracing::warn!(store = %store.name, %error, "tail mark could not be written");
            }
        }
    }
}

impl Inner {
    /// Writes down where the store ends.
    pub(super) fn mark(&self, clean: bool) -> std::io::Result<()> {
        let mut tail = self.tail.lock();
        let counts = *self.counts.lock();
        tail.write(&Mark {
            origin: self.origin,
            first: counts.first,
            next: counts.next,
            events: counts.events,
            at: self.clock.now(),
            clean,
        })
    }

    /// Called after every commit, with the writer's lock held.
    pub(super) fn committed(&self, conn: &Connection) {
        let emptied = checkpoint(conn, "NOOP").and_then(|waiting| {
            if waiting.bytes() >= self.wal.checkpoint {
                self.bell.ring(|told| told.checkpoint = true);
            }
            let too_much = waiting.bytes() >= self.wal.max;
            if too_much { checkpoint(conn, "TRUNCATE").map(drop) } else { Ok(()) }
        });
        // The commit itself is done; it is the next one that is told.
        match emptied {
            Ok(()) => {}
            Err(error) if fault(&error) == Fault::Full => {
                let _ = self.step_failed("empty the WAL", &error);
            }
            Err(error) => self.latch_for(&error),
        }
    }

    /// Copies the WAL into the store file without making commits wait long.
    fn checkpoint(&self) -> rusqlite::Result<()> {
        let conn = self.checkpointer.lock();
        let Some(conn) = conn.as_ref() else { return Ok(()) };
        let left = checkpoint(conn, "PASSIVE")?;
        if left.bytes() >= self.wal.caught {
            let _writer = self.writer.lock();
            checkpoint(conn, "PASSIVE")?;
        }
        Ok(())
    }

    /// Whether the WAL's file has become larger than it needs to be.
    pub(super) fn wal_is_large(&self) -> bool {
        std::fs::metadata(self.dir.wal()).is_ok_and(|meta| meta.len() > self.wal.checkpoint)
    }

    /// Copies the whole WAL and cuts its file; most of it while commits go on.
    /// What cannot be done now is done by the next checkpoint.
    pub(super) fn empty_wal(&self) {
        let conn = self.checkpointer.lock();
        let Some(conn) = conn.as_ref() else { return };
        let emptied = checkpoint(conn, "PASSIVE").and_then(|_| {
            let _writer = self.writer.lock();
            checkpoint(conn, "TRUNCATE")
        });
        if let Err(error) = emptied {
            tracing::warn!(store = %self.name, %error, "the WAL could not be emptied");
        }
    }

    /// The last acts: empties the WAL, leaves an exact mark.
    pub(super) fn finish(&self) -> Result<(), StoreError> {
        let mut checkpointer = self.checkpointer.lock();
        let mut writer = self.writer.lock();
        let health = self.latch.get();
        if health == Health::Closed {
            return Ok(());
        }
        self.latch.set(Health::Closed);
        *checkpointer = None;
        self.readers.close();
        let finished = self.finish_files(&mut writer, &health);
        writer.conn = None;
        finished
    }

    fn finish_files(&self, writer: &mut Writer, health: &Health) -> Result<(), StoreError> {
        let doing = "close the store";
        let Some(conn) = writer.conn.as_ref().filter(|_| *health == Health::Up) else {
            return Ok(()); // what failed before was told before, and is not clean
        };
        checkpoint(conn, "TRUNCATE").map_err(|error| self.io(doing, &error, Outcome::NotStored))?;
        self.mark(true).map_err(|error| self.io(doing, &error, Outcome::NotStored))
    }
}

/// What a checkpoint left in the WAL.
#[derive(Clone, Copy, Debug)]
struct Left {
    done: bool,
    log_bytes: u64,
}

impl Left {
    /// Once everything is copied, the next commit starts the WAL over.
    fn bytes(self) -> u64 {
        if self.done { 0 } else { self.log_bytes }
    }
}

fn checkpoint(conn: &Connection, mode: &str) -> rusqlite::Result<Left> {
    // Kept prepared: this runs after every commit.
    let mut statement = conn.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row([], |row| {
        let (log, copied) = (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
        let log_bytes = log.max(0).unsigned_abs() * u64::from(super::schema::PAGE_BYTES);
        Ok(Left { done: log == copied, log_bytes })
    })
}
