//! How does a segment come about? Of the words of events, or of segments side by
//! side.

use std::ops::Range;

use super::bits::BitWriter;
use super::granules::{Granules, put_set};
use super::seen::Seen;
use super::segment::{Segment, part_bytes, part_of_groups, seal_part};
use super::{
    FALSE_BITS, GRANULE_EVENTS_MAX, GRANULES_MAX, GROUP_WORDS, HASH_BITS_MAX, PART_BYTES_FULL,
    SEGMENT_POSITIONS_MAX, SEGMENT_WORDS_MAX,
};
use crate::id::Position;

/// Bits of a granule's number in a pair.
const GRANULE_BITS: u32 = 16;

/// A segment as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) range: Range<Position>,
    pub(crate) head: Vec<u8>,
    pub(crate) parts: Vec<Vec<u8>>,
}

/// Takes the words of events in, in order of position.
#[derive(Debug)]
pub(crate) struct SegmentBuilder {
    first: Position,
    /// Where the granules end that are closed.
    ends: Vec<u32>,
    unread: Vec<usize>,
    /// Of the granule that is open.
    open: u32,
    open_is_read: bool,
    seen: Seen,
    /// A hash of [`HASH_BITS_MAX`] bits, and the granule it stands in.
    pairs: Vec<u64>,
    /// The fewest bits of a hash that came in.
    hash_bits: u32,
}

impl SegmentBuilder {
    pub(crate) fn new(first: Position) -> SegmentBuilder {
        SegmentBuilder {
            first,
            ends: Vec::new(),
            unread: Vec::new(),
            open: 0,
            open_is_read: true,
            seen: Seen::new(),
            pairs: Vec::new(),
            hash_bits: HASH_BITS_MAX,
        }
    }

    /// The position after the last event that was taken in.
    pub(crate) fn next(&self) -> Position {
        self.first.plus(u64::from(self.closed() + self.open))
    }

    fn closed(&self) -> u32 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Words that came in, each counted once a granule.
    pub(crate) fn words(&self) -> usize {
        self.pairs.len() + self.seen.len()
    }

    /// Whether no more should come in.
    pub(crate) fn is_full(&self) -> bool {
        u64::from(self.closed() + self.open) >= SEGMENT_POSITIONS_MAX
            || self.words() >= SEGMENT_WORDS_MAX
            || self.ends.len() + 4 > GRANULES_MAX
    }

    /// So many events come next, and then their words.
    pub(crate) fn begin(&mut self, events: u32) {
        if self.open > 0 && (self.open + events > GRANULE_EVENTS_MAX || !self.open_is_read) {
            self.close_granule();
        }
        self.open += events;
    }

    pub(crate) fn add(&mut self, hash: u64) {
        self.seen.insert(hash);
    }

    /// What began last could not be read to its end.
    pub(crate) fn spoil(&mut self) {
        self.open_is_read = false;
    }

    /// So many positions come next of which nothing is known.
    pub(crate) fn pass_over(&mut self, positions: u32) {
        if positions == 0 {
            return;
        }
        if self.open > 0 && self.open_is_read {
            self.close_granule();
        }
        self.open += positions;
        self.open_is_read = false;
    }

    fn close_granule(&mut self) {
        let granule = self.ends.len();
        let place = granule as u64;
        self.pairs.extend(self.seen.drain().map(|hash| pair(hash >> (64 - HASH_BITS_MAX), place)));
        if !self.open_is_read {
            self.unread.push(granule);
        }
        self.ends.push(self.closed() + self.open);
        (self.open, self.open_is_read) = (0, true);
    }

    /// The segment, or `None` if nothing came in.
    pub(crate) fn finish(mut self) -> Option<Built> {
        if self.open > 0 {
            self.close_granule();
        }
        if self.ends.is_empty() {
            return None;
        }
        self.pairs.sort_unstable();
        let mut unread = Granules::none(self.ends.len());
        self.unread.iter().for_each(|granule| unread.insert(*granule));
        let mut segment = Segment {
            first: self.first.0,
            tag: 0,
            hash_bits: 0,
            low_bits: 0,
            ends: self.ends,
            unread,
            parts: Vec::new(),
        };
        shape(&mut segment, &self.pairs, self.hash_bits);
        let mut parts = Parts::default();
        put_words(&segment, &self.pairs, &mut parts);
        let Parts { firsts, closed: mut parts, .. } = parts.finish();
        segment.parts = firsts;
        let start = crc32c::crc32c(&segment.head());
        segment.tag = parts.iter().fold(start, |tag, part| crc32c::crc32c_append(tag, part));
        for (number, part) in parts.iter_mut().enumerate() {
            seal_part(segment.tag, number, part);
        }
        Some(Built { range: segment.range(), head: segment.head(), parts })
    }
}

