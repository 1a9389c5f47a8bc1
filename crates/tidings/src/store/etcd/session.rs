//! How is one call made? To the member that answered last, and to the next one where
//! it keeps silent.
//!
//! A call may reach two members: every write here is one that may be done twice.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use etcd_client::Client;
use tokio::time::timeout;

use super::errors::{Fault, Trouble};
use super::link::{Link, no_answer};
use super::options::{ETCD_CALL_DEADLINE, EtcdOptions};
use crate::sync::atomic::{AtomicUsize, Ordering};

/// How long a member may keep silent before the next one is asked too.
pub const ETCD_NEXT_AFTER: Duration = Duration::from_millis(500);

/// The ways to the members.
#[derive(Debug)]
pub(super) struct Session {
    options: EtcdOptions,
    /// One for each endpoint.
    links: Vec<Link>,
    /// The index of the one that answered last.
    preferred: AtomicUsize,
}

/// What the members said to one call.
struct Tour {
    /// An answer that another member would give too.
    refusal: Option<Trouble>,
    /// Why one was not reached.
    unreached: Option<Trouble>,
}

impl Session {
    pub(super) fn new(options: EtcdOptions) -> Session {
        let links = options.endpoints.iter().cloned().map(Link::to).collect();
        Session { options, links, preferred: AtomicUsize::new(0) }
    }

    /// Makes one call. It fails with [`Fault::Unknown`] if any member may have done
    /// it.
    pub(super) async fn call<T, F>(&self, make: impl Fn(Client) -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        // A login takes as long again, at most.
        let steps = if self.options.user.is_some() { 2 } else { 1 };
        let done = timeout(ETCD_CALL_DEADLINE * steps, self.tour(make)).await;
        done.unwrap_or_else(|_| Err(no_answer()))
    }

    async fn tour<T, F>(&self, make: impl Fn(Client) -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.links.len();
        let mut next = (0..count).map(|i| (first + i) % count);
        let mut tour = Tour { refusal: None, unreached: None };
        let mut asked = Vec::new();
        loop {
            let more = if tour.refusal.is_none() { next.next() } else { None };
            if let Some(index) = more {
                asked.push((index, Box::pin(self.links[index].call(&self.options, &make))));
            }
            if asked.is_empty() {
                return Err(tour.trouble());
            }
            let Ok((index, done)) = timeout(ETCD_NEXT_AFTER, first_of(&mut asked)).await else {
                continue;
            };
            let answers = done.as_ref().err().is_none_or(Trouble::is_an_answer);
            if answers {
                self.preferred.store(index, Ordering::Relaxed);
            }
            match done {
                Ok(done) => return Ok(done),
                Err(trouble) => tour.hear(trouble),
            }
        }
    }
}

impl Tour {
    fn hear(&mut self, trouble: Trouble) {
        if trouble.is_an_answer() {
            self.refusal.get_or_insert(trouble);
        } else if trouble.fault == Fault::Unknown {
            // Nothing takes the place of what may have been done.
            self.unreached = Some(trouble);
        } else {
            self.unreached.get_or_insert(trouble);
        }
    }

    fn trouble(self) -> Trouble {
        match (self.refusal, self.unreached) {
            (_, Some(unknown)) if unknown.fault == Fault::Unknown => unknown,
            (Some(refusal), _) => refusal,
            (None, Some(unreached)) => unreached,
            (None, None) => Trouble::new(Fault::Down, "there is no endpoint"),
        }
    }
}

/// Takes out the first of several that ends.
async fn first_of<F: Future + Unpin>(running: &mut Vec<(usize, F)>) -> (usize, F::Output) {
    poll_fn(|context| {
        for at in 0..running.len() {
            let (index, call) = &mut running[at];
            let index = *index;
            if let Poll::Ready(done) = Pin::new(call).poll(context) {
                drop(running.swap_remove(at));
                return Poll::Ready((index, done));
            }
        }
        Poll::Pending
    })
    .await
}
