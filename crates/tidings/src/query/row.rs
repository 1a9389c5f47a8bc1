//! What can be asked of one event, wherever it is read from?

use std::borrow::Cow;

use super::field::{fields_of, may_be_in_json};
use super::text::Word;
use crate::block::{FormatError, Frame};
use crate::event::{Fields, StoredEvent};
use crate::id::EventId;
use crate::log::SharedFrame;
use crate::severity::Severity;

/// One event, as filters see it. What comes from a section that may be damaged can
/// fail.
pub(super) trait Row {
    fn event_type(&self) -> &str;
    fn member(&self) -> &str;
    fn severity(&self) -> Severity;
    fn source(&self) -> Option<&str>;
    fn subject(&self) -> Option<&str>;
    fn id(&self) -> EventId;
    fn message(&self) -> Result<&str, FormatError>;
    fn key(&self) -> Result<Option<&str>, FormatError>;
    /// W3C trace id and span id.
    fn trace(&self) -> Result<(Option<u128>, Option<u64>), FormatError>;
    /// Dear where they have to be read from their JSON text: ask once.
    fn fields(&self) -> Result<Cow<'_, Fields>, FormatError>;

    /// Whether a name or a value of its fields may hold a word, without reading them.
    fn may_hold_in_fields(&self, _word: &Word) -> Result<bool, FormatError> {
        Ok(true)
    }
}

/// An event of a frame, by its index there; nothing of it is copied.
pub(super) struct FrameRow<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) i: usize,
}

impl Row for FrameRow<'_> {
    fn event_type(&self) -> &str {
        &self.frame.header().types[self.frame.type_index(self.i)].name
    }

    fn member(&self) -> &str {
        &self.frame.header().members[self.frame.member_index(self.i)].name
    }

    fn severity(&self) -> Severity {
        self.frame.severity(self.i)
    }

    fn source(&self) -> Option<&str> {
        self.frame.source(self.i)
    }

    fn subject(&self) -> Option<&str> {
        self.frame.subject(self.i)
    }

    fn id(&self) -> EventId {
        self.frame.id(self.i)
    }

    fn message(&self) -> Result<&str, FormatError> {
        self.frame.message(self.i)
    }

    fn key(&self) -> Result<Option<&str>, FormatError> {
        self.frame.key(self.i)
    }

    fn trace(&self) -> Result<(Option<u128>, Option<u64>), FormatError> {
        self.frame.trace(self.i)
    }

    fn fields(&self) -> Result<Cow<'_, Fields>, FormatError> {
        fields_of(self.frame, self.i).map(Cow::Owned)
    }

    fn may_hold_in_fields(&self, word: &Word) -> Result<bool, FormatError> {
        let may_hold = |json| may_be_in_json(word, json);
        Ok(self.frame.fields_json(self.i)?.is_some_and(may_hold))
    }
}

/// An event of a frame that many read: what is dear was read for one of them.
pub(super) struct SharedRow<'a> {
    pub(super) row: FrameRow<'a>,
    pub(super) shared: &'a SharedFrame,
}

impl Row for SharedRow<'_> {
    fn event_type(&self) -> &str {
        self.row.event_type()
    }

    fn member(&self) -> &str {
        self.row.member()
    }

    fn severity(&self) -> Severity {
        self.row.severity()
    }

    fn source(&self) -> Option<&str> {
        self.row.source()
    }

    fn subject(&self) -> Option<&str> {
        self.row.subject()
    }

    fn id(&self) -> EventId {
        self.row.id()
    }

    fn message(&self) -> Result<&str, FormatError> {
        self.row.message()
    }

    fn key(&self) -> Result<Option<&str>, FormatError> {
        self.row.key()
    }

    fn trace(&self) -> Result<(Option<u128>, Option<u64>), FormatError> {
        self.row.trace()
    }

    fn fields(&self) -> Result<Cow<'_, Fields>, FormatError> {
        Ok(Cow::Borrowed(self.shared.event(self.row.i)?.event.fields()))
    }

    fn may_hold_in_fields(&self, word: &Word) -> Result<bool, FormatError> {
        self.row.may_hold_in_fields(word)
    }
}

impl Row for StoredEvent {
    fn event_type(&self) -> &str {
        self.event.event_type()
    }

    fn member(&self) -> &str {
        self.event.member().unwrap_or_default()
    }

    fn severity(&self) -> Severity {
        self.event.severity()
    }

    fn source(&self) -> Option<&str> {
        self.event.source()
    }

    fn subject(&self) -> Option<&str> {
        self.event.subject()
    }

    fn id(&self) -> EventId {
        self.id
    }

    fn message(&self) -> Result<&str, FormatError> {
        Ok(self.event.message())
    }

    fn key(&self) -> Result<Option<&str>, FormatError> {
        Ok(self.event.key())
    }

    fn trace(&self) -> Result<(Option<u128>, Option<u64>), FormatError> {
        Ok((self.event.trace_id(), self.event.span_id()))
    }

    fn fields(&self) -> Result<Cow<'_, Fields>, FormatError> {
        Ok(Cow::Borrowed(self.event.fields()))
    }
}
