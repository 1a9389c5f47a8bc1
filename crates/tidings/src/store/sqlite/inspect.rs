//! What can still be read of a data directory at rest? A look that changes
//! nothing.

use std::fs;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::directory::{Directory, DirectoryLock, failed, remove_if_there};
use super::open::{Trouble, check_magic, examine, identify};
use super::survey::Survey;
use super::tail::{self, Found};
use super::walk::{self, Met, Row};
use super::{OpenError, notes, schema, words};
use crate::block::Block;
use crate::id::{Origin, Position};
use crate::store::{Damage, Gap, Head};

/// Complaints of the engine's own check that are told, at most.
const COMPLAINTS_MAX: u32 = 20;

/// One thing that a look at a data directory found, in order of position.
#[derive(Debug)]
#[non_exhaustive]
pub enum Finding<'a> {
    /// A block, every byte of it verified.
    Whole {
        /// Where its first event stands.
        base: Position,
        /// The block.
        block: &'a Block,
        /// It was put under its own name, not made by merging others.
        named: bool,
    },
    /// A block that cannot be used.
    Damaged {
        /// Where its first event stands, if that is right at least.
        base: Position,
        /// How many events it has, if that is right at least.
        count: u64,
        /// What is wrong.
        cause: Damage,
    },
    /// Pages of the store file are damaged: no block can be found here.
    Unreadable {
        /// From where to where, as far as can be told.
        range: Range<Position>,
    },
}

/// What a look at a data directory found altogether.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The id of the log.
    pub origin: Origin,
    /// Blocks that are whole.
    pub blocks: u64,
    /// Events in them.
    pub events: u64,
    /// Blocks that are not.
    pub damaged: u64,
    /// The position that the next event would get.
    pub next: Position,
    /// What is missing, oldest first: as noted by the log itself, and as found now.
    pub gaps: Vec<Gap>,
    /// Whatever else is wrong, one sentence each.
    pub complaints: Vec<String>,
    /// The last one who had it stopped cleanly.
    pub clean_stop: bool,
}

impl Inspection {
    /// Whether nothing at all is wrong.
    pub fn is_whole(&self) -> bool {
        self.damaged == 0 && self.gaps.is_empty() && self.complaints.is_empty()
    }
}

