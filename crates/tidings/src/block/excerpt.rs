//! What of a block has been read? Its head, and as many neighbouring frames as
//! somebody wanted: a question that needs one frame does not read thirty.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::format::{self, Directory};
use super::{FormatError, Frame, FrameSummary, Header, Sections};
use crate::clock::Timestamp;

/// What a block says of itself and where its frames lie, without their bytes.
///
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub(super) header: Arc<Header>,
    pub(super) directory: Arc<Directory>,
}

impl Outline {
    /// Reads the head of a block, and perhaps more behind it.
    ///
    /// # Errors
    ///
    /// As [`Header::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Outline, FormatError> {
        let (header, directory) = format::read_head(bytes)?;
        Ok(Outline { header: header.into(), directory: directory.into() })
    }

    /// What the block says of itself.
    pub fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// How many frames the block has, at least 1.
    pub fn frames(&self) -> usize {
        self.directory.frames.len()
    }

    /// As [`super::Block::frame_listed`].
    pub(crate) fn frame_listed(&self, frame: usize) -> (Timestamp, Timestamp) {
        self.directory.frames[frame].listed
    }

    /// As [`super::Block::frame_summary`].
    pub(crate) fn frame_summary(&self, frame: usize) -> Option<&FrameSummary> {
        self.directory.frames[frame].summary.as_ref()
    }

    /// Index in the block of a frame's first event.
    pub(crate) fn frame_start(&self, frame: usize) -> usize {
        self.directory.frames[frame].start
    }

    /// Bytes of a frame's sections, decompressed.
    pub(crate) fn frame_raw_bytes(&self, frame: usize) -> usize {
        self.directory.frames[frame].sections.iter().map(|section| section.raw_bytes).sum()
    }

    /// Bytes before the body.
    pub fn head_bytes(&self) -> usize {
        self.directory.head_bytes
    }

    /// Whether these are the bytes of a head that says the same.
    pub fn is_of(&self, head: &[u8]) -> bool {
        head.len() == self.head_bytes()
            && format::checksum_of(head) == Some(self.directory.checksum)
    }

    /// Bytes of the body.
    pub fn body_bytes(&self) -> usize {
        self.directory.block_bytes() - self.directory.head_bytes
    }

    /// Where in the body neighbouring frames lie. What is past the last frame lies at
    /// the end.
    pub fn extent(&self, frames: &Range<usize>) -> Range<usize> {
        let start = |frame: usize| {
            let entry = self.directory.frames.get(frame);
            entry.map_or_else(|| self.body_bytes(), |entry| entry.sections[0].offset)
        };
        start(frames.start)..start(frames.end)
    }

    /// Neighbouring frames, of which these are the bytes: those of their [`extent`].
    /// Opening a frame verifies them.
    ///
    /// [`extent`]: Outline::extent
    pub fn excerpt(&self, frames: &Range<usize>, bytes: impl Into<Arc<[u8]>>) -> Excerpt {
        let body = self.extent(frames).start;
        Excerpt { outline: self.clone(), bytes: bytes.into(), skipped: 0, body }
    }
}

/// Some neighbouring frames of a block, or all of them. What is asked of others is
/// answered as of bytes that were cut off.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Excerpt {
    pub(super) outline: Outline,
    pub(super) bytes: Arc<[u8]>,
    /// Bytes in front that are none of the body.
    skipped: usize,
    /// Where in the body the first of the others lies.
    body: usize,
}

impl Excerpt {
    /// A whole block.
    pub(super) fn whole(outline: Outline, bytes: Arc<[u8]>) -> Excerpt {
        let skipped = outline.head_bytes();
        Excerpt { outline, bytes, skipped, body: 0 }
    }

    /// The block that the frames are of.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// How many bytes it holds on to.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// A frame of which nothing is read yet.
    pub(crate) fn sections(&self, frame: usize) -> Sections<'_> {
        Sections::new(Cow::Borrowed(self), frame)
    }

    /// A frame for whoever keeps it.
    ///
    /// # Errors
    ///
    /// Its numbers are damaged.
    pub(crate) fn frame_to_keep(&self, frame: usize) -> Result<Frame<'static>, FormatError> {
        self.sections_to_keep(frame).into_frame()
    }

    /// As [`Excerpt::sections`], for whoever keeps it.
    pub(crate) fn sections_to_keep(&self, frame: usize) -> Sections<'static> {
        Sections::new(Cow::Owned(self.clone()), frame)
    }

    /// The bytes of the body that are there, and where in it they begin.
    pub(super) fn body(&self) -> (&[u8], usize) {
        (&self.bytes[self.skipped..], self.body)
    }
}
