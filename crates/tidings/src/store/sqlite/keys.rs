//! Has this caller's key been seen? Hourly tables, dropped whole, behind a filter
//! in memory that saves most look-ups.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::Inner;
use super::latch::Purpose;
use super::row;
use super::write::Tx;
use crate::clock::Timestamp;
use crate::id::EventId;
use crate::store::naming::hour_of;
use crate::store::{KeyRow, StoreError};

/// Keys that the filter holds, at most: about 18 MiB. Hours beyond it are looked
/// up on disk.
const FILTER_KEYS_MAX: usize = 1 << 20;

/// Which hours have tables, and hashes of the keys in them. Says "not there" or
/// "perhaps"; the tables decide. A leaf in the order of locks.
#[derive(Debug, Default)]
pub(super) struct KeyFilter {
    hasher: RandomState,
    hours: BTreeMap<i64, Hour>,
    held: usize,
}

#[derive(Debug)]
struct Hour {
    hashes: HashSet<u64>,
    /// Every key of the hour is in `hashes`.
    complete: bool,
}

impl KeyFilter {
    pub(super) fn remember(&mut self, rows: &[KeyRow]) {
        for row in rows {
            self.add(hour_of(row.received), Some(&row.name));
        }
    }

    fn add(&mut self, hour: i64, name: Option<&[u8]>) {
        let hash = name.map(|name| self.hasher.hash_one(name));
        let of_hour = self
            .hours
            .entry(hour)
            .or_insert_with(|| Hour { hashes: HashSet::new(), complete: true });
        match hash {
            Some(_) if self.held >= FILTER_KEYS_MAX => of_hour.complete = false,
            Some(hash) => self.held += usize::from(of_hour.hashes.insert(hash)),
            None => {}
        }
    }

    fn drop_before(&mut self, hour: i64) {
        self.hours = self.hours.split_off(&hour);
        self.held = self.hours.values().map(|hour| hour.hashes.len()).sum();
    }

    /// The hours from `hour` on in which the key may be, newest first.
    fn candidates(&self, name: &[u8], hour: i64) -> Vec<i64> {
        let hash = self.hasher.hash_one(name);
        let may = |of_hour: &Hour| !of_hour.complete || of_hour.hashes.contains(&hash);
        self.hours.range(hour..).rev().filter(|(_, it)| may(it)).map(|(hour, _)| *hour).collect()
    }

    /// Reads what is on disk. An hour that cannot be read whole is looked up.
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<KeyFilter> {
        let mut filter = KeyFilter::default();
        for hour in hours(conn)? {
            filter.add(hour, None);
            if filter.load_hour(conn, hour).is_err() {
                filter.hours.entry(hour).and_modify(|hour| hour.complete = false);
            }
        }
        Ok(filter)
    }

    fn load_hour(&mut self, conn: &Connection, hour: i64) -> rusqlite::Result<()> {
        let mut statement = conn.prepare(&format!("SELECT name FROM \"keys_{hour}\""))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.add(hour, Some(row.get_ref(0)?.as_blob()?));
        }
        Ok(())
    }
}

/// The hours that have tables.
fn hours(conn: &Connection) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'keys_*'";
    let mut statement = conn.prepare(sql)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let hours = names.map(|name| Ok(name?.strip_prefix("keys_").and_then(|it| it.parse().ok())));
    hours.filter_map(Result::transpose).collect()
}

/// Every key that can be read, for carrying them over.
pub(super) fn every_key(conn: &Connection) -> Vec<KeyRow> {
    let of_hour = |hour: i64| -> rusqlite::Result<Vec<KeyRow>> {
        let sql = format!("SELECT body, id, received, seal, name FROM \"keys_{hour}\"");
        let mut statement = conn.prepare(&sql)?;
        let rows = statement.query_map([], |row| key_row(row, row.get_ref(4)?.as_blob()?))?;
        Ok(rows.map_while(Result::ok).flatten().collect())
    };
    hours(conn)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|hour| of_hour(hour).ok())
        .flatten()
        .collect()
}