/// Looks at every block of a data directory and compares what is there with the
/// tail mark, without changing a byte of it.
///
/// After a crash there is a WAL to be read too; then both files are copied into a
/// directory of their own inside `scratch`, which is removed afterwards, so
/// `scratch` needs as much room as the store has.
///
/// # Errors
///
/// See [`OpenError`]: somebody has the directory, it holds no store, or the file
/// is so damaged that nothing in it can be found.
pub fn inspect(
    dir: &Path,
    scratch: &Path,
    visit: &mut dyn FnMut(Finding<'_>),
) -> Result<Inspection, OpenError> {
    let source = Source::open(dir, scratch)?;
    let mut inspection = source.look(visit)?;
    inspection.complaints.extend(source.engine_check());
    Ok(inspection)
}

/// A data directory at rest, held so that nobody opens it meanwhile.
#[derive(Debug)]
pub(super) struct Source {
    dir: Directory,
    pub(super) conn: Connection,
    pub(super) origin: Origin,
    pub(super) survey: Survey,
    // Dropped after the connection.
    _copy: Option<Copied>,
    _lock: Option<fs::File>,
}

impl Source {
    pub(super) fn open(path: &Path, scratch: &Path) -> Result<Source, OpenError> {
        let dir = Directory::new(path);
        let lock = DirectoryLock::peek(&dir)?;
        if !dir.has_store()? {
            return Err(OpenError::StoreFileLost { dir: path.to_owned(), file: "log.sqlite" });
        }
        check_magic(&dir)?;
        let copy = Copied::if_there_is_a_wal(&dir, scratch)?;
        let conn = match &copy {
            Some(copy) => schema::reader(&copy.dir.store()),
            None => schema::onlooker(&dir.store()),
        };
        let conn = conn.map_err(|error| Trouble::Engine(error).at(&dir))?;
        let origin = identify(&conn).map_err(|trouble| trouble.at(&dir))?;
        let survey = examine(&dir, &conn, origin, false)?;
        Ok(Source { dir, conn, origin, survey, _copy: copy, _lock: lock })
    }

    /// Looks at every block.
    pub(super) fn look(&self, visit: &mut dyn FnMut(Finding<'_>)) -> Result<Inspection, OpenError> {
        let mut gaps = [self.survey.known.as_slice(), &self.survey.new].concat();
        gaps.sort_by_key(|gap| (gap.range.start, gap.range.end));
        let mark = tail::look(&self.dir.tail()).map_err(failed("read", &self.dir.tail()))?;
        let mut seen = Inspection {
            origin: self.origin,
            blocks: 0,
            events: 0,
            damaged: 0,
            next: Position(self.survey.counts.next),
            gaps,
            complaints: complaints_of(&mark, self.survey.counts.next),
            clean_stop: matches!(mark, Found::Mark { mark, .. } if mark.clean),
        };
        seen.complaints.extend(self.damaged_notes());
        seen.complaints.extend(words::damaged(&self.conn));
        self.each(&mut |finding| {
            match &finding {
                Finding::Whole { block, .. } => {
                    seen.blocks += 1;
                    seen.events += u64::from(block.header().count);
                }
                Finding::Damaged { .. } => seen.damaged += 1,
                Finding::Unreadable { range } => seen.complaints.push(format!(
                    "pages are damaged: no block can be found between positions {} and {}",
                    range.start, range.end
                )),
            }
            visit(finding);
        })
        .map_err(|error| Trouble::Engine(error).at(&self.dir))?;
        Ok(seen)
    }

    fn each(&self, visit: &mut dyn FnMut(Finding<'_>)) -> rusqlite::Result<()> {
        let next = self.survey.counts.next;
        walk::rows(&self.conn, &mut |met| {
            match met {
                Met::Hole(range) => {
                    let end = range.end.min(next).max(range.start);
                    visit(Finding::Unreadable { range: Position(range.start)..Position(end) });
                }
                Met::Head(Head { base, count, header: Err(cause), .. }) => {
                    visit(Finding::Damaged { base, count, cause });
                }
                Met::Row { base, row } => visit_row(Position(base), row, visit),
                Met::Place { .. } | Met::Head(_) => {}
            }
            ControlFlow::Continue(())
        })
    }

    /// What was noted and is not what it was.
    fn damaged_notes(&self) -> Vec<String> {
        let (notes, stopped) = notes::every_note(&self.conn);
        let damaged = notes.iter().filter_map(|(name, value)| {
            let cause = value.as_ref().err()?;
            Some(format!("the note {name:?} is damaged: {cause}"))
        });
        damaged.chain(stopped.map(|error| format!("not every note can be read: {error}"))).collect()
    }

    /// What SQLite itself finds wrong.
    fn engine_check(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let check = self.conn.pragma(None, "integrity_check", COMPLAINTS_MAX, |row| {
            complaints.push(row.get::<_, String>(0)?);
            Ok(())
        });
        complaints.retain(|complaint| complaint != "ok");
        complaints.extend(check.err().map(|error| error.to_string()));
        complaints.iter().map(|complaint| format!("the engine says: {complaint}")).collect()
    }
}

/// The row's checksums held; now every frame is read too.
fn visit_row(base: Position, row: Row, visit: &mut dyn FnMut(Finding<'_>)) {
    let Row { count, named, block } = row;
    match block.and_then(|block| block.events(base).map(|_| block).map_err(Damage::from)) {
        Ok(block) => visit(Finding::Whole { base, block: &block, named }),
        Err(cause) => visit(Finding::Damaged { base, count, cause }),
    }
}

fn complaints_of(mark: &Found, next: u64) -> Vec<String> {
    let complaint = match mark {
        Found::Mark { mark, half: true } if mark.next > 0 => {
            "one of the two tail marks is unreadable; the other was used"
        }
        Found::Mark { .. } => return Vec::new(),
        // It was never used: the mark comes before the first block.
        Found::Nothing if next == 0 => return Vec::new(),
        Found::Nothing => "the tail mark is missing: whether the end is missing is unknown",
        Found::Damaged => "the tail mark is damaged: whether the end is missing is unknown",
    };
    vec![complaint.to_owned()]
}

/// A copy of the store with its WAL; removed when dropped.
#[derive(Debug)]
struct Copied {
    dir: Directory,
}

impl Copied {
    fn if_there_is_a_wal(source: &Directory, scratch: &Path) -> Result<Option<Copied>, OpenError> {
        if !fs::metadata(source.wal()).is_ok_and(|meta| meta.len() > 0) {
            return Ok(None);
        }
        let path: PathBuf = scratch.join(format!("tidings-copy-{}", std::process::id()));
        let copy = Copied { dir: Directory::new(&path) };
        copy.dir.create()?;
        for (from, to) in [(source.store(), copy.dir.store()), (source.wal(), copy.dir.wal())] {
            fs::copy(&from, &to).map_err(failed("copy", &from))?;
        }
        Ok(Some(copy))
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let shm = self.dir.path().join("log.sqlite-shm");
        for path in [self.dir.store(), self.dir.wal(), shm] {
            let _ = remove_if_there(&path);
        }
        let _ = fs::remove_dir(self.dir.path());
    }
}
