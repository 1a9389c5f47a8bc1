//! How is one call made? To the member that answered last, and to the next one where
//! it gives no sign of life.
//!
//! A call may reach two members: every write here is one that may be done twice.

use std::future::Future;
use std::time::Duration;

use etcd_client::Client;
use tokio::time::{sleep, timeout};

use super::errors::Trouble;
use super::link::{Link, no_answer};
use super::options::{ETCD_CALL_DEADLINE, EtcdOptions};
use super::tour::tour;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// How long a member may give no sign of life before the next one is asked too.
pub const ETCD_NEXT_AFTER: Duration = Duration::from_millis(500);
/// How long it may leave a call unanswered before it is asked for a sign of life, and
/// then that.
const PATIENCE: Duration = Duration::from_millis(250);

/// The ways to the members.
#[derive(Debug)]
pub(super) struct Session {
    options: EtcdOptions,
    /// One for each endpoint.
    links: Vec<Link>,
    /// The index of the one that answered last.
    preferred: AtomicUsize,
}

impl Session {
    pub(super) fn new(options: EtcdOptions) -> Session {
        let links = options.endpoints.iter().cloned().map(Link::to).collect();
        Session { options, links, preferred: AtomicUsize::new(0) }
    }

    /// Makes one call. It fails with [`super::errors::Fault::Unknown`] if any member
    /// may have done it.
    pub(super) async fn call<T, F>(&self, make: impl Fn(Client) -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.links.len();
        let members = (0..count).map(|i| (first + i) % count);
        let ask = |index: usize| self.links[index].call(&self.options, &make);
        let asked = tour(members, ask, |index| self.hangs(index));
        // A login takes as long again, at most.
        let steps = if self.options.user.is_some() { 2 } else { 1 };
        let Ok(ended) = timeout(ETCD_CALL_DEADLINE * steps, asked).await else {
            return Err(no_answer());
        };
        if let Some(index) = ended.by {
            self.preferred.store(index, Ordering::Relaxed);
        }
        ended.done
    }

    /// Ends when the member gives no sign of life. One that is alive and cannot get a
    /// write through, because a disk is slow or a leader is being elected, is waited
    /// for.
    async fn hangs(&self, index: usize) {
        loop {
            sleep(PATIENCE).await;
            let sign = self.links[index]
                .call(&self.options, &|mut client: Client| async move { client.status().await });
            if !matches!(timeout(PATIENCE, sign).await, Ok(Ok(_))) {
                return;
            }
        }
    }
}
