//! How does a section become smaller, and how is it verified?

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective as EndDirective;
use zstd::zstd_safe::{self, CCtx, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use super::{Codec, FormatError, Head, SECTION_RAW_BYTES_MAX, Section, SectionEntry};

/// Measured on operator events: as small as level 3, at half the cost.
const ZSTD_LEVEL: i32 = 1;
/// Below this a section is stored as it is: there is little to win, and starting
/// the compressor costs more than writing the bytes.
const COMPRESSED_BYTES_MIN: usize = 256;
/// What a block that ends before its time may take more.
const FLUSH_BYTES: usize = 64;

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

    /// Appends a section to the body in the smaller of its two forms. So many bytes of it
    /// can be decompressed without the rest.
    pub(in super::super) fn append(
        &mut self,
        raw: &[u8],
        head_bytes: usize,
        body: &mut Vec<u8>,
    ) -> SectionEntry {
        let offset = body.len();
        let (codec, head_stored) = match self.compress(raw, head_bytes) {
            Some(head_stored) => (Codec::Zstd, head_stored),
            None => (Codec::Raw, head_bytes),
        };
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
            head: Head { stored_bytes: head_stored, raw_bytes: head_bytes },
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

    /// How long the first part is then; `None` if it does not pay.
    fn compress(&mut self, raw: &[u8], head_bytes: usize) -> Option<usize> {
        let zstd = self.zstd.as_mut().filter(|_| raw.len() >= COMPRESSED_BYTES_MIN)?;
        self.compressed.clear();
        let room = zstd_safe::compress_bound(raw.len()) + FLUSH_BYTES;
        self.compressed.reserve(room);
        let head_stored = if head_bytes == 0 {
            zstd.compress_to_buffer(raw, &mut self.compressed).ok()?;
            0
        } else {
            compress_in_two(zstd.context_mut(), raw, head_bytes, &mut self.compressed)?
        };
        (self.compressed.len() < raw.len()).then_some(head_stored)
    }
}

/// As one zstd frame, in which a block ends after so many bytes; says where.
fn compress_in_two(
    zstd: &mut CCtx<'_>,
    raw: &[u8],
    head_bytes: usize,
    to: &mut Vec<u8>,
) -> Option<usize> {
    zstd.reset(ResetDirective::SessionOnly).ok()?;
    zstd.set_pledged_src_size(Some(raw.len() as u64)).ok()?;
    let mut out = OutBuffer::around(to);
    let (head, rest) = raw.split_at(head_bytes);
    let mut head_stored = None;
    for (part, end) in [(head, EndDirective::ZSTD_e_flush), (rest, EndDirective::ZSTD_e_end)] {
        // There is room for all of it, so one call is enough.
        let left = zstd.compress_stream2(&mut out, &mut InBuffer::around(part), end).ok()?;
        if left > 0 {
            return None;
        }
        head_stored.get_or_insert(out.pos());
    }
    head_stored
}

/// Makes exactly so many bytes of these, or nothing.
type Decompress = fn(&[u8], usize) -> Option<Vec<u8>>;

/// Bytes of a body, and where in it they begin.
type Body<'a> = (&'a [u8], usize);

/// Verifies one section of a frame and decompresses it.
pub(in super::super) fn open<'a>(
    body: Body<'a>,
    frame: usize,
    section: Section,
    entry: &SectionEntry,
) -> Result<Cow<'a, [u8]>, FormatError> {
    let all = Head { stored_bytes: entry.stored_bytes, raw_bytes: entry.raw_bytes };
    opened(body, frame, section, entry, (all, decompress))
}

/// Verifies it, and decompresses its first part.
pub(in super::super) fn open_head<'a>(
    body: Body<'a>,
    frame: usize,
    section: Section,
    entry: &SectionEntry,
) -> Result<Cow<'a, [u8]>, FormatError> {
    opened(body, frame, section, entry, (entry.head, decompress_head))
}

fn opened<'a>(
    body: Body<'a>,
    frame: usize,
    section: Section,
    entry: &SectionEntry,
    (part, decompress): (Head, Decompress),
) -> Result<Cow<'a, [u8]>, FormatError> {
    let stored = &verified(body, frame, section, entry)?[..part.stored_bytes];
    let expected = part.raw_bytes;
    match entry.codec {
        Codec::Raw => Ok(Cow::Borrowed(stored)),
        Codec::Zstd => decompress(stored, expected)
            .map(Cow::Owned)
            .ok_or(FormatError::NotDecompressible { frame, section, expected }),
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
    static DECOMPRESSOR: RefCell<Option<DCtx<'static>>> = RefCell::new(decompressor());
}

fn decompressor() -> Option<DCtx<'static>> {
    let mut zstd = DCtx::try_create()?;
    // What is read in parts is given room for its window before a byte of it is seen.
    zstd.set_parameter(DParameter::WindowLogMax(SECTION_RAW_BYTES_MAX.ilog2())).ok()?;
    Some(zstd)
}

/// Exactly so many bytes, or nothing. Never writes more than that: the length was
/// checked against its limit when the directory was read.
fn decompress(stored: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(raw_bytes);
    let written =
        DECOMPRESSOR.with_borrow_mut(|zstd| zstd.as_mut()?.decompress(&mut raw, stored).ok())?;
    (written == raw_bytes).then_some(raw)
}

/// Exactly so many bytes, of the beginning of what is stored, or nothing.
fn decompress_head(stored: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(raw_bytes);
    DECOMPRESSOR.with_borrow_mut(|zstd| {
        let zstd = zstd.as_mut()?;
        zstd.reset(ResetDirective::SessionOnly).ok()?;
        let (mut from, mut to) = (InBuffer::around(stored), OutBuffer::around(&mut raw));
        while from.pos() < stored.len() {
            let before = (from.pos(), to.pos());
            zstd.decompress_stream(&mut to, &mut from).ok()?;
            if (from.pos(), to.pos()) == before {
                return None;
            }
        }
        zstd.reset(ResetDirective::SessionOnly).ok()
    })?;
    (raw.len() == raw_bytes).then_some(raw)
}
