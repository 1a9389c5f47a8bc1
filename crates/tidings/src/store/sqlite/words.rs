//! Where stands which word? Rows of the index of words, which only their reader can
//! verify.
//!
//! Nothing here may keep blocks from being stored or expired: whatever goes wrong
//! with these tables makes searches slower.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, params};

use super::Inner;
use super::latch::{Fault, Purpose, fault};
use super::purge::signed;
use super::write::Tx;
use crate::id::Position;
use crate::store::{StoreError, WORD_PARTS_MAX, WordRows};
use crate::words::Segment;

/// Places of the parts of one segment, as bits of a row's number.
const PART_BITS: u32 = WORD_PARTS_MAX.ilog2();

/// They come with the first segment: a store of an earlier version has none. Parts
/// are numbered by position, so that one is found by one search, and fill pages.
const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS word_segments (
       first INTEGER PRIMARY KEY, next INTEGER NOT NULL, head BLOB NOT NULL
     ) STRICT",
    "CREATE TABLE IF NOT EXISTS word_parts (id INTEGER PRIMARY KEY, part BLOB NOT NULL) STRICT",
];

impl Inner {
    pub(super) fn keep_words(&self, rows: &WordRows<'_>) -> Result<(), StoreError> {
        let fits = rows.check().map_err(|cause| self.rejected(cause));
        let last = row_of(rows.range.end, 0).filter(|_| rows.parts.len() <= WORD_PARTS_MAX);
        fits.and(last.ok_or_else(|| self.rejected("words of positions that are too large")))?;
        self.transact(Purpose::Store, "keep words", |tx| {
            for table in TABLES {
                tx.execute(table, [])?;
            }
            tx.delete_words(&rows.range)?;
            tx.execute(
                "INSERT INTO word_segments VALUES (?1, ?2, ?3)",
                params![signed(rows.range.start.0), signed(rows.range.end.0), rows.head],
            )?;
            for (number, part) in rows.parts.iter().enumerate() {
                let id = row_of(rows.range.start, number);
                tx.execute("INSERT INTO word_parts VALUES (?1, ?2)", params![id, part])?;
            }
            Ok(())
        })
    }

    pub(super) fn drop_words(&self, range: &Range<Position>) -> Result<(), StoreError> {
        if !self.reading("look for words", has_words)? {
            return Ok(());
        }
        self.transact(Purpose::Purge, "drop words", |tx| tx.delete_words(range))
    }

    /// Drops the segments that end where the store begins by now, or before.
    pub(super) fn expire_words(&self) {
        let first = Position(self.counts.lock().first);
        let old = self.reading("look for old words", |conn| {
            if !has_words(conn)? {
                return Ok(None);
            }
            let sql = "SELECT max(next) FROM word_segments WHERE next <= ?1";
            conn.prepare_cached(sql)?
                .query_row([signed(first.0)], |row| row.get::<_, Option<i64>>(0))
        });
        let dropped = old.and_then(|old| match old {
            Some(next) => self.drop_words(&(Position(0)..Position(next.unsigned_abs()))),
            None => Ok(()),
        });
        if let Err(error) = dropped {
            tracing::debug!(store = %self.name, %error, "words of what has expired are kept");
        }
    }

    pub(super) fn words(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.reading("read the heads of words", |conn| {
            let mut heads = Vec::new();
            // What stands before a damaged page is as good as ever.
            match each_head(conn, |head| heads.push(head)) {
                Err(error) if fault(&error) == Fault::Damage => {}
                done => done?,
            }
            Ok(heads)
        })
    }

    pub(super) fn word_part(
        &self,
        first: Position,
        number: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.reading("read a part of words", |conn| match part_of(conn, first, number) {
            Err(error) if fault(&error) == Fault::Damage => Ok(None),
            // Asked only then: it would cost as much as the part itself.
            Err(_) if !has_words(conn)? => Ok(None),
            read => read,
        })
    }
}

impl Tx<'_> {
    /// Drops every segment that has a position of the range.
    fn delete_words(&mut self, range: &Range<Position>) -> Result<(), StoreError> {
        let (start, end) = (signed(range.start.0), signed(range.end.0));
        // Also one that begins before the range.
        let reaching = self.find(
            "SELECT min(first) FROM word_segments WHERE first < ?2 AND next > ?1",
            [start, end],
            |row| row.get::<_, Option<i64>>(0),
        )?;
        let from = reaching.flatten().unwrap_or(start).min(start).unsigned_abs();
        let [from_row, end_row] =
            [Position(from), range.end].map(|it| row_of(it, 0).unwrap_or(i64::MAX));
        self.execute("DELETE FROM word_parts WHERE id >= ?1 AND id < ?2", [from_row, end_row])?;
        let sql = "DELETE FROM word_segments WHERE first >= ?1 AND first < ?2";
        self.execute(sql, [signed(from), end]).map(drop)
    }
}

