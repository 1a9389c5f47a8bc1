//! What else does the producer say? An ordered map of names to JSON values.

use std::fmt;
use std::sync::OnceLock;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::FIELDS_MAX;

/// Names and JSON values in the producer's order.
///
/// Numbers are kept as JSON libraries keep them: integers of 64 bits exactly,
/// all others as IEEE 754 doubles.
#[derive(Clone, Default)]
pub struct Fields(Form);

#[derive(Clone)]
enum Form {
    Values(Vec<(String, Value)>),
    Stored(Box<Stored>),
}

impl Default for Form {
    fn default() -> Form {
        Form::Values(Vec::new())
    }
}

/// As they were stored: most are only written again.
#[derive(Clone)]
struct Stored {
    /// An object that was written from fields.
    json: Box<RawValue>,
    /// What is in it, once somebody has asked.
    values: OnceLock<Vec<(String, Value)>>,
}

impl Stored {
    fn values(&self) -> &[(String, Value)] {
        // What was written from fields can be read.
        self.values.get_or_init(|| read(self.json.get()).unwrap_or_default())
    }
}

fn read(json: &str) -> Result<Vec<(String, Value)>, serde_json::Error> {
    serde_json::from_str(json).map(|fields: Fields| fields.into_values())
}

impl Fields {
    /// No fields.
    pub const fn new() -> Fields {
        Fields(Form::Values(Vec::new()))
    }

    /// Those of an object that was written from fields, which are only read when somebody
    /// asks for them.
    ///
    /// # Errors
    ///
    /// It is no JSON object.
    pub(crate) fn stored(json: &str) -> Result<Fields, serde_json::Error> {
        let json: Box<RawValue> = serde_json::from_str(json)?;
        if json.get().starts_with('{') {
            let values = OnceLock::new();
            return Ok(Fields(Form::Stored(Box::new(Stored { json, values }))));
        }
        serde_json::from_str(json.get())
    }

    /// As they were stored, if they are as they were.
    pub(super) fn as_stored(&self) -> Option<&RawValue> {
        match &self.0 {
            Form::Values(_) => None,
            Form::Stored(stored) => Some(&stored.json),
        }
    }

    fn values(&self) -> &[(String, Value)] {
        match &self.0 {
            Form::Values(values) => values,
            Form::Stored(stored) => stored.values(),
        }
    }

    fn into_values(self) -> Vec<(String, Value)> {
        match self.0 {
            Form::Values(values) => values,
            Form::Stored(stored) => {
                let Stored { json, values } = *stored;
                values.into_inner().unwrap_or_else(|| read(json.get()).unwrap_or_default())
            }
        }
    }

    fn values_mut(&mut self) -> &mut Vec<(String, Value)> {
        if let Form::Stored(_) = self.0 {
            *self = Fields(Form::Values(std::mem::take(self).into_values()));
        }
        match &mut self.0 {
            Form::Values(values) => values,
            Form::Stored(_) => unreachable!("they were read just now"),
        }
    }

    /// Sets a field; a name that is there keeps its place and gets the new value.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        let values = self.values_mut();
        // Past the limit the event is refused anyway: searching on would let a
        // body of a million names cost a million searches.
        let known = values.iter_mut().take(FIELDS_MAX).find(|(known, _)| *known == name);
        match known {
            Some((_, old)) => *old = value,
            None => values.push((name, value)),
        }
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values().iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// How many names.
    pub fn len(&self) -> usize {
        self.values().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Values(values) => values.is_empty(),
            Form::Stored(stored) => stored.json.get() == "{}",
        }
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values().iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether a value has more than `levels` arrays and objects within each other.
    pub(crate) fn are_deeper_than(&self, levels: usize) -> bool {
        self.values().iter().any(|(_, value)| is_deeper_than(value, levels))
    }

    /// How long they are as JSON; 0 when there are none.
    pub(crate) fn json_bytes(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let mut count = CountBytes(0);
        // Values and strings cannot fail to serialise, nor can a count to be written.
        let _ = serde_json::to_writer(&mut count, self);
        count.0
    }
}

fn is_deeper_than(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (Value::Array(_) | Value::Object(_), None) => true,
        (Value::Array(values), Some(left)) => values.iter().any(|v| is_deeper_than(v, left)),
        (Value::Object(map), Some(left)) => map.values().any(|v| is_deeper_than(v, left)),
        _ => false,
    }
}

struct CountBytes(usize);

impl std::io::Write for CountBytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Fields) -> bool {
        self.values() == other.values()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(String, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Fields {
        let mut fields = Fields::new();
        fields.extend(pairs);
        fields
    }
}

impl Extend<(String, Value)> for Fields {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.insert(name, value);
        }
    }
}

impl IntoIterator for Fields {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_values().into_iter()
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a (String, Value);
    type IntoIter = std::slice::Iter<'a, (String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.values().iter()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names and JSON values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    fields.insert(name, value);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_the_producers_and_the_last_value_of_a_name_wins() {
        let fields: Fields = serde_json::from_str(r#"{"z":1,"a":[2],"z":{"k":null}}"#).unwrap();

        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"z":{"k":null},"a":[2]}"#);
    }

    #[test]
    fn stored_fields_are_those_that_were_written() {
        let json = r#"{"z":1,"a":[2.5e-7,{"k":null}],"e":"\u0000é"}"#;
        let (stored, read): (Fields, Fields) =
            (Fields::stored(json).unwrap(), serde_json::from_str(json).unwrap());

        assert_eq!(stored.as_stored().map(RawValue::get), Some(json));
        assert_eq!((&stored, stored.len(), stored.is_empty()), (&read, 3, false));
        assert_eq!(serde_json::to_string(&stored).unwrap(), json);
        let mut more = stored.clone();
        more.insert("z", 7);
        assert_eq!((more.as_stored().is_none(), more.get("z")), (true, Some(&7.into())));
        assert_eq!(stored.into_iter().next(), Some(("z".to_owned(), 1.into())));
        assert!(Fields::stored("{}").unwrap().is_empty());
        for other in ["[1]", "7", "{", "{}x", ""] {
            assert!(Fields::stored(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn the_length_as_json_is_counted_without_writing_it() {
        let fields: Fields = serde_json::from_str(r#"{"z":"é\n","a":1.5}"#).unwrap();

        assert_eq!(fields.json_bytes(), serde_json::to_string(&fields).unwrap().len());
        assert_eq!(Fields::new().json_bytes(), 0);
    }
}
