//! What does a segment say? Its head is kept in memory; of its parts one is read to
//! look for a word.

use std::ops::Range;

use super::bits::{BitReader, BitWriter};
use super::granules::{Granules, take_set};
use super::{GRANULES_MAX, HASH_BITS_MAX};
use crate::id::Position;

const MAGIC: [u8; 4] = *b"TDW\x01";
/// Magic, seal, tag, first position, counts, widths.
const FIXED_BYTES: usize = 4 + 4 + 4 + 8 + 4 + 4 + 1 + 1;
/// Seal and number of groups.
const PART_FIXED_BYTES: usize = 4 + 2;
/// First hash, length in bytes, words but one.
const GROUP_ENTRY_BYTES: usize = 5 + 2 + 1;

/// A run of positions of which is known which words stand where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(super) first: u64,
    /// Tells the parts of this segment from those of any other.
    pub(super) tag: u32,
    /// Bits of the hashes that are kept.
    pub(super) hash_bits: u8,
    /// The lowest bits of the distance of two hashes.
    pub(super) low_bits: u8,
    /// Where granules end, counted from the first position.
    pub(super) ends: Vec<u32>,
    /// Granules in which something could not be read: any word may stand there.
    pub(super) unread: Granules,
    /// The first hash of each part.
    pub(super) parts: Vec<u64>,
}

/// Where a word stands in one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer(Granules);

impl Answer {
    /// Where both stand.
    pub(crate) fn meet(&mut self, other: &Answer) {
        self.0.meet(&other.0);
    }

    /// Where one of them stands.
    pub(crate) fn join(&mut self, other: &Answer) {
        self.0.join(&other.0);
    }

    pub(crate) fn is_nowhere(&self) -> bool {
        self.0.is_empty()
    }
}

impl Segment {
    /// Reads a head. `None` if it is none, or damaged.
    pub(crate) fn parse(head: &[u8]) -> Option<Segment> {
        let (magic, rest) = head.split_first_chunk()?;
        let (seal, sealed) = rest.split_first_chunk()?;
        if *magic != MAGIC || u32::from_le_bytes(*seal) != crc32c::crc32c(sealed) {
            return None;
        }
        let (tag, rest) = sealed.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (granules, rest) = rest.split_first_chunk()?;
        let (parts, rest) = rest.split_first_chunk()?;
        let ([hash_bits, low_bits], rest) = rest.split_first_chunk()?;
        let granules = usize::try_from(u32::from_le_bytes(*granules)).ok()?;
        let parts = usize::try_from(u32::from_le_bytes(*parts)).ok()?;
        let widths = u32::from(*hash_bits).max(u32::from(*low_bits));
        // A part has at least a bit in the rest, so that no count asks for more
        // memory than a few times the head.
        if granules == 0
            || granules > GRANULES_MAX
            || parts > rest.len() * 8
            || widths > HASH_BITS_MAX
        {
            return None;
        }
        let mut reader = BitReader::new(rest);
        let (mut ends, mut unread, mut end) =
            (Vec::with_capacity(granules), Granules::none(granules), 0_u32);
        for granule in 0..granules {
            if reader.take(1)? == 1 {
                unread.insert(granule);
            }
            let width = u32::try_from(reader.take(5)?).ok()?;
            let length = 1 << width | reader.take(width)?;
            end = end.checked_add(u32::try_from(length).ok()?)?;
            ends.push(end);
        }
        let parts =
            (0..parts).map(|_| reader.take(u32::from(*hash_bits))).collect::<Option<Vec<_>>>()?;
        let first = u64::from_le_bytes(*first);
        first.checked_add(end.into())?;
        (reader.is_at_end() && parts.is_sorted_by(|a, b| a < b)).then_some(Segment {
            first,
            tag: u32::from_le_bytes(*tag),
            hash_bits: *hash_bits,
            low_bits: *low_bits,
            ends,
            unread,
            parts,
        })
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        let mut bits = BitWriter::default();
        for (granule, length) in self.lengths().enumerate() {
            bits.put(self.unread.contains(granule).into(), 1);
            let width = length.max(1).ilog2();
            bits.put(width.into(), 5);
            bits.put(u64::from(length) & ((1 << width) - 1), width);
        }
        for first in &self.parts {
            bits.put(*first, self.hash_bits.into());
        }
        let counts =
            [self.ends.len(), self.parts.len()].map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        let mut head = Vec::with_capacity(FIXED_BYTES + bits.bytes());
        head.extend_from_slice(&self.tag.to_le_bytes());
        head.extend_from_slice(&self.first.to_le_bytes());
        head.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        head.extend_from_slice(&[self.hash_bits, self.low_bits]);
        head.extend_from_slice(&bits.finish());
        let seal = crc32c::crc32c(&head).to_le_bytes();
        [&MAGIC[..], &seal, &head].concat()
    }

