//! How is a queue set up? Defaults, and rules that settings must keep.

use std::path::PathBuf;
use std::time::Duration;

use super::Queue;
use super::spool::{SPOOL_BYTES, SPOOL_BYTES_MIN, Spool};
use crate::clock::Clock;
use crate::event::{EVENT_BYTES_MAX, Invalid, MAX_EVENT_AGE, validate_member};
use crate::id::NoRandomness;
use crate::store::Sink;
use crate::store::sqlite::OpenError;
use crate::sync::Arc;

/// How many events a queue's buffer holds by default.
pub const BUFFER_LEN: usize = 1000;
/// How many workers a queue has by default.
pub const WORKER_COUNT: usize = 20;
/// How long a worker rests after a write to a remote store: with
/// [`WORKER_COUNT`] it makes the default pace of 40 writes a second.
pub const WORKER_SLEEP: Duration = Duration::from_millis(500);
/// Bytes that the buffer holds by default.
pub const BUFFER_BYTES: usize = 16 * 1024 * 1024;
/// Events that any buffer may hold at most: its places are allocated beforehand.
pub const BUFFER_EVENTS_LIMIT: usize = 1_000_000;
/// Bytes that any buffer may hold at most.
pub const BUFFER_BYTES_LIMIT: usize = 1024 * 1024 * 1024;
/// Workers that a queue may have at most.
pub const WORKERS_LIMIT: usize = 256;
/// How long a worker may rest at most.
pub const WORKER_SLEEP_LIMIT: Duration = Duration::from_hours(1);
/// How long `Drop` waits for the last events by default.
pub const DROP_DEADLINE: Duration = Duration::from_secs(2);
/// How long `Drop` may wait at most.
pub const DROP_DEADLINE_LIMIT: Duration = Duration::from_mins(1);

/// What a paused queue does with events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenPaused {
    /// Refuses what is offered, and counts what waits in memory as lost.
    #[default]
    Discard,
    /// Takes what is offered while the buffer has room, and keeps what waits.
    Hold,
    /// Writes it to a directory on this machine, and from there into the store
    /// when the pause is over, so that nothing is lost while the store is away.
    ///
    /// The directory is made if it is not there; one process has it at a time.
    /// Blocks go there from the moment of a pause, for whatever reason, or of a
    /// first put that fails, until nothing older is left there: the store gets
    /// the events of a boot in their order, each once. What a process leaves behind,
    /// also one that was killed, is put by the next one over the same directory,
    /// with the names and the bytes that it had. Events in memory do not survive a
    /// kill: [`Queue::flush`] returns when they are in the store or here.
    ///
    /// In the books such events are pending, and [`crate::Tally::spooled`] says how
    /// many; receipts say [`crate::Fate::Spooled`]. Beyond
    /// [`QueueBuilder::spool_bytes_max`], on a full disk, or when writing there
    /// fails, a paused queue discards, with reason
    /// [`crate::LossReason::SpoolFailed`], and one whose store fails holds; both
    /// until there is room again. A put that fails for events that are older than
    /// [`QueueBuilder::max_event_age`] gives them up. Blocks of an earlier process
    /// that are given up are told to `tracing`; in the log they are a gap in the
    /// numbers of its boot.
    ///
    /// A forked child has no spool and discards.
    Spool(PathBuf),
}

/// Why a queue could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// A setting breaks a rule.
    #[error("{field} = {value}: must be {rule}")]
    Setting {
        /// Which setting.
        field: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        rule: String,
    },
    /// The member's name breaks a rule.
    #[error(transparent)]
    Member(#[from] Invalid),
    /// The directory of [`WhenPaused::Spool`] cannot be used.
    #[error("cannot open the spool in {path}: {cause}")]
    Spool {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        cause: OpenError,
    },
    /// The operating system gave no random bytes for the queue's ids.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Settings of a queue, checked.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) buffer_events_max: usize,
    pub(super) buffer_bytes_max: usize,
    pub(super) workers: usize,
    pub(super) worker_sleep: Duration,
    pub(super) max_event_age: Duration,
    pub(super) when_paused: WhenPaused,
    pub(super) spool_bytes_max: u64,
    pub(super) drop_deadline: Duration,
    pub(super) clock: Clock,
    /// Off in a stepped queue: nothing moves unless it is told to.
    pub(super) threads: bool,
    /// A deliberate race, to show that the explorer of interleavings sees races.
    #[cfg(feature = "shuttle")]
    pub(super) planted_race: bool,
}

