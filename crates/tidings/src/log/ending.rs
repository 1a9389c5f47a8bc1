//! How does a log end? First its books, then its store.

use std::time::Duration;

use super::core::Core;
use super::gate::{Keeper, Phase};
use crate::clock::Clock;
use crate::tally::Tally;

impl Core {
    /// Settles everything; the store stays open.
    pub(super) fn end(&self, deadline: Duration) -> Tally {
        // Waiting takes real time, also when a test moves the log's own clock.
        let clock = Clock::system();
        let until = clock.monotonic().saturating_add(deadline);
        self.end_by(&clock, until)
    }

    pub(super) fn close(&self, deadline: Duration) -> Tally {
        let clock = Clock::system();
        let until = clock.monotonic().saturating_add(deadline);
        let tally = self.end_by(&clock, until);
        if !self.begins(Phase::Ended) {
            self.wait_for(Phase::Closed, &clock, until);
            return tally;
        }
        // A store that hangs would hang here too.
        let free = self.gate.lock().desk.is_some();
        if free && let Err(error) = self.store.close() {
            tracing::error!(%error, "store did not close cleanly");
        }
        self.reach(Phase::Closed);
        self.arrivals.close();
        tracing::info!(books = %tally, "log closed");
        tally
    }

    fn end_by(&self, clock: &Clock, until: Duration) -> Tally {
        if self.begins(Phase::Open) {
            self.settle_all(clock, until);
            self.reach(Phase::Ended);
        } else {
            self.wait_for(Phase::Ended, clock, until);
        }
        self.gate.lock().tally
    }

    fn settle_all(&self, clock: &Clock, until: Duration) {
        let _ = self.recover();
        self.wait_for_desk(clock, until);
        let free = {
            let mut gate = self.gate.lock();
            gate.abandon(self.now());
            gate.desk.is_some()
        };
        if !free || !self.gate.lock().store_answers() {
            return;
        }
        self.tell_unshared(true);
        if self.gate.lock().tally.offered > 0 {
            self.write_record(true);
            self.drain();
            self.gate.lock().abandon(self.now());
        }
    }

    /// Says whether to go on from this phase is ours to do.
    fn begins(&self, from: Phase) -> bool {
        let mut gate = self.gate.lock();
        if gate.phase != from {
            return false;
        }
        if from == Phase::Open {
            gate.begin_to_end();
        } else {
            gate.phase = Phase::Closing;
        }
        gate.announce();
        true
    }

    fn reach(&self, phase: Phase) {
        let mut gate = self.gate.lock();
        gate.phase = phase;
        gate.announce();
    }

    /// Somebody else does it.
    fn wait_for(&self, phase: Phase, clock: &Clock, until: Duration) {
        let mut gate = self.gate.lock();
        while gate.phase < phase {
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return;
            }
            gate = gate.wait_for_turn_at_most(left);
        }
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
}
