//! How much memory does a process with a log take? In a process of its own, with
//! events made one append at a time, so that nothing else is counted.

use std::process::Command;

use crate::events::Events;
use crate::ingest::{append, directory, open};
use crate::machine::resident_bytes;
use crate::measure::{short, table};

/// Given to the process that measures.
pub(crate) const CHILD: &str = "--measure-memory";

const APPENDS: [usize; 3] = [0, 100, 1000];
const APPEND_EVENTS: usize = 1000;

pub(crate) fn report() -> String {
    let measured = std::env::current_exe().and_then(|exe| Command::new(exe).arg(CHILD).output());
    match measured {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into(),
        Ok(output) => format!("not measured: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => format!("not measured: {error}"),
    }
}

/// In the process of its own.
pub(crate) fn measure() -> String {
    let mut rows = vec![row("before a log is opened", resident_bytes())];
    let dir = directory().expect("a directory to measure in");
    let log = open(dir.path());
    let mut events = Events::new();
    let mut done = 0;
    for appends in APPENDS {
        while done < appends {
            append(&log, events.by_ref().take(APPEND_EVENTS).collect());
            done += 1;
        }
        let what = format!("with a log of {} events", done * APPEND_EVENTS);
        rows.push(row(&what, resident_bytes()));
    }
    table(&["resident", "MB"], &rows)
}

fn row(what: &str, bytes: u64) -> Vec<String> {
    vec![what.to_owned(), short(bytes as f64 / 1e6)]
}
