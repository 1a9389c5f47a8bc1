//! What must be done when nobody asks? Recovery, retention, loss records, and the
//! end.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::gate::{Keeper, Part, Phase};
use super::losses::UnderWay;
use crate::clock::Clock;
use crate::event::EventBatch;
use crate::store::StoreError;
use crate::sync::{self, thread::JoinHandle};
use crate::tally::Tally;

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
        recovered.and(retained)
    }

    /// Settles what is unknown, and lifts the pauses for the log's own failures,
    /// once the store answers.
    fn recover(&self) -> Result<(), StoreError> {
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
    fn drain(&self) {
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
    fn write_record(&self, last: bool) {
        let monotonic = self.options.clock.monotonic();
        let now = self.now();
        let mut gate = self.gate.lock();
        let received = gate.stamp(now);
        gate.tally.count_taken(1);
        gate.tally.own += 1;
        let books = gate.tally;
        let record = gate.telling.record(books, received, monotonic);
        let event = record.event();
        let mut texts = EventBatch::new();
        texts.push_own(&event);
        gate.enqueue(Part {
            id: 0,
            first_seq: record.seq(),
            bytes: event.size_bytes(),
            events: vec![(0, 0)],
            texts,
            keys: Vec::new(),
            received,
            last,
            record: Some(UnderWay::of(&record)),
        });
    }

    pub(super) fn close(&self, deadline: Duration) -> Tally {
        // Waiting takes real time, also when a test moves the log's own clock.
        let clock = Clock::system();
        let until = clock.monotonic().saturating_add(deadline);
        if !self.begin_to_close(&clock, until) {
            return self.gate.lock().tally;
        }
        let _ = self.recover();
        self.wait_for_desk(&clock, until);
        let free = {
            let mut gate = self.gate.lock();
            gate.abandon(self.now());
            gate.desk.is_some()
        };
        let writes = self.gate.lock().tally.offered > 0 && free;
        if writes && self.gate.lock().store_answers() {
            self.write_record(true);
            self.drain();
            self.gate.lock().abandon(self.now());
        }
        // A store that hangs would hang here too.
        if free && let Err(error) = self.store.close() {
            tracing::error!(%error, "store did not close cleanly");
        }
        let tally = {
            let mut gate = self.gate.lock();
            gate.phase = Phase::Closed;
            gate.announce();
            gate.tally
        };
        self.arrivals.close();
        tracing::info!(books = %tally, "log closed");
        tally
    }

    /// Says whether closing is ours to do; if somebody else does, waits for that.
    fn begin_to_close(&self, clock: &Clock, until: Duration) -> bool {
        let mut gate = self.gate.lock();
        if gate.phase == Phase::Open {
            gate.begin_to_close();
            gate.announce();
            return true;
        }
        while gate.phase != Phase::Closed {
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                break;
            }
            gate = gate.wait_for_turn_at_most(left);
        }
        false
    }

    /// Commits what waits until nothing does, the store fails, or time is up.
    fn wait_for_desk(&self, clock: &Clock, until: Duration) {
        let mut gate = self.gate.lock();
        loop {
            let left = until.saturating_sub(clock.monotonic());
            if gate.can_commit() && !left.is_zero() {
                gate = self.commit(gate);
            } else if gate.desk.is_some() || left.is_zero() {
                return;
            } else {
                gate = gate.wait_for_turn_at_most(left);
            }
        }
    }

    /// Waits until the log's own thread has seen the end; says whether it has.
    pub(super) fn wait_for_keeper(&self, deadline: Duration) -> bool {
        let clock = Clock::system();
        let until = clock.monotonic().saturating_add(deadline);
        let mut gate = self.gate.lock();
        while gate.keeper != Keeper::Gone {
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return false;
            }
            gate = gate.wait_for_turn_at_most(left);
        }
        true
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
