//! The ordered record: events in, durably, in order of arrival; blocks out.
//!
//! A [`Log`] stands on one [`BlockStore`] and is its only writer. Handlers append
//! events and wait until they are on disk; queues put sealed blocks (a log is a
//! [`crate::store::Sink`]); the query side reads it through its index of heads.

mod admission;
mod append;
mod arrivals;
mod aside;
mod boots;
mod cache;
mod committer;
mod component;
mod core;
mod coverage;
mod dedupe;
mod door;
mod ending;
mod frames;
mod gate;
mod incoming;
mod index;
mod kinds;
mod ledger;
mod losses;
mod merge;
mod outgoing;
mod part;
mod passed;
mod pauses;
mod peers;
mod places;
mod recent;
mod retention;
mod rollup;
mod shares;
mod sink;
mod slots;
mod unshared;
mod upkeep;
mod waiters;
mod waiting;
mod word_index;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::event::{Event, EventBatch, MAX_EVENT_AGE};
use crate::id::{Boot, Origin};
use crate::pause::{PauseReason, State};
use crate::sharing::Sharing;
use crate::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use crate::store::{BlockStore, Ends, StoreError};
use crate::sync::{self, Mutex, thread::JoinHandle};
use crate::tally::Tally;

pub use append::{Ack, AppendError, Taken};
#[cfg(feature = "etcd")]
pub(crate) use arrivals::Arrivals;
pub use aside::Aside;
pub(crate) use aside::run_aside;
pub(crate) use core::Core;
pub(crate) use coverage::reason_of_hole;
pub use coverage::{COVERAGE_GAPS_MAX, Coverage, Missing};
pub(crate) use frames::SharedFrame;
pub(crate) use index::{Slot, Span, mask_of};
pub(crate) use kinds::{Kinds, Sum, minute_of, span_of};
pub use merge::{Merged, Unsettled};
pub(crate) use part::{FRAMES_AT_ONCE, Part, Passage, Positions};
pub(crate) use passed::Stretches;
pub use passed::{PASSED_STRETCHES_MAX, Passed, Stretch};
#[cfg_attr(not(feature = "etcd"), allow(unused_imports, reason = "only a cluster tells"))]
pub(crate) use peers::{Hole, PeerSeen, PeersSeen};
pub use peers::{PeerState, SeenThrough};
pub(crate) use places::Places;
pub(crate) use rollup::Rollup;
pub(crate) use shares::{GoOn, Told};

/// The member of a log that was given none.
pub const DEFAULT_MEMBER: &str = "tidings";
/// Bytes of blocks that a log keeps by default, at most.
pub const RETENTION_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// How long a caller's key is remembered by default.
pub const DEDUPE_WINDOW: Duration = Duration::from_hours(1);
/// Bytes of events that may wait for a commit by default.
pub const INFLIGHT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long dropping the last handle of an open log may take.
pub const DROP_DEADLINE: Duration = Duration::from_secs(2);
/// How long a closed log waits for its own thread to see that.
const KEEPER_DEADLINE: Duration = Duration::from_secs(1);
/// What a log calls itself in errors.
const STORE_NAME: &str = "the log";

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The member of events that name none. Default: [`DEFAULT_MEMBER`].
    pub member: String,
    /// How long an event is kept, counted from `received`. Default:
    /// [`crate::MAX_EVENT_AGE`].
    pub retention: Duration,
    /// Bytes of blocks on disk beyond which the oldest events go first, before
    /// their time. Default: [`RETENTION_BYTES`].
    pub retention_bytes: u64,
    /// How long a caller's key is remembered. Default: [`DEDUPE_WINDOW`].
    pub dedupe_window: Duration,
    /// Bytes of events that may wait for a commit. Default:
    /// [`INFLIGHT_BYTES_MAX`].
    pub inflight_bytes_max: usize,
    /// Whether the log has threads of its own: one that calls [`Log::maintain`] every
    /// second and commits what was only queued, and one that calls
    /// [`Log::merge_step`]. Default: yes. Without them the host calls these.
    pub background: bool,
    /// Whether its events are for other machines too: they wait in the store until
    /// somebody publishes them. Default: no. A log that was ever opened as shared
    /// stays so; when one with a history becomes shared, its history waits as well, but
    /// for what was merged by then.
    pub shared: bool,
    /// Runs, on the thread that asks a question, the parts of it that may wait for the
    /// store or for other threads. Default: just runs them. On a thread of an
    /// asynchronous runtime that other tasks share, have these go elsewhere first
    /// (`|part| tokio::task::block_in_place(part)`). What was not run when it returns is
    /// run then.
    pub aside: Aside,
    /// Reads the time.
    pub clock: Clock,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            member: DEFAULT_MEMBER.to_owned(),
            retention: MAX_EVENT_AGE,
            retention_bytes: RETENTION_BYTES,
            dedupe_window: DEDUPE_WINDOW,
            inflight_bytes_max: INFLIGHT_BYTES_MAX,
            background: true,
            shared: false,
            aside: |part| part(),
            clock: Clock::system(),
        }
    }
}

