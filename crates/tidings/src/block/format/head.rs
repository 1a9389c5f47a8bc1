//! How does a block begin? Prefix, header, directory.

use super::directory::{read_directory, write_directory};
use super::varint::{Reader, put_difference, put_len, put_varint};
use super::{Directory, FormatError, FrameEntry, MAGIC, PREFIX_BYTES, is_merged};
use crate::block::header::{
    Cell, Header, MERGED_CELLS_MAX, MINUTE_CELLS_MAX, MINUTE_NANOS, RUNS_MAX, Run, Tagged,
};
use crate::block::{BLOCK_EVENTS_DECODED_MAX, LATEST_FORMAT_VERSION};
use crate::clock::Timestamp;
use crate::event::{MEMBER_BYTES_MAX, TYPE_BYTES_MAX};
use crate::id::{Boot, Origin};
use crate::severity::{SEVERITY_NUMBER_MAX, Severity};

const LAST_OF_BOOT: u64 = 1;
const NUMBERED: u64 = 2;
const COUNTED_BY_MINUTE: u64 = 4;
const FLAGS_KNOWN: u64 = LAST_OF_BOOT | NUMBERED | COUNTED_BY_MINUTE;

// What is known of a run, from version 2 on.
const ENDED: u64 = 1;
const RUN_NUMBERED: u64 = 2;
const RUN_FLAGS_KNOWN: u64 = ENDED | RUN_NUMBERED;

/// The least that an element takes, so that a count can be held against the bytes
/// that are there before room is made for so many.
const RUN_BYTES_MIN: usize = 26;
const TAGGED_BYTES_MIN: usize = 3;
const CELL_BYTES_MIN: usize = 3;

pub(super) type Range = (Timestamp, Timestamp);

/// Writes prefix and header; the body follows.
pub(in super::super) fn write_head(
    out: &mut Vec<u8>,
    version: u8,
    header: &Header,
    base: i64,
    frames: &[FrameEntry],
) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.push(version);
    out.resize(start + PREFIX_BYTES, 0);
    write_header(out, version, header, base);
    write_directory(out, version, header, frames);
    let header_bytes = u32::try_from(out.len() - start - PREFIX_BYTES);
    let header_bytes = header_bytes.expect("names and counts of a block are far below 4 GiB");
    out[start + 4..start + 8].copy_from_slice(&header_bytes.to_le_bytes());
    let checksum = checksum(&out[start..]);
    out[start + 8..start + 12].copy_from_slice(&checksum.to_le_bytes());
}

/// The checksum that a head has in it; `None` if the bytes end before it.
pub(in super::super) fn checksum_of(head: &[u8]) -> Option<u32> {
    let bytes = head.get(8..PREFIX_BYTES)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

/// Over all of the head except itself.
fn checksum(head: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&head[..8]), &head[PREFIX_BYTES..])
}

