//! How does a block come about?

use super::columns::{Detail, Details, Numbers, Texts};
use super::dictionary::Dictionary;
use super::format::{self, Compressor, Directory, FrameEntry};
use super::header::{Cell, Header, MINUTE_CELLS_MAX, MINUTE_NANOS, Run, Tagged};
use super::{
    BLOCK_EVENTS_DECODED_MAX, BLOCK_EVENTS_MAX, BLOCK_RAW_BYTES_MAX, Block, Entry, EntryFields,
    FRAME_EVENTS, list_time,
};
use crate::clock::Timestamp;
use crate::event::Fields;
use crate::id::{Boot, Origin};
use crate::severity::Severity;

/// Collects events of one boot and seals them into a [`Block`].
///
/// Frames are compressed as they fill, so sealing costs the same after a few
/// events and after thousands. Its memory is kept from block to block.
#[derive(Debug)]
pub struct BlockBuilder {
    origin: Origin,
    boot: Boot,
    runs: Vec<Run>,
    totals: Totals,
    types: Counted,
    members: Counted,
    frame: FrameBuilder,
    /// Minute, type, level of each event.
    minutes: Vec<(i64, u32, Severity)>,
    frames: Vec<FrameEntry>,
    body: Vec<u8>,
    section: Vec<u8>,
    compressor: Compressor,
}

/// What is known of all events pushed so far.
#[derive(Debug, Default)]
struct Totals {
    count: usize,
    raw_bytes: usize,
    /// The first event's `received`, in nanoseconds.
    base: i64,
    listed: Span,
    received: Span,
    added: Span,
    severities: u32,
}

/// Earliest and latest of the instants included, if any.
#[derive(Clone, Copy, Debug, Default)]
struct Span(Option<(Timestamp, Timestamp)>);

impl Span {
    fn include(&mut self, at: Timestamp) {
        let (first, last) = self.0.unwrap_or((at, at));
        self.0 = Some((first.min(at), last.max(at)));
    }

    fn range(self) -> (Timestamp, Timestamp) {
        self.0.unwrap_or_default()
    }
}

/// A dictionary that counts.
#[derive(Debug, Default)]
struct Counted {
    names: Dictionary,
    counts: Vec<u32>,
}

impl Counted {
    fn count(&mut self, name: &str) -> u32 {
        let index = self.names.index(name);
        let place = index as usize;
        if place == self.counts.len() {
            self.counts.push(0);
        }
        self.counts[place] += 1;
        index
    }

    fn tagged(&self) -> Vec<Tagged> {
        let names = self.names.names().iter().zip(&self.counts);
        names.map(|(name, count)| Tagged { name: name.to_owned(), count: *count }).collect()
    }

    fn clear(&mut self) {
        self.names.clear();
        self.counts.clear();
    }
}

/// The columns of the frame that is being filled.
#[derive(Debug, Default)]
struct FrameBuilder {
    numbers: Numbers,
    messages: Texts,
    details: Details,
    sources: Dictionary,
    subjects: Dictionary,
    listed: Span,
    raw_bytes: usize,
    json: Vec<u8>,
}

impl BlockBuilder {
    /// A builder for the blocks of one boot; reusable after every seal.
    pub fn new(origin: Origin, boot: Boot) -> BlockBuilder {
        BlockBuilder {
            origin,
            boot,
            runs: Vec::new(),
            totals: Totals::default(),
            types: Counted::default(),
            members: Counted::default(),
            frame: FrameBuilder::default(),
            minutes: Vec::new(),
            frames: Vec::new(),
            body: Vec::new(),
            section: Vec::new(),
            compressor: Compressor::new(),
        }
    }

    /// Adds an event. Its texts must be within the limits of an event, and its
    /// sequence number larger than those before.
    pub fn push(&mut self, entry: &Entry<'_>) {
        debug_assert!(self.totals.count < BLOCK_EVENTS_DECODED_MAX, "nobody would read the block");
        let run = self.run_of(entry.seq);
        let listed = list_time(entry.timestamp, entry.received);
        let raw_bytes = self.frame.push(entry, run, listed);
        let event_type = self.types.count(entry.event_type);
        self.frame.numbers.types.push(event_type);
        self.frame.numbers.members.push(self.members.count(entry.member));
        let minute = listed.as_nanos().div_euclid(MINUTE_NANOS);
        self.minutes.push((minute, event_type, entry.severity.level()));
        self.totals.include(entry, listed, raw_bytes);
        if self.frame.is_full() {
            self.end_frame();
        }
    }

    /// The index of the run that takes the event. Opened by the first event, since
    /// only then its first sequence number is known.
    fn run_of(&mut self, seq: u64) -> u32 {
        let (origin, boot) = (self.origin, self.boot);
        let known = self.runs.iter().rposition(|run| (run.origin, run.boot) == (origin, boot));
        let place = known.unwrap_or_else(|| {
            self.runs.push(Run { origin, boot, first_seq: seq, last_seq: seq });
            self.runs.len() - 1
        });
        let run = &mut self.runs[place];
        debug_assert!(known.is_none() || seq > run.last_seq, "sequence numbers of a boot grow");
        run.last_seq = run.last_seq.max(seq);
        u32::try_from(place).expect("a block has few runs")
    }

