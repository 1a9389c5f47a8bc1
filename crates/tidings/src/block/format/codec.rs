//! How does a section become smaller, and how is it verified?

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use super::{Codec, FormatError, Section, SectionEntry};

/// Measured on operator events: as small as level 3, at half the cost.
const ZSTD_LEVEL: i32 = 1;
/// Below this a section is stored as it is: there is little to win, and starting
/// the compressor costs more than writing the bytes.
const COMPRESSED_BYTES_MIN: usize = 256;

/// Compresses sections one after the other, with one context and one buffer.
pub(in super::super) struct Compressor {
    /// `None` if there was no memory for it: sections are then stored raw.
    zstd: Option<zstd::bulk::Compressor<'static>>,
    compressed: Vec<u8>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compressor")
    }
}

impl Compressor {
    pub(in super::super) fn new() -> Compressor {
        let zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL).ok();
        Compressor { zstd, compressed: Vec::new() }
    }

    /// Appends a section to the body in the smaller of its two forms.
    pub(in super::super) fn append(&mut self, raw: &[u8], body: &mut Vec<u8>) -> SectionEntry {
        let offset = body.len();
        let codec = if self.compress(raw) { Codec::Zstd } else { Codec::Raw };
        body.extend_from_slice(match codec {
            Codec::Raw => raw,
            Codec::Zstd => &self.compressed,
        });
        let stored = &body[offset..];
        SectionEntry {
            codec,
            offset,
            stored_bytes: stored.len(),
            raw_bytes: raw.len(),
            checksum: crc32c::crc32c(stored),
        }
    }

    /// Appends a section that is stored already, in the form that it has.
    pub(in super::super) fn copy(
        stored: &[u8],
        entry: &SectionEntry,
        body: &mut Vec<u8>,
    ) -> SectionEntry {
        let offset = body.len();
        body.extend_from_slice(stored);
        SectionEntry { offset, ..*entry }
    }

    /// Whether it pays.
    fn compress(&mut self, raw: &[u8]) -> bool {
        let Some(zstd) = self.zstd.as_mut().filter(|_| raw.len() >= COMPRESSED_BYTES_MIN) else {
            return false;
        };
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let done = zstd.compress_to_buffer(raw, &mut self.compressed);
        done.is_ok_and(|bytes| bytes < raw.len())
    }
}

/// Bytes of a body, and where in it they begin.
type Body<'a> = (&'a [u8], usize);

/// Verifies one section of a frame and decompresses it.
pub(in super::super) fn open<'a>(
    body: Body<'a>,
    frame: usize,
    section: Section,
    entry: &SectionEntry,
) -> Result<Cow<'a, [u8]>, FormatError> {
    let stored = verified(body, frame, section, entry)?;
    match entry.codec {
        Codec::Raw => Ok(Cow::Borrowed(stored)),
        Codec::Zstd => decompress(stored, entry.raw_bytes)
            .map(Cow::Owned)
            .ok_or(FormatError::NotDecompressible { frame, section, expected: entry.raw_bytes }),
    }
}

/// One section of a frame as it is stored, once its checksum has been verified.
pub(in super::super) fn verified<'a>(
    (body, from): Body<'a>,
    frame: usize,
    section: Section,
    entry: &SectionEntry,
) -> Result<&'a [u8], FormatError> {
    let end = entry.offset + entry.stored_bytes;
    let place = entry.offset.checked_sub(from).zip(end.checked_sub(from));
    let stored = place.and_then(|(start, end)| body.get(start..end));
    let stored = stored.ok_or(FormatError::CutShort { expected: end, found: from + body.len() })?;
    let computed = crc32c::crc32c(stored);
    if computed != entry.checksum {
        let stored = entry.checksum;
        return Err(FormatError::SectionChecksum { frame, section, stored, computed });
    }
    Ok(stored)
}

thread_local! {
    // A context has 150 KiB: making one for every section costs as much as
    // reading a small one.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        RefCell::new(zstd::bulk::Decompressor::new().ok());
}

/// Exactly so many bytes, or nothing. Never writes more than that: the length was
/// checked against its limit when the directory was read.
fn decompress(stored: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(raw_bytes);
    let written = DECOMPRESSOR
        .with_borrow_mut(|zstd| zstd.as_mut()?.decompress_to_buffer(stored, &mut raw).ok())?;
    (written == raw_bytes).then_some(raw)
}
