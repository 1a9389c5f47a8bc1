//! Who paused the log, and who may lift that?
//!
//! A reason belongs to whoever set it. What the log found out by itself is lifted
//! by its own recovery and by nobody else; what it was told (by a person, by
//! overwatch) is lifted by being told so. The log runs when neither is left.

use crate::clock::Timestamp;
use crate::pause::{PauseReason, PauseSet};

/// The reasons that are set, by owner.
#[derive(Debug)]
pub(super) struct Pauses {
    found: PauseSet,
    told: PauseSet,
    since: Timestamp,
}

impl Pauses {
    pub(super) fn none(now: Timestamp) -> Pauses {
        Pauses { found: PauseSet::new(), told: PauseSet::new(), since: now }
    }

    /// All reasons, whoever set them.
    pub(super) fn all(&self) -> PauseSet {
        self.found.union(self.told)
    }

    /// When the first of them was set.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether the log itself found a reason.
    pub(super) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// The reasons that say something about a store: its own failures, and what a
    /// person said. What a watcher concluded is left out, or it would be taken for
    /// the failure that it was concluded from.
    pub(super) fn at_first_hand(&self) -> PauseSet {
        self.found.union(self.by_hand())
    }

    fn by_hand(&self) -> PauseSet {
        self.told.iter().filter(|reason| *reason == PauseReason::Manual).collect()
    }

    /// The log found it out; says whether it is new to the world.
    pub(super) fn find(&mut self, reason: PauseReason, now: Timestamp) -> bool {
        self.set(now, |pauses| pauses.found.insert(reason))
    }

    /// The log was told; says whether it is new to the world.
    pub(super) fn tell(&mut self, reason: PauseReason, now: Timestamp) -> bool {
        self.set(now, |pauses| pauses.told.insert(reason))
    }

    fn set(&mut self, now: Timestamp, insert: impl FnOnce(&mut Pauses) -> bool) -> bool {
        let before = self.all();
        if before.is_empty() {
            self.since = now;
        }
        insert(self) && self.all() != before
    }

    /// Takes back what was told; says whether that lifts it.
    pub(super) fn untell(&mut self, reason: PauseReason) -> bool {
        self.told.remove(reason) && !self.found.contains(reason)
    }

    /// Forgets what others concluded, but not what a person said.
    pub(super) fn untell_watchers(&mut self) {
        self.told = self.by_hand();
    }

    /// Lifts what the log found; returns those of it that nobody else holds.
    pub(super) fn recover(&mut self) -> PauseSet {
        let found = std::mem::take(&mut self.found);
        found.iter().filter(|reason| !self.told.contains(*reason)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn a_reason_that_two_have_set_ends_when_both_have_lifted_it() {
        let mut pauses = Pauses::none(at(0));
        assert!(pauses.find(PauseReason::StoreDown, at(1)));
        assert!(!pauses.tell(PauseReason::StoreDown, at(2)), "it is told once");

        assert!(pauses.recover().is_empty());
        assert!(pauses.all().contains(PauseReason::StoreDown));
        assert!(pauses.untell(PauseReason::StoreDown));

        assert!(pauses.all().is_empty());
        assert_eq!(pauses.since(), at(1));
    }

    #[test]
    fn nobody_lifts_what_another_has_set() {
        let mut pauses = Pauses::none(at(0));
        pauses.find(PauseReason::StoreDown, at(1));
        pauses.tell(PauseReason::DiskFull, at(1));

        assert!(!pauses.untell(PauseReason::StoreDown));
        assert_eq!(pauses.recover().iter().collect::<Vec<_>>(), [PauseReason::StoreDown]);

        assert_eq!(pauses.all().iter().collect::<Vec<_>>(), [PauseReason::DiskFull]);
    }
}
