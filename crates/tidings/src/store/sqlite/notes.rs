//! What is noted beside the blocks? Small values under names, each with a seal.

use rusqlite::{Connection, OptionalExtension, params};

use super::latch::{Fault, fault};
use super::write::Tx;
use super::{Inner, row};
use crate::store::{Damage, Note, StoreError};

impl Tx<'_> {
    /// The table comes with the first note: a store of an earlier version has none.
    pub(super) fn insert_notes(&mut self, notes: &[Note<'_>]) -> Result<(), StoreError> {
        if notes.is_empty() {
            return Ok(());
        }
        self.execute(
            "CREATE TABLE IF NOT EXISTS notes (
               name TEXT PRIMARY KEY, value BLOB NOT NULL, seal INTEGER NOT NULL
             ) STRICT, WITHOUT ROWID",
            [],
        )?;
        for Note { name, value } in notes {
            self.execute(
                "INSERT OR REPLACE INTO notes VALUES (?1, ?2, ?3)",
                params![name, value, row::note_seal(name, value)],
            )?;
        }
        Ok(())
    }
}

impl Inner {
    pub(super) fn check_notes(&self, notes: &[Note<'_>]) -> Result<(), StoreError> {
        notes.iter().try_for_each(|note| note.check().map_err(|cause| self.rejected(cause)))
    }

    pub(super) fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.reading("recall a note", |conn| {
            if !has_notes(conn)? {
                return Ok(None);
            }
            let sql = "SELECT name, value, seal FROM notes WHERE name = ?1";
            let read = conn.prepare_cached(sql)?.query_row([name], whole).optional();
            Ok(match read {
                // The page is damaged, not the disk away: asking again does not help.
                Err(error) if fault(&error) == Fault::Damage => {
                    Some(Err(Damage::Unreadable(error.to_string())))
                }
                read => read?.map(|(_, value)| value),
            })
        })?;
        found.transpose().map_err(|cause| StoreError::DamagedNote {
            store: self.name.clone(),
            name: name.to_owned(),
            cause,
        })
    }
}

/// A note's name, and its value if that is what was written.
type Found = (String, Result<Vec<u8>, Damage>);

fn whole(row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    let (name, value): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
    let checked = row::check(row.get(2)?, row::note_seal(&name, &value));
    Ok((name, checked.map(|()| value)))
}

fn has_notes(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'notes'";
    conn.prepare_cached(sql)?.exists([])
}

/// Every note, up to the first that cannot be read at all.
pub(super) fn every_note(conn: &Connection) -> (Vec<Found>, Option<rusqlite::Error>) {
    let mut found = Vec::new();
    let mut collect = || -> rusqlite::Result<()> {
        if !has_notes(conn)? {
            return Ok(());
        }
        let mut statement = conn.prepare("SELECT name, value, seal FROM notes ORDER BY name")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            found.push(whole(row)?);
        }
        Ok(())
    };
    let stopped = collect().err();
    (found, stopped)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::store::sqlite::{SqliteOptions, SqliteStore, inspect, salvage};
    use crate::store::{Batch, BlockStore, Note, StoreError};

    fn options() -> SqliteOptions {
        SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() }
    }

    /// A closed store with two notes, of which one was changed behind its back.
    fn with_a_damaged_note(dir: &Path) {
        let store = SqliteStore::open(dir, options()).unwrap();
        let notes = [Note { name: "good", value: b"1" }, Note { name: "plan", value: b"2" }];
        store.take(&Batch { notes: &notes, ..Batch::default() }).unwrap();
        store.close().unwrap();
        let conn = rusqlite::Connection::open(dir.join("log.sqlite")).unwrap();
        conn.execute("UPDATE notes SET value = x'33' WHERE name = 'plan'", []).unwrap();
    }

    #[test]
    fn a_damaged_note_is_an_error_and_can_be_written_again() {
        let dir = tempfile::tempdir().unwrap();
        with_a_damaged_note(dir.path());
        let store = SqliteStore::open(dir.path(), options()).unwrap();

        let damaged = store.recall("plan").unwrap_err();

        assert!(matches!(&damaged, StoreError::DamagedNote { name, .. } if name == "plan"));
        assert_eq!(damaged.pause(), None, "waiting does not mend it");
        assert_eq!(store.recall("good").unwrap().unwrap(), b"1");
        store.published(&[], &[Note { name: "plan", value: b"4" }]).unwrap();
        assert_eq!(store.recall("plan").unwrap().unwrap(), b"4");
    }

    #[test]
    fn a_damaged_note_is_named_by_a_look_and_left_behind_by_a_salvage() {
        let dirs = tempfile::tempdir().unwrap();
        let (from, into) = (dirs.path().join("from"), dirs.path().join("into"));
        with_a_damaged_note(&from);

        let seen = inspect(&from, dirs.path(), &mut |_| {}).unwrap();
        salvage(&from, &into, options()).unwrap();

        assert!(!seen.is_whole());
        assert!(seen.complaints[0].contains("\"plan\" is damaged"), "{:?}", seen.complaints);
        let store = SqliteStore::open(&into, options()).unwrap();
        assert_eq!(store.recall("good").unwrap().unwrap(), b"1");
        assert_eq!(store.recall("plan").unwrap(), None);
    }
}
