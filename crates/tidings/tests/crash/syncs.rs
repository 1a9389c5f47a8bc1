//! What is synced, and what if that fails? With real system calls.

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

/// Runs the child under strace, and answers with what it said; `None` where that
/// cannot be done.
fn traced(options: &[&str], dir: &Path) -> Option<String> {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq"]).args(options);
    traced.arg(std::env::current_exe().unwrap()).arg("retry").arg(dir);
    match traced.output() {
        Ok(output) if !output.stdout.is_empty() => Some(String::from_utf8(output.stdout).unwrap()),
        Ok(output) if output.stderr.windows(8).any(|it| it == b"panicked") => {
            panic!("{options:?}: {}", String::from_utf8_lossy(&output.stderr))
        }
        _ => None,
    }
}

pub(crate) fn a_failed_sync_is_settled_by_writing_again() {
    for inject in FAILS {
        let dir = tempfile::tempdir().unwrap();
        let calls = format!("trace={}", inject.split(':').next().unwrap());
        let inject = format!("inject={inject}");
        let options = ["-o", "/dev/null", "-e", &calls, "-e", &inject];
        let Some(said) = traced(&options, dir.path()) else {
            return eprintln!("skipped: a_failed_sync_… needs strace and the right to trace");
        };
        let counts: Vec<u64> = said.split_whitespace().map(|it| it.parse().unwrap()).collect();
        assert_eq!(counts[1..], [BLOCKS, 3 * BLOCKS], "{inject}: {said}");
        assert!(counts[0] > 0, "{inject}: nothing failed");
        let store = SqliteStore::open(dir.path(), SqliteOptions::default()).unwrap();
        assert_eq!((store.ends().unwrap().events, store.gaps().unwrap()), (3 * BLOCKS, vec![]));
    }
}

/// A file has its name for good only once its folder is synced. Some file systems
/// do that on the way, so that losing power there would not show that we forgot.
pub(crate) fn the_names_of_a_new_log_are_synced_before_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let (trace, data) = (dir.path().join("trace"), dir.path().join("new/data"));
    let calls = "trace=fsync,?rename,?renameat,?renameat2,?mkdir,?mkdirat";
    let options = ["-y", "-o", trace.to_str().unwrap(), "-e", calls];
    if traced(&options, &data).is_none() {
        return eprintln!("skipped: the_names_of_a_new_log_… needs strace and the right to trace");
    }
    let calls = std::fs::read_to_string(trace).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    let first_commit = calls.iter().position(|call| call.contains("log.sqlite-wal>")).unwrap();

    let mut named = Vec::new();
    for (at, call) in calls[..first_commit].iter().enumerate() {
        let made = call.ends_with(" = 0") && ["mkdir", "rename"].iter().any(|it| call.contains(it));
        let Some(name) = call.rsplit('"').nth(1).filter(|_| made) else { continue };
        let folder = format!("<{}>)", Path::new(name).parent().unwrap().display());
        let is_sync = |call: &&str| call.contains(" fsync(") && call.contains(&folder);
        assert!(calls[at..first_commit].iter().any(is_sync), "not synced: {name}");
        named.push(name.rsplit('/').next().unwrap());
    }
    assert_eq!(named, ["new", "data", "log.sqlite", "tail"]);
}
