//! How does one block take the place of thousands? Set by set, in one transaction
//! that does not keep a writer waiting.

use std::ops::Range;

use rusqlite::params;

use super::Inner;
use super::latch::Purpose;
use super::write::{Tx, place_of};
use crate::block::Block;
use crate::id::Position;
use crate::store::naming::UNFIT;
use crate::store::{REPLACED_BLOCKS_MAX, StoreError};

/// Blocks that may go: how many, and the names that stay taken, in order.
#[derive(Debug, Default)]
struct Parts {
    blocks: u64,
    /// Rows of `boots`, and numbers.
    names: Vec<(i64, i64)>,
}

impl Inner {
    pub(super) fn replace(&self, range: &Range<Position>, with: &Block) -> Result<(), StoreError> {
        self.transact(Purpose::Store, "replace blocks", |tx| {
            let mut parts = tx.parts(range, with)?;
            tx.execute(
                "DELETE FROM blocks WHERE base >= ?1 AND base < ?2",
                params![place_of(range.start), place_of(range.end)],
            )?;
            parts.names.sort_unstable();
            for (boot, first, last) in stretches(&parts.names) {
                tx.note_gone(boot, first, last)?;
            }
            let before = tx.counts;
            tx.counts.next = range.start.0;
            tx.insert(None, with)?;
            tx.counts = before;
            tx.counts.blocks = before.blocks.saturating_sub(parts.blocks) + 1;
            Ok(())
        })?;
        self.give_some_back();
        Ok(())
    }
}

/// Neighbouring numbers of a boot, as one each.
fn stretches(names: &[(i64, i64)]) -> impl Iterator<Item = (i64, i64, i64)> + '_ {
    let follows = |one: &(i64, i64), next: &(i64, i64)| (one.0, one.1.saturating_add(1)) == *next;
    names.chunk_by(follows).map(|names| (names[0].0, names[0].1, names[names.len() - 1].1))
}

impl Tx<'_> {
    /// What stands in a range, if `with` can take its place.
    fn parts(&self, range: &Range<Position>, with: &Block) -> Result<Parts, StoreError> {
        let unfit = || self.store.rejected(UNFIT);
        let within = params![place_of(range.start), place_of(range.end)];
        let sql = "SELECT 1 FROM outbox WHERE base >= ?1 AND base < ?2 LIMIT 1";
        let waits = self.find(sql, within, |_| Ok(()))?.is_some();
        let fits = range.start.plus(u64::from(with.header().count)) == range.end;
        if waits || !fits {
            return Err(unfit());
        }
        let (mut parts, mut end) = (Parts::default(), place_of(range.start));
        let sql = "SELECT base, count, boot, number FROM blocks
                   WHERE base >= ?1 AND base < ?2 ORDER BY base";
        let whole = self.conn.prepare_cached(sql).and_then(|mut it| {
            let mut rows = it.query(within)?;
            while let Some(row) = rows.next()? {
                let (base, count): (i64, i64) = (row.get(0)?, row.get(1)?);
                if base != end || parts.blocks == REPLACED_BLOCKS_MAX as u64 {
                    return Ok(false);
                }
                end = end.saturating_add(count);
                parts.blocks += 1;
                let name = row.get::<_, Option<i64>>(2)?.zip(row.get::<_, Option<i64>>(3)?);
                parts.names.extend(name);
            }
            Ok(end == place_of(range.end))
        });
        if whole.map_err(|error| self.failed(&error))? { Ok(parts) } else { Err(unfit()) }
    }

    /// The names of these blocks of a boot stay taken. They go mostly in order, so a
    /// boot needs one row.
    pub(super) fn note_gone(&mut self, boot: i64, first: i64, last: i64) -> Result<(), StoreError> {
        let next = last.saturating_add(1);
        let after = self.find(
            "SELECT last FROM gone WHERE boot = ?1 AND first = ?2",
            params![boot, next],
            |row| row.get::<_, i64>(0),
        )?;
        if after.is_some() {
            self.execute("DELETE FROM gone WHERE boot = ?1 AND first = ?2", params![boot, next])?;
        }
        let last = after.unwrap_or(last);
        let joined = self.execute(
            "UPDATE gone SET last = ?3 WHERE boot = ?1 AND last = ?2 - 1",
            params![boot, first, last],
        )?;
        if joined == 0 {
            self.execute(
                "INSERT OR REPLACE INTO gone VALUES (?1, ?2, ?3)",
                params![boot, first, last],
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{SqliteOptions, SqliteStore, schema};
    use crate::store::{Batch, BlockStore, Sink};
    use crate::testing::Blocks;

    #[test]
    fn neighbouring_numbers_of_a_boot_are_one_stretch() {
        let names = [(1, 3), (1, 4), (1, 6), (2, 7), (2, 8)];

        assert_eq!(stretches(&names).collect::<Vec<_>>(), [(1, 3, 4), (1, 6, 6), (2, 7, 8)]);
    }

    #[test]
    fn what_a_merge_frees_is_given_back_to_the_file_system() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap();
        let mut blocks = Blocks::new(1);
        let parts: Vec<Block> = (0..20_000).map(|_| blocks.of(1)).collect();
        let batch = Batch { blocks: &parts, ..Batch::default() };
        store.append(&batch).unwrap();
        store.inner.empty_wal();
        let file = dir.path().join("log.sqlite");
        let before = std::fs::metadata(&file).unwrap().len();

        for group in parts.chunks(4000).enumerate() {
            let start = Position(group.0 as u64 * 4000);
            let merged = crate::testing::blocks::merged(group.1).unwrap();
            store.replace(start..start.plus(4000), &merged).unwrap();
        }
        store.close().unwrap();

        let after = std::fs::metadata(&file).unwrap().len();
        assert!(after < before * 3 / 4, "{before} bytes became {after}");
    }

    #[test]
    fn a_store_is_of_the_format_that_the_newest_of_its_blocks_needs() {
        let dir = tempfile::tempdir().unwrap();
        let version = || -> i64 {
            let conn = schema::reader(&dir.path().join("log.sqlite")).unwrap();
            conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
        };
        let store = SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap();
        let mut blocks = Blocks::new(1);
        let parts = [blocks.of(2), blocks.of(3)];
        assert!(parts.iter().all(|part| !store.put(part).unwrap().duplicate));
        let merged = crate::testing::blocks::merged(&parts).unwrap();
        assert_eq!(version(), 1);

        let rejected = store.replace(Position(0)..Position(4), &merged);
        assert_eq!((rejected.is_err(), version()), (true, 1));
        store.replace(Position(0)..Position(5), &merged).unwrap();

        assert_eq!(version(), 2);
        store.put(&blocks.of(200)).unwrap();
        assert_eq!(version(), 3);
        store.put(&blocks.of(1)).unwrap();
        assert_eq!(version(), 3);
    }
}
