//! How is the store?

use serde::Serialize;

use crate::clock::Timestamp;
use crate::pause::PauseReason;

/// What overwatch knows of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Health {
    /// It answers, or has not been asked yet.
    Ok,
    /// It fails; components are suspended.
    Failing {
        /// What components are suspended for.
        reason: PauseReason,
        /// What the last probe said.
        cause: String,
        /// Whether it said anything: without an answer the store hangs.
        answers: bool,
        /// When the first probe failed.
        since: Timestamp,
    },
    /// It answers again; components are resumed once it has done so for the quiet
    /// period.
    Recovering {
        /// What components are still suspended for.
        reason: PauseReason,
        /// When it answered again.
        since: Timestamp,
    },
}

impl Health {
    /// Whether components run.
    pub fn is_ok(&self) -> bool {
        *self == Health::Ok
    }
}
