//! Measures tidings beside something known, in the same run.
//!
//! `tidings-bench [TARGET…]` prints one Markdown table a target; without a target
//! it measures all but those that take minutes. `query` and `quiet`, which is a part
//! of it, take a number of events; `fill DIR EVENTS` leaves its events in a data
//! directory.

#![expect(clippy::cast_precision_loss, reason = "figures are told with three digits")]

mod add;
mod block;
#[cfg(feature = "etcd")]
mod cluster;
#[cfg(feature = "etcd")]
mod etcd;
mod events;
#[cfg(feature = "etcd")]
mod expiry;
mod follow;
mod http;
mod ingest;
mod machine;
mod measure;
mod memory;
mod query;
#[cfg(feature = "etcd")]
mod wake;
#[cfg(feature = "words")]
mod words;

use std::io::Write;
use std::process::ExitCode;

/// A target's name and what measures it.
type Target = (&'static str, fn() -> String);

const TARGETS: &[Target] = &[
    ("block", block::report),
    ("add", add::report),
    ("ingest", ingest::report),
    ("memory", memory::report),
    ("http", http::report),
    ("follow", follow::report),
    (query::NAME, query::report),
    (query::QUIET, query::report_quiet),
    #[cfg(feature = "etcd")]
    ("etcd", etcd::report),
    #[cfg(feature = "etcd")]
    ("wake", wake::report),
    #[cfg(feature = "etcd")]
    ("expiry", expiry::report),
    #[cfg(feature = "etcd")]
    ("cluster", cluster::report),
    #[cfg(feature = "words")]
    ("words", words::report),
];

/// Measured only when they are named, since they take minutes.
const LONG: &[&str] = &[query::NAME, query::QUIET];

fn main() -> ExitCode {
    let mut asked: Vec<String> = std::env::args().skip(1).collect();
    if let [fill, dir, events] = asked.as_slice()
        && fill == query::FILL
    {
        let _ = writeln!(std::io::stdout(), "{}", query::fill(dir, events));
        return ExitCode::SUCCESS;
    }
    if asked.iter().any(|name| LONG.contains(&name.as_str())) {
        asked.retain(|word| query::events_of(word).is_none());
    }
    if asked == [memory::CHILD] {
        let _ = write!(std::io::stdout(), "{}", memory::measure());
        return ExitCode::SUCCESS;
    }
    if asked == [http::BARE] {
        return http::serve_bare().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    if let Some(unknown) = asked.iter().find(|name| !TARGETS.iter().any(|(known, _)| known == name))
    {
        let known = TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let _ = writeln!(std::io::stderr(), "unknown target {unknown:?}: there are {known}");
        return ExitCode::from(2);
    }
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{}", machine::line());
    for (name, report) in TARGETS {
        let wanted = if asked.is_empty() {
            !LONG.contains(name)
        } else {
            asked.iter().any(|asked| asked == name)
        };
        if wanted {
            // A closed pipe is no reason to stop measuring.
            let _ = writeln!(out, "\n## {name}\n\n{}", report());
        }
    }
    ExitCode::SUCCESS
}
