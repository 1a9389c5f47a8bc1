//! How is an event offered? The caller's side of the gate: what is checked, built
//! and counted, in the order that costs a refused event the least.

use super::buffer::{Body, Item, Offered, SHORT_BYTES_MAX, lowered};
use super::echo;
use super::gate::Gate;
use super::reason::{Reason, Refused};
use super::shared::Shared;
use crate::clock::Timestamp;
use crate::event::{
    EVENT_OVERHEAD_BYTES, Event, Invalid, MESSAGE_BYTES_MAX, Problem, RESERVED_TYPE_PREFIX,
    TYPE_BYTES_MAX, validate_type,
};
use crate::id::EventId;
use crate::severity::Severity;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

/// Longer types are too long in lower case too: no character loses more than two
/// of three bytes.
const LOWERED_BYTES_MAX: usize = 3 * TYPE_BYTES_MAX;

impl Shared {
    fn room(&self, urgent: bool) -> usize {
        let room = if urgent { &self.room_urgent } else { &self.room };
        room.load(Ordering::Relaxed)
    }

    /// `Client::add`.
    #[inline]
    pub(super) fn offer_text(&self, event_type: &str, message: &str) -> Result<EventId, Reason> {
        if echo::is_echo() {
            return Err(Reason::Echo);
        }
        if self.refuse_paused() {
            return Err(Reason::Paused);
        }
        let severity = severity_of(event_type);
        let urgent = severity >= Severity::WARN;
        let size_bytes = EVENT_OVERHEAD_BYTES + event_type.len() + message.len();
        if self.room(urgent) == 0 {
            self.refuse_without_room(size_bytes, urgent)?;
        }
        let lower;
        let event_type = if event_type.is_ascii() || event_type.len() > LOWERED_BYTES_MAX {
            event_type
        } else {
            // Before the check: lower case can be longer or shorter.
            lower = lowered(event_type);
            &lower
        };
        if let Err(invalid) = validate_text(event_type, message) {
            return Err(self.refuse_invalid(invalid));
        }
        let size_bytes = EVENT_OVERHEAD_BYTES + event_type.len() + message.len();
        if size_bytes > self.room(urgent) {
            self.refuse_without_room(size_bytes, urgent)?;
        }
        if event_type.len() + message.len() <= SHORT_BYTES_MAX {
            let added = self.clock.now();
            let mut gate = self.gate();
            if let Err(reason) = gate.admit(size_bytes, urgent) {
                self.count_refused(gate, &reason);
                return Err(reason);
            }
            let head = (added, severity);
            if let Some(taken) = gate.take_in_text(head, event_type, message, size_bytes) {
                return Ok(self.leave(gate, added, taken));
            }
        }
        let body = Body::of_text(event_type, message);
        let entering = self.enter(severity, size_bytes)?;
        Ok(self.take_in(entering, severity, body, size_bytes))
    }

    /// `Client::record` and its kin.
    pub(super) fn offer(&self, offered: Box<Offered>) -> Result<EventId, (Reason, Box<Offered>)> {
        if echo::is_echo() {
            return Err((Reason::Echo, offered));
        }
        if self.refuse_paused() {
            return Err((Reason::Paused, offered));
        }
        let severity = offered.event.severity();
        let urgent = severity >= Severity::WARN;
        if self.room(urgent) == 0
            && let Err(reason) = self.refuse_without_room(EVENT_OVERHEAD_BYTES, urgent)
        {
            return Err((reason, offered));
        }
        if let Err(invalid) = validate(&offered.event) {
            return Err((self.refuse_invalid(invalid), offered));
        }
        let size_bytes = offered.event.size_bytes();
        match self.enter(severity, size_bytes) {
            Ok(entering) => Ok(self.take_in(entering, severity, Body::Event(offered), size_bytes)),
            Err(reason) => Err((reason, offered)),
        }
    }