/// Sets up a [`Queue`].
///
/// ```
/// use tidings::{Queue, WhenPaused};
/// # use tidings::testing::ScriptedSink;
/// # let sink = ScriptedSink::new();
///
/// let queue = Queue::builder()
///     .buffer_events_max(10_000)
///     .when_paused(WhenPaused::Hold)
///     .build("web1", sink)?;
/// # Ok::<(), tidings::QueueError>(())
/// ```
#[derive(Clone, Debug)]
pub struct QueueBuilder {
    settings: Settings,
}

impl Default for QueueBuilder {
    fn default() -> QueueBuilder {
        QueueBuilder {
            settings: Settings {
                buffer_events_max: BUFFER_LEN,
                buffer_bytes_max: BUFFER_BYTES,
                workers: WORKER_COUNT,
                worker_sleep: WORKER_SLEEP,
                max_event_age: MAX_EVENT_AGE,
                when_paused: WhenPaused::default(),
                spool_bytes_max: SPOOL_BYTES,
                drop_deadline: DROP_DEADLINE,
                clock: Clock::system(),
                threads: true,
                #[cfg(feature = "shuttle")]
                planted_race: false,
            },
        }
    }
}

impl QueueBuilder {
    /// Events that may wait in the buffer, 1 to [`BUFFER_EVENTS_LIMIT`]. Events of
    /// severity warn and worse have [`crate::RESERVED_SLOTS`] more places.
    /// Default: [`BUFFER_LEN`].
    #[must_use]
    pub fn buffer_events_max(mut self, events: usize) -> QueueBuilder {
        self.settings.buffer_events_max = events;
        self
    }

    /// Bytes that may wait in the buffer, at least [`EVENT_BYTES_MAX`]. Events of
    /// severity warn and worse have [`crate::RESERVED_BYTES`] more. The process
    /// holds at most twice this, and a block for each worker. Default:
    /// [`BUFFER_BYTES`].
    #[must_use]
    pub fn buffer_bytes_max(mut self, bytes: usize) -> QueueBuilder {
        self.settings.buffer_bytes_max = bytes;
        self
    }

    /// Puts in flight to a remote store, 1 to [`WORKERS_LIMIT`]; a local store has
    /// one at a time. Default: [`WORKER_COUNT`].
    #[must_use]
    pub fn workers(mut self, workers: usize) -> QueueBuilder {
        self.settings.workers = workers;
        self
    }

    /// How long a worker rests after a write to a remote store: together they
    /// start at most `workers / worker_sleep` writes a second. Zero: no pace.
    /// Default: [`WORKER_SLEEP`].
    #[must_use]
    pub fn worker_sleep(mut self, sleep: Duration) -> QueueBuilder {
        self.settings.worker_sleep = sleep;
        self
    }

    /// How old an event becomes before the queue gives up storing it, while the
    /// store keeps failing; more than zero. Default: [`MAX_EVENT_AGE`].
    #[must_use]
    pub fn max_event_age(mut self, age: Duration) -> QueueBuilder {
        self.settings.max_event_age = age;
        self
    }

    /// What becomes of events while the queue is paused. Default:
    /// [`WhenPaused::Discard`].
    #[must_use]
    pub fn when_paused(mut self, what: WhenPaused) -> QueueBuilder {
        self.settings.when_paused = what;
        self
    }

    /// Bytes that the directory of [`WhenPaused::Spool`] may take, at least
    /// [`crate::SPOOL_BYTES_MIN`]. Default: [`crate::SPOOL_BYTES`].
    #[must_use]
    pub fn spool_bytes_max(mut self, bytes: u64) -> QueueBuilder {
        self.settings.spool_bytes_max = bytes;
        self
    }

    /// How long `Drop` waits for the last events, at most [`DROP_DEADLINE_LIMIT`].
    /// Default: [`DROP_DEADLINE`].
    #[must_use]
    pub fn drop_deadline(mut self, deadline: Duration) -> QueueBuilder {
        self.settings.drop_deadline = deadline;
        self
    }

