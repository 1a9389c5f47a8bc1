//! How does space come back? Blocks are forgotten, pages given back, the WAL
//! emptied; in steps small enough for a full disk.

use rusqlite::params;

use super::Inner;
use super::latch::{Health, Purpose};
use super::write::Tx;
use crate::id::Position;
use crate::store::{Expired, StoreError};

/// Blocks that one transaction forgets, at most.
const EXPIRE_BLOCKS_MAX: usize = 128;
/// Free pages that are kept for the next blocks: moving pages costs writes too.
const FREE_PAGES_KEPT: i64 = 256;
/// Pages that one step moves to the front of the file, at most.
const VACUUM_PAGES: i64 = 2048;
/// The same on a full disk, where each step's pages must fit into the ballast.
const PURGE_PAGES: i64 = 64;
/// Free pages from which on a merge gives some back: until then what comes in next
/// uses them.
const FREE_PAGES_MERGED: i64 = 512;
/// Pages that a merge gives back, at most: as many as it frees, and few enough that no
/// writer waits long.
const MERGED_PAGES: i64 = 1024;
/// Boots that are remembered after their last block has gone, at most. A retry
/// older than that many starts is not recognised any more.
const BOOTS_GONE_MAX: i64 = 100_000;

impl Inner {
    pub(super) fn expire(&self, bases: &[Position]) -> Result<Expired, StoreError> {
        let mut expired = Expired::default();
        for chunk in bases.chunks(EXPIRE_BLOCKS_MAX) {
            if self.is_full() {
                // The room that the ballast left is for this first.
                self.empty_wal();
            }
            expired += match self.expire_some(chunk) {
                Err(StoreError::Damaged { .. }) => self.expire_one_by_one(chunk)?,
                done => done?,
            };
        }
        self.expire_words();
        self.give_back()?;
        Ok(expired)
    }

    fn expire_some(&self, bases: &[Position]) -> Result<Expired, StoreError> {
        let expired = self.transact(Purpose::Purge, "expire blocks", |tx| {
            let mut expired = Expired::default();
            for base in bases {
                let gone = tx.remove(signed(base.0))?;
                if gone.events > 0 {
                    tx.note_expired(base.0, gone.events)?;
                }
                expired += gone;
            }
            if tx.dirty {
                tx.raise_floor()?;
                let first = signed(tx.counts.first);
                tx.execute("DELETE FROM gaps WHERE next <= ?1", [first])?;
            }
            Ok(expired)
        })?;
        let first = self.counts.lock().first;
        self.gaps.lock().retain(|gap| gap.range.end.0 > first);
        Ok(expired)
    }

    /// A block whose pages are so damaged that they cannot be taken out stays; it
    /// must not keep the others from going.
    fn expire_one_by_one(&self, bases: &[Position]) -> Result<Expired, StoreError> {
        let mut expired = Expired::default();
        for base in bases {
            match self.expire_some(std::slice::from_ref(base)) {
                Err(error @ StoreError::Damaged { .. }) => {
                    tracing::warn!(store = %self.name, %base, %error, "block cannot be expired");
                }
                done => expired += done?,
            }
        }
        Ok(expired)
    }

    /// Drops free pages at the end of the file, and the WAL.
    fn give_back(&self) -> Result<(), StoreError> {
        let full = self.is_full();
        let (kept, step) = if full { (0, PURGE_PAGES) } else { (FREE_PAGES_KEPT, VACUUM_PAGES) };
        let mut free = self.free_pages()?;
        if full || self.wal_is_large() {
            self.empty_wal();
        }
        while free > kept {
            self.vacuum(step.min(free - kept))?;
            self.empty_wal();
            let left = self.free_pages()?;
            if left >= free {
                break; // blocks came in meanwhile, and took or freed as many
            }
            free = left;
        }
        Ok(())
    }

    /// Drops some free pages after a merge, which is done whatever comes of this.
    pub(super) fn give_some_back(&self) {
        let given = self.free_pages().and_then(|free| {
            if free < FREE_PAGES_MERGED {
                return Ok(());
            }
            self.vacuum(MERGED_PAGES.min(free - FREE_PAGES_KEPT))
        });
        if let Err(error) = given {
            tracing::warn!(store = %self.name, %error, "space could not be given back");
        }
    }

    pub(super) fn is_full(&self) -> bool {
        matches!(self.latch.get(), Health::Full(_))
    }

    fn free_pages(&self) -> Result<i64, StoreError> {
        self.reading("count free pages", |conn| {
            conn.pragma_query_value(None, "freelist_count", |row| row.get(0))
        })
    }

    fn vacuum(&self, pages: i64) -> Result<(), StoreError> {
        self.transact(Purpose::Purge, "give space back", |tx| {
            tx.dirty = true;
            let step = || {
                let mut vacuum = tx.conn.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
                let mut rows = vacuum.query([])?;
                while rows.next()?.is_some() {} // one page a row
                Ok(())
            };
            step().map_err(|error| tx.failed(&error))
        })
    }
}

impl Tx<'_> {
    /// Holes that are rightly there, so that any other hole is damage.
    fn note_expired(&mut self, first: u64, count: u64) -> Result<(), StoreError> {
        let (first, mut next) = (signed(first), signed(first.saturating_add(count)));
        let after =
            self.find("SELECT next FROM expired WHERE first = ?1", [next], |row| row.get(0))?;
        if let Some(after) = after {
            self.execute("DELETE FROM expired WHERE first = ?1", [next])?;
            next = after;
        }
        let before = self.find(
            "SELECT first, next FROM expired WHERE first < ?1 ORDER BY first DESC LIMIT 1",
            [first],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let from = before.filter(|before| before.1 == first).map_or(first, |before| before.0);
        self.write_expired(from, next)
    }

    pub(super) fn write_expired(&mut self, first: i64, next: i64) -> Result<(), StoreError> {
        let seal = super::row::expired_seal(first, next);
        let sql = "INSERT OR REPLACE INTO expired VALUES (?1, ?2, ?3)";
        self.execute(sql, params![first, next, seal]).map(drop)
    }

    /// Writes down where the store begins now, and forgets what lies before.
    pub(super) fn raise_floor(&mut self) -> Result<(), StoreError> {
        let oldest =
            self.find("SELECT min(base) FROM blocks", [], |row| row.get::<_, Option<i64>>(0))?;
        let next = signed(self.counts.next);
        let first = oldest.flatten().unwrap_or(next);
        self.counts.first = first.unsigned_abs();
        let seal = super::row::floor_seal(first, next);
        self.execute(
            "UPDATE floor SET first = ?1, next = ?2, seal = ?3",
            params![first, next, seal],
        )?;
        self.execute("DELETE FROM expired WHERE next <= ?1", [first])?;
        self.forget_boots()
    }

    fn forget_boots(&mut self) -> Result<(), StoreError> {
        // Row ids grow with every new boot, so their span bounds their number.
        let span = self
            .find("SELECT max(id) - min(id) FROM boots", [], |row| row.get::<_, Option<i64>>(0))?;
        if span.flatten().unwrap_or(0) < BOOTS_GONE_MAX {
            return Ok(());
        }
        let old = "SELECT id FROM boots WHERE id < (SELECT max(id) FROM boots) - ?1
                   AND id NOT IN (SELECT boot FROM blocks WHERE boot IS NOT NULL)";
        self.execute(&format!("DELETE FROM gone WHERE boot IN ({old})"), [BOOTS_GONE_MAX])?;
        self.execute(&format!("DELETE FROM boots WHERE id IN ({old})"), [BOOTS_GONE_MAX])?;
        Ok(())
    }
}

pub(super) fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
