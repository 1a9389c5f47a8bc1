//! How does a queue live? Start, pause, flush, close: what its threads and its
//! one lock are told.

use std::time::Duration;

use super::builder::{QueueError, Settings};
use super::gate::{Gate, Phase};
use super::logs;
use super::report::Report;
use super::shared::Shared;
use super::spool::{Backlog, Spool};
use super::threads::Threads;
use crate::clock::Clock;
use crate::id::{Boot, Origin};
use crate::pause::{PauseReason, State};
use crate::store::Sink;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex};

/// How long `close` waits, after its deadline at most, for threads that have
/// nothing left to do.
pub const JOIN_GRACE: Duration = Duration::from_millis(50);

/// Why a queue did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was closed.
    #[error("the queue is closed; make a new one")]
    Closed,
    /// The operating system has no thread for it.
    #[error("cannot start a thread of the queue: {0}")]
    Thread(#[from] std::io::Error),
}

/// Everything of a queue but its name for users.
pub(crate) struct Core {
    shared: Arc<Shared>,
    threads: Mutex<Threads>,
    /// Let go at the end: clients live on and must not keep a store open.
    sink: Mutex<Option<Arc<dyn Sink>>>,
    /// Let go like the sink.
    spool: Mutex<Option<Arc<Spool>>>,
    ended: AtomicBool,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gate = self.shared.gate();
        f.debug_struct("Queue")
            .field("member", &self.shared.member)
            .field("state", &gate.state())
            .field("tally", &gate.tally)
            .finish_non_exhaustive()
    }
}

impl Core {
    pub(super) fn new(
        member: String,
        sink: Arc<dyn Sink>,
        settings: Settings,
        spool: Option<Spool>,
    ) -> Result<Core, QueueError> {
        let (origin, boot) = (Origin::random()?, Boot::random()?);
        Ok(Core {
            shared: Arc::new(Shared::new(
                member,
                settings,
                sink.reach(),
                origin,
                boot,
                spool.as_ref(),
            )),
            threads: Mutex::default(),
            sink: Mutex::new(Some(sink)),
            spool: Mutex::new(spool.map(Arc::new)),
            ended: AtomicBool::new(false),
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn start(&self) -> Result<(), StartError> {
        self.leave_the_parent();
        let mut threads = self.threads.lock();
        let sink = self.sink.lock().clone().ok_or(StartError::Closed)?;
        if self.shared.gate().phase >= Phase::Closing {
            return Err(StartError::Closed);
        }
        if self.shared.settings.threads {
            threads.start(&self.shared, &sink, self.spool.lock().as_ref())?;
        }
        let workers = threads.workers();
        drop(threads);
        let now = self.shared.clock.now();
        let mut gate = self.shared.gate();
        let first = gate.start();
        let resumed = gate.resume(PauseReason::Manual, now);
        self.shared.publish(&gate);
        drop(gate);
        self.shared.wake_all();
        if first {
            logs::started(&self.shared, workers);
        } else if resumed {
            logs::resumed(&self.shared);
        }
        Ok(())
    }

    pub(super) fn suspend(&self, reason: PauseReason) {
        let now = self.shared.clock.now();
        let lost = self.shared.sweep(|gate, swept| gate.suspend(reason, now, swept));
        logs::paused(&self.shared, reason, lost);
    }

    pub(super) fn resume(&self, reason: PauseReason) {
        let now = self.shared.clock.now();
        let mut gate = self.shared.gate();
        let resumed = gate.resume(reason, now);
        self.shared.publish(&gate);
        drop(gate);
        if resumed {
            self.shared.wake_all();
            logs::resumed(&self.shared);
        }
    }

    pub(super) fn state(&self) -> State {
        self.leave_the_parent();
        self.shared.gate().state()
    }

    /// See [`super::Queue::flush`].
    pub(crate) fn flush(&self, timeout: Duration) -> Report {
        self.leave_the_parent();
        let deadline = Clock::system().monotonic().saturating_add(timeout);
        let target = self.shared.gate().tally.offered;
        let alive = self.threads.lock().alive();
        let is_settled = |gate: &Gate| gate.first_pending().is_none_or(|first| first > target);
        self.shared.wait_until(deadline, |gate| {
            is_settled(gate) || gate.phase == Phase::Fresh || alive.load(Ordering::SeqCst) == 0
        });
        let gate = self.shared.gate();
        Report { tally: gate.tally, settled: is_settled(&gate) }
    }

    /// See [`super::Queue::close`].
    pub(crate) fn close(&self, deadline: Duration) -> Report {
        self.leave_the_parent();
        let now = Clock::system().monotonic();
        let (half, deadline) = (now.saturating_add(deadline / 2), now.saturating_add(deadline));
        self.begin_close();
        let alive = self.threads.lock().alive();
        let nobody = || alive.load(Ordering::SeqCst) == 0;
        let is_over = |gate: &Gate| gate.phase == Phase::Closed || nobody();
        if self.spool.lock().is_some() && !self.shared.wait_until(half, is_over) {
            self.shared.change(Gate::divert);
        }
        self.shared.wait_until(deadline, is_over);
        let report = self.end();
        let grace = Clock::system().monotonic() + JOIN_GRACE;
        self.shared.wait_until(grace, |_| nobody());
        self.threads.lock().join();
        self.let_go_of_spool(nobody());
        report
    }

    /// Takes no more; what is inside gets its last chance.
    pub(super) fn begin_close(&self) {
        let mut gate = self.shared.gate();
        gate.begin_close();
        self.shared.publish(&gate);
        drop(gate);
        self.shared.wake_all();
    }

    /// Counts what is still inside as lost, and says so for the last time.
    pub(super) fn end(&self) -> Report {
        let now = self.shared.clock.now();
        let lost_now = self.shared.sweep(|gate, swept| gate.abandon(now, swept));
        let gate = self.shared.gate();
        let (tally, untold) = (gate.tally, gate.misses.is_unconfirmed(&gate.tally));
        drop(gate);
        let sink = self.sink.lock().take();
        if !self.ended.swap(true, Ordering::SeqCst) {
            if untold {
                let store = sink.map(|sink| sink.describe()).unwrap_or_default();
                logs::untold(&self.shared, &store, &tally);
            } else if tally.offered > 0 {
                logs::closed(&self.shared, &tally);
            }
        }
        Report { tally, settled: lost_now == 0 }
    }

    /// Closes the spool, if nobody uses it any more; else whoever does is the last
    /// to hold it.
    fn let_go_of_spool(&self, is_free: bool) {
        let spool = self.spool.lock().take();
        if let Some(spool) = spool.filter(|_| is_free)
            && let Err(error) = spool.close()
        {
            logs::spool_not_closed(&self.shared, &spool, &error);
        }
    }

    /// See [`super::Queue::backlog`].
    pub(super) fn backlog(&self) -> Option<Backlog> {
        let spool = self.spool.lock().clone()?;
        spool.backlog().ok()
    }

    #[cfg(feature = "testing")]
    pub(super) fn spool(&self) -> Option<Arc<Spool>> {
        self.spool.lock().clone()
    }

    #[cfg(test)]
    pub(super) fn threads_len(&self) -> usize {
        self.threads.lock().alive().load(Ordering::SeqCst)
    }

    /// Starts afresh if this process is a fork of the one that started the queue.
    fn leave_the_parent(&self) {
        if self.shared.adopt_if_forked() {
            self.threads.lock().forget();
            // Its files and their locks are the parent's.
            std::mem::forget(self.spool.lock().take());
        }
    }
}
