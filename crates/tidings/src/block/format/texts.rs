//! What is in sections B and C? Messages; keys, fields and trace ids.

use super::FormatError;
use super::varint::{Reader, put_len};
use crate::block::columns::{Detail, Details, Texts, differ};
use crate::event::{EVENT_BYTES_MAX, KEY_BYTES_MAX, MESSAGE_BYTES_MAX};

// Section C: which of them an event has.
const KEY: u8 = 1;
const FIELDS: u8 = 2;
const TRACE_ID: u8 = 4;
const SPAN_ID: u8 = 8;
const DETAILS_KNOWN: u8 = 15;

/// Lengths, then the texts without anything between them.
pub(super) fn put_texts(out: &mut Vec<u8>, texts: &Texts) {
    for text in texts.iter() {
        put_len(out, text.len());
    }
    out.extend_from_slice(texts.joined().as_bytes());
}

/// Section B; nothing at all if every message is empty.
pub(in super::super) fn write_messages(out: &mut Vec<u8>, messages: &Texts) {
    if !messages.joined().is_empty() {
        put_texts(out, messages);
    }
}

/// Section C; nothing at all if no event has any.
pub(in super::super) fn write_details(out: &mut Vec<u8>, details: &Details) {
    if details.rows.iter().all(|row| *row == Detail::default()) {
        return;
    }
    let flags: Vec<u8> = details.rows.iter().map(flags_of).collect();
    let each = differ(&flags);
    out.push(each.into());
    out.extend_from_slice(if each { &flags } else { &flags[..1] });
    put_texts(out, &details.keys);
    for row in &details.rows {
        out.extend(row.trace_id.iter().flat_map(|id| id.to_be_bytes()));
    }
    for row in &details.rows {
        out.extend(row.span_id.iter().flat_map(|id| id.to_be_bytes()));
    }
    put_texts(out, &details.fields);
}

fn flags_of(row: &Detail) -> u8 {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    flag(row.key.is_some(), KEY)
        | flag(row.fields.is_some(), FIELDS)
        | flag(row.trace_id.is_some(), TRACE_ID)
        | flag(row.span_id.is_some(), SPAN_ID)
}

pub(super) fn read_texts(
    reader: &mut Reader<'_>,
    count: usize,
    bytes_max: usize,
    what: &'static str,
) -> Result<Texts, FormatError> {
    let end = bytes_max + 1;
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        lengths.push(reader.index(end, what)?);
    }
    // At most the events a reader accepts, times the longest text: no overflow.
    let bytes = lengths.iter().map(|length: &u32| *length as usize).sum();
    let joined = reader.text(bytes, what)?.to_owned();
    Texts::cut(joined, &lengths).ok_or(FormatError::BadText { what, expected: "UTF-8" })
}

/// Section B of `count` events; no bytes are empty messages.
pub(in super::super) fn read_messages(bytes: &[u8], count: usize) -> Result<Texts, FormatError> {
    const WHAT: &str = "message";
    if bytes.is_empty() {
        let mut empty = Texts::default();
        (0..count).for_each(|_| empty.push(""));
        return Ok(empty);
    }
    let mut reader = Reader::new(bytes);
    let messages = read_texts(&mut reader, count, MESSAGE_BYTES_MAX, WHAT)?;
    reader.end("bytes after the messages")?;
    Ok(messages)
}

/// Section C of `count` events; no bytes are no details.
pub(in super::super) fn read_details(bytes: &[u8], count: usize) -> Result<Details, FormatError> {
    if bytes.is_empty() {
        return Ok(Details { rows: vec![Detail::default(); count], ..Details::default() });
    }
    let mut reader = Reader::new(bytes);
    let flags = read_flags(&mut reader, count)?;
    let having = |bit: u8| flags.iter().filter(|flags| *flags & bit != 0).count();
    let keys = read_texts(&mut reader, having(KEY), KEY_BYTES_MAX, "key")?;
    let trace_ids = reader.take(having(TRACE_ID) * 16, "trace id")?;
    let span_ids = reader.take(having(SPAN_ID) * 8, "span id")?;
    let fields = read_texts(&mut reader, having(FIELDS), EVENT_BYTES_MAX, "fields")?;
    reader.end("bytes after the details")?;
    let (mut trace_ids, mut span_ids) = (Reader::new(trace_ids), Reader::new(span_ids));
    let (mut next_key, mut next_fields) = (0_u32.., 0_u32..);
    let mut rows = Vec::with_capacity(count);
    for flags in flags {
        let mut row = Detail::default();
        if flags & KEY != 0 {
            row.key = next_key.next();
        }
        if flags & FIELDS != 0 {
            row.fields = next_fields.next();
        }
        if flags & TRACE_ID != 0 {
            row.trace_id = Some(u128::from_be_bytes(trace_ids.array("trace id")?));
        }
        if flags & SPAN_ID != 0 {
            row.span_id = Some(u64::from_be_bytes(span_ids.array("span id")?));
        }
        rows.push(row);
    }
    Ok(Details { rows, keys, fields })
}

fn read_flags(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u8>, FormatError> {
    const WHAT: &str = "flags of details";
    let flags = match reader.byte(WHAT)? {
        0 => vec![reader.byte(WHAT)?; count],
        1 => reader.take(count, WHAT)?.to_vec(),
        other => return Err(FormatError::Impossible { what: WHAT, value: other.into() }),
    };
    match flags.iter().find(|flags| **flags & !DETAILS_KNOWN != 0) {
        Some(unknown) => Err(FormatError::Impossible { what: WHAT, value: (*unknown).into() }),
        None => Ok(flags),
    }
}
