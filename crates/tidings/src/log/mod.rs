//! The ordered record: events in, durably, in order of arrival; blocks out.
//!
//! A [`Log`] stands on one [`BlockStore`] and is its only writer. Handlers append
//! events and wait until they are on disk; queues put sealed blocks (a log is a
//! [`crate::store::Sink`]); the query side reads it through its index of heads.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::event::{Event, Invalid};
use crate::id::{Boot, EventId, Origin, Position};
use crate::pause::{PauseReason, PauseSet, State};
use crate::store::sqlite::OpenError;
use crate::store::{BlockStore, Ends, GapReason, StoreError};
use crate::tally::Tally;

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The member of events that name none. Default: `tidings`.
    pub member: String,
    /// How long an event is kept, counted from `received`. Default:
    /// [`crate::MAX_EVENT_AGE`].
    pub retention: Duration,
    /// Bytes of blocks on disk beyond which the oldest events go first, before
    /// their time. Default: 2 GiB.
    pub retention_bytes: u64,
    /// How long a caller's key is remembered. Default: 1 h.
    pub dedupe_window: Duration,
    /// Bytes of events that may wait for a commit. Default: 64 MiB.
    pub inflight_bytes_max: usize,
    /// Whether the log has a thread of its own that calls [`Log::maintain`] every
    /// second and commits what was only queued. Default: yes. Without it the
    /// host calls [`Log::maintain`].
    pub background: bool,
    /// Reads the time.
    pub clock: Clock,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        todo!()
    }
}

/// When an append returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ack {
    /// When the events are durable on this machine's disk.
    #[default]
    Disk,
    /// As soon as they are taken; they are lost if the process dies first.
    Queued,
}

/// What became of one appended event.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// It is in the log, or will be (see [`Ack`]).
    Accepted {
        /// Its name.
        id: EventId,
        /// When it was taken.
        received: Timestamp,
        /// Where it stands; `None` with [`Ack::Queued`] and for duplicates.
        position: Option<Position>,
        /// The same event under the same key is there already; `id` is its id.
        duplicate: bool,
    },
    /// A field breaks a rule.
    Invalid(Invalid),
    /// Another event is there under the same key.
    KeyConflict {
        /// The id of that event.
        id: EventId,
    },
    /// Nothing is wrong with it, but another event of a strict batch was refused.
    NotTaken,
}

/// Why nothing of an append was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// More bytes wait for a commit than may.
    #[error("{bytes} bytes wait to be stored, at most {limit} may; try again in a second")]
    Full {
        /// How many would wait.
        bytes: usize,
        /// How many may.
        limit: usize,
    },
    /// The log is paused.
    #[error("the log takes no events: {0}")]
    Paused(PauseSet),
    /// The log is closing or closed.
    #[error("the log is closed")]
    Closed,
    /// The write failed. `StoreError::outcome` says whether the events may be
    /// stored all the same; the log itself goes on trying to settle that.
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
}

/// The ordered record. Cheap to clone; all clones are the same log.
#[derive(Clone)]
pub struct Log {}

impl Log {
    /// Opens the log in a data directory with the defaults, creating it if the
    /// directory is empty or not there.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(_dir: impl AsRef<Path>) -> Result<Log, OpenError> {
        todo!()
    }

    /// As [`Log::open`], with options.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_with(_dir: impl AsRef<Path>, _options: LogOptions) -> Result<Log, OpenError> {
        todo!()
    }

    /// A log over any store.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn over(_store: Arc<dyn BlockStore>, _options: LogOptions) -> Result<Log, OpenError> {
        todo!()
    }

    /// Appends events, each for itself: what is wrong with one does not touch the
    /// others, unless `strict`. Blocks until they are durable (or only taken, see
    /// [`Ack`]). The answer has one entry per event, in order.
    ///
    /// # Errors
    ///
    /// See [`AppendError`]; then no event of this call was taken.
    pub fn append(
        &self,
        _events: Vec<Event>,
        _ack: Ack,
        _strict: bool,
    ) -> Result<Vec<Taken>, AppendError> {
        todo!()
    }

    /// The id of this log.
    pub fn origin(&self) -> Origin {
        todo!()
    }

    /// This start of it.
    pub fn boot(&self) -> Boot {
        todo!()
    }

    /// The member of events that name none.
    pub fn member(&self) -> &str {
        todo!()
    }

    /// The options it was opened with.
    pub fn options(&self) -> &LogOptions {
        todo!()
    }

    /// Running, paused with reasons, or closed.
    pub fn state(&self) -> State {
        todo!()
    }

    /// Pauses for a reason: appends are refused, reads go on.
    pub fn suspend(&self, _reason: PauseReason) {
        todo!()
    }

    /// Lifts a reason.
    pub fn resume(&self, _reason: PauseReason) {
        todo!()
    }

    /// The books of this boot: events appended here, not blocks put by queues.
    pub fn tally(&self) -> Tally {
        todo!()
    }

    /// The ends and sizes of the store.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn ends(&self) -> Result<Ends, StoreError> {
        todo!()
    }

    /// What this log can answer for.
    pub fn coverage(&self) -> Coverage {
        todo!()
    }

    /// Does what is due: expires old blocks and keys, settles unknown outcomes,
    /// lifts `StoreDown` and `DiskFull` once the store answers. The log's own
    /// thread calls it every second; tests call it by hand.
    ///
    /// # Errors
    ///
    /// The store failed; the next call tries again.
    pub fn maintain(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Takes no more, stores what waits, writes the loss record and the last
    /// block of the boot, and closes the store. Never takes longer than
    /// `deadline` plus one disk write. Returns the books: nothing is pending.
    pub fn close(&self, _deadline: Duration) -> Tally {
        todo!()
    }
}

/// What a log can answer for, and what it cannot.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Coverage {
    /// `received` of the oldest event kept.
    pub oldest: Option<Timestamp>,
    /// `received` of the newest event kept.
    pub newest: Option<Timestamp>,
    /// How long events are kept, in seconds.
    #[serde(rename = "retention")]
    pub retention_seconds: u64,
    /// Nothing is known to be missing.
    pub complete: bool,
    /// What is missing, oldest first, at most [`COVERAGE_GAPS_MAX`].
    pub gaps: Vec<Missing>,
    /// `size` when the size limit forced events out before their time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_by: Option<&'static str>,
}

/// Gaps that one answer lists, at most; the rest are added up in the last.
pub const COVERAGE_GAPS_MAX: usize = 100;

/// Something that is not in the log and should be.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Missing {
    /// Who took the events, if that is known.
    pub origin: Option<Origin>,
    /// Which start of it.
    pub boot: Option<Boot>,
    /// From when, if that is known.
    pub from: Option<Timestamp>,
    /// Until when, if that is known.
    pub to: Option<Timestamp>,
    /// How many; `None` when nobody knows (a boot without an end).
    pub events: Option<u64>,
    /// `buffer_full`, `paused`, `damaged`, `missing_tail`, `end_unknown`, …
    pub reason: &'static str,
}

const _: Option<GapReason> = None;
