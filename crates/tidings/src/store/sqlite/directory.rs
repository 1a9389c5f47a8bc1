//! What lies in a data directory, and who may touch it?
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | held locked by the one process that has the directory; its pid |
//! | `log.sqlite`, `-wal`, `-shm` | the store |
//! | `tail` | where the store ended, about a second ago or at the clean stop |
//! | `ballast` | room that is given up when the disk is full |

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::OpenError;

/// Bytes of a lock file that are read to tell who holds it.
const PID_BYTES_MAX: u64 = 20;

/// The files of a data directory.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn new(path: &Path) -> Directory {
        Directory { path: path.to_owned() }
    }

    /// Makes the directory and those that it lies in, for its owner alone; one that
    /// is there stays as it is.
    pub(super) fn create(&self) -> Result<(), OpenError> {
        if self.path.is_dir() {
            return Ok(());
        }
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let made: Vec<&Path> = self.path.ancestors().take_while(is_missing).collect();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path).map_err(failed("create", &self.path))?;
        // Without it a power cut could take the whole directory, marks and all.
        for made in made {
            let parent = made.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            sync_directory(parent).map_err(failed("sync", parent))?;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    pub(super) fn store(&self) -> PathBuf {
        self.path.join("log.sqlite")
    }

    /// The store while it is being made: it gets its name when it is whole.
    pub(super) fn unborn(&self) -> PathBuf {
        self.path.join("log.sqlite.new")
    }

    pub(super) fn wal(&self) -> PathBuf {
        self.path.join("log.sqlite-wal")
    }

    pub(super) fn tail(&self) -> PathBuf {
        self.path.join("tail")
    }

    pub(super) fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Makes the names in the directory durable.
    pub(super) fn sync(&self) -> Result<(), OpenError> {
        sync_directory(&self.path).map_err(failed("sync", &self.path))
    }

    /// Bytes of the store's own files.
    pub(super) fn store_bytes(&self) -> io::Result<u64> {
        Ok(bytes_or_zero(&self.store())? + bytes_or_zero(&self.wal())?)
    }

    /// Whether the directory is a log's home with a store in it.
    ///
    /// # Errors
    ///
    /// `StoreFileLost` if other files tell that there was a store and there is
    /// none, or an empty file in its place.
    pub(super) fn has_store(&self) -> Result<bool, OpenError> {
        let size = |path: &Path| bytes_or_zero(path).map_err(failed("look at", path));
        if size(&self.store())? > 0 {
            return Ok(true);
        }
        // The store is born whole under another name: an empty file is never ours.
        if self.store().exists() || size(&self.tail())? > 0 || size(&self.wal())? > 0 {
            return Err(OpenError::StoreFileLost { dir: self.path.clone(), file: "log.sqlite" });
        }
        Ok(false)
    }
}

/// Puts what was attempted, and with which file, to what the system said.
pub(super) fn failed(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |cause| OpenError::Io { doing, path, cause }
}

fn bytes_or_zero(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(meta) => Ok(meta.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a file that may not be there.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The right to touch a data directory; given back when dropped, and by the
/// system when the process dies.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Takes the directory and writes this process's id into it.
    pub(super) fn take(dir: &Directory) -> Result<DirectoryLock, OpenError> {
        let path = dir.lock();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed("open", &path))?;
        try_lock(dir, &mut file)?;
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        match written {
            // On a full disk the lock holds all the same; only the name is missing.
            Err(cause) if cause.kind() != io::ErrorKind::StorageFull => {
                Err(OpenError::Io { doing: "write", path, cause })
            }
            _ => Ok(DirectoryLock { file }),
        }
    }

    /// Makes sure that nobody has the directory while it is looked at, without
    /// writing anything. `None` if it was never locked.
    pub(super) fn peek(dir: &Directory) -> Result<Option<File>, OpenError> {
        let path = dir.lock();
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed("open", &path))?,
        };
        try_lock(dir, &mut file)?;
        Ok(Some(file))
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // So that nobody is told the pid of a process that has gone. If it fails,
        // the next owner writes its own.
        let _ = self.file.set_len(0);
    }
}

fn try_lock(dir: &Directory, file: &mut File) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let read = file.take(PID_BYTES_MAX).read_to_string(&mut pid);
            let known = read.is_ok() && !pid.trim().is_empty();
            let pid = if known { pid.trim().to_owned() } else { "?".to_owned() };
            Err(OpenError::InUse { dir: dir.path().to_owned(), pid })
        }
        Err(TryLockError::Error(cause)) => {
            Err(OpenError::Io { doing: "lock", path: dir.lock(), cause })
        }
    }
}
