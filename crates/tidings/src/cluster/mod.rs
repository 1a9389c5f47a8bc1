//! Which of our events do others have, and which of theirs have we?
//!
//! A member stores events on its own disk first; a [`Cluster`] carries them to the
//! others through etcd, and takes in what others put there. An outage of etcd
//! costs freshness, not events: what waits stays on the disk.

mod applied;
mod applier;
mod backoff;
mod batch;
mod bell;
mod booking;
mod commons;
mod guard;
mod incoming;
mod inherited;
mod line;
mod linger;
mod noted;
mod order;
mod outlet;
mod packing;
mod peers;
mod presenter;
mod progress;
mod publisher;
mod restamp;
mod skew;
mod status;
#[cfg(test)]
mod tests;
mod told;

use std::fmt;
use std::time::Duration;

use crate::component::{Component, ComponentError};
use crate::id::Position;
use crate::log::Log;
use crate::pause::PauseReason;
use crate::sharing::Sharing;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, spawn, thread::JoinHandle};
use applier::Applier;
use bell::Bell;
use incoming::Incoming;
use outlet::Outlet;
use publisher::Publisher;

pub use backoff::BACKOFF_MAX;
pub use batch::{APPLY_BLOCKS_MAX, APPLY_BYTES_MAX, APPLY_EVENTS_MAX};
pub use commons::{Commons, Watching};
pub use guard::{
    QUOTA_BEAT, QUOTA_SHED_DEBUG_PERCENT, QUOTA_SHED_INFO_PERCENT, QUOTA_WARN_PERCENT,
};
pub use incoming::STALE_AFTER;
pub use line::HOLE_PATIENCE;
pub use linger::PUBLICATIONS_PER_SECOND_MAX;
pub use order::{BOOTS_KNOWN_MAX, HELD_BYTES_MAX, HOLES_KNOWN_MAX};
pub use peers::PEERS_KNOWN_MAX;
pub use skew::SKEW_MAX;
pub use status::{Applied, ClusterStatus, Peer, Publishing, QuotaEstimate, WatchState};

/// How often a member says how it is.
pub const PRESENCE_BEAT: Duration = Duration::from_secs(5);
/// How long a member that has not said goodbye may be silent before coverage says
/// that it is unheard.
pub const UNHEARD_AFTER: Duration = Duration::from_secs(15);
/// How long a publication waits for more events under load, by default.
pub const LINGER: Duration = Duration::from_secs(1);
/// How long it may be told to wait.
pub const LINGER_MAX: Duration = Duration::from_secs(10);
/// Bytes that etcd takes unless it was told otherwise.
pub const QUOTA_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// How long the applying thread waits at once before it looks whether it is to end.
const APPLY_WAIT: Duration = Duration::from_millis(200);

/// How a member takes part.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// How long a publication waits for more events under load, at most
    /// [`LINGER_MAX`]. Default: [`LINGER`].
    pub linger: Duration,
    /// Bytes that etcd takes: its `--quota-backend-bytes`. Default: [`QUOTA_BYTES`].
    pub quota_bytes: u64,
    /// Whether it has threads of its own. Default: yes. Without them tests step it.
    pub background: bool,
}

impl Default for ClusterOptions {
    fn default() -> ClusterOptions {
        ClusterOptions { linger: LINGER, quota_bytes: QUOTA_BYTES, background: true }
    }
}

/// Why a log does not take part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The log keeps nothing for others.
    #[error("the log is not shared: open it with LogOptions::shared")]
    NotShared,
    /// An option is out of its range.
    #[error("a linger of {given:?} is too long: at most {LINGER_MAX:?}")]
    Linger {
        /// As given.
        given: Duration,
    },
    /// The log's store cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The operating system has no thread to give.
    #[error("cannot start a thread of the cluster: {0}")]
    Thread(std::io::Error),
}

/// A log's part in a cluster. Dropping it ends it without a goodbye, as a crash
/// would.
pub struct Cluster {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What both sides share.
struct Shared {
    log: Log,
    commons: Arc<dyn Commons>,
    options: ClusterOptions,
    /// Wakes the publishing side.
    bell: Arc<Bell>,
    outlet: Outlet,
    ending: AtomicBool,
    /// Held while it steps, through calls to the commons.
    publisher: Mutex<Publisher>,
    /// There from the first step on.
    applier: Mutex<Option<Applier>>,
    /// What the applying side tells of itself.
    incoming: Arc<Incoming>,
}

impl Cluster {
    /// Takes part: publishes what waits in the log and what comes, and takes in
    /// what others publish. Does not wait for etcd.
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub fn join(
        log: &Log,
        commons: Arc<dyn Commons>,
        options: ClusterOptions,
    ) -> Result<Cluster, JoinError> {
        if options.linger > LINGER_MAX {
            return Err(JoinError::Linger { given: options.linger });
        }
        if !log.is_shared() {
            return Err(JoinError::NotShared);
        }
        let background = options.background;
        let incoming = Arc::new(Incoming::new(log.core().options.clock.clone()));
        let asked = Arc::clone(&incoming);
        log.core().set_peers(Some(Arc::new(move || asked.seen())));
        let shared = Arc::new(Shared {
            log: log.clone(),
            commons,
            publisher: Mutex::new(Publisher::new(log, &options)),
            options,
            bell: Arc::default(),
            outlet: Outlet::default(),
            ending: AtomicBool::new(false),
            applier: Mutex::new(None),
            incoming,
        });
        let cluster = Cluster { shared, threads: Mutex::default() };
        if background {
            cluster.start_threads().map_err(JoinError::Thread)?;
        }
        Ok(cluster)
    }

