//! How does a block come about?

use super::dictionary::Counted;
use super::framing::{Body, FrameBuilder, Setting, Span};
use super::header::{Cell, Header, MINUTE_CELLS_MAX, MINUTE_NANOS, Run};
use super::{
    BLOCK_EVENTS_DECODED_MAX, BLOCK_EVENTS_MAX, BLOCK_RAW_BYTES_MAX, Block, Entry, list_time,
};
use crate::clock::Timestamp;
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
    body: Body,
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
            body: Body::new(),
        }
    }

    /// Adds an event. Its texts must be within the limits of an event, and its
    /// sequence number larger than those before.
    pub fn push(&mut self, entry: &Entry<'_>) {
        debug_assert!(self.totals.count < BLOCK_EVENTS_DECODED_MAX, "nobody would read the block");
        let run = self.run_of(entry.seq);
        let listed = list_time(entry.timestamp, entry.received);
        let event_type = self.types.count(entry.event_type);
        let member = self.members.count(entry.member);
        let raw_bytes = self.frame.push(entry, run, (event_type, member), listed);
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
            let numbers = None;
            let received_by = Timestamp::default();
            let ended = false;
            let (first_seq, last_seq) = (seq, seq);
            self.runs.push(Run { origin, boot, first_seq, last_seq, numbers, received_by, ended });
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
        let received = self.totals.received.range();
        let last = self.runs.len() - 1;
        for (i, run) in self.runs.iter_mut().enumerate() {
            run.numbers = number.map(|number| (number, number));
            (run.received_by, run.ended) = (received.1, last_of_boot && i == last);
        }
        let header = Header {
            count: u32::try_from(self.totals.count).expect("a block has at most 65,536 events"),
            number,
            last_of_boot,
            runs: self.runs.clone(),
            listed: self.totals.listed.range(),
            received,
            added: self.totals.added.range(),
            severities: self.totals.severities,
            types: self.types.tagged(),
            members: self.members.tagged(),
            minutes: self.cells(),
        };
        let block = self.body.seal(header, self.totals.base);
        self.clear();
        Some(block)
    }

    fn clear(&mut self) {
        self.runs.clear();
        self.totals = Totals::default();
        self.types.clear();
        self.members.clear();
        self.minutes.clear();
    }

    fn end_frame(&mut self) {
        let setting = Setting { runs: &self.runs, base: self.totals.base, summaries: false };
        self.body.write(&mut self.frame, &setting);
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

/// Blocks of several boots in version 1, as they were once thought of.
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
