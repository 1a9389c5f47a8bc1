//! What moves? A block: a sealed run of 1 to [`BLOCK_EVENTS_MAX`] events.
//!
//! One event waiting makes a block of one at once; a flood makes big blocks.
//! Stores keep whole blocks, and a query decides from the [`Header`] whether to
//! open one. Later, neighbours are merged into larger ones. The bytes are those of
//! `docs/block-format.md`, versions 1 to [`LATEST_FORMAT_VERSION`]; only `format` knows
//! them.

mod builder;
mod columns;
mod dictionary;
mod excerpt;
mod format;
mod frame;
mod framing;
mod grouping;
mod header;
#[allow(dead_code, reason = "whoever shares a log uses it, and not every build does")]
mod join;
mod merge;
mod sections;

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{Fields, StoredEvent};
use crate::id::Position;
use crate::severity::Severity;
use format::Directory;

pub use builder::BlockBuilder;
pub(crate) use columns::Texts;
pub use excerpt::{Excerpt, Outline};
pub use format::{FormatError, Section};
pub use frame::Frame;
pub use header::{
    Cell, FrameSummary, Header, MERGED_CELLS_MAX, MINUTE_CELLS_MAX, RUNS_MAX, Run, Tagged,
};
#[allow(unused_imports, reason = "as above")]
pub(crate) use join::{Joiner, Pushed, rebuilt};
pub(crate) use merge::{Gathered, Spoilt};
pub use merge::{MERGED_EVENTS_MAX, MERGED_NAMES_MAX, MERGED_RAW_BYTES_MAX};
pub(crate) use sections::{Naming, Sections};

/// Events that are sealed into one block, at most.
pub const BLOCK_EVENTS_MAX: usize = 4096;
/// Events of one block that a decoder accepts: merging makes blocks larger than
/// sealing does.
pub const BLOCK_EVENTS_DECODED_MAX: usize = 65_536;
/// Bytes of event texts (type, member, message, source, subject, key, fields as
/// JSON) with which a block is full: it has at most one event beyond.
pub const BLOCK_RAW_BYTES_MAX: usize = 1024 * 1024;
/// Events of one frame: what is decompressed at once.
pub const FRAME_EVENTS: usize = 512;
/// The version of the block format in which small blocks are sealed.
pub const FORMAT_VERSION: u8 = 1;
/// The version of the block format in which small blocks are merged.
pub const MERGED_FORMAT_VERSION: u8 = 2;
/// The version of sealed blocks with a frame whose texts are grouped by type.
pub const GROUPED_FORMAT_VERSION: u8 = 3;
/// The version of merged blocks with such a frame.
pub const MERGED_GROUPED_FORMAT_VERSION: u8 = 4;
/// The latest version.
pub const LATEST_FORMAT_VERSION: u8 = MERGED_GROUPED_FORMAT_VERSION;
/// How far ahead of `received` an event may stand in a list.
pub const FUTURE_SKEW_MAX: Duration = Duration::from_mins(5);

/// The time at which an event stands in lists: its own, but never more than
/// [`FUTURE_SKEW_MAX`] after it was received, so that a date in 2099 does not
/// top every list.
pub fn list_time(timestamp: Timestamp, received: Timestamp) -> Timestamp {
    timestamp.min(received.after(FUTURE_SKEW_MAX))
}

/// One event on its way into a block, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Lower-cased and valid.
    pub event_type: &'a str,
    /// What happened.
    pub message: &'a str,
    /// Who claims to have recorded it.
    pub member: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When `add` took it; the event's id is made of it.
    pub added: Timestamp,
    /// When the first durable tidings took it.
    pub received: Timestamp,
    /// Its number within the boot; grows within a block, with holes where events
    /// were refused.
    pub seq: u64,
    /// The component that spoke.
    pub source: Option<&'a str>,
    /// What it is about.
    pub subject: Option<&'a str>,
    /// The caller's own id.
    pub key: Option<&'a str>,
    /// What else the producer said.
    pub fields: Option<EntryFields<'a>>,
    /// W3C trace id.
    pub trace_id: Option<u128>,
    /// W3C span id.
    pub span_id: Option<u64>,
}

impl Entry<'_> {
    /// Bytes of its texts without message and fields.
    fn names_bytes(&self) -> usize {
        let optional = [self.source, self.subject, self.key];
        let optional: usize = optional.iter().flatten().map(|text| text.len()).sum();
        self.event_type.len() + self.member.len() + optional
    }
}

impl Entry<'_> {
    /// Of no type, no message and no member, with nothing that is optional; it
    /// happened, was taken and was received at the same time.
    pub(crate) const fn bare(at: Timestamp, seq: u64) -> Entry<'static> {
        Entry {
            event_type: "",
            message: "",
            member: "",
            severity: Severity::INFO,
            timestamp: at,
            added: at,
            received: at,
            seq,
            source: None,
            subject: None,
            key: None,
            fields: None,
            trace_id: None,
            span_id: None,
        }
    }
}

