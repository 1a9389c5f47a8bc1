//! Who waits until there is more to follow?

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::id::Position;
use crate::log::Core;

/// Resolves when the log has grown past the follower, or closes; says whether it has
/// grown.
pub struct Arrived {
    core: Arc<Core>,
    after: Position,
    /// Under which the waker is kept; 0 before the first poll.
    waiter: u64,
}

impl Arrived {
    pub(super) fn after(core: &Arc<Core>, after: Position) -> Arrived {
        Arrived { core: Arc::clone(core), after, waiter: 0 }
    }
}

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived").field("after", &self.after).finish_non_exhaustive()
    }
}

impl Future for Arrived {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        this.core.arrivals.poll(this.after, &mut this.waiter, context)
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        if self.waiter != 0 {
            self.core.arrivals.forget(self.waiter);
        }
    }
}
