//! What if thousands read the same event?

use std::ops::Deref;
use std::sync::OnceLock;

use super::StoredEvent;

/// A stored event that many read. Its JSON is written once, when the first of them
/// asks for it.
#[derive(Debug)]
pub struct SharedEvent {
    stored: StoredEvent,
    json: OnceLock<Box<str>>,
    verbose: OnceLock<Box<str>>,
}

impl SharedEvent {
    pub(crate) fn new(stored: StoredEvent) -> SharedEvent {
        SharedEvent { stored, json: OnceLock::new(), verbose: OnceLock::new() }
    }

    /// As JSON, on one line.
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| written(&self.stored, false))
    }

    /// As JSON on one line, with everything tidings knows: see [`super::Verbose`].
    pub fn verbose_json(&self) -> &str {
        self.verbose.get_or_init(|| written(&self.stored, true))
    }
}

impl Deref for SharedEvent {
    type Target = StoredEvent;

    fn deref(&self) -> &StoredEvent {
        &self.stored
    }
}

fn written(stored: &StoredEvent, verbose: bool) -> Box<str> {
    let mut json = Vec::new();
    stored.write_json(&mut json, verbose);
    // JSON is UTF-8.
    String::from_utf8(json).unwrap_or_default().into()
}
