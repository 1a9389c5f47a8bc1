//! Does the store in a directory keep its contract, also when opened again?

use std::path::Path;

use super::*;
use crate::store::{GapReason, Outcome};
use crate::testing::{Blocks, store_suite};

fn options() -> SqliteOptions {
    SqliteOptions { ballast_bytes: 4096, ..SqliteOptions::default() }
}

#[track_caller]
fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, options()).unwrap()
}

/// A store that takes its directory with it.
#[derive(Debug)]
struct Fresh {
    store: SqliteStore,
    _dir: tempfile::TempDir,
}

#[test]
fn a_store_in_a_directory_keeps_the_contract() {
    let dirs = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    store_suite::assert_block_store(|| {
        count.set(count.get() + 1);
        open(&dirs.path().join(count.get().to_string()))
    });
}