    /// Where the queue reads the time. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> QueueBuilder {
        self.settings.clock = clock;
        self
    }

    /// Makes the queue; [`Queue::start`] sets it to work.
    ///
    /// # Errors
    ///
    /// A setting or the member's name breaks a rule, the directory of the spool
    /// cannot be used (another process has it, it is a log's or another program's, it
    /// is damaged, the file system says no), or the operating system gave no random
    /// bytes.
    pub fn build(
        self,
        member: impl Into<String>,
        sink: impl Sink + 'static,
    ) -> Result<Queue, QueueError> {
        let member = member.into();
        self.check(&member)?;
        let spool = match &self.settings.when_paused {
            WhenPaused::Spool(path) => Some(Spool::open(path, &self.settings)?),
            WhenPaused::Discard | WhenPaused::Hold => None,
        };
        Queue::with_settings(member, Arc::new(sink), self.settings, spool)
    }

    fn check(&self, member: &str) -> Result<(), QueueError> {
        validate_member(member)?;
        self.settings.check()
    }

    #[cfg(feature = "testing")]
    pub(super) fn build_over(
        self,
        member: String,
        sink: Arc<dyn Sink>,
        store: Arc<dyn crate::store::BlockStore>,
    ) -> Result<Queue, QueueError> {
        self.check(&member)?;
        let path = PathBuf::from(store.describe());
        let spool = Spool::over(store, &self.settings)
            .map_err(|error| QueueError::Spool { path, cause: error.into() })?;
        Queue::with_settings(member, sink, self.settings, Some(spool))
    }

    #[cfg(feature = "testing")]
    pub(super) fn without_threads(mut self) -> QueueBuilder {
        self.settings.threads = false;
        self
    }

    /// Counts some refusals outside the lock: a mistake that tests must find.
    #[cfg(feature = "shuttle")]
    #[must_use]
    pub fn with_planted_race(mut self) -> QueueBuilder {
        self.settings.planted_race = true;
        self
    }
}

impl Settings {
    fn check(&self) -> Result<(), QueueError> {
        within("buffer_events_max", self.buffer_events_max, 1, BUFFER_EVENTS_LIMIT)?;
        within("buffer_bytes_max", self.buffer_bytes_max, EVENT_BYTES_MAX, BUFFER_BYTES_LIMIT)?;
        within("workers", self.workers, 1, WORKERS_LIMIT)?;
        if self.spool_bytes_max < SPOOL_BYTES_MIN {
            let rule = format!("at least {SPOOL_BYTES_MIN}");
            return Err(broken("spool_bytes_max", self.spool_bytes_max.to_string(), rule));
        }
        at_most("worker_sleep", self.worker_sleep, WORKER_SLEEP_LIMIT)?;
        at_most("drop_deadline", self.drop_deadline, DROP_DEADLINE_LIMIT)?;
        if self.max_event_age.is_zero() {
            return Err(broken("max_event_age", "0 s".into(), "more than zero".into()));
        }
        Ok(())
    }
}

fn within(field: &'static str, value: usize, least: usize, most: usize) -> Result<(), QueueError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(broken(field, value.to_string(), format!("from {least} to {most}")))
}

fn at_most(field: &'static str, value: Duration, most: Duration) -> Result<(), QueueError> {
    if value <= most {
        return Ok(());
    }
    Err(broken(field, format!("{value:?}"), format!("at most {most:?}")))
}

fn broken(field: &'static str, value: String, rule: String) -> QueueError {
    QueueError::Setting { field, value, rule }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ScriptedSink;

    #[track_caller]
    fn assert_refused(builder: QueueBuilder, told: &str) {
        let error = builder.build("web1", ScriptedSink::new()).unwrap_err().to_string();
        assert_eq!(error, told);
    }

    #[test]
    fn settings_that_break_a_rule_are_named_with_value_and_rule() {
        let set = Queue::builder;
        assert_refused(
            set().buffer_events_max(0),
            "buffer_events_max = 0: must be from 1 to 1000000",
        );
        assert_refused(
            set().buffer_bytes_max(9),
            "buffer_bytes_max = 9: must be from 262144 to 1073741824",
        );
        assert_refused(set().workers(257), "workers = 257: must be from 1 to 256");
        assert_refused(set().spool_bytes_max(5), "spool_bytes_max = 5: must be at least 16777216");
        assert_refused(
            set().worker_sleep(Duration::from_secs(3601)),
            "worker_sleep = 3601s: must be at most 3600s",
        );
        assert_refused(
            set().max_event_age(Duration::ZERO),
            "max_event_age = 0 s: must be more than zero",
        );
        assert_refused(
            set().drop_deadline(Duration::from_secs(61)),
            "drop_deadline = 61s: must be at most 60s",
        );
    }

    #[test]
    fn a_member_needs_a_name() {
        let error = Queue::new("", ScriptedSink::new()).unwrap_err();

        assert_eq!(error.to_string(), "memberid: must not be empty");
    }
}
