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
    put_each(out, texts.iter());
}

fn put_each<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str> + Clone) {
    texts.clone().for_each(|text| put_len(out, text.len()));
    texts.for_each(|text| out.extend_from_slice(text.as_bytes()));
}

/// Section B of these events, or a part of it; nothing at all if every message is empty.
pub(in super::super) fn write_messages(out: &mut Vec<u8>, messages: &Texts, events: &[u32]) {
    let texts = events.iter().map(|i| messages.get(*i as usize));
    if texts.clone().any(|text| !text.is_empty()) {
        put_each(out, texts);
    }
}

/// Section C of these events, or a part of it; nothing at all if no event has any.
pub(in super::super) fn write_details(out: &mut Vec<u8>, details: &Details, events: &[u32]) {
    let events = events.iter().map(|i| *i as usize);
    let flags: Vec<u8> = events.clone().map(|i| flags_of(details, i)).collect();
    if flags.iter().all(|flags| *flags == 0) {
        return;
    }
    let each = differ(&flags);
    out.push(each.into());
    out.extend_from_slice(if each { &flags } else { &flags[..1] });
    put_each(out, events.clone().filter_map(|i| details.keys.get(i)));
    out.extend(events.clone().filter_map(|i| details.trace_id(i)).flat_map(u128::to_be_bytes));
    out.extend(events.clone().filter_map(|i| details.span_id(i)).flat_map(u64::to_be_bytes));
    put_each(out, events.filter_map(|i| details.fields.get(i)));
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
    let mut texts = Texts::default();
    read_more_texts(&mut texts, reader, count, bytes_max, what)?;
    Ok(texts)
}

/// The same, behind those that are there.
fn read_more_texts(
    texts: &mut Texts,
    reader: &mut Reader<'_>,
    count: usize,
    bytes_max: usize,
    what: &'static str,
) -> Result<(), FormatError> {
    let mut ends = Vec::with_capacity(count);
    let mut bytes = 0_u64;
    for _ in 0..count {
        bytes += u64::from(reader.index(bytes_max + 1, what)?);
        // What is cut off here is more than any section has: reading so much fails.
        ends.push(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
    let joined = reader.text(usize::try_from(bytes).unwrap_or(usize::MAX), what)?;
    let is_whole = texts.extend(joined, &ends);
    is_whole.then_some(()).ok_or(FormatError::BadText { what, expected: "UTF-8" })
}

/// A part of section B with `count` events, behind those that are there; no bytes are
/// empty messages.
pub(in super::super) fn read_messages(
    messages: &mut Texts,
    bytes: &[u8],
    count: usize,
) -> Result<(), FormatError> {
    if bytes.is_empty() {
        (0..count).for_each(|_| messages.push(""));
        return Ok(());
    }
    let mut reader = Reader::new(bytes);
    read_more_texts(messages, &mut reader, count, MESSAGE_BYTES_MAX, "message")?;
    reader.end("bytes after the messages")
}

/// The messages of a part of section B with `count` events, one after the other: where
/// they end is not told.
pub(in super::super) fn joined_messages(bytes: &[u8], count: usize) -> Result<&str, FormatError> {
    if bytes.is_empty() {
        return Ok("");
    }
    joined_texts(&mut Reader::new(bytes), count, MESSAGE_BYTES_MAX, "message")
}

/// The same of the fields of a part of section C.
pub(in super::super) fn joined_fields(bytes: &[u8], count: usize) -> Result<&str, FormatError> {
    if bytes.is_empty() {
        return Ok("");
    }
    let mut reader = Reader::new(bytes);
    let flags = read_flags(&mut reader, count)?;
    let having = |bit: u8| flags.iter().filter(|flags| **flags & bit != 0).count();
    joined_texts(&mut reader, having(KEY), KEY_BYTES_MAX, "key")?;
    reader.take(having(TRACE_ID) * size_of::<u128>(), "trace id")?;
    reader.take(having(SPAN_ID) * size_of::<u64>(), "span id")?;
    joined_texts(&mut reader, having(FIELDS), EVENT_BYTES_MAX, "fields")
}

fn joined_texts<'a>(
    reader: &mut Reader<'a>,
    count: usize,
    bytes_max: usize,
    what: &'static str,
) -> Result<&'a str, FormatError> {
    let mut bytes = 0_usize;
    for _ in 0..count {
        bytes = bytes.saturating_add(reader.index(bytes_max + 1, what)? as usize);
    }
    reader.text(bytes, what)
}

/// A part of section C with `count` events, behind those that are there; no bytes are
/// no details.
pub(in super::super) fn read_details(
    details: &mut Details,
    bytes: &[u8],
    count: usize,
) -> Result<(), FormatError> {
    if bytes.is_empty() {
        details.push_none(count);
        return Ok(());
    }
    let mut reader = Reader::new(bytes);
    let flags = read_flags(&mut reader, count)?;
    let before = details.keys.places.len();
    read_named(&mut details.keys, &mut reader, (&flags, KEY), KEY_BYTES_MAX, "key")?;
    let trace_id = u128::from_be_bytes;
    let (trace_ids, span_ids) = (&mut details.trace_ids, &mut details.span_ids);
    read_ids((trace_ids, before), &mut reader, (&flags, TRACE_ID), "trace id", trace_id)?;
    let span_id = u64::from_be_bytes;
    read_ids((span_ids, before), &mut reader, (&flags, SPAN_ID), "span id", span_id)?;
    read_named(&mut details.fields, &mut reader, (&flags, FIELDS), EVENT_BYTES_MAX, "fields")?;
    reader.end("bytes after the details")
}

fn read_named(
    named: &mut Named,
    reader: &mut Reader<'_>,
    (flags, bit): (&[u8], u8),
    bytes_max: usize,
    what: &'static str,
) -> Result<(), FormatError> {
    let before = named.names.len();
    let having = flags.iter().filter(|flags| **flags & bit != 0).count();
    read_more_texts(&mut named.names, reader, having, bytes_max, what)?;
    // A frame has few texts.
    let mut place = u32::try_from(before).unwrap_or(u32::MAX);
    named.places.extend(flags.iter().map(|flags| {
        let has = u32::from(flags & bit != 0);
        place += has;
        place * has
    }));
    Ok(())
}

/// Behind those of the events before, of which the last ones may have none.
fn read_ids<T: Copy, const N: usize>(
    (ids, before): (&mut Vec<Option<T>>, usize),
    reader: &mut Reader<'_>,
    (flags, bit): (&[u8], u8),
    what: &'static str,
    of_bytes: impl Fn([u8; N]) -> T,
) -> Result<(), FormatError> {
    if flags.iter().all(|flags| flags & bit == 0) {
        return Ok(());
    }
    ids.resize(before, None);
    for flags in flags {
        let has = flags & bit != 0;
        ids.push(if has { Some(of_bytes(reader.array(what)?)) } else { None });
    }
    Ok(())
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
