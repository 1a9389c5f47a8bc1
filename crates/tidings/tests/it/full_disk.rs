//! Does a store survive a full disk? On a small file system of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use tidings::Position;
use tidings::block::Block;
use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::store::{Batch, BlockStore, Sink, StoreError};
use tidings::testing::Blocks;

/// A file system in memory; unmounted when dropped.
struct Mounted<'a>(&'a Path);

impl Mounted<'_> {
    fn at(path: &Path) -> Option<Mounted<'_>> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(path);
        mount.output().is_ok_and(|out| out.status.success()).then_some(Mounted(path))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn a_full_disk_pauses_writes_not_reads_and_purging_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::at(dir.path()) else {
        // Not `eprintln!`: nobody hears what a test that passes prints by it.
        let words = b"skipped: a_full_disk_pauses_... needs to mount a tmpfs (root)\n";
        std::io::stderr().write_all(words).unwrap();
        return;
    };
    let options = SqliteOptions { ballast_bytes: 1024 * 1024, ..SqliteOptions::default() };
    let store = SqliteStore::open(&dir.path().join("data"), options).unwrap();
    let (kept, refused) = fill(&store);
    assert!(!dir.path().join("data/ballast").exists(), "the ballast must be given up");
    assert!(matches!(store.put(&refused), Err(StoreError::DiskFull { .. })));
    assert!(matches!(store.probe(), Err(StoreError::DiskFull { .. })));
    assert_all_there(&store, &kept);
    let bases: Vec<Position> = kept.iter().map(|(base, _)| *base).collect();
    store.published(&bases[1..]).unwrap();
    assert_eq!(store.outbox(Position(0), 9).unwrap(), bases[..1]);

    let half = kept.len() / 2;
    assert!(store.expire(&bases[..half]).unwrap().waiting > 0);
    store.probe().unwrap();

    assert!(!store.put(&refused).unwrap().duplicate, "it was refused, so it was not there");
    assert_all_there(&store, &kept[half..]);
    store.close().unwrap();
}

/// Puts blocks until there is no room; answers with those and the one refused.
fn fill(store: &SqliteStore) -> (Vec<(Position, Block)>, Block) {
    let (mut blocks, mut kept) = (Blocks::new(1), Vec::new());
    loop {
        let block = blocks.with_text(40, 1500);
        let batch = Batch { blocks: std::slice::from_ref(&block), keys: &[], outbox: true };
        match store.append(&batch) {
            Ok(base) => kept.push((base, block)),
            Err(StoreError::DiskFull { .. }) => return (kept, block),
            Err(error) => panic!("{error}"),
        }
        assert!(kept.len() < 1000, "8 MiB are never full");
    }
}

#[track_caller]
fn assert_all_there(store: &SqliteStore, kept: &[(Position, Block)]) {
    for (base, block) in kept {
        assert_eq!(store.read(*base).unwrap().unwrap().bytes(), block.bytes());
    }
}
