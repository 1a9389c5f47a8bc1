//! Who asks or tells the publishing side something while it may hang in a call?

use std::future::poll_fn;
use std::time::Duration;

use super::status::{Publishing, QuotaEstimate};
use crate::clock::{Clock, Timestamp};
use crate::id::Position;
use crate::log::Arrivals;
use crate::pause::{PauseReason, PauseSet};
use crate::sync::{Condvar, Mutex};

/// What stands between the publishing thread and everybody else. Never locked
/// across a call to the commons or the disk.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    state: Mutex<State>,
    gone: Condvar,
    /// Grows up to where the oldest event stands that still waits.
    shared: Arrivals,
}

#[derive(Debug, Default)]
struct State {
    /// What those who watch the commons say.
    told: PauseSet,
    /// What the last call met, if it failed.
    found: Option<PauseReason>,
    since: Option<Timestamp>,
    cause: Option<String>,
    oldest_waiting: Option<Timestamp>,
    quota: Option<QuotaEstimate>,
    hurry: bool,
    farewell: Farewell,
}

/// How far the goodbye has come. Its time is the system's own that only goes
/// forward: waiting takes real time, also when a test moves the log's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Farewell {
    #[default]
    NotYet,
    Until(Duration),
    Said,
}

/// What the publishing side is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orders {
    /// Nothing may be put.
    pub(super) rests: bool,
    /// Whatever was to be waited for, it is to be tried now.
    pub(super) hurry: bool,
    /// How long it may still publish before it is to say goodbye.
    pub(super) leaves_in: Option<Duration>,
}

impl Outlet {
    pub(super) fn orders(&self) -> Orders {
        let mut state = self.state.lock();
        let hurry = std::mem::take(&mut state.hurry);
        let Farewell::Until(until) = state.farewell else {
            let rests = !state.told.is_empty() || state.farewell == Farewell::Said;
            return Orders { rests, hurry, leaves_in: None };
        };
        // The last chance, whatever those who watch think.
        let rests = state.told.contains(PauseReason::Manual);
        let left = until.saturating_sub(Clock::system().monotonic());
        Orders { rests, hurry, leaves_in: Some(left) }
    }

    pub(super) fn suspend(&self, reason: PauseReason, now: Timestamp) {
        let mut state = self.state.lock();
        state.told.insert(reason);
        state.since.get_or_insert(now);
    }

    pub(super) fn resume(&self, reason: PauseReason) {
        let mut state = self.state.lock();
        state.hurry = true;
        if state.told.remove(reason) && state.told.is_empty() && state.found.is_none() {
            state.since = None;
        }
    }

    /// A call failed. Says whether the one before had failed too.
    pub(super) fn failed(&self, reason: PauseReason, cause: String, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        state.since.get_or_insert(now);
        state.cause = Some(cause);
        state.found.replace(reason).is_some()
    }

    /// A call was answered. Says whether the one before had failed.
    pub(super) fn answered(&self) -> bool {
        let mut state = self.state.lock();
        state.cause = None;
        if state.told.is_empty() {
            state.since = None;
        }
        state.found.take().is_some()
    }

    pub(super) fn publishing(&self) -> Publishing {
        let state = self.state.lock();
        let reasons = state.told.union(state.found.into_iter().collect());
        Publishing {
            reasons,
            since: state.since,
            cause: state.cause.clone(),
            oldest_waiting: state.oldest_waiting,
        }
    }

    pub(super) fn estimated(&self, quota: QuotaEstimate) {
        self.state.lock().quota = Some(quota);
    }

    pub(super) fn quota(&self) -> Option<QuotaEstimate> {
        self.state.lock().quota
    }

    /// Everything before this position is published or given up, and the oldest
    /// event that waits was received then.
    pub(super) fn shared_up_to(&self, position: Position, oldest_waiting: Option<Timestamp>) {
        self.state.lock().oldest_waiting = oldest_waiting;
        self.shared.grown_to(position);
    }

    /// Resolves once everything before this position is published or given up.
    pub(super) async fn shared_through(&self, position: Position) {
        let Some(before) = position.0.checked_sub(1).map(Position) else { return };
        let mut waiter = Waiter { outlet: self, number: 0 };
        // Nobody closes it, so it is ready only when it has grown.
        poll_fn(|context| self.shared.poll(before, &mut waiter.number, context)).await;
    }

