//! Who offers events? A cheap handle that any thread can have.

use super::buffer::Offered;
use super::reason::{Reason, Refused};
use super::receipt::{Fate, Receipt};
use super::recorder::Recorder;
use super::shared::Shared;
use crate::event::{Event, Fields};
use crate::id::EventId;
use crate::sync::Arc;

/// Offers events to a [`crate::Queue`]. Cheap to clone; outlives the queue, and
/// then refuses with [`Reason::Closed`].
///
/// No call ever blocks, waits for a store or does I/O. What is recorded by a
/// thread of the queue, by a sink at work for it, or by a logger while the queue
/// logs is refused as [`Reason::Echo`].
///
/// ```
/// use tidings::{Event, Queue, Reason, Severity};
/// # use tidings::testing::ScriptedSink;
/// # let sink = ScriptedSink::new();
///
/// let queue = Queue::new("web1", sink)?;
/// let client = queue.client();
/// client.add("deploy", "api rolled out")?;
///
/// let event = Event::new("disk.high", "disk 91%").with_severity(Severity::WARN);
/// if let Err(refused) = client.record(event) {
///     eprintln!("not recorded: {}: {}", refused.reason, refused.event.message());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("member", &self.shared.member).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>) -> Client {
        Client { shared }
    }

    /// Offers an event of a type, which is lower-cased, and a message, and
    /// returns at once. A worker stores it later; [`crate::Queue::flush`] waits
    /// for that. The severity is that of [`crate::Severity::of_type`].
    ///
    /// # Errors
    ///
    /// Why it was not taken, see [`Reason`]. Nothing was built then: the caller
    /// still has the text.
    #[inline]
    pub fn add(&self, event_type: &str, message: &str) -> Result<EventId, Reason> {
        self.shared.offer_text(event_type, message)
    }

    /// Offers an event and returns at once.
    ///
    /// # Errors
    ///
    /// The event is handed back with the reason why it was not taken.
    pub fn record(&self, event: Event) -> Result<EventId, Refused> {
        Ok(self.shared.offer(Box::new(Offered { event, ticket: None }))?)
    }

    /// Offers several events, each for itself; one answer per event, in order.
    pub fn record_all(&self, events: Vec<Event>) -> Vec<Result<EventId, Refused>> {
        events.into_iter().map(|event| self.record(event)).collect()
    }

    /// Offers an event and returns at once with a receipt that tells its fate.
    pub fn record_tracked(&self, event: Event) -> Receipt {
        let (receipt, ticket) = Receipt::open();
        match self.shared.offer(Box::new(Offered { event, ticket: Some(ticket) })) {
            Ok(id) => receipt.taken_as(id),
            Err((reason, _)) => Receipt::settled(Fate::Refused(reason)),
        }
    }

    /// See [`Recorder::add_with_log`].
    ///
    /// # Errors
    ///
    /// Why it was not taken; it was logged all the same.
    pub fn add_with_log(
        &self,
        event_type: &str,
        message: &str,
        fields: Fields,
    ) -> Result<EventId, Reason> {
        Recorder::add_with_log(self, event_type, message, fields)
    }

    /// See [`Recorder::add_with_error_log`].
    ///
    /// # Errors
    ///
    /// Why it was not taken; it was logged all the same.
    pub fn add_with_error_log(&self, message: &str, fields: Fields) -> Result<EventId, Reason> {
        Recorder::add_with_error_log(self, message, fields)
    }
}

impl Recorder for Client {
    fn record(&self, event: Event) -> Result<EventId, Refused> {
        Client::record(self, event)
    }

    fn add(&self, event_type: &str, message: &str) -> Result<EventId, Reason> {
        Client::add(self, event_type, message)
    }
}
