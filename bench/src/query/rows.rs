//! What do rows cost? A table with two indexes, in the same machine's SQLite.
//!
//! Asked in this process, with no HTTP in between, which favours it.

use std::io;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement, params};
use tempfile::TempDir;
use tidings::Timestamp;

use super::asker::median;
use super::dataset::Dataset;
use super::question::{Answer, Question, Sql};
use crate::ingest::directory;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    CREATE TABLE events (
        id INTEGER PRIMARY KEY, time INTEGER NOT NULL, received INTEGER NOT NULL,
        type TEXT NOT NULL, member TEXT NOT NULL, severity INTEGER NOT NULL,
        subject TEXT, message TEXT NOT NULL, fields TEXT
    );
    CREATE INDEX by_time ON events (time);
    CREATE INDEX by_type ON events (type, time);
";
const INSERT: &str = "INSERT INTO events VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// Rows of one transaction.
const COMMIT_ROWS: i64 = 100_000;
/// Rows that are asked for by their number, spread over all.
const IDS: u64 = 61;

/// The same events as rows.
pub(super) struct Rows {
    connection: Connection,
    _dir: TempDir,
}

impl Rows {
    pub(super) fn fill(dataset: &Dataset) -> io::Result<Rows> {
        let dir = directory()?;
        let connection = Connection::open(dir.path().join("rows")).map_err(io::Error::other)?;
        let rows = Rows { connection, _dir: dir };
        rows.insert(dataset).map_err(io::Error::other)?;
        Ok(rows)
    }

    fn insert(&self, dataset: &Dataset) -> rusqlite::Result<()> {
        self.connection.execute_batch(SCHEMA)?;
        self.connection.execute_batch("BEGIN")?;
        let mut insert = self.connection.prepare(INSERT)?;
        for (id, event) in (1_i64..).zip(dataset.all()) {
            let fields = (!event.fields().is_empty())
                .then(|| serde_json::to_string(event.fields()).unwrap_or_default());
            insert.execute(params![
                id,
                event.timestamp().map(Timestamp::as_nanos),
                event.event_type(),
                event.member(),
                event.severity().number(),
                event.subject(),
                event.message(),
                fields,
            ])?;
            if id % COMMIT_ROWS == 0 {
                self.connection.execute_batch("COMMIT; BEGIN")?;
            }
        }
        self.connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// Asks it until the median is known.
    pub(super) fn answer(&self, question: &Question) -> io::Result<Answer> {
        let (texts, all) = match &question.sql {
            Sql::Each(texts) => (texts.clone(), true),
            Sql::Deep { condition, skipped } => (vec![self.deep(condition, *skipped)?], true),
            Sql::Ids(events) => {
                let id = |place: u64| 1 + events / IDS * place;
                let of = |place| format!("SELECT * FROM events WHERE id = {}", id(place));
                ((0..IDS).map(of).collect(), false)
            }
        };
        let prepare = |text: &String| self.connection.prepare(text);
        let statements: rusqlite::Result<Vec<_>> = texts.iter().map(prepare).collect();
        let mut statements = statements.map_err(io::Error::other)?;
        let count = statements.len();
        median(|round| {
            let asked = if all { 0..count } else { round % count..round % count + 1 };
            let found: rusqlite::Result<Vec<u64>> =
                statements[asked].iter_mut().map(read).collect();
            Ok(found.map_err(io::Error::other)?[0])
        })
    }

    /// The page that begins after so many rows, by the last of them.
    fn deep(&self, condition: &str, skipped: usize) -> io::Result<String> {
        let last = format!(
            "SELECT time, id FROM events WHERE {condition} ORDER BY time DESC, id DESC LIMIT 1 OFFSET {}",
            skipped - 1
        );
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let last = self.connection.query_row(&last, [], read).map_err(io::Error::other)?;
        Ok(format!(
            "SELECT * FROM events WHERE {condition} AND (time, id) < ({}, {}) ORDER BY time DESC, id DESC LIMIT 100",
            last.0, last.1
        ))
    }
}

/// Reads every value of every row; how many rows, or what they say was found.
fn read(statement: &mut Statement<'_>) -> rusqlite::Result<u64> {
    let columns = statement.column_count();
    let counted = statement.column_index("found").ok();
    let (mut rows, mut found) = (statement.query([])?, 0);
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            std::hint::black_box::<ValueRef<'_>>(row.get_ref(column)?);
        }
        found += match counted {
            Some(column) => row.get::<_, i64>(column)?.unsigned_abs(),
            None => 1,
        };
    }
    Ok(found)
}
