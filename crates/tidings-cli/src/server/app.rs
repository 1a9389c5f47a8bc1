//! What do all handlers share? The log, the books of the HTTP side, the bounds.

use std::ops::ControlFlow;
use std::sync::Arc;

use tidings::query::FOLLOW_LAG_EVENTS_MAX;
use tidings::query::{Stop, Work};
use tidings::store::Ends;
use tidings::{Aside, Clock, Coverage, Log};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::commons::Commons;
use super::disk::Disk;
use super::guard::Hosts;
use super::limits::{
    BODIES_BYTES_MAX, GLANCE_EVENTS_MAX, QUERIES_MAX, QUERY_EVENTS_MAX, QUERY_TURN_TIMEOUT,
};
use super::metrics::Metrics;
use super::problem::Problem;
use super::seats::Seats;

/// Bytes that one permit of [`App::bodies`] stands for.
pub(super) const BODY_PERMIT_BYTES: usize = 1024;
const RETRY_READ_SECONDS: u32 = 5;

/// What handlers share.
pub struct App {
    pub(super) log: Log,
    pub(super) disk: Arc<Disk>,
    /// `None` for a server that stands alone.
    pub(super) commons: Option<Arc<Commons>>,
    pub(super) clock: Clock,
    pub(super) hosts: Hosts,
    pub(super) metrics: Metrics,
    /// Becomes true when the server stops: streams end then.
    pub(super) stopping: watch::Receiver<bool>,
    /// Room for request bodies, in units of [`BODY_PERMIT_BYTES`].
    pub(super) bodies: Arc<Semaphore>,
    pub(super) followers: Arc<Semaphore>,
    pub(super) seats: Seats,
    pub(super) follow_lag_events_max: u64,
    queries: Arc<Semaphore>,
    /// Events that one question may look at.
    query_events_max: u64,
    /// Questions whose client went away before the answer.
    pub(super) abandoned: watch::Sender<u64>,
    /// The OpenAPI document, as it is sent.
    pub(super) openapi: String,
}

impl App {
    /// Over an open log, the disk under it, and what it is shared through.
    pub fn new(
        log: Log,
        disk: Arc<Disk>,
        commons: Option<Arc<Commons>>,
        hosts: Hosts,
        stopping: watch::Receiver<bool>,
        openapi: String,
    ) -> App {
        App {
            clock: log.options().clock.clone(),
            log,
            disk,
            commons,
            hosts,
            metrics: Metrics::default(),
            stopping,
            bodies: Arc::new(Semaphore::new(BODIES_BYTES_MAX / BODY_PERMIT_BYTES)),
            followers: Arc::new(Semaphore::new(Seats::default().followers)),
            seats: Seats::default(),
            follow_lag_events_max: FOLLOW_LAG_EVENTS_MAX,
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            query_events_max: QUERY_EVENTS_MAX,
            abandoned: watch::Sender::new(0),
            openapi,
        }
    }

    /// With followers that may be so many events behind, once they have caught up.
    #[must_use]
    pub fn with_follow_lag_events_max(self, follow_lag_events_max: u64) -> App {
        App { follow_lag_events_max, ..self }
    }

    /// With so many seats for followers.
    #[must_use]
    pub fn with_seats(self, seats: Seats) -> App {
        App { followers: Arc::new(Semaphore::new(seats.followers)), seats, ..self }
    }

    /// The same, with another bound on the events that one question may look at.
    #[must_use]
    pub fn with_query_events_max(self, query_events_max: u64) -> App {
        App { query_events_max, ..self }
    }

    /// Reads the log on a thread that hands over its other tasks; waits while too
    /// many do so already, up to [`QUERY_TURN_TIMEOUT`]. When this future is dropped,
    /// because the client is gone, the work that `read` is given is told to stop.
    ///
    /// # Errors
    ///
    /// What `read` fails with, told to the client without its insides; or the wait
    /// was in vain.
    pub(super) async fn read<T, E, R>(&self, read: R) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
        R: FnOnce(&Log, &Work) -> Result<T, E> + Send + 'static,
    {
        let turn = self.turn().await?;
        self.read_in_turn(turn, read).await
    }

