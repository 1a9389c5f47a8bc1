//! What do clients hear of etcd, and of the servers that share the log through it?

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use tidings::{Boot, Origin, PauseReason, Sharing, Timestamp};

/// A server's part in a cluster, as `/api/v1/stats` tells it.
#[derive(Debug, serde::Serialize)]
pub(super) struct ClusterTold {
    /// What is shared through.
    pub(super) commons: String,
    pub(super) etcd: EtcdTold,
    /// The second books.
    pub(super) sharing: Sharing,
    /// When the oldest event that waits was received.
    pub(super) oldest_waiting: Option<Timestamp>,
    pub(super) applied: AppliedTold,
    pub(super) watch: WatchTold,
    pub(super) quota: Option<QuotaTold>,
    /// The other servers; `/api/v1/members` has them.
    #[serde(skip)]
    pub(super) servers: Vec<Server>,
}

/// How etcd is for this server, as far as probes, publications and the watch say.
#[derive(Debug)]
pub(super) enum EtcdTold {
    Ok,
    Failing {
        reason: Trouble,
        since: Option<Timestamp>,
        /// What etcd said; for people.
        cause: Option<String>,
    },
    /// It answers again, and has to go on doing so until `trusted_from`.
    Recovering {
        reason: Trouble,
        since: Timestamp,
        trusted_from: Timestamp,
    },
}

impl Serialize for EtcdTold {
    /// `words` is what a sentence about etcd goes on with.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            EtcdTold::Ok => {
                map.serialize_entry("state", "ok")?;
                map.serialize_entry("words", "answers")?;
            }
            EtcdTold::Failing { reason, since, cause } => {
                map.serialize_entry("state", "failing")?;
                map.serialize_entry("words", reason.words())?;
                map.serialize_entry("reason", reason)?;
                map.serialize_entry("since", since)?;
                if let Some(cause) = cause {
                    map.serialize_entry("cause", cause)?;
                }
            }
            EtcdTold::Recovering { reason, since, trusted_from } => {
                map.serialize_entry("state", "recovering")?;
                map.serialize_entry("words", "answers again")?;
                map.serialize_entry("reason", reason)?;
                map.serialize_entry("since", since)?;
                map.serialize_entry("trusted_from", trusted_from)?;
            }
        }
        map.end()
    }
}

/// What is the matter with etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It fails whoever asks it.
    Down(PauseReason),
    /// It answers, and takes no events of this server.
    Refuses(PauseReason),
    /// It tells nothing of others' events.
    WatchStale,
}

impl Trouble {
    /// What follows `etcd`.
    pub(super) fn words(self) -> &'static str {
        match self {
            Trouble::WatchStale => "tells nothing of the others",
            Trouble::Down(reason) | Trouble::Refuses(reason) => match reason {
                PauseReason::StoreFull => "is full",
                PauseReason::Auth => "refuses the credentials",
                PauseReason::Throttled => "asks for fewer writes",
                _ if matches!(self, Trouble::Down(_)) => "is down",
                _ => "takes no events of this server",
            },
        }
    }
}

impl Serialize for Trouble {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Trouble::Down(reason) | Trouble::Refuses(reason) => reason.name(),
            Trouble::WatchStale => "watch_stale",
        })
    }
}

impl EtcdTold {
    pub(super) fn is_ok(&self) -> bool {
        matches!(self, EtcdTold::Ok)
    }

    /// For people: what follows `etcd: `.
    pub(super) fn words(&self) -> String {
        match self {
            EtcdTold::Ok => "answers".to_owned(),
            EtcdTold::Failing { reason, since, cause } => {
                let since = since.map(|since| format!(", since {since}")).unwrap_or_default();
                let cause = cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
                format!("{}{since}{cause}", reason.words())
            }
            EtcdTold::Recovering { since, trusted_from, .. } => {
                format!("answers again since {since}, trusted from {trusted_from}")
            }
        }
    }

    /// Why all is not well, in a few words that stay the same while it lasts.
    pub(super) fn failure(&self) -> Option<String> {
        match self {
            EtcdTold::Ok => None,
            EtcdTold::Failing { reason, .. } => Some(format!("etcd {}", reason.words())),
            EtcdTold::Recovering { .. } => Some("etcd answers again, not trusted yet".to_owned()),
        }
    }
}

/// What became of others' events, since the start of the server.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct AppliedTold {
    pub(super) blocks: u64,
    pub(super) events: u64,
    pub(super) duplicates: u64,
    pub(super) over_age: u64,
    pub(super) odd: u64,
    pub(super) holes: u64,
}

/// Whether others' events come in.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct WatchTold {
    pub(super) listed: bool,
    pub(super) silent_seconds: Option<f64>,
    pub(super) stale: bool,
    pub(super) revision: i64,
}

/// How full etcd will be once a whole retention is in it.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct QuotaTold {
    pub(super) bytes: u64,
    pub(super) quota_bytes: u64,
    /// The lowest severity number that is still published; 1 for all.
    pub(super) published_from: u8,
}

/// A server that takes part, as `/api/v1/members` tells it.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Server {
    pub(super) member: String,
    pub(super) origin: Origin,
    pub(super) boot: Boot,
    pub(super) version: String,
    pub(super) state: ServerState,
    /// Seconds since it was heard; 0 for this one.
    pub(super) silent_for: f64,
    /// All that it received before this is here, or told as missing.
    pub(super) through: Timestamp,
    /// How far its clock is ahead of ours, once that is known.
    pub(super) skew_seconds: Option<f64>,
    /// Events that wait there to be published.
    pub(super) waiting: u64,
    /// Events that it did not publish, by reason.
    pub(super) unshared: BTreeMap<String, u64>,
}

/// Whether a server is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ServerState {
    /// It is the one that answers.
    Here,
    Heard,
    Unheard,
    Left,
}

impl ServerState {
    pub(super) const ALL: [(ServerState, &'static str); 4] = [
        (ServerState::Here, "here"),
        (ServerState::Heard, "heard"),
        (ServerState::Unheard, "unheard"),
        (ServerState::Left, "left"),
    ];
}
