//! How does a synchronous store speak to a cluster? Through a runtime of its own,
//! on a thread of its own: one that is borrowed from the host deadlocks there.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::sync::{Mutex, spawn, sync::mpsc};

/// A thread that drives the calls of one store. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Remote {
    handle: Handle,
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl Remote {
    pub(super) fn start() -> io::Result<Remote> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        spawn("tidings-etcd", move || {
            // An error means that the store is gone without a word: the same.
            let _ = runtime.block_on(stopped);
            // A name that is being looked up must not hold the end up.
            runtime.shutdown_background();
        })?;
        Ok(Remote { handle, stop: Mutex::new(Some(stop)) })
    }

    /// Does the work on the thread and waits for it; `None` if the thread ends
    /// before it is done. The work itself must end by a deadline.
    pub(super) fn wait_for<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, answer) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let _ = done.send(work.await);
        });
        answer.recv().ok()
    }

    /// Does the work on the thread until it is done or the thread ends.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.lock().take() {
            // The thread may have ended already.
            let _ = stop.send(());
        }
    }
}
