//! What does a store keep of the index of words? Bytes that it does not understand.

use std::ops::Range;

use crate::id::Position;

/// Parts of one segment, at most.
pub const WORD_PARTS_MAX: usize = 4096;

/// A segment of the index of words: which words stand where in a run of positions.
/// A store keeps it and gives it back; who reads it verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordRows<'a> {
    /// What it covers, not empty.
    pub range: Range<Position>,
    /// Read when a log is opened.
    pub head: &'a [u8],
    /// Up to [`WORD_PARTS_MAX`], of mostly some 4 KB; read one by one.
    pub parts: &'a [Vec<u8>],
}

impl WordRows<'_> {
    /// Whether a store takes it.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.range.is_empty() {
            return Err(format!("words of no positions at {}", self.range.start));
        }
        if self.parts.len() > WORD_PARTS_MAX {
            let parts = self.parts.len();
            return Err(format!("words in {parts} parts, at most {WORD_PARTS_MAX} are kept"));
        }
        Ok(())
    }
}
