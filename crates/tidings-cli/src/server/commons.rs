//! What carries events to the other servers, and theirs here? This server's part
//! in a cluster, with a watch over the etcd in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidings::cluster::{Cluster, ClusterOptions, ClusterStatus, Peer};
use tidings::store::etcd::EtcdStore;
use tidings::{
    Clock, Component, Health, Log, Overwatch, PeerState, Position, QUIET_PERIOD, Sharing, Unshared,
};

use super::sharing::{
    AppliedTold, ClusterTold, EtcdTold, QuotaTold, Server, ServerState, Trouble, WatchTold,
};
use super::stats::VERSION;
use crate::exit::{Exit, Failure};
use crate::settings::EtcdSettings;

/// This server's part in a cluster. Dropping it ends it without a goodbye.
#[derive(Debug)]
pub struct Commons {
    cluster: Arc<Cluster>,
    store: Arc<EtcdStore>,
    overwatch: Overwatch,
    log: Log,
    clock: Clock,
}

impl Commons {
    /// Takes part with a log that was opened to be shared. Does not wait for etcd: one
    /// that is away, or does not let us in, is told by what the server answers.
    ///
    /// # Errors
    ///
    /// The settings cannot be used, the log's store cannot be read, or the operating
    /// system has no threads to give.
    pub fn join(settings: &EtcdSettings, log: &Log) -> Result<Commons, Failure> {
        let unusable =
            |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, format!("etcd: {error}"));
        let options = settings.options(log.options().retention);
        let store = Arc::new(EtcdStore::connect(options).map_err(|error| unusable(&error))?);
        let options = ClusterOptions {
            linger: settings.linger,
            quota_bytes: settings.quota_bytes,
            ..ClusterOptions::default()
        };
        let cannot_join = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::CannotServe, format!("cannot share the log: {error}"))
        };
        let cluster = Cluster::join(log, store.clone(), options);
        let cluster = Arc::new(cluster.map_err(|error| cannot_join(&error))?);
        let components: Vec<Arc<dyn Component>> = vec![cluster.clone()];
        let overwatch = Overwatch::new(store.clone(), components);
        overwatch.start().map_err(|error| cannot_join(&error))?;
        let clock = log.options().clock.clone();
        Ok(Commons { cluster, store, overwatch, log: log.clone(), clock })
    }

    /// Publishes what waits, for as long as the deadline allows, and says goodbye.
    pub fn leave(&self, deadline: Duration) -> Sharing {
        // What waits gets its chance, whatever a probe would say now.
        self.overwatch.stop();
        let sharing = self.cluster.leave(deadline);
        self.store.let_go();
        sharing
    }

    /// Resolves once everything before this position is published or named as
    /// unshared.
    pub(super) async fn shared_through(&self, position: Position) {
        self.cluster.shared_through(position).await;
    }

    /// Events that were not published and never will be, so far.
    pub(super) fn unshared_total(&self) -> u64 {
        self.cluster.status().sharing.unshared_total()
    }

    /// How it is right now. Answers at once, whatever hangs.
    pub(super) fn told(&self) -> ClusterTold {
        let status = self.cluster.status();
        let etcd = etcd(&self.overwatch.health(), &status);
        let ClusterStatus { commons, publishing, sharing, applied, watching, peers, quota, .. } =
            status;
        ClusterTold {
            commons,
            etcd,
            servers: self.servers(&sharing, peers),
            sharing,
            oldest_waiting: publishing.oldest_waiting,
            applied: AppliedTold {
                blocks: applied.blocks,
                events: applied.events,
                duplicates: applied.duplicates,
                over_age: applied.over_age,
                odd: applied.odd,
                holes: applied.holes,
            },
            watch: WatchTold {
                listed: watching.listed,
                silent_seconds: watching.silent_seconds,
                stale: watching.stale,
                revision: watching.revision,
            },
            quota: quota.map(|quota| QuotaTold {
                bytes: quota.bytes,
                quota_bytes: quota.quota_bytes,
                published_from: quota.published_from,
            }),
        }
    }

    /// How etcd is. Costs less than [`Commons::told`].
    pub(super) fn etcd(&self) -> EtcdTold {
        etcd(&self.overwatch.health(), &self.cluster.status())
    }

    /// This one, then the others by name.
    fn servers(&self, sharing: &Sharing, peers: Vec<Peer>) -> Vec<Server> {
        let here = Server {
            member: self.log.member().to_owned(),
            origin: self.log.origin(),
            boot: self.log.boot(),
            version: VERSION.to_owned(),
            state: ServerState::Here,
            silent_for: 0.0,
            through: self.clock.now(),
            skew_seconds: Some(0.0),
            waiting: sharing.waiting,
            unshared: unshared(sharing),
        };
        let mut others: Vec<Server> = peers.into_iter().map(server).collect();
        others.sort_by(|a, b| (&a.member, a.origin).cmp(&(&b.member, b.origin)));
        [vec![here], others].concat()
    }
}

