//! How does a block begin? Prefix, header, directory.

use super::varint::{Reader, put_difference, put_len, put_varint};
use super::{
    BLOCK_RAW_BYTES_DECODED_MAX, Codec, Directory, FormatError, FrameEntry, MAGIC, PREFIX_BYTES,
    SECTION_RAW_BYTES_MAX, SectionEntry,
};
use crate::block::header::{Cell, Header, MINUTE_CELLS_MAX, MINUTE_NANOS, RUNS_MAX, Run, Tagged};
use crate::block::{BLOCK_EVENTS_DECODED_MAX, FORMAT_VERSION};
use crate::clock::Timestamp;
use crate::event::{MEMBER_BYTES_MAX, TYPE_BYTES_MAX};
use crate::id::{Boot, Origin};
use crate::severity::{SEVERITY_NUMBER_MAX, Severity};

const LAST_OF_BOOT: u64 = 1;
const NUMBERED: u64 = 2;
const COUNTED_BY_MINUTE: u64 = 4;
const FLAGS_KNOWN: u64 = LAST_OF_BOOT | NUMBERED | COUNTED_BY_MINUTE;

const CODEC_RAW: u8 = 0;
const CODEC_ZSTD: u8 = 1;

/// The least that an element takes, so that a count can be held against the bytes
/// that are there before room is made for so many.
const RUN_BYTES_MIN: usize = 26;
const TAGGED_BYTES_MIN: usize = 3;
const CELL_BYTES_MIN: usize = 3;
const FRAME_BYTES_MIN: usize = 6;

type Range = (Timestamp, Timestamp);

/// Writes prefix and header; the body follows.
pub(in super::super) fn write_head(
    out: &mut Vec<u8>,
    header: &Header,
    base: i64,
    frames: &[FrameEntry],
) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.push(FORMAT_VERSION);
    out.resize(start + PREFIX_BYTES, 0);
    write_header(out, header, base);
    write_directory(out, header.listed.0, frames);
    let header_bytes = u32::try_from(out.len() - start - PREFIX_BYTES);
    let header_bytes = header_bytes.expect("names and counts of a block are far below 4 GiB");
    out[start + 4..start + 8].copy_from_slice(&header_bytes.to_le_bytes());
    let checksum = checksum(&out[start..]);
    out[start + 8..start + 12].copy_from_slice(&checksum.to_le_bytes());
}

/// Over all of the head except itself.
fn checksum(head: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&head[..8]), &head[PREFIX_BYTES..])
}

fn write_header(out: &mut Vec<u8>, header: &Header, base: i64) {
    let flag = |set: bool, bit: u64| if set { bit } else { 0 };
    put_varint(
        out,
        flag(header.last_of_boot, LAST_OF_BOOT)
            | flag(header.number.is_some(), NUMBERED)
            | flag(header.minutes.is_some(), COUNTED_BY_MINUTE),
    );
    put_varint(out, header.count.into());
    if let Some(number) = header.number {
        put_varint(out, number);
    }
    put_len(out, header.runs.len());
    for run in &header.runs {
        out.extend_from_slice(&run.origin.to_bytes());
        out.extend_from_slice(&run.boot.to_bytes());
        put_varint(out, run.first_seq);
        put_varint(out, run.last_seq.wrapping_sub(run.first_seq));
    }
    out.extend_from_slice(&base.to_le_bytes());
    for range in [header.received, header.added, header.listed] {
        put_difference(out, base, range.0.as_nanos());
        put_span(out, range);
    }
    put_varint(out, header.severities.into());
    for names in [&header.types, &header.members] {
        put_len(out, names.len());
        for tagged in names {
            put_len(out, tagged.name.len());
            out.extend_from_slice(tagged.name.as_bytes());
            put_varint(out, tagged.count.into());
        }
    }
    if let Some(cells) = &header.minutes {
        write_minutes(out, minute_of(header.listed.0), cells);
    }
}

fn put_span(out: &mut Vec<u8>, (first, last): Range) {
    put_varint(out, last.as_nanos().wrapping_sub(first.as_nanos()).cast_unsigned());
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(MINUTE_NANOS)
}

fn write_minutes(out: &mut Vec<u8>, first: i64, cells: &[Cell]) {
    put_len(out, cells.len());
    let mut minute = first;
    for cell in cells {
        put_varint(out, cell.minute.wrapping_sub(minute).cast_unsigned());
        put_varint(out, u64::from(cell.event_type) << 3 | u64::from(level_of(cell.severity)));
        put_varint(out, cell.count.into());
        minute = cell.minute;
    }
}

/// 0 for trace to 5 for fatal.
fn level_of(severity: Severity) -> u8 {
    (severity.number() - 1) / 4
}

fn write_directory(out: &mut Vec<u8>, earliest: Timestamp, frames: &[FrameEntry]) {
    put_len(out, frames.len());
    for frame in frames {
        put_len(out, frame.count);
        put_span(out, (earliest, frame.listed.0));
        put_span(out, frame.listed);
        for section in &frame.sections {
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
            out.extend_from_slice(&section.checksum.to_le_bytes());
        }
    }
}

