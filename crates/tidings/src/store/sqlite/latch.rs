//! May it be written to? What a failure means, and what it leads to.
//!
//! After a failed COMMIT nobody knows whether the last sync reached the disk, and
//! reading back decides nothing: the page cache answers from what was to be
//! written. So the store latches. `revive` opens a new writing connection while
//! the others keep the WAL's index as it was before the failed commit, verifies
//! what was acknowledged, and commits something small: that overwrites the failed
//! pages in the WAL and syncs them. Only then is it writable again.

use rusqlite::ffi::{self, ErrorCode};

use super::Inner;
use crate::store::{Outcome, StoreError};
use crate::sync::Mutex;

/// Whether the store takes writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    #[default]
    Up,
    /// No room: only what makes room is let through.
    Full(String),
    /// A write failed.
    Latched(String),
    Closed,
}

/// What a write is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Keeps something.
    Store,
    /// Makes room; must work on a full disk.
    Purge,
    /// Tries out whether writing works again.
    Revive,
}

/// The state of the store's health; a leaf in the order of locks.
#[derive(Debug, Default)]
pub(super) struct Latch(Mutex<Health>);

impl Latch {
    pub(super) fn get(&self) -> Health {
        self.0.lock().clone()
    }

    /// Closed is for good.
    pub(super) fn set(&self, health: Health) {
        let mut now = self.0.lock();
        if *now != Health::Closed {
            *now = health;
        }
    }
}

/// What an error of the engine says about the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No room.
    Full,
    /// The file is not what it should be, or its place on the disk is unreadable.
    Damage,
    Other,
}

pub(super) fn fault(error: &rusqlite::Error) -> Fault {
    let Some(error) = error.sqlite_error() else {
        // A value of the wrong type in a STRICT table: the page was changed.
        return Fault::Damage;
    };
    match (error.code, error.extended_code) {
        (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => Fault::Full,
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _)
        | (
            _,
            ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS,
        ) => Fault::Damage,
        _ => Fault::Other,
    }
}

impl Inner {
    pub(super) fn closed(&self) -> StoreError {
        StoreError::Closed { store: self.name.clone() }
    }

    pub(super) fn rejected(&self, cause: impl Into<String>) -> StoreError {
        StoreError::Rejected { store: self.name.clone(), cause: cause.into() }
    }

    pub(super) fn io(
        &self,
        doing: &'static str,
        cause: &impl ToString,
        outcome: Outcome,
    ) -> StoreError {
        StoreError::Io { doing, store: self.name.clone(), cause: cause.to_string(), outcome }
    }

    /// Whether a write may begin.
    pub(super) fn admit(&self, purpose: Purpose) -> Result<(), StoreError> {
        let store = self.name.clone();
        match (self.latch.get(), purpose) {
            (Health::Closed, _) => Err(self.closed()),
            (Health::Up, _) | (_, Purpose::Revive) | (Health::Full(_), Purpose::Purge) => Ok(()),
            (Health::Full(cause), Purpose::Store) => Err(StoreError::DiskFull { store, cause }),
            (Health::Latched(cause), _) => Err(StoreError::Latched { store, cause }),
        }
    }

    /// A step before COMMIT failed: everything of it is rolled back.
    pub(super) fn step_failed(&self, doing: &'static str, error: &rusqlite::Error) -> StoreError {
        *self.probed_at.lock() = None;
        match fault(error) {
            Fault::Full => self.disk_is_full(error),
            Fault::Damage | Fault::Other => self.io(doing, error, Outcome::NotStored),
        }
    }

    /// COMMIT failed.
    pub(super) fn commit_failed(&self, doing: &'static str, error: &rusqlite::Error) -> StoreError {
        // A full disk shows when the pages are written, before the one that would
        // complete the commit, and so before the sync.
        if fault(error) == Fault::Full {
            return self.disk_is_full(error);
        }
        self.latch_for(error);
        self.io(doing, error, Outcome::Unknown)
    }

    pub(super) fn latch_for(&self, cause: &impl ToString) {
        let cause = cause.to_string();
        tracing::error!(store = %self.name, %cause, "store latched after a failed write");
        self.latch.set(Health::Latched(cause));
    }

    fn disk_is_full(&self, error: &rusqlite::Error) -> StoreError {
        let cause = error.to_string();
        if !matches!(self.latch.get(), Health::Full(_)) {
            tracing::error!(store = %self.name, %cause, "disk is full, the store takes no more");
        }
        self.latch.set(Health::Full(cause.clone()));
        self.ballast.drop_it();
        StoreError::DiskFull { store: self.name.clone(), cause }
    }
}
