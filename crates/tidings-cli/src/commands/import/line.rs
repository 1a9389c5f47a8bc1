//! What does a line of an export say?

use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tidings::Event;

use crate::protocols::json;

/// What another log said of itself keeps this in front of its type: here it is an
/// event like any other, and counts for nothing in the books.
pub(super) const IMPORTED: &str = "imported.";

/// A line that was read.
#[derive(Debug)]
pub(super) struct Incoming {
    /// With a key by which its repetition is recognised.
    pub(super) event: Event,
    /// Where it comes from, if it was exported.
    pub(super) from: From,
    /// Another log said it of itself.
    pub(super) is_anothers_own: bool,
}

/// The name that an event has in the log that it was exported from.
#[derive(Debug, Default, Deserialize)]
pub(super) struct From {
    pub(super) id: Option<String>,
    pub(super) origin: Option<String>,
}

/// Reads the line `text`, which is `number` of the file `name`. Its key is its own,
/// else the id of the export, else one made of the text and its place.
///
/// # Errors
///
/// It is no event, or breaks a rule.
pub(super) fn read(text: &[u8], name: &str, number: u64) -> Result<Incoming, String> {
    let mut event = json::read_event(text)
        .map_err(|unread| unread.error.replace(" at line 1 column ", " at column "))?;
    // What is not there or of another kind is no name of ours.
    let from: From = serde_json::from_slice(text).unwrap_or_default();
    if event.key().is_none() {
        event = event.with_key(key_of(text, name, number));
    }
    let is_anothers_own = event.is_reserved();
    if is_anothers_own {
        let kept_as = format!("{IMPORTED}{}", event.event_type());
        event = event.with_type(kept_as);
    }
    event.validate().map_err(|invalid| invalid.to_string())?;
    Ok(Incoming { event, from, is_anothers_own })
}

/// The same line in the same place is the same event; the same text elsewhere is
/// another one, for two events may well look alike.
fn key_of(text: &[u8], name: &str, number: u64) -> String {
    let mut hasher = Sha256::new();
    hasher.update(u64::try_from(name.len()).unwrap_or_default().to_be_bytes());
    hasher.update(name);
    hasher.update(number.to_be_bytes());
    hasher.update(text);
    let mut key = String::from("line-");
    for byte in &hasher.finalize()[..16] {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(line: &str) -> String {
        read(line.as_bytes(), "a.ndjson", 7).unwrap().event.key().unwrap().to_owned()
    }

    #[test]
    fn the_key_is_the_events_own_else_its_id() {
        assert_eq!(key(r#"{"type":"a","id":"i","key":"k"}"#), "k");
        assert_eq!(key(r#"{"type":"a","id":"i"}"#), "i");
    }

    #[test]
    fn a_line_without_either_is_known_by_its_text_and_its_place() {
        let line = br#"{"type":"a"}"#;
        let at = |name, number| read(line, name, number).unwrap().event.key().unwrap().to_owned();

        assert_eq!(at("a", 1), at("a", 1));
        assert_ne!(at("a", 1), at("a", 2));
        assert_ne!(at("a", 1), at("b", 1));
        assert_ne!(key(r#"{"type":"a"}"#), key(r#"{"type":"b"}"#));
    }

    #[test]
    fn what_another_log_said_of_itself_is_an_event_like_any_other() {
        let incoming = read(br#"{"type":"tidings.lost","id":"i"}"#, "a", 1).unwrap();

        assert!(incoming.is_anothers_own);
        assert_eq!(incoming.event.event_type(), "imported.tidings.lost");
    }

    #[test]
    fn a_line_that_is_no_event_says_why() {
        let why = |line: &str| read(line.as_bytes(), "a", 1).unwrap_err();

        assert_eq!(why("{"), "EOF while parsing an object at column 1");
        assert_eq!(why(r#"{"type":""}"#), "type: must not be empty");
        assert_eq!(why(r#"{"message":"m"}"#), "type: is required");
        assert!(why("7").contains("an event"), "{}", why("7"));
    }
}
