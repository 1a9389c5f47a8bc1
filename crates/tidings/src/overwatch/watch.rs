//! What follows from what a probe saw? The decisions, without threads or time.

use std::time::Duration;

use super::Health;
use crate::clock::Timestamp;
use crate::pause::PauseReason;

/// What a probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Answering,
    Failing {
        reason: PauseReason,
        cause: String,
    },
    /// No answer within the deadline; the probe is still under way.
    Hanging {
        waited: Duration,
    },
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Nothing,
    /// Suspend for this reason, and lift another that no longer holds.
    Suspend {
        reason: PauseReason,
        instead_of: Option<PauseReason>,
    },
    Resume(PauseReason),
}

/// What is known, and since when.
#[derive(Debug)]
pub(super) struct Watch {
    health: Health,
    quiet_period: Duration,
    /// When it answered again, by the clock that only goes forward.
    answering_since: Duration,
    /// Components were told to go on, and one of them did not.
    partly_resumed: bool,
}

impl Watch {
    pub(super) fn new(quiet_period: Duration) -> Watch {
        Watch {
            health: Health::Ok,
            quiet_period,
            answering_since: Duration::ZERO,
            partly_resumed: false,
        }
    }

    pub(super) fn health(&self) -> Health {
        self.health.clone()
    }

    pub(super) fn observe(&mut self, seen: Seen, now: Duration, at: Timestamp) -> Order {
        match seen {
            Seen::Answering => self.answering(now, at),
            Seen::Failing { reason, cause } => self.failing(reason, cause, true, at),
            Seen::Hanging { waited } => {
                let cause = format!("no answer to a probe for {} s", waited.as_secs());
                self.failing(PauseReason::StoreDown, cause, false, at)
            }
        }
    }

    /// Whether the components that were to be resumed do run.
    pub(super) fn resumed(&mut self, all: bool) {
        self.partly_resumed = !all;
        if all {
            self.health = Health::Ok;
        }
    }

    fn answering(&mut self, now: Duration, at: Timestamp) -> Order {
        match self.health {
            Health::Ok => Order::Nothing,
            Health::Failing { reason, .. } => {
                self.health = Health::Recovering { reason, since: at };
                self.answering_since = now;
                Order::Nothing
            }
            Health::Recovering { reason, .. } => {
                let quiet = now.saturating_sub(self.answering_since) >= self.quiet_period;
                if quiet { Order::Resume(reason) } else { Order::Nothing }
            }
        }
    }

    fn failing(
        &mut self,
        reason: PauseReason,
        cause: String,
        answers: bool,
        at: Timestamp,
    ) -> Order {
        let (suspended_for, since) = match self.health {
            Health::Ok => (None, at),
            Health::Failing { reason, since, .. } => (Some(reason), since),
            Health::Recovering { reason, .. } => (Some(reason), at),
        };
        self.health = Health::Failing { reason, cause, answers, since };
        match suspended_for {
            Some(same) if same == reason && !self.partly_resumed => Order::Nothing,
            instead_of => {
                self.partly_resumed = false;
                Order::Suspend { reason, instead_of }
            }
        }
    }
}
