//! What do all handlers share? The log, the books of the HTTP side, the bounds.

use std::sync::Arc;

use tidings::{Clock, Log};
use tokio::sync::{Semaphore, watch};

use super::guard::Hosts;
use super::limits::{BODIES_BYTES_MAX, FOLLOWERS_MAX, QUERIES_MAX};
use super::metrics::Metrics;
use super::problem::Problem;

/// Bytes that one permit of [`App::bodies`] stands for.
pub(super) const BODY_PERMIT_BYTES: usize = 1024;

/// What handlers share.
pub struct App {
    pub(super) log: Log,
    pub(super) clock: Clock,
    pub(super) hosts: Hosts,
    pub(super) metrics: Metrics,
    /// Becomes true when the server stops: streams end then.
    pub(super) stopping: watch::Receiver<bool>,
    /// Room for request bodies, in units of [`BODY_PERMIT_BYTES`].
    pub(super) bodies: Arc<Semaphore>,
    pub(super) followers: Arc<Semaphore>,
    queries: Semaphore,
    /// The OpenAPI document, as it is sent.
    pub(super) openapi: String,
}

impl App {
    /// Over an open log.
    pub fn new(log: Log, hosts: Hosts, stopping: watch::Receiver<bool>, openapi: String) -> App {
        App {
            clock: log.options().clock.clone(),
            log,
            hosts,
            metrics: Metrics::default(),
            stopping,
            bodies: Arc::new(Semaphore::new(BODIES_BYTES_MAX / BODY_PERMIT_BYTES)),
            followers: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
            queries: Semaphore::new(QUERIES_MAX),
            openapi,
        }
    }

    /// Reads the log on this thread while another takes over its other tasks;
    /// waits while too many do so already.
    ///
    /// # Errors
    ///
    /// What `read` fails with, told to the client without its insides.
    pub(super) async fn read<T, E: std::fmt::Display>(
        &self,
        read: impl FnOnce(&Log) -> Result<T, E>,
    ) -> Result<T, Problem> {
        let _turn = self.queries.acquire().await;
        blocking(|| read(&self.log)).map_err(|error| Problem::internal(&error))
    }

    /// Resolves once the server stops.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the sender is gone: the server has stopped.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

/// Runs what blocks (a commit, a read from disk) on this thread, after handing
/// this thread's other tasks over. Costs an idle server no hop on the way: the
/// work begins at once.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}
