//! What is in sections B and C? Messages; keys, fields and trace ids.

use super::FormatError;
use super::varint::{Reader, put_len};
use crate::block::columns::{Details, Named, Texts, differ};
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
    let count = details.keys.places.len();
    let flags: Vec<u8> = (0..count).map(|i| flags_of(details, i)).collect();
    if flags.iter().all(|flags| *flags == 0) {
        return;
    }
    let each = differ(&flags);
    out.push(each.into());
    out.extend_from_slice(if each { &flags } else { &flags[..1] });
    put_texts(out, &details.keys.names);
    out.extend(details.trace_ids.iter().flatten().flat_map(|id| id.to_be_bytes()));
    out.extend(details.span_ids.iter().flatten().flat_map(|id| id.to_be_bytes()));
    put_texts(out, &details.fields.names);
}

fn flags_of(details: &Details, i: usize) -> u8 {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    flag(details.keys.places[i] > 0, KEY)
        | flag(details.fields.places[i] > 0, FIELDS)
        | flag(details.trace_id(i).is_some(), TRACE_ID)
        | flag(details.span_id(i).is_some(), SPAN_ID)
}

pub(super) fn read_texts(
    reader: &mut Reader<'_>,
    count: usize,
    bytes_max: usize,
    what: &'static str,
) -> Result<Texts, FormatError> {
    let mut ends = Vec::with_capacity(count);
    let mut bytes = 0_u64;
    for _ in 0..count {
        bytes += u64::from(reader.index(bytes_max + 1, what)?);
        // What is cut off here is more than any section has: reading so much fails.
        ends.push(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
    let joined = reader.text(usize::try_from(bytes).unwrap_or(usize::MAX), what)?.to_owned();
    Texts::cut(joined, ends).ok_or(FormatError::BadText { what, expected: "UTF-8" })
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
    let none = || Named { names: Texts::default(), places: vec![0; count] };
    if bytes.is_empty() {
        return Ok(Details { keys: none(), fields: none(), ..Details::default() });
    }
    let mut reader = Reader::new(bytes);
    let flags = read_flags(&mut reader, count)?;
    let having = |bit: u8| flags.iter().filter(|flags| **flags & bit != 0).count();
    let named = |names: Texts, bit: u8| {
        if names.len() == 0 { none() } else { Named { names, places: places(&flags, bit) } }
    };
    let keys = read_texts(&mut reader, having(KEY), KEY_BYTES_MAX, "key")?;
    let keys = named(keys, KEY);
    let trace_ids = ids(&mut reader, &flags, TRACE_ID, "trace id", u128::from_be_bytes)?;
    let span_ids = ids(&mut reader, &flags, SPAN_ID, "span id", u64::from_be_bytes)?;
    let fields = read_texts(&mut reader, having(FIELDS), EVENT_BYTES_MAX, "fields")?;
    reader.end("bytes after the details")?;
    Ok(Details { keys, fields: named(fields, FIELDS), trace_ids, span_ids })
}

/// One more than the how-manieth of its kind each event is that has it, else 0.
fn places(flags: &[u8], bit: u8) -> Vec<u32> {
    let mut place = 0;
    let place_of = |flags: &u8| {
        let has = u32::from(flags & bit != 0);
        place += has;
        place * has
    };
    flags.iter().map(place_of).collect()
}

fn ids<T, const N: usize>(
    reader: &mut Reader<'_>,
    flags: &[u8],
    bit: u8,
    what: &'static str,
    of_bytes: impl Fn([u8; N]) -> T,
) -> Result<Vec<Option<T>>, FormatError> {
    let has = |flags: &u8| flags & bit != 0;
    if !flags.iter().any(has) {
        return Ok(Vec::new());
    }
    let id = |flags| {
        if has(flags) { Ok(Some(of_bytes(reader.array(what)?))) } else { Ok(None) }
    };
    flags.iter().map(id).collect()
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
