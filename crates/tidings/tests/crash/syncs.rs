//! What if the disk fails to sync? With real system calls that fail.

use std::path::Path;
use std::process::Command;

use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::store::{BlockStore, Outcome, Sink, StoreError};
use tidings::testing::Blocks;

const BLOCKS: u64 = 60;
/// The first system call that fails, and every how many after it.
const FAILS: [&str; 2] = ["fsync,fdatasync:error=EIO:when=30+17", "pwrite64:error=EIO:when=120+83"];

/// The child: puts blocks, and after a failure probes and puts the same again.
pub(crate) fn retry(dir: &Path) {
    let options = SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() };
    let store = SqliteStore::open(dir, options).unwrap();
    let (mut blocks, mut unknown) = (Blocks::new(1), 0);
    for _ in 0..BLOCKS {
        let block = blocks.of(3);
        while let Err(error) = store.put(&block) {
            unknown += u64::from(error.outcome() == Outcome::Unknown);
            let again = store.put(&block).unwrap_err();
            assert!(matches!(again, StoreError::Latched { .. }), "{error}, then {again}");
            // The probe's own write may be the next to fail.
            while store.probe().is_err() {}
        }
    }
    let ends = store.ends().unwrap();
    println!("{unknown} {} {}", ends.blocks, ends.events);
}

pub(crate) fn a_failed_sync_is_settled_by_writing_again() {
    for inject in FAILS {
        let dir = tempfile::tempdir().unwrap();
        let mut traced = Command::new("strace");
        let calls = inject.split(':').next().unwrap();
        traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        traced.args(["-e", &format!("inject={inject}")]);
        traced.arg(std::env::current_exe().unwrap()).arg("retry").arg(dir.path());
        let said = match traced.output() {
            Ok(output) if !output.stdout.is_empty() => String::from_utf8(output.stdout).unwrap(),
            Ok(output) if output.stderr.windows(8).any(|it| it == b"panicked") => {
                panic!("{inject}: {}", String::from_utf8_lossy(&output.stderr))
            }
            _ => return eprintln!("skipped: a_failed_sync_… needs strace and the right to trace"),
        };
        let counts: Vec<u64> = said.split_whitespace().map(|it| it.parse().unwrap()).collect();
        assert_eq!(counts[1..], [BLOCKS, 3 * BLOCKS], "{inject}: {said}");
        assert!(counts[0] > 0, "{inject}: nothing failed");
        let store = SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap();
        assert_eq!((store.ends().unwrap().events, store.gaps().unwrap()), (3 * BLOCKS, vec![]));
    }
}
