//! How does a caller wait for the disk without a thread of his own?
//!
//! As a future that sleeps until his events are settled, or until he is called to
//! commit: only then something blocks, and he says how ([`run`]).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::committer::Turn;
use super::core::Core;
use super::waiters::Outcome;

/// Waits for the outcome of one part. Dropped before that, it leaves the part to
/// whoever commits next.
pub(super) struct Waiting<'a, B> {
    core: &'a Core,
    part: u64,
    blocking: &'a B,
    is_settled: bool,
}

enum Step<'a> {
    Settled(Outcome),
    Commit(Turn<'a>),
    Sleep,
}

impl<'a, B> Waiting<'a, B> {
    /// The part must be entered among the gate's waiters.
    pub(super) fn new(core: &'a Core, part: u64, blocking: &'a B) -> Waiting<'a, B> {
        Waiting { core, part, blocking, is_settled: false }
    }

    fn step(&self, context: &Context<'_>) -> Step<'a> {
        // Dropped after the lock: its last owner may wait for us as well.
        let _replaced;
        let mut gate = self.core.gate.lock();
        if let Some(outcome) = gate.waiters.outcome(self.part) {
            return Step::Settled(outcome);
        }
        if let Some(turn) = self.core.take_turn(&mut gate) {
            return Step::Commit(turn);
        }
        _replaced = gate.waiters.sleep(self.part, context.waker());
        Step::Sleep
    }
}

impl<B: Fn(&mut dyn FnMut())> Future for Waiting<'_, B> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            match self.step(context) {
                Step::Settled(outcome) => {
                    self.is_settled = true;
                    return Poll::Ready(outcome);
                }
                Step::Commit(turn) => run(self.blocking, || drop(turn.commit())),
                Step::Sleep => return Poll::Pending,
            }
        }
    }
}

impl<B> Drop for Waiting<'_, B> {
    fn drop(&mut self) {
        if !self.is_settled {
            let waker = self.core.gate.lock().waiters.leave(self.part);
            // After the lock, as above.
            drop(waker);
        }
    }
}

/// Runs work through `blocking`, or here if that does not run it.
///
/// # Panics
///
/// If the work did, and `blocking` kept that to itself.
pub(super) fn run<T>(blocking: &impl Fn(&mut dyn FnMut()), work: impl FnOnce() -> T) -> T {
    let (mut work, mut done) = (Some(work), None);
    blocking(&mut || {
        if let Some(work) = work.take() {
            done = Some(work());
        }
    });
    match (done, work) {
        (Some(done), _) => done,
        (None, Some(work)) => work(),
        (None, None) => panic!("work that was run as blocking has panicked"),
    }
}
