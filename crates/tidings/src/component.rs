//! What is stopped and started when a store fails and recovers?

use crate::pause::PauseReason;

/// Why a component did not start.
pub type ComponentError = Box<dyn std::error::Error + Send + Sync>;

/// Something that depends on a store: a queue, a log, or a part of the host that
/// should rest while events cannot be kept.
///
/// [`crate::Overwatch`] calls it from a thread of its own, never twice at once.
pub trait Component: Send + Sync {
    /// Starts, or goes on after [`Component::stop`]. Called again while running,
    /// it does nothing.
    ///
    /// # Errors
    ///
    /// Why it cannot run now. Overwatch tries again.
    fn start(&self) -> Result<(), ComponentError>;

    /// Stops at once, or as soon as it can; does not wait for a store.
    fn stop(&self);

    /// What it is called in logs.
    fn identify(&self) -> &str;

    /// Rests for a reason. A component that keeps reasons apart overrides this
    /// and [`Component::resume`], so that a recovered store never lifts a pause
    /// that an operator set.
    fn suspend(&self, reason: PauseReason) {
        let _ = reason;
        self.stop();
    }

    /// Goes on resting, for another reason than before. A component that keeps
    /// reasons apart overrides this too; for any other nothing changes.
    fn change_reason(&self, was: PauseReason, is: PauseReason) {
        let _ = (was, is);
    }

    /// Goes on, as far as this reason is concerned.
    ///
    /// # Errors
    ///
    /// As [`Component::start`].
    fn resume(&self, reason: PauseReason) -> Result<(), ComponentError> {
        let _ = reason;
        self.start()
    }
}
