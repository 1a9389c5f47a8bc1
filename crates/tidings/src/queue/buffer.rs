//! What waits? A ring of a fixed number of places, allocated beforehand, that
//! also counts bytes.

use std::collections::VecDeque;

use super::receipt::Ticket;
use crate::block::Entry;
use crate::clock::Timestamp;
use crate::event::{Event, lower_cased};
use crate::severity::Severity;

/// Places that only events of severity warn and worse may take, so that a flood
/// of lesser ones cannot keep out the error that explains it.
pub const RESERVED_SLOTS: usize = 16;
/// Bytes that only events of severity warn and worse may take.
pub const RESERVED_BYTES: usize = crate::event::EVENT_BYTES_MAX;

/// What an event says, in one allocation.
#[derive(Debug)]
pub(super) enum Body {
    /// Type and message of [`crate::Client::add`], one after the other.
    Text { text: Box<str>, type_bytes: u8 },
    /// Everything else.
    Event(Box<Offered>),
}

/// A whole event on its way.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) event: Event,
    pub(super) ticket: Option<Ticket>,
}

impl Body {
    /// Joins a type of at most 255 bytes, lower-cased, and a message.
    pub(super) fn of_text(event_type: &str, message: &str) -> Body {
        let mut text = [event_type, message].concat();
        if let Some(event_type) = text.get_mut(..event_type.len()) {
            event_type.make_ascii_lowercase();
        }
        // Bounded by the check of the type before; a longer one would not split.
        let type_bytes = u8::try_from(event_type.len()).unwrap_or(u8::MAX);
        Body::Text { text: text.into_boxed_str(), type_bytes }
    }
}

/// An event that was taken.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) seq: u64,
    pub(super) added: Timestamp,
    pub(super) severity: Severity,
    pub(super) body: Body,
}

impl Item {
    /// An event of the queue's own.
    pub(super) fn own(seq: u64, added: Timestamp, event: Event) -> Item {
        let severity = event.severity();
        Item { seq, added, severity, body: Body::Event(Box::new(Offered { event, ticket: None })) }
    }

    /// As a block takes it.
    pub(super) fn entry<'a>(&'a self, member: &'a str, received: Timestamp) -> Entry<'a> {
        let bare = Entry {
            event_type: "",
            message: "",
            member,
            severity: self.severity,
            timestamp: self.added,
            added: self.added,
            received,
            seq: self.seq,
            source: None,
            subject: None,
            key: None,
            fields: None,
            trace_id: None,
            span_id: None,
        };
        match &self.body {
            Body::Text { text, type_bytes } => {
                let (event_type, message) = text.split_at(usize::from(*type_bytes));
                Entry { event_type, message, ..bare }
            }
            Body::Event(offered) => filled(&offered.event, bare),
        }
    }

    pub(super) fn into_ticket(self) -> Option<Ticket> {
        match self.body {
            Body::Text { .. } => None,
            Body::Event(offered) => offered.ticket,
        }
    }
}

fn filled<'a>(event: &'a Event, bare: Entry<'a>) -> Entry<'a> {
    Entry {
        event_type: event.event_type(),
        message: event.message(),
        member: event.member().unwrap_or(bare.member),
        timestamp: event.timestamp().unwrap_or(bare.timestamp),
        source: event.source(),
        subject: event.subject(),
        key: event.key(),
        fields: (!event.fields().is_empty()).then(|| event.fields()),
        trace_id: event.trace_id(),
        span_id: event.span_id(),
        ..bare
    }
}

/// Items in order of arrival. Never grows past its places.
#[derive(Debug)]
pub(super) struct Ring {
    items: VecDeque<Item>,
    bytes: usize,
}

impl Ring {
    /// Places for `events`, and the reserved ones.
    pub(super) fn for_events(events: usize) -> Ring {
        Ring { items: VecDeque::with_capacity(events + RESERVED_SLOTS), bytes: 0 }
    }

    /// Whoever pushes has made sure that there is a place.
    #[inline]
    pub(super) fn push(&mut self, item: Item, size_bytes: usize) {
        debug_assert!(self.items.len() < self.items.capacity(), "push would allocate");
        self.bytes += size_bytes;
        self.items.push_back(item);
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        if self.items.is_empty() {
            self.bytes = 0;
        }
        Some(item)
    }

    pub(super) fn first_seq(&self) -> Option<u64> {
        self.items.front().map(|item| item.seq)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of everything that was pushed since the ring was last empty.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Lower case for types that are not ASCII, which [`Body::of_text`] lowers itself.
pub(super) fn lowered(event_type: &str) -> String {
    lower_cased(event_type.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(seq: u64, body: Body) -> Item {
        Item { seq, added: Timestamp::from_nanos(7), severity: Severity::INFO, body }
    }

    #[test]
    fn a_text_is_split_where_it_was_joined() {
        let item = item(1, Body::of_text("Disk.High", "Ärger 91%"));

        let entry = item.entry("web1", Timestamp::from_nanos(9));

        assert_eq!((entry.event_type, entry.message), ("disk.high", "Ärger 91%"));
        assert_eq!((entry.member, entry.timestamp), ("web1", Timestamp::from_nanos(7)));
        assert_eq!(entry.received, Timestamp::from_nanos(9));
    }

    #[test]
    fn what_the_producer_said_wins_over_the_recorder() {
        let at = Timestamp::from_nanos(3);
        let event = Event::new("a", "b").with_member("db1").with_timestamp(at).with_key("k");
        let item = item(1, Body::Event(Box::new(Offered { event, ticket: None })));

        let entry = item.entry("web1", Timestamp::from_nanos(9));

        assert_eq!((entry.member, entry.timestamp, entry.key), ("db1", at, Some("k")));
        assert_eq!(entry.fields, None);
    }

    #[test]
    fn an_emptied_ring_holds_no_bytes() {
        let mut ring = Ring::for_events(2);
        ring.push(item(1, Body::of_text("a", "")), 65);
        ring.push(item(2, Body::of_text("a", "")), 65);

        assert_eq!((ring.bytes(), ring.first_seq()), (130, Some(1)));
        assert_eq!(ring.pop().map(|i| i.seq), Some(1));
        assert_eq!(ring.pop().map(|i| i.seq), Some(2));
        assert_eq!((ring.bytes(), ring.is_empty()), (0, true));
    }
}
