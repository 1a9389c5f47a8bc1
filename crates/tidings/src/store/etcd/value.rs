//! What stands under a key? A block as lines of JSON, so that `etcdctl get
//! --prefix` and `jq` read it.
//!
//! The first line is the envelope, the others are events without what the
//! envelope says. While small the lines are plain; large ones are one zstd frame
//! after the envelope. `docs/etcd-values.md` describes every name.

use std::borrow::Cow;
use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::block::{
    BLOCK_EVENTS_DECODED_MAX, Block, BlockBuilder, Entry, EntryFields, FormatError, Frame, Header,
};
use crate::clock::Timestamp;
use crate::event::{Event, Fields};
use crate::severity::Severity;
use crate::store::BlockName;

/// The format of values that is written.
pub const VALUE_FORMAT: u32 = 1;
/// Bytes of lines up to which they stay plain.
pub const VALUE_PLAIN_BYTES_MAX: usize = 4096;
/// Bytes of the envelope line that a reader accepts.
pub const ENVELOPE_BYTES_MAX: usize = 4096;
/// Bytes of lines, decompressed, that a reader accepts.
pub const VALUE_RAW_BYTES_MAX: usize = 16 * 1024 * 1024;
const ZSTD_LEVEL: i32 = 1;
/// Stands before the checksum, which covers all before it and the lines.
const CRC_NAME: &str = ",\"crc\":\"";

/// What a value says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    format: u32,
    /// The member of events that name none.
    #[serde(borrow)]
    member: Cow<'a, str>,
    #[serde(borrow)]
    origin: Cow<'a, str>,
    #[serde(borrow)]
    boot: Cow<'a, str>,
    block: u64,
    first_seq: u64,
    count: u32,
    /// `received` of events is counted from here.
    received: Timestamp,
    published: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    last_of_boot: bool,
    /// `zstd`, or absent for plain lines.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    encoding: Option<Cow<'a, str>>,
    /// Of the lines, decompressed.
    bytes: usize,
    /// CRC32C, eight hexadecimal digits.
    #[serde(default, skip_serializing, borrow)]
    crc: Cow<'a, str>,
}

/// One event, without what the envelope says. Nanoseconds are signed differences.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    timestamp: Timestamp,
    #[serde(borrow)]
    memberid: Option<Cow<'a, str>>,
    /// When it is not the default of the type.
    #[serde(borrow)]
    severity: Option<Cow<'a, str>>,
    /// When it says more than the name.
    severity_number: Option<u64>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    fields: Option<Fields>,
    #[serde(borrow)]
    trace_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    span_id: Option<Cow<'a, str>>,
    /// From `timestamp` to the time of `add`.
    #[serde(default)]
    added: i64,
    /// From the envelope's `received`.
    #[serde(default)]
    received: i64,
    /// When it is not one more than the line before.
    seq: Option<u64>,
}

/// A value that is no block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadValue {
    /// The first line is no envelope.
    #[error("the envelope cannot be read: {0}")]
    Envelope(String),
    /// A later format.
    #[error("the value has format {found}, this program reads up to {VALUE_FORMAT}")]
    NewerFormat {
        /// What the envelope says.
        found: u32,
    },
    /// The bytes are not what was written.
    #[error("checksum stored {stored}, computed {computed}")]
    Checksum {
        /// In the envelope.
        stored: String,
        /// Over the bytes that are there.
        computed: String,
    },
    /// The lines do not decompress to what the envelope says, or to too much.
    #[error("the lines cannot be decompressed: {0}")]
    Compression(String),
    /// The value names another block or member than the key.
    #[error("the value says {said:?} where the key says {named:?}")]
    OtherName {
        /// Origin, boot and number in the envelope, or the origin in the presence.
        said: String,
        /// The same in the key.
        named: String,
    },
    /// What should be a presence is none.
    #[error("the presence cannot be read: {0}")]
    Presence(String),
    /// An event breaks a rule.
    #[error("line {line}: {cause}")]
    Line {
        /// Counted from 1; the envelope is line 1.
        line: usize,
        /// Which rule.
        cause: String,
    },
    /// Somebody wrote over it: tidings writes a key once.
    #[error("the key was written over")]
    Overwritten,
    /// Not as many events as the envelope says, or none, or too many.
    #[error("{found} events where the envelope says {said}")]
    Count {
        /// In the envelope.
        said: u32,
        /// Lines after it.
        found: usize,
    },
}

