//! What does the log say of events that are not in it? When its own records are
//! due, and what those that it holds say.

use std::time::Duration;

use serde_json::Value;

use crate::block::{Block, FormatError};
use crate::clock::Timestamp;
use crate::event::{LOSS_TYPE, StoredEvent};
use crate::id::{Boot, Origin, Position};
use crate::loss::{LOSS_RECORD_PERIOD, LossRecord};
use crate::tally::{LossReason, Refusal, Tally};

/// What there is to tell since the last record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Telling {
    told_through: u64,
    since_told: Option<(Timestamp, Timestamp)>,
    /// First and last refusal or loss of the whole boot.
    pub(super) of_boot: Option<(Timestamp, Timestamp)>,
    /// On the monotonic clock.
    due: Duration,
}

impl Telling {
    pub(super) fn note(&mut self, now: Timestamp) {
        for span in [&mut self.since_told, &mut self.of_boot] {
            *span = Some(span.map_or((now, now), |(from, to)| (from.min(now), to.max(now))));
        }
    }

    /// A record is lost: the next one covers its stretch as well.
    pub(super) fn not_told(&mut self, lost: &UnderWay) {
        self.told_through = self.told_through.min(lost.since - 1);
        for at in lost.span.into_iter().flat_map(|(from, to)| [from, to]) {
            self.note(at);
        }
    }

    /// Whether a record is due.
    pub(super) fn is_due(&self, monotonic: Duration) -> bool {
        self.since_told.is_some() && monotonic >= self.due
    }

    /// The record of these books, which have counted it as the last one offered;
    /// the next one goes on where it ends.
    pub(super) fn record(
        &mut self,
        tally: Tally,
        added: Timestamp,
        monotonic: Duration,
    ) -> LossRecord {
        let since = self.told_through + 1;
        self.told_through = tally.offered;
        self.due = monotonic + LOSS_RECORD_PERIOD;
        LossRecord { tally, added, since, span: self.since_told.take() }
    }
}

/// What a record tells that is not known to be stored yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnderWay {
    since: u64,
    span: Option<(Timestamp, Timestamp)>,
}

impl UnderWay {
    pub(super) fn of(record: &LossRecord) -> UnderWay {
        UnderWay { since: record.since, span: record.span }
    }
}

/// What the last loss record of a boot says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LossBooks {
    pub(super) through: u64,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    /// Reasons that happened and how often, without what is the senders' own.
    pub(super) missing: Vec<(&'static str, u64)>,
}

impl LossBooks {
    fn of(record: &StoredEvent) -> LossBooks {
        let fields = record.event.fields();
        let time = |name| fields.get(name)?.as_str()?.parse().ok();
        LossBooks {
            through: fields.get("through").and_then(Value::as_u64).unwrap_or_default(),
            from: time("from"),
            to: time("to"),
            missing: missing_of(fields.get("refused"), fields.get("lost")),
        }
    }

    /// Takes in a record of the same boot, whichever is the later.
    pub(super) fn absorb(&mut self, other: LossBooks) {
        let from = self.from.into_iter().chain(other.from).min();
        let to = self.to.into_iter().chain(other.to).max();
        if other.through >= self.through {
            *self = other;
        }
        (self.from, self.to) = (from, to);
    }
}

fn missing_of(refused: Option<&Value>, lost: Option<&Value>) -> Vec<(&'static str, u64)> {
    let refusals = Refusal::ALL.into_iter().filter(|r| !r.is_the_senders()).map(Refusal::name);
    let losses = LossReason::ALL.into_iter().map(LossReason::name);
    let count = |of: Option<&Value>, name| of.and_then(|of| of.get(name)?.as_u64()).unwrap_or(0);
    let refused = refusals.map(|name| (name, count(refused, name)));
    summed(refused.chain(losses.map(|name| (name, count(lost, name)))))
}

