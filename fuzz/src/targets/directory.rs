//! What is in a data directory, if somebody else wrote into it?

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;
use tidings::store::sqlite::{Finding, inspect};
use tidings::{Ack, Clock, Log, LogOptions};

use super::NOW;

/// Bytes of the mark's slot that its checksum covers.
const MARK_BYTES: usize = 72;

/// A data directory of a few events, with changes. The first byte says of what:
/// of the store file, of the tail mark, or of the mark with a checksum that fits;
/// then four bytes for each change: where, in three, little end first, and what.
pub(crate) fn directory(data: &[u8]) -> bool {
    let Some((what, changes)) = data.split_first() else { return false };
    let whole = whole();
    let (file, bytes) =
        if what % 3 == 0 { ("log.sqlite", &whole.store) } else { ("tail", &whole.mark) };
    let mut bytes = bytes.clone();
    for change in changes.as_chunks::<4>().0 {
        let at = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize % bytes.len();
        bytes[at] = change[3];
    }
    if what % 3 == 2 {
        seal_marks(&mut bytes);
    }
    fs::write(whole.path.join(file), bytes).expect("a disk that works");
    let seen = look(whole);
    let original = if what % 3 == 0 { &whole.store } else { &whole.mark };
    fs::write(whole.path.join(file), original).expect("a disk that works");
    seen
}

/// Whether nothing is wrong with it. Books of the look are held against what it
/// showed.
fn look(whole: &Whole) -> bool {
    let (mut blocks, mut events, mut damaged) = (0, 0, 0);
    let seen = inspect(&whole.path, whole.scratch.path(), &mut |finding| match finding {
        Finding::Whole { block, .. } => {
            blocks += 1;
            events += u64::from(block.header().count);
            assert!(block.events(tidings::Position(0)).is_ok(), "it was called whole");
        }
        Finding::Damaged { cause, .. } => {
            damaged += 1;
            assert!(!cause.to_string().is_empty());
        }
        _ => {}
    });
    match seen {
        Ok(seen) => {
            assert_eq!((seen.blocks, seen.events, seen.damaged), (blocks, events, damaged));
            seen.is_whole()
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn seal_marks(bytes: &mut [u8]) {
    for start in [0, 4096] {
        let Some(slot) = bytes.get_mut(start..start + MARK_BYTES + 4) else { continue };
        let (said, checksum) = slot.split_at_mut(MARK_BYTES);
        checksum.copy_from_slice(&crc32c::crc32c(said).to_le_bytes());
    }
}

/// The directory that is changed, and what it is without changes.
struct Whole {
    path: PathBuf,
    scratch: TempDir,
    store: Vec<u8>,
    mark: Vec<u8>,
}

fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| make().expect("a disk that works"))
}

fn make() -> std::io::Result<Whole> {
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("data");
    let clock = Clock::by_hand(NOW);
    let options = LogOptions { background: false, clock, ..LogOptions::default() };
    let log = Log::open_with(&path, options).expect("a disk that works");
    for number in 0..3 {
        let event = tidings::Event::new("deploy", format!("api {number}")).with_key("k");
        log.append(vec![event], Ack::Disk, false).expect("a disk that works");
    }
    log.close(Duration::from_secs(5));
    let (store, mark) = (fs::read(path.join("log.sqlite"))?, fs::read(path.join("tail"))?);
    Ok(Whole { path, scratch, store, mark })
}