/// Reads prefix and header; the body need not be there.
pub(in super::super) fn read_head(bytes: &[u8]) -> Result<(Header, Directory), FormatError> {
    let head = verified_head(bytes)?;
    let mut reader = Reader::new(&head[PREFIX_BYTES..]);
    let (header, base) = read_header(&mut reader)?;
    let frames = read_directory(&mut reader, &header)?;
    reader.end("bytes after the header")?;
    Ok((header, Directory { base, frames, head_bytes: head.len() }))
}

/// The bytes before the body. Every version begins with this prefix, so a newer
/// block is told from a damaged one.
fn verified_head(bytes: &[u8]) -> Result<&[u8], FormatError> {
    let found = bytes.len();
    if bytes[..found.min(MAGIC.len())] != MAGIC[..found.min(MAGIC.len())] {
        return Err(FormatError::NotABlock);
    }
    let mut prefix = Reader::new(bytes.get(MAGIC.len()..).unwrap_or_default());
    let cut_short = |_| FormatError::CutShort { expected: PREFIX_BYTES, found };
    let version = prefix.byte("version").map_err(cut_short)?;
    let header_bytes = u32::from_le_bytes(prefix.array("header length").map_err(cut_short)?);
    let stored = u32::from_le_bytes(prefix.array("checksum").map_err(cut_short)?);
    let expected = PREFIX_BYTES.saturating_add(header_bytes as usize);
    let head = bytes.get(..expected).ok_or(FormatError::CutShort { expected, found })?;
    let computed = checksum(head);
    if computed != stored {
        return Err(FormatError::HeaderChecksum { stored, computed });
    }
    match version {
        FORMAT_VERSION => Ok(head),
        0 => Err(FormatError::Impossible { what: "version", value: 0 }),
        version => Err(FormatError::Newer { version }),
    }
}

fn read_header(reader: &mut Reader<'_>) -> Result<(Header, i64), FormatError> {
    let flags = reader.varint("flags")?;
    if flags & !FLAGS_KNOWN != 0 {
        return Err(FormatError::Impossible { what: "flags", value: flags });
    }
    let events = reader.some(BLOCK_EVENTS_DECODED_MAX, "event count")?;
    let number = match flags & NUMBERED {
        0 => None,
        _ => Some(read_number(reader)?),
    };
    let runs = read_runs(reader, events)?;
    let base = i64::from_le_bytes(reader.array("base time")?);
    let received = read_range(reader, base, "received range")?;
    let added = read_range(reader, base, "added range")?;
    let listed = read_range(reader, base, "listed range")?;
    let severities = read_severities(reader)?;
    let types = read_names(reader, events, TYPE_BYTES_MAX, "types")?;
    let members = read_names(reader, events, MEMBER_BYTES_MAX, "members")?;
    let minutes = match flags & COUNTED_BY_MINUTE {
        0 => None,
        _ => Some(read_minutes(reader, minute_of(listed.0), events, types.len())?),
    };
    let header = Header {
        count: count_of(events),
        number,
        last_of_boot: flags & LAST_OF_BOOT != 0,
        runs,
        listed,
        received,
        added,
        severities,
        types,
        members,
        minutes,
    };
    Ok((header, base))
}

/// Of events, which are at most [`BLOCK_EVENTS_DECODED_MAX`].
fn count_of(events: usize) -> u32 {
    u32::try_from(events).expect("a reader accepts far fewer events than 2^32")
}

fn read_number(reader: &mut Reader<'_>) -> Result<u64, FormatError> {
    match reader.varint("block number")? {
        0 => Err(FormatError::Impossible { what: "block number", value: 0 }),
        number => Ok(number),
    }
}

fn read_runs(reader: &mut Reader<'_>, events: usize) -> Result<Vec<Run>, FormatError> {
    let count = reader.some(RUNS_MAX.min(events), "run count")?;
    let mut runs = Vec::with_capacity(count.min(reader.remaining() / RUN_BYTES_MIN));
    for _ in 0..count {
        let origin = Origin::from_bytes(reader.array("origin")?);
        let boot = Boot::from_bytes(reader.array("boot")?);
        let first_seq = reader.varint("first sequence number")?;
        let span = reader.varint("last sequence number")?;
        let last_seq = first_seq
            .checked_add(span)
            .ok_or(FormatError::Impossible { what: "last sequence number", value: span })?;
        runs.push(Run { origin, boot, first_seq, last_seq });
    }
    Ok(runs)
}

fn read_range(
    reader: &mut Reader<'_>,
    base: i64,
    what: &'static str,
) -> Result<Range, FormatError> {
    let first = reader.instant(base, what)?;
    let span = reader.varint(what)?;
    range(first, span, what)
}

fn range(first: i64, span: u64, what: &'static str) -> Result<Range, FormatError> {
    let last =
        first.checked_add_unsigned(span).ok_or(FormatError::Impossible { what, value: span })?;
    Ok((Timestamp::from_nanos(first), Timestamp::from_nanos(last)))
}

