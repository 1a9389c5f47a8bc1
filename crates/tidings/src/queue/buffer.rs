//! What waits? A ring of a fixed number of places, allocated beforehand, that
//! also counts bytes.
//!
//! Short texts are written into one string beside the ring, allocated beforehand
//! too: an allocation for each event would cost the caller as much as the lock
//! (20 of 70 ns), and another thread as much again to free it.

use std::collections::VecDeque;

use super::receipt::Ticket;
use crate::block::{Entry, EntryFields};
use crate::clock::Timestamp;
use crate::event::{Event, lower_cased};
use crate::severity::Severity;

/// Places that only events of severity warn and worse may take, so that a flood
/// of lesser ones cannot keep out the error that explains it.
pub const RESERVED_SLOTS: usize = 16;
/// Bytes that only events of severity warn and worse may take.
pub const RESERVED_BYTES: usize = crate::event::EVENT_BYTES_MAX;

/// Bytes of type and message that are written beside the ring at most: they are
/// copied under the lock. Longer ones get an allocation of their own, before it.
pub(super) const SHORT_BYTES_MAX: usize = 1024;
/// Bytes for short texts that are allocated beforehand for each place.
const SHORT_BYTES_EACH: usize = 256;

/// What an event says.
#[derive(Debug)]
pub(super) enum Body {
    /// Type and message of [`crate::Client::add`], one after the other, in the
    /// string of the ring.
    Short { start: usize, type_bytes: u16, message_bytes: u16 },
    /// The same, in a string of its own.
    Long { text: Box<str>, type_bytes: u8 },
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
        Body::Long { text: text.into_boxed_str(), type_bytes }
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

