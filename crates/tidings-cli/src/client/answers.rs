//! What does a server answer? Read with patience: names that a newer server adds
//! are passed over.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidings::Timestamp;

use crate::view::row::Row;
use crate::view::summary::Coverage;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order that was asked for.
    pub rows: Vec<Row>,
    /// Goes on after the last event, if there may be more.
    pub next: Option<String>,
    /// What it says besides.
    pub whole: Whole,
}

/// What is known of a list besides its events.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    /// Events in the window, before the filter, if that is known.
    pub total: Option<u64>,
    /// What the log can answer for.
    pub coverage: Coverage,
    /// There are more groups than a collapsed list tells apart.
    pub truncated: bool,
    /// How the words of `-q` were understood.
    pub read_as: Option<String>,
    /// When an event before the window matched last, if none in it does.
    pub last_match: Option<Timestamp>,
    /// Since when none did, where nobody has looked further back.
    pub no_match_since: Option<Timestamp>,
}

/// A page as it comes.
#[derive(Debug, Deserialize)]
pub(super) struct PageBody {
    events: Vec<Box<RawValue>>,
    page: Cursors,
    total: Option<u64>,
    coverage: Coverage,
    #[serde(default)]
    truncated: bool,
    read_as: Option<String>,
    last_match_before: Option<LastMatch>,
    no_match_since: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Cursors {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LastMatch {
    timestamp: Timestamp,
}

impl PageBody {
    pub(super) fn read(self) -> Result<Page, serde_json::Error> {
        let whole = Whole {
            total: self.total,
            coverage: self.coverage,
            truncated: self.truncated,
            read_as: self.read_as,
            last_match: self.last_match_before.map(|last| last.timestamp),
            no_match_since: self.no_match_since,
        };
        Ok(Page { rows: rows(self.events)?, next: self.page.next, whole })
    }
}

fn rows(events: Vec<Box<RawValue>>) -> Result<Vec<Row>, serde_json::Error> {
    events.into_iter().map(Row::read).collect()
}

/// One event, and what happened around it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The answer as it came.
    pub raw: Box<RawValue>,
    /// Older events, oldest first.
    pub before: Vec<Row>,
    /// The event.
    pub event: Row,
    /// Newer events, oldest first.
    pub after: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct InContext {
    before: Vec<Box<RawValue>>,
    event: Box<RawValue>,
    after: Vec<Box<RawValue>>,
}

impl Shown {
    pub(super) fn read(raw: Box<RawValue>, in_context: bool) -> Result<Shown, serde_json::Error> {
        if !in_context {
            let event = Row::read(raw.clone())?;
            return Ok(Shown { raw, before: Vec::new(), event, after: Vec::new() });
        }
        let parts: InContext = serde_json::from_str(raw.get())?;
        Ok(Shown {
            raw,
            before: rows(parts.before)?,
            event: Row::read(parts.event)?,
            after: rows(parts.after)?,
        })
    }
}

/// What became of one event.
#[derive(Clone, Debug, Deserialize)]
pub struct Added {
    /// Its name.
    pub id: String,
    /// It was there already.
    pub duplicate: bool,
}

/// What became of many events.
#[derive(Clone, Debug, Deserialize)]
pub struct Batch {
    /// How many were recorded.
    pub accepted: u64,
    /// How many were there already.
    pub duplicates: u64,
    /// The others.
    pub rejected: Vec<Rejected>,
}

/// An event that was not taken.
#[derive(Clone, Debug, Deserialize)]
pub struct Rejected {
    /// Which of the batch, counted from 0.
    pub index: usize,
    /// Why.
    pub error: String,
    /// The event that has its key, if that is why.
    pub id: Option<String>,
}

/// How a server is.
#[derive(Clone, Debug)]
pub struct Stats {
    /// The answer as it came.
    pub raw: Box<RawValue>,
    /// What it means.
    pub said: StatsBody,
}

/// What `tidings status` tells.
#[derive(Clone, Debug, Deserialize)]
pub struct StatsBody {
    /// Of the server's program.
    pub version: String,
    /// The server's name.
    pub member: String,
    /// The id of its log.
    pub origin: String,
    /// This start of it.
    pub boot: String,
    /// `running`, `paused`, `closed`.
    pub state: String,
    /// Why it is paused.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Since when it is paused.
    pub since: Option<Timestamp>,
    /// How its disk is; older servers do not say.
    pub disk: Option<Disk>,
    /// The books of this start.
    pub tally: Books,
    /// What is on its disk.
    pub store: Store,
    /// Its part in a cluster, if it does not stand alone.
    pub cluster: Option<Cluster>,
    /// What its log can answer for.
    pub coverage: Coverage,
    /// The server's time of day.
    pub now: Timestamp,
}

/// How a server's disk is, as far as its probes say.
#[derive(Clone, Debug, Deserialize)]
pub struct Disk {
    /// `ok`, `failing`, `recovering`.
    pub state: String,
    /// What for: `store_down`, `disk_full`.
    pub reason: Option<String>,
    /// Whether a failing one answers at all.
    pub answers: Option<bool>,
    /// Since when it fails, or answers again.
    pub since: Option<Timestamp>,
    /// When one that answers again is trusted.
    pub trusted_from: Option<Timestamp>,
}

/// The books: offered = stored + refused + lost + pending.
#[derive(Clone, Debug, Deserialize)]
pub struct Books {
    /// Every event ever offered.
    pub offered: u64,
    /// In the store.
    pub stored: u64,
    /// By reason.
    pub refused: std::collections::BTreeMap<String, u64>,
    /// By reason.
    pub lost: std::collections::BTreeMap<String, u64>,
    /// Neither stored nor lost yet.
    pub pending: u64,
}

/// A server's part in a cluster.
#[derive(Clone, Debug, Deserialize)]
pub struct Cluster {
    /// What it is shared through.
    pub commons: String,
    /// How that is.
    pub etcd: Etcd,
    /// The second books.
    pub sharing: Sharing,
    /// When the oldest event that waits was received.
    pub oldest_waiting: Option<Timestamp>,
}

/// How etcd is, as far as a server knows.
#[derive(Clone, Debug, Deserialize)]
pub struct Etcd {
    /// `ok`, `failing`, `recovering`.
    pub state: String,
    /// In words, what follows `etcd`.
    pub words: String,
    /// Since when it fails, or answers again.
    pub since: Option<Timestamp>,
    /// What etcd said.
    pub cause: Option<String>,
    /// When one that answers again is trusted.
    pub trusted_from: Option<Timestamp>,
}

/// The second books: queued = published + unshared + waiting.
#[derive(Clone, Debug, Deserialize)]
pub struct Sharing {
    /// Every event that was to be published.
    pub queued: u64,
    /// Where the other servers can get it.
    pub published: u64,
    /// By reason.
    pub unshared: std::collections::BTreeMap<String, u64>,
    /// Neither published nor given up yet.
    pub waiting: u64,
}

/// What is on a server's disk.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Store {
    /// Events kept.
    pub events: u64,
    /// Blocks kept.
    pub blocks: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Stats {
    pub(super) fn read(raw: Box<RawValue>) -> Result<Stats, serde_json::Error> {
        Ok(Stats { said: serde_json::from_str(raw.get())?, raw })
    }
}

/// `application/problem+json`
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ProblemBody {
    pub(super) detail: Option<String>,
    pub(super) title: Option<String>,
}
