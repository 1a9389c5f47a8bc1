//! How is a data directory opened? Locked, recovered, checked against its mark.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rusqlite::Connection;
use rusqlite::ffi::ErrorCode;

use super::ballast::Ballast;
use super::directory::{Directory, DirectoryLock, failed, remove_if_there};
use super::keeper::WalBounds;
use super::keys::KeyFilter;
use super::latch::{Fault, Health, Latch, Purpose, fault};
use super::schema::{self, FORMAT, Kind};
use super::survey::{Survey, survey};
use super::tail::{self, Found, Tail};
use super::turns::Turns;
use super::write::Writer;
use super::{Inner, OpenError, SqliteOptions};
use crate::clock::Timestamp;
use crate::id::{Origin, Position};
use crate::store::{Gap, GapReason};
use crate::sync::Mutex;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Inner, OpenError> {
    let dir = Directory::new(path);
    dir.create()?;
    let lock = DirectoryLock::take(&dir)?;
    let ballast = Ballast::new(dir.ballast(), options.ballast_bytes);
    let fresh = !dir.has_store()?;
    if fresh {
        create(&dir, Origin::random()?, options.clock.now())?;
    }
    check_magic(&dir)?;
    let connect = || connect(&dir);
    let (conn, origin, full) = match connect() {
        // Even the WAL's index needs a little room.
        Err(Trouble::Engine(error)) if fault(&error) == Fault::Full => {
            ballast.drop_it();
            connect()
        }
        connected => connected,
    }
    .map_err(|trouble| trouble.at(&dir))?;
    let unread = |error: rusqlite::Error| Trouble::Engine(error).at(&dir);
    let survey = examine(&dir, &conn, origin, fresh)?;
    let keys = KeyFilter::load(&conn).map_err(unread)?;
    let checkpointer = schema::writer(&dir.store()).map_err(unread)?;
    // It would wait while commits wait for it.
    checkpointer.busy_timeout(CHECKPOINT_BUSY).map_err(unread)?;
    let tail = Tail::open(&dir.tail()).map_err(failed("open", &dir.tail()))?;
    let inner = Inner {
        name: format!("sqlite {}", path.display()),
        origin,
        clock: options.clock,
        checkpointer: Mutex::new(Some(checkpointer)),
        writer: Turns::new(Writer { conn: Some(conn), boots: HashMap::new() }),
        readers: super::readers::Readers::default(),
        counts: Mutex::new(survey.counts),
        gaps: Mutex::new(survey.known),
        keys: Mutex::new(keys),
        tail: Mutex::new(tail),
        latch: Latch::default(),
        bell: super::keeper::Bell::default(),
        wal: WalBounds::within(options.ballast_bytes),
        ballast,
        probed_at: Mutex::default(),
        lock: Mutex::new(Some(lock)),
        dir,
    };
    if let Some(cause) = full {
        inner.latch.set(Health::Full(cause));
    }
    settle(&inner, &survey.new)?;
    Ok(inner)
}

const CHECKPOINT_BUSY: std::time::Duration = std::time::Duration::from_millis(100);

/// Notes what is missing, makes the ballast, and writes the first mark.
fn settle(inner: &Inner, new: &[Gap]) -> Result<(), OpenError> {
    let raise = !new.is_empty();
    for gap in new {
        inner.note(gap);
    }
    if raise && inner.latch.get() == Health::Up {
        // So that the hole stays explained when the mark has moved on.
        let raised = inner.transact(Purpose::Store, "write down the ends", |tx| {
            tx.raise_floor()?;
            Ok(())
        });
        if let Err(error) = raised {
            // Where nothing can be written, much may still be read.
            tracing::error!(store = %inner.name, %error, "the ends could not be written down");
        }
    }
    if let Err(error) = inner.ballast.fill() {
        if error.kind() != io::ErrorKind::StorageFull {
            return Err(failed("write", &inner.dir.ballast())(error));
        }
        inner.latch.set(Health::Full(error.to_string()));
    }
    if let Err(error) = inner.mark(false)
        && error.kind() != io::ErrorKind::StorageFull
    {
        return Err(failed("write", &inner.dir.tail())(error));
    }
    inner.dir.sync()
}

/// Makes the store under another name, so that it appears whole or not at all.
pub(super) fn create(dir: &Directory, origin: Origin, now: Timestamp) -> Result<(), OpenError> {
    let unborn = dir.unborn();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut path = unborn.clone().into_os_string();
        path.push(suffix);
        remove_if_there(path.as_ref()).map_err(failed("remove", path.as_ref()))?;
    }
    schema::create(&unborn, origin, now).map_err(|error| Trouble::Engine(error).at(dir))?;
    let synced = File::open(&unborn).and_then(|file| file.sync_all());
    synced.map_err(failed("sync", &unborn))?;
    std::fs::rename(&unborn, dir.store()).map_err(failed("rename", &unborn))?;
    dir.sync()
}

