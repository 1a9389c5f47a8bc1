//! How do many events wait together? Their texts one after the other in one
//! allocation.

use super::digest::body_digest;
use super::{Event, Invalid, Problem};
use crate::clock::Timestamp;
use crate::severity::Severity;

/// Many events on their way into a log, checked as they are added.
///
/// An event of its own has an allocation for each of its texts. Whoever reads
/// thousands adds each to a batch as soon as it is read: then its memory is used
/// again for the next, and what waits to be written is a few allocations.
///
/// ```
/// use tidings::{Event, EventBatch};
///
/// let mut batch = EventBatch::new();
/// batch.push(&Event::new("deploy", "api"));
/// batch.push(&Event::new("", "no type: it will be refused, the other not"));
///
/// assert_eq!(batch.len(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventBatch {
    texts: String,
    rows: Vec<Result<Row, Invalid>>,
    /// Fields on their way into the texts.
    json: Vec<u8>,
}

/// One event of a batch, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed<'a> {
    pub(crate) event_type: &'a str,
    pub(crate) message: &'a str,
    pub(crate) member: Option<&'a str>,
    pub(crate) source: Option<&'a str>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    /// A JSON object.
    pub(crate) fields: Option<&'a str>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) severity: Severity,
    pub(crate) trace_id: Option<u128>,
    pub(crate) span_id: Option<u64>,
    /// [`Event::size_bytes`].
    pub(crate) bytes: usize,
    /// Of the event as it was sent, if it has a key.
    pub(crate) digest: Option<[u8; 16]>,
}

/// Where the texts of an event are, and what else it says.
#[derive(Clone, Debug)]
struct Row {
    start: usize,
    bytes: usize,
    /// Of type, message, member, source, subject, key and fields, in this order.
    lengths: [Length; 7],
    timestamp: Option<Timestamp>,
    severity: Severity,
    rare: Option<Box<Rare>>,
}

/// What few events have.
#[derive(Clone, Debug)]
struct Rare {
    trace_id: Option<u128>,
    span_id: Option<u64>,
    digest: Option<[u8; 16]>,
}

/// How long a text is, if it is there. Its limits keep it far below `u32::MAX`.
#[derive(Clone, Copy, Debug)]
struct Length(u32);

impl Length {
    const NONE: Length = Length(u32::MAX);

    fn of(text: Option<&str>) -> Length {
        let length = text.map(|text| u32::try_from(text.len()));
        length.map_or(Length::NONE, |length| Length(length.expect("a valid text is short")))
    }

    fn get(self) -> Option<usize> {
        (self.0 != u32::MAX).then_some(self.0 as usize)
    }
}

impl EventBatch {
    /// No events.
    pub fn new() -> EventBatch {
        EventBatch::default()
    }

    /// Adds an event. If it breaks a rule, that is what is kept of it: whoever
    /// takes the batch answers so.
    pub fn push(&mut self, event: &Event) {
        if event.is_reserved() {
            let invalid = Invalid { field: "type", problem: Problem::Reserved };
            self.rows.push(Err(invalid));
        } else {
            self.push_own(event);
        }
    }

    /// Adds an event that may be tidings' own.
    pub(crate) fn push_own(&mut self, event: &Event) {
        self.json.clear();
        let json = &mut self.json;
        let measured = event.measured_by(|fields| {
            if !fields.is_empty() {
                // Names and values are JSON, and a vector takes all.
                let _ = serde_json::to_writer(&mut *json, fields);
            }
            json.len()
        });
        let row = measured.map(|bytes| self.write(event, bytes));
        self.rows.push(row);
    }

