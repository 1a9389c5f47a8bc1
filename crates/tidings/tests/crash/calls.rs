//! What if any system call fails? G6 on the real files: a log and a queue over
//! it, whose n-th sync, write, truncation, renaming or read fails, once or for ever.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use tidings::store::BlockStore;
use tidings::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use tidings::{
    Ack, Clock, Event, Fate, Log, LogOptions, Position, Queue, RETRY_MAX, Receipt, State, Timestamp,
};

/// Rounds of the workload.
const ROUNDS: u32 = 8;
/// Attempts to bring a log back after a failure.
const RECOVERIES: u32 = 4;
/// Of the calls of each kind, so many fail in turn, spread over all.
const CALLS_MAX: usize = if cfg!(feature = "soak") { usize::MAX } else { 8 };
/// The calls that reach the disk, each with what it can say.
const CALLS: [(&str, &[&str]); 5] = [
    ("fsync,fdatasync", &["EIO", "ENOSPC"]),
    ("pwrite64", &["EIO", "ENOSPC"]),
    ("ftruncate", &["EIO"]),
    ("rename,unlink,mkdir", &["EIO"]),
    ("pread64", &["EIO"]),
];

fn open(dir: &Path, clock: &Clock) -> Result<(Log, Arc<SqliteStore>), OpenError> {
    // The ballast is filled with writes of its own: one is enough.
    let options = SqliteOptions { ballast_bytes: 4096, ..SqliteOptions::default() };
    let store = Arc::new(SqliteStore::open(dir, options)?);
    let options = LogOptions { background: false, clock: clock.clone(), ..LogOptions::default() };
    Ok((Log::over(Arc::clone(&store) as Arc<dyn BlockStore>, options)?, store))
}

/// The child: says `offer` before and `ack` after, with the text of each event,
/// and at the end how the log was left.
pub(crate) fn keep(dir: &Path) {
    let clock = Clock::by_hand(Timestamp::from_nanos(1_795_341_600_000_000_000));
    let log = match open(dir, &clock) {
        Ok((log, _)) => log,
        Err(error) => return println!("unopened {error}"),
    };
    let queue = Queue::builder().clock(clock.clone());
    let queue = queue.build_stepped("web1", Arc::new(log.clone())).unwrap();
    let mut receipts: Vec<(String, Receipt)> = Vec::new();
    for round in 0..ROUNDS {
        let text = format!("appended {round}");
        println!("offer {text}");
        if log.append(vec![Event::new("a", &text)], Ack::Disk, false).is_ok() {
            println!("ack {text}");
        }
        let text = format!("queued {round}");
        println!("offer {text}");
        receipts.push((text.clone(), queue.client().record_tracked(Event::new("q", text))));
        for _ in 0..RECOVERIES {
            queue.settle();
            clock.advance(RETRY_MAX);
            let well = log.maintain().is_ok() && log.state() == State::Running;
            assert!(log.tally().is_balanced(), "{}", log.tally());
            assert!(queue.audit().is_exact(), "{:?}", queue.audit());
            if well {
                break;
            }
        }
    }
    queue.settle();
    println!("state {:?}", log.state());
    let (books, report) = (queue.close().tally, log.close(Duration::from_secs(1)));
    assert!(books.is_balanced() && books.pending == 0, "{books}");
    assert!(report.is_balanced() && report.pending == 0, "{report}");
    for (text, receipt) in receipts {
        match receipt.fate() {
            Some(Fate::Stored { .. }) => println!("ack {text}"),
            Some(Fate::Lost(reason)) => println!("lost {text}, {reason:?}"),
            Some(_) => {}
            None => panic!("nobody said what became of {text:?}"),
        }
    }
}

/// Runs the child under strace with these options; `None` where there is none.
fn traced(dir: &Path, options: &[String]) -> Option<Output> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "--seccomp-bpf"]).args(options);
    strace.arg(std::env::current_exe().unwrap()).arg("keep").arg(dir);
    strace.output().ok()
}

