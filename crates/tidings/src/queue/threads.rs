//! Who does the work? The queue's threads: started once, joined at the end.

use super::echo;
use super::sealer;
use super::shared::{Shared, slots};
use super::spool::Spool;
use super::worker;
use crate::store::Sink;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread::JoinHandle;
use crate::sync::{Arc, spawn};

/// The threads of one queue.
#[derive(Debug, Default)]
pub(super) struct Threads {
    sealer: Option<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    alive: Arc<AtomicUsize>,
}

/// Counts a thread as alive until it ends, also by a panic.
struct Alive {
    alive: Arc<AtomicUsize>,
    shared: Arc<Shared>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        // Under the lock, so that `close` cannot miss it between look and wait.
        let gate = self.shared.gate();
        self.alive.fetch_sub(1, Ordering::SeqCst);
        drop(gate);
        self.shared.progressed();
    }
}

impl Threads {
    /// Starts those that are not there yet.
    ///
    /// # Errors
    ///
    /// The operating system has no thread for the sealer or the first worker;
    /// with fewer workers than asked for the queue works, slower.
    pub(super) fn start(
        &mut self,
        shared: &Arc<Shared>,
        sink: &Arc<dyn Sink>,
        spool: Option<&Arc<Spool>>,
    ) -> std::io::Result<()> {
        if self.sealer.is_none() {
            let (its, spool) = (Arc::clone(shared), spool.cloned());
            let body = || sealer::run(its, spool);
            self.sealer = Some(self.spawn("tidings-sealer", shared, body)?);
        }
        while self.workers.len() < slots(&shared.settings, shared.reach) {
            let (its, sink, spool) = (Arc::clone(shared), Arc::clone(sink), spool.cloned());
            let body = move || worker::run(&its, &sink, spool.as_ref());
            match self.spawn("tidings-worker", shared, body) {
                Ok(worker) => self.workers.push(worker),
                Err(error) if self.workers.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn spawn(
        &self,
        name: &str,
        shared: &Arc<Shared>,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<JoinHandle<()>> {
        let (alive, shared) = (Arc::clone(&self.alive), Arc::clone(shared));
        alive.fetch_add(1, Ordering::SeqCst);
        let counted = Alive { alive, shared };
        spawn(name, move || {
            let _counted = counted;
            let _quiet = echo::quiet();
            body();
        })
    }

    /// How many work.
    pub(super) fn workers(&self) -> usize {
        self.workers.len()
    }

    /// How many have not ended.
    pub(super) fn alive(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.alive)
    }

    /// Joins them if all have ended. One that hangs in a put is left to itself,
    /// and so are its brothers.
    pub(super) fn join(&mut self) {
        let handles = self.sealer.take().into_iter().chain(self.workers.drain(..));
        if self.alive.load(Ordering::SeqCst) == 0 {
            // A panic in a thread was told by the panic itself.
            handles.for_each(|handle| drop(handle.join()));
        }
    }

    /// Forgets them: in a forked process they do not exist.
    pub(super) fn forget(&mut self) {
        std::mem::forget(std::mem::take(self));
    }
}
