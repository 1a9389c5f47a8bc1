//! Does it work again? Cheap questions to a healthy store, a verdict on a latched
//! one.

use std::time::Duration;

use super::Inner;
use super::latch::{Health, Purpose};
use super::walk::{self, Row};
use super::write::Writer;
use super::{schema, survey};
use crate::clock::Clock;
use crate::store::{Outcome, StoreError};

/// How often a healthy store is tried with a small write; after one that failed
/// it is tried at once.
const PROBE_PERIOD: Duration = Duration::from_secs(10);
/// Blocks at the end that are read back before a latched store is trusted.
const VERIFIED_BLOCKS: u32 = 16;

impl Inner {
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        match self.latch.get() {
            Health::Closed => Err(self.closed()),
            Health::Up => self.probe_healthy(),
            Health::Full(cause) => self.probe_full(cause),
            Health::Latched(_) => self.revive(),
        }
    }

    /// Hangs for as long as a write hangs that is under way, and no longer: a
    /// probe that queued up for a turn of its own might never get one of a store
    /// that is busy and well.
    fn probe_healthy(&self) -> Result<(), StoreError> {
        if self.writer.lock_or_wait().is_none() {
            return self.admit(Purpose::Store); // the write's end has told all
        }
        let now = Clock::system().monotonic();
        {
            let mut probed_at = self.probed_at.lock();
            if probed_at.is_some_and(|at| now.saturating_sub(at) < PROBE_PERIOD) {
                return Ok(());
            }
            *probed_at = Some(now);
        }
        if let Err(error) = self.ballast.fill() {
            tracing::warn!(store = %self.name, %error, "ballast could not be made");
        }
        match self.writer.lock_or_wait() {
            Some(mut writer) => self.try_write(&mut writer, Purpose::Store),
            None => self.admit(Purpose::Store),
        }
    }

    /// Lifts the pause once the ballast is back and a write goes through.
    fn probe_full(&self, cause: String) -> Result<(), StoreError> {
        // Purging waits meanwhile: the two would fight for the same room.
        let mut writer = self.writer.lock();
        if self.ballast.fill().is_err() {
            return Err(StoreError::DiskFull { store: self.name.clone(), cause });
        }
        self.try_write(&mut writer, Purpose::Revive)?;
        self.latch.set(Health::Up);
        tracing::info!(store = %self.name, "there is room again");
        Ok(())
    }

    /// Brings a latched store back.
    fn revive(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        let Health::Latched(cause) = self.latch.get() else {
            return Ok(()); // somebody else was faster
        };
        // The other connections stay open: they keep the WAL's index, in which the
        // failed commit never happened. A fresh index would take it from the page
        // cache for true.
        writer.conn = None;
        writer.boots.clear();
        let latched = |found: String| StoreError::Latched {
            store: self.name.clone(),
            cause: format!("{cause}; then: {found}"),
        };
        let conn = schema::writer(&self.dir.store()).map_err(|error| latched(error.to_string()))?;
        self.verify(&conn).map_err(latched)?;
        writer.conn = Some(conn);
        self.try_write(&mut writer, Purpose::Revive)?;
        self.latch.set(Health::Up);
        tracing::info!(store = %self.name, "store reopened and verified, takes writes again");
        Ok(())
    }

    /// What was acknowledged must be there, and its end must be whole.
    fn verify(&self, conn: &rusqlite::Connection) -> Result<(), String> {
        let text = |error: rusqlite::Error| error.to_string();
        let counts = *self.counts.lock();
        let sql = "SELECT base, count FROM blocks ORDER BY base DESC LIMIT ?1";
        let ends: Vec<(i64, i64)> = conn
            .prepare(sql)
            .and_then(|mut it| {
                it.query_map([VERIFIED_BLOCKS], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(text)?;
        let end =
            ends.first().map_or(0, |(base, count)| base.saturating_add(*count).unsigned_abs());
        // The floor stands in for blocks that were at the end and have expired.
        let floor = survey::floor(conn).map_err(text)?.map_or(0, |(_, next)| next);
        if end.max(floor) < counts.next {
            return Err(format!("the store ends at {end}, acknowledged was {}", counts.next));
        }
        for (base, _) in ends {
            if let Some(Row { block: Err(damage), .. }) = walk::block(conn, base).map_err(text)? {
                let known =
                    self.gaps.lock().iter().any(|gap| gap.range.start.0 == base.unsigned_abs());
                if !known {
                    return Err(format!("the block at position {base} is damaged: {damage}"));
                }
            }
        }
        Ok(())
    }

    /// Commits something small: it syncs the WAL, over whatever failed there.
    fn try_write(&self, writer: &mut Writer, purpose: Purpose) -> Result<(), StoreError> {
        self.transact_in(writer, purpose, "try a write", |tx| {
            tx.execute("UPDATE probe SET count = count + 1", []).map(drop)
        })
        .map_err(|error| match error {
            StoreError::Io { doing, store, cause, .. } => {
                // Nothing of anybody's is at stake in this write.
                StoreError::Io { doing, store, cause, outcome: Outcome::NotStored }
            }
            other => other,
        })
    }
}
