//! What does a block say of itself before it is opened?

use super::format::{self, FormatError};
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
use crate::severity::Severity;

/// Cells of [`Header::minutes`], at most; with more the header of a block of old
/// or scattered events would be larger than its body.
pub const MINUTE_CELLS_MAX: usize = 256;
/// Cells of [`Header::minutes`] of a merged block, at most.
pub const MERGED_CELLS_MAX: usize = 4096;
/// Runs of one block, at most.
pub const RUNS_MAX: usize = 1024;
/// Nanoseconds of a minute.
pub(super) const MINUTE_NANOS: i64 = 60_000_000_000;

/// A stretch of one boot within a block. A sealed block has one; a merged block
/// has as many as boots went into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Who took the events.
    pub origin: Origin,
    /// Which start of it.
    pub boot: Boot,
    /// The first sequence number.
    pub first_seq: u64,
    /// The last sequence number, included.
    pub last_seq: u64,
    /// The numbers of the first and the last block that its events were sealed in,
    /// none between them left out; `None` where a block does not say.
    pub numbers: Option<(u64, u64)>,
    /// No later than this its last event was received.
    pub received_by: Timestamp,
    /// Nothing follows in its boot: a clean end.
    pub ended: bool,
}

/// A name and how many events of the block carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// A type or a member.
    pub name: String,
    /// At least 1.
    pub count: u32,
}

/// How many events of one minute, type and severity a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Minutes since the epoch, of the list time.
    pub minute: i64,
    /// Index into [`Header::types`].
    pub event_type: u32,
    /// The level.
    pub severity: Severity,
    /// At least 1.
    pub count: u32,
}

impl Cell {
    /// The first and the last instant of its minute.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        let first = self.minute.saturating_mul(MINUTE_NANOS);
        let last = first.saturating_add(MINUTE_NANOS - 1);
        (Timestamp::from_nanos(first), Timestamp::from_nanos(last))
    }
}

/// What a frame of a merged block says of itself before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSummary {
    /// Earliest and latest `received`.
    pub received: (Timestamp, Timestamp),
    /// One bit a severity number: bit 0 is number 1.
    pub severities: u32,
    /// One bit a type: bit `i % 64` for the type with index `i`. So up to 64 types
    /// are told exactly, and of more it says "not here" for sure and "here" perhaps.
    pub types: u64,
    /// One bit a member, likewise.
    pub members: u64,
}

impl FrameSummary {
    /// The bit of the type or the member with this index in the header.
    pub const fn bit_of(index: usize) -> u64 {
        1 << (index % 64)
    }
}

/// What a block says of itself; enough to decide whether to open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many events, at least 1.
    pub count: u32,
    /// The block's number within its boot, from 1, dense; `None` in a merged block.
    pub number: Option<u64>,
    /// Nothing follows this block in its boot: a clean end. Of a merged block its
    /// runs say that.
    pub last_of_boot: bool,
    /// Whose events these are, in order.
    pub runs: Vec<Run>,
    /// Earliest and latest [`super::list_time`].
    pub listed: (Timestamp, Timestamp),
    /// Earliest and latest `received`.
    pub received: (Timestamp, Timestamp),
    /// Earliest and latest time of `add`, of which ids are made.
    pub added: (Timestamp, Timestamp),
    /// One bit a severity number: bit 0 is number 1.
    pub severities: u32,
    /// Every type, in order of first appearance.
    pub types: Vec<Tagged>,
    /// Every member, in order of first appearance.
    pub members: Vec<Tagged>,
    /// Per-minute counts in order of minute, type, severity; `None` when there
    /// would be more than [`MINUTE_CELLS_MAX`], in a merged block more than
    /// [`MERGED_CELLS_MAX`].
    pub minutes: Option<Vec<Cell>>,
}

impl Header {
    /// Reads the header at the front of a block whose body need not be there, and
    /// says how many bytes come before the body.
    ///
    /// # Errors
    ///
    /// The bytes are no block of a known version, end before the body begins, or
    /// are damaged.
    pub fn parse(bytes: &[u8]) -> Result<(Header, usize), FormatError> {
        let (header, directory) = format::read_head(bytes)?;
        Ok((header, directory.head_bytes))
    }
}
