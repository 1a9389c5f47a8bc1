//! How do own events get to the others? One publication at a time, in order.

use std::task::Context;
use std::time::Duration;

use super::{PRESENCE_BEAT, Shared};

/// What the publishing thread knows.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// Its place among those who wait for the log to grow.
    waiter: u64,
}

impl Publisher {
    /// Does what is due; says how long it may rest unless the bell rings.
    pub(super) fn step(&mut self, shared: &Shared) -> Duration {
        let core = shared.log.core();
        let end = core.index.read().next();
        let waker = shared.bell.waker();
        let grown = core.arrivals.poll(end, &mut self.waiter, &mut Context::from_waker(&waker));
        if grown.is_ready() { shared.options.linger } else { PRESENCE_BEAT }
    }
}
