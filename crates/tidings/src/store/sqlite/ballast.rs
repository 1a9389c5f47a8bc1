//! How can room be made on a disk that has none? By giving up what was kept
//! aside for it.
//!
//! Deleting needs a little room too: the WAL takes the pages that change before
//! the store file can shrink. The ballast is really written, because a hole in a
//! file keeps no room.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use super::directory::remove_if_there;

/// Bytes kept aside by default. Three quarters are for what waits in the WAL: it
/// must fit into the store file before anything else can be done. The rest is for
/// the pages that purging changes.
pub const BALLAST_BYTES: u64 = 16 * 1024 * 1024;

static CHUNK: [u8; 64 * 1024] = [0; 64 * 1024];

/// The ballast file of a data directory.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    pub(super) fn new(path: PathBuf, bytes: u64) -> Ballast {
        Ballast { path, bytes }
    }

    /// Whether it is there, whole.
    pub(super) fn is_there(&self) -> bool {
        self.bytes == 0 || fs::metadata(&self.path).is_ok_and(|meta| meta.len() == self.bytes)
    }

    /// Makes it if it is not there, and only if as much again stays free: else
    /// the store would resume just to stop at the next block.
    pub(super) fn fill(&self) -> io::Result<()> {
        if self.is_there() {
            return Ok(());
        }
        let filled = self.write_twice();
        if filled.is_err() {
            self.drop_it();
        }
        filled
    }

    fn write_twice(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        let mut left = self.bytes.saturating_mul(2);
        while left > 0 {
            let chunk = usize::try_from(left).unwrap_or(CHUNK.len()).min(CHUNK.len());
            file.write_all(&CHUNK[..chunk])?;
            left -= chunk as u64;
        }
        // Delayed allocation could still find no room for what was "written".
        file.sync_all()?;
        file.set_len(self.bytes)?;
        file.sync_all()
    }

    /// Gives the room to whoever needs it.
    pub(super) fn drop_it(&self) {
        if let Err(error) = remove_if_there(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "ballast could not be removed");
        }
    }
}
