//! What waits to be published? The outbox: a table of the blocks' bases.

use rusqlite::params;

use super::Inner;
use super::latch::Purpose;
use super::purge::signed;
use crate::id::Position;
use crate::store::StoreError;

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

    pub(super) fn published(&self, bases: &[Position]) -> Result<(), StoreError> {
        if self.is_full() {
            // The room that the ballast left is enough for this once it is empty.
            self.empty_wal();
        }
        self.transact(Purpose::Purge, "take blocks out of the outbox", |tx| {
            for base in bases {
                tx.execute("DELETE FROM outbox WHERE base = ?1", [signed(base.0)])?;
            }
            Ok(())
        })
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
        store.append(&Batch { blocks: &sent, keys: &[], outbox: true }).unwrap();
        store.published(&[Position(1)]).unwrap();
        drop(store);

        let store = SqliteStore::open(dir.path(), options).unwrap();

        assert_eq!(store.outbox(Position(0), 9).unwrap(), [Position(0), Position(3)]);
        assert_eq!(store.read(Position(3)).unwrap().unwrap().bytes(), sent[2].bytes());
    }
}
