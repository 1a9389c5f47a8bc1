//! What do the bytes mean? The only folder that knows them.
//!
//! `docs/block-format.md` is the contract; each file here holds one part of it,
//! writer and reader side by side.

mod codec;
mod directory;
mod head;
mod numbers;
#[cfg(feature = "testing")]
mod sealed_over;
mod texts;
mod varint;

use std::fmt;

use super::header::FrameSummary;
use super::{GROUPED_FORMAT_VERSION, MERGED_FORMAT_VERSION, MERGED_GROUPED_FORMAT_VERSION};
use crate::clock::Timestamp;

pub(super) use codec::{Compressor, open, open_head, verified};
pub(super) use head::{checksum_of, read_head, write_head};
pub(super) use numbers::{read_names, read_numbers, write_numbers};
#[cfg(feature = "testing")]
pub(super) use sealed_over::{sealed_over, taken_apart};
pub(super) use texts::{
    joined_fields, joined_messages, read_details, read_messages, write_details, write_messages,
};

/// What a block begins with.
const MAGIC: [u8; 3] = *b"TDB";
/// Magic, version, length of the header, checksum.
const PREFIX_BYTES: usize = 12;
/// Bytes of one decompressed section that a reader accepts.
pub(super) const SECTION_RAW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of all sections of a block, decompressed, that a reader accepts.
pub(super) const BLOCK_RAW_BYTES_DECODED_MAX: usize = 64 * 1024 * 1024;

/// A part of a frame that is compressed, verified and read alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// A: times, sequence numbers, types, members, severities, sources, subjects.
    Numbers,
    /// B: messages.
    Messages,
    /// C: keys, fields, trace ids.
    Details,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Section::Numbers => "numbers",
            Section::Messages => "messages",
            Section::Details => "details",
        })
    }
}

/// Whether blocks of this version were merged of others, and their frames say what they
/// hold.
fn is_merged(version: u8) -> bool {
    matches!(version, MERGED_FORMAT_VERSION | MERGED_GROUPED_FORMAT_VERSION)
}

/// Whether the texts of frames may be grouped.
fn may_be_grouped(version: u8) -> bool {
    version >= GROUPED_FORMAT_VERSION
}

/// How a section is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::block) enum Codec {
    Raw,
    Zstd,
}

/// How much of a section is its first part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Of the stored bytes.
    pub(super) stored_bytes: usize,
    /// Of those that they become.
    pub(super) raw_bytes: usize,
}

/// Where a section lies and how to verify it. A section of no bytes is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SectionEntry {
    pub(super) codec: Codec,
    /// From the start of the body.
    pub(super) offset: usize,
    pub(super) stored_bytes: usize,
    pub(super) raw_bytes: usize,
    /// Its first part, if it has one.
    pub(super) head: Head,
    /// CRC32C of the stored bytes.
    pub(super) checksum: u32,
}

/// A frame as the directory has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameEntry {
    /// Index in the block of its first event.
    pub(super) start: usize,
    pub(super) count: usize,
    pub(super) listed: (Timestamp, Timestamp),
    /// From version 2 on.
    pub(super) summary: Option<FrameSummary>,
    /// How many events the first parts of sections B and C have, whose texts are grouped
    /// by type then; 0 if they stand in the order of the events.
    pub(super) head_events: usize,
    /// In the order of [`Section`].
    pub(super) sections: [SectionEntry; 3],
}

/// Where everything lies: the part of the header that only readers need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Of the format.
    pub(super) version: u8,
    /// What the times of the frames are counted from: the block's first
    /// `received`, in nanoseconds.
    pub(super) base: i64,
    pub(super) frames: Vec<FrameEntry>,
    /// Where the body begins.
    pub(super) head_bytes: usize,
    /// CRC32C of the header, as it stands before it.
    pub(super) checksum: u32,
}

impl Directory {
    /// How long all sections are, decompressed.
    pub(super) fn raw_bytes(&self) -> usize {
        let sections = self.frames.iter().flat_map(|frame| &frame.sections);
        sections.map(|section| section.raw_bytes).sum()
    }

    /// How long the whole block is.
    pub(super) fn block_bytes(&self) -> usize {
        let sections = self.frames.iter().flat_map(|frame| &frame.sections);
        self.head_bytes + sections.map(|section| section.stored_bytes).sum::<usize>()
    }
}

/// Why bytes are not a whole block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes are something else.
    #[error("not a block: it does not begin with `TDB`")]
    NotABlock,
    /// A newer version than this program reads.
    #[error("block format {version} is newer than this program reads (4); upgrade tidings")]
    Newer {
        /// The version in the bytes.
        version: u8,
    },
    /// Fewer bytes than the block says it has.
    #[error("block is cut short: {found} bytes of {expected}")]
    CutShort {
        /// How many bytes there should be, as far as can be told.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// More bytes than the block says it has.
    #[error("block is too long: {found} bytes instead of {expected}")]
    TooLong {
        /// How many bytes there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The header, its length or its version were changed.
    #[error("block header is damaged: checksum stored {stored:08x}, computed {computed:08x}")]
    HeaderChecksum {
        /// What the bytes say.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// A section was changed.
    #[error(
        "block is damaged: {section} of frame {frame}: checksum stored {stored:08x}, computed {computed:08x}"
    )]
    SectionChecksum {
        /// Which frame, from 0.
        frame: usize,
        /// Which part of it.
        section: Section,
        /// What the bytes say.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// A section is not what its codec makes of bytes of the recorded length.
    #[error("block is malformed: {section} of frame {frame} do not decompress to {expected} bytes")]
    NotDecompressible {
        /// Which frame, from 0.
        frame: usize,
        /// Which part of it.
        section: Section,
        /// The recorded length.
        expected: usize,
    },
    /// A header or a section ends in the middle of something.
    #[error("block is malformed: it ends where {what} should be")]
    Missing {
        /// What should be there.
        what: &'static str,
    },
    /// Checksums are right, but no writer of this format writes such a value.
    #[error("block is malformed: impossible {what} {value}")]
    Impossible {
        /// What the value stands for.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// A text that is not UTF-8, or not the JSON it should be.
    #[error("block is malformed: {what} is not {expected}")]
    BadText {
        /// What the text stands for.
        what: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}
