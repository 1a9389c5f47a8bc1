//! What does a log say of events that no other machine will get?
//!
//! An event of type [`UNSHARED_TYPE`], itself shared like any other, whose fields are
//! one snapshot of the second books. They add up over a boot: the last record counts.

use std::time::Duration;

use serde_json::Value;

use super::boots::Asked;
use super::core::Core;
use super::index::Span;
use super::losses::records_of;
use crate::block::{Block, FormatError};
use crate::clock::Timestamp;
use crate::event::{Event, Fields, StoredEvent, UNSHARED_TYPE};
use crate::id::{Boot, Origin};
use crate::loss::{OWN_SOURCE, counted};
use crate::severity::Severity;
use crate::sharing::{Sharing, Unshared};

impl Core {
    /// Writes a record when there is something to tell and it is time; `last` says
    /// that there will be no other time.
    pub(super) fn tell_unshared(&self, last: bool) {
        let Some(ledger) = &self.ledger else { return };
        let monotonic = self.options.clock.monotonic();
        let Some((books, span)) = ledger.lock().to_tell(monotonic, last) else { return };
        let event = record_of(&books, span, self.options.retention);
        let now = self.now();
        let mut gate = self.gate.lock();
        if last || gate.admits().is_ok() {
            gate.take_own(&event, now);
            drop(gate);
            ledger.lock().told(&books, monotonic);
        }
    }
}

fn record_of(books: &Sharing, span: Option<Span>, retention: Duration) -> Event {
    let unshared = Unshared::ALL.map(|reason| (reason.name(), books.unshared(reason)));
    let mut fields = Fields::new();
    fields.insert("queued", books.queued);
    fields.insert("published", books.published);
    fields.insert("waiting", books.waiting);
    fields.insert("unshared", counted(&unshared));
    fields.insert("retention", retention.as_secs());
    if let Some((from, to)) = span {
        fields.insert("from", from.to_string());
        fields.insert("to", to.to_string());
    }
    let message = match books.unshared_total() {
        1 => format!("1 event is on this server alone: {books}"),
        events => format!("{events} events are on this server alone: {books}"),
    };
    Event::new(UNSHARED_TYPE, message)
        .with_severity(Severity::WARN)
        .with_source(OWN_SOURCE)
        .with_fields(fields)
}

/// What the last record of another machine's boot says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct UnsharedBooks {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    /// All that it gave up but what had come of age.
    young: u64,
    /// What waited there for as long as it keeps events.
    too_old: u64,
    retention: Duration,
}

impl UnsharedBooks {
    fn of(record: &StoredEvent) -> UnsharedBooks {
        let fields = record.event.fields();
        let time = |name| fields.get(name)?.as_str()?.parse().ok();
        let reasons = fields.get("unshared").and_then(Value::as_object);
        let count = |(_, value): (&String, &Value)| value.as_u64();
        let total = reasons.into_iter().flatten().filter_map(count).fold(0, u64::saturating_add);
        let too_old = reasons.and_then(|reasons| reasons.get(Unshared::TooOld.name()));
        let too_old = too_old.and_then(Value::as_u64).unwrap_or_default();
        let seconds = fields.get("retention").and_then(Value::as_u64).unwrap_or_default();
        UnsharedBooks {
            from: time("from"),
            to: time("to"),
            young: total.saturating_sub(too_old),
            too_old,
            retention: Duration::from_secs(seconds),
        }
    }

    /// Takes in a record of the same boot, whichever is the later.
    pub(super) fn absorb(&mut self, other: UnsharedBooks) {
        if other.total() >= self.total() {
            *self = other;
        }
    }

    fn total(&self) -> u64 {
        self.young.saturating_add(self.too_old)
    }

    /// How many events are missing here that are not over age here as well.
    pub(super) fn missing(&self, asked: &Asked<'_>) -> u64 {
        let is_over = self.to.is_some_and(|to| to < asked.cutoff);
        let young = if is_over { 0 } else { self.young };
        let old = if asked.retention > self.retention { self.too_old } else { 0 };
        young.saturating_add(old)
    }
}

/// The records in a block, by boot.
pub(super) fn unshared_in(
    block: &Block,
) -> Result<Vec<(Origin, Boot, UnsharedBooks)>, FormatError> {
    let records = records_of(block, UNSHARED_TYPE)?;
    Ok(records.iter().map(|it| (it.origin, it.boot, UnsharedBooks::of(it))).collect())
}
