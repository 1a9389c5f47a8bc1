//! What is in the file? Tables, and how a connection to them is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::row;
use crate::block::{Block, FORMAT_VERSION, MERGED_FORMAT_VERSION};
use crate::clock::Timestamp;
use crate::id::Origin;

/// `tdng`, in the file's header: `file(1)` and we know whose it is.
const APPLICATION_ID: i64 = 0x7464_6e67;
/// The newest format that is known; older ones are read, newer ones refused.
pub(super) const FORMAT: i64 = 3;
/// The format of a store in which nothing was merged, and of which no block has texts
/// that are grouped. Such blocks are ones that a program of this format would take for
/// damaged, so from the first on it is refused.
const PLAIN_FORMAT: i64 = 1;
/// That of a store in which something was merged.
const MERGED_FORMAT: i64 = 2;
/// Measured best for blocks of some kilobytes, and what most disks write at once.
pub(super) const PAGE_BYTES: u32 = 4096;
/// What a WAL file shrinks back to when it starts over.
const WAL_BYTES_KEPT: i64 = 4 * 1024 * 1024;
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const READER_CACHE_KIB: i64 = 2 * 1024;
/// Another process has no business here; threads of this one hold locks shortly.
const BUSY: Duration = Duration::from_secs(5);

/// Head and body of a block stand in columns of their own, so that heads can be
/// read without the pages of the bodies. Both have a checksum over the place and
/// the name as well: SQLite does not notice a row under the wrong key.
/// `gone` keeps the names of blocks that were merged or have expired, as ranges;
/// `expired` the positions between blocks that are rightly not there.
const TABLES: &str = "
CREATE TABLE meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  origin BLOB NOT NULL, created INTEGER NOT NULL, seal INTEGER NOT NULL
) STRICT;
CREATE TABLE floor (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  first INTEGER NOT NULL, next INTEGER NOT NULL, seal INTEGER NOT NULL
) STRICT;
CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL) STRICT;
CREATE TABLE boots (
  id INTEGER PRIMARY KEY, origin BLOB NOT NULL, boot BLOB NOT NULL,
  UNIQUE (origin, boot)
) STRICT;
CREATE TABLE gone (
  boot INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (boot, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE blocks (
  base INTEGER PRIMARY KEY, count INTEGER NOT NULL,
  boot INTEGER, number INTEGER,
  head_seal INTEGER NOT NULL, body_seal INTEGER NOT NULL,
  head BLOB NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX block_names ON blocks (boot, number) WHERE boot IS NOT NULL;
CREATE TABLE outbox (base INTEGER PRIMARY KEY) STRICT;
CREATE TABLE gaps (
  first INTEGER NOT NULL, next INTEGER NOT NULL, reason INTEGER NOT NULL,
  seal INTEGER NOT NULL, PRIMARY KEY (first, next, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE expired (
  first INTEGER PRIMARY KEY, next INTEGER NOT NULL, seal INTEGER NOT NULL
) STRICT;
";

/// Makes a store where nothing is. The caller gives it its name when it is whole.
pub(super) fn create(path: &Path, origin: Origin, now: Timestamp) -> rusqlite::Result<()> {
    let conn = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE, true))?;
    // Both must stand before the first table: they shape the file.
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.execute_batch("BEGIN")?;
    for statement in TABLES.split_inclusive(";\n").filter(|text| !text.trim().is_empty()) {
        conn.execute_batch(statement)?;
    }
    let seal = row::meta_seal(origin, now);
    conn.execute(
        "INSERT INTO meta VALUES (1, ?1, ?2, ?3)",
        params![origin.to_bytes(), now.as_nanos(), seal],
    )?;
    conn.execute("INSERT INTO floor VALUES (1, 0, 0, ?1)", [row::floor_seal(0, 0)])?;
    conn.execute("INSERT INTO probe VALUES (1, 0)", [])?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", PLAIN_FORMAT)?;
    conn.execute_batch("COMMIT")?;
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    debug_assert_eq!(mode, "wal");
    conn.close().map_err(|(_, error)| error)
}

/// What a file says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    Newer(i64),
    Foreign,
}

/// Reads whose file it is.
pub(super) fn kind(conn: &Connection) -> rusqlite::Result<Kind> {
    let id: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(match (id, version) {
        (APPLICATION_ID, version) if version > FORMAT => Kind::Newer(version),
        (APPLICATION_ID, 1..) => Kind::Ours,
        _ => Kind::Foreign,
    })
}

/// Notes, with what else is written in the transaction under way, which format a store
/// has that holds this block.
pub(super) fn note_format(conn: &Connection, block: &Block) -> rusqlite::Result<()> {
    let needed = match block.version() {
        FORMAT_VERSION => return Ok(()),
        MERGED_FORMAT_VERSION => MERGED_FORMAT,
        _ => FORMAT,
    };
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < needed { conn.pragma_update(None, "user_version", needed) } else { Ok(()) }
}

/// A connection for writing or checkpointing.
pub(super) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE, false))?;
    set_up(&conn, WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
    Ok(conn)
}

/// A connection that cannot write.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE, false))?;
    set_up(&conn, READER_CACHE_KIB)?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// A connection to a file at rest that has no WAL; it changes nothing there, not
/// even by making an index of a WAL.
pub(super) fn onlooker(path: &Path) -> rusqlite::Result<Connection> {
    let flags = flags(OpenFlags::SQLITE_OPEN_READ_ONLY, false) | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(format!("file:{}?immutable=1", uri_path(path)), flags)?;
    set_up(&conn, READER_CACHE_KIB)?;
    Ok(conn)
}

fn uri_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn flags(access: OpenFlags, create: bool) -> OpenFlags {
    let create = if create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
    access | create | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn set_up(conn: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // Damaged pages are found when they are read, not when they are used.
    conn.pragma_update(None, "cell_size_check", true)?;
    Ok(())
}