/// Reasons that happened, each once: a name can stand for a refusal and a loss.
fn summed(rows: impl Iterator<Item = (&'static str, u64)>) -> Vec<(&'static str, u64)> {
    let mut missing: Vec<(&'static str, u64)> = Vec::new();
    for (name, count) in rows.filter(|(_, count)| *count > 0) {
        match missing.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => missing.push((name, count)),
        }
    }
    missing
}

/// What is missing by these books.
pub(super) fn missing_in(tally: &Tally) -> Vec<(&'static str, u64)> {
    let refusals = Refusal::ALL.into_iter().filter(|r| !r.is_the_senders());
    let refused = refusals.map(|reason| (reason.name(), tally.refused(reason)));
    let lost = LossReason::ALL.into_iter().map(|reason| (reason.name(), tally.lost(reason)));
    summed(refused.chain(lost))
}

/// The loss records in a block, by boot.
pub(super) fn records_in(block: &Block) -> Result<Vec<(Origin, Boot, LossBooks)>, FormatError> {
    let records = records_of(block, LOSS_TYPE)?;
    Ok(records.iter().map(|it| (it.origin, it.boot, LossBooks::of(it))).collect())
}

/// The events of one type in a block. Costs nothing where there are none.
pub(super) fn records_of(block: &Block, kind: &str) -> Result<Vec<StoredEvent>, FormatError> {
    let Some(kind) = block.header().types.iter().position(|t| t.name == kind) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for number in 0..block.frames() {
        let frame = block.frame(number)?;
        for i in (0..frame.len()).filter(|i| frame.type_index(*i) == kind) {
            found.push(frame.event(i, Position(0))?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn read_back(event: Event) -> LossBooks {
        LossBooks::of(&StoredEvent {
            event,
            id: crate::id::EventId::from_bytes([0; 16]),
            timestamp: at(0),
            received: at(0),
            origin: Origin::from_bytes([0; 16]),
            boot: Boot::from_bytes([0; 8]),
            seq: 1,
            position: Position(0),
        })
    }

    #[test]
    fn records_tile_the_sequence() {
        let (mut telling, mut tally) = (Telling::default(), Tally::default());
        tally.count_refused(Refusal::BytesFull, 3);
        let first = telling.record(tally, at(0), Duration::ZERO);
        tally.count_refused(Refusal::BytesFull, 2);
        let second = telling.record(tally, at(0), Duration::ZERO);

        assert_eq!((first.since, first.seq()), (1, 3));
        assert_eq!((second.since, second.seq()), (4, 5));
    }

    #[test]
    fn what_a_record_says_can_be_read_back() {
        let (mut telling, mut tally) = (Telling::default(), Tally::default());
        telling.note(at(5));
        tally.count_refused(Refusal::BytesFull, 3);
        tally.count_refused(Refusal::Invalid, 9);
        tally.count_taken(2);
        tally.count_lost(LossReason::Unknown, 1);

        let books = read_back(telling.record(tally, at(0), Duration::ZERO).event());

        assert_eq!(books.missing, [("bytes_full", 3), ("unknown", 1)]);
        assert_eq!((books.through, books.from, books.to), (14, Some(at(5)), Some(at(5))));
    }

    #[test]
    fn the_next_record_covers_the_stretch_of_one_that_was_lost() {
        let (mut telling, mut tally) = (Telling::default(), Tally::default());
        telling.note(at(5));
        tally.count_taken(2);
        let lost = telling.record(tally, at(6), Duration::ZERO);
        telling.note(at(7));
        telling.not_told(&UnderWay::of(&lost));

        let next = telling.record(tally, at(8), Duration::ZERO);

        assert_eq!((next.since, next.span), (1, Some((at(5), at(7)))));
    }

    #[test]
    fn a_record_is_due_at_once_and_then_at_its_pace() {
        let mut telling = Telling::default();
        assert!(!telling.is_due(Duration::ZERO));

        telling.note(at(1));
        assert!(telling.is_due(Duration::ZERO));
        telling.record(Tally::default(), at(1), Duration::ZERO);
        telling.note(at(2));

        assert!(!telling.is_due(LOSS_RECORD_PERIOD.checked_sub(Duration::from_nanos(1)).unwrap()));
        assert!(telling.is_due(LOSS_RECORD_PERIOD));
    }
}
