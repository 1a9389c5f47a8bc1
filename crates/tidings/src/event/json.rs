//! How does an event read as JSON?
//!
//! In: the four names of 9volt and ours; a name nobody defined is kept as a
//! field, so nothing a producer says is dropped. Out: the same names, the finer
//! severity number only when it says more, and nothing that is not there.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
#[cfg(doc)]
use serde_json::value::RawValue;

use super::text_or::TextOr;
use super::{Event, Fields, StoredEvent, lower_cased};
use crate::clock::Timestamp;
use crate::severity::Severity;

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        write_event(&mut map, self, self.timestamp, &self.fields)?;
        map.end()
    }
}

impl Serialize for StoredEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        write_stored(&mut map, self, &self.event.fields)?;
        map.end()
    }
}

impl StoredEvent {
    /// Appends it as JSON on one line, in the same words as [`Serialize`] does, with
    /// everything tidings knows about it if that is wanted: see [`Verbose`]. Fields that
    /// were never looked at are written as they were stored, without reading them.
    pub fn write_json(&self, to: &mut Vec<u8>, verbose: bool) {
        // Names are texts and values are JSON, and memory takes all of it.
        let _ = serde_json::to_writer(to, &AsJson(self, verbose));
    }
}

/// Only for a serializer of JSON: others do not know what a [`RawValue`] is.
struct AsJson<'a>(&'a StoredEvent, bool);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AsJson(stored, verbose) = *self;
        let mut map = serializer.serialize_map(None)?;
        match stored.event.fields.as_stored() {
            Some(fields) => write_stored(&mut map, stored, fields)?,
            None => write_stored(&mut map, stored, &stored.event.fields)?,
        }
        if verbose {
            write_origin(&mut map, stored)?;
        }
        map.end()
    }
}

/// A stored event with everything tidings knows about it: `origin`, `boot`,
/// `seq` and `position` follow the usual names.
#[derive(Debug)]
pub struct Verbose<'a>(pub &'a StoredEvent);

impl Serialize for Verbose<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = self.0;
        let mut map = serializer.serialize_map(None)?;
        write_stored(&mut map, stored, &stored.event.fields)?;
        write_origin(&mut map, stored)?;
        map.end()
    }
}

fn write_stored<M: SerializeMap>(
    map: &mut M,
    stored: &StoredEvent,
    fields: &(impl Serialize + ?Sized),
) -> Result<(), M::Error> {
    map.serialize_entry("id", &stored.id)?;
    write_event(map, &stored.event, Some(stored.timestamp), fields)?;
    map.serialize_entry("received", &stored.received)
}

fn write_origin<M: SerializeMap>(map: &mut M, stored: &StoredEvent) -> Result<(), M::Error> {
    map.serialize_entry("origin", &stored.origin)?;
    map.serialize_entry("boot", &stored.boot)?;
    map.serialize_entry("seq", &stored.seq)?;
    map.serialize_entry("position", &stored.position)
}

fn write_event<M: SerializeMap>(
    map: &mut M,
    event: &Event,
    timestamp: Option<Timestamp>,
    fields: &(impl Serialize + ?Sized),
) -> Result<(), M::Error> {
    map.serialize_entry("type", &event.event_type)?;
    map.serialize_entry("message", &event.message)?;
    write_some(map, "timestamp", timestamp.as_ref())?;
    write_some(map, "memberid", event.member.as_ref())?;
    map.serialize_entry("severity", &event.severity)?;
    if event.severity.is_finer_than_its_name() {
        map.serialize_entry("severity_number", &event.severity.number())?;
    }
    write_some(map, "source", event.source.as_ref())?;
    write_some(map, "subject", event.subject.as_ref())?;
    write_some(map, "key", event.key.as_ref())?;
    if !event.fields.is_empty() {
        map.serialize_entry("fields", fields)?;
    }
    write_some(map, "trace_id", event.trace_id.map(|id| format!("{id:032x}")).as_ref())?;
    write_some(map, "span_id", event.span_id.map(|id| format!("{id:016x}")).as_ref())
}

