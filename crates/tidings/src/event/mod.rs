//! What is an event?
//!
//! A type, a message, when, who, how bad, and what else the producer wants to
//! say. [`Event`] is what a producer offers; [`StoredEvent`] is what a log keeps,
//! with the identity and the times that only tidings sets.

mod batch;
mod digest;
mod fields;
mod invalid;
mod json;
mod shared;
mod text_or;

use crate::clock::Timestamp;
use crate::id::{Boot, EventId, Origin, Position};
use crate::severity::Severity;

pub use batch::EventBatch;
pub(crate) use batch::Packed;
pub use fields::Fields;
pub use invalid::{Invalid, Problem};
pub use json::Verbose;
pub use shared::SharedEvent;

/// Bytes of a type, at most; at least 1.
pub const TYPE_BYTES_MAX: usize = 128;
/// Bytes of a message, at most.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a member's name, at most; at least 1.
pub const MEMBER_BYTES_MAX: usize = 128;
/// Bytes of a `source`, at most.
pub const SOURCE_BYTES_MAX: usize = 256;
/// Bytes of a `subject`, at most.
pub const SUBJECT_BYTES_MAX: usize = 1024;
/// Bytes of a caller's own `key`, at most.
pub const KEY_BYTES_MAX: usize = 128;
/// Names in `fields`, at most.
pub const FIELDS_MAX: usize = 256;
/// Arrays and objects within each other in the value of one field, at most. JSON
/// readers stop at some depth: an event beyond it could not be read back.
pub const FIELDS_DEPTH_MAX: usize = 100;
/// Bytes of a whole event with its fields as JSON, at most.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// What an event costs besides its texts, in every count of bytes.
pub const EVENT_OVERHEAD_BYTES: usize = 64;
/// How long an event is kept by default, and how long a queue tries to store it
/// at most.
pub const MAX_EVENT_AGE: std::time::Duration = std::time::Duration::from_hours(24);
/// Types that begin so are written by tidings alone.
pub const RESERVED_TYPE_PREFIX: &str = "tidings.";
/// The type of a loss record.
pub const LOSS_TYPE: &str = "tidings.lost";
/// The type of the last event of a boot that lost nothing.
pub const CLOSED_TYPE: &str = "tidings.closed";
/// The type of a record of events that no other machine will get.
pub const UNSHARED_TYPE: &str = "tidings.unshared";
/// The type of an event that says how full the store is that members share.
pub const QUOTA_TYPE: &str = "tidings.quota";

/// What a producer offers.
///
/// Any value can be built; [`Event::validate`] says whether it can be recorded,
/// and recording calls it. Times and members that are left out are filled in by
/// whoever takes the event.
///
/// ```
/// use tidings::{Event, Severity};
///
/// let event = Event::new("Deploy", "api rolled out")
///     .with_severity(Severity::WARN)
///     .with_subject("api")
///     .with_field("version", "1.42");
///
/// assert_eq!(event.event_type(), "deploy");
/// assert!(event.validate().is_ok());
/// ```
#[expect(clippy::struct_field_names, reason = "`type` is a keyword")]
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub(crate) event_type: String,
    pub(crate) message: String,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) member: Option<String>,
    pub(crate) severity: Severity,
    pub(crate) source: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) fields: Fields,
    pub(crate) trace_id: Option<u128>,
    pub(crate) span_id: Option<u64>,
}

impl Event {
    /// An event of this type, lower-cased, with the severity that
    /// [`Severity::of_type`] gives it.
    pub fn new(event_type: impl Into<String>, message: impl Into<String>) -> Event {
        let event_type = lower_cased(event_type.into());
        Event {
            severity: Severity::of_type(&event_type),
            event_type,
            message: message.into(),
            timestamp: None,
            member: None,
            source: None,
            subject: None,
            key: None,
            fields: Fields::new(),
            trace_id: None,
            span_id: None,
        }
    }

    /// Replaces the type, lower-cased; the severity stays.
    #[must_use]
    pub fn with_type(mut self, event_type: impl Into<String>) -> Event {
        self.event_type = lower_cased(event_type.into());
        self
    }

