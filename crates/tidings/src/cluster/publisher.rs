//! How do own events get to the others? One publication at a time, in order.

use std::time::Duration;

use super::Shared;

/// What the publishing thread knows.
#[derive(Debug, Default)]
pub(super) struct Publisher {}

impl Publisher {
    /// Does what is due; says how long it may rest unless the bell rings.
    pub(super) fn step(&mut self, shared: &Shared) -> Duration {
        let _ = (&shared.log, &shared.commons, &shared.options);
        super::PRESENCE_BEAT
    }
}