fn write_header(out: &mut Vec<u8>, version: u8, header: &Header, base: i64) {
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
        if is_merged(version) {
            write_run_of_blocks(out, run, header.received.1);
        }
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

/// What version 2 says of a run beyond version 1.
fn write_run_of_blocks(out: &mut Vec<u8>, run: &Run, latest: Timestamp) {
    let numbered = if run.numbers.is_some() { RUN_NUMBERED } else { 0 };
    put_varint(out, u64::from(run.ended) | numbered);
    if let Some((first, last)) = run.numbers {
        put_varint(out, first);
        put_varint(out, last.wrapping_sub(first));
    }
    put_span(out, (run.received_by, latest));
}

pub(super) fn put_span(out: &mut Vec<u8>, (first, last): Range) {
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

/// Reads prefix and header; the body need not be there.
pub(in super::super) fn read_head(bytes: &[u8]) -> Result<(Header, Directory), FormatError> {
    let (version, head) = verified_head(bytes)?;
    let mut reader = Reader::new(&head[PREFIX_BYTES..]);
    let (header, base) = read_header(&mut reader, version)?;
    let frames = read_directory(&mut reader, version, &header)?;
    reader.end("bytes after the header")?;
    let (head_bytes, checksum) = (head.len(), checksum(head));
    Ok((header, Directory { version, base, frames, head_bytes, checksum }))
}

/// The version, and the bytes before the body. Every version begins with this prefix, so a newer
/// block is told from a damaged one.
fn verified_head(bytes: &[u8]) -> Result<(u8, &[u8]), FormatError> {
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
        1..=LATEST_FORMAT_VERSION => Ok((version, head)),
        0 => Err(FormatError::Impossible { what: "version", value: 0 }),
        version => Err(FormatError::Newer { version }),
    }
}

fn read_header(reader: &mut Reader<'_>, version: u8) -> Result<(Header, i64), FormatError> {
    let flags = reader.varint("flags")?;
    let is_merged = is_merged(version);
    let known = if is_merged { COUNTED_BY_MINUTE } else { FLAGS_KNOWN };
    if flags & !known != 0 {
        return Err(FormatError::Impossible { what: "flags", value: flags });
    }
    let events = reader.some(BLOCK_EVENTS_DECODED_MAX, "event count")?;
    let number = match flags & NUMBERED {
        0 => None,
        _ => Some(read_number(reader)?),
    };
    let mut runs = read_runs(reader, events, is_merged)?;
    let base = i64::from_le_bytes(reader.array("base time")?);
    let received = read_range(reader, base, "received range")?;
    let last_of_boot = flags & LAST_OF_BOOT != 0;
    if is_merged {
        runs.iter_mut().try_for_each(|run| run.place_before(received))?;
    } else {
        let last = runs.len() - 1;
        for (i, run) in runs.iter_mut().enumerate() {
            run.numbers = number.map(|number| (number, number));
            (run.received_by, run.ended) = (received.1, last_of_boot && i == last);
        }
    }
    let added = read_range(reader, base, "added range")?;
    let listed = read_range(reader, base, "listed range")?;
    let severities = read_severities(reader)?;
    let types = read_names(reader, events, TYPE_BYTES_MAX, "types")?;
    let members = read_names(reader, events, MEMBER_BYTES_MAX, "members")?;
    let minutes = if flags & COUNTED_BY_MINUTE == 0 {
        None
    } else {
        let cells_max = if is_merged { MERGED_CELLS_MAX } else { MINUTE_CELLS_MAX };
        let cells_max = cells_max.min(events);
        Some(read_minutes(reader, minute_of(listed.0), events, (cells_max, types.len()))?)
    };
    let header = Header {
        count: count_of(events),
        number,
        last_of_boot,
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

fn read_runs(
    reader: &mut Reader<'_>,
    events: usize,
    is_merged: bool,
) -> Result<Vec<Run>, FormatError> {
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
        let (numbers, received_by, ended) = if is_merged {
            read_run_of_blocks(reader)?
        } else {
            (None, Timestamp::default(), false)
        };
        runs.push(Run { origin, boot, first_seq, last_seq, numbers, received_by, ended });
    }
    Ok(runs)
}

type RunOfBlocks = (Option<(u64, u64)>, Timestamp, bool);

/// What version 2 says of a run beyond version 1; of its time only how long it is
/// before that of the block, which is not read yet.
fn read_run_of_blocks(reader: &mut Reader<'_>) -> Result<RunOfBlocks, FormatError> {
    let flags = reader.varint("flags of a run")?;
    if flags & !RUN_FLAGS_KNOWN != 0 {
        return Err(FormatError::Impossible { what: "flags of a run", value: flags });
    }
    let numbers = if flags & RUN_NUMBERED == 0 {
        None
    } else {
        let first = read_number(reader)?;
        let span = reader.varint("last block number")?;
        let last = first
            .checked_add(span)
            .ok_or(FormatError::Impossible { what: "last block number", value: span })?;
        Some((first, last))
    };
    let before = reader.varint("received of a run")?;
    let before = Timestamp::from_nanos(before.cast_signed());
    Ok((numbers, before, flags & ENDED != 0))
}

impl Run {
    /// Makes a time of what was read as the distance to the block's latest.
    fn place_before(&mut self, received: Range) -> Result<(), FormatError> {
        let before = self.received_by.as_nanos().cast_unsigned();
        let at = received.1.as_nanos().checked_sub_unsigned(before);
        let at = at.filter(|at| *at >= received.0.as_nanos());
        let wrong = FormatError::Impossible { what: "received of a run", value: before };
        self.received_by = Timestamp::from_nanos(at.ok_or(wrong)?);
        Ok(())
    }
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

pub(super) fn range(first: i64, span: u64, what: &'static str) -> Result<Range, FormatError> {
    let last =
        first.checked_add_unsigned(span).ok_or(FormatError::Impossible { what, value: span })?;
    Ok((Timestamp::from_nanos(first), Timestamp::from_nanos(last)))
}

pub(super) fn read_severities(reader: &mut Reader<'_>) -> Result<u32, FormatError> {
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

pub(super) fn all_told(left: usize, what: &'static str) -> Result<(), FormatError> {
    match left {
        0 => Ok(()),
        left => Err(FormatError::Impossible { what, value: left as u64 }),
    }
}

fn read_minutes(
    reader: &mut Reader<'_>,
    first: i64,
    events: usize,
    (cells_max, types): (usize, usize),
) -> Result<Vec<Cell>, FormatError> {
    const WHAT: &str = "minutes";
    let count = reader.some(cells_max, WHAT)?;
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
