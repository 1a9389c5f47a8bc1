//! Why was it not taken? The answers a caller of `add` can get.

use crate::event::{EVENT_BYTES_MAX, Event, Invalid, MESSAGE_BYTES_MAX};
use crate::tally::Refusal;

/// Why a queue did not take an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The buffer holds as many events as it may.
    #[error("the buffer holds as many events as it may; raise buffer_events_max or try later")]
    BufferFull,
    /// The buffer holds as many bytes as it may.
    #[error("the buffer holds as many bytes as it may; raise buffer_bytes_max or try later")]
    BytesFull,
    /// The queue is paused under [`crate::WhenPaused::Discard`].
    #[error("the queue is paused and discards meanwhile")]
    Paused,
    /// The queue is closing or closed, or was dropped.
    #[error("the queue is closed")]
    Closed,
    /// The message or the whole event is over its limit.
    #[error("a message has at most {MESSAGE_BYTES_MAX} bytes, an event {EVENT_BYTES_MAX}")]
    TooLarge,
    /// A field breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Recorded by a thread of the queue, or while the queue was logging: taking
    /// it would feed the queue with its own words for ever. The one reason that
    /// is not counted, because nothing was offered.
    #[error("the queue's own words are not recorded")]
    Echo,
}

impl Reason {
    /// The row of the books it is counted in; `None` for [`Reason::Echo`].
    pub fn refusal(&self) -> Option<Refusal> {
        Some(match self {
            Reason::BufferFull => Refusal::BufferFull,
            Reason::BytesFull => Refusal::BytesFull,
            Reason::Paused => Refusal::Paused,
            Reason::Closed => Refusal::Closed,
            Reason::TooLarge => Refusal::TooLarge,
            Reason::Invalid(_) => Refusal::Invalid,
            Reason::Echo => return None,
        })
    }

    /// What [`Invalid`] means to the caller of a queue.
    pub(crate) fn of_invalid(invalid: Invalid) -> Reason {
        if invalid.is_too_large() { Reason::TooLarge } else { Reason::Invalid(invalid) }
    }
}

/// An event that was not taken, handed back.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("event not recorded: {reason}")]
pub struct Refused {
    /// Why.
    #[source]
    pub reason: Reason,
    /// The event, unchanged.
    pub event: Box<Event>,
}
