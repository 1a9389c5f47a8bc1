//! Do the other servers have it? What `?ack=shared` waits for.

use serde::Serialize;
use tidings::{Log, Position};

use super::app::{App, blocking};
use super::commons::Commons;
use super::limits::SHARED_WAIT;
use super::problem::Problem;

/// Whether events are where the other servers get them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shared {
    shared: bool,
    /// Why nobody can say that they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// A request that wants to know, from before its events were taken.
pub(super) struct Asking<'a> {
    commons: &'a Commons,
    /// Events that were given up before.
    unshared: u64,
}

impl Shared {
    pub(super) fn is_so(&self) -> bool {
        self.shared
    }
}

impl Asking<'_> {
    pub(super) fn of(app: &App) -> Option<Asking<'_>> {
        let commons = app.commons.as_deref()?;
        Some(Asking { commons, unshared: commons.unshared_total() })
    }

    /// Waits until everything before this position is published; for repetitions,
    /// whose own position is not at hand, until everything is that is here now.
    ///
    /// # Errors
    ///
    /// The end of the log cannot be looked at.
    pub(super) async fn wait(
        self,
        app: &App,
        through: Position,
        repeated: bool,
    ) -> Result<Shared, Problem> {
        let (through, unshared) = if repeated {
            // Nobody knows whether the first one was among those given up.
            (end(&app.log)?, 0)
        } else {
            (through, self.unshared)
        };
        let published = tokio::select! {
            () = self.commons.shared_through(through) => true,
            () = tokio::time::sleep(SHARED_WAIT) => false,
            () = app.stopped() => false,
        };
        let waits = "the events wait on this server's disk";
        let why = match self.commons.etcd().failure() {
            _ if published && self.commons.unshared_total() == unshared => None,
            _ if published => Some("this server gave up publishing some events".to_owned()),
            Some(failure) => Some(format!("{failure}; {waits}")),
            None => Some(format!("not within {} s; {waits}", SHARED_WAIT.as_secs())),
        };
        Ok(Shared { shared: why.is_none(), why })
    }
}

fn end(log: &Log) -> Result<Position, Problem> {
    let ends = blocking(|| log.ends()).map_err(|error| Problem::internal(&error))?;
    Ok(ends.next)
}
