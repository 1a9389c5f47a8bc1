//! What does the log say of events that are not in it? Its own records: how they
//! are made, and what others' say.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::block::{Block, FormatError};
use crate::clock::Timestamp;
use crate::event::{CLOSED_TYPE, Event, LOSS_TYPE, StoredEvent};
use crate::id::{Boot, Origin, Position};
use crate::severity::Severity;
use crate::tally::{LossReason, Refusal, Tally};

/// How long after a loss record the next one is written, at the soonest.
pub(crate) const LOSS_RECORD_PACE: Duration = Duration::from_secs(10);

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

    /// Whether a record is due.
    pub(super) fn is_due(&self, monotonic: Duration) -> bool {
        self.since_told.is_some() && monotonic >= self.due
    }

    /// The record of these books; the next one goes on where it ends.
    pub(super) fn record(&mut self, kind: &str, tally: &Tally, monotonic: Duration) -> Event {
        let mut fields = Map::new();
        fields.insert("through".into(), tally.offered.into());
        fields.insert("since".into(), (self.told_through + 1).into());
        fields.insert("stored".into(), tally.stored.into());
        fields.insert("pending".into(), tally.pending.into());
        fields.insert("refused".into(), counts(Refusal::ALL.map(|r| (r.name(), tally.refused(r)))));
        fields.insert("lost".into(), counts(LossReason::ALL.map(|r| (r.name(), tally.lost(r)))));
        if let Some((from, to)) = self.since_told {
            fields.insert("from".into(), from.to_string().into());
            fields.insert("to".into(), to.to_string().into());
        }
        self.told_through = tally.offered;
        self.since_told = None;
        self.due = monotonic + LOSS_RECORD_PACE;
        let lost = kind == LOSS_TYPE;
        Event::new(kind, message(lost, tally))
            .with_severity(if lost { Severity::WARN } else { Severity::INFO })
            .with_source("tidings")
            .with_fields(fields.into_iter().collect())
    }
}

fn message(lost: bool, tally: &Tally) -> String {
    if lost {
        format!("{} events are not in the log: {tally}", tally.missing())
    } else {
        format!("closed; {tally}")
    }
}

fn counts<const N: usize>(rows: [(&'static str, u64); N]) -> Value {
    let counted = rows.into_iter().filter(|(_, count)| *count > 0);
    Value::Object(counted.map(|(name, count)| (name.to_owned(), count.into())).collect())
}

/// Which record closes a boot with these books.
pub(super) fn closing_type(tally: &Tally) -> &'static str {
    let missing = Refusal::ALL.into_iter().filter(|r| !r.is_the_senders());
    match tally.lost_total() + missing.map(|r| tally.refused(r)).sum::<u64>() {
        0 => CLOSED_TYPE,
        _ => LOSS_TYPE,
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
    let count = |of: Option<&Value>, name| of?.get(name)?.as_u64().filter(|count| *count > 0);
    let mut missing: Vec<(&'static str, u64)> = Vec::new();
    let rows = refusals.map(|name| (name, refused)).chain(losses.map(|name| (name, lost)));
    for (name, count) in rows.filter_map(|(name, of)| Some((name, count(of, name)?))) {
        match missing.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => missing.push((name, count)),
        }
    }
    missing
}

/// What is missing by these books.
pub(super) fn missing_in(tally: &Tally) -> Vec<(&'static str, u64)> {
    let refused = counts(Refusal::ALL.map(|r| (r.name(), tally.refused(r))));
    let lost = counts(LossReason::ALL.map(|r| (r.name(), tally.lost(r))));
    missing_of(Some(&refused), Some(&lost))
}

/// The loss records in a block, by boot.
pub(super) fn records_in(block: &Block) -> Result<Vec<(Origin, Boot, LossBooks)>, FormatError> {
    let Some(kind) = block.header().types.iter().position(|t| t.name == LOSS_TYPE) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for number in 0..block.frames() {
        let frame = block.frame(number)?;
        for i in (0..frame.len()).filter(|i| frame.type_index(*i) == kind) {
            let record = frame.event(i, Position(0))?;
            found.push((record.origin, record.boot, LossBooks::of(&record)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let first = telling.record(LOSS_TYPE, &tally, Duration::ZERO);
        tally.count_refused(Refusal::BytesFull, 2);
        let second = telling.record(LOSS_TYPE, &tally, Duration::ZERO);

        assert_eq!(first.fields().get("since"), Some(&1.into()));
        assert_eq!(first.fields().get("through"), Some(&3.into()));
        assert_eq!(second.fields().get("since"), Some(&4.into()));
    }

    #[test]
    fn what_a_record_says_can_be_read_back() {
        let (mut telling, mut tally) = (Telling::default(), Tally::default());
        telling.note(at(5));
        tally.count_refused(Refusal::BytesFull, 3);
        tally.count_refused(Refusal::Invalid, 9);
        tally.count_taken(2);
        tally.count_lost(LossReason::Unknown, 1);

        let books = read_back(telling.record(LOSS_TYPE, &tally, Duration::ZERO));

        assert_eq!(books.missing, [("bytes_full", 3), ("unknown", 1)]);
        assert_eq!((books.through, books.from, books.to), (14, Some(at(5)), Some(at(5))));
    }

    #[test]
    fn a_record_is_due_at_once_and_then_at_its_pace() {
        let mut telling = Telling::default();
        assert!(!telling.is_due(Duration::ZERO));

        telling.note(at(1));
        assert!(telling.is_due(Duration::ZERO));
        telling.record(LOSS_TYPE, &Tally::default(), Duration::ZERO);
        telling.note(at(2));

        assert!(!telling.is_due(LOSS_RECORD_PACE.checked_sub(Duration::from_nanos(1)).unwrap()));
        assert!(telling.is_due(LOSS_RECORD_PACE));
    }

    #[test]
    fn what_is_the_senders_own_makes_no_loss() {
        let mut tally = Tally::default();
        tally.count_refused(Refusal::Invalid, 1);
        assert_eq!(closing_type(&tally), CLOSED_TYPE);

        tally.count_refused(Refusal::BytesFull, 1);
        assert_eq!(closing_type(&tally), LOSS_TYPE);
    }
}
