//! How is the cluster, as this member sees it?

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Shared;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
use crate::log::PeerState;
use crate::pause::PauseSet;
use crate::sharing::Sharing;
use crate::store::Sink;

/// What is known of the cluster right now. Asking costs no call to etcd.
#[derive(Clone, Debug, Serialize)]
pub struct ClusterStatus {
    /// What is shared through: `etcd http://… (prefix tidings)`.
    pub commons: String,
    /// Whether own events go out.
    pub publishing: Publishing,
    /// The second books.
    pub sharing: Sharing,
    /// What became of what others put there, since this start.
    pub applied: Applied,
    /// Whether others' events come in.
    pub watching: WatchState,
    /// Every member that was heard of within the retention, this one left out.
    pub peers: Vec<Peer>,
    /// How full etcd will be, once that is known.
    pub quota: Option<QuotaEstimate>,
}

/// Whether own events go out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Publishing {
    /// Why not; empty while they do.
    pub reasons: PauseSet,
    /// Since when not.
    pub since: Option<Timestamp>,
    /// What etcd said last; for people.
    pub cause: Option<String>,
    /// `received` of the oldest event that waits.
    pub oldest_waiting: Option<Timestamp>,
}

/// What became of what others put there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Publications that were taken in.
    pub blocks: u64,
    /// Their events.
    pub events: u64,
    /// Events that were here already: the same number, or the same key.
    pub duplicates: u64,
    /// Events that were over age when they came.
    pub over_age: u64,
    /// Values that are no publication: passed over, and named in the log of the
    /// program.
    pub odd: u64,
    /// Publications that were waited for in vain.
    pub holes: u64,
}

/// Whether others' events come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct WatchState {
    /// All that was kept when the watch began has come.
    pub listed: bool,
    /// Seconds since etcd last gave a sign of life on the watch.
    pub silent_seconds: Option<f64>,
    /// Others' events may be missing here, because the watch is silent.
    pub stale: bool,
    /// The revision up to which everything is applied.
    pub revision: i64,
}

/// Another member, as it was last heard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peer {
    /// What it calls itself.
    pub member: String,
    /// The id of its log.
    pub origin: Origin,
    /// Its latest start.
    pub boot: Boot,
    /// Its program's version.
    pub version: String,
    /// Whether it is there.
    pub state: PeerState,
    /// How long ago it was heard here.
    pub heard_ago: Duration,
    /// All that it received before this is here, or named as missing.
    pub through: Timestamp,
    /// How far its clock is ahead of ours, in seconds; negative when behind; once
    /// it was heard live.
    pub skew_seconds: Option<f64>,
    /// Events that wait there to be published.
    pub waiting: u64,
    /// Events of its boot that it did not publish, by reason.
    pub unshared: BTreeMap<String, u64>,
}

/// How full etcd will be when a whole retention is in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct QuotaEstimate {
    /// Bytes that a retention at the present rate takes, everybody's together.
    pub bytes: u64,
    /// What etcd takes.
    pub quota_bytes: u64,
    /// The lowest severity number that is still published; 1 for all.
    pub published_from: u8,
}

impl Shared {
    pub(super) fn status(&self) -> ClusterStatus {
        ClusterStatus {
            commons: self.commons.describe(),
            publishing: self.outlet.publishing(),
            sharing: self.log.sharing().unwrap_or_default(),
            applied: self.incoming.applied(),
            watching: self.incoming.watching(),
            peers: self.incoming.peers(),
            quota: self.outlet.quota(),
        }
    }

    /// The revision up to which everything is applied.
    pub(super) fn applied_through(&self) -> i64 {
        self.incoming.revision()
    }
}
