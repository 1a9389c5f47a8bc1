//! How do neighbouring blocks of any boots become one large block?
//!
//! The events stay in their order, so positions stay what they were. A frame that is
//! nearly full keeps its messages and details as they are stored; only its numbers
//! are written anew, against the new header. So merging costs little more than
//! reading, unless there are many small frames.

use std::collections::{BTreeMap, BTreeSet};

use super::dictionary::Counted;
use super::format::{self, FormatError, Section};
use super::framing::{Body, FrameBuilder, Setting, Span, Stored};
use super::header::{Cell, Header, MERGED_CELLS_MAX, MINUTE_NANOS, RUNS_MAX, Run, Tagged};
use super::{Block, FRAME_EVENTS, Frame};
use crate::id::{Boot, Origin};

/// Events of a merged block, at most.
pub const MERGED_EVENTS_MAX: usize = 16_384;
/// Bytes of all sections of a merged block, decompressed, at most.
pub const MERGED_RAW_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Types of a merged block, at most; and members likewise. A header is read more
/// often than a body.
pub const MERGED_NAMES_MAX: usize = 4096;

/// A frame of one with fewer events is filled up with those of its neighbours.
const FRAME_EVENTS_KEPT: usize = FRAME_EVENTS / 2;
/// A frame of so many bytes is large enough, however few events it has.
const FRAME_RAW_BYTES_KEPT: usize = 512 * 1024;

/// Neighbouring blocks that fit into one, and that one as far as it is written.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    blocks: usize,
    events: usize,
    raw_bytes: usize,
    runs: Vec<Run>,
    run_of: BTreeMap<(Origin, Boot), u32>,
    types: Counted,
    members: Counted,
    spans: Spans,
    cells: Vec<Cell>,
    /// The first event's `received`, in nanoseconds.
    base: i64,
    frame: FrameBuilder,
    body: Body,
    mapped: Mapped,
}

/// What keeps a block from being merged: a frame of it is damaged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spoilt {
    pub(crate) frame: usize,
    pub(crate) cause: FormatError,
}

/// What the indices of a block stand for in the merged one.
#[derive(Debug, Default)]
struct Mapped {
    runs: Vec<u32>,
    types: Vec<u32>,
    members: Vec<u32>,
}

impl Gathered {
    /// Takes the next block in, if one block may hold it together with those before.
    /// The first always fits.
    ///
    /// The blocks of a boot must follow one another in it: then a run has all of its
    /// sequence numbers, and to have seen its last event is to have seen all.
    ///
    /// # Errors
    ///
    /// The block is damaged. What was gathered is then of no use any more.
    pub(crate) fn push(&mut self, block: &Block) -> Result<bool, Spoilt> {
        if self.blocks > 0 && !self.fits(block) {
            return Ok(false);
        }
        if self.blocks == 0 {
            self.base = block.directory().base;
        }
        self.blocks += 1;
        self.events += block.header().count as usize;
        self.raw_bytes += block.directory().raw_bytes();
        let mapped = self.take_header(block.header());
        for frame in 0..block.frames() {
            self.add_frame(block, frame, &mapped).map_err(|cause| Spoilt { frame, cause })?;
        }
        self.mapped = mapped;
        Ok(true)
    }

    fn fits(&self, block: &Block) -> bool {
        let header = block.header();
        self.events + header.count as usize <= MERGED_EVENTS_MAX
            && self.raw_bytes + block.directory().raw_bytes() <= MERGED_RAW_BYTES_MAX
            && self.runs.len() + header.runs.len() <= RUNS_MAX
            && self.types.len() + header.types.len() <= MERGED_NAMES_MAX
            && self.members.len() + header.members.len() <= MERGED_NAMES_MAX
            && header.runs.iter().all(|run| self.continues(run))
            && are_distinct(&header.runs)
    }

    /// Whether nothing of its boot lies between this run and what was gathered.
    fn continues(&self, run: &Run) -> bool {
        let Some(index) = self.run_of.get(&(run.origin, run.boot)) else {
            return run.numbers.is_some();
        };
        let known = &self.runs[*index as usize];
        let follows = known
            .numbers
            .zip(run.numbers)
            .is_some_and(|(known, new)| known.1.checked_add(1) == Some(new.0));
        follows && !known.ended && known.last_seq < run.first_seq
    }

    fn take_header(&mut self, header: &Header) -> Mapped {
        self.spans.include(header);
        let mut to = std::mem::take(&mut self.mapped);
        to.runs.clear();
        to.runs.extend(header.runs.iter().map(|run| self.add_run(run)));
        let add = |names: &[Tagged], to: &mut Vec<u32>, all: &mut Counted| {
            to.clear();
            to.extend(names.iter().map(|tagged| all.add(&tagged.name, tagged.count)));
        };
        add(&header.types, &mut to.types, &mut self.types);
        add(&header.members, &mut to.members, &mut self.members);
        if let Some(cells) = &header.minutes {
            let moved =
                |cell: &Cell| Cell { event_type: to.types[cell.event_type as usize], ..*cell };
            self.cells.extend(cells.iter().map(moved));
        }
        to
    }

