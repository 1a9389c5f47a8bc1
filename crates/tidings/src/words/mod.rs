//! Which words stand where?
//!
//! Words are cut from texts here, so that an index and a search agree on them. An
//! index of them is made of [`Segment`]s: which words stand in which granule of a
//! run of positions, by hashes so short that a word that is nowhere is thought to be
//! somewhere once in a while. The bytes are those of `docs/word-index.md`.
//!
//! What is indexed is never kept here alone: a segment that is damaged or missing
//! makes a search slower, and says nothing wrong.

mod bits;
mod builder;
mod fold;
mod gather;
mod granules;
mod json;
mod seen;
mod segment;
mod tokens;

pub(crate) use builder::{Built, SegmentBuilder, joined};
pub(crate) use gather::gather;
#[cfg(feature = "testing")]
pub(crate) use segment::sealed_over;
pub(crate) use segment::{Answer, Segment};
pub(crate) use tokens::{hash_of, of};

#[cfg(test)]
mod tests;

/// Positions that one segment covers, at most.
pub(crate) const SEGMENT_POSITIONS_MAX: u64 = 262_144;
/// Words that one segment is built of before it is closed, each counted once a
/// granule.
pub(crate) const SEGMENT_WORDS_MAX: usize = 1 << 20;
/// Granules of one segment, at most.
pub(crate) const GRANULES_MAX: usize = 8192;
/// Events of one granule, at most, unless a single frame has more.
pub(crate) const GRANULE_EVENTS_MAX: u32 = 512;
/// Of so many words that stand nowhere in a full segment, one is thought to stand
/// somewhere: as a power of two.
const FALSE_BITS: u32 = 5;
/// Bits of a hash that are kept at most.
const HASH_BITS_MAX: u32 = 40;
/// Bytes with which a part is full: with what a row of a table takes, one page.
const PART_BYTES_FULL: usize = 3980;
/// Words that are read one after the other to find one.
const GROUP_WORDS: usize = 256;
