//! How do blocks get in, and out again? One transaction at a time.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::keys::OnTwin;
use super::latch::{Fault, Purpose, fault};
use super::row::{self, Place};
use super::{Counts, Inner, schema};
use crate::block::Block;
use crate::id::{Boot, Origin, Position};
use crate::store::naming::{BlockName, MERGED, Settled, TORN, TWICE};
use crate::store::{Batch, Damage, Expired, KeyRow, Placed, StoreError};

/// What only the writing thread needs; behind one lock, which is held for a
/// whole transaction.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` after a failed commit, until the store is revived.
    pub(super) conn: Option<Connection>,
    /// Rows of `boots`, as far as they have been asked for; bounded by
    /// [`BOOTS_CACHED_MAX`].
    pub(super) boots: HashMap<(Origin, Boot), i64>,
}

const BOOTS_CACHED_MAX: usize = 10_000;

/// A transaction that is under way.
pub(super) struct Tx<'a> {
    pub(super) conn: &'a Connection,
    pub(super) store: &'a Inner,
    boots: &'a mut HashMap<(Origin, Boot), i64>,
    /// The ends as they will be.
    pub(super) counts: Counts,
    /// Keys that will be there.
    pub(super) keys: Vec<KeyRow>,
    /// Whether there is anything to commit.
    pub(super) dirty: bool,
}

/// What is known of a block that is offered.
enum Known {
    New,
    There { base: u64 },
    Gone,
}

impl Inner {
    /// Runs one transaction: all of what `body` does is durable, or nothing.
    pub(super) fn transact<T>(
        &self,
        purpose: Purpose,
        doing: &'static str,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock();
        self.transact_in(&mut writer, purpose, doing, body)
    }

    pub(super) fn transact_in<T>(
        &self,
        writer: &mut Writer,
        purpose: Purpose,
        doing: &'static str,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.admit(purpose)?;
        let Writer { conn, boots } = writer;
        let open = conn.as_ref().ok_or_else(|| self.closed())?;
        if boots.len() > BOOTS_CACHED_MAX {
            boots.clear();
        }
        let execute = |sql| open.prepare_cached(sql).and_then(|mut it| it.execute([]));
        execute("BEGIN IMMEDIATE").map_err(|error| self.step_failed(doing, &error))?;
        let counts = *self.counts.lock();
        let (store, keys) = (self, Vec::new());
        let mut tx = Tx { conn: open, store, boots, counts, keys, dirty: false };
        let done = body(&mut tx);
        let Tx { counts, keys, dirty, .. } = tx;
        let outcome = match &done {
            Ok(_) if dirty => execute("COMMIT").map_err(|error| self.commit_failed(doing, &error)),
            _ => Ok(0),
        };
        if !open.is_autocommit() && execute("ROLLBACK").is_err() {
            // Nobody knows what the connection would do next.
            self.latch_for(&"a transaction could not be rolled back");
        }
        if outcome.is_err() || done.is_err() {
            // Ids of boots that were rolled back would name others' rows.
            boots.clear();
            outcome?;
            return done;
        }
        if dirty {
            *self.counts.lock() = counts;
            self.keys.lock().remember(&keys);
            self.committed(open);
        }
        done
    }