fn pair(hash: u64, granule: u64) -> u64 {
    hash << GRANULE_BITS | granule
}

fn hash_of(pair: u64) -> u64 {
    pair >> GRANULE_BITS
}

/// How long the hashes are. Those of a small segment are as long as if it were full:
/// so it can become part of a larger one and stay as exact.
fn shape(segment: &mut Segment, pairs: &[u64], hash_bits_max: u32) {
    let words = pairs.chunk_by(|a, b| hash_of(*a) == hash_of(*b)).count().max(1) as u64;
    let growth = (SEGMENT_POSITIONS_MAX / segment.positions().max(1)).max(1);
    let wanted = FALSE_BITS + (words * growth).next_power_of_two().ilog2();
    let hash_bits = wanted.min(hash_bits_max);
    let low_bits = hash_bits.saturating_sub(words.ilog2() + 1);
    segment.hash_bits = u8::try_from(hash_bits).unwrap_or(u8::MAX);
    segment.low_bits = u8::try_from(low_bits).unwrap_or(u8::MAX);
}

/// Writes words and where they stand; `pairs` ascend.
fn put_words(segment: &Segment, pairs: &[u64], parts: &mut Parts) {
    let shift = HASH_BITS_MAX - u32::from(segment.hash_bits);
    let mut found: Vec<u16> = Vec::new();
    for word in pairs.chunk_by(|a, b| hash_of(*a) >> shift == hash_of(*b) >> shift) {
        found.clear();
        found.extend(
            word.iter()
                .map(|pair| u16::from_le_bytes([pair.to_le_bytes()[0], pair.to_le_bytes()[1]])),
        );
        // Two words whose hashes differ only in what is cut off.
        if !found.is_sorted_by(|a, b| a < b) {
            found.sort_unstable();
            found.dedup();
        }
        parts.put(segment, hash_of(word[0]) >> shift, &found);
    }
}

/// Parts, and the one that grows.
#[derive(Default)]
struct Parts {
    firsts: Vec<u64>,
    closed: Vec<Vec<u8>>,
    groups: Vec<(u64, usize, Vec<u8>)>,
    groups_bytes: usize,
    group: Option<Group>,
}

struct Group {
    first: u64,
    last: u64,
    words: usize,
    bits: BitWriter,
}

impl Parts {
    fn put(&mut self, segment: &Segment, hash: u64, found: &[u16]) {
        let granules = segment.ends.len();
        let group = self.group.get_or_insert_with(|| Group {
            first: hash,
            last: hash,
            words: 0,
            bits: BitWriter::default(),
        });
        if group.words > 0 {
            group.bits.put_rice(hash - group.last - 1, segment.low_bits.into());
        }
        put_set(&mut group.bits, found, granules);
        group.last = hash;
        group.words += 1;
        let part_is_full =
            part_bytes(self.groups.len() + 1) + self.groups_bytes + group.bits.bytes()
                >= PART_BYTES_FULL;
        if part_is_full || group.words == GROUP_WORDS {
            self.close_group();
        }
        if part_is_full {
            self.close_part();
        }
    }

    fn close_group(&mut self) {
        if let Some(group) = self.group.take() {
            let bytes = group.bits.finish();
            self.groups_bytes += bytes.len();
            self.groups.push((group.first, group.words, bytes));
        }
    }

    fn close_part(&mut self) {
        if let Some((first, ..)) = self.groups.first() {
            self.firsts.push(*first);
            self.closed.push(part_of_groups(&self.groups));
            self.groups.clear();
            self.groups_bytes = 0;
        }
    }

    fn finish(mut self) -> Parts {
        self.close_group();
        self.close_part();
        self
    }
}

/// One segment in the place of several that stand side by side, in order, each with
/// all of its parts. `None` if one of them is damaged.
pub(crate) fn joined(segments: &[(&Segment, Vec<Vec<u8>>)]) -> Option<Built> {
    let mut all = SegmentBuilder::new(segments.first()?.0.range().start);
    for (segment, parts) in segments {
        let (offset, before) = (all.ends.len(), all.closed());
        all.ends.extend(segment.ends.iter().map(|end| before + end));
        all.unread.extend(segment.unread.iter().map(|granule| offset + granule));
        all.hash_bits = all.hash_bits.min(segment.hash_bits.into());
        for part in parts.iter().enumerate() {
            segment.each((part.0, part.1), |hash, granule| {
                all.pairs.push(pair(hash, (offset + granule) as u64));
            })?;
        }
    }
    all.finish()
}