fn write_some<M: SerializeMap, T: Serialize>(
    map: &mut M,
    name: &'static str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

impl<'de> Deserialize<'de> for Event {
    /// Reads an object. `type` is required; `id` and `key` both set the caller's
    /// key; what only tidings sets (`received`, `origin`, `boot`, `seq`,
    /// `position`) is passed over, so that an export can be sent again; any other
    /// name becomes a field.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

/// The names of an event; those that are defined cost no allocation.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Type,
    Message,
    Timestamp,
    Memberid,
    Severity,
    SeverityNumber,
    Source,
    Subject,
    Key,
    Id,
    Fields,
    TraceId,
    SpanId,
    Received,
    Origin,
    Boot,
    Seq,
    Position,
    Unknown(String),
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event: an object with at least a \"type\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let mut event = Event::new(String::new(), String::new());
        let (mut typed, mut level, mut number) = (false, None, None);
        let mut own_id = None;
        let mut unknown = Fields::new();
        while let Some(name) = map.next_key::<Name>()? {
            match name {
                Name::Type => {
                    event.event_type = lower_cased(text(&mut map, "type")?.unwrap_or_default());
                    typed = true;
                }
                Name::Message => event.message = text(&mut map, "message")?.unwrap_or_default(),
                Name::Timestamp => event.timestamp = parsed(&mut map, "timestamp")?,
                Name::Memberid => event.member = text(&mut map, "memberid")?,
                Name::Severity => level = severity(&mut map)?,
                Name::SeverityNumber => number = severity_number(&mut map)?,
                Name::Source => event.source = text(&mut map, "source")?,
                Name::Subject => event.subject = text(&mut map, "subject")?,
                Name::Key => event.key = text(&mut map, "key")?,
                Name::Id => own_id = text(&mut map, "id")?,
                Name::Fields => {
                    event.fields = map.next_value::<Option<Fields>>()?.unwrap_or_default();
                }
                Name::TraceId => event.trace_id = hex(&mut map, "trace_id", 32)?,
                Name::SpanId => event.span_id = hex(&mut map, "span_id", 16)?.map(low_bits),
                Name::Received | Name::Origin | Name::Boot | Name::Seq | Name::Position => {
                    map.next_value::<IgnoredAny>()?;
                }
                Name::Unknown(name) => unknown.insert(name, map.next_value::<Value>()?),
            }
        }
        if !typed {
            return Err(Error::custom("type: is required"));
        }
        event.key = event.key.or(own_id);
        event.severity = number.or(level).unwrap_or_else(|| Severity::of_type(&event.event_type));
        event.fields.extend(unknown);
        Ok(event)
    }
}

/// Of 16 hexadecimal digits, which are 64 bits.
fn low_bits(id: u128) -> u64 {
    u64::try_from(id).unwrap_or_default()
}

/// A text or null; anything else names the field in its error.
fn text<'de, A: MapAccess<'de>>(map: &mut A, name: &str) -> Result<Option<String>, A::Error> {
    of_text(map, name, str::to_owned)
}

