//! Does the disk answer?
//!
//! Overwatch probes the store under the log, and suspends the log while the store
//! fails or hangs.

use std::sync::Arc;

use serde::Serialize;
use tidings::store::Sink;
use tidings::{Health, Log, Overwatch, PauseReason, QUIET_PERIOD, Timestamp};

/// The disk under the log, watched.
#[derive(Debug)]
pub struct Disk {
    overwatch: Overwatch,
}

impl Disk {
    /// Under this log lies this store. Nothing is probed before [`Disk::watch`].
    pub fn new(store: Arc<dyn Sink>, log: &Log) -> Disk {
        Disk { overwatch: Overwatch::new(store, vec![Arc::new(log.clone())]) }
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
