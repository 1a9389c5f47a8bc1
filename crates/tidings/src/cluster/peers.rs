//! Who else is there, and how much of what they recorded is here?
//!
//! A member says every few seconds how far it has published. Once everything that
//! was published before it said so is applied, all that it received until then is
//! here, or named as missing.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::UNHEARD_AFTER;
use super::order::BootName;
use super::skew::{Skew, SkewSeen};
use super::status::Peer;
use crate::clock::Timestamp;
use crate::id::Origin;
use crate::log::{PeerSeen, PeerState, SeenThrough};
use crate::store::etcd::Presence;

/// Members that are known at once, at most.
pub const PEERS_KNOWN_MAX: usize = 256;
/// Words of one member that wait until what they speak of is applied, at most.
const WORDS_MAX: usize = 16;

/// Every other member that was heard of.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(BTreeMap<Origin, Heard>);

/// What is known of a member.
#[derive(Clone, Debug)]
struct Heard {
    said: Presence,
    /// When it was last heard as it spoke, if it was.
    alive_at: Option<Duration>,
    /// When anything of it was last seen.
    seen_at: Duration,
    skew: SkewSeen,
    /// By its clock.
    through: Timestamp,
    /// Oldest first.
    words: VecDeque<Word>,
}

/// All that a member received before `through` is among its first publications.
#[derive(Clone, Copy, Debug)]
struct Word {
    revision: i64,
    boot: BootName,
    published: u64,
    through: Timestamp,
}

/// When it is, on both clocks.
pub(super) type Now = (Timestamp, Duration);

impl Peers {
    /// Takes in what a member said. Not `live` if it may have been said long ago.
    pub(super) fn hear(&mut self, said: Presence, revision: i64, now: Now, live: bool) {
        let (ours, passed) = now;
        let origin = said.origin;
        let boot = BootName { origin, boot: said.boot };
        let heard = self.0.entry(origin).or_insert_with(|| Heard {
            said: said.clone(),
            alive_at: None,
            seen_at: passed,
            skew: SkewSeen::default(),
            through: Timestamp::default(),
            words: VecDeque::new(),
        });
        if live {
            heard.skew.heard(said.at, now);
        }
        let skew = heard.skew.skew().unwrap_or_default();
        let age = ours.since(skew.corrected(said.at));
        if age <= UNHEARD_AFTER {
            heard.alive_at = heard.alive_at.max(Some(passed.saturating_sub(age)));
        }
        heard.seen_at = passed;
        if heard.words.len() == WORDS_MAX {
            heard.words.pop_back();
        }
        let (published, through) = (said.published, said.through);
        heard.words.push_back(Word { revision, boot, published, through });
        heard.said = said;
        self.bound(origin);
    }

    /// Everything up to this revision is applied, and of each boot what `is_through`
    /// says.
    pub(super) fn applied(&mut self, revision: i64, is_through: impl Fn(BootName, u64) -> bool) {
        for heard in self.0.values_mut() {
            while let Some(word) = heard.words.front() {
                if word.revision > revision || !is_through(word.boot, word.published) {
                    break;
                }
                heard.through = word.through;
                heard.words.pop_front();
            }
        }
    }

    /// How far a member's clock is ahead, once it was heard for long enough.
    pub(super) fn skew(&self, origin: Origin) -> Option<Skew> {
        self.0.get(&origin).and_then(|heard| heard.skew.skew())
    }

    /// Forgets who was not heard of for so long that nothing of it is kept any more.
    pub(super) fn forget_unseen(&mut self, passed: Duration, retention: Duration) {
        self.0.retain(|_, heard| passed.saturating_sub(heard.seen_at) < retention);
    }

    pub(super) fn all(&self, passed: Duration) -> Vec<Peer> {
        self.0.values().map(|heard| heard.peer(passed)).collect()
    }

    /// As coverage needs them.
    pub(super) fn seen(&self, passed: Duration) -> Vec<PeerSeen> {
        let peers = self.0.values().map(|heard| {
            let Peer { member, origin, boot, state, through, .. } = heard.peer(passed);
            PeerSeen { seen: SeenThrough { member, origin, through, state }, boot }
        });
        peers.collect()
    }

    fn bound(&mut self, but: Origin) {
        let others = self.0.iter().filter(|(origin, _)| **origin != but);
        let silent = others.min_by_key(|(_, heard)| (heard.alive_at, heard.seen_at));
        if let Some((origin, _)) = silent.filter(|_| self.0.len() > PEERS_KNOWN_MAX) {
            let origin = *origin;
            self.0.remove(&origin);
        }
    }
}