/// `None` beyond what a row's number can say.
fn row_of(first: Position, number: usize) -> Option<i64> {
    let first = i64::try_from(first.0).ok()?;
    let row = first.checked_mul(1 << PART_BITS)?;
    row.checked_add(i64::try_from(number).ok()?)
}

fn has_words(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'word_parts'";
    conn.prepare_cached(sql)?.exists([])
}

/// Which segments are not what was written, one sentence each.
pub(super) fn damaged(conn: &Connection) -> Vec<String> {
    let mut complaints = Vec::new();
    let stopped = each_head(conn, |head| match Segment::parse(&head) {
        None => complaints.push("words of some positions are damaged".to_owned()),
        Some(segment) => {
            let range = segment.range();
            let is_whole = |number: &usize| {
                part_of(conn, range.start, *number)
                    .is_ok_and(|part| part.is_some_and(|part| segment.is_whole((*number, &part))))
            };
            if !(0..segment.parts()).all(|number| is_whole(&number)) {
                let (from, to) = (range.start, range.end);
                complaints.push(format!("words of the positions from {from} to {to} are damaged"));
            }
        }
    });
    let stopped = stopped.err().map(|error| format!("not all words can be read: {error}"));
    let all = complaints.into_iter().chain(stopped);
    all.map(|complaint| format!("{complaint}: what is searched for there is found more slowly"))
        .collect()
}

fn part_of(conn: &Connection, first: Position, number: usize) -> rusqlite::Result<Option<Vec<u8>>> {
    let id = row_of(first, number).filter(|_| number < WORD_PARTS_MAX);
    let mut statement = conn.prepare_cached("SELECT part FROM word_parts WHERE id = ?1")?;
    statement.query_row([id], |row| row.get(0)).optional()
}

fn each_head(conn: &Connection, mut each: impl FnMut(Vec<u8>)) -> rusqlite::Result<()> {
    if !has_words(conn)? {
        return Ok(());
    }
    let mut statement = conn.prepare("SELECT head FROM word_segments ORDER BY first")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::BlockStore;
    use crate::store::sqlite::{SqliteOptions, SqliteStore, inspect, salvage};
    use crate::words::SegmentBuilder;

    fn options() -> SqliteOptions {
        SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() }
    }

    /// A closed store with words of the positions from 5 to 8, changed behind its
    /// back.
    fn changed_by(dir: &Path, sql: &str) {
        let store = SqliteStore::open(dir, options()).unwrap();
        let mut builder = SegmentBuilder::new(Position(5));
        builder.begin(3);
        builder.add(7);
        let built = builder.finish().unwrap();
        let (range, head, parts) = (built.range, &built.head[..], &built.parts[..]);
        store.keep_words(&WordRows { range, head, parts }).unwrap();
        store.close().unwrap();
        let conn = rusqlite::Connection::open(dir.join("log.sqlite")).unwrap();
        conn.execute(sql, []).unwrap();
    }

    #[track_caller]
    fn assert_told(sql: &str, complaint: &str) {
        let dirs = tempfile::tempdir().unwrap();
        let (from, into) = (dirs.path().join("from"), dirs.path().join("into"));
        changed_by(&from, sql);

        let seen = inspect(&from, dirs.path(), &mut |_| {}).unwrap();
        salvage(&from, &into, options()).unwrap();

        assert!(seen.complaints.iter().any(|it| it.contains(complaint)), "{:?}", seen.complaints);
        assert!(SqliteStore::open(&into, options()).unwrap().words().unwrap().is_empty());
    }

    #[test]
    fn damaged_words_are_named_by_a_look_and_left_behind_by_a_salvage() {
        let part = "words of the positions from 5 to 8 are damaged";
        assert_told("UPDATE word_parts SET part = x'3333333333333333'", part);
        assert_told("DELETE FROM word_parts", part);
        assert_told("UPDATE word_segments SET head = x'33'", "words of some positions are damaged");
    }

    #[test]
    fn positions_beyond_what_a_row_can_say_have_no_words() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path(), options()).unwrap();
        for first in [1 << 51, u64::MAX - 9] {
            let range = Position(first)..Position(first + 9);
            let kept = store.keep_words(&WordRows { range, head: b"h", parts: &[vec![1]] });

            assert!(matches!(kept, Err(StoreError::Rejected { .. })), "{kept:?}");
            assert_eq!(store.word_part(Position(first), 0).unwrap(), None);
        }
    }
}