/// What was given up, by reason; reasons without any are left out.
fn unshared(sharing: &Sharing) -> BTreeMap<String, u64> {
    let all = Unshared::ALL.map(|reason| (reason.name().to_owned(), sharing.unshared(reason)));
    all.into_iter().filter(|(_, events)| *events > 0).collect()
}

fn server(peer: Peer) -> Server {
    Server {
        member: peer.member,
        origin: peer.origin,
        boot: peer.boot,
        version: peer.version,
        state: match peer.state {
            PeerState::Heard => ServerState::Heard,
            PeerState::Unheard => ServerState::Unheard,
            PeerState::Left => ServerState::Left,
        },
        silent_for: peer.heard_ago.as_secs_f64(),
        through: peer.through,
        skew_seconds: peer.skew_seconds,
        waiting: peer.waiting,
        unshared: peer.unshared,
    }
}

/// What probes say counts first; then what became of publications, and then whether
/// the watch lives.
fn etcd(health: &Health, status: &ClusterStatus) -> EtcdTold {
    let publishing = &status.publishing;
    match health {
        Health::Failing { reason, cause, since, .. } => EtcdTold::Failing {
            reason: Trouble::Down(*reason),
            since: Some(*since),
            cause: Some(cause.clone()),
        },
        Health::Recovering { reason, since } => EtcdTold::Recovering {
            reason: Trouble::Down(*reason),
            since: *since,
            trusted_from: since.after(QUIET_PERIOD),
        },
        _ => match publishing.reasons.iter().next() {
            Some(reason) => EtcdTold::Failing {
                reason: Trouble::Refuses(reason),
                since: publishing.since,
                cause: publishing.cause.clone(),
            },
            None if status.watching.stale => {
                EtcdTold::Failing { reason: Trouble::WatchStale, since: None, cause: None }
            }
            None => EtcdTold::Ok,
        },
    }
}

#[cfg(test)]
mod tests {
    use tidings::cluster::{Applied, Publishing, WatchState};
    use tidings::{PauseReason, PauseSet, Timestamp};

    use super::*;

    fn status(reasons: &[PauseReason], stale: bool) -> ClusterStatus {
        let reasons: PauseSet = reasons.iter().copied().collect();
        let cause = (!reasons.is_empty()).then(|| "somebody else writes it".to_owned());
        ClusterStatus {
            commons: "etcd".to_owned(),
            publishing: Publishing { reasons, since: None, cause, oldest_waiting: None },
            sharing: Sharing::default(),
            applied: Applied::default(),
            watching: WatchState { stale, listed: true, ..WatchState::default() },
            peers: Vec::new(),
            quota: None,
        }
    }

    fn failing(reason: PauseReason) -> Health {
        let (cause, since) = ("no answer".to_owned(), Timestamp::from_nanos(0));
        Health::Failing { reason, cause, answers: false, since }
    }

    #[track_caller]
    fn assert_told(health: &Health, status: &ClusterStatus, failure: Option<&str>) {
        let told = etcd(health, status);
        assert_eq!(told.failure().as_deref(), failure);
        assert_eq!(told.is_ok(), failure.is_none());
    }

    #[test]
    fn an_etcd_is_well_when_it_answers_takes_and_tells() {
        assert_told(&Health::Ok, &status(&[], false), None);
        assert_eq!(etcd(&Health::Ok, &status(&[], false)).words(), "answers");
    }

    #[test]
    fn what_probes_say_counts_before_what_follows_from_it() {
        let paused = status(&[PauseReason::StoreDown], true);

        assert_told(&failing(PauseReason::StoreDown), &paused, Some("etcd is down"));
        let auth = status(&[PauseReason::Auth], true);
        assert_told(&failing(PauseReason::Auth), &auth, Some("etcd refuses the credentials"));
        let since = Timestamp::from_nanos(0);
        let recovering = Health::Recovering { reason: PauseReason::StoreDown, since };
        assert_told(&recovering, &paused, Some("etcd answers again, not trusted yet"));
    }

    #[test]
    fn an_etcd_that_answers_and_takes_or_tells_nothing_is_not_well() {
        let refused = status(&[PauseReason::StoreDown], false);
        assert_told(&Health::Ok, &refused, Some("etcd takes no events of this server"));
        let words = etcd(&Health::Ok, &refused).words();
        assert_eq!(words, "takes no events of this server (somebody else writes it)");
        let full = status(&[PauseReason::StoreFull], false);
        assert_told(&Health::Ok, &full, Some("etcd is full"));
        assert_told(&Health::Ok, &status(&[], true), Some("etcd tells nothing of the others"));
    }
}
