//! May it come in, and who sees to it that it is stored?
//!
//! ```text
//! client.add ─▶ gate ─▶ buffer ─▶ sealer ─▶ workers ─▶ Sink::put
//!    ▲ refused  one short lock:   takes the  a block each,
//!    └─ typed   number, books,    whole      retried with the
//!               bytes, slot       buffer     same bytes
//! ```
//!
//! Offering an event takes the lock once, for some tens of nanoseconds; no
//! allocation, no I/O and no foreign code runs under it, so every snapshot of the
//! books is exact. What is held in memory is bounded: the buffer, once more what
//! the sealer took out of it, and one block for each put in flight.

mod buffer;
mod builder;
mod client;
mod core;
mod echo;
mod gate;
mod jobs;
mod logs;
mod loss;
mod offer;
mod pace;
mod reason;
mod receipt;
mod recorder;
mod report;
mod sealer;
mod shared;
mod spool;
mod spooler;
#[cfg(feature = "testing")]
mod stepped;
mod threads;
mod worker;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use buffer::{RESERVED_BYTES, RESERVED_SLOTS};
pub use builder::{
    BUFFER_BYTES, BUFFER_BYTES_LIMIT, BUFFER_EVENTS_LIMIT, BUFFER_LEN, DROP_DEADLINE,
    DROP_DEADLINE_LIMIT, QueueBuilder, QueueError, WORKER_COUNT, WORKER_SLEEP, WORKER_SLEEP_LIMIT,
    WORKERS_LIMIT, WhenPaused,
};
pub use client::Client;
pub use core::{JOIN_GRACE, StartError};
pub use jobs::{RETRY_CLOSING_MAX, RETRY_FIRST, RETRY_MAX};
pub use reason::{Reason, Refused};
pub use receipt::{Fate, Receipt};
pub use recorder::{LOG_TARGET, Recorder};
pub use report::Report;
pub use spool::{Backlog, SPOOL_BYTES, SPOOL_BYTES_MIN};
#[cfg(feature = "testing")]
pub use stepped::{Audit, SteppedQueue};

pub(crate) use self::core::Core;
pub(crate) use echo::is_echo;

use self::builder::Settings;
use crate::component::{Component, ComponentError};
use crate::id::{Boot, Origin};
use crate::pause::{PauseReason, State};
use crate::store::Sink;
use crate::sync::Arc;
use crate::tally::Tally;

/// The name of a queue among the components of a program.
pub const QUEUE_IDENTITY: &str = "event";

/// Takes events from any thread without ever blocking, and stores them in the
/// background.
///
/// It needs no runtime and works inside any: its threads are its own. Every event
/// offered is stored, or refused with a [`Reason`], or counted as lost with a
/// [`crate::LossReason`], and the log is told of what is missing by events of
/// type `tidings.lost`.
///
/// A process that forks (or daemonises) after [`Queue::start`] has no threads in
/// the child: there, start again. The child then has books and a boot of its own;
/// what waited belongs to the parent. `std::process::exit` skips `Drop`: see
/// [`crate::close_on_exit`].
///
/// ```
/// use std::time::Duration;
/// use tidings::Queue;
/// # use tidings::testing::ScriptedSink;
/// # let sink = ScriptedSink::new();
///
/// let queue = Queue::new("web1", sink)?;
/// queue.start()?;
/// queue.client().add("deploy", "api rolled out")?;
/// let report = queue.close(Duration::from_secs(2));
/// assert_eq!(report.lost_total(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Queue {
    core: Arc<Core>,
}

impl Queue {
    /// A queue with the defaults: 1000 events and 16 MiB of buffer, 20 workers
    /// with a pace of 40 writes a second to a remote store and one without a pace
    /// to a local one, retries for 24 h. [`Queue::start`] sets it to work; until
    /// then it takes events while there is room.
    ///
    /// # Errors
    ///
    /// `member` is empty or longer than [`crate::MEMBER_BYTES_MAX`], or the
    /// operating system gave no random bytes.
    pub fn new(member: impl Into<String>, sink: impl Sink + 'static) -> Result<Queue, QueueError> {
        Queue::builder().build(member, sink)
    }

    /// Sets up a queue otherwise.
    pub fn builder() -> QueueBuilder {
        QueueBuilder::default()
    }