/// What `read` makes of a text, without a copy of it; `None` for null.
fn of_text<'de, A: MapAccess<'de>, T>(
    map: &mut A,
    name: &str,
    read: impl FnOnce(&str) -> T,
) -> Result<Option<T>, A::Error> {
    match map.next_value_seed(TextOr(read))? {
        Ok(read) => Ok(Some(read)),
        Err(Value::Null) => Ok(None),
        Err(other) => Err(Error::custom(format!("{name}: expected text, found {}", kind(&other)))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn parsed<'de, A: MapAccess<'de>, T: std::str::FromStr>(
    map: &mut A,
    name: &str,
) -> Result<Option<T>, A::Error>
where
    T::Err: fmt::Display,
{
    let Some(read) = of_text(map, name, str::parse)? else { return Ok(None) };
    read.map(Some).map_err(|error: T::Err| Error::custom(format!("{name}: {error}")))
}

fn severity<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Severity>, A::Error> {
    let read = match map.next_value_seed(TextOr(str::parse::<Severity>))? {
        Ok(read) => read,
        Err(Value::Null) => return Ok(None),
        Err(other) => other.to_string().parse(),
    };
    read.map(Some).map_err(|error| Error::custom(format!("severity: {error}")))
}

fn severity_number<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Severity>, A::Error> {
    let value = map.next_value::<Value>()?;
    if value.is_null() {
        return Ok(None);
    }
    let known = value.as_u64().and_then(Severity::from_number);
    known.map(Some).ok_or_else(|| {
        Error::custom(format!("severity_number: {value} is not a whole number from 1 to 24"))
    })
}

/// Exactly so many hexadecimal digits; all zero is "none" (W3C Trace Context,
/// sections 3.2.2.3 and 3.2.2.4).
fn hex<'de, A: MapAccess<'de>>(
    map: &mut A,
    name: &str,
    digits: usize,
) -> Result<Option<u128>, A::Error> {
    let read = of_text(map, name, |text| {
        let shaped = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        u128::from_str_radix(text, 16).ok().filter(|_| shaped)
    })?;
    match read {
        None => Ok(None),
        Some(Some(id)) => Ok((id != 0).then_some(id)),
        Some(None) => Err(Error::custom(format!("{name}: expected {digits} hexadecimal digits"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Boot, EventId, Origin, Position};

    fn read(json: &str) -> Result<Event, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn what_goes_out_can_come_in_again() {
        let json = r#"{"type":"deploy","message":"m","timestamp":"2026-11-22T10:45:57.5Z","memberid":"db1","severity":"warn","severity_number":14,"source":"s","subject":"api","key":"k","fields":{"z":1,"a":"x"},"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331"}"#;

        let event = read(json).unwrap();

        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }

    #[test]
    fn a_stored_event_is_written_in_the_same_words_whether_its_fields_were_read_or_not() {
        let json = r#"{"z":1,"a":[2.5,{"k":"é\u0000"}]}"#;
        let at = Timestamp::from_nanos(1_795_344_357_077_124_279);
        let (origin, boot) = (Origin::from_bytes([1; 16]), Boot::from_bytes([2; 8]));
        for fields in [Fields::stored(json).unwrap(), serde_json::from_str(json).unwrap()] {
            let event = Event::new("deploy", "m \" \n").with_member("db1").with_fields(fields);
            let (id, position) = (EventId::new(at, boot, 3), Position(4));
            let stored = StoredEvent {
                event,
                id,
                timestamp: at,
                received: at,
                origin,
                boot,
                seq: 3,
                position,
            };
            let written = |verbose| {
                let mut bytes = b"x".to_vec();
                stored.write_json(&mut bytes, verbose);
                String::from_utf8(bytes).unwrap()
            };
            assert_eq!(written(false), format!("x{}", serde_json::to_string(&stored).unwrap()));
            let verbose = serde_json::to_string(&Verbose(&stored)).unwrap();
            assert_eq!(written(true), format!("x{verbose}"));
            assert!(verbose.contains(json));
        }
    }

    #[test]
    fn names_nobody_defined_become_fields() {
        let event = read(r#"{"type":"a","region":"eu","fields":{"x":1},"seq":9}"#).unwrap();

        assert_eq!(serde_json::to_string(event.fields()).unwrap(), r#"{"x":1,"region":"eu"}"#);
    }

    #[test]
    fn an_id_from_outside_is_the_callers_key() {
        assert_eq!(read(r#"{"type":"a","id":"order-7"}"#).unwrap().key(), Some("order-7"));
        assert_eq!(read(r#"{"id":"i","type":"a","key":"k"}"#).unwrap().key(), Some("k"));
    }

    #[test]
    fn wrong_values_are_refused_with_the_name_of_their_field() {
        let cases = [
            (r#"{"message":"m"}"#, "type: is required"),
            (r#"{"type":5}"#, "type: expected text, found a number"),
            (r#"{"type":"a","timestamp":"yesterday"}"#, "timestamp: not a timestamp"),
            (r#"{"type":"a","severity":"loud"}"#, "severity: unknown severity"),
            (r#"{"type":"a","severity_number":25}"#, "severity_number: 25"),
            (r#"{"type":"a","severity_number":1.5}"#, "severity_number: 1.5"),
            (r#"{"type":"a","trace_id":"+1"}"#, "trace_id: expected 32"),
            (r#"{"type":"a","fields":[1]}"#, "an object of names"),
            ("[1]", "an event"),
        ];
        for (json, wanted) in cases {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(wanted), "{json}: {error}");
        }
    }
}