    /// Reads the clock, locks, and asks whether there is room.
    fn enter(&self, severity: Severity, size_bytes: usize) -> Result<Entering<'_>, Reason> {
        let added = self.clock.now();
        let gate = self.gate();
        if let Err(reason) = gate.admit(size_bytes, severity >= Severity::WARN) {
            self.count_refused(gate, &reason);
            return Err(reason);
        }
        Ok(Entering { gate, added })
    }

    fn take_in(
        &self,
        entering: Entering<'_>,
        severity: Severity,
        body: Body,
        size_bytes: usize,
    ) -> EventId {
        let Entering { mut gate, added } = entering;
        let taken = gate.take_in(Item { seq: 0, added, severity, body }, size_bytes);
        self.leave(gate, added, taken)
    }

    /// Lets go of the lock after something was taken.
    #[inline]
    fn leave(
        &self,
        gate: MutexGuard<'_, Gate>,
        added: Timestamp,
        (seq, wake): (u64, bool),
    ) -> EventId {
        let boot = gate.boot;
        self.publish(&gate);
        drop(gate);
        if wake {
            self.wake_sealer();
        }
        EventId::new(added, boot, seq)
    }

    /// Refuses with the lock alone; `Ok` if there is room after all.
    #[inline]
    fn refuse_without_room(&self, size_bytes: usize, urgent: bool) -> Result<(), Reason> {
        let gate = self.gate();
        let Err(reason) = gate.admit(size_bytes, urgent) else { return Ok(()) };
        self.count_refused(gate, &reason);
        Err(reason)
    }

    fn refuse_invalid(&self, invalid: Invalid) -> Reason {
        let reason = Reason::of_invalid(invalid);
        self.count_refused(self.gate(), &reason);
        reason
    }

    #[inline]
    fn count_refused(&self, mut gate: MutexGuard<'_, Gate>, reason: &Reason) {
        let Some(refusal) = reason.refusal() else { return };
        #[cfg(feature = "shuttle")]
        if self.settings.planted_race {
            // The planted mistake: the books are read and written under two locks.
            let mut tally = gate.tally;
            drop(gate);
            tally.count_refused(refusal, 1);
            self.gate().tally = tally;
            return;
        }
        gate.refuse(refusal, 1, || self.clock.now());
    }
}

/// An event that has room, under the lock.
struct Entering<'a> {
    gate: MutexGuard<'a, Gate>,
    added: Timestamp,
}

/// As [`Severity::of_type`], before the type is lower-cased.
#[inline]
fn severity_of(event_type: &str) -> Severity {
    match event_type.len() {
        5 if event_type.eq_ignore_ascii_case("error") => Severity::ERROR,
        7 if event_type.eq_ignore_ascii_case("warning") => Severity::WARN,
        _ => Severity::INFO,
    }
}

/// Whether this is certainly a good type, at the cost of one pass over its bytes.
#[inline]
fn is_plain(event_type: &str) -> bool {
    (1..=TYPE_BYTES_MAX).contains(&event_type.len())
        && event_type.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The rules that type and message of an event have.
fn validate_text(event_type: &str, message: &str) -> Result<(), Invalid> {
    if !is_plain(event_type) {
        validate_type(event_type)?;
    }
    if message.len() > MESSAGE_BYTES_MAX {
        let problem = Problem::TooLong { bytes: message.len(), limit: MESSAGE_BYTES_MAX };
        return Err(Invalid { field: "message", problem });
    }
    not_reserved(event_type)
}

fn validate(event: &Event) -> Result<(), Invalid> {
    event.validate()?;
    not_reserved(event.event_type())
}

fn not_reserved(event_type: &str) -> Result<(), Invalid> {
    match event_type.get(..RESERVED_TYPE_PREFIX.len()) {
        Some(start) if start.eq_ignore_ascii_case(RESERVED_TYPE_PREFIX) => {
            Err(Invalid { field: "type", problem: Problem::Reserved })
        }
        _ => Ok(()),
    }
}

impl From<(Reason, Box<Offered>)> for Refused {
    fn from((reason, offered): (Reason, Box<Offered>)) -> Refused {
        Refused { reason, event: Box::new(offered.event) }
    }
}
