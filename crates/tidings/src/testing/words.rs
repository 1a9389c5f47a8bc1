//! Which words does a segment of the index hold? For benches, and for the fuzzer.

use crate::block::Block;
use crate::id::Position;
use crate::words::{self, SegmentBuilder};

/// A segment of the index of words, as it is kept.
#[derive(Clone, Debug)]
pub struct WordSegment {
    segment: words::Segment,
    head: Vec<u8>,
    parts: Vec<Vec<u8>>,
}

/// Calls `each` with every word of a text, folded.
pub fn words_of(text: &str, each: impl FnMut(&str)) {
    words::of(text, each);
}

/// How many words blocks have, cut and hashed as for a segment; none twice in some
/// hundred events.
///
/// # Errors
///
/// A block is damaged.
pub fn count_words(blocks: &[Block]) -> Result<usize, crate::block::FormatError> {
    let mut words = 0;
    for block in blocks {
        let mut into = SegmentBuilder::new(Position(0));
        for frame in 0..block.frames() {
            words::gather(&mut into, block.header(), block.sections(frame), rows(block, frame))?;
        }
        words += into.words();
    }
    Ok(words)
}

fn rows(block: &Block, frame: usize) -> std::ops::Range<usize> {
    let next = frame + 1;
    let count = block.header().count as usize;
    let end = if next < block.frames() { block.frame_start(next) } else { count };
    0..end - block.frame_start(frame)
}

/// A head and its first part, with checksums that fit, whatever the bytes are.
pub fn sealed(head: &[u8], part: &[u8]) -> (Vec<u8>, Vec<u8>) {
    words::sealed_over(head.to_vec(), part.to_vec())
}

impl WordSegment {
    /// Over all events of these blocks, the first of which stands at position 0.
    /// `None` without events.
    pub fn of(blocks: &[Block]) -> Option<WordSegment> {
        let mut into = SegmentBuilder::new(Position(0));
        for block in blocks {
            for frame in 0..block.frames() {
                let _ = words::gather(
                    &mut into,
                    block.header(),
                    block.sections(frame),
                    rows(block, frame),
                );
            }
        }
        WordSegment::built(into.finish()?)
    }

    /// One in the place of several that stand side by side.
    pub fn joined(segments: &[WordSegment]) -> Option<WordSegment> {
        let all: Vec<_> = segments.iter().map(|it| (&it.segment, it.parts.clone())).collect();
        WordSegment::built(words::joined(&all)?)
    }

    /// Reads one. `None` if the head is damaged.
    pub fn read(head: &[u8], parts: Vec<Vec<u8>>) -> Option<WordSegment> {
        let segment = words::Segment::parse(head)?;
        Some(WordSegment { segment, head: head.to_vec(), parts })
    }

    fn built(built: words::Built) -> Option<WordSegment> {
        WordSegment::read(&built.head, built.parts)
    }

    /// What it covers.
    pub fn positions(&self) -> std::ops::Range<Position> {
        self.segment.range()
    }

    /// Whether every part is what was written.
    pub fn is_whole(&self) -> bool {
        let all = self.segment.parts() == self.parts.len();
        all && self.parts.iter().enumerate().all(|part| self.segment.is_whole((part.0, part.1)))
    }

    /// The head, as it would be written.
    pub fn written_again(&self) -> Vec<u8> {
        self.segment.head()
    }

    /// The head, and the parts.
    pub fn bytes(&self) -> (&[u8], &[Vec<u8>]) {
        (&self.head, &self.parts)
    }

    /// Where a word may stand, in any case: runs of positions, from the first to the
    /// one after the last. `None` if that part is damaged.
    pub fn runs_of(&self, word: &str) -> Option<Vec<(Position, Position)>> {
        let mut answer = self.segment.anywhere();
        let mut hashes = Vec::new();
        words::of(word, |word| hashes.push(words::hash_of(word)));
        for hash in hashes {
            let found = match self.segment.part_of(hash) {
                None => self.segment.nowhere(),
                Some(part) => self.segment.find((part, self.parts.get(part)?), hash)?,
            };
            answer.meet(&found);
        }
        Some(self.segment.runs(&answer))
    }
}
