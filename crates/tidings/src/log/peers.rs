//! What do the other machines say of themselves? What a cluster tells the log, and
//! what follows from it for what the log can answer for.

use std::sync::Arc;

use super::coverage::Missing;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
use crate::sync::Mutex;

/// Whether a member is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerState {
    /// It was heard a moment ago.
    Heard,
    /// It should have been heard by now.
    Unheard,
    /// It said goodbye.
    Left,
}

/// How much of another member's events is here.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SeenThrough {
    /// What it calls itself.
    pub member: String,
    /// The id of its log.
    pub origin: Origin,
    /// What it received before this is here, or named as missing.
    pub through: Timestamp,
    /// Whether it is there.
    pub state: PeerState,
}

/// Another member, as far as coverage needs it.
#[derive(Clone, Debug)]
pub(crate) struct PeerSeen {
    pub(crate) seen: SeenThrough,
    /// Its latest start.
    pub(crate) boot: Boot,
}

/// A publication that will not come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hole {
    pub(crate) origin: Origin,
    pub(crate) boot: Boot,
    /// `received` of the last event before it, if there is one.
    pub(crate) from: Option<Timestamp>,
    /// `received` of the first event after it, if there is one.
    pub(crate) to: Option<Timestamp>,
}

/// The cluster at one instant; empty on a single machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeersSeen {
    pub(crate) peers: Vec<PeerSeen>,
    pub(crate) holes: Vec<Hole>,
    /// Since when nothing can come in, if so.
    pub(crate) stale_since: Option<Timestamp>,
}

/// What its own member says of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// No member speaks for it.
    None,
    /// It goes on, or `unheard` says what there is to say.
    GoesOn,
    /// Its member left, or has begun another since.
    IsOver,
}

impl PeersSeen {
    pub(super) fn word_of(&self, origin: Origin, boot: Boot) -> Word {
        match self.peers.iter().find(|peer| peer.seen.origin == origin) {
            None => Word::None,
            Some(peer) if peer.boot == boot && peer.seen.state != PeerState::Left => Word::GoesOn,
            Some(_) => Word::IsOver,
        }
    }

    /// What may be missing here because it has not come, or never will.
    pub(super) fn missing(&self, cutoff: Timestamp) -> Vec<Missing> {
        let mut missing = Vec::new();
        for peer in &self.peers {
            let name = (Some(peer.seen.origin), Some(peer.boot));
            if peer.seen.state == PeerState::Unheard {
                let span = (Some(peer.seen.through), None);
                missing.push(Missing::of(name, span, None, "unheard"));
            }
        }
        let kept = |hole: &&Hole| hole.to.is_none_or(|to| to >= cutoff);
        missing.extend(self.holes.iter().filter(kept).map(|hole| {
            Missing::of((Some(hole.origin), Some(hole.boot)), (hole.from, hole.to), None, "hole")
        }));
        missing.extend(
            self.stale_since
                .map(|since| Missing::of((None, None), (Some(since), None), None, "watch_stale")),
        );
        missing
    }

    pub(super) fn seen_through(self) -> Vec<SeenThrough> {
        self.peers.into_iter().map(|peer| peer.seen).collect()
    }
}

/// Tells how the cluster is right now, at once.
pub(crate) type AskPeers = Arc<dyn Fn() -> PeersSeen + Send + Sync>;

/// Where a cluster leaves word whom to ask.
#[derive(Default)]
pub(super) struct PeersSlot(Mutex<Option<AskPeers>>);

impl PeersSlot {
    pub(super) fn set(&self, ask: Option<AskPeers>) {
        *self.0.lock() = ask;
    }

    pub(super) fn ask(&self) -> PeersSeen {
        // Asked without the lock: it takes locks of its own.
        let ask = self.0.lock().clone();
        ask.map_or_else(PeersSeen::default, |ask| ask())
    }
}