    /// How many events wait to be sealed.
    pub fn len(&self) -> usize {
        self.totals.count
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the next event belongs into the next block: as many events or
    /// bytes as a block may have.
    pub fn is_full(&self) -> bool {
        self.totals.count >= BLOCK_EVENTS_MAX || self.totals.raw_bytes >= BLOCK_RAW_BYTES_MAX
    }

    /// Bytes of texts that wait to be sealed.
    #[allow(dead_code, reason = "only joining asks")]
    pub(super) fn raw_bytes(&self) -> usize {
        self.totals.raw_bytes
    }

    /// Seals what was pushed as block `number` of the boot, from 1, and starts
    /// afresh; `None` if nothing was pushed.
    pub fn seal(&mut self, number: u64, last_of_boot: bool) -> Option<Block> {
        self.finish(Some(number), last_of_boot)
    }

    fn finish(&mut self, number: Option<u64>, last_of_boot: bool) -> Option<Block> {
        if self.is_empty() {
            return None;
        }
        self.end_frame();
        let header = Header {
            count: u32::try_from(self.totals.count).expect("a block has at most 65,536 events"),
            number,
            last_of_boot,
            runs: self.runs.clone(),
            listed: self.totals.listed.range(),
            received: self.totals.received.range(),
            added: self.totals.added.range(),
            severities: self.totals.severities,
            types: self.types.tagged(),
            members: self.members.tagged(),
            minutes: self.cells(),
        };
        self.section.clear();
        format::write_head(&mut self.section, &header, self.totals.base, &self.frames);
        let head_bytes = self.section.len();
        self.section.extend_from_slice(&self.body);
        let bytes = self.section.as_slice().into();
        let (base, frames) = (self.totals.base, self.frames.clone());
        let directory = Directory { base, frames, head_bytes };
        self.clear();
        Some(Block { bytes, header: header.into(), directory: directory.into() })
    }

    fn clear(&mut self) {
        self.runs.clear();
        self.totals = Totals::default();
        self.types.clear();
        self.members.clear();
        self.minutes.clear();
        self.frames.clear();
        self.body.clear();
    }

    /// Compresses the frame's sections into the body.
    fn end_frame(&mut self) {
        let frame = &mut self.frame;
        let count = frame.numbers.len();
        if count == 0 {
            return;
        }
        frame.sources.names_into(&mut frame.numbers.sources.names);
        frame.subjects.names_into(&mut frame.numbers.subjects.names);
        let (section, compressor, body) = (&mut self.section, &mut self.compressor, &mut self.body);
        section.clear();
        format::write_numbers(section, &frame.numbers, &self.runs, self.totals.base);
        let numbers = compressor.append(section, body);
        section.clear();
        format::write_messages(section, &frame.messages);
        let messages = compressor.append(section, body);
        section.clear();
        format::write_details(section, &frame.details);
        let details = compressor.append(section, body);
        let start = self.totals.count - count;
        let listed = frame.listed.range();
        let sections = [numbers, messages, details];
        self.frames.push(FrameEntry { start, count, listed, sections });
        self.frame.clear();
    }

    fn cells(&mut self) -> Option<Vec<Cell>> {
        self.minutes.sort_unstable();
        let mut cells = Vec::new();
        for same in self.minutes.chunk_by(|one, next| one == next) {
            if cells.len() == MINUTE_CELLS_MAX {
                return None;
            }
            let (minute, event_type, severity) = same[0];
            let count = u32::try_from(same.len()).ok()?;
            cells.push(Cell { minute, event_type, severity, count });
        }
        Some(cells)
    }
}

impl Totals {
    fn include(&mut self, entry: &Entry<'_>, listed: Timestamp, raw_bytes: usize) {
        self.count += 1;
        self.raw_bytes += raw_bytes;
        self.listed.include(listed);
        self.received.include(entry.received);
        self.added.include(entry.added);
        self.severities |= 1 << (entry.severity.number() - 1);
        if self.count == 1 {
            self.base = entry.received.as_nanos();
        }
    }
}

impl FrameBuilder {
    /// Adds all but type and member, and says how many bytes of texts it were.
    fn push(&mut self, entry: &Entry<'_>, run: u32, listed: Timestamp) -> usize {
        let numbers = &mut self.numbers;
        numbers.runs.push(run);
        numbers.seqs.push(entry.seq);
        numbers.timestamps.push(entry.timestamp.as_nanos());
        numbers.received.push(entry.received.as_nanos());
        numbers.added.push(entry.added.as_nanos());
        numbers.severities.push(entry.severity);
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
        let mut detail =
            Detail { trace_id: entry.trace_id, span_id: entry.span_id, ..Detail::default() };
        let mut fields_bytes = 0;
        if let Some(key) = entry.key {
            detail.key = Some(next_index(&self.details.keys));
            self.details.keys.push(key);
        }
        let json = match entry.fields {
            Some(EntryFields::Values(fields)) if !fields.is_empty() => {
                Some(json_of(fields, &mut self.json))
            }
            Some(EntryFields::Json(json)) => Some(json),
            Some(EntryFields::Values(_)) | None => None,
        };
        if let Some(json) = json {
            detail.fields = Some(next_index(&self.details.fields));
            fields_bytes = json.len();
            self.details.fields.push(json);
        }
        self.details.rows.push(detail);
        fields_bytes
    }

    fn is_full(&self) -> bool {
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

fn next_index(texts: &Texts) -> u32 {
    u32::try_from(texts.len()).expect("a frame has few texts")
}

fn json_of<'a>(fields: &Fields, buffer: &'a mut Vec<u8>) -> &'a str {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, fields).expect("names and JSON values are JSON");
    std::str::from_utf8(buffer).expect("JSON is UTF-8")
}

/// What merging will do.
#[cfg(test)]
impl BlockBuilder {
    /// The next events are those of another boot.
    pub(super) fn go_on_as(&mut self, origin: Origin, boot: Boot) {
        (self.origin, self.boot) = (origin, boot);
    }

    /// The next event begins a frame.
    pub(super) fn cut_frame(&mut self) {
        self.end_frame();
    }

    pub(super) fn merge(&mut self) -> Option<Block> {
        self.finish(None, false)
    }
}