/// The fields of an [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EntryFields<'a> {
    /// As values, to be written as JSON.
    Values(&'a Fields),
    /// As the JSON object that such values are written as, not an empty one.
    Json(&'a str),
}

/// A sealed block: its bytes, and its header already read.
///
/// Cheap to clone. Equal when the bytes are.
#[derive(Clone, Debug)]
pub struct Block {
    whole: Excerpt,
}

impl PartialEq for Block {
    fn eq(&self, other: &Block) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Block {}

impl Block {
    /// Reads a block's header and checks that the bytes are as long as it says.
    /// Frames are verified when they are read.
    ///
    /// # Errors
    ///
    /// The bytes are no block of a known version, are cut short or too long, or
    /// the header is damaged.
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Block, FormatError> {
        let bytes = bytes.into();
        let outline = Outline::parse(&bytes)?;
        let (expected, found) = (outline.directory.block_bytes(), bytes.len());
        match found.cmp(&expected) {
            Ordering::Less => Err(FormatError::CutShort { expected, found }),
            Ordering::Greater => Err(FormatError::TooLong { expected, found }),
            Ordering::Equal => Ok(Block { whole: Excerpt::whole(outline, bytes) }),
        }
    }

    /// The bytes, as they are stored and sent.
    pub fn bytes(&self) -> &[u8] {
        &self.whole.bytes
    }

    fn directory(&self) -> &Directory {
        &self.whole.outline.directory
    }

    /// The version of the format that it is written in.
    pub(crate) fn version(&self) -> u8 {
        self.directory().version
    }

    /// The block without its frames.
    pub fn outline(&self) -> &Outline {
        self.whole.outline()
    }

    /// All frames.
    pub fn excerpt(&self) -> &Excerpt {
        &self.whole
    }

    /// How many of the bytes come before the body: what [`Header::parse`] needs.
    pub(crate) fn head_bytes(&self) -> usize {
        self.directory().head_bytes
    }

    /// What the block says of itself.
    pub fn header(&self) -> &Arc<Header> {
        &self.whole.outline.header
    }

    /// How many frames it has, at least 1.
    pub fn frames(&self) -> usize {
        self.directory().frames.len()
    }

    /// Earliest and latest list time in a frame, without reading it. `frame` is
    /// below [`Block::frames`], here and in the other methods.
    pub fn frame_listed(&self, frame: usize) -> (Timestamp, Timestamp) {
        self.directory().frames[frame].listed
    }

    /// What a frame says of itself, without reading it; `None` in a block that was
    /// not merged, whose frames must be read to know.
    pub fn frame_summary(&self, frame: usize) -> Option<&FrameSummary> {
        self.directory().frames[frame].summary.as_ref()
    }

    /// Index in the block of a frame's first event.
    pub fn frame_start(&self, frame: usize) -> usize {
        self.directory().frames[frame].start
    }

    /// Verifies and reads a frame's numbers; its messages and details are
    /// verified and decompressed when somebody asks for them.
    ///
    /// # Errors
    ///
    /// The frame is damaged.
    pub fn frame(&self, frame: usize) -> Result<Frame<'_>, FormatError> {
        self.sections(frame).into_frame()
    }

    /// A frame of which nothing is read yet.
    pub(crate) fn sections(&self, frame: usize) -> Sections<'_> {
        self.whole.sections(frame)
    }

    /// A block of this header and this body, with checksums that fit, whatever the
    /// bytes are: what only a hostile writer makes.
    #[cfg(feature = "testing")]
    pub(crate) fn sealed_over(version: u8, header: &[u8], body: &[u8]) -> Vec<u8> {
        format::sealed_over(version, header, body)
    }

    /// Header and body: what [`Block::sealed_over`] puts together again.
    #[cfg(feature = "testing")]
    pub(crate) fn taken_apart(&self) -> (&[u8], &[u8]) {
        format::taken_apart(self.bytes(), self.directory().head_bytes)
    }

    /// Reads everything, and so verifies everything. The first event stands at
    /// `base`.
    ///
    /// # Errors
    ///
    /// A frame is damaged.
    pub fn events(&self, base: Position) -> Result<Vec<StoredEvent>, FormatError> {
        let mut events = Vec::with_capacity(self.header().count as usize);
        for index in 0..self.frames() {
            let frame = self.frame(index)?;
            frame.read_messages_of(0..frame.len())?;
            frame.read_details_of(0..frame.len())?;
            for i in 0..frame.len() {
                events.push(frame.event(i, base)?);
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests;
