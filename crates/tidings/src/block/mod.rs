//! What moves? A block: a sealed run of 1 to [`BLOCK_EVENTS_MAX`] events.
//!
//! One event waiting makes a block of one at once; a flood makes big blocks.
//! Stores keep whole blocks, and a query decides from the [`Header`] whether to
//! open one. The bytes are those of `docs/block-format.md`, version
//! [`FORMAT_VERSION`]; only `format.rs` knows them.

mod builder;
mod format;
mod header;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{Event, Fields, StoredEvent};
use crate::id::{Boot, EventId, Origin, Position};
use crate::severity::Severity;

pub use builder::BlockBuilder;
pub use format::FormatError;
pub use header::{Cell, Header, Run, Tagged};

/// Events that are sealed into one block, at most.
pub const BLOCK_EVENTS_MAX: usize = 4096;
/// Events of one block that a decoder accepts: merging makes blocks larger than
/// sealing does.
pub const BLOCK_EVENTS_DECODED_MAX: usize = 65_536;
/// Bytes of event texts that are sealed into one block, at most, unless a single
/// event has more.
pub const BLOCK_RAW_BYTES_MAX: usize = 1024 * 1024;
/// Events of one frame: what is decompressed at once.
pub const FRAME_EVENTS: usize = 512;
/// The version of the block format that is written.
pub const FORMAT_VERSION: u8 = 1;
/// How far ahead of `received` an event may stand in a list.
pub const FUTURE_SKEW_MAX: Duration = Duration::from_secs(5 * 60);

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
    pub fields: Option<&'a Fields>,
    /// W3C trace id.
    pub trace_id: Option<u128>,
    /// W3C span id.
    pub span_id: Option<u64>,
}

/// A sealed block: its bytes, and its header already read.
///
/// Cheap to clone. Equal when the bytes are.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Arc<[u8]>,
    header: Arc<Header>,
}

impl Block {
    /// Reads a block's header and checks that the bytes are as long as it says.
    /// Frames are verified when they are read.
    ///
    /// # Errors
    ///
    /// The bytes are no block of a known version, are cut short or too long, or
    /// the header is damaged.
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Block, FormatError> {
        let _ = bytes.into();
        todo!()
    }

    /// The bytes, as they are stored and sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the block says of itself.
    pub fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// How many frames it has.
    pub fn frames(&self) -> usize {
        todo!()
    }

    /// Earliest and latest list time in a frame, without reading it.
    pub fn frame_listed(&self, _frame: usize) -> (Timestamp, Timestamp) {
        todo!()
    }

    /// Index in the block of a frame's first event.
    pub fn frame_start(&self, _frame: usize) -> usize {
        todo!()
    }

    /// Verifies and reads a frame's numbers; its messages and details are
    /// decompressed when somebody asks for them.
    ///
    /// # Errors
    ///
    /// The frame is damaged.
    pub fn frame(&self, _frame: usize) -> Result<Frame<'_>, FormatError> {
        todo!()
    }

    /// Reads everything, and so verifies everything.
    ///
    /// # Errors
    ///
    /// A frame is damaged.
    pub fn events(&self, _base: Position) -> Result<Vec<StoredEvent>, FormatError> {
        todo!()
    }
}

/// Some hundred events of a block, read section by section.
#[derive(Debug)]
pub struct Frame<'a>(std::marker::PhantomData<&'a ()>);

#[allow(missing_docs, clippy::missing_errors_doc)]
impl<'a> Frame<'a> {
    pub fn len(&self) -> usize {
        todo!()
    }
    pub fn timestamp(&self, _i: usize) -> Timestamp {
        todo!()
    }
    pub fn received(&self, _i: usize) -> Timestamp {
        todo!()
    }
    pub fn listed(&self, _i: usize) -> Timestamp {
        todo!()
    }
    pub fn id(&self, _i: usize) -> EventId {
        todo!()
    }
    pub fn severity(&self, _i: usize) -> Severity {
        todo!()
    }
    /// Index into the header's types.
    pub fn type_index(&self, _i: usize) -> usize {
        todo!()
    }
    /// Index into the header's members.
    pub fn member_index(&self, _i: usize) -> usize {
        todo!()
    }
    pub fn name(&self, _i: usize) -> (Origin, Boot, u64) {
        todo!()
    }
    pub fn source(&self, _i: usize) -> Option<&str> {
        todo!()
    }
    pub fn subject(&self, _i: usize) -> Option<&str> {
        todo!()
    }
    pub fn message(&self, _i: usize) -> Result<&str, FormatError> {
        todo!()
    }
    pub fn key(&self, _i: usize) -> Result<Option<&str>, FormatError> {
        todo!()
    }
    /// The fields as JSON text, `None` when there are none.
    pub fn fields_json(&self, _i: usize) -> Result<Option<&str>, FormatError> {
        todo!()
    }
    pub fn event(&self, _i: usize, _base: Position) -> Result<StoredEvent, FormatError> {
        todo!()
    }
}