    fn add_run(&mut self, run: &Run) -> u32 {
        if let Some(index) = self.run_of.get(&(run.origin, run.boot)) {
            let known = &mut self.runs[*index as usize];
            known.last_seq = run.last_seq;
            known.numbers = known.numbers.zip(run.numbers).map(|(known, new)| (known.0, new.1));
            known.received_by = known.received_by.max(run.received_by);
            known.ended = run.ended;
            return *index;
        }
        let index = u32::try_from(self.runs.len()).expect("a block has few runs");
        self.run_of.insert((run.origin, run.boot), index);
        self.runs.push(*run);
        index
    }

    fn add_frame(&mut self, block: &Block, index: usize, to: &Mapped) -> Result<(), FormatError> {
        let frame = block.frame(index)?;
        if block.header().minutes.is_none() {
            self.count_minutes(&frame, to);
        }
        let events = frame.len();
        let is_full = events >= FRAME_EVENTS_KEPT
            || block.outline().frame_raw_bytes(index) >= FRAME_RAW_BYTES_KEPT;
        let fills_up = self.frame.len() > 0 && self.frame.len() + events <= FRAME_EVENTS;
        if !is_full || fills_up || events > FRAME_EVENTS {
            return self.add_events(&frame, to);
        }
        let copied =
            [stored(block, index, Section::Messages)?, stored(block, index, Section::Details)?];
        self.end_frame();
        let mut numbers = frame.into_numbers();
        let remap = |column: &mut [u32], to: &[u32]| {
            for index in column {
                *index = to[*index as usize];
            }
        };
        remap(&mut numbers.runs, &to.runs);
        remap(&mut numbers.types, &to.types);
        remap(&mut numbers.members, &to.members);
        let setting = Setting { runs: &self.runs, base: self.base, summaries: true };
        let head_events = block.directory().frames[index].head_events;
        self.body.copy(&numbers, block.frame_listed(index), &setting, head_events, copied);
        Ok(())
    }

    fn add_events(&mut self, frame: &Frame<'_>, to: &Mapped) -> Result<(), FormatError> {
        frame.read_messages_of(0..frame.len())?;
        frame.read_details_of(0..frame.len())?;
        for i in 0..frame.len() {
            let entry = frame.entry(i)?;
            let run = to.runs[frame.run_index(i)];
            let kind = (to.types[frame.type_index(i)], to.members[frame.member_index(i)]);
            self.frame.push(&entry, run, kind, frame.listed(i));
            if self.frame.is_full() {
                self.end_frame();
            }
        }
        Ok(())
    }

    fn count_minutes(&mut self, frame: &Frame<'_>, to: &Mapped) {
        let cells = (0..frame.len()).map(|i| Cell {
            minute: frame.listed(i).as_nanos().div_euclid(MINUTE_NANOS),
            event_type: to.types[frame.type_index(i)],
            severity: frame.severity(i).level(),
            count: 1,
        });
        self.cells.extend(cells);
    }

    fn end_frame(&mut self) {
        let setting = Setting { runs: &self.runs, base: self.base, summaries: true };
        self.body.write(&mut self.frame, &setting);
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        self.blocks
    }

    /// How many events they have.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// The block that has all of their events, in order, without a number; `None` if
    /// there are none.
    pub(crate) fn merged(mut self) -> Option<Block> {
        if self.blocks == 0 {
            return None;
        }
        self.end_frame();
        let Gathered { events, runs, types, members, spans, cells, base, mut body, .. } = self;
        let header = Header {
            count: u32::try_from(events).expect("a block has few events"),
            number: None,
            last_of_boot: false,
            runs,
            listed: spans.listed.range(),
            received: spans.received.range(),
            added: spans.added.range(),
            severities: spans.severities,
            types: types.tagged(),
            members: members.tagged(),
            minutes: summed(cells),
        };
        Some(body.seal(header, base))
    }
}

/// Whether no boot stands there twice: nobody writes that.
fn are_distinct(runs: &[Run]) -> bool {
    if runs.len() < 2 {
        return true;
    }
    let names: BTreeSet<_> = runs.iter().map(|run| (run.origin, run.boot)).collect();
    names.len() == runs.len()
}

/// What is known of all events from the headers.
#[derive(Debug, Default)]
struct Spans {
    listed: Span,
    received: Span,
    added: Span,
    severities: u32,
}

impl Spans {
    fn include(&mut self, header: &Header) {
        let spans = [
            (&mut self.listed, header.listed),
            (&mut self.received, header.received),
            (&mut self.added, header.added),
        ];
        for (span, (first, last)) in spans {
            span.include(first);
            span.include(last);
        }
        self.severities |= header.severities;
    }
}

/// Cells in order, those of the same minute, type and level as one; `None` if they
/// are too many.
fn summed(mut cells: Vec<Cell>) -> Option<Vec<Cell>> {
    let place = |cell: &Cell| (cell.minute, cell.event_type, cell.severity);
    cells.sort_unstable_by_key(place);
    cells.dedup_by(|next, cell| {
        let same = place(next) == place(cell);
        cell.count += if same { next.count } else { 0 };
        same
    });
    (cells.len() <= MERGED_CELLS_MAX).then_some(cells)
}

/// A section as it is stored, verified.
fn stored(block: &Block, frame: usize, section: Section) -> Result<Stored<'_>, FormatError> {
    let entry = &block.directory().frames[frame].sections[section as usize];
    Ok((format::verified(block.excerpt().body(), frame, section, entry)?, entry))
}

#[cfg(test)]
mod tests;
