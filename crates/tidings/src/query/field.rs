//! What does a field say, and is it in there?

use std::borrow::Cow;

use serde_json::Value;

use super::text::Word;
use crate::block::{FormatError, Frame};
use crate::event::Fields;

pub(super) fn fields_of(frame: &Frame<'_>, i: usize) -> Result<Fields, FormatError> {
    // Text that is no JSON is damage, and told when the event itself is read.
    Ok(frame.fields_json(i)?.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default())
}

/// The field of this name. A name that is there as it is goes before one that its
/// dots lead to.
pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        within(fields.get(first)?, rest)
    })
}

fn within<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        within(value.get(first)?, rest)
    })
}

/// A text as it is, anything else in its JSON form.
pub(super) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// Whether a word may be in a name or a value of fields, by their JSON.
pub(super) fn may_be_in_json(word: &Word, json: &str) -> bool {
    is_like_a_number(word) || json.contains('\\') || word.finder().is_match(json)
}

/// Whether it may be part of a number, which JSON may spell in other ways.
pub(super) fn is_like_a_number(word: &Word) -> bool {
    word.pattern().parts().iter().all(|part| has_digits_alone(part))
}

/// Whether it has nothing but what numbers are made of.
pub(super) fn has_digits_alone(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
}

/// Whether a word is in a name or a value of the fields.
pub(super) fn is_in_fields(word: &Word, fields: &Fields) -> bool {
    fields.iter().any(|(name, value)| word.is_in(name) || is_in_value(word, value))
}

fn is_in_value(word: &Word, value: &Value) -> bool {
    match value {
        Value::String(text) => word.is_in(text),
        Value::Array(items) => items.iter().any(|item| is_in_value(word, item)),
        Value::Object(names) => {
            names.iter().any(|(name, value)| word.is_in(name) || is_in_value(word, value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => word.is_in(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name_and_by_path() {
        let fields: Fields =
            serde_json::from_str(r#"{"a":{"b":{"c":"x"},"b.d":2},"a.e":true,"n":1.50,"l":[1]}"#)
                .unwrap();

        let cases = [
            ("a.b.c", Some("x")),
            ("a.b.d", Some("2")),
            ("a.e", Some("true")),
            ("n", Some("1.5")),
            ("l", Some("[1]")),
            ("a.b", Some(r#"{"c":"x"}"#)),
            ("missing", None),
        ];
        for (name, value) in cases {
            assert_eq!(field(&fields, name).map(text_of).as_deref(), value, "{name}");
        }
    }
}