/// The value of a block. The same block gives the same bytes but for `published`.
///
/// # Errors
///
/// The block is damaged.
pub(super) fn write(
    name: BlockName,
    block: &Block,
    published: Timestamp,
) -> Result<Vec<u8>, FormatError> {
    let header = block.header();
    let member = usual_member(header);
    let lines = write_lines(block, member)?;
    let plain = lines.len() <= VALUE_PLAIN_BYTES_MAX;
    let envelope = Envelope {
        format: VALUE_FORMAT,
        member: member.into(),
        origin: name.origin.to_string().into(),
        boot: name.boot.to_string().into(),
        block: name.number,
        first_seq: header.runs[0].first_seq,
        count: header.count,
        received: header.received.0,
        published,
        last_of_boot: header.last_of_boot,
        encoding: (!plain).then_some("zstd".into()),
        bytes: lines.len(),
        crc: "".into(),
    };
    // Writing to memory cannot fail.
    let mut value = serde_json::to_vec(&envelope).unwrap_or_default();
    value.pop();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&value), &lines);
    value.extend_from_slice(format!("{CRC_NAME}{crc:08x}\"}}\n").as_bytes());
    if plain {
        value.extend_from_slice(&lines);
    } else {
        let compressed = zstd::bulk::compress(&lines, ZSTD_LEVEL);
        value.extend_from_slice(&compressed.map_err(|_| FormatError::BadText {
            what: "lines",
            expected: "memory to compress them in",
        })?);
    }
    Ok(value)
}

/// The value of an envelope, cut before its checksum, and of plain lines, with a
/// checksum that fits: what only a hostile writer makes.
#[cfg(any(test, feature = "testing"))]
pub(super) fn sealed_over(envelope: &[u8], lines: &[u8]) -> Vec<u8> {
    let crc = crc32c::crc32c_append(crc32c::crc32c(envelope), lines);
    let seal = format!("{CRC_NAME}{crc:08x}\"}}\n");
    [envelope, seal.as_bytes(), lines].concat()
}

/// Whether two values of a key say the same but for when they were published.
/// Other bytes may say it: another compressor's, or those of a later version.
pub(super) fn are_same_block(name: BlockName, a: &[u8], b: &[u8]) -> bool {
    a == b || read(name, a).is_ok_and(|a| Ok(a) == read(name, b))
}

fn usual_member(header: &Header) -> &str {
    let most = header.members.iter().max_by_key(|member| member.count);
    most.map_or("", |member| member.name.as_str())
}

fn write_lines(block: &Block, member: &str) -> Result<Vec<u8>, FormatError> {
    let header = block.header();
    let mut lines = Vec::with_capacity(header.count as usize * 192);
    let mut next_seq = header.runs[0].first_seq;
    for number in 0..block.frames() {
        let frame = block.frame(number)?;
        for i in 0..frame.len() {
            write_line(&mut lines, header, &frame, i, (member, next_seq))?;
            next_seq = frame.name(i).2.wrapping_add(1);
        }
    }
    Ok(lines)
}

fn write_line(
    out: &mut Vec<u8>,
    header: &Header,
    frame: &Frame<'_>,
    i: usize,
    (usual_member, next_seq): (&str, u64),
) -> Result<(), FormatError> {
    let event_type = &header.types[frame.type_index(i)].name;
    let member = &header.members[frame.member_index(i)].name;
    let (timestamp, severity, seq) = (frame.timestamp(i), frame.severity(i), frame.name(i).2);
    let mut line = LineWriter { out };
    line.out.extend_from_slice(b"{\"type\":");
    line.text(event_type);
    line.named("message").text(frame.message(i)?);
    line.named("timestamp").text(&timestamp.to_string());
    if member != usual_member {
        line.named("memberid").text(member);
    }
    if severity != Severity::of_type(event_type) {
        line.named("severity").text(severity.name());
    }
    if severity.is_finer_than_its_name() {
        line.named("severity_number").raw(&severity.number().to_string());
    }
    line.some("source", frame.source(i));
    line.some("subject", frame.subject(i));
    line.some("key", frame.key(i)?);
    if let Some(fields) = frame.fields_json(i)? {
        line.named("fields").raw(fields);
    }
    let (trace_id, span_id) = frame.trace(i)?;
    line.some("trace_id", trace_id.map(|id| format!("{id:032x}")).as_deref());
    line.some("span_id", span_id.map(|id| format!("{id:016x}")).as_deref());
    line.difference("added", frame.added(i), timestamp);
    line.difference("received", frame.received(i), header.received.0);
    if seq != next_seq {
        line.named("seq").raw(&seq.to_string());
    }
    line.out.extend_from_slice(b"}\n");
    Ok(())
}

