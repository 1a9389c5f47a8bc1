//! What must be done when nobody asks? Recovery, retention, loss records.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::gate::{Keeper, Part, Phase};
use super::losses::UnderWay;
use crate::clock::Clock;
use crate::store::StoreError;
use crate::sync::{self, thread::JoinHandle};

/// How often the log's own thread looks after it.
pub(crate) const UPKEEP_PERIOD: Duration = Duration::from_secs(1);
/// Commits that one `maintain` makes of what nobody waits for, at most.
const DRAIN_COMMITS_MAX: usize = 64;

impl Core {
    pub(super) fn maintain(&self) -> Result<(), StoreError> {
        let mut steady = self.upkeep.lock();
        if !self.is_open() {
            return Ok(());
        }
        // First, so that a full disk has room before the store is asked again.
        let retained = self.retain(&mut steady);
        if let Some(reason) = retained.as_ref().err().and_then(StoreError::pause) {
            self.pause(reason);
        }
        let recovered = self.recover();
        self.drain();
        self.tell_losses();
        self.tell_unshared(false);
        self.drain();
        recovered.and(retained)
    }

    /// Settles what is unknown, and lifts the pauses for the log's own failures,
    /// once the store answers.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        if !self.gate.lock().has_failed() {
            return Ok(());
        }
        self.store.probe()?;
        self.settle_frozen()?;
        if self.gate.lock().index_unsure {
            self.catch_up()?;
            self.gate.lock().index_unsure = false;
        }
        self.recovered();
        Ok(())
    }

    /// Commits what nobody waits for.
    pub(super) fn drain(&self) {
        for _ in 0..DRAIN_COMMITS_MAX {
            let gate = self.gate.lock();
            if !gate.can_commit() {
                return;
            }
            drop(self.commit(gate));
        }
    }

    fn tell_losses(&self) {
        let monotonic = self.options.clock.monotonic();
        let due = {
            let gate = self.gate.lock();
            gate.admits().is_ok() && gate.telling.is_due(monotonic)
        };
        if due {
            self.write_record(false);
            self.drain();
        }
    }

    /// Takes in an event of the log's own: the books, itself included.
    pub(super) fn write_record(&self, last: bool) {
        let monotonic = self.options.clock.monotonic();
        let now = self.now();
        let mut gate = self.gate.lock();
        let received = gate.stamp(now);
        gate.tally.count_own();
        let books = gate.tally;
        let record = gate.telling.record(books, received, monotonic);
        let part = Part::own(&record.event(), record.seq(), received);
        gate.enqueue(Part { last, record: Some(UnderWay::of(&record)), ..part });
    }

    /// The body of the log's own thread.
    fn look_after(&self) {
        let clock = Clock::system();
        let mut due = clock.monotonic() + UPKEEP_PERIOD;
        loop {
            let mut gate = self.gate.lock();
            if gate.phase != Phase::Open {
                return;
            }
            let left = due.saturating_sub(clock.monotonic());
            if left.is_zero() {
                drop(gate);
                if let Err(error) = self.maintain() {
                    tracing::debug!(%error, "upkeep failed, will try again");
                }
                due = clock.monotonic() + UPKEEP_PERIOD;
                continue;
            }
            gate = if gate.has_orphans() && gate.can_commit() {
                self.commit(gate)
            } else {
                gate.wait_for_work(left)
            };
            drop(gate);
        }
    }
}

/// Starts the log's own thread.
pub(super) fn start(core: &Arc<Core>) -> std::io::Result<JoinHandle<()>> {
    core.gate.lock().keeper = Keeper::Awake;
    let keeper = Arc::clone(core);
    let thread = sync::spawn("tidings-log", move || {
        keeper.look_after();
        let mut gate = keeper.gate.lock();
        gate.keeper = Keeper::Gone;
        gate.announce();
    });
    thread.inspect_err(|_| core.gate.lock().keeper = Keeper::Gone)
}
