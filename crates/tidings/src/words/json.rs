//! Which words are in fields? In names and values, however deep, as a search reads
//! them: texts without their escapes, numbers as they are shown.

use serde_json::Value;

use super::tokens::hashes;

/// Longer ones may be shown as rounded.
const DIGITS_EXACT: usize = 18;

/// Calls `each` with the hash of every word of fields as JSON. A word may come that
/// is not there: of text that is no JSON, of a value that a later one replaces.
pub(crate) fn hashes_of_fields(json: &str, each: &mut impl FnMut(u64)) {
    // Marks are no letters, so most of it reads as if it were plain text.
    hashes(json, &mut *each);
    let mut rest = json;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = &rest[at..];
        let token = if rest.starts_with('"') { text(rest) } else { number(rest) };
        let (token, odd) = token;
        if odd {
            as_shown(token, each);
        }
        rest = &rest[token.len()..];
    }
}

/// A text with its marks, up to its end, and whether it has escapes.
fn text(json: &str) -> (&str, bool) {
    let bytes = json.as_bytes();
    let (mut at, mut odd) = (1, false);
    while let Some(found) =
        bytes.get(at..).and_then(|rest| rest.iter().position(|byte| is_mark(*byte)))
    {
        at += found;
        if bytes[at] == b'"' {
            return (&json[..=at], odd);
        }
        odd = true;
        // What follows a backslash is ASCII, if it is JSON.
        at = json.ceil_char_boundary(at + 2);
    }
    (json, odd)
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}

/// A number, and whether it may be shown otherwise than it is written.
fn number(json: &str) -> (&str, bool) {
    let inner = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    let token = &json[..json.find(|c| !inner(c)).unwrap_or(json.len())];
    let plain = token.strip_prefix('-').unwrap_or(token);
    let is_plain = plain.len() <= DIGITS_EXACT && plain.bytes().all(|byte| byte.is_ascii_digit());
    (token, !is_plain)
}

fn as_shown(token: &str, each: &mut impl FnMut(u64)) {
    match serde_json::from_str(token) {
        Ok(Value::String(text)) => hashes(&text, each),
        Ok(number) => hashes(&number.to_string(), each),
        // Then the whole is no JSON, and a search finds nothing in it.
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::event::Fields;
    use crate::words::tokens::{hash_of, of};

    fn found(json: &str) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        hashes_of_fields(json, &mut |hash| {
            found.insert(hash);
        });
        found
    }

    /// As a search goes through them.
    fn searched(value: &Value, each: &mut impl FnMut(&str)) {
        match value {
            Value::String(text) => each(text),
            Value::Array(items) => items.iter().for_each(|item| searched(item, each)),
            Value::Object(names) => names.iter().for_each(|(name, value)| {
                each(name);
                searched(value, each);
            }),
            other => each(&other.to_string()),
        }
    }

    #[track_caller]
    fn assert_all_found(json: &str) {
        let fields: Fields = serde_json::from_str(json).unwrap();
        let found = found(json);
        let mut check = |text: &str| {
            of(text, |word| assert!(found.contains(&hash_of(word)), "{word} in {json}"));
        };
        for (name, value) in &fields {
            check(name);
            searched(value, &mut check);
        }
    }

    #[test]
    fn escapes_and_odd_numbers_are_read_as_they_are_shown() {
        assert_all_found(r#"{"a\u0062c":"line\none\\two \"x\" \ud83d\ude00é","n":[1.50,1e3,-7]}"#);
        assert_all_found(r#"{"big":123456789012345678901234567890,"tiny":1e-9,"t":[true,null]}"#);
        assert!(found(r#"{"n":1e3}"#).contains(&hash_of("1000")));
        assert!(found(r#"{"a\u0062c":1}"#).contains(&hash_of("abc")));
    }

    #[test]
    fn what_is_no_json_is_passed_over() {
        for json in ["", "\"", "\"\\", "\"\\é", "-", "{\"a\":\"\\x\"}", "1e999", "\"\\ud800\""] {
            found(json);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "[a-z\"\\\\\n\u{1}é ]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_word_that_a_search_sees_is_found(value in value()) {
            let fields = Fields::from_iter([("x".to_owned(), value)]);
            assert_all_found(&serde_json::to_string(&fields).unwrap());
        }
    }
}
