//! Where is a disk that is soon full? A small file system in memory.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A file system of its own; unmounted when dropped.
pub(crate) struct Tmpfs(TempDir);

impl Tmpfs {
    /// One of this size (`8m`). `None` where this user cannot mount one: then it has
    /// said aloud that this test is skipped.
    pub(crate) fn mount(test: &str, size: &str) -> Option<Tmpfs> {
        let dir = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(dir.path());
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Tmpfs(dir));
        }
        // Not `eprintln!`: nobody hears what a test that passes prints by it.
        let words = format!("skipped: {test} needs to mount a tmpfs (root)\n");
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).output();
    }
}
