//! What if thousands read the same event?

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::StoredEvent;

/// A stored event that many may read. Its JSON is written once, when the first of them
/// asks for it.
#[derive(Debug)]
pub struct SharedEvent {
    stored: StoredEvent,
    /// Somebody keeps it for whoever else asks.
    kept: bool,
    json: OnceLock<Box<str>>,
    verbose: OnceLock<Box<str>>,
}

impl SharedEvent {
    /// One that is kept for others.
    pub(crate) fn kept(stored: StoredEvent) -> SharedEvent {
        SharedEvent { kept: true, ..SharedEvent::from(stored) }
    }

    /// As JSON, on one line.
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| written(&self.stored, false))
    }

    /// As JSON on one line, with everything tidings knows: see [`super::Verbose`].
    pub fn verbose_json(&self) -> &str {
        self.verbose.get_or_init(|| written(&self.stored, true))
    }

    /// Appends it as JSON: see [`StoredEvent::write_json`]. What nobody else will ask
    /// for is not written down twice.
    pub fn write_json(&self, to: &mut Vec<u8>, verbose: bool) {
        match (self.kept, verbose) {
            (false, _) => self.stored.write_json(to, verbose),
            (true, false) => to.extend_from_slice(self.json().as_bytes()),
            (true, true) => to.extend_from_slice(self.verbose_json().as_bytes()),
        }
    }

    /// The event by itself; a copy if others hold it too.
    pub(crate) fn into_stored(self: Arc<SharedEvent>) -> StoredEvent {
        match Arc::try_unwrap(self) {
            Ok(alone) => alone.stored,
            Err(shared) => shared.stored.clone(),
        }
    }
}

/// One that nobody shares yet.
impl From<StoredEvent> for SharedEvent {
    fn from(stored: StoredEvent) -> SharedEvent {
        SharedEvent { stored, kept: false, json: OnceLock::new(), verbose: OnceLock::new() }
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