    fn start_threads(&self) -> std::io::Result<()> {
        let mut threads = self.threads.lock();
        let shared = Arc::clone(&self.shared);
        threads.push(spawn("tidings-publish", move || {
            while !shared.ends() {
                let rest = shared.publish_step();
                shared.bell.wait(rest);
            }
        })?);
        let shared = Arc::clone(&self.shared);
        threads.push(spawn("tidings-apply", move || {
            while !shared.ends() {
                shared.apply_step(APPLY_WAIT);
            }
            shared.note_applied();
        })?);
        Ok(())
    }

    /// How it is right now. Answers at once, whatever hangs.
    pub fn status(&self) -> ClusterStatus {
        self.shared.status()
    }

    /// Resolves once everything before this position has been published or named
    /// as unshared; never, while etcd is away. Wakes nobody who has stopped waiting.
    pub async fn shared_through(&self, position: Position) {
        self.shared.outlet.shared_through(position).await;
    }

    /// Publishes what waits, for as long as the deadline allows, says goodbye and
    /// ends. Called after [`Log::end`], so that the end of the boot is told too.
    /// Returns the second books.
    pub fn leave(&self, deadline: Duration) -> Sharing {
        let shared = &self.shared;
        // The goodbye itself takes a moment too.
        shared.outlet.leave_within(deadline * 3 / 4);
        shared.bell.ring();
        if shared.options.background {
            shared.outlet.wait_for_goodbye(deadline);
        } else {
            while !shared.outlet.has_said_goodbye() {
                // Whoever steps it has no time to wait.
                if !shared.publish_step().is_zero() {
                    shared.outlet.leave_now();
                }
            }
        }
        self.end();
        shared.log.core().set_peers(None);
        let sharing = shared.log.sharing().unwrap_or_default();
        tracing::info!(books = %sharing, "left the cluster");
        sharing
    }

    fn end(&self) {
        self.shared.ending.store(true, Ordering::Release);
        self.shared.bell.ring();
        // Not joined: a call to etcd may take its whole deadline.
        self.threads.lock().clear();
    }

    /// Does once what the publishing thread does; says how long it would rest.
    #[cfg(any(test, feature = "testing"))]
    pub fn publish_step(&self) -> Duration {
        self.shared.publish_step()
    }

    /// Does once what the applying thread does, waiting no longer than this.
    #[cfg(any(test, feature = "testing"))]
    pub fn apply_step(&self, wait: Duration) {
        self.shared.apply_step(wait);
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("commons", &self.shared.commons.describe())
            .finish_non_exhaustive()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

/// What overwatch over the commons suspends and resumes: the publishing side.
impl Component for Cluster {
    fn start(&self) -> Result<(), ComponentError> {
        self.resume(PauseReason::Manual)
    }

    fn stop(&self) {
        self.suspend(PauseReason::Manual);
    }

    fn identify(&self) -> &'static str {
        "cluster"
    }

    fn suspend(&self, reason: PauseReason) {
        self.shared.outlet.suspend(reason, self.shared.log.core().now());
    }

    fn change_reason(&self, was: PauseReason, is: PauseReason) {
        self.suspend(is);
        self.shared.outlet.resume(was);
    }

    fn resume(&self, reason: PauseReason) -> Result<(), ComponentError> {
        self.shared.outlet.resume(reason);
        self.shared.bell.ring();
        Ok(())
    }
}

impl Shared {
    fn ends(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    fn publish_step(&self) -> Duration {
        self.publisher.lock().step(self)
    }

    fn apply_step(&self, wait: Duration) {
        let mut applier = self.applier.lock();
        if applier.is_none() {
            match Applier::new(self) {
                Ok(new) => *applier = Some(new),
                Err(error) => {
                    tracing::warn!(%error, "what is applied cannot be read, it is tried again");
                    Bell::default().wait(wait);
                }
            }
        }
        if let Some(applier) = applier.as_mut() {
            applier.step(self, wait);
        }
    }

    /// Notes how far others' publications are applied, if the log still takes notes.
    fn note_applied(&self) {
        if let Some(applier) = self.applier.lock().as_mut() {
            applier.note_all(self);
        }
    }

    /// The time of the log's clock that only goes forward.
    fn monotonic(&self) -> Duration {
        self.log.core().options.clock.monotonic()
    }
}
