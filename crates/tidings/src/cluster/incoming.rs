//! What is known of others, for whoever asks while the applying thread works?

use std::time::Duration;

use super::order::{BootName, Order};
use super::peers::{Now, Peers};
use super::skew::Skew;
use super::status::{Applied, Peer, WatchState};
use crate::clock::Clock;
use crate::id::Origin;
use crate::log::{Hole, PeersSeen};
use crate::store::etcd::{Presence, WATCH_SILENCE};
use crate::sync::Mutex;

/// A watch that was silent for longer is stale: twice as long as it takes to be
/// asked whether it still lives.
pub const STALE_AFTER: Duration = Duration::from_secs(2 * WATCH_SILENCE.as_secs());

/// What the applying thread has found out. Answers at once, whatever hangs.
#[derive(Debug)]
pub(super) struct Incoming {
    clock: Clock,
    /// A leaf among the locks.
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    peers: Peers,
    applied: Applied,
    holes: Vec<Hole>,
    /// Since when a list of what is kept is awaited, on the clock that only goes
    /// forward.
    unlisted_since: Option<Duration>,
    /// When the watch was last heard, or was begun.
    heard_at: Duration,
    was_heard: bool,
    revision: i64,
}

impl Incoming {
    pub(super) fn new(clock: Clock) -> Incoming {
        let known = Known {
            peers: Peers::default(),
            applied: Applied::default(),
            holes: Vec::new(),
            unlisted_since: Some(clock.monotonic()),
            heard_at: clock.monotonic(),
            was_heard: false,
            revision: 0,
        };
        Incoming { clock, known: Mutex::new(known) }
    }

    pub(super) fn now(&self) -> Now {
        (self.clock.now(), self.clock.monotonic())
    }

    /// The revision up to which everything is applied.
    pub(super) fn revision(&self) -> i64 {
        self.known.lock().revision
    }

    pub(super) fn applied(&self) -> Applied {
        self.known.lock().applied
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Applied)) {
        count(&mut self.known.lock().applied);
    }

    pub(super) fn hear(&self, said: Presence, revision: i64, live: bool) {
        let now = self.now();
        self.known.lock().peers.hear(said, revision, now, live);
    }

    pub(super) fn skew(&self, origin: Origin) -> Option<Skew> {
        self.known.lock().peers.skew(origin)
    }

    /// All that is kept comes now, from the beginning.
    pub(super) fn listing(&self) {
        let passed = self.clock.monotonic();
        self.known.lock().unlisted_since.get_or_insert(passed);
    }

    /// What was kept has come, or had come before this start.
    pub(super) fn listed(&self) {
        self.known.lock().unlisted_since = None;
    }

    /// The watch was heard so long ago. Says whether others' events come in.
    pub(super) fn watched(&self, silent_for: Option<Duration>) -> bool {
        let passed = self.clock.monotonic();
        let mut known = self.known.lock();
        if let Some(silent_for) = silent_for {
            known.was_heard = true;
            known.heard_at = known.heard_at.max(passed.saturating_sub(silent_for));
        }
        known.stale_since(passed).is_none()
    }

    /// What was let go so far is applied durably.
    pub(super) fn applied_all(&self, order: &Order) {
        let is_through = |boot: BootName, number| order.is_through(boot, number);
        let mut known = self.known.lock();
        known.revision = order.revision();
        let revision = known.revision;
        known.peers.applied(revision, is_through);
        known.holes = order
            .holes()
            .map(|(BootName { origin, boot }, hole)| {
                let (from, to) = (hole.received.0, Some(hole.until()));
                Hole { origin, boot, from, to }
            })
            .collect();
    }

    pub(super) fn forget_unseen(&self, retention: Duration) {
        let passed = self.clock.monotonic();
        self.known.lock().peers.forget_unseen(passed, retention);
    }

    pub(super) fn peers(&self) -> Vec<Peer> {
        let passed = self.clock.monotonic();
        self.known.lock().peers.all(passed)
    }

    pub(super) fn watching(&self) -> WatchState {
        let passed = self.clock.monotonic();
        let known = self.known.lock();
        let silent = passed.saturating_sub(known.heard_at).as_secs_f64();
        WatchState {
            listed: known.unlisted_since.is_none(),
            silent_seconds: known.was_heard.then_some(silent),
            stale: known.stale_since(passed).is_some(),
            revision: known.revision,
        }
    }

    /// As coverage needs it. While nobody can be heard, members count as they did
    /// when the watch was heard last: that it is stale is all there is to tell.
    pub(super) fn seen(&self) -> PeersSeen {
        let (now, passed) = self.now();
        let known = self.known.lock();
        let since = known.stale_since(passed);
        PeersSeen {
            peers: known.peers.seen(since.unwrap_or(passed)),
            holes: known.holes.clone(),
            stale_since: since.map(|since| now.before(passed.saturating_sub(since))),
        }
    }
}

impl Known {
    /// Since when others' events may be missing because they do not come in, on the
    /// clock that only goes forward.
    fn stale_since(&self, passed: Duration) -> Option<Duration> {
        let is_silent = passed.saturating_sub(self.heard_at) > STALE_AFTER || !self.was_heard;
        self.unlisted_since.or(is_silent.then_some(self.heard_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::UNHEARD_AFTER;
    use crate::cluster::tests::others::{START, presence};
    use crate::log::PeerState;

    #[test]
    fn a_stale_watch_makes_nobody_unheard_who_was_heard_before() {
        let clock = Clock::by_hand(START);
        let incoming = Incoming::new(clock.clone());
        incoming.listed();
        incoming.watched(Some(Duration::ZERO));
        incoming.hear(presence(Origin::from_bytes([4; 16]), START), 1, true);

        let silent = 2 * UNHEARD_AFTER;
        clock.advance(silent);
        incoming.watched(Some(silent));

        let seen = incoming.seen();
        assert_eq!(seen.stale_since, Some(START));
        assert_eq!(seen.peers[0].seen.state, PeerState::Heard);
        incoming.watched(Some(Duration::ZERO));
        assert_eq!(incoming.seen().peers[0].seen.state, PeerState::Unheard);
    }
}