    /// It is to say goodbye within this time.
    pub(super) fn leave_within(&self, span: Duration) {
        let mut state = self.state.lock();
        if state.farewell == Farewell::NotYet {
            let until = Clock::system().monotonic().saturating_add(span);
            state.farewell = Farewell::Until(until);
            state.hurry = true;
        }
    }

    /// Its time is up.
    pub(super) fn leave_now(&self) {
        let mut state = self.state.lock();
        if state.farewell != Farewell::Said {
            state.farewell = Farewell::Until(Duration::ZERO);
            state.hurry = true;
        }
    }

    /// It has said goodbye, or tried to.
    pub(super) fn said_goodbye(&self) {
        self.state.lock().farewell = Farewell::Said;
        self.gone.notify_all();
    }

    pub(super) fn has_said_goodbye(&self) -> bool {
        self.state.lock().farewell == Farewell::Said
    }

    /// Waits until it has, no longer than this.
    pub(super) fn wait_for_goodbye(&self, at_most: Duration) {
        let clock = Clock::system();
        let until = clock.monotonic().saturating_add(at_most);
        let mut state = self.state.lock();
        while state.farewell != Farewell::Said {
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return;
            }
            state = self.gone.wait_timeout(state, left);
        }
    }
}

/// Forgets its waker when nobody waits with it any more.
struct Waiter<'a> {
    outlet: &'a Outlet,
    number: u64,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.number != 0 {
            self.outlet.shared.forget(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    const DOWN: PauseReason = PauseReason::StoreDown;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn it_rests_while_anybody_says_so_and_not_because_it_failed_itself() {
        let outlet = Outlet::default();
        assert!(!outlet.failed(PauseReason::Auth, "denied".to_owned(), at(1)));
        assert!(!outlet.orders().rests);
        outlet.suspend(PauseReason::Manual, at(2));
        outlet.suspend(DOWN, at(3));

        outlet.resume(DOWN);

        assert!(outlet.orders().rests);
        let told = outlet.publishing();
        let reasons: Vec<PauseReason> = told.reasons.iter().collect();
        assert_eq!(reasons, [PauseReason::Manual, PauseReason::Auth]);
        assert_eq!((told.since, told.cause.as_deref()), (Some(at(1)), Some("denied")));
        outlet.resume(PauseReason::Manual);
        assert!(!outlet.orders().rests);
        assert!(outlet.answered() && !outlet.answered());
        assert_eq!(outlet.publishing(), Publishing::default());
    }

    #[test]
    fn a_resume_is_an_order_to_hurry_once() {
        let outlet = Outlet::default();
        assert!(!outlet.orders().hurry);

        outlet.resume(DOWN);

        assert!(outlet.orders().hurry);
        assert!(!outlet.orders().hurry);
    }

    #[test]
    fn who_leaves_tries_once_more_unless_a_person_said_stop() {
        let outlet = Outlet::default();
        outlet.suspend(DOWN, at(1));
        outlet.leave_within(Duration::from_mins(1));

        let orders = outlet.orders();
        assert!(!orders.rests && orders.hurry && orders.leaves_in > Some(Duration::from_secs(30)));
        outlet.suspend(PauseReason::Manual, at(1));
        assert!(outlet.orders().rests);
        outlet.said_goodbye();
        outlet.resume(PauseReason::Manual);
        outlet.resume(DOWN);
        assert!(outlet.orders().rests && outlet.has_said_goodbye());
    }

    #[test]
    fn who_waits_for_a_position_is_called_when_it_is_shared_and_forgotten_when_gone() {
        let outlet = Outlet::default();
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut waiting = pin!(outlet.shared_through(Position(3)));
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            outlet.shared_up_to(Position(2), None);
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            assert_eq!(outlet.shared.waiting(), 1);
        }
        assert_eq!(outlet.shared.waiting(), 0);

        outlet.shared_up_to(Position(3), None);

        assert!(pin!(outlet.shared_through(Position(3))).poll(&mut context).is_ready());
        assert!(pin!(outlet.shared_through(Position(0))).poll(&mut context).is_ready());
    }
}
