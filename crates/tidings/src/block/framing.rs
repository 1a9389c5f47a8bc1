//! How does a frame fill, and how do frames become a block?

use super::columns::{Details, Numbers, Texts};
use super::dictionary::Dictionary;
use super::format::{self, Compressor, Directory, FrameEntry, SectionEntry};
use super::header::{FrameSummary, Header, Run};
use super::{
    BLOCK_RAW_BYTES_MAX, Block, Entry, EntryFields, Excerpt, FORMAT_VERSION, FRAME_EVENTS,
    GROUPED_FORMAT_VERSION, MERGED_FORMAT_VERSION, MERGED_GROUPED_FORMAT_VERSION, Outline,
    grouping,
};
use crate::clock::Timestamp;
use crate::event::Fields;

/// Earliest and latest of the instants included, if any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span(Option<(Timestamp, Timestamp)>);

impl Span {
    pub(super) fn include(&mut self, at: Timestamp) {
        let (first, last) = self.0.unwrap_or((at, at));
        self.0 = Some((first.min(at), last.max(at)));
    }

    pub(super) fn range(self) -> (Timestamp, Timestamp) {
        self.0.unwrap_or_default()
    }
}

/// The columns of the frame that is being filled.
#[derive(Debug, Default)]
pub(super) struct FrameBuilder {
    numbers: Numbers,
    messages: Texts,
    details: Details,
    sources: Dictionary,
    subjects: Dictionary,
    listed: Span,
    raw_bytes: usize,
    json: Vec<u8>,
}

/// What the numbers of a frame are written against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    /// Those of the block so far.
    pub(super) runs: &'a [Run],
    /// The first event's `received`, in nanoseconds.
    pub(super) base: i64,
    /// Frames say of themselves what they hold: from version 2 on.
    pub(super) summaries: bool,
}

/// The frames that are written. Its memory is kept from block to block.
#[derive(Debug)]
pub(super) struct Body {
    frames: Vec<FrameEntry>,
    bytes: Vec<u8>,
    section: Vec<u8>,
    compressor: Compressor,
}

/// A section as it is stored in another block, verified.
pub(super) type Stored<'a> = (&'a [u8], &'a SectionEntry);

impl Default for Body {
    fn default() -> Body {
        Body::new()
    }
}

impl Body {
    pub(super) fn new() -> Body {
        let compressor = Compressor::new();
        Body { frames: Vec::new(), bytes: Vec::new(), section: Vec::new(), compressor }
    }

    /// Compresses what is in the frame, which is empty then; nothing if it was.
    pub(super) fn write(&mut self, frame: &mut FrameBuilder, setting: &Setting<'_>) {
        if frame.len() == 0 {
            return;
        }
        frame.sources.names_into(&mut frame.numbers.sources.names);
        frame.subjects.names_into(&mut frame.numbers.subjects.names);
        let numbers = self.write_numbers(&frame.numbers, setting);
        let head_events = grouping::head_of(&frame.numbers.types);
        let order = if head_events > 0 {
            grouping::order_of(&frame.numbers.types)
        } else {
            (0..).take(frame.len()).collect()
        };
        let parts = order.split_at(head_events);
        let write = |out: &mut Vec<u8>, events: &[u32]| {
            format::write_messages(out, &frame.messages, events);
        };
        let messages = self.write_parts(parts, write);
        let write = |out: &mut Vec<u8>, events: &[u32]| {
            format::write_details(out, &frame.details, events);
        };
        let details = self.write_parts(parts, write);
        let sections = [numbers, messages, details];
        self.end(&frame.numbers, frame.listed.range(), setting, head_events, sections);
        frame.clear();
    }

