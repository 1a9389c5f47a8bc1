//! Where do frames and their sections lie, and what do frames say of themselves?

use super::head::{Range, all_told, put_span, range, read_severities};
use super::varint::{Reader, put_len, put_varint};
use super::{
    BLOCK_RAW_BYTES_DECODED_MAX, Codec, FormatError, FrameEntry, Head, SECTION_RAW_BYTES_MAX,
    SectionEntry, is_merged, may_be_grouped,
};
use crate::block::header::{FrameSummary, Header};

const CODEC_RAW: u8 = 0;
const CODEC_ZSTD: u8 = 1;

/// The least that an element takes, so that a count can be held against the bytes
/// that are there before room is made for so many.
const FRAME_BYTES_MIN: usize = 6;

pub(super) fn write_directory(
    out: &mut Vec<u8>,
    version: u8,
    header: &Header,
    frames: &[FrameEntry],
) {
    put_len(out, frames.len());
    for frame in frames {
        put_len(out, frame.count);
        put_span(out, (header.listed.0, frame.listed.0));
        put_span(out, frame.listed);
        if let Some(summary) = &frame.summary {
            put_span(out, (header.received.0, summary.received.0));
            put_span(out, summary.received);
            put_varint(out, summary.severities.into());
            put_varint(out, summary.types);
            put_varint(out, summary.members);
        }
        if may_be_grouped(version) {
            put_len(out, frame.head_events);
        }
        for (i, section) in frame.sections.iter().enumerate() {
            put_len(out, section.stored_bytes);
            if section.stored_bytes == 0 {
                continue;
            }
            match section.codec {
                Codec::Raw => out.push(CODEC_RAW),
                Codec::Zstd => {
                    out.push(CODEC_ZSTD);
                    put_len(out, section.raw_bytes);
                }
            }
            if frame.head_events > 0 && i > 0 {
                put_len(out, section.head.stored_bytes);
                if section.codec == Codec::Zstd {
                    put_len(out, section.head.raw_bytes);
                }
            }
            out.extend_from_slice(&section.checksum.to_le_bytes());
        }
    }
}

pub(super) fn read_directory(
    reader: &mut Reader<'_>,
    version: u8,
    header: &Header,
) -> Result<Vec<FrameEntry>, FormatError> {
    let events = header.count as usize;
    let count = reader.some(events, "frame count")?;
    let mut frames = Vec::with_capacity(count.min(reader.remaining() / FRAME_BYTES_MIN));
    let mut sizes = Sizes { offset: 0, raw_left: BLOCK_RAW_BYTES_DECODED_MAX };
    let mut start = 0;
    for _ in 0..count {
        let count = reader.some(events - start, "events of a frame")?;
        let listed = read_listed(reader, header.listed)?;
        let summary = if is_merged(version) { Some(read_summary(reader, header)?) } else { None };
        let head_events = if may_be_grouped(version) {
            reader.len(count - 1, "events of the first part")?
        } else {
            0
        };
        let has_heads = head_events > 0;
        let sections = [
            read_section(reader, &mut sizes, false)?,
            read_section(reader, &mut sizes, has_heads)?,
            read_section(reader, &mut sizes, has_heads)?,
        ];
        frames.push(FrameEntry { start, count, listed, summary, head_events, sections });
        start += count;
    }
    all_told(events - start, "events outside of frames")?;
    Ok(frames)
}

/// Of a frame, within that of the block.
fn read_listed(reader: &mut Reader<'_>, block: Range) -> Result<Range, FormatError> {
    read_within(reader, block, "listed range of a frame")
}

fn read_within(
    reader: &mut Reader<'_>,
    block: Range,
    what: &'static str,
) -> Result<Range, FormatError> {
    let later = reader.varint(what)?;
    let (_, first) = range(block.0.as_nanos(), later, what)?;
    let within = range(first.as_nanos(), reader.varint(what)?, what)?;
    if within.1 > block.1 {
        return Err(FormatError::Impossible { what, value: later });
    }
    Ok(within)
}

/// What a frame says of itself is held against its events when it is read, and
/// here against what the block says.
fn read_summary(reader: &mut Reader<'_>, header: &Header) -> Result<FrameSummary, FormatError> {
    let received = read_within(reader, header.received, "received range of a frame")?;
    let severities = read_severities(reader)?;
    if severities & !header.severities != 0 {
        let value = severities.into();
        return Err(FormatError::Impossible { what: "severities of a frame", value });
    }
    let types = reader.varint("types of a frame")?;
    let members = reader.varint("members of a frame")?;
    Ok(FrameSummary { received, severities, types, members })
}

struct Sizes {
    offset: usize,
    raw_left: usize,
}

fn read_section(
    reader: &mut Reader<'_>,
    sizes: &mut Sizes,
    has_head: bool,
) -> Result<SectionEntry, FormatError> {
    const WHAT: &str = "section length";
    let offset = sizes.offset;
    let stored_bytes = reader.len(SECTION_RAW_BYTES_MAX, WHAT)?;
    if stored_bytes == 0 {
        let codec = Codec::Raw;
        let (raw_bytes, head, checksum) = (0, Head::default(), 0);
        return Ok(SectionEntry { codec, offset, stored_bytes, raw_bytes, head, checksum });
    }
    let (codec, raw_bytes) = match reader.byte("codec")? {
        CODEC_RAW => (Codec::Raw, stored_bytes),
        CODEC_ZSTD => (Codec::Zstd, reader.some(SECTION_RAW_BYTES_MAX, WHAT)?),
        other => return Err(FormatError::Impossible { what: "codec", value: other.into() }),
    };
    let mut head = Head::default();
    if has_head {
        head.stored_bytes = reader.len(stored_bytes, "length of a first part")?;
        head.raw_bytes = match codec {
            Codec::Raw => head.stored_bytes,
            Codec::Zstd => reader.len(raw_bytes, "length of a first part")?,
        };
    }
    let checksum = u32::from_le_bytes(reader.array("section checksum")?);
    sizes.offset += stored_bytes;
    sizes.raw_left = sizes
        .raw_left
        .checked_sub(raw_bytes)
        .ok_or(FormatError::Impossible { what: "size of all sections", value: raw_bytes as u64 })?;
    Ok(SectionEntry { codec, offset, stored_bytes, raw_bytes, head, checksum })
}
