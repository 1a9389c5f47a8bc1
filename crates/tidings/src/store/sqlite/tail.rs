//! Where did the store end? A mark in a second file.
//!
//! An SQLite file that lost its end (a flip in the WAL cuts everything behind it)
//! looks whole. The mark tells: it says which position came next when it was
//! written, at most a second ago, or exactly at a clean stop. Loss that is newer
//! than the mark goes unnoticed.
//!
//! Two slots, a page apart so that no torn write reaches both, written in turn;
//! the newer of those with a good checksum counts. A slot, little end first:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `TIDTAIL` and the version, 1 |
//! | 8 | generation: the larger is the newer |
//! | 16 | origin of the log, big end first |
//! | 8 | position of the oldest block |
//! | 8 | next position |
//! | 8 | events kept |
//! | 8 | time of day, nanoseconds since 1970 |
//! | 8 | 1 after a clean stop, else 0 |
//! | 4 | CRC32C of all that |
//!
//! The file gets its name when its first slot is synced: a power cut while a log
//! is made must not leave an empty file, which would read as a mark that was lost.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::directory::sync_directory;
use crate::clock::Timestamp;
use crate::id::Origin;

const MAGIC: [u8; 8] = *b"TIDTAIL\x01";
const SLOT_BYTES: usize = SAID_BYTES + 4;
const SAID_BYTES: usize = 72;
const SLOT_STRIDE: u64 = 4096;

/// What the mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) origin: Origin,
    /// Where the oldest block stood.
    pub(super) first: u64,
    /// The position that came next.
    pub(super) next: u64,
    /// Events that were kept.
    pub(super) events: u64,
    pub(super) at: Timestamp,
    /// Nothing was written after it.
    pub(super) clean: bool,
}

/// What a tail file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no file.
    Nothing,
    /// No slot can be read.
    Damaged,
    Mark {
        mark: Mark,
        /// The other slot cannot be read: a write was cut short, or it rotted.
        half: bool,
    },
}

/// Reads the mark without touching it.
pub(super) fn look(path: &Path) -> io::Result<Found> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        read => read?,
    };
    Ok(match newest(&bytes) {
        (None, _) => Found::Damaged,
        (Some((_, mark)), half) => Found::Mark { mark, half },
    })
}

fn newest(bytes: &[u8]) -> (Option<(u64, Mark)>, bool) {
    let stride = usize::try_from(SLOT_STRIDE).unwrap_or(usize::MAX);
    let slots = [bytes.get(..SLOT_BYTES), bytes.get(stride..stride + SLOT_BYTES)];
    let read: Vec<(u64, Mark)> = slots.into_iter().flatten().filter_map(decode).collect();
    let half = read.len() == 1;
    (read.into_iter().max_by_key(|(generation, _)| *generation), half)
}

fn encode(generation: u64, mark: &Mark) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&MAGIC);
    slot[8..16].copy_from_slice(&generation.to_le_bytes());
    slot[16..32].copy_from_slice(&mark.origin.to_bytes());
    slot[32..40].copy_from_slice(&mark.first.to_le_bytes());
    slot[40..48].copy_from_slice(&mark.next.to_le_bytes());
    slot[48..56].copy_from_slice(&mark.events.to_le_bytes());
    slot[56..64].copy_from_slice(&mark.at.as_nanos().to_le_bytes());
    slot[64..72].copy_from_slice(&u64::from(mark.clean).to_le_bytes());
    let crc = crc32c::crc32c(&slot[..SAID_BYTES]);
    slot[SAID_BYTES..].copy_from_slice(&crc.to_le_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<(u64, Mark)> {
    let (said, crc) = slot.split_at_checked(SAID_BYTES)?;
    if crc32c::crc32c(said).to_le_bytes() != crc || said[..8] != MAGIC {
        return None;
    }
    let word = |at: usize| said[at..].first_chunk::<8>().copied().unwrap_or_default();
    let mark = Mark {
        origin: Origin::from_bytes(*said[16..].first_chunk::<16>()?),
        first: u64::from_le_bytes(word(32)),
        next: u64::from_le_bytes(word(40)),
        events: u64::from_le_bytes(word(48)),
        at: Timestamp::from_nanos(i64::from_le_bytes(word(56))),
        clean: u64::from_le_bytes(word(64)) == 1,
    };
    Some((u64::from_le_bytes(word(8)), mark))
}

/// The open tail file.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    path: PathBuf,
    /// It has not got its name yet.
    unborn: bool,
    generation: u64,
    last: Option<Mark>,
}

impl Tail {
    /// Opens the file; if it is not there, the first mark makes it.
    pub(super) fn open(path: &Path) -> io::Result<Tail> {
        let path = path.to_owned();
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let (file, unborn) = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (options.create(true).truncate(true).open(unborn(&path))?, true)
            }
            opened => (opened?, false),
        };
        let bytes = if unborn { Vec::new() } else { fs::read(&path)? };
        let generation = newest(&bytes).0.map_or(0, |(generation, _)| generation);
        Ok(Tail { file, path, unborn, generation, last: None })
    }

    /// Writes and syncs a mark, unless it says what the last one said.
    pub(super) fn write(&mut self, mark: &Mark) -> io::Result<()> {
        let same = |last: &Mark| Mark { at: mark.at, ..*last } == *mark;
        if self.last.as_ref().is_some_and(same) {
            return Ok(());
        }
        let generation = self.generation.wrapping_add(1);
        write_at(&self.file, &encode(generation, mark), (generation % 2) * SLOT_STRIDE)?;
        self.file.sync_data()?;
        if self.unborn {
            fs::rename(unborn(&self.path), &self.path)?;
            self.unborn = false;
            sync_directory(self.path.parent().unwrap_or(&self.path))?;
        }
        // A slot that failed is written again, never the good one beside it.
        self.generation = generation;
        self.last = Some(*mark);
        Ok(())
    }
}

fn unborn(path: &Path) -> PathBuf {
    path.with_extension("new")
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(next: u64) -> Mark {
        let origin = Origin::from_bytes([7; 16]);
        let (first, events) = (next / 3, next / 2);
        Mark { origin, first, next, events, at: Timestamp::from_nanos(5), clean: false }
    }

    #[test]
    fn the_newest_mark_counts_and_a_torn_one_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tail");
        let mut tail = Tail::open(&path).unwrap();
        tail.write(&mark(10)).unwrap();
        tail.write(&mark(20)).unwrap();
        assert_eq!(look(&path).unwrap(), Found::Mark { mark: mark(20), half: false });

        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1; // generation 2 stands in slot 0
        std::fs::write(&path, &bytes).unwrap();

        assert_eq!(look(&path).unwrap(), Found::Mark { mark: mark(10), half: true });
    }

    #[test]
    fn a_file_is_there_with_its_first_mark_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tail");

        let mut tail = Tail::open(&path).unwrap();
        assert_eq!(look(&path).unwrap(), Found::Nothing);
        tail.write(&mark(0)).unwrap();

        assert_eq!(look(&path).unwrap(), Found::Mark { mark: mark(0), half: true });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_mark_goes_on_counting_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tail");
        for next in 1..=3 {
            Tail::open(&path).unwrap().write(&mark(next)).unwrap();
        }

        assert_eq!(look(&path).unwrap(), Found::Mark { mark: mark(3), half: false });
    }

    #[test]
    fn a_file_without_a_good_slot_is_damaged_and_no_file_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tail");
        assert_eq!(look(&path).unwrap(), Found::Nothing);

        std::fs::write(&path, [0; 100]).unwrap();

        assert_eq!(look(&path).unwrap(), Found::Damaged);
    }
}
