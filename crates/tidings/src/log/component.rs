//! What does overwatch stop and start? The log too, when its store fails.

use super::Log;
use crate::component::{Component, ComponentError};
use crate::pause::PauseReason;

impl Component for Log {
    /// Lifts the Manual pause.
    ///
    /// # Errors
    ///
    /// The log is closed: open another.
    fn start(&self) -> Result<(), ComponentError> {
        Component::resume(self, PauseReason::Manual)
    }

    fn stop(&self) {
        Log::suspend(self, PauseReason::Manual);
    }

    fn identify(&self) -> &'static str {
        "log"
    }

    fn suspend(&self, reason: PauseReason) {
        Log::suspend(self, reason);
    }

    fn change_reason(&self, was: PauseReason, is: PauseReason) {
        // In this order: a moment without any reason would let events in.
        Log::suspend(self, is);
        Log::resume(self, was);
    }

    fn resume(&self, reason: PauseReason) -> Result<(), ComponentError> {
        if self.core().is_closed() {
            return Err("the log is closed; open it again".into());
        }
        Log::resume(self, reason);
        Ok(())
    }
}
