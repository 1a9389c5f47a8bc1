//! What waits to be published? The outbox: a table of the blocks' bases.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::Inner;
use super::latch::{Fault, Purpose, fault};
use super::purge::signed;
use super::walk::{self, Row};
use crate::id::Position;
use crate::store::outbox::WaitingLimit;
use crate::store::{Damage, Note, StoreError, WAITING_BLOCKS_MAX, Waiting, WaitingTotals};

impl Inner {
    pub(super) fn outbox(&self, from: Position, limit: usize) -> Result<Vec<Position>, StoreError> {
        let Ok(from) = i64::try_from(from.0) else { return Ok(Vec::new()) };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.reading("read the outbox", |conn| {
            let sql = "SELECT base FROM outbox WHERE base >= ?1 ORDER BY base LIMIT ?2";
            let mut rows = conn.prepare_cached(sql)?;
            let bases = rows.query_map(params![from, limit], |row| row.get::<_, i64>(0))?;
            bases.map(|base| base.map(|base| Position(base.unsigned_abs()))).collect()
        })
    }

    pub(super) fn waiting(
        &self,
        from: Position,
        events_max: u64,
    ) -> Result<Vec<Waiting>, StoreError> {
        let Ok(start) = i64::try_from(from.0) else { return Ok(Vec::new()) };
        let next = self.counts.lock().next;
        let read = self.reading("read what waits", |conn| {
            let mut limit = WaitingLimit::of_events(events_max);
            match read_waiting(conn, start, &mut limit) {
                // One damaged page ends the statement, so the blocks are read one by one.
                Err(error) if fault(&error) == Fault::Damage => Ok(None),
                read => read.map(Some),
            }
        })?;
        let mut waiting = match read {
            Some(waiting) => waiting,
            None => self.waiting_one_by_one(from, events_max)?,
        };
        cut_overlaps(&mut waiting, next);
        Ok(waiting)
    }

    fn waiting_one_by_one(
        &self,
        from: Position,
        events_max: u64,
    ) -> Result<Vec<Waiting>, StoreError> {
        let mut limit = WaitingLimit::of_events(events_max);
        let mut waiting = Vec::new();
        for base in self.outbox(from, WAITING_BLOCKS_MAX)? {
            if limit.is_reached() {
                break;
            }
            let row =
                self.reading("read a block that waits", |conn| walk::block(conn, signed(base.0)))?;
            let next = row.map_or_else(|| vanished(base), |row| of_row(base, row));
            limit.count(&next);
            waiting.push(next);
        }
        Ok(waiting)
    }

    pub(super) fn published(
        &self,
        bases: &[Position],
        notes: &[Note<'_>],
    ) -> Result<(), StoreError> {
        self.check_notes(notes)?;
        if self.is_full() {
            // The room that the ballast left is enough for this once it is empty.
            self.empty_wal();
        }
        self.transact(Purpose::Purge, "take blocks out of the outbox", |tx| {
            for base in bases {
                tx.execute("DELETE FROM outbox WHERE base = ?1", [signed(base.0)])?;
            }
            tx.insert_notes(notes)
        })
    }

    pub(super) fn backlog(&self) -> Result<WaitingTotals, StoreError> {
        self.reading("count what waits", |conn| {
            let sql = "SELECT count(*), coalesce(sum(count), 0) FROM outbox LEFT JOIN blocks USING (base)";
            let totals = conn.prepare_cached(sql)?.query_row([], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
            });
            match totals {
                Err(error) if fault(&error) == Fault::Damage => {
                    let sql = "SELECT count(*) FROM outbox";
                    let blocks = conn.query_row(sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs();
                    Ok(WaitingTotals { blocks, events: blocks })
                }
                totals => totals.map(|(blocks, events)| WaitingTotals { blocks, events }),
            }
        })
    }

    pub(super) fn share_all(&self) -> Result<u64, StoreError> {
        let own = "FROM blocks WHERE boot IN (SELECT id FROM boots WHERE origin = ?1)
                   AND base NOT IN (SELECT base FROM outbox)";
        let origin = self.origin.to_bytes();
        self.transact(Purpose::Store, "put blocks into the outbox", |tx| {
            let sql = format!("SELECT coalesce(sum(count), 0) {own}");
            let events = tx.find(&sql, [origin], |row| row.get::<_, i64>(0))?.unwrap_or(0);
            tx.execute(&format!("INSERT INTO outbox SELECT base {own}"), [origin])?;
            Ok(events.unsigned_abs())
        })
    }
}

/// Reads on from `start` in one statement, until there is no more or enough.
fn read_waiting(
    conn: &Connection,
    start: i64,
    limit: &mut WaitingLimit,
) -> rusqlite::Result<Vec<Waiting>> {
    let sql =
        "SELECT blocks.base, count, boot, number, head_seal, body_seal, head, body, outbox.base
               FROM outbox LEFT JOIN blocks USING (base)
               WHERE outbox.base >= ?1 ORDER BY outbox.base";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([start])?;
    let mut waiting = Vec::new();
    while !limit.is_reached() {
        let Some(row) = rows.next()? else { break };
        let base = Position(row.get::<_, i64>(8)?.unsigned_abs());
        let is_there = row.get_ref(0)? != ValueRef::Null;
        let next = if is_there { of_row(base, walk::read_row(row)?) } else { vanished(base) };
        limit.count(&next);
        waiting.push(next);
    }
    Ok(waiting)
}

fn of_row(base: Position, row: Row) -> Waiting {
    Waiting { base, count: row.count, block: row.block }
}

/// A block whose row cannot be found: pages on the way to it are damaged.
fn vanished(base: Position) -> Waiting {
    let cause = "it cannot be found any more".to_owned();
    Waiting { base, count: 1, block: Err(Damage::Unreadable(cause)) }
}

/// The count of a damaged row cannot be trusted: the next one says where it ends.
fn cut_overlaps(waiting: &mut [Waiting], next: u64) {
    let mut end = next;
    for it in waiting.iter_mut().rev() {
        if it.block.is_err() {
            it.count = it.count.min(end.saturating_sub(it.base.0)).max(1);
        }
        end = it.base.0;
    }
}

#[cfg(test)]
mod tests {
    use crate::id::Position;
    use crate::store::sqlite::{SqliteOptions, SqliteStore};
    use crate::store::{Batch, BlockStore};
    use crate::testing::Blocks;

    #[test]
    fn what_waits_still_waits_after_reopening_and_what_was_published_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let options = SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() };
        let mut blocks = Blocks::new(1);
        let sent = [blocks.of(1), blocks.of(2), blocks.of(3)];
        let store = SqliteStore::open(dir.path(), options.clone()).unwrap();
        store.append(&Batch { blocks: &sent, keys: &[], outbox: true, notes: &[] }).unwrap();
        store.published(&[Position(1)], &[]).unwrap();
        drop(store);

        let store = SqliteStore::open(dir.path(), options).unwrap();

        assert_eq!(store.outbox(Position(0), 9).unwrap(), [Position(0), Position(3)]);
        assert_eq!(store.read(Position(3)).unwrap().unwrap().bytes(), sent[2].bytes());
    }
}
