//! What if thousands read the same event?

use std::ops::Deref;
use std::sync::OnceLock;

use serde::Serialize;

use super::{StoredEvent, Verbose};

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
        self.json.get_or_init(|| written(&self.stored))
    }

    /// As JSON on one line, with everything tidings knows: see [`Verbose`].
    pub fn verbose_json(&self) -> &str {
        self.verbose.get_or_init(|| written(&Verbose(&self.stored)))
    }
}

impl Deref for SharedEvent {
    type Target = StoredEvent;

    fn deref(&self) -> &StoredEvent {
        &self.stored
    }
}

fn written(event: &impl Serialize) -> Box<str> {
    // Events always serialise: their names are texts and their values are JSON.
    serde_json::to_string(event).unwrap_or_default().into()
}
