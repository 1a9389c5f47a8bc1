//! Who wakes a thread that waits for one of many things?

use std::task::{Wake, Waker};
use std::time::Duration;

use crate::sync::{Arc, Condvar, Mutex};

/// Rung by whoever has news; a ring that nobody waited for is not lost.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until it has rung since the last wait, no longer than this.
    pub(super) fn wait(&self, at_most: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            rung = self.changed.wait_timeout(rung, at_most);
        }
        *rung = false;
    }

    /// Rings it, for whoever tells news to wakers.
    pub(super) fn waker(self: &Arc<Bell>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.ring();
    }
}