    fn lengths(&self) -> impl Iterator<Item = u32> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        self.ends.iter().zip(starts).map(|(end, start)| end - start)
    }

    /// From the first position that it covers to the one after the last.
    pub(crate) fn range(&self) -> Range<Position> {
        let end = self.ends.last().copied().unwrap_or(0);
        Position(self.first)..Position(self.first + u64::from(end))
    }

    /// How many positions it covers.
    pub(crate) fn positions(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0).into()
    }

    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// How many granules it has.
    pub(crate) fn granules(&self) -> usize {
        self.ends.len()
    }

    /// Every granule.
    pub(crate) fn anywhere(&self) -> Answer {
        Answer(Granules::all(self.granules()))
    }

    /// Where a word stands that is in none of the parts.
    pub(crate) fn nowhere(&self) -> Answer {
        Answer(self.unread.clone())
    }

    /// The part that a word of this hash stands in, if it stands anywhere.
    pub(crate) fn part_of(&self, hash: u64) -> Option<usize> {
        let hash = self.short(hash);
        self.parts.partition_point(|first| *first <= hash).checked_sub(1)
    }

    /// Whether a part is what was written as the part of this number.
    pub(crate) fn is_whole(&self, part: (usize, &[u8])) -> bool {
        self.each(part, |_, _| {}).is_some()
    }

    /// Where a word of this hash stands, by the part of this number, which is that
    /// of [`Segment::part_of`]. `None` if the part is damaged.
    pub(crate) fn find(&self, part: (usize, &[u8]), hash: u64) -> Option<Answer> {
        let mut found = self.unread.clone();
        let wanted = self.short(hash);
        // The last that begins at or before the hash.
        let group = self.open(part)?.take_while(|group| group.first <= wanted).last();
        let Some(group) = group else { return Some(Answer(found)) };
        let mut words = self.words(&group);
        while words.left > 0 {
            let hash = words.hash()?;
            if hash > wanted {
                break;
            }
            words.each_granule(|granule| {
                if hash == wanted {
                    found.insert(granule);
                }
            })?;
        }
        Some(Answer(found))
    }

    /// Gives `each` every pair of a hash, of [`HASH_BITS_MAX`] bits, and a granule.
    /// `None` if the part of this number is damaged; then some were given.
    pub(super) fn each(
        &self,
        part: (usize, &[u8]),
        mut each: impl FnMut(u64, usize),
    ) -> Option<()> {
        let shift = HASH_BITS_MAX - u32::from(self.hash_bits);
        for group in self.open(part)? {
            let mut words = self.words(&group);
            while words.left > 0 {
                let hash = words.hash()?;
                words.each_granule(|granule| each(hash << shift, granule))?;
            }
        }
        Some(())
    }

    fn words<'a>(&self, group: &Group<'a>) -> Words<'a> {
        Words {
            reader: BitReader::new(group.bytes),
            next: Some(group.first),
            left: group.words,
            hash_bits: self.hash_bits.into(),
            low_bits: self.low_bits.into(),
            granules: self.granules(),
        }
    }

    fn short(&self, hash: u64) -> u64 {
        hash.checked_shr(64 - u32::from(self.hash_bits)).unwrap_or(0)
    }

    /// The groups of a part.
    fn open<'a>(
        &self,
        (number, part): (usize, &'a [u8]),
    ) -> Option<impl Iterator<Item = Group<'a>>> {
        let (seal, sealed) = part.split_first_chunk()?;
        if u32::from_le_bytes(*seal) != part_seal(self.tag, number, sealed) {
            return None;
        }
        let (count, rest) = sealed.split_first_chunk()?;
        let directory = usize::from(u16::from_le_bytes(*count)) * GROUP_ENTRY_BYTES;
        let (directory, mut groups) = rest.split_at_checked(directory)?;
        let entries = directory.chunks_exact(GROUP_ENTRY_BYTES);
        if entries.clone().map(group_bytes).sum::<usize>() != groups.len() {
            return None;
        }
        Some(entries.map(move |entry| {
            let (bytes, rest) = groups.split_at(group_bytes(entry));
            groups = rest;
            let mut first = [0; 8];
            first[..5].copy_from_slice(&entry[..5]);
            Group { first: u64::from_le_bytes(first), words: usize::from(entry[7]) + 1, bytes }
        }))
    }
}

