//! What must outlive the process? A directory with an SQLite file.

use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::store::StoreError;

/// Where and how a data directory is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Reads the time for tail marks and retention checks.
    pub clock: Clock,
    /// Bytes kept aside, so that purging can run on a full disk.
    pub ballast_bytes: u64,
}

/// A store in a data directory.
#[derive(Debug)]
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens a data directory, creating it if it is not there or empty.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(_dir: &Path, _options: SqliteOptions) -> Result<SqliteStore, OpenError> {
        todo!()
    }
}

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error("{dir} is in use by process {pid}; stop it, or choose another directory")]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Who has it, as far as the lock file says.
        pid: String,
    },
    /// The directory was written by a newer tidings.
    #[error("{dir} has format {found}, newer than this program knows ({known}); upgrade tidings")]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The store file is missing or empty, but the directory shows that there was one.
    #[error(
        "{dir} has lost its {file}; restore it from a backup, or empty the directory to start afresh"
    )]
    StoreFileLost {
        /// The directory.
        dir: PathBuf,
        /// What is missing.
        file: &'static str,
    },
    /// The file system said no.
    #[error("cannot {doing} {path}: {cause}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The store in it cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