struct LineWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl LineWriter<'_> {
    fn named(&mut self, name: &str) -> &mut Self {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    fn text(&mut self, text: &str) {
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut *self.out, text);
    }

    fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    fn some(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.named(name).text(text);
        }
    }

    fn difference(&mut self, name: &str, at: Timestamp, from: Timestamp) {
        let nanos = at.as_nanos().wrapping_sub(from.as_nanos());
        if nanos != 0 {
            self.named(name).raw(&nanos.to_string());
        }
    }
}

/// The block of a value that stands under the key of this name.
///
/// # Errors
///
/// Anything that is not as [`write`] makes it: nothing of it is believed then.
pub(super) fn read(name: BlockName, value: &[u8]) -> Result<Block, BadValue> {
    let (line, rest) = split(value)?;
    let envelope = read_envelope(line)?;
    let lines = unpacked(&envelope, rest)?;
    check_crc(&envelope, line, &lines)?;
    check_name(&envelope, name)?;
    let mut builder = BlockBuilder::new(name.origin, name.boot);
    let mut next_seq = envelope.first_seq;
    let mut found = 0;
    for (i, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let bad = |cause: String| BadValue::Line { line: i + 2, cause };
        let line: Line<'_> =
            serde_json::from_slice(line).map_err(|error| bad(error.to_string()))?;
        found += 1;
        if found > envelope.count as usize || found > BLOCK_EVENTS_DECODED_MAX {
            return Err(BadValue::Count { said: envelope.count, found });
        }
        let seq = line.seq.unwrap_or(next_seq);
        if seq < next_seq {
            return Err(bad(format!("seq {seq} does not come after {}", next_seq - 1)));
        }
        push(&mut builder, &envelope, line, seq).map_err(bad)?;
        next_seq = seq.checked_add(1).ok_or_else(|| bad(format!("nothing follows seq {seq}")))?;
    }
    let wrong = BadValue::Count { said: envelope.count, found };
    if found != envelope.count as usize {
        return Err(wrong);
    }
    builder.seal(name.number, envelope.last_of_boot).ok_or(wrong)
}

fn split(value: &[u8]) -> Result<(&[u8], &[u8]), BadValue> {
    let head = &value[..value.len().min(ENVELOPE_BYTES_MAX)];
    let end = head.iter().position(|byte| *byte == b'\n').ok_or_else(|| {
        BadValue::Envelope(format!("no line end in the first {} bytes", head.len()))
    })?;
    Ok((&value[..end], &value[end + 1..]))
}

fn read_envelope(line: &[u8]) -> Result<Envelope<'_>, BadValue> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let bad = |error: serde_json::Error| BadValue::Envelope(error.to_string());
    // Before anything else: a later format may have other names.
    let Format { format } = serde_json::from_slice(line).map_err(bad)?;
    if format != VALUE_FORMAT {
        return Err(BadValue::NewerFormat { found: format });
    }
    serde_json::from_slice(line).map_err(bad)
}

fn unpacked<'a>(envelope: &Envelope<'_>, rest: &'a [u8]) -> Result<Cow<'a, [u8]>, BadValue> {
    let said = envelope.bytes;
    if said > VALUE_RAW_BYTES_MAX {
        let problem = format!("{said} bytes, at most {VALUE_RAW_BYTES_MAX} are read");
        return Err(BadValue::Compression(problem));
    }
    let lines = match envelope.encoding.as_deref() {
        None => Cow::Borrowed(rest),
        Some("zstd") => Cow::Owned(decompressed(rest, said)?),
        Some(other) => return Err(BadValue::Compression(format!("by {other:?}, not zstd"))),
    };
    if lines.len() != said {
        let problem = format!("{} bytes where the envelope says {said}", lines.len());
        return Err(BadValue::Compression(problem));
    }
    Ok(lines)
}

