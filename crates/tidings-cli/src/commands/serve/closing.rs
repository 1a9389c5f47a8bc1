//! How does a server end, and what does it say then?

use std::sync::Arc;
use std::time::Duration;

use tidings::{Log, Sharing, Tally};
use tokio::sync::watch;

use super::say;
use crate::exit::{Exit, Failure};
use crate::server::limits::{STOP_CLOSE, STOP_CLOSE_AT_ONCE, STOP_LEAVE};
use crate::server::{Commons, Disk, Served};

/// What runs under the HTTP side.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) log: Log,
    pub(super) disk: Arc<Disk>,
    /// `None` for a server that stands alone.
    pub(super) commons: Option<Arc<Commons>>,
}

impl Parts {
    /// Events that wait for other servers wait for ever, and go with the retention, if
    /// nobody says where those are.
    pub(super) fn tell_what_waits(&self) {
        let waiting = self.log.sharing().map_or(0, |sharing| sharing.waiting);
        if self.commons.is_none() && waiting > 0 {
            say(&format!(
                "this log was shared through etcd before, and now no --etcd is given: {waiting} \
                 events wait to be published, and new ones wait too"
            ));
        }
    }

    /// Settles what the log has taken, publishes what waits, and closes the books.
    fn close(&self, deadline: Duration, leave: Duration) -> (Tally, Option<Sharing>) {
        let sharing = self.commons.as_ref().map(|commons| {
            // The end of the log is told to the others too.
            self.log.end(deadline);
            commons.leave(leave)
        });
        (self.log.close(deadline), sharing)
    }
}

/// Settles what the log has taken, and says how it went. A disk that hangs is
/// waited for as long as `patience` lasts, and after a second signal no longer
/// than [`STOP_CLOSE_AT_ONCE`].
pub(super) async fn close(
    parts: &Parts,
    served: Served,
    mut hurry: watch::Receiver<bool>,
    patience: Duration,
) -> Result<(), Failure> {
    let (deadline, leave) = if *hurry.borrow() {
        (STOP_CLOSE_AT_ONCE, STOP_CLOSE_AT_ONCE)
    } else {
        (STOP_CLOSE, STOP_LEAVE)
    };
    let closing = parts.clone();
    let closing = tokio::task::spawn_blocking(move || closing.close(deadline, leave));
    let out_of_patience = async {
        tokio::select! {
            () = tokio::time::sleep(patience) => {}
            Ok(_) = hurry.wait_for(|hurry| *hurry) => {
                tokio::time::sleep(STOP_CLOSE_AT_ONCE).await;
            }
        }
    };
    tokio::select! {
        Ok((books, sharing)) = closing => {
            say(&format!("books: {books}"));
            tell(sharing);
            farewell(served, &books)
        }
        () = out_of_patience => {
            let books = parts.log.tally();
            say(&format!("books: {books}"));
            if books.pending == 0 && parts.commons.is_some() {
                // It is etcd that did not answer, and its events wait on the disk.
                tell(parts.log.sharing());
                return farewell(served, &books);
            }
            let message = format!(
                "stopped, but the disk does not answer: nobody knows what became of {} events",
                books.pending
            );
            Err(Failure::new(Exit::Failed, message))
        }
    }
}

/// What the others have, and what they will get later.
fn tell(sharing: Option<Sharing>) {
    let Some(sharing) = sharing else { return };
    say(&format!("shared: {sharing}"));
    if sharing.waiting > 0 {
        say("what waits is on the disk, and is shared when the server is started again");
    }
}

fn farewell(served: Served, books: &Tally) -> Result<(), Failure> {
    match served {
        Served::Drained => say("stopped; every request was answered"),
        Served::CutOff(connections) => {
            let message = format!(
                "stopped; {connections} connections were cut off before their requests ended"
            );
            return Err(Failure::new(Exit::Failed, message));
        }
    }
    if books.lost_total() > 0 {
        let message = format!("{} events were taken and are not stored", books.lost_total());
        return Err(Failure::new(Exit::Failed, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tidings::store::memory::MemoryStore;
    use tidings::testing::{Fault, FaultyStore};
    use tidings::{Ack, Event, LogOptions};

    use super::*;

    /// A log with one event that its store will never take.
    fn log_over_a_hung_store() -> (Arc<FaultyStore<MemoryStore>>, Parts) {
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        store.fail_from(1, Fault::Hang);
        let log = Log::over(store.clone(), LogOptions::default()).unwrap();
        log.append(vec![Event::new("a", "x")], Ack::Queued, false).unwrap();
        store.wait_until_hanging(1);
        let disk = Arc::new(Disk::new(store.clone(), &log));
        (store, Parts { log, disk, commons: None })
    }

    #[tokio::test]
    async fn a_hung_disk_is_not_waited_for_and_its_events_are_counted() {
        let (store, parts) = log_over_a_hung_store();
        let (_hurry_up, hurry) = watch::channel(false);

        let patience = Duration::from_millis(10);
        let failure = close(&parts, Served::Drained, hurry, patience).await.unwrap_err();

        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.message.contains("became of 1 events"), "{}", failure.message);
        store.release();
    }

    #[tokio::test]
    async fn a_second_signal_ends_the_waiting_for_a_hung_disk() {
        let (store, parts) = log_over_a_hung_store();
        let (hurry_up, hurry) = watch::channel(false);
        hurry_up.send_replace(true);

        let failure = close(&parts, Served::Drained, hurry, Duration::MAX).await.unwrap_err();

        assert_eq!(failure.exit, Exit::Failed);
        store.release();
    }

    #[test]
    fn connections_that_were_cut_off_are_admitted() {
        let failure = farewell(Served::CutOff(3), &Tally::default()).unwrap_err();

        assert!(failure.message.contains("3 connections"), "{}", failure.message);
    }
}
