//! What waits to be published? The outbox: a table of the blocks' bases.

use std::ops::ControlFlow;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::Inner;
use super::latch::{Fault, Purpose, fault};
use super::purge::signed;
use super::walk::{self, Met, Row};
use crate::id::Position;
use crate::store::outbox::WaitingAnswer;
use crate::store::{
    Damage, Gap, GapReason, Head, Note, StoreError, WAITING_BLOCKS_MAX, Waiting, WaitingTotals,
};

impl Inner {
    pub(super) fn outbox(&self, from: Position, limit: usize) -> Result<Vec<Position>, StoreError> {
        let Ok(from) = i64::try_from(from.0) else { return Ok(Vec::new()) };
        self.reading("read the outbox", |conn| bases(conn, from, limit))
    }

    pub(super) fn waiting(
        &self,
        from: Position,
        events_max: u64,
    ) -> Result<Vec<Waiting>, StoreError> {
        let Ok(from) = i64::try_from(from.0) else { return Ok(Vec::new()) };
        let next = self.counts.lock().next;
        let waiting = self.reading("read what waits", |conn| {
            let mut waiting = match in_one_go(conn, from, events_max) {
                // One damaged page ends the statement, whatever lies behind it.
                Err(error) if fault(&error) == Fault::Damage => {
                    around_damage(conn, from, events_max)
                }
                read => read,
            }?;
            cut_overlaps(conn, &mut waiting, next);
            Ok(waiting)
        })?;
        for it in waiting.iter().filter(|it| it.block.is_err()) {
            let range = it.base..it.base.plus(it.count);
            self.note(&Gap { range, reason: GapReason::Damaged });
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

fn bases(conn: &Connection, from: i64, limit: usize) -> rusqlite::Result<Vec<Position>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = "SELECT base FROM outbox WHERE base >= ?1 ORDER BY base LIMIT ?2";
    let mut rows = conn.prepare_cached(sql)?;
    let bases = rows.query_map(params![from, limit], |row| row.get::<_, i64>(0))?;
    bases.map(|base| base.map(|base| Position(base.unsigned_abs()))).collect()
}

fn in_one_go(conn: &Connection, from: i64, events_max: u64) -> rusqlite::Result<Vec<Waiting>> {
    let sql =
        "SELECT blocks.base, count, boot, number, head_seal, body_seal, head, body, outbox.base
               FROM outbox LEFT JOIN blocks USING (base)
               WHERE outbox.base >= ?1 ORDER BY outbox.base";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([from])?;
    let mut answer = WaitingAnswer::of_events(events_max);
    while !answer.is_full() {
        let Some(row) = rows.next()? else { break };
        let base = Position(row.get::<_, i64>(8)?.unsigned_abs());
        let is_there = row.get_ref(0)? != ValueRef::Null;
        answer.push(if is_there { of_row(base, walk::read_row(row)?) } else { vanished(base) });
    }
    Ok(answer.into_waiting())
}

/// The same where pages are damaged: walks over all rows, waiting or not, because
/// the way to a single one may mislead.
fn around_damage(conn: &Connection, from: i64, events_max: u64) -> rusqlite::Result<Vec<Waiting>> {
    // One snapshot, or a block that expires meanwhile would look like damage.
    let snapshot = conn.unchecked_transaction()?;
    let mut answer = WaitingAnswer::of_events(events_max);
    let mut left = bases(&snapshot, from, WAITING_BLOCKS_MAX)?.into_iter().peekable();
    walk::rows_from(&snapshot, from, &mut |met| {
        let met = match met {
            Met::Row { base, row } => of_row(Position(base), row),
            Met::Head(Head { base, count, header: Err(cause), .. }) => {
                Waiting { base, count, block: Err(cause) }
            }
            Met::Head(_) | Met::Place { .. } | Met::Hole(_) => return ControlFlow::Continue(()),
        };
        while let Some(passed) = left.next_if(|base| *base < met.base) {
            answer.push(vanished(passed));
        }
        if left.next_if_eq(&met.base).is_some() {
            answer.push(met);
        }
        let enough = answer.is_full() || left.peek().is_none();
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    left.for_each(|base| answer.push(vanished(base)));
    Ok(answer.into_waiting())
}

fn of_row(base: Position, row: Row) -> Waiting {
    Waiting { base, count: row.count, block: row.block }
}

/// A block whose row cannot be found. It ends where another begins.
fn vanished(base: Position) -> Waiting {
    let cause = "it cannot be found any more".to_owned();
    Waiting { base, count: u64::MAX, block: Err(Damage::Unreadable(cause)) }
}

/// The count of what cannot be read is not trusted: it ends at the latest where the
/// next block begins, waiting or not.
fn cut_overlaps(conn: &Connection, waiting: &mut [Waiting], next: u64) {
    let sql = "SELECT base FROM blocks WHERE base > ?1 ORDER BY base LIMIT 1";
    let block_after = |base: Position| -> rusqlite::Result<i64> {
        conn.prepare_cached(sql)?.query_row([signed(base.0)], |row| row.get(0))
    };
    let mut end = next;
    for it in waiting.iter_mut().rev() {
        if it.block.is_err() {
            // Behind the last block, and where pages are damaged, there is none.
            let after = block_after(it.base).map_or(end, i64::unsigned_abs);
            it.count = it.count.min(after.min(end).saturating_sub(it.base.0)).max(1);
        }
        end = it.base.0;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::block::Block;
    use crate::id::Position;
    use crate::store::sqlite::{SqliteOptions, SqliteStore};
    use crate::store::{Batch, BlockStore, Waiting};
    use crate::testing::Blocks;

    fn open(dir: &Path) -> SqliteStore {
        let options = SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() };
        SqliteStore::open(dir, options).unwrap()
    }

    fn closed_with(dir: &Path, sent: &[Block]) {
        let store = open(dir);
        store.append(&Batch { blocks: sent, outbox: true, ..Batch::default() }).unwrap();
        store.close().unwrap();
    }

    /// Base, count, and whether the block can be read.
    fn told(waiting: &[Waiting]) -> Vec<(u64, u64, bool)> {
        waiting.iter().map(|it| (it.base.0, it.count, it.block.is_ok())).collect()
    }

    #[test]
    fn what_waits_still_waits_after_reopening_and_what_was_published_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut blocks = Blocks::new(1);
        let sent = [blocks.of(1), blocks.of(2), blocks.of(3)];
        closed_with(dir.path(), &sent);
        open(dir.path()).published(&[Position(1)], &[]).unwrap();

        let store = open(dir.path());

        assert_eq!(store.outbox(Position(0), 9).unwrap(), [Position(0), Position(3)]);
        assert_eq!(store.read(Position(3)).unwrap().unwrap().bytes(), sent[2].bytes());
    }

    #[test]
    fn what_waits_and_cannot_be_read_is_told_among_what_can() {
        let dir = tempfile::tempdir().unwrap();
        let mut blocks = Blocks::new(1);
        closed_with(dir.path(), &[blocks.of(3), blocks.of(4), blocks.of(5), blocks.of(6)]);
        let conn = rusqlite::Connection::open(dir.path().join("log.sqlite")).unwrap();
        conn.execute("UPDATE blocks SET count = 1000 WHERE base = 3", []).unwrap();
        conn.execute("DELETE FROM outbox WHERE base = 7", []).unwrap();
        conn.execute("DELETE FROM blocks WHERE base = 12", []).unwrap();
        drop(conn);

        let store = open(dir.path());
        let waiting = store.waiting(Position(0), 1000).unwrap();

        assert_eq!(told(&waiting), [(0, 3, true), (3, 4, false), (12, 6, false)]);
        let gaps = store.gaps().unwrap();
        assert!(gaps.iter().any(|gap| gap.range.contains(&Position(3))), "{gaps:?}");
        store.published(&[Position(3), Position(12)], &[]).unwrap();
        assert_eq!(told(&store.waiting(Position(0), 1000).unwrap()), [(0, 3, true)]);
    }

    #[test]
    fn a_damaged_page_takes_only_its_own_blocks_out_of_what_waits() {
        let dir = tempfile::tempdir().unwrap();
        let mut blocks = Blocks::new(1);
        let sent: Vec<Block> = (0..60).map(|_| blocks.with_text(1, 600)).collect();
        closed_with(dir.path(), &sent);
        let path = dir.path().join("log.sqlite");
        let mut bytes = fs::read(&path).unwrap();
        let body = &sent[30].bytes()[sent[30].bytes().len() - 100..];
        let at = bytes.windows(100).position(|window| window == body).unwrap();
        bytes[at / 4096 * 4096..][..4096].fill(0);
        fs::write(&path, bytes).unwrap();

        let waiting = open(dir.path()).waiting(Position(0), 1000).unwrap();

        assert_eq!(waiting.len(), 60);
        assert!(waiting.iter().zip(0..).all(|(it, base)| (it.base.0, it.count) == (base, 1)));
        let unread = waiting.iter().filter(|it| it.block.is_err()).count();
        assert!((1..10).contains(&unread), "{unread} blocks on one page");
        assert!(waiting[30].block.is_err());
    }
}