fn read_severities(reader: &mut Reader<'_>) -> Result<u32, FormatError> {
    let value = reader.varint("severities")?;
    match u32::try_from(value) {
        Ok(bits) if bits != 0 && bits >> SEVERITY_NUMBER_MAX == 0 => Ok(bits),
        _ => Err(FormatError::Impossible { what: "severities", value }),
    }
}

/// The counts of all names add up to the events.
fn read_names(
    reader: &mut Reader<'_>,
    events: usize,
    name_bytes_max: usize,
    what: &'static str,
) -> Result<Vec<Tagged>, FormatError> {
    let count = reader.some(events, what)?;
    let mut names = Vec::with_capacity(count.min(reader.remaining() / TAGGED_BYTES_MIN));
    let mut left = events;
    for _ in 0..count {
        let name_bytes = reader.some(name_bytes_max, what)?;
        let name = reader.text(name_bytes, what)?.to_owned();
        let events = reader.some(left, what)?;
        left -= events;
        names.push(Tagged { name, count: count_of(events) });
    }
    all_told(left, what)?;
    Ok(names)
}

fn all_told(left: usize, what: &'static str) -> Result<(), FormatError> {
    match left {
        0 => Ok(()),
        left => Err(FormatError::Impossible { what, value: left as u64 }),
    }
}

fn read_minutes(
    reader: &mut Reader<'_>,
    first: i64,
    events: usize,
    types: usize,
) -> Result<Vec<Cell>, FormatError> {
    const WHAT: &str = "minutes";
    let count = reader.some(MINUTE_CELLS_MAX.min(events), WHAT)?;
    let mut cells = Vec::with_capacity(count.min(reader.remaining() / CELL_BYTES_MIN));
    let mut minute = first;
    let mut before = None;
    let mut left = events;
    for _ in 0..count {
        let step = reader.varint(WHAT)?;
        minute = minute
            .checked_add_unsigned(step)
            .ok_or(FormatError::Impossible { what: WHAT, value: step })?;
        let kind = reader.varint(WHAT)?;
        let grows = before.is_none_or(|before| step > 0 || kind > before);
        if !grows {
            return Err(FormatError::Impossible { what: "order of minutes", value: kind });
        }
        before = Some(kind);
        let severity = Severity::from_number((kind & 7) * 4 + 1)
            .ok_or(FormatError::Impossible { what: WHAT, value: kind })?;
        let event_type = u32::try_from(kind >> 3)
            .ok()
            .filter(|index| (*index as usize) < types)
            .ok_or(FormatError::Impossible { what: WHAT, value: kind })?;
        let counted = reader.some(left, WHAT)?;
        left -= counted;
        cells.push(Cell { minute, event_type, severity, count: count_of(counted) });
    }
    all_told(left, WHAT)?;
    Ok(cells)
}

fn read_directory(
    reader: &mut Reader<'_>,
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
        let sections = [
            read_section(reader, &mut sizes)?,
            read_section(reader, &mut sizes)?,
            read_section(reader, &mut sizes)?,
        ];
        frames.push(FrameEntry { start, count, listed, sections });
        start += count;
    }
    all_told(events - start, "events outside of frames")?;
    Ok(frames)
}

/// Of a frame, within that of the block.
fn read_listed(reader: &mut Reader<'_>, block: Range) -> Result<Range, FormatError> {
    const WHAT: &str = "listed range of a frame";
    let later = reader.varint(WHAT)?;
    let (_, first) = range(block.0.as_nanos(), later, WHAT)?;
    let listed = range(first.as_nanos(), reader.varint(WHAT)?, WHAT)?;
    if listed.1 > block.1 {
        return Err(FormatError::Impossible { what: WHAT, value: later });
    }
    Ok(listed)
}

struct Sizes {
    offset: usize,
    raw_left: usize,
}

fn read_section(reader: &mut Reader<'_>, sizes: &mut Sizes) -> Result<SectionEntry, FormatError> {
    const WHAT: &str = "section length";
    let offset = sizes.offset;
    let stored_bytes = reader.len(SECTION_RAW_BYTES_MAX, WHAT)?;
    if stored_bytes == 0 {
        let codec = Codec::Raw;
        return Ok(SectionEntry { codec, offset, stored_bytes, raw_bytes: 0, checksum: 0 });
    }
    let (codec, raw_bytes) = match reader.byte("codec")? {
        CODEC_RAW => (Codec::Raw, stored_bytes),
        CODEC_ZSTD => (Codec::Zstd, reader.some(SECTION_RAW_BYTES_MAX, WHAT)?),
        other => return Err(FormatError::Impossible { what: "codec", value: other.into() }),
    };
    let checksum = u32::from_le_bytes(reader.array("section checksum")?);
    sizes.offset += stored_bytes;
    sizes.raw_left = sizes
        .raw_left
        .checked_sub(raw_bytes)
        .ok_or(FormatError::Impossible { what: "size of all sections", value: raw_bytes as u64 })?;
    Ok(SectionEntry { codec, offset, stored_bytes, raw_bytes, checksum })
}