/// How many of these calls the workload makes, in the thread with most of them:
/// strace counts by thread.
fn calls_made(calls: &str) -> Option<usize> {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let to = ["-o".to_owned(), trace.to_str().unwrap().to_owned()];
    let options = [&to[..], &["-e".to_owned(), format!("trace={calls}")]].concat();
    let output = traced(&dir.path().join("data"), &options)?;
    if output.stdout.is_empty() {
        return None; // there is no right to trace
    }
    assert!(String::from_utf8_lossy(&output.stdout).contains("state Running"));
    let mut by_thread: BTreeMap<String, usize> = BTreeMap::new();
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        let thread = line.split_whitespace().next().unwrap_or_default();
        *by_thread.entry(thread.to_owned()).or_default() += 1;
    }
    by_thread.into_values().max()
}

pub(crate) fn whichever_call_fails_nothing_acknowledged_is_lost() {
    let (mut runs, mut met) = (0, 0);
    for (calls, errors) in CALLS {
        let Some(made) = calls_made(calls) else {
            return eprintln!(
                "skipped: whichever_call_fails_… needs strace and the right to trace"
            );
        };
        let step = made.div_ceil(CALLS_MAX).max(1);
        for error in errors {
            for nth in (1..=made).step_by(step) {
                for repeat in ["", "+"] {
                    runs += 1;
                    met += u32::from(fail(&format!("{calls}:error={error}:when={nth}{repeat}")));
                }
            }
        }
    }
    // The last calls are not always made: what is synced when depends on time.
    assert!(met > runs / 2, "of {runs} faults only {met} were met");
}

/// One run with a fault; says whether it was met.
fn fail(inject: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let calls = inject.split(':').next().unwrap_or_default();
    let trace = dir.path().join("trace");
    let to = ["-o".to_owned(), trace.to_str().unwrap().to_owned(), "-e".to_owned()];
    let faults = [format!("trace={calls}"), "-e".to_owned(), format!("inject={inject}")];
    let output = traced(&data, &[&to[..], &faults[..]].concat());
    let output = output.unwrap_or_else(|| panic!("{inject}: strace is gone"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains("panicked"), "{inject}: {errors}");
    if output.stdout.is_empty() && errors.contains("loading shared libraries") {
        return false; // the system read for the child, before it began
    }
    let said = String::from_utf8(output.stdout).unwrap();
    let words = |word: &str| -> HashSet<String> {
        said.lines().filter_map(|line| line.strip_prefix(word)).map(str::to_owned).collect()
    };
    let state = words("state ").into_iter().chain(words("unopened ")).next();
    let state = state.unwrap_or_else(|| panic!("{inject}: no end: {said}"));
    let (again, acknowledged) = (inject.ends_with('+'), words("ack "));
    if !again && !said.starts_with("unopened") {
        assert_eq!(state, "Running", "{inject}: it failed once and was not brought back");
    }
    let found = everything_in(&data, inject);
    let offered = words("offer ");
    let there: HashSet<String> = found.iter().cloned().collect();
    assert_eq!(there.len(), found.len(), "{inject}: twice in {found:?}");
    assert!(there.is_subset(&offered), "{inject}: {found:?} of {offered:?}");
    assert!(acknowledged.is_subset(&there), "{inject}: {found:?}, and said {said}");
    std::fs::read_to_string(trace).unwrap().contains("(INJECTED)")
}

/// What a next start without faults finds.
fn everything_in(data: &Path, inject: &str) -> Vec<String> {
    let opened = open(data, &Clock::system());
    let (log, store) = opened.unwrap_or_else(|error| panic!("{inject}: {error}"));
    assert_eq!(store.gaps().unwrap(), [], "{inject}");
    let mut found = Vec::new();
    for head in store.heads(Position(0), usize::MAX).unwrap() {
        let block = store.read(head.base).unwrap().unwrap();
        let events = block.events(head.base).unwrap().into_iter().map(|stored| stored.event);
        let theirs = events.filter(|event| !event.is_reserved());
        found.extend(theirs.map(|event| event.message().to_owned()));
    }
    let taken = log.append(vec![Event::new("a", "after")], Ack::Disk, false);
    assert!(taken.is_ok(), "{inject}: {taken:?}");
    found
}
