//! What else does the producer say? An ordered map of names to JSON values.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::FIELDS_MAX;

/// Names and JSON values in the producer's order.
///
/// Numbers are kept as JSON libraries keep them: integers of 64 bits exactly,
/// all others as IEEE 754 doubles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<(String, Value)>);

impl Fields {
    /// No fields.
    pub const fn new() -> Fields {
        Fields(Vec::new())
    }

    /// Sets a field; a name that is there keeps its place and gets the new value.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        // Past the limit the event is refused anyway: searching on would let a
        // body of a million names cost a million searches.
        let known = self.0.iter_mut().take(FIELDS_MAX).find(|(known, _)| *known == name);
        match known {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// How many names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether a value has more than `levels` arrays and objects within each other.
    pub(crate) fn are_deeper_than(&self, levels: usize) -> bool {
        self.0.iter().any(|(_, value)| is_deeper_than(value, levels))
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
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a (String, Value);
    type IntoIter = std::slice::Iter<'a, (String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
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
    fn the_length_as_json_is_counted_without_writing_it() {
        let fields: Fields = serde_json::from_str(r#"{"z":"é\n","a":1.5}"#).unwrap();

        assert_eq!(fields.json_bytes(), serde_json::to_string(&fields).unwrap().len());
        assert_eq!(Fields::new().json_bytes(), 0);
    }
}