    pub(super) fn into_ticket(self) -> Option<Ticket> {
        match self.body {
            Body::Short { .. } | Body::Long { .. } => None,
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
        fields: (!event.fields().is_empty()).then(|| EntryFields::Values(event.fields())),
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
    /// Emptied when the next item comes after the last one has gone, so that what
    /// was popped can still be read.
    texts: String,
}

impl Ring {
    /// Places for `events`, and the reserved ones; `bytes_max` bounds what is
    /// allocated for short texts.
    pub(super) fn new(events: usize, bytes_max: usize) -> Ring {
        let text_bytes = events.saturating_mul(SHORT_BYTES_EACH).min(bytes_max);
        Ring {
            items: VecDeque::with_capacity(events + RESERVED_SLOTS),
            bytes: 0,
            texts: String::with_capacity(text_bytes),
        }
    }

    /// Writes a short type, in lower case, and message beside the ring, and pushes
    /// an item with them; says no if that would allocate.
    ///
    /// The item is put together in its place. Made elsewhere and moved, its parts
    /// would be read back in other widths than they were just written in, for
    /// which a processor waits (7 of 60 ns).
    #[inline]
    pub(super) fn push_text(
        &mut self,
        (seq, added, severity): (u64, Timestamp, Severity),
        event_type: &str,
        message: &str,
        size_bytes: usize,
    ) -> bool {
        // Known to have a place, the ring has no way left to grow.
        if self.items.len() == self.items.capacity() {
            return false;
        }
        let Some((start, type_bytes, message_bytes)) = self.write(event_type, message) else {
            return false;
        };
        self.bytes += size_bytes;
        let body = Body::Short { start, type_bytes, message_bytes };
        self.items.push_back(Item { seq, added, severity, body });
        true
    }

    /// Where the text begins, and the lengths of its two parts.
    #[inline]
    fn write(&mut self, event_type: &str, message: &str) -> Option<(usize, u16, u16)> {
        if self.items.is_empty() {
            self.texts.clear();
        }
        let start = self.texts.len();
        let type_bytes = u16::try_from(event_type.len()).ok()?;
        let message_bytes = u16::try_from(message.len()).ok()?;
        if self.texts.capacity() - start < event_type.len() + message.len() {
            return None;
        }
        self.texts.push_str(event_type);
        if let Some(event_type) = self.texts.get_mut(start..) {
            event_type.make_ascii_lowercase();
        }
        self.texts.push_str(message);
        Some((start, type_bytes, message_bytes))
    }

    /// Whoever pushes has made sure that there is a place.
    #[inline]
    pub(super) fn push(&mut self, item: Item, size_bytes: usize) {
        debug_assert!(self.items.len() < self.items.capacity(), "push would allocate");
        if self.items.is_empty() && !matches!(item.body, Body::Short { .. }) {
            self.texts.clear();
        }
        self.bytes += size_bytes;
        self.items.push_back(item);
    }

    /// An item that was popped from this ring, or never in one, as a block takes
    /// it.
    pub(super) fn entry<'a>(
        &'a self,
        item: &'a Item,
        member: &'a str,
        received: Timestamp,
    ) -> Entry<'a> {
        let bare = Entry {
            member,
            severity: item.severity,
            received,
            ..Entry::bare(item.added, item.seq)
        };
        let (event_type, message) = match &item.body {
            Body::Short { start, type_bytes, message_bytes } => {
                let message = start + usize::from(*type_bytes);
                let end = message + usize::from(*message_bytes);
                (&self.texts[*start..message], &self.texts[message..end])
            }
            Body::Long { text, type_bytes } => text.split_at(usize::from(*type_bytes)),
            Body::Event(offered) => return filled(&offered.event, bare),
        };
        Entry { event_type, message, ..bare }
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        if self.items.is_empty() {
            self.bytes = 0;
            // Begins again at the first place: else a large ring would wander
            // through all its memory, and every push would find it cold.
            self.items.clear();
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

    fn ring() -> Ring {
        Ring::new(2, 1000)
    }

    fn push_text(ring: &mut Ring, event_type: &str, message: &str) -> bool {
        let head = (1, Timestamp::from_nanos(7), Severity::INFO);
        ring.push_text(head, event_type, message, 64 + event_type.len() + message.len())
    }

    #[test]
    fn a_text_is_split_where_it_was_joined_wherever_it_is() {
        let mut ring = ring();
        assert!(push_text(&mut ring, "before", "it"));
        assert!(push_text(&mut ring, "Disk.High", "Ärger 91%"));
        ring.pop().unwrap();
        let short = ring.pop().unwrap();

        for item in [short, item(1, Body::of_text("Disk.High", "Ärger 91%"))] {
            let entry = ring.entry(&item, "web1", Timestamp::from_nanos(9));

            assert_eq!((entry.event_type, entry.message), ("disk.high", "Ärger 91%"));
            assert_eq!((entry.member, entry.timestamp), ("web1", Timestamp::from_nanos(7)));
            assert_eq!(entry.received, Timestamp::from_nanos(9));
        }
    }

    #[test]
    fn what_the_producer_said_wins_over_the_recorder() {
        let at = Timestamp::from_nanos(3);
        let event = Event::new("a", "b").with_member("db1").with_timestamp(at).with_key("k");
        let (ring, item) =
            (ring(), item(1, Body::Event(Box::new(Offered { event, ticket: None }))));

        let entry = ring.entry(&item, "web1", Timestamp::from_nanos(9));

        assert_eq!((entry.member, entry.timestamp, entry.key), ("db1", at, Some("k")));
        assert_eq!(entry.fields, None);
    }

    #[test]
    fn an_emptied_ring_holds_no_bytes() {
        let mut ring = ring();
        ring.push(item(1, Body::of_text("a", "")), 65);
        ring.push(item(2, Body::of_text("a", "")), 65);

        assert_eq!((ring.bytes(), ring.first_seq()), (130, Some(1)));
        assert_eq!(ring.pop().map(|i| i.seq), Some(1));
        assert_eq!(ring.pop().map(|i| i.seq), Some(2));
        assert_eq!((ring.bytes(), ring.is_empty()), (0, true));
    }

    #[test]
    fn texts_never_allocate_and_begin_again_in_an_emptied_ring() {
        let mut ring = ring();
        let capacity = ring.texts.capacity();
        let message = "x".repeat(400);

        assert!(push_text(&mut ring, "a", &message));
        assert!(!push_text(&mut ring, "a", &message), "{capacity} bytes are there");
        let popped = ring.pop().unwrap();

        assert_eq!(ring.entry(&popped, "web1", Timestamp::default()).message, message);
        assert!(push_text(&mut ring, "a", &message));
        assert_eq!(ring.texts.capacity(), capacity);
    }

    #[test]
    fn a_text_without_a_place_is_not_pushed() {
        let mut ring = ring();
        let places = ring.items.capacity();

        for _ in 0..places {
            assert!(push_text(&mut ring, "a", ""));
        }

        assert!(!push_text(&mut ring, "a", ""), "it would allocate");
        assert_eq!((ring.len(), ring.bytes()), (places, places * 65));
    }

    #[test]
    fn an_emptied_ring_begins_again_at_its_first_place() {
        let mut ring = ring();
        assert!(push_text(&mut ring, "a", ""));
        let first = std::ptr::from_ref(&ring.items[0]);
        ring.pop().unwrap();

        assert!(push_text(&mut ring, "a", ""));

        assert_eq!(std::ptr::from_ref(&ring.items[0]), first);
    }
}
