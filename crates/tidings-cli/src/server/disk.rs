//! Does the disk answer, and who need not wait for it any more?
//!
//! Overwatch probes the store under the log. When the store fails or hangs it
//! suspends two things: the log, so that it takes nothing, and the requests whose
//! events are being written, so that they are answered.

use std::sync::Arc;

use serde::Serialize;
use tidings::store::Sink;
use tidings::{
    Component, ComponentError, Health, Log, Overwatch, PauseReason, QUIET_PERIOD, Timestamp,
};
use tokio::sync::watch;

/// The disk under the log, watched.
#[derive(Debug)]
pub struct Disk {
    overwatch: Overwatch,
    down: watch::Receiver<bool>,
}

/// The component that requests which write look at.
struct Writers {
    down: watch::Sender<bool>,
}

impl Component for Writers {
    fn start(&self) -> Result<(), ComponentError> {
        self.down.send_replace(false);
        Ok(())
    }

    fn stop(&self) {
        self.down.send_replace(true);
    }

    fn identify(&self) -> &'static str {
        "http"
    }

    fn suspend(&self, reason: PauseReason) {
        // Any other failure is an answer, which the writer gets by itself.
        self.down.send_replace(reason == PauseReason::StoreDown);
    }

    fn change_reason(&self, _was: PauseReason, is: PauseReason) {
        self.suspend(is);
    }
}

impl Disk {
    /// Under this log lies this store. Nothing is probed before [`Disk::watch`].
    pub fn new(store: Arc<dyn Sink>, log: &Log) -> Disk {
        let (sender, down) = watch::channel(false);
        // The log first: what it says to its writers is more exact.
        let components: Vec<Arc<dyn Component>> =
            vec![Arc::new(log.clone()), Arc::new(Writers { down: sender })];
        Disk { overwatch: Overwatch::new(store, components), down }
    }

    /// Begins to probe.
    ///
    /// # Errors
    ///
    /// The operating system has no threads to give.
    pub fn watch(&self) -> std::io::Result<()> {
        self.overwatch.start()
    }

    /// Probes no more. Answers at once.
    pub fn let_go(&self) {
        self.overwatch.stop();
    }

    /// Resolves once the store counts as down.
    pub(super) async fn is_down(&self) {
        let mut down = self.down.clone();
        if down.wait_for(|down| *down).await.is_err() {
            std::future::pending::<()>().await; // nobody watches
        }
    }

    /// What is known of it right now.
    pub(super) fn state(&self) -> DiskState {
        match self.overwatch.health() {
            Health::Failing { reason, answers, since, .. } => {
                DiskState::Failing { reason, answers, since }
            }
            Health::Recovering { reason, since } => {
                DiskState::Recovering { reason, since, trusted_from: since.after(QUIET_PERIOD) }
            }
            _ => DiskState::Ok,
        }
    }
}

/// How the disk is, as clients are told: what the system said stays in the
/// server's own log.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(super) enum DiskState {
    Ok,
    Failing {
        reason: PauseReason,
        /// Whether it answers at all.
        answers: bool,
        since: Timestamp,
    },
    /// It answers again, and has to go on doing so until `trusted_from`.
    Recovering {
        reason: PauseReason,
        since: Timestamp,
        trusted_from: Timestamp,
    },
}

impl DiskState {
    pub(super) fn is_ok(self) -> bool {
        matches!(self, DiskState::Ok)
    }

    /// For people.
    pub(super) fn words(self) -> String {
        match self {
            DiskState::Ok => "answers".to_owned(),
            DiskState::Failing { answers: false, since, .. } => {
                format!("does not answer, since {since}")
            }
            DiskState::Failing { reason, since, .. } => format!("{reason}, since {since}"),
            DiskState::Recovering { since, trusted_from, .. } => {
                format!("answers again since {since}, trusted from {trusted_from}")
            }
        }
    }
}