    /// Writes numbers, and takes messages and details over as they are stored.
    pub(super) fn copy(
        &mut self,
        numbers: &Numbers,
        listed: (Timestamp, Timestamp),
        setting: &Setting<'_>,
        head_events: usize,
        [messages, details]: [Stored<'_>; 2],
    ) {
        let numbers_entry = self.write_numbers(numbers, setting);
        let messages = Compressor::copy(messages.0, messages.1, &mut self.bytes);
        let details = Compressor::copy(details.0, details.1, &mut self.bytes);
        self.end(numbers, listed, setting, head_events, [numbers_entry, messages, details]);
    }

    fn write_parts(
        &mut self,
        (head, rest): (&[u32], &[u32]),
        write: impl Fn(&mut Vec<u8>, &[u32]),
    ) -> SectionEntry {
        let Body { section, compressor, bytes, .. } = self;
        section.clear();
        if !head.is_empty() {
            write(section, head);
        }
        let head_bytes = section.len();
        write(section, rest);
        compressor.append(section, head_bytes, bytes)
    }

    fn write_numbers(&mut self, numbers: &Numbers, setting: &Setting<'_>) -> SectionEntry {
        self.section.clear();
        format::write_numbers(&mut self.section, numbers, setting.runs, setting.base);
        self.compressor.append(&self.section, 0, &mut self.bytes)
    }

    fn end(
        &mut self,
        numbers: &Numbers,
        listed: (Timestamp, Timestamp),
        setting: &Setting<'_>,
        head_events: usize,
        sections: [SectionEntry; 3],
    ) {
        let start = self.frames.last().map_or(0, |frame| frame.start + frame.count);
        let summary = setting.summaries.then(|| FrameSummary::of(numbers));
        let count = numbers.len();
        self.frames.push(FrameEntry { start, count, listed, summary, head_events, sections });
    }

    /// Puts the header before what was written, and starts afresh.
    ///
    /// The version is the oldest that can say it.
    pub(super) fn seal(&mut self, header: Header, base: i64) -> Block {
        let is_grouped = self.frames.iter().any(|frame| frame.head_events > 0);
        let version = match (self.frames[0].summary.is_some(), is_grouped) {
            (false, false) => FORMAT_VERSION,
            (true, false) => MERGED_FORMAT_VERSION,
            (false, true) => GROUPED_FORMAT_VERSION,
            (true, true) => MERGED_GROUPED_FORMAT_VERSION,
        };
        let head = &mut self.section;
        head.clear();
        format::write_head(head, version, &header, base, &self.frames);
        let (head_bytes, checksum) = (head.len(), format::checksum_of(head).unwrap_or_default());
        head.extend_from_slice(&self.bytes);
        let bytes = head.as_slice().into();
        let directory =
            Directory { version, base, frames: self.frames.clone(), head_bytes, checksum };
        self.clear();
        let outline = Outline { header: header.into(), directory: directory.into() };
        Block { whole: Excerpt::whole(outline, bytes) }
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.bytes.clear();
    }
}

impl FrameSummary {
    /// What these events say; there is at least one.
    pub(super) fn of(numbers: &Numbers) -> FrameSummary {
        let mut received = Span::default();
        numbers.received.iter().for_each(|at| received.include(Timestamp::from_nanos(*at)));
        let bit = |mask: u64, index: &u32| mask | FrameSummary::bit_of(*index as usize);
        FrameSummary {
            received: received.range(),
            severities: numbers
                .severities
                .iter()
                .fold(0, |bits, severity| bits | 1 << (severity.number() - 1)),
            types: numbers.types.iter().fold(0, bit),
            members: numbers.members.iter().fold(0, bit),
        }
    }
}

impl FrameBuilder {
    /// Adds an event of this run, with these indices of its type and its member, and
    /// says how many bytes of texts it were.
    pub(super) fn push(
        &mut self,
        entry: &Entry<'_>,
        run: u32,
        (event_type, member): (u32, u32),
        listed: Timestamp,
    ) -> usize {
        let numbers = &mut self.numbers;
        numbers.runs.push(run);
        numbers.seqs.push(entry.seq);
        numbers.timestamps.push(entry.timestamp.as_nanos());
        numbers.received.push(entry.received.as_nanos());
        numbers.added.push(entry.added.as_nanos());
        numbers.severities.push(entry.severity);
        numbers.types.push(event_type);
        numbers.members.push(member);
        let place = |name: Option<&str>, dictionary: &mut Dictionary| {
            name.map_or(0, |name| dictionary.index(name) + 1)
        };
        numbers.sources.places.push(place(entry.source, &mut self.sources));
        numbers.subjects.places.push(place(entry.subject, &mut self.subjects));
        self.messages.push(entry.message);
        self.listed.include(listed);
        let fields_bytes = self.push_detail(entry);
        let raw_bytes = entry.names_bytes() + entry.message.len() + fields_bytes;
        self.raw_bytes += raw_bytes;
        raw_bytes
    }

    /// How long the fields are as JSON.
    fn push_detail(&mut self, entry: &Entry<'_>) -> usize {
        let json = match entry.fields {
            Some(EntryFields::Values(fields)) if !fields.is_empty() => {
                Some(json_of(fields, &mut self.json))
            }
            Some(EntryFields::Json(json)) => Some(json),
            Some(EntryFields::Values(_)) | None => None,
        };
        self.details.keys.push(entry.key);
        self.details.fields.push(json);
        self.details.trace_ids.push(entry.trace_id);
        self.details.span_ids.push(entry.span_id);
        json.map_or(0, str::len)
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.numbers.len() >= FRAME_EVENTS || self.raw_bytes >= BLOCK_RAW_BYTES_MAX
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.messages.clear();
        self.details.clear();
        self.sources.clear();
        self.subjects.clear();
        self.listed = Span::default();
        self.raw_bytes = 0;
    }
}

fn json_of<'a>(fields: &Fields, buffer: &'a mut Vec<u8>) -> &'a str {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, fields).expect("names and JSON values are JSON");
    std::str::from_utf8(buffer).expect("JSON is UTF-8")
}