    pub(super) fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        let name = BlockName::of(block).ok_or_else(|| self.rejected(MERGED))?;
        self.transact(Purpose::Store, "write a block", |tx| tx.place(name, block, false))
    }

    pub(super) fn take(&self, batch: &Batch<'_>) -> Result<Vec<Placed>, StoreError> {
        self.check_notes(batch.notes)?;
        let names = batch.blocks.iter().map(BlockName::of).collect::<Option<Vec<_>>>();
        let names = names.ok_or_else(|| self.rejected(MERGED))?;
        self.transact(Purpose::Store, "take blocks", |tx| {
            let mut placed = Vec::with_capacity(names.len());
            for (name, block) in names.iter().zip(batch.blocks) {
                placed.push(match tx.place(*name, block, batch.outbox) {
                    // Its bytes cannot be compared any more: the name alone decides, or
                    // one damaged block would keep out whatever comes beside it.
                    Err(StoreError::Damaged { base, .. }) => {
                        Placed { base: Some(base), duplicate: true }
                    }
                    placed => placed?,
                });
            }
            batch.keys.iter().try_for_each(|key| tx.insert_key(key, OnTwin::Keep))?;
            tx.insert_notes(batch.notes)?;
            Ok(placed)
        })
    }

    pub(super) fn append(&self, batch: &Batch<'_>) -> Result<Position, StoreError> {
        self.check_notes(batch.notes)?;
        let names = batch.blocks.iter().map(BlockName::of).collect::<Option<Vec<_>>>();
        let names = names.ok_or_else(|| self.rejected(MERGED))?;
        if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
            return Err(self.rejected(TWICE));
        }
        self.transact(Purpose::Store, "write blocks", |tx| {
            let mut settled = Settled::default();
            for (name, block) in names.iter().zip(batch.blocks) {
                match tx.known(*name, block)? {
                    Known::New => settled.add(None, block),
                    Known::There { base } => settled.add(Some(base), block),
                    Known::Gone => return Err(self.rejected(TORN)),
                }
            }
            if let Some(base) = settled.outcome().map_err(|cause| self.rejected(cause))? {
                tx.insert_notes(batch.notes)?;
                return Ok(base);
            }
            let first = Position(tx.counts.next);
            for (name, block) in names.iter().zip(batch.blocks) {
                tx.insert_new(*name, block, batch.outbox)?;
            }
            batch.keys.iter().try_for_each(|key| tx.insert_key(key, OnTwin::Replace))?;
            tx.insert_notes(batch.notes)?;
            Ok(first)
        })
    }
}

