//! Is this JSON value a text? Then it is read where it stands, without a copy.

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Gives what the function makes of a text, or any other value as it is.
pub(super) struct TextOr<F>(pub(super) F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for TextOr<F> {
    type Value = Result<T, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, F: FnOnce(&str) -> T> Visitor<'de> for TextOr<F> {
    type Value = Result<T, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Ok((self.0)(text)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Err(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Err(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Err(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Err(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Err(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(values)).map(Err)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Result<usize, Value>, serde_json::Error> {
        TextOr(str::len).deserialize(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn a_text_is_read_with_its_escapes_undone() {
        assert_eq!(read(r#""a\u00e9\n""#).unwrap(), Ok(4));
    }

    #[test]
    fn anything_else_comes_as_it_is() {
        for json in ["null", "true", "7", "-7", "1.5", r#"["a",null]"#, r#"{"a":[1]}"#] {
            assert_eq!(read(json).unwrap(), Err(serde_json::from_str(json).unwrap()), "{json}");
        }
        assert!(read(r#"["a""#).is_err());
    }
}
