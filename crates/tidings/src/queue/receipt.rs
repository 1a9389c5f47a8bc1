//! What became of this one event?
//!
//! A [`Receipt`] and its [`Ticket`] share one cell: the queue writes the fate
//! once, a caller waits for it, blocking or as a future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::reason::Reason;
use crate::clock::Clock;
use crate::id::{EventId, Position};
use crate::sync::{Arc, Condvar, Mutex};
use crate::tally::LossReason;

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in the store.
    Stored {
        /// Where, if the store keeps positions.
        position: Option<Position>,
    },
    /// It is in the spool: on this machine's disk, durably, and on its way into the
    /// store for as long as [`crate::WhenPaused::Spool`] keeps it.
    Spooled,
    /// It was never taken.
    Refused(Reason),
    /// It was taken and is not stored.
    Lost(LossReason),
    /// Nobody knows: the store never said, and there was no time to settle it.
    Unknown,
}

impl Fate {
    pub(super) fn of_loss(reason: LossReason) -> Fate {
        match reason {
            LossReason::Unknown => Fate::Unknown,
            known => Fate::Lost(known),
        }
    }
}

#[derive(Debug, Default)]
struct Cell {
    fate: Mutex<(Option<Fate>, Option<Waker>)>,
    settled: Condvar,
}

/// The queue's half. Dropped unsettled it settles as [`Fate::Unknown`], so that
/// nobody waits for ever.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Cell>);

impl Ticket {
    /// Settles the fate; the first word counts.
    pub(super) fn settle(&self, fate: Fate) {
        let waker = {
            let mut cell = self.0.fate.lock();
            if cell.0.is_some() {
                return;
            }
            cell.0 = Some(fate);
            self.0.settled.notify_all();
            cell.1.take()
        };
        // Outside the lock: a waker is the host's code.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.settle(Fate::Unknown);
    }
}

/// Waits for the fate of one event, blocking ([`Receipt::wait`]) or as a
/// [`Future`] on any runtime.
///
/// Dropping it changes nothing for the event.
#[derive(Debug)]
#[must_use = "without its receipt the event could have been recorded untracked"]
pub struct Receipt {
    cell: Arc<Cell>,
    id: Option<EventId>,
}

impl Receipt {
    /// An open receipt and the ticket that settles it.
    pub(super) fn open() -> (Receipt, Ticket) {
        let cell = Arc::new(Cell::default());
        (Receipt { cell: Arc::clone(&cell), id: None }, Ticket(cell))
    }

    pub(super) fn taken_as(mut self, id: EventId) -> Receipt {
        self.id = Some(id);
        self
    }

    /// A receipt that knows its fate already.
    pub fn settled(fate: Fate) -> Receipt {
        let (receipt, ticket) = Receipt::open();
        ticket.settle(fate);
        receipt
    }

    /// The event's id; `None` if it was refused.
    pub fn id(&self) -> Option<EventId> {
        self.id
    }

    /// The fate, if it is settled.
    pub fn fate(&self) -> Option<Fate> {
        self.cell.fate.lock().0.clone()
    }

    /// Waits until the fate is settled, at most `timeout` of real time; `None` if
    /// that was not enough. Blocks the thread: in async code await the receipt.
    pub fn wait(&self, timeout: Duration) -> Option<Fate> {
        let clock = Clock::system();
        let deadline = clock.monotonic().saturating_add(timeout);
        let mut cell = self.cell.fate.lock();
        loop {
            let left = deadline.saturating_sub(clock.monotonic());
            if cell.0.is_some() || left.is_zero() {
                return cell.0.clone();
            }
            cell = self.cell.settled.wait_timeout(cell, left);
        }
    }
}

impl Future for Receipt {
    type Output = Fate;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Fate> {
        let mut cell = self.cell.fate.lock();
        if let Some(fate) = &cell.0 {
            return Poll::Ready(fate.clone());
        }
        cell.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fate_counts() {
        let (receipt, ticket) = Receipt::open();

        ticket.settle(Fate::Stored { position: None });
        drop(ticket);

        assert_eq!(receipt.fate(), Some(Fate::Stored { position: None }));
    }

    #[test]
    fn a_forgotten_ticket_leaves_nobody_waiting() {
        let (receipt, ticket) = Receipt::open();

        drop(ticket);

        assert_eq!(receipt.wait(Duration::from_mins(1)), Some(Fate::Unknown));
    }

    #[test]
    fn waiting_ends_with_the_timeout() {
        let (receipt, _ticket) = Receipt::open();

        assert_eq!(receipt.wait(Duration::ZERO), None);
        assert_eq!(receipt.wait(Duration::from_millis(1)), None);
    }

    #[test]
    fn a_future_is_woken_by_the_fate() {
        let (receipt, ticket) = Receipt::open();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

        let fate = runtime.block_on(async {
            let waiting = tokio::spawn(receipt);
            tokio::task::yield_now().await;
            ticket.settle(Fate::Lost(LossReason::Paused));
            waiting.await.unwrap()
        });

        assert_eq!(fate, Fate::Lost(LossReason::Paused));
    }
}