pub(super) fn place_of(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

impl Tx<'_> {
    const DOING: &'static str = "write blocks";

    pub(super) fn failed(&self, error: &rusqlite::Error) -> StoreError {
        self.store.step_failed(Self::DOING, error)
    }

    pub(super) fn execute(
        &mut self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<usize, StoreError> {
        self.dirty = true;
        let run = self.conn.prepare_cached(sql).and_then(|mut it| it.execute(params));
        run.map_err(|error| self.failed(&error))
    }

    pub(super) fn find<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let found =
            self.conn.prepare_cached(sql).and_then(|mut it| it.query_row(params, read).optional());
        found.map_err(|error| self.failed(&error))
    }

    /// The row of a boot, if it has one.
    fn boot(&mut self, origin: Origin, boot: Boot) -> Result<Option<i64>, StoreError> {
        if let Some(id) = self.boots.get(&(origin, boot)) {
            return Ok(Some(*id));
        }
        let id = self.find(
            "SELECT id FROM boots WHERE origin = ?1 AND boot = ?2",
            params![origin.to_bytes(), boot.to_bytes()],
            |row| row.get(0),
        )?;
        if let Some(id) = id {
            self.boots.insert((origin, boot), id);
        }
        Ok(id)
    }

    fn known(&mut self, name: BlockName, block: &Block) -> Result<Known, StoreError> {
        let number = self.number(name)?;
        let Some(boot) = self.boot(name.origin, name.boot)? else { return Ok(Known::New) };
        let there = self.find(
            "SELECT base, count, head_seal, body_seal, head, body FROM blocks
             WHERE boot = ?1 AND number = ?2",
            params![boot, number],
            |row| {
                let place =
                    Place { base: row.get(0)?, count: row.get(1)?, name: Some((boot, number)) };
                let head = row.get_ref(4)?.as_blob()?;
                let body = row.get_ref(5)?.as_blob()?;
                Ok((place.base, row::open_block(&place, (row.get(2)?, row.get(3)?), head, body)))
            },
        )?;
        match there {
            Some((base, Ok(there))) if there.bytes() == block.bytes() => {
                Ok(Known::There { base: base.unsigned_abs() })
            }
            Some((_, Ok(_))) => Err(name.conflict()),
            Some((base, Err(cause))) => {
                Err(StoreError::Damaged { base: Position(base.unsigned_abs()), cause })
            }
            None if self.is_gone(boot, number)? => Ok(Known::Gone),
            None => Ok(Known::New),
        }
    }

    fn number(&self, name: BlockName) -> Result<i64, StoreError> {
        i64::try_from(name.number)
            .map_err(|_| self.store.rejected(format!("block number {} is too large", name.number)))
    }

    fn is_gone(&self, boot: i64, number: i64) -> Result<bool, StoreError> {
        let last = self.find(
            "SELECT last FROM gone WHERE boot = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
            params![boot, number],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(last.is_some_and(|last| last >= number))
    }

    /// Puts a block under its name, unless it is there.
    fn place(
        &mut self,
        name: BlockName,
        block: &Block,
        outbox: bool,
    ) -> Result<Placed, StoreError> {
        Ok(match self.known(name, block)? {
            Known::There { base } => Placed { base: Some(Position(base)), duplicate: true },
            Known::Gone => Placed { base: None, duplicate: true },
            Known::New => {
                let base = self.insert_new(name, block, outbox)?;
                Placed { base: Some(base), duplicate: false }
            }
        })
    }

    fn insert_new(
        &mut self,
        name: BlockName,
        block: &Block,
        outbox: bool,
    ) -> Result<Position, StoreError> {
        let base = self.insert(Some(name), block)?;
        if outbox {
            self.execute("INSERT INTO outbox VALUES (?1)", params![place_of(base)])?;
        }
        Ok(base)
    }

    /// Puts a block at `counts.next`.
    pub(super) fn insert(
        &mut self,
        name: Option<BlockName>,
        block: &Block,
    ) -> Result<Position, StoreError> {
        schema::note_format(self.conn, block).map_err(|error| self.failed(&error))?;
        let base = Position(self.counts.next);
        let name = match name {
            None => None,
            Some(name) => {
                let number = self.number(name)?;
                Some((self.boot_row(name.origin, name.boot)?, number))
            }
        };
        let count = u64::from(block.header().count);
        let place = Place { base: place_of(base), count: i64::from(block.header().count), name };
        let (head, body) = block.bytes().split_at(block.head_bytes());
        let head_seal = row::head_seal(&place, head);
        let body_seal = row::body_seal(head_seal, body);
        self.execute(
            "INSERT INTO blocks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                place.base,
                place.count,
                name.map(|it| it.0),
                name.map(|it| it.1),
                head_seal,
                body_seal,
                head,
                body
            ],
        )?;
        self.counts.added(base.0, count);
        Ok(base)
    }

    /// The row of a boot, made if it has none.
    pub(super) fn boot_row(&mut self, origin: Origin, boot: Boot) -> Result<i64, StoreError> {
        if let Some(id) = self.boot(origin, boot)? {
            return Ok(id);
        }
        self.execute(
            "INSERT INTO boots (origin, boot) VALUES (?1, ?2)",
            params![origin.to_bytes(), boot.to_bytes()],
        )?;
        let id = self.conn.last_insert_rowid();
        self.boots.insert((origin, boot), id);
        Ok(id)
    }

    /// Takes a block out, keeping its name. Answers with what went.
    pub(super) fn remove(&mut self, base: i64) -> Result<Expired, StoreError> {
        let sql = "DELETE FROM blocks WHERE base = ?1 RETURNING count, boot, number";
        let gone = self.conn.prepare_cached(sql).and_then(|mut it| {
            it.query_row([base], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        });
        let gone = gone.map_err(|error| match fault(&error) {
            Fault::Damage => StoreError::Damaged {
                base: Position(base.unsigned_abs()),
                cause: Damage::Unreadable(error.to_string()),
            },
            Fault::Full | Fault::Other => self.failed(&error),
        })?;
        let Some((count, boot, number)) = gone else { return Ok(Expired::default()) };
        let (boot, number): (Option<i64>, Option<i64>) = (boot, number);
        self.dirty = true;
        let waited = self.execute("DELETE FROM outbox WHERE base = ?1", [base])? > 0;
        if let (Some(boot), Some(number)) = (boot, number) {
            self.note_gone(boot, number, number)?;
        }
        let events = i64::unsigned_abs(count);
        self.counts.removed(events);
        Ok(Expired { events, waiting: if waited { events } else { 0 } })
    }
}