impl Heard {
    fn state(&self, passed: Duration) -> PeerState {
        let lives = |at| passed.saturating_sub(at) <= UNHEARD_AFTER;
        if self.said.left {
            PeerState::Left
        } else if self.alive_at.is_some_and(lives) {
            PeerState::Heard
        } else {
            PeerState::Unheard
        }
    }

    fn peer(&self, passed: Duration) -> Peer {
        let skew = self.skew.skew();
        Peer {
            member: self.said.member.clone(),
            origin: self.said.origin,
            boot: self.said.boot,
            version: self.said.version.clone(),
            state: self.state(passed),
            heard_ago: passed.saturating_sub(self.alive_at.unwrap_or(self.seen_at)),
            through: skew.unwrap_or_default().corrected_if_wrong(self.through),
            skew_seconds: skew.map(Skew::seconds),
            waiting: self.said.waiting,
            unshared: self.said.unshared.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::PRESENCE_BEAT;
    use crate::cluster::tests::others::{START, presence};

    const ORIGIN: Origin = Origin::from_bytes([4; 16]);
    const DAY: Duration = Duration::from_hours(24);

    fn now(beats: u32) -> Now {
        (START.after(PRESENCE_BEAT * beats), DAY + PRESENCE_BEAT * beats)
    }

    fn peer(peers: &Peers, beats: u32) -> Peer {
        peers.all(now(beats).1).remove(0)
    }

    #[test]
    fn a_member_is_heard_until_three_beats_stay_away_or_it_says_goodbye() {
        let mut peers = Peers::default();
        peers.hear(presence(ORIGIN, now(0).0), 1, now(0), true);

        assert_eq!(peer(&peers, 3).state, PeerState::Heard);
        assert_eq!(peer(&peers, 4).state, PeerState::Unheard);

        peers.hear(Presence { left: true, ..presence(ORIGIN, now(4).0) }, 2, now(4), true);
        assert_eq!(peer(&peers, 9).state, PeerState::Left);
    }

    #[test]
    fn what_was_said_long_ago_makes_nobody_heard() {
        let mut peers = Peers::default();
        for (beats, live) in [(0, false), (1, true)] {
            peers.hear(presence(ORIGIN, START.before(DAY)), 1, now(beats), live);
            assert_eq!(peer(&peers, beats).state, PeerState::Unheard);
        }
    }

    #[test]
    fn a_member_whose_clock_is_a_day_off_is_heard_from_its_second_beat_on() {
        for offset in [START.after(DAY), START.before(DAY), START.before(3650 * DAY)] {
            let mut peers = Peers::default();
            for beats in 0..2 {
                let said = presence(ORIGIN, offset.after(PRESENCE_BEAT * beats));
                peers.hear(said, 1, now(beats), true);
            }
            peers.applied(1, |_, _| true);
            let peer = peer(&peers, 1);
            assert_eq!(peer.state, PeerState::Heard);
            assert_eq!(peer.through, now(1).0, "by our clock");
        }
    }

    #[test]
    fn what_a_member_received_is_here_only_when_all_it_had_published_is_applied() {
        let mut peers = Peers::default();
        for beats in 1..3 {
            let published = u64::from(beats) * 10;
            let said = Presence { published, ..presence(ORIGIN, now(beats).0) };
            peers.hear(said, i64::from(beats) * 100, now(beats), true);
        }
        let through = |peers: &Peers| peer(peers, 2).through;

        peers.applied(99, |_, _| true);
        assert_eq!(through(&peers), Timestamp::default());
        peers.applied(1000, |_, number| number <= 9);
        assert_eq!(through(&peers), Timestamp::default());
        peers.applied(1000, |_, number| number <= 19);
        assert_eq!(through(&peers), now(1).0);
        peers.applied(1000, |_, number| number <= 20);
        assert_eq!(through(&peers), now(2).0);
    }

    #[test]
    fn members_without_end_are_known_only_up_to_their_bound() {
        let mut peers = Peers::default();
        for number in 0..2 * PEERS_KNOWN_MAX as u128 {
            let said = presence(Origin::from_bytes(number.to_be_bytes()), now(0).0);
            for _ in 0..2 * WORDS_MAX {
                peers.hear(said.clone(), 1, now(0), true);
            }
        }
        assert_eq!(peers.0.len(), PEERS_KNOWN_MAX);
        assert!(peers.0.values().all(|heard| heard.words.len() <= WORDS_MAX));

        peers.forget_unseen(now(0).1 + DAY, DAY);
        assert!(peers.0.is_empty());
    }
}