    fn with_settings(
        member: String,
        sink: Arc<dyn Sink>,
        settings: Settings,
        spool: Option<spool::Spool>,
    ) -> Result<Queue, QueueError> {
        Ok(Queue { core: Arc::new(Core::new(member, sink, settings, spool)?) })
    }

    /// Starts the threads, once; a further call only lifts the pause of
    /// [`Queue::stop`].
    ///
    /// # Errors
    ///
    /// The queue is closed, or the operating system has no threads; then calling
    /// again may help.
    pub fn start(&self) -> Result<(), StartError> {
        self.core.start()
    }

    /// Pauses, at once: no put starts any more until [`Queue::start`] or
    /// [`Queue::close`], which is the last chance of what is inside. A put that
    /// is in flight already goes on, and what became of it is booked.
    ///
    /// Under [`WhenPaused::Discard`] what waits in memory is counted as lost, and
    /// what is offered is refused; under [`WhenPaused::Hold`] both are kept while
    /// there is room; under [`WhenPaused::Spool`] both go to this machine's disk.
    pub fn stop(&self) {
        self.suspend(PauseReason::Manual);
    }

    /// Pauses for a reason, beside any others that are set.
    pub fn suspend(&self, reason: PauseReason) {
        self.core.suspend(reason);
    }

    /// Lifts a reason; the queue runs again when none is left.
    pub fn resume(&self, reason: PauseReason) {
        self.core.resume(reason);
    }

    /// What the queue is doing. Before the first start it is paused by hand.
    pub fn state(&self) -> State {
        self.core.state()
    }

    /// A handle for recording; cheap to clone and to send anywhere.
    pub fn client(&self) -> Client {
        Client::new(Arc::clone(self.core.shared()))
    }

    /// Who this queue records for.
    pub fn member(&self) -> &str {
        &self.core.shared().member
    }

    /// The random id of this recorder.
    pub fn origin(&self) -> Origin {
        self.core.shared().origin
    }

    /// The random id of this start of it.
    pub fn boot(&self) -> Boot {
        self.core.shared().gate().boot
    }

    /// The books at this instant; they balance in every one.
    pub fn tally(&self) -> Tally {
        self.core.shared().gate().tally
    }

    /// What waits in the spool, whoever put it there. `None` without a spool, after
    /// the close, or when the spool cannot be read.
    pub fn backlog(&self) -> Option<Backlog> {
        self.core.backlog()
    }

    /// Waits until everything that was taken before the call is stored, in the
    /// spool, or lost, at most `timeout` of real time. A queue that was never started returns at
    /// once. Blocks the thread.
    pub fn flush(&self, timeout: Duration) -> Report {
        self.core.flush(timeout)
    }

    /// Takes no more, stores what is inside, paused or not, and ends the boot: the
    /// last block says that it is the last, and whether anything is missing.
    ///
    /// With a spool a pause holds to the end: what is inside goes there, also what a
    /// put has not stored by half of the deadline. As long as the store takes
    /// blocks, the spool is emptied into it; what is left is in
    /// [`Report::spooled`] and not lost: the next queue over the same directory
    /// puts it.
    ///
    /// Waits at most `deadline` of real time, and [`JOIN_GRACE`]; what is not
    /// stored by then is counted lost: as [`crate::LossReason::Unknown`] if a put
    /// was under way, else as [`crate::LossReason::Closed`]. A put that hangs for
    /// ever keeps its thread and nothing else. If the log could not be told what
    /// is missing, that goes to `tracing` and to stderr. A further call returns
    /// the same books.
    pub fn close(&self, deadline: Duration) -> Report {
        self.core.close(deadline)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl Drop for Queue {
    /// Closes with [`QueueBuilder::drop_deadline`].
    fn drop(&mut self) {
        let _ = self.core.close(self.core.shared().settings.drop_deadline);
    }
}

impl Component for Queue {
    fn start(&self) -> Result<(), ComponentError> {
        Ok(Queue::start(self)?)
    }

    fn stop(&self) {
        Queue::stop(self);
    }

    fn identify(&self) -> &str {
        QUEUE_IDENTITY
    }

    fn suspend(&self, reason: PauseReason) {
        Queue::suspend(self, reason);
    }

    fn change_reason(&self, was: PauseReason, is: PauseReason) {
        // In this order: a moment without any reason would let puts start.
        Queue::suspend(self, is);
        Queue::resume(self, was);
    }

    fn resume(&self, reason: PauseReason) -> Result<(), ComponentError> {
        Queue::resume(self, reason);
        Ok(())
    }
}