    /// How many events, those that break a rule included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Event `i` of the batch, or what is wrong with it.
    pub(crate) fn get(&self, i: usize) -> Result<Packed<'_>, &Invalid> {
        self.rows[i].as_ref().map(|row| row.read(&self.texts))
    }

    /// All in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<Packed<'_>, &Invalid>> {
        (0..self.len()).map(|i| self.get(i))
    }

    fn write(&mut self, event: &Event, bytes: usize) -> Row {
        let fields = std::str::from_utf8(&self.json).expect("JSON is UTF-8");
        let texts = [
            Some(event.event_type()),
            Some(event.message()),
            event.member(),
            event.source(),
            event.subject(),
            event.key(),
            Some(fields).filter(|fields| !fields.is_empty()),
        ];
        let start = self.texts.len();
        texts.iter().flatten().for_each(|text| self.texts.push_str(text));
        let digest = event.key().map(|_| body_digest(event));
        let (trace_id, span_id) = (event.trace_id(), event.span_id());
        let is_rare = digest.is_some() || trace_id.is_some() || span_id.is_some();
        Row {
            start,
            bytes,
            lengths: texts.map(Length::of),
            timestamp: event.timestamp(),
            severity: event.severity(),
            rare: is_rare.then(|| Box::new(Rare { trace_id, span_id, digest })),
        }
    }
}

impl Row {
    fn read<'a>(&self, texts: &'a str) -> Packed<'a> {
        let mut at = self.start;
        let [event_type, message, member, source, subject, key, fields] =
            self.lengths.map(|length| {
                let start = at;
                at += length.get()?;
                Some(&texts[start..at])
            });
        let rare = self.rare.as_deref();
        Packed {
            event_type: event_type.unwrap_or_default(),
            message: message.unwrap_or_default(),
            member,
            source,
            subject,
            key,
            fields,
            timestamp: self.timestamp,
            severity: self.severity,
            trace_id: rare.and_then(|rare| rare.trace_id),
            span_id: rare.and_then(|rare| rare.span_id),
            bytes: self.bytes,
            digest: rare.and_then(|rare| rare.digest),
        }
    }
}

impl From<Vec<Event>> for EventBatch {
    fn from(events: Vec<Event>) -> EventBatch {
        events.into_iter().collect()
    }
}

impl FromIterator<Event> for EventBatch {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> EventBatch {
        let mut batch = EventBatch::new();
        events.into_iter().for_each(|event| batch.push(&event));
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_out_as_it_went_in() {
        let full = Event::new("deploy", "Ärger")
            .with_member("db1")
            .with_source("ci")
            .with_subject("")
            .with_key("k")
            .with_field("z", 1.5)
            .with_field("a", "é\n")
            .with_timestamp(Timestamp::from_nanos(7))
            .with_severity(Severity::FATAL)
            .with_trace_id(1)
            .with_span_id(2);
        let batch: EventBatch = [Event::new("a", ""), full.clone()].into_iter().collect();

        let packed = batch.get(1).unwrap();

        assert_eq!((packed.event_type, packed.message), ("deploy", "Ärger"));
        assert_eq!((packed.member, packed.source), (Some("db1"), Some("ci")));
        assert_eq!((packed.subject, packed.key), (Some(""), Some("k")), "empty is not none");
        assert_eq!(packed.fields, Some(r#"{"z":1.5,"a":"é\n"}"#));
        assert_eq!((packed.timestamp, packed.severity), (full.timestamp(), Severity::FATAL));
        assert_eq!((packed.trace_id, packed.span_id), (Some(1), Some(2)));
        assert_eq!(packed.bytes, full.size_bytes());
        assert_eq!(packed.digest, Some(body_digest(&full)));
        let bare = batch.get(0).unwrap();
        assert_eq!((bare.message, bare.member, bare.fields, bare.digest), ("", None, None, None));
    }

    #[test]
    fn an_event_that_breaks_a_rule_is_told_and_leaves_the_others_alone() {
        let events = [Event::new("", ""), Event::new("tidings.lost", ""), Event::new("a", "m")];

        let batch: EventBatch = events.into_iter().collect();

        assert_eq!(batch.get(0).unwrap_err().problem, Problem::Empty);
        assert_eq!(batch.get(1).unwrap_err().problem, Problem::Reserved);
        assert_eq!(batch.get(2).unwrap().message, "m");
    }
}