/// The ordered record. Cheap to clone; all clones are the same log. When the
/// last is dropped without [`Log::close`], the log closes within
/// [`DROP_DEADLINE`].
#[derive(Clone)]
pub struct Log(Arc<Handle>);

/// Closes the log when the last clone goes. Followers and the log's own thread
/// hold the core alone.
struct Handle {
    core: Arc<Core>,
    thread: Mutex<Option<JoinHandle<()>>>,
    merger: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    fn close(&self, deadline: Duration) -> Tally {
        self.core.merging.bell.stop();
        let tally = self.core.close(deadline);
        let thread = self.thread.lock().take();
        // It may hang in the store, where nobody can reach it: only a thread that
        // has seen the end is waited for.
        if let Some(thread) = thread
            && self.core.wait_for_keeper(KEEPER_DEADLINE.min(deadline))
        {
            let _ = thread.join();
        }
        let merger = self.merger.lock().take();
        if let Some(merger) = merger
            && self.core.merging.bell.wait_for_end(KEEPER_DEADLINE.min(deadline))
        {
            let _ = merger.join();
        }
        tally
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close(DROP_DEADLINE);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("origin", &self.origin()).finish_non_exhaustive()
    }
}

impl Log {
    /// Opens the log in a data directory with the defaults, creating it if the
    /// directory is empty or not there.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Log, OpenError> {
        Log::open_with(dir, LogOptions::default())
    }

    /// As [`Log::open`], with options.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_with(dir: impl AsRef<Path>, options: LogOptions) -> Result<Log, OpenError> {
        let clock = options.clock.clone();
        let store = SqliteOptions { clock, ..SqliteOptions::default() };
        Log::over(Arc::new(SqliteStore::open(dir.as_ref(), store)?), options)
    }

    /// A log over any store. Reads the heads of all its blocks first.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or the operating system gives no thread.
    pub fn over(store: Arc<dyn BlockStore>, options: LogOptions) -> Result<Log, OpenError> {
        let background = options.background;
        let core = Arc::new(Core::open(store, options)?);
        let mut log = Handle { core, thread: Mutex::default(), merger: Mutex::default() };
        if background {
            let started = |thread: std::io::Result<JoinHandle<()>>| {
                let path = log.core.store.describe().into();
                let doing = "start the threads that look after";
                let thread = thread.map_err(|cause| OpenError::Io { doing, path, cause })?;
                Ok::<_, OpenError>(Mutex::new(Some(thread)))
            };
            let thread = started(upkeep::start(&log.core))?;
            let merger = started(merge::start(&log.core))?;
            (log.thread, log.merger) = (thread, merger);
        }
        Ok(Log(Arc::new(log)))
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    /// Appends events, each for itself: what is wrong with one does not touch the
    /// others, unless `strict`. Blocks until they are durable (or only taken, see
    /// [`Ack`]). The answer has one entry per event, in order.
    ///
    /// An event whose key is being stored by another append is judged when that
    /// one is settled: a duplicate is acknowledged only when the first is durable.
    ///
    /// # Errors
    ///
    /// See [`AppendError`]; then no event of this call was taken, unless the
    /// store's outcome is unknown.
    pub fn append(
        &self,
        events: Vec<Event>,
        ack: Ack,
        strict: bool,
    ) -> Result<Vec<Taken>, AppendError> {
        sync::block_on(self.append_async(events, ack, strict, |work| work()))
    }

    /// As [`Log::append`] for tasks of an async runtime: waits as a future, so that
    /// many may wait without a thread each. Somebody has to write all the same: now
    /// and then one of those who wait gives `hand_over` what blocks. It has it run
    /// once, on any thread, also after it has returned; what is never run and
    /// dropped falls to another who waits.
    ///
    /// Takes a batch or a `Vec` of events. Dropped while it waits, also for a write
    /// that hangs, it leaves the events behind: they are taken, and stored by whoever
    /// writes next, at the latest by [`Log::maintain`].
    ///
    /// ```
    /// # use tidings::{Ack, Event, Log, LogOptions};
    /// # let log = Log::over(
    /// #     std::sync::Arc::new(tidings::store::memory::MemoryStore::new()?),
    /// #     LogOptions::default(),
    /// # )?;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let taken = log
    ///     .append_async(vec![Event::new("deploy", "api")], Ack::Disk, false, |work| {
    ///         tokio::task::spawn_blocking(work);
    ///     })
    ///     .await?;
    /// # assert_eq!(taken.len(), 1);
    /// # Ok::<(), tidings::AppendError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Log::append`].
    pub async fn append_async(
        &self,
        events: impl Into<EventBatch>,
        ack: Ack,
        strict: bool,
        hand_over: impl Fn(Box<dyn FnOnce() + Send>),
    ) -> Result<Vec<Taken>, AppendError> {
        self.core().append(events.into(), ack, strict, hand_over).await
    }

    /// The id of this log.
    pub fn origin(&self) -> Origin {
        self.core().origin
    }

    /// This start of it.
    pub fn boot(&self) -> Boot {
        self.core().boot
    }

    /// The member of events that name none.
    pub fn member(&self) -> &str {
        &self.core().options.member
    }

    /// The options it was opened with.
    pub fn options(&self) -> &LogOptions {
        &self.core().options
    }

    /// Running, paused with reasons, or closed.
    pub fn state(&self) -> State {
        self.core().state()
    }

    /// Pauses for a reason: appends are refused, reads go on. What was taken
    /// before a Manual pause is still stored; with any other reason those who wait
    /// for the disk are told that the log is paused. With `StoreDown` those whose
    /// events are being written are told that the outcome is unknown, and do not
    /// wait for a disk that hangs; the events stay pending in the books until the
    /// write has come back.
    pub fn suspend(&self, reason: PauseReason) {
        self.core().suspend(reason);
    }

    /// Takes back what [`Log::suspend`] said. What the log found out by itself,
    /// by a write that failed, stays until [`Log::maintain`] has seen that the
    /// store works and has settled what is unknown.
    pub fn resume(&self, reason: PauseReason) {
        self.core().resume(reason);
    }

    /// Whether its events are for other machines too, by [`LogOptions::shared`] now
    /// or ever before.
    pub fn is_shared(&self) -> bool {
        self.core().is_shared()
    }

    /// The second books: what became of the events that are for other machines.
    /// `None` if the log is not shared.
    pub fn sharing(&self) -> Option<Sharing> {
        self.core().sharing()
    }

    /// The books of this boot: events appended here, not blocks put by queues.
    pub fn tally(&self) -> Tally {
        self.core().gate.lock().tally
    }

    /// The ends and sizes of the store.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn ends(&self) -> Result<Ends, StoreError> {
        self.core().store.ends()
    }

    /// What this log can answer for.
    pub fn coverage(&self) -> Coverage {
        self.core().coverage()
    }

    /// Does what is due: expires old blocks and keys, settles unknown outcomes,
    /// lifts the pauses that its failures led to once the store answers, stores
    /// what was only queued, and writes a loss record when there is something to tell. The
    /// log's own thread calls it every second; tests call it by hand.
    ///
    /// # Errors
    ///
    /// The store failed; the next call tries again.
    pub fn maintain(&self) -> Result<(), StoreError> {
        self.core().maintain()
    }

    /// Makes one block of neighbouring small ones, if there are enough of them or
    /// their hour is over; says what it did, or `None` if there is nothing to do now.
    /// Positions and cursors stay what they were, and reading and writing go on
    /// meanwhile. Does nothing while the log is paused. A thread of the log's own
    /// calls it with [`LogOptions::background`]; tests call it by hand.
    ///
    /// # Errors
    ///
    /// The store failed; every event is where it was, and a later call tries again.
    pub fn merge_step(&self) -> Result<Option<Merged>, StoreError> {
        self.core().merge_step()
    }

    /// Merges up to so many neighbours, beginning with the first block that ends after
    /// a position, however few and small they are, as far as they may be merged at
    /// all. For tests; says what it did, or `None` if there is nothing to merge there.
    ///
    /// # Errors
    ///
    /// As [`Log::merge_step`].
    #[cfg(any(test, feature = "testing"))]
    pub fn merge_neighbours(
        &self,
        from: crate::Position,
        blocks: usize,
    ) -> Result<Option<Merged>, StoreError> {
        self.core().merge_neighbours(from, blocks)
    }

    /// What was merged since the log was opened, all steps together.
    pub fn merged(&self) -> Merged {
        self.core().merged()
    }

    /// What waits for [`Log::merge_step`] and [`Log::index_step`]: nothing, once the
    /// log has settled.
    pub fn unsettled(&self) -> Unsettled {
        let core = self.core();
        Unsettled { unmerged_events: core.unmerged(), unworded_events: core.unworded() }
    }

    /// Puts the words of some more events into the index of words, which searches
    /// look into before they open blocks, or joins some of its segments. Says whether
    /// there was anything to do; one call takes some tens of milliseconds. The log's
    /// own threads call it when nothing else is due; tests call it by hand.
    ///
    /// # Errors
    ///
    /// The store failed. Searches find the same all the same, and the next call
    /// tries again.
    pub fn index_step(&self) -> Result<bool, StoreError> {
        self.core().index_step()
    }

    /// Takes no more, stores what waits, and writes the loss record and the last
    /// block of the boot; but for closing the store all that [`Log::close`] does,
    /// which is to follow. In between everything can still be read, and what waits
    /// can be published. Never takes longer than `deadline` plus one disk write.
    /// Returns the books: nothing is pending.
    pub fn end(&self, deadline: Duration) -> Tally {
        self.core().end(deadline)
    }

    /// Takes no more, stores what waits, writes the loss record and the last
    /// block of the boot, and closes the store. Never takes longer than
    /// `deadline` plus one disk write. Returns the books: nothing is pending. A
    /// second call returns the same books.
    pub fn close(&self, deadline: Duration) -> Tally {
        self.0.close(deadline)
    }
}
