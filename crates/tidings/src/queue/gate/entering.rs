//! May it come in? The part of the gate that every event passes.

use super::{Gate, Phase};
use crate::clock::Timestamp;
use crate::queue::buffer::{Item, RESERVED_BYTES, RESERVED_SLOTS};
use crate::queue::reason::Reason;
use crate::severity::Severity;
use crate::tally::Refusal;

impl Gate {
    /// Whether an event of this size gets a place.
    #[inline]
    pub(in crate::queue) fn admit(&self, size_bytes: usize, urgent: bool) -> Result<(), Reason> {
        if self.phase >= Phase::Closing {
            return Err(Reason::Closed);
        }
        if self.discards() {
            return Err(Reason::Paused);
        }
        let (slots, bytes) = if urgent { (RESERVED_SLOTS, RESERVED_BYTES) } else { (0, 0) };
        if self.buffer.len() >= self.events_max + slots {
            return Err(Reason::BufferFull);
        }
        if self.buffer.bytes() + size_bytes > self.bytes_max + bytes {
            return Err(Reason::BytesFull);
        }
        Ok(())
    }

    /// The sizes of the largest lesser and the largest urgent event that
    /// [`Gate::admit`] would let in; 0: none.
    #[inline]
    pub(in crate::queue) fn rooms(&self) -> (usize, usize) {
        if self.phase >= Phase::Closing || self.discards() {
            return (0, 0);
        }
        let room = |slots: usize, bytes: usize| {
            if self.buffer.len() < slots { bytes.saturating_sub(self.buffer.bytes()) } else { 0 }
        };
        let lesser = room(self.events_max, self.bytes_max);
        (lesser, room(self.events_max + RESERVED_SLOTS, self.bytes_max + RESERVED_BYTES))
    }

    /// Whether everything offered is refused because of a pause.
    #[inline]
    pub(in crate::queue) fn discards_offers(&self) -> bool {
        self.phase < Phase::Closing && self.discards()
    }

    /// Counts refusals; reads the clock only for the first one to be told.
    #[inline]
    pub(in crate::queue) fn refuse(
        &mut self,
        reason: Refusal,
        events: u64,
        now: impl FnOnce() -> Timestamp,
    ) {
        self.tally.count_refused(reason, events);
        if !reason.is_the_senders() {
            self.misses.note(now);
        }
    }

    /// Takes an event that was admitted; says its number and whether the sealer
    /// has to be woken.
    #[inline]
    pub(in crate::queue) fn take_in(&mut self, mut item: Item, size_bytes: usize) -> (u64, bool) {
        let (seq, added) = (self.tally.offered + 1, item.added);
        item.seq = seq;
        self.buffer.push(item, size_bytes);
        (seq, self.taken_in(added))
    }

    /// The same for a short text; `None`, and nothing was done, if it needs an
    /// allocation of its own, see [`Ring::push_text`].
    #[inline]
    pub(in crate::queue) fn take_in_text(
        &mut self,
        (added, severity): (Timestamp, Severity),
        event_type: &str,
        message: &str,
        size_bytes: usize,
    ) -> Option<(u64, bool)> {
        let seq = self.tally.offered + 1;
        let head = (seq, added, severity);
        if !self.buffer.push_text(head, event_type, message, size_bytes) {
            return None;
        }
        Some((seq, self.taken_in(added)))
    }

    /// Books what was just pushed; says whether the sealer has to be woken.
    #[inline]
    fn taken_in(&mut self, added: Timestamp) -> bool {
        self.tally.count_taken(1);
        self.misses.stamp(added);
        let wake = self.buffer.len() >= self.wake_at;
        if wake {
            self.wake_at = usize::MAX;
        }
        wake
    }
}