    /// The same for what is most often answered by a glance: it is tried on this task
    /// first, with a small bound on work, which saves it the way to another thread and
    /// back; only what waits is run [aside](ASIDE). If that was too little, `more`
    /// says what to read instead, as [`App::read`] does.
    ///
    /// # Errors
    ///
    /// As [`App::read`].
    pub(super) async fn read_at_a_glance<T, E, R>(
        &self,
        read: impl FnOnce(&Log, &Work) -> Result<T, E>,
        more: impl FnOnce(T) -> ControlFlow<T, R>,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
        R: FnOnce(&Log, &Work) -> Result<T, E> + Send + 'static,
    {
        let turn = self.turn().await?;
        let events_max = Some(GLANCE_EVENTS_MAX.min(self.query_events_max));
        let work = Work { events_max, stop: Stop::default() };
        let glance = read(&self.log, &work).map_err(|error| Problem::internal(&error))?;
        if self.query_events_max <= GLANCE_EVENTS_MAX {
            return Ok(glance);
        }
        match more(glance) {
            ControlFlow::Break(glance) => Ok(glance),
            ControlFlow::Continue(read) => self.read_in_turn(turn, read).await,
        }
    }

    /// Waits until not too many read the log.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = self.queries.clone().acquire_owned();
        let turn = tokio::time::timeout(QUERY_TURN_TIMEOUT, turn).await.ok().and_then(Result::ok);
        turn.ok_or_else(|| {
            let detail = "too many questions wait for the disk; ask again";
            Problem::unavailable(detail, RETRY_READ_SECONDS)
        })
    }

    async fn read_in_turn<T, E, R>(&self, turn: OwnedSemaphorePermit, read: R) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
        R: FnOnce(&Log, &Work) -> Result<T, E> + Send + 'static,
    {
        let stop = Stop::default();
        let work = Work { events_max: Some(self.query_events_max), stop: stop.clone() };
        let log = self.log.clone();
        let mut waiting = Waiting { stop, abandoned: &self.abandoned, is_answered: false };
        // A task of its own: this one must be free to see that the client goes away.
        let answer = tokio::spawn(async move {
            let _turn = turn;
            blocking(|| read(&log, &work))
        });
        let answer = answer.await;
        waiting.is_answered = true;
        match answer {
            Ok(answer) => answer.map_err(|error| Problem::internal(&error)),
            Err(error) => Err(Problem::internal(&error)),
        }
    }

    /// The ends of the store and what the log can answer for. Waits for nobody who
    /// reads, so that a server whose disk hangs can still be asked how it is.
    ///
    /// # Errors
    ///
    /// The store's files cannot be looked at.
    pub(super) fn glance(&self) -> Result<(Ends, Coverage), Problem> {
        let ends = blocking(|| self.log.ends()).map_err(|error| Problem::internal(&error))?;
        Ok((ends, self.log.coverage()))
    }

    /// Resolves when every question has ended.
    #[cfg(test)]
    pub(super) async fn no_question_is_asked(&self) {
        let all = u32::try_from(QUERIES_MAX).unwrap();
        drop(self.queries.acquire_many(all).await.unwrap());
    }

    /// Resolves once the server stops.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the sender is gone: the server has stopped.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

/// A client that waits for an answer. When it is dropped without one, the question
/// is given up.
struct Waiting<'a> {
    stop: Stop,
    abandoned: &'a watch::Sender<u64>,
    is_answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.stop.set();
            self.abandoned.send_modify(|count| *count += 1);
        }
    }
}

/// Runs what blocks (a commit, a read from disk) on this thread, after handing
/// this thread's other tasks over. The work begins at once; the way back is a
/// switch between threads.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// How a log that this server asks runs what may wait: a question that memory answers
/// does not pay for the switch.
pub const ASIDE: Aside = |part| blocking(part);

#[cfg(test)]
mod tests {
    use tidings::store::memory::MemoryStore;
    use tidings::{LogOptions, Query};

    use super::super::problem::Kind;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_does_not_wait_for_ever_for_those_before_it() {
        let options = LogOptions { background: false, ..LogOptions::default() };
        let store = Arc::new(MemoryStore::new().unwrap());
        let log = Log::over(store.clone(), options).unwrap();
        let disk = Arc::new(Disk::new(store, &log));
        let (_stop, stopping) = watch::channel(false);
        let app = App::new(log, disk, None, Hosts::default(), stopping, String::new());
        let _hung = app.queries.acquire_many(u32::try_from(QUERIES_MAX).unwrap()).await.unwrap();

        let refused = app.read(|log, _| log.query(&Query::default())).await.unwrap_err();

        assert_eq!(refused.kind(), Kind::Unavailable);
    }
}