/// Reads no more than one byte beyond what was promised, whatever the frame says.
fn decompressed(bytes: &[u8], promised: usize) -> Result<Vec<u8>, BadValue> {
    let bad = |error: std::io::Error| BadValue::Compression(error.to_string());
    let mut lines = Vec::with_capacity(promised);
    let decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(bad)?;
    decoder.take(promised as u64 + 1).read_to_end(&mut lines).map_err(bad)?;
    Ok(lines)
}

fn check_crc(envelope: &Envelope<'_>, line: &[u8], lines: &[u8]) -> Result<(), BadValue> {
    let marker = CRC_NAME.as_bytes();
    let covered = line.windows(marker.len()).rposition(|window| window == marker);
    let covered = covered.map_or(line, |at| &line[..at]);
    let computed = format!("{:08x}", crc32c::crc32c_append(crc32c::crc32c(covered), lines));
    if computed == envelope.crc {
        return Ok(());
    }
    Err(BadValue::Checksum { stored: envelope.crc.chars().take(20).collect(), computed })
}

fn check_name(envelope: &Envelope<'_>, name: BlockName) -> Result<(), BadValue> {
    let said = format!("{}/{}/{}", envelope.origin, envelope.boot, envelope.block);
    let named = format!("{}/{}/{}", name.origin, name.boot, name.number);
    if said == named { Ok(()) } else { Err(BadValue::OtherName { said, named }) }
}

/// Adds the event of a line, if it is one that could have been recorded.
fn push(
    builder: &mut BlockBuilder,
    envelope: &Envelope<'_>,
    line: Line<'_>,
    seq: u64,
) -> Result<(), String> {
    let later =
        |from: Timestamp, nanos: i64| Timestamp::from_nanos(from.as_nanos().wrapping_add(nanos));
    let (timestamp, added) = (line.timestamp, later(line.timestamp, line.added));
    let received = later(envelope.received, line.received);
    let event = event_of(&envelope.member, line)?;
    event.validate().map_err(|invalid| invalid.to_string())?;
    builder.push(&Entry {
        event_type: event.event_type(),
        message: event.message(),
        member: event.member().unwrap_or_default(),
        severity: event.severity(),
        timestamp,
        added,
        received,
        seq,
        source: event.source(),
        subject: event.subject(),
        key: event.key(),
        fields: (!event.fields().is_empty()).then(|| EntryFields::Values(event.fields())),
        trace_id: event.trace_id(),
        span_id: event.span_id(),
    });
    Ok(())
}

fn event_of(usual_member: &str, line: Line<'_>) -> Result<Event, String> {
    let severity = severity_of(&line)?;
    let mut event = Event::new(line.event_type, line.message)
        .with_member(line.memberid.as_deref().unwrap_or(usual_member))
        .with_fields(line.fields.unwrap_or_default());
    if let Some(severity) = severity {
        event = event.with_severity(severity);
    }
    if let Some(source) = line.source {
        event = event.with_source(source);
    }
    if let Some(subject) = line.subject {
        event = event.with_subject(subject);
    }
    if let Some(key) = line.key {
        event = event.with_key(key);
    }
    if let Some(id) = line.trace_id {
        event = event.with_trace_id(hex("trace_id", &id, 32, u128::from_str_radix)?);
    }
    if let Some(id) = line.span_id {
        event = event.with_span_id(hex("span_id", &id, 16, u64::from_str_radix)?);
    }
    Ok(event)
}

fn severity_of(line: &Line<'_>) -> Result<Option<Severity>, String> {
    let named = line.severity.as_deref().map(str::parse::<Severity>).transpose();
    let named = named.map_err(|error| error.to_string())?;
    let Some(number) = line.severity_number else { return Ok(named) };
    let finer = Severity::from_number(number);
    finer.map(Some).ok_or_else(|| format!("severity_number {number} is not from 1 to 24"))
}

fn hex<T, E>(
    name: &str,
    text: &str,
    digits: usize,
    read: impl Fn(&str, u32) -> Result<T, E>,
) -> Result<T, String> {
    let whole = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = whole.then(|| read(text, 16).ok()).flatten();
    value.ok_or_else(|| format!("{name} is not {digits} hexadecimal digits"))
}

#[cfg(test)]
mod tests;
