//! How does a caller wait for the disk without a thread of his own?
//!
//! As a future that sleeps until his events are settled, or until he is called to
//! commit. Whatever blocks he hands over to be run elsewhere, so that he can be
//! answered, and can go away, also while it hangs.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::committer::Turn;
use super::core::Core;
use super::waiters::Outcome;
use crate::sync::{Arc, Mutex};

/// Something that blocks, to be run once.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// Waits for the outcome of one part. Dropped before that, it leaves the part to
/// whoever commits next.
pub(super) struct Waiting {
    core: std::sync::Arc<Core>,
    part: u64,
    is_settled: bool,
}

impl Waiting {
    /// The part must be entered among the gate's waiters.
    pub(super) fn new(core: &std::sync::Arc<Core>, part: u64) -> Waiting {
        Waiting { core: std::sync::Arc::clone(core), part, is_settled: false }
    }

    /// Sleeps until it is there; a commit goes to `hand_over`.
    pub(super) async fn outcome(mut self, hand_over: &impl Fn(Work)) -> Outcome {
        poll_fn(|context| {
            match self.turn() {
                Ok(Some(turn)) => hand_over(Box::new(|| turn.commit())),
                Ok(None) => {}
                Err(outcome) => return Poll::Ready(outcome),
            }
            // Also after a commit was handed over: it may be done already.
            self.sleep(context)
        })
        .await
    }

    /// The turn to commit, if that can begin, unless the outcome is there.
    fn turn(&mut self) -> Result<Option<Turn<std::sync::Arc<Core>>>, Outcome> {
        let mut gate = self.core.gate.lock();
        match gate.waiters.outcome(self.part) {
            Some(outcome) => {
                self.is_settled = true;
                Err(outcome)
            }
            None => Ok(Turn::take(&self.core, &mut gate)),
        }
    }

    /// A turn that came back unused meanwhile is not lost: whoever lets go of the
    /// gate calls one of those who sleep.
    fn sleep(&mut self, context: &Context<'_>) -> Poll<Outcome> {
        // Dropped after the lock: its last owner may wait for us as well.
        let _replaced;
        let mut gate = self.core.gate.lock();
        if let Some(outcome) = gate.waiters.outcome(self.part) {
            self.is_settled = true;
            return Poll::Ready(outcome);
        }
        _replaced = gate.waiters.sleep(self.part, context.waker());
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_settled {
            let waker = self.core.gate.lock().waiters.leave(self.part);
            // After the lock, as above.
            drop(waker);
        }
    }
}

/// What work that runs elsewhere has come to.
struct Slot<T> {
    result: Option<T>,
    /// Nobody runs it any more.
    is_over: bool,
    waker: Option<Waker>,
}

/// Tells that the work is over, also if it was never run.
struct Teller<T>(Arc<Mutex<Slot<T>>>);

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.lock();
            slot.is_over = true;
            slot.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Hands work over and sleeps until it is done.
///
/// # Panics
///
/// If it was not run to its end: it panicked, or was thrown away.
pub(super) async fn result_of<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    hand_over: &impl Fn(Work),
) -> T {
    let slot = Arc::new(Mutex::new(Slot { result: None, is_over: false, waker: None }));
    let teller = Teller(Arc::clone(&slot));
    hand_over(Box::new(move || {
        let result = work();
        teller.0.lock().result = Some(result);
    }));
    let result = poll_fn(|context| {
        let mut slot = slot.lock();
        if slot.is_over {
            return Poll::Ready(slot.result.take());
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    });
    result.await.expect("work that was handed over is run to its end")
}
