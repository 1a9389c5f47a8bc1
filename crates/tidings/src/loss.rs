//! How does a log state what is not in it? The events that tidings itself writes.
//!
//! A loss record is an event of type [`LOSS_TYPE`] whose fields are one exact
//! snapshot of the books, itself included. Records of a boot tile its sequence:
//! each speaks for the numbers from `since` through `through`. The last one of a
//! boot in which nothing went missing has the type [`CLOSED_TYPE`].

use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::event::{CLOSED_TYPE, Event, Fields, LOSS_TYPE};
use crate::severity::Severity;
use crate::tally::{LossReason, Refusal, Tally};

/// The component that events of tidings' own name as their source.
pub(crate) const OWN_SOURCE: &str = "tidings";
/// How often a loss record is made at most while events go missing.
pub const LOSS_RECORD_PERIOD: Duration = Duration::from_secs(10);

/// How many events are missing and have to be told of. Not those whose sender is
/// at fault and was told so; nor refusals of what is closing, which come after
/// the end of the boot.
pub(crate) fn to_tell(tally: &Tally) -> u64 {
    let told = Refusal::ALL.into_iter().filter(|r| r.is_the_senders() || *r == Refusal::Closed);
    tally.missing() - told.map(|reason| tally.refused(reason)).sum::<u64>()
}

/// A loss record, or the end of a boot in which nothing went missing, before it
/// has a text.
#[derive(Clone, Debug)]
pub(crate) struct LossRecord {
    /// The books when it was made; it is the last one offered, and pending.
    pub(crate) tally: Tally,
    /// When it was made.
    pub(crate) added: Timestamp,
    /// The first number it speaks for.
    pub(crate) since: u64,
    /// First and last time at which something went missing since the record
    /// before.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
}

impl LossRecord {
    /// Its own number.
    pub(crate) fn seq(&self) -> u64 {
        self.tally.offered
    }

    /// Whether anything is missing.
    pub(crate) fn tells_losses(&self) -> bool {
        to_tell(&self.tally) > 0
    }

    /// The event that goes into a block.
    pub(crate) fn event(&self) -> Event {
        let (kind, severity, message) = match to_tell(&self.tally) {
            0 => (CLOSED_TYPE, Severity::INFO, format!("closed: {}", self.tally)),
            1 => (LOSS_TYPE, Severity::WARN, format!("1 event is missing: {}", self.tally)),
            n => (LOSS_TYPE, Severity::WARN, format!("{n} events are missing: {}", self.tally)),
        };
        Event::new(kind, message)
            .with_severity(severity)
            .with_source(OWN_SOURCE)
            .with_fields(self.fields())
    }

    fn fields(&self) -> Fields {
        let tally = &self.tally;
        let refused = Refusal::ALL.map(|reason| (reason.name(), tally.refused(reason)));
        let lost = LossReason::ALL.map(|reason| (reason.name(), tally.lost(reason)));
        let mut fields = Fields::new();
        fields.insert("through", tally.offered);
        fields.insert("since", self.since);
        fields.insert("stored", tally.stored);
        fields.insert("pending", tally.pending);
        if tally.spooled > 0 {
            fields.insert("spooled", tally.spooled);
        }
        fields.insert("refused", counted(&refused));
        fields.insert("lost", counted(&lost));
        if let Some((from, to)) = self.span {
            fields.insert("from", from.to_string());
            fields.insert("to", to.to_string());
        }
        fields
    }
}

/// Reasons that happened, by name.
pub(crate) fn counted(rows: &[(&str, u64)]) -> Value {
    let happened = rows.iter().filter(|(_, count)| *count > 0);
    happened.map(|(name, count)| ((*name).to_owned(), Value::from(*count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_snapshot_of_the_books() {
        let mut tally = Tally::default();
        tally.count_refused(Refusal::BytesFull, 2);
        tally.count_refused(Refusal::Invalid, 9);
        tally.count_taken(1);
        let span = Some((Timestamp::from_nanos(1), Timestamp::from_nanos(2)));

        let added = Timestamp::from_nanos(3);
        let event = LossRecord { tally, added, since: 5, span }.event();

        assert_eq!((event.event_type(), event.severity()), (LOSS_TYPE, Severity::WARN));
        assert!(event.message().starts_with("2 events are missing: offered 12 "), "{event:?}");
        assert_eq!(
            serde_json::to_string(event.fields()).unwrap(),
            r#"{"through":12,"since":5,"stored":0,"pending":1,"refused":{"bytes_full":2,"invalid":9},"lost":{},"from":"1970-01-01T00:00:00.000000001Z","to":"1970-01-01T00:00:00.000000002Z"}"#
        );
    }

    #[test]
    fn what_is_the_senders_own_makes_no_loss() {
        let mut tally = Tally::default();
        tally.count_refused(Refusal::Invalid, 1);
        tally.count_refused(Refusal::Closed, 1);

        let added = Timestamp::from_nanos(3);
        let event = LossRecord { tally, added, since: 1, span: None }.event();

        assert_eq!((event.event_type(), event.severity()), (CLOSED_TYPE, Severity::INFO));
    }
}