    /// Replaces what happened.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Event {
        self.message = message.into();
        self
    }

    /// Sets when it happened, by the producer's clock. Default: when it is taken.
    #[must_use]
    pub fn with_timestamp(mut self, at: Timestamp) -> Event {
        self.timestamp = Some(at);
        self
    }

    /// Sets who recorded it. Default: the recorder's own member.
    #[must_use]
    pub fn with_member(mut self, member: impl Into<String>) -> Event {
        self.member = Some(member.into());
        self
    }

    /// Sets how bad it is.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Event {
        self.severity = severity;
        self
    }

    /// Sets the component that spoke.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Event {
        self.source = Some(source.into());
        self
    }

    /// Sets what it is about: a host, a service, a ticket.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Event {
        self.subject = Some(subject.into());
        self
    }

    /// Sets the caller's own id, by which a repeated delivery is recognised
    /// within (member, source) during the dedupe window.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Event {
        self.key = Some(key.into());
        self
    }

    /// Adds one field; a second value under the same name replaces the first.
    #[must_use]
    pub fn with_field(
        mut self,
        name: impl Into<String>,
        value: impl Into<serde_json::Value>,
    ) -> Event {
        self.fields.insert(name, value);
        self
    }

    /// Replaces all fields.
    #[must_use]
    pub fn with_fields(mut self, fields: Fields) -> Event {
        self.fields = fields;
        self
    }

    /// Sets the W3C trace id; zero is "none" there and here.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: u128) -> Event {
        self.trace_id = (trace_id != 0).then_some(trace_id);
        self
    }

    /// Sets the W3C span id; zero is "none" there and here.
    #[must_use]
    pub fn with_span_id(mut self, span_id: u64) -> Event {
        self.span_id = (span_id != 0).then_some(span_id);
        self
    }

    /// What kind of event, in lower case.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// When it happened, if the producer said so.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// Who claims to have recorded it, if the producer said so.
    pub fn member(&self) -> Option<&str> {
        self.member.as_deref()
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The component that spoke.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// What it is about.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The caller's own id.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What else the producer said, in its order.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The W3C trace id.
    pub fn trace_id(&self) -> Option<u128> {
        self.trace_id
    }

    /// The W3C span id.
    pub fn span_id(&self) -> Option<u64> {
        self.span_id
    }

    /// A digest of it as it is, to tell a repetition from another event under the
    /// same key.
    #[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "only a cluster asks"))]
    pub(crate) fn digest(&self) -> [u8; 16] {
        digest::body_digest(self)
    }

    /// Whether only tidings itself may write this type.
    pub fn is_reserved(&self) -> bool {
        self.event_type.starts_with(RESERVED_TYPE_PREFIX)
    }

    /// What this event costs wherever bytes are counted: its texts, its fields as
    /// JSON, and [`EVENT_OVERHEAD_BYTES`].
    pub fn size_bytes(&self) -> usize {
        self.texts_bytes() + self.fields.json_bytes()
    }

    fn texts_bytes(&self) -> usize {
        let optional = [&self.member, &self.source, &self.subject, &self.key];
        EVENT_OVERHEAD_BYTES
            + self.event_type.len()
            + self.message.len()
            + optional.iter().map(|text| text.as_ref().map_or(0, String::len)).sum::<usize>()
    }

    /// Says whether this event can be recorded.
    ///
    /// # Errors
    ///
    /// [`Invalid`] names the first field that breaks a rule: a type that is
    /// empty, longer than [`TYPE_BYTES_MAX`] or has control characters; a text
    /// longer than its limit; an empty member; more than [`FIELDS_MAX`] fields
    /// or [`FIELDS_DEPTH_MAX`] levels in one; or the whole over [`EVENT_BYTES_MAX`]. Reserved types are not its matter:
    /// the edges that take events from outside refuse those.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.measured().map(drop)
    }

    /// Its [`Event::size_bytes`] if it can be recorded: counting fields costs as
    /// much as writing them, so whoever needs both asks once.
    pub(crate) fn measured(&self) -> Result<usize, Invalid> {
        self.measured_by(Fields::json_bytes)
    }

    /// The same by somebody who writes the fields anyway, once they are known to be
    /// few and flat enough, and says how long they are.
    fn measured_by(&self, fields_bytes: impl FnOnce(&Fields) -> usize) -> Result<usize, Invalid> {
        validate_type(&self.event_type)?;
        at_most("message", self.message.len(), MESSAGE_BYTES_MAX)?;
        if let Some(member) = &self.member {
            validate_member(member)?;
        }
        let texts = [
            ("source", &self.source, SOURCE_BYTES_MAX),
            ("subject", &self.subject, SUBJECT_BYTES_MAX),
            ("key", &self.key, KEY_BYTES_MAX),
        ];
        for (field, text, limit) in texts {
            at_most(field, text.as_ref().map_or(0, String::len), limit)?;
        }
        if self.fields.len() > FIELDS_MAX {
            let problem = Problem::TooMany { count: self.fields.len(), limit: FIELDS_MAX };
            return Err(Invalid { field: "fields", problem });
        }
        if self.fields.are_deeper_than(FIELDS_DEPTH_MAX) {
            let problem = Problem::TooDeep { limit: FIELDS_DEPTH_MAX };
            return Err(Invalid { field: "fields", problem });
        }
        let bytes = self.texts_bytes() + fields_bytes(&self.fields);
        at_most("event", bytes, EVENT_BYTES_MAX).map(|()| bytes)
    }
}