/// Words that stand one after the other.
struct Group<'a> {
    first: u64,
    words: usize,
    bytes: &'a [u8],
}

/// Reads a group: a hash, where it stands, the next hash.
struct Words<'a> {
    reader: BitReader<'a>,
    /// `None` past the longest hash.
    next: Option<u64>,
    left: usize,
    hash_bits: u32,
    low_bits: u32,
    granules: usize,
}

impl Words<'_> {
    /// The next hash, while there are any left. `None` if it cannot be one.
    fn hash(&self) -> Option<u64> {
        self.next.filter(|next| next >> self.hash_bits == 0)
    }

    /// Where the hash stands that came last; moves on to the next.
    fn each_granule(&mut self, each: impl FnMut(usize)) -> Option<()> {
        take_set(&mut self.reader, self.granules, each)?;
        self.left -= 1;
        if self.left > 0 {
            let distance = self.reader.rice(self.low_bits)?;
            self.next = self.next?.checked_add(distance)?.checked_add(1);
        }
        Some(())
    }
}

fn group_bytes(entry: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([entry[5], entry[6]]))
}

/// Over the number and the tag as well: a part of another segment is none of this.
fn part_seal(tag: u32, number: usize, sealed: &[u8]) -> u32 {
    let place = crc32c::crc32c_append(tag, &(number as u64).to_le_bytes());
    crc32c::crc32c_append(place, sealed)
}

/// Puts groups together: the first hash of each, its words and its bytes. Without
/// its seal, which [`seal_part`] writes.
pub(super) fn part_of_groups(groups: &[(u64, usize, Vec<u8>)]) -> Vec<u8> {
    let bytes: usize = groups.iter().map(|(_, _, group)| group.len()).sum();
    let mut part = Vec::with_capacity(part_bytes(groups.len()) + bytes);
    part.extend_from_slice(&[0; 4]);
    part.extend_from_slice(&u16::try_from(groups.len()).unwrap_or(0).to_le_bytes());
    for (first, words, group) in groups {
        part.extend_from_slice(&first.to_le_bytes()[..5]);
        part.extend_from_slice(&u16::try_from(group.len()).unwrap_or(0).to_le_bytes());
        part.push(u8::try_from(words - 1).unwrap_or(0));
    }
    for (_, _, group) in groups {
        part.extend_from_slice(group);
    }
    part
}

pub(super) fn seal_part(tag: u32, number: usize, part: &mut [u8]) {
    if let Some((seal, sealed)) = part.split_first_chunk_mut() {
        *seal = part_seal(tag, number, sealed).to_le_bytes();
    }
}

/// A head and its first part as a hostile writer seals them.
#[cfg(feature = "testing")]
pub(crate) fn sealed_over(mut head: Vec<u8>, mut part: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let tag = head.get(8..).and_then(<[u8]>::first_chunk).map_or(0, |tag| u32::from_le_bytes(*tag));
    if let Some((begin, sealed)) = head.split_first_chunk_mut::<8>() {
        begin[..4].copy_from_slice(&MAGIC);
        begin[4..].copy_from_slice(&crc32c::crc32c(sealed).to_le_bytes());
    }
    seal_part(tag, 0, &mut part);
    (head, part)
}

/// What such a part takes before its groups, each of them counted.
pub(super) fn part_bytes(groups: usize) -> usize {
    PART_FIXED_BYTES + groups * GROUP_ENTRY_BYTES
}

impl Segment {
    /// The positions of an answer, as sorted runs from the first position to the
    /// one after the last, with gaps between them.
    pub(crate) fn runs(&self, answer: &Answer) -> Vec<(Position, Position)> {
        let mut runs: Vec<(Position, Position)> = Vec::new();
        for granule in answer.0.iter() {
            let start = granule.checked_sub(1).map_or(0, |before| self.ends[before]);
            let [from, to] =
                [start, self.ends[granule]].map(|it| Position(self.first + u64::from(it)));
            match runs.last_mut().filter(|last| last.1 == from) {
                Some(last) => last.1 = to,
                None => runs.push((from, to)),
            }
        }
        runs
    }
}
