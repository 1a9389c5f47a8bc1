//! What if nothing moved by itself? A queue whose sealer and workers step when a
//! test tells them to.

use std::ops::Deref;
use std::time::Duration;

use super::builder::{QueueBuilder, QueueError};
use super::gate::Phase;
use super::report::Report;
use super::sealer::{Sealer, Step};
use super::{Queue, worker};
use crate::store::{BlockStore, Sink};
use crate::sync::{Arc, Mutex};
use crate::tally::Tally;

/// Steps that [`SteppedQueue::settle`] and [`SteppedQueue::close`] do at most.
const STEPS_MAX: usize = 1_000_000;

/// A [`Queue`] without threads. It is started; [`SteppedQueue::seal`] and
/// [`SteppedQueue::put`] are its sealer and its workers. Steps may be called from
/// several threads at once.
#[derive(Debug)]
pub struct SteppedQueue {
    queue: Queue,
    sealer: Mutex<Sealer>,
    sink: Sinkholder,
}

struct Sinkholder(Arc<dyn Sink>);

impl std::fmt::Debug for Sinkholder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.describe())
    }
}

/// One exact snapshot, with what the books cannot say of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The books.
    pub tally: Tally,
    /// Events found in memory: in the buffer, with the sealer, in blocks.
    pub inside: u64,
    /// Puts that have been let start since the queue was made.
    pub puts_started: u64,
}

impl Audit {
    /// Whether the books balance and agree with what is inside.
    pub fn is_exact(&self) -> bool {
        self.tally.is_balanced() && self.tally.pending == self.inside + self.tally.spooled
    }
}

impl QueueBuilder {
    /// Makes a queue without threads, started.
    ///
    /// # Errors
    ///
    /// As [`QueueBuilder::build`].
    pub fn build_stepped(
        self,
        member: impl Into<String>,
        sink: Arc<dyn Sink>,
    ) -> Result<SteppedQueue, QueueError> {
        let queue = self.without_threads().build(member, Arc::clone(&sink))?;
        Ok(SteppedQueue::over(queue, sink))
    }

    /// The same, with a spool in this store instead of a directory.
    ///
    /// # Errors
    ///
    /// As [`QueueBuilder::build`], and when the store cannot be read.
    pub fn build_stepped_over(
        self,
        member: impl Into<String>,
        sink: Arc<dyn Sink>,
        spool: Arc<dyn BlockStore>,
    ) -> Result<SteppedQueue, QueueError> {
        let queue = self.without_threads().build_over(member.into(), Arc::clone(&sink), spool)?;
        Ok(SteppedQueue::over(queue, sink))
    }
}

impl SteppedQueue {
    fn over(queue: Queue, sink: Arc<dyn Sink>) -> SteppedQueue {
        queue.core().shared().gate().start();
        let spool = queue.core().spool();
        let sealer = Mutex::new(Sealer::new(Arc::clone(queue.core().shared()), spool));
        SteppedQueue { queue, sealer, sink: Sinkholder(sink) }
    }

    /// One step of the sealer: takes the buffer, or seals one block. Says whether
    /// there was anything to do.
    pub fn seal(&self) -> bool {
        self.sealer.lock().step(false) == Step::Did
    }

    /// One step of a worker: puts at most one block. Says whether one was due.
    pub fn put(&self) -> bool {
        let core = self.queue.core();
        worker::step(core.shared(), &*self.sink.0, core.spool().as_deref(), false) == Step::Did
    }

    /// Steps until nothing is left to do without time going on.
    pub fn settle(&self) {
        for _ in 0..STEPS_MAX {
            if !self.seal() && !self.put() {
                return;
            }
        }
    }

    /// Closes the inbound side, steps until nothing is left to do without time
    /// going on, and counts the rest as lost.
    pub fn close(&self) -> Report {
        self.begin_close();
        self.settle();
        self.end()
    }

    /// Closes the inbound side only.
    pub fn begin_close(&self) {
        self.queue.core().begin_close();
    }

    /// Ends as [`Queue::close`] does when its deadline passes.
    pub fn end(&self) -> Report {
        self.queue.core().end()
    }

    /// Whether the end has come by itself: everything settled, the last block put.
    pub fn is_closed(&self) -> bool {
        self.queue.core().shared().gate().phase == Phase::Closed
    }

    /// One exact snapshot.
    pub fn audit(&self) -> Audit {
        let gate = self.queue.core().shared().gate();
        Audit { tally: gate.tally, inside: gate.inside(), puts_started: gate.jobs.puts_started }
    }

    /// As [`Queue::flush`] after all that can be done was done.
    pub fn flush(&self) -> Report {
        self.settle();
        self.queue.flush(Duration::ZERO)
    }

    /// Makes the queue believe that the process was forked: the next call that
    /// looks starts the books afresh.
    #[doc(hidden)]
    pub fn pretend_fork(&self) {
        let pid = &self.queue.core().shared().pid;
        pid.store(0, crate::sync::atomic::Ordering::SeqCst);
    }
}

impl Deref for SteppedQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}
