//! Who reads while others write? A few connections of their own, so that queries
//! never wait for a commit nor a commit for them.
//!
//! A read ends with its call: no read transaction is ever left open, because one
//! idle reader keeps the WAL from starting over.

use rusqlite::Connection;

use super::Inner;
use super::latch::{Fault, Health, fault};
use super::schema;
use crate::store::{Outcome, StoreError};
use crate::sync::{Condvar, Mutex};

/// Reads that run at the same time, at most; more wait.
const READERS_MAX: usize = 8;
/// Connections that are kept for the next reads, at most.
const READERS_KEPT: usize = 4;

/// The reading connections; a leaf in the order of locks.
#[derive(Debug, Default)]
pub(super) struct Readers {
    pool: Mutex<Pool>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    busy: usize,
    closed: bool,
}

impl Readers {
    /// `None` if a new connection has to be made.
    fn take(&self) -> Option<Connection> {
        let mut pool = self.pool.lock();
        while pool.busy >= READERS_MAX {
            pool = self.freed.wait(pool);
        }
        pool.busy += 1;
        pool.idle.pop()
    }

    fn give(&self, conn: Option<Connection>) {
        let mut pool = self.pool.lock();
        pool.busy -= 1;
        if !pool.closed && pool.idle.len() < READERS_KEPT {
            pool.idle.extend(conn);
        }
        drop(pool);
        self.freed.notify_all();
    }

    /// Closes all connections, waiting for the reads that still run.
    pub(super) fn close(&self) {
        let mut pool = self.pool.lock();
        pool.closed = true;
        while pool.busy > 0 {
            pool = self.freed.wait(pool);
        }
        pool.idle.clear();
    }
}

/// Gives the place back also when a read panics.
struct Seat<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.readers.give(self.conn.take());
    }
}

impl Inner {
    /// Runs a read that ends before this returns.
    pub(super) fn reading<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut seat = Seat { readers: &self.readers, conn: None };
        seat.conn = self.readers.take();
        // Asked after the place is taken: closing waits for taken places.
        if self.latch.get() == Health::Closed {
            return Err(self.closed());
        }
        let failed = |error: &rusqlite::Error| self.io(doing, error, Outcome::NotStored);
        let conn = match seat.conn.take() {
            Some(conn) => conn,
            None => schema::reader(&self.dir.store()).map_err(|error| failed(&error))?,
        };
        let done = read(&conn);
        // After an error that is not the data's the next read opens afresh.
        if !done.as_ref().is_err_and(|error| fault(error) == Fault::Other) {
            seat.conn = Some(conn);
        }
        done.map_err(|error| failed(&error))
    }
}