pub(super) fn check_magic(dir: &Directory) -> Result<(), OpenError> {
    let path = dir.store();
    let mut begin = [0; MAGIC.len()];
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut begin));
    match read {
        Ok(()) if begin == *MAGIC => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Err(failed("read", &path)(error))
        }
        _ => Err(OpenError::NotOurs {
            path,
            found: "no SQLite database, or its first bytes are damaged".to_owned(),
        }),
    }
}

/// Why a connection cannot be used.
pub(super) enum Trouble {
    Engine(rusqlite::Error),
    Newer(i64),
    Foreign,
    /// The row with the log's id is wrong.
    Nameless,
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        Trouble::Engine(error)
    }
}

impl Trouble {
    pub(super) fn at(self, dir: &Directory) -> OpenError {
        let path = dir.store();
        match self {
            Trouble::Newer(found) => {
                OpenError::Newer { dir: dir.path().to_owned(), found, known: FORMAT }
            }
            Trouble::Foreign => OpenError::NotOurs {
                path,
                found: "another program's database, or its header is damaged".to_owned(),
            },
            Trouble::Nameless => {
                OpenError::Damaged { path, cause: "the log's id cannot be trusted".to_owned() }
            }
            Trouble::Engine(error) => engine(path, &error),
        }
    }
}

fn engine(path: std::path::PathBuf, error: &rusqlite::Error) -> OpenError {
    let kind = match (fault(error), error.sqlite_error_code()) {
        (Fault::Full, _) => io::ErrorKind::StorageFull,
        (_, Some(ErrorCode::ReadOnly)) => io::ErrorKind::ReadOnlyFilesystem,
        (_, Some(ErrorCode::PermissionDenied)) => io::ErrorKind::PermissionDenied,
        (Fault::Other, Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)) => {
            io::ErrorKind::Other
        }
        // "no such table" in a file that says it is ours: its schema is damaged.
        _ => return OpenError::Damaged { path, cause: error.to_string() },
    };
    OpenError::Io { doing: "open", path, cause: io::Error::new(kind, error.to_string()) }
}

/// Checks that the file is ours and of this format, and reads the log's id.
pub(super) fn identify(conn: &Connection) -> Result<Origin, Trouble> {
    match schema::kind(conn)? {
        Kind::Newer(found) => return Err(Trouble::Newer(found)),
        Kind::Foreign => return Err(Trouble::Foreign),
        Kind::Ours => {}
    }
    super::survey::origin(conn)?.ok_or(Trouble::Nameless)
}

/// The writing connection, the log's id, and why the disk is full if it is.
fn connect(dir: &Directory) -> Result<(Connection, Origin, Option<String>), Trouble> {
    let conn = schema::writer(&dir.store())?;
    let origin = identify(&conn)?;
    // What was recovered from the WAL may never have reached the disk: after a
    // failed sync the page cache shows more than there is. Copying it into the
    // file and syncing that makes it true.
    let emptied = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    match emptied {
        Err(error) if fault(&error) == Fault::Full => Ok((conn, origin, Some(error.to_string()))),
        emptied => Ok(emptied.map(|()| (conn, origin, None))?),
    }
}

/// Surveys the store and adds what the tail mark knows better.
pub(super) fn examine(
    dir: &Directory,
    conn: &Connection,
    origin: Origin,
    fresh: bool,
) -> Result<Survey, OpenError> {
    let path = dir.tail();
    let found = tail::look(&path).map_err(failed("read", &path))?;
    let mark = match found {
        Found::Mark { mark, .. } => Some(mark),
        Found::Nothing | Found::Damaged => None,
    };
    if let Some(mark) = mark.filter(|mark| mark.origin != origin) {
        let found = format!("the tail mark of another log ({})", mark.origin);
        return Err(OpenError::NotOurs { path, found });
    }
    let survey = survey(conn, mark.map_or(0, |mark| mark.first));
    let mut survey = survey.map_err(|error| Trouble::Engine(error).at(dir))?;
    let counts = &mut survey.counts;
    let end = Position(counts.next);
    match found {
        Found::Mark { mark, half } => {
            if half && mark.next > 0 {
                tracing::warn!(path = %path.display(), "one of the two tail marks is unreadable");
            }
            if mark.next > counts.next {
                let range = end..Position(mark.next);
                survey.new.push(Gap { range, reason: GapReason::MissingTail });
                if counts.blocks == 0 {
                    counts.first = mark.next;
                }
                counts.next = mark.next;
            }
        }
        Found::Nothing if fresh || counts.next == 0 => {}
        Found::Nothing | Found::Damaged => {
            survey.new.push(Gap { range: end..end, reason: GapReason::TailUnknown });
        }
    }
    Ok(survey)
}
