//! How many events become durable a second? Beside a bare file that is appended to
//! and synced as often, in the same directory, in turns.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::TempDir;
use tidings::{Ack, Clock, Event, Log, LogOptions};

use crate::events::Events;
use crate::machine;
use crate::measure::{ROUNDS, middle, seconds, short, table};

/// Events to an append, and appends of one round.
const BATCHES: [(usize, usize); 4] = [(1, 500), (10, 500), (100, 300), (1000, 100)];
/// Events that one log takes to measure its size.
const SETTLED_EVENTS: usize = 500_000;

pub(crate) fn report() -> String {
    let rows: Vec<Vec<String>> = BATCHES.iter().map(|batch| of_batches(*batch)).collect();
    let head = [
        "events an append",
        "log, events/s",
        "log, appends/s",
        "bare file, events/s",
        "log ÷ bare",
        "log, CPU-µs/event",
    ];
    format!(
        "`Log::append` from one thread, waiting until it is on disk, beside the same events as NDJSON in a file with one `fdatasync` an append.\n\n{}\n{}",
        table(&head, &rows),
        settled()
    )
}

/// A directory on the disk that holds the build, since `/tmp` may be memory.
pub(crate) fn directory() -> io::Result<TempDir> {
    let target = Path::new("target");
    let place = if target.is_dir() { target } else { Path::new(".") };
    tempfile::Builder::new().prefix("bench-").tempdir_in(place)
}

pub(crate) fn open(dir: &Path) -> Log {
    Log::open_with(dir, LogOptions::default()).expect("a log in a fresh directory")
}

pub(crate) fn append(log: &Log, events: Vec<Event>) {
    let offered = events.len();
    let taken = log.append(events, Ack::Disk, false).expect("room for the events");
    assert_eq!(taken.len(), offered);
}

fn of_batches((size, appends): (usize, usize)) -> Vec<String> {
    let clock = Clock::system();
    let dir = directory().expect("a directory to measure in");
    let log = open(&dir.path().join("log"));
    let mut bare = bare_file(&dir.path().join("bare"));
    let mut events = Events::new();
    let (mut logs, mut bares, mut cpus) = (Vec::new(), Vec::new(), Vec::new());
    // The first round of each does not count.
    for round in 0..=ROUNDS {
        let batches: Vec<Vec<Event>> =
            (0..appends).map(|_| events.by_ref().take(size).collect()).collect();
        let texts: Vec<Vec<u8>> =
            batches.iter().map(|batch| crate::events::ndjson(batch)).collect();
        let (start, cpu) = (clock.monotonic(), machine::process_cpu());
        for batch in batches {
            append(&log, batch);
        }
        let taken = (clock.monotonic().saturating_sub(start), machine::process_cpu() - cpu);
        let start = clock.monotonic();
        for text in &texts {
            sync(&mut bare, text).expect("a file that can be written");
        }
        let bare_taken = clock.monotonic().saturating_sub(start);
        if round > 0 {
            logs.push(seconds(taken.0));
            cpus.push(taken.1);
            bares.push(seconds(bare_taken));
        }
    }
    let count = (size * appends) as f64;
    let (log_rate, bare_rate) = (count / middle(logs), count / middle(bares));
    vec![
        size.to_string(),
        short(log_rate),
        short(log_rate / size as f64),
        short(bare_rate),
        short(log_rate / bare_rate),
        short(cpus.iter().sum::<f64>() / ROUNDS as f64 / count * 1e6),
    ]
}

fn bare_file(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a file in a fresh directory")
}

fn sync(file: &mut File, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    file.sync_data()
}

/// Bytes on disk, and memory of this process: target `memory` measures that in a
/// process of its own.
fn settled() -> String {
    let dir = directory().expect("a directory to measure in");
    let log = open(dir.path());
    let mut events = Events::new();
    for _ in 0..SETTLED_EVENTS / 1000 {
        append(&log, events.by_ref().take(1000).collect());
    }
    log.maintain().expect("a log that can be looked after");
    log.close(std::time::Duration::from_secs(10));
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(dir.path()).expect("the log's directory").flatten() {
        let bytes = entry.metadata().map_or(0, |data| data.len()) as f64;
        let name = entry.file_name().to_string_lossy().into_owned();
        rows.push((name, bytes));
    }
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    let each = |bytes: f64| short(bytes / SETTLED_EVENTS as f64);
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, bytes)| vec![name, short(bytes), each(bytes)]).collect();
    format!(
        "{SETTLED_EVENTS} events, 1000 an append, after a clean close:\n\n{}",
        table(&["file", "bytes", "bytes/event"], &rows)
    )
}
