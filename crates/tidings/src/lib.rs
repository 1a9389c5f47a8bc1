//! An event log for the people who run clusters.
//!
//! A program records events with one call that never blocks; a bounded queue
//! writes them to a store, and pauses when the store fails; a log keeps them for
//! a day and answers questions about them. Every event offered is stored, or
//! refused with a reason, or its absence is stated in the log itself.
//!
//! ```
//! use std::time::Duration;
//! use tidings::{Log, Query, Queue};
//!
//! # let directory = tempfile::tempdir()?.path().join("log");
//! let log = Log::open(directory)?;
//! let queue = Queue::new("web1", log.clone())?;
//! queue.start()?;
//!
//! let client = queue.client(); // cheap to clone; give one to whoever records
//! client.add("deploy", "api rolled out")?; // never blocks; a refusal says why
//!
//! let report = queue.close(Duration::from_secs(5));
//! assert_eq!((report.stored(), report.lost_total()), (1, 0));
//! let found = log.query(&Query::default())?;
//! assert_eq!(found.events[0].event.message(), "api rolled out");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod block;
mod clock;
#[cfg(feature = "etcd")]
pub mod cluster;
mod component;
mod event;
mod exit;
mod id;
mod jitter;
pub mod log;
mod loss;
mod overwatch;
mod pause;
pub mod query;
mod queue;
mod severity;
mod sharing;
pub mod store;
mod sync;
mod tally;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tracing")]
mod tracing_layer;
mod words;

pub use clock::{BadTimestamp, Clock, Timestamp};
pub use component::{Component, ComponentError};
pub use event::{
    CLOSED_TYPE, EVENT_BYTES_MAX, EVENT_OVERHEAD_BYTES, Event, EventBatch, FIELDS_DEPTH_MAX,
    FIELDS_MAX, Fields, Invalid, KEY_BYTES_MAX, LOSS_TYPE, MAX_EVENT_AGE, MEMBER_BYTES_MAX,
    MESSAGE_BYTES_MAX, Problem, QUOTA_TYPE, RESERVED_TYPE_PREFIX, SOURCE_BYTES_MAX,
    SUBJECT_BYTES_MAX, SharedEvent, StoredEvent, TYPE_BYTES_MAX, UNSHARED_TYPE, Verbose,
};
pub use exit::{EXIT_DEADLINE, PANIC_DEADLINE, close_on_exit, exit, flush_on_panic};
pub use id::{BadId, Boot, EventId, NoRandomness, Origin, Position};
pub use log::{
    Ack, AppendError, Aside, COVERAGE_GAPS_MAX, Coverage, DEDUPE_WINDOW, INFLIGHT_BYTES_MAX, Log,
    LogOptions, Merged, Missing, PASSED_STRETCHES_MAX, Passed, PeerState, RETENTION_BYTES,
    SeenThrough, Stretch, Taken, Unsettled,
};
pub use loss::LOSS_RECORD_PERIOD;
pub use overwatch::{
    Health, Overwatch, OverwatchOptions, PROBE_DEADLINE, PROBE_INTERVAL, QUIET_PERIOD,
};
pub use pause::{PauseReason, PauseSet, State};
pub use query::{
    Arrived, BadCursor, By, CollapsedPage, Expr, Facet, FacetOf, FacetQuery, FacetValue, Facets,
    Filter, FilterError, FollowCursor, FollowFrom, Followed, Follower, Found, Group, Histogram,
    HistogramQuery, LastMatch, ListKey, NameOf, NameSeen, Names, NamesQuery, Order, Page,
    PageCursor, Patterns, Query, QueryError, Reading, Regex, Series, SyntaxError,
};
pub use queue::{
    BUFFER_BYTES, BUFFER_BYTES_LIMIT, BUFFER_EVENTS_LIMIT, BUFFER_LEN, Backlog, Client,
    DROP_DEADLINE, DROP_DEADLINE_LIMIT, Fate, JOIN_GRACE, LOG_TARGET, QUEUE_IDENTITY, Queue,
    QueueBuilder, QueueError, RESERVED_BYTES, RESERVED_SLOTS, RETRY_CLOSING_MAX, RETRY_FIRST,
    RETRY_MAX, Reason, Receipt, Recorder, Refused, Report, SPOOL_BYTES, SPOOL_BYTES_MIN,
    StartError, WORKER_COUNT, WORKER_SLEEP, WORKER_SLEEP_LIMIT, WORKERS_LIMIT, WhenPaused,
};
pub use severity::{SEVERITY_NUMBER_MAX, Severity, UnknownSeverity};
pub use sharing::{Sharing, Unshared};
pub use tally::{LossReason, Refusal, Tally};
#[cfg(feature = "tracing")]
pub use tracing_layer::{EventLayer, TYPE_FIELD, layer};
