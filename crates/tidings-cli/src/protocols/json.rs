//! `application/json`: one event as an object, or many as an array.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use tidings::Event;

use super::{BadBody, Entries, Unread, refuse_byte_order_mark};

/// A JSON document with events.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// An object.
    One(Box<Result<Event, Unread>>),
    /// An array of objects.
    Many(Entries),
}

/// Reads a document with at most `limit` events.
///
/// # Errors
///
/// It is empty, does not parse as JSON (then nothing of an array is read, since
/// nobody knows where its events begin), is neither object nor array, or has too
/// many events.
pub fn read(body: &[u8], limit: usize) -> Result<Document, BadBody> {
    refuse_byte_order_mark(body)?;
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(BadBody::Empty),
        Some(b'[') => read_many(body, limit).map(Document::Many),
        Some(b'{') => match read_event(body) {
            Err(Unread { error, fault: super::Fault::Malformed, .. }) => {
                Err(BadBody::Malformed(error))
            }
            event => Ok(Document::One(Box::new(event))),
        },
        Some(_) => Err(match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
            Ok(_) => BadBody::Malformed("expected an object or an array of objects".to_owned()),
            Err(error) => BadBody::Malformed(error.to_string()),
        }),
    }
}

/// Reads one event from exactly these bytes.
///
/// # Errors
///
/// See [`Unread`].
pub fn read_event(bytes: &[u8]) -> Result<Event, Unread> {
    // Checked as a whole, since checking each text of it alone costs more.
    let read = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    };
    read.map_err(|error| unread(&error))
}

fn unread(error: &serde_json::Error) -> Unread {
    let text = error.to_string();
    if error.classify() != Category::Data {
        return Unread::malformed(text);
    }
    // `Event` begins its errors with the field; the position says nothing more.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    match text.split_once(": ") {
        Some((field, _)) if is_name(field) => Unread::invalid(field, text),
        _ if text.contains("an object of names") => {
            Unread::invalid("fields", format!("fields: {text}"))
        }
        _ => Unread::invalid("event", text),
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn read_many(body: &[u8], limit: usize) -> Result<Entries, BadBody> {
    // Most arrays are right: one pass. Only if an event of it is wrong are the
    // events cut apart first, so that each can be judged for itself.
    let mut too_many = false;
    let seed = AtMost { limit, too_many: &mut too_many, read: std::marker::PhantomData::<Event> };
    match read_seq(body, seed) {
        Ok(events) => return Ok(events.into_iter().map(Ok).collect()),
        Err(_) if too_many => return Err(BadBody::TooMany { limit }),
        Err(error) if error.classify() != Category::Data => {
            return Err(BadBody::Malformed(error.to_string()));
        }
        Err(_) => {}
    }
    let read = std::marker::PhantomData::<&RawValue>;
    let raw = read_seq(body, AtMost { limit, too_many: &mut too_many, read });
    if too_many {
        return Err(BadBody::TooMany { limit });
    }
    let raw = raw.map_err(|error| BadBody::Malformed(error.to_string()))?;
    raw.into_iter().enumerate().map(|(index, raw)| judge(index, raw)).collect()
}

fn judge(index: usize, raw: &RawValue) -> Result<Result<Event, Unread>, BadBody> {
    match read_event(raw.get().as_bytes()) {
        Err(Unread { error, fault: super::Fault::Malformed, .. }) => {
            Err(BadBody::Malformed(format!("event {index}: {error}")))
        }
        event => Ok(event),
    }
}

fn read_seq<'de, T: serde::Deserialize<'de>>(
    body: &'de [u8],
    seed: AtMost<'_, T>,
) -> Result<Vec<T>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let all = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(all)
}

/// Reads an array, and stops as soon as it has too many elements, before they
/// fill the memory.
struct AtMost<'a, T> {
    limit: usize,
    too_many: &'a mut bool,
    read: std::marker::PhantomData<T>,
}

impl<'de, T: serde::Deserialize<'de>> DeserializeSeed<'de> for AtMost<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: serde::Deserialize<'de>> Visitor<'de> for AtMost<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = seq.next_element()? {
            if all.len() == self.limit {
                *self.too_many = true;
                return Err(serde::de::Error::custom("too many"));
            }
            all.push(element);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(body: &str, limit: usize) -> Result<Entries, BadBody> {
        match read(body.as_bytes(), limit)? {
            Document::Many(entries) => Ok(entries),
            Document::One(_) => panic!("an object: {body}"),
        }
    }

    #[test]
    fn one_wrong_event_of_an_array_leaves_the_others_alone() {
        let entries = many(r#"[{"type":"a"},{"message":"m"},7,{"type":"b"}]"#, 9).unwrap();

        let fields: Vec<_> =
            entries.iter().map(|e| e.as_ref().err().and_then(|u| u.field.as_deref())).collect();
        assert_eq!(fields, [None, Some("type"), Some("event"), None]);
    }

    #[test]
    fn an_array_is_read_at_its_limit_and_refused_one_past_it() {
        assert_eq!(many(r#"[{"type":"a"},{"type":"a"}]"#, 2).unwrap().len(), 2);
        let right = many(r#"[{"type":"a"},{"type":"a"},{"type":"a"}]"#, 2);
        assert_eq!(right, Err(BadBody::TooMany { limit: 2 }));
        let wrong = many(r#"[{"x":"a"},{"type":"a"},{"type":"a"}]"#, 2);
        assert_eq!(wrong, Err(BadBody::TooMany { limit: 2 }));
    }

    #[test]
    fn bytes_that_are_not_json_are_malformed_and_never_panic() {
        let deep = "[".repeat(100_000);
        let deep_field = format!(r#"{{"type":"a","x":{}"#, "[".repeat(100_000));
        let bodies: [&[u8]; 18] = [
            b"{",
            b"{\"type\":\"a\"",
            b"{\"type\":\"a\"} x",
            b"[{\"type\":\"a\"}] ]",
            b"[{\"type\":\"a\"},]",
            b"NaN",
            b"{\"type\":\"a\",\"x\":NaN}",
            b"{\"type\":\"a\",\"x\":1e400}",
            b"[{\"type\":\"a\",\"x\":1e400}]",
            b"{\"type\":\"\xff\"}",
            b"\xef\xbb\xbf{\"type\":\"a\"}",
            b"{\"type\":\"\\ud800\"}",
            b"[{\"m\":1},{\"type\":\"\\ud800x\"}]",
            b"{\"type\":\"a\x01\"}",
            b"5",
            b"\"text\"",
            deep.as_bytes(),
            deep_field.as_bytes(),
        ];
        for body in bodies {
            let read = read(body, 10);
            let cut = String::from_utf8_lossy(&body[..body.len().min(40)]);
            assert!(matches!(read, Err(BadBody::Malformed(_))), "{cut}: {read:?}");
        }
        assert_eq!(read(b" \n", 10), Err(BadBody::Empty));
    }

    #[test]
    fn a_wrong_value_is_told_with_its_field() {
        let cases = [
            (r#"{"type":5}"#, "type"),
            (r#"{"type":"a","timestamp":"10000-01-01T00:00:00Z"}"#, "timestamp"),
            (r#"{"type":"a","severity":"loud"}"#, "severity"),
            (r#"{"type":"a","fields":[1]}"#, "fields"),
            (r#"{"message":"m"}"#, "type"),
        ];
        for (json, field) in cases {
            let unread = read_event(json.as_bytes()).unwrap_err();
            assert_eq!(unread.field.as_deref(), Some(field), "{json}: {unread}");
            assert!(unread.error.starts_with(field), "{unread}");
        }
    }
}