/// `None` if the row is damaged: it would call a new event a repetition, and lose
/// it.
fn key_row(row: &rusqlite::Row<'_>, name: &[u8]) -> rusqlite::Result<Option<KeyRow>> {
    let (body, id): ([u8; 16], [u8; 16]) = (row.get(0)?, row.get(1)?);
    let received: i64 = row.get(2)?;
    let whole = row::check(row.get(3)?, row::key_seal(name, &body, &id, received)).is_ok();
    let (id, received) = (EventId::from_bytes(id), Timestamp::from_nanos(received));
    Ok(whole.then(|| KeyRow { name: name.into(), body, id, received }))
}

/// What becomes of the key of the same name and hour that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnTwin {
    Keep,
    Replace,
}

impl Tx<'_> {
    pub(super) fn insert_key(&mut self, key: &KeyRow, twin: OnTwin) -> Result<(), StoreError> {
        let hour = hour_of(key.received);
        let seal = row::key_seal(&key.name, &key.body, &key.id.to_bytes(), key.received.as_nanos());
        let new = !self.store.keys.lock().hours.contains_key(&hour)
            && !self.keys.iter().any(|known| hour_of(known.received) == hour);
        if new {
            self.execute(
                &format!(
                    "CREATE TABLE IF NOT EXISTS \"keys_{hour}\" (
                       name BLOB PRIMARY KEY, body BLOB NOT NULL, id BLOB NOT NULL,
                       received INTEGER NOT NULL, seal INTEGER NOT NULL
                     ) STRICT, WITHOUT ROWID"
                ),
                [],
            )?;
        }
        let or = match twin {
            OnTwin::Keep => "IGNORE",
            OnTwin::Replace => "REPLACE",
        };
        self.execute(
            &format!("INSERT OR {or} INTO \"keys_{hour}\" VALUES (?1, ?2, ?3, ?4, ?5)"),
            params![key.name, key.body, key.id.to_bytes(), key.received.as_nanos(), seal],
        )?;
        self.keys.push(key.clone());
        Ok(())
    }
}

impl Inner {
    pub(super) fn find_key(
        &self,
        name: &[u8],
        now: Timestamp,
        window: Duration,
    ) -> Result<Option<KeyRow>, StoreError> {
        let after = now.before(window);
        let hours = self.keys.lock().candidates(name, hour_of(after));
        if hours.is_empty() {
            let closed = self.latch.get() == super::latch::Health::Closed;
            return if closed { Err(self.closed()) } else { Ok(None) };
        }
        self.reading("look up a key", |conn| {
            for hour in hours {
                let found = look_up(conn, hour, name)?.filter(|key| key.received > after);
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        })
    }

    pub(super) fn forget_keys(&self, before: Timestamp) -> Result<(), StoreError> {
        let hour = hour_of(before);
        let old: Vec<i64> = self.keys.lock().hours.range(..hour).map(|(hour, _)| *hour).collect();
        if old.is_empty() {
            return self.admit(Purpose::Purge);
        }
        self.transact(Purpose::Purge, "drop keys", |tx| {
            old.iter().try_for_each(|hour| {
                tx.execute(&format!("DROP TABLE IF EXISTS \"keys_{hour}\""), []).map(drop)
            })
        })?;
        self.keys.lock().drop_before(hour);
        Ok(())
    }
}

fn look_up(conn: &Connection, hour: i64, name: &[u8]) -> rusqlite::Result<Option<KeyRow>> {
    let sql = format!("SELECT body, id, received, seal FROM \"keys_{hour}\" WHERE name = ?1");
    let mut statement = match conn.prepare_cached(&sql) {
        // Dropped since the filter was asked.
        Err(error) if error.to_string().contains("no such table") => return Ok(None),
        prepared => prepared?,
    };
    statement.query_row([name], |row| key_row(row, name)).optional().map(Option::flatten)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> KeyRow {
        let (id, received) = (EventId::from_bytes([0; 16]), Timestamp::from_nanos(5));
        KeyRow { name: name.as_bytes().into(), body: [0; 16], id, received }
    }

    #[test]
    fn a_full_filter_says_perhaps_to_everything_it_does_not_hold() {
        let mut filter = KeyFilter::default();
        filter.remember(&[row("a")]);
        assert_eq!((filter.candidates(b"a", 0), filter.candidates(b"b", 0)), (vec![0], vec![]));
        filter.held = FILTER_KEYS_MAX;

        filter.remember(&[row("c")]);

        assert_eq!(filter.candidates(b"c", 0), [0]);
        assert_eq!(filter.candidates(b"b", 0), [0], "it may be one of those not held");
    }
}