/// Checks a type as [`Event::validate`] does, already lower-cased.
pub(crate) fn validate_type(event_type: &str) -> Result<(), Invalid> {
    if event_type.is_empty() {
        return Err(Invalid { field: "type", problem: Problem::Empty });
    }
    at_most("type", event_type.len(), TYPE_BYTES_MAX)?;
    if event_type.chars().any(char::is_control) {
        return Err(Invalid { field: "type", problem: Problem::ControlCharacter });
    }
    Ok(())
}

/// Checks a member's name.
pub(crate) fn validate_member(member: &str) -> Result<(), Invalid> {
    if member.is_empty() {
        return Err(Invalid { field: "memberid", problem: Problem::Empty });
    }
    at_most("memberid", member.len(), MEMBER_BYTES_MAX)
}

fn at_most(field: &'static str, bytes: usize, limit: usize) -> Result<(), Invalid> {
    if bytes <= limit {
        return Ok(());
    }
    Err(Invalid { field, problem: Problem::TooLong { bytes, limit } })
}

/// Lower case as the type of an event has it; costs nothing when it already is.
pub(crate) fn lower_cased(event_type: String) -> String {
    let lower = event_type.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    if lower { event_type } else { event_type.to_lowercase() }
}

/// An event as a log keeps it: with its identity, and with its time and member
/// always there.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// What the producer said; `timestamp` and `member` are filled in.
    pub event: Event,
    /// Its name in URLs.
    pub id: EventId,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When the first durable tidings took it. Retention counts from here.
    pub received: Timestamp,
    /// Who really took it.
    pub origin: Origin,
    /// Which start of the origin.
    pub boot: Boot,
    /// The how-manieth of that boot.
    pub seq: u64,
    /// Where it stands in the log it was read from.
    pub position: Position,
}

impl StoredEvent {
    /// Who claims to have recorded it.
    pub fn member(&self) -> &str {
        self.event.member().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_invalid(event: &Event, field: &str) {
        let invalid = event.validate().unwrap_err();
        assert_eq!(invalid.field, field, "{invalid}");
    }

    #[test]
    fn texts_are_taken_at_their_limit_and_refused_one_byte_past_it() {
        type Build = fn(String) -> Event;
        let text = |bytes: usize| "x".repeat(bytes);
        let cases: [(&str, usize, Build); 6] = [
            ("type", TYPE_BYTES_MAX, |t| Event::new(t, "")),
            ("message", MESSAGE_BYTES_MAX, |t| Event::new("a", t)),
            ("memberid", MEMBER_BYTES_MAX, |t| Event::new("a", "").with_member(t)),
            ("source", SOURCE_BYTES_MAX, |t| Event::new("a", "").with_source(t)),
            ("subject", SUBJECT_BYTES_MAX, |t| Event::new("a", "").with_subject(t)),
            ("key", KEY_BYTES_MAX, |t| Event::new("a", "").with_key(t)),
        ];
        for (field, limit, build) in cases {
            assert_eq!(build(text(limit)).validate(), Ok(()), "{field}");
            assert_invalid(&build(text(limit + 1)), field);
        }
    }

    #[test]
    fn fields_are_taken_at_their_limit_and_refused_one_past_it() {
        let with = |count: usize| {
            let fields = (0..count).map(|i| (format!("f{i}"), i.into())).collect();
            Event::new("a", "").with_fields(fields)
        };

        assert_eq!(with(FIELDS_MAX).validate(), Ok(()));
        assert_invalid(&with(FIELDS_MAX + 1), "fields");
    }

    #[test]
    fn values_are_taken_at_their_depth_limit_and_refused_one_level_past_it() {
        let nested = |levels: usize| {
            (0..levels).fold(serde_json::Value::Null, |value, _| vec![value].into())
        };
        let with = |levels: usize| Event::new("a", "").with_field("f", nested(levels));

        assert_eq!(with(FIELDS_DEPTH_MAX).validate(), Ok(()));
        assert_invalid(&with(FIELDS_DEPTH_MAX + 1), "fields");
        let json = serde_json::to_string(&with(FIELDS_DEPTH_MAX)).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), with(FIELDS_DEPTH_MAX));
    }

    #[test]
    fn the_whole_event_has_a_limit_of_its_own() {
        let spare = EVENT_BYTES_MAX - EVENT_OVERHEAD_BYTES - "a".len() - r#"{"f":""}"#.len();
        let with = |bytes: usize| Event::new("a", "").with_field("f", "x".repeat(bytes));

        assert_eq!(with(spare).validate(), Ok(()));
        assert_invalid(&with(spare + 1), "event");
    }

    #[test]
    fn types_are_data_but_not_control_characters() {
        assert_eq!(Event::new("../ÄRGER/%2e", "").event_type(), "../ärger/%2e");
        assert_eq!(Event::new("../a b", "").validate(), Ok(()));
        assert_invalid(&Event::new("", ""), "type");
        assert_invalid(&Event::new("a\nb", ""), "type");
    }
}
