//! Who waits for the log to grow?

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::Clock;
use crate::id::Position;
use crate::sync::{Condvar, Mutex};

/// Tells followers how far the log has grown.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next: Position,
    closed: bool,
    last_waiter: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl State {
    fn has_news(&self, after: Position) -> bool {
        self.closed || self.next > after
    }
}

impl Arrivals {
    /// The log has grown up to `next`.
    pub(crate) fn grown_to(&self, next: Position) {
        self.tell(|state| state.next = state.next.max(next));
    }

    /// Nothing will ever arrive again.
    pub(crate) fn close(&self) {
        self.tell(|state| state.closed = true);
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = self.state.lock();
            change(&mut state);
            std::mem::take(&mut state.wakers)
        };
        self.grown.notify_all();
        // Outside the lock: a waker may run code of any runtime.
        wakers.into_values().for_each(Waker::wake);
    }

    /// Waits until the log has grown past `after` or is closed, at most `timeout`.
    /// Says whether it has grown.
    pub(crate) fn wait(&self, after: Position, timeout: Duration) -> bool {
        // Waiting takes real time, also when a test moves the log's own clock.
        let clock = Clock::system();
        let deadline = clock.monotonic().saturating_add(timeout);
        let mut state = self.state.lock();
        while !state.has_news(after) {
            let left = deadline.saturating_sub(clock.monotonic());
            if left.is_zero() {
                break;
            }
            state = self.grown.wait_timeout(state, left);
        }
        state.next > after
    }

    /// As a future asks: ready with whether the log has grown, or this waiter's waker
    /// is kept. `waiter` is 0 before the first call.
    pub(crate) fn poll(
        &self,
        after: Position,
        waiter: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<bool> {
        let mut state = self.state.lock();
        if state.has_news(after) {
            return Poll::Ready(state.next > after);
        }
        if *waiter == 0 {
            state.last_waiter += 1;
            *waiter = state.last_waiter;
        }
        state.wakers.insert(*waiter, context.waker().clone());
        Poll::Pending
    }

    /// A waiter went away.
    pub(crate) fn forget(&self, waiter: u64) {
        self.state.lock().wakers.remove(&waiter);
    }

    /// How many futures wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().wakers.len()
    }
}
