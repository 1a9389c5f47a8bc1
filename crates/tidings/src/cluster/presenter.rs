//! When does a member say how it is, and what?

use std::time::Duration;

use super::{PRESENCE_BEAT, Shared};
use crate::clock::Timestamp;
use crate::log::Core;
use crate::sharing::Unshared;
use crate::store::StoreError;
use crate::store::etcd::{PRESENCE_FORMAT, Presence};

/// Shows the presence of this member.
#[derive(Debug, Default)]
pub(super) struct Presenter {
    /// On the clock that only goes forward.
    due: Duration,
    /// What was received before this is published or given up.
    through: Timestamp,
}

impl Presenter {
    pub(super) fn is_due(&self, now: Duration) -> bool {
        now >= self.due
    }

    /// How long until it is due.
    pub(super) fn rest(&self, now: Duration) -> Duration {
        self.due.saturating_sub(now)
    }

    /// There is news that should not wait for the beat.
    pub(super) fn hurry(&mut self) {
        self.due = Duration::ZERO;
    }

    /// Shows how this member is now. `published` is the number of the last
    /// publication of its boot.
    ///
    /// # Errors
    ///
    /// The commons do not take it: it stays due.
    pub(super) fn show(
        &mut self,
        shared: &Shared,
        now: Duration,
        published: u64,
        left: bool,
    ) -> Result<(), StoreError> {
        let core = shared.log.core();
        self.through = through(core).unwrap_or(self.through);
        let sharing = core.sharing().unwrap_or_default();
        let unshared = Unshared::ALL.map(|why| (why.name().to_owned(), sharing.unshared(why)));
        shared.commons.show(&Presence {
            format: PRESENCE_FORMAT,
            member: core.options.member.clone(),
            origin: core.origin,
            boot: core.boot,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: core.now(),
            through: self.through,
            published,
            waiting: sharing.waiting,
            unshared: unshared.into_iter().filter(|(_, events)| *events > 0).collect(),
            applied: shared.applied_through(),
            left,
        })?;
        self.due = now + PRESENCE_BEAT;
        Ok(())
    }
}

/// What was received before this is published or given up; `None` if the oldest that
/// waits cannot be read.
fn through(core: &Core) -> Option<Timestamp> {
    // In this order: what is settled now is in the books that are looked at then.
    let settled = core.settled_through();
    let Some(first) = core.first_waiting() else { return Some(settled) };
    let waiting = core.waiting(first, 1).ok()?;
    // Nothing: it was given up a moment ago, and the next time tells more.
    let oldest = waiting.first()?.block.as_ref().ok()?.header().received.0;
    Some(settled.min(oldest))
}
