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
use super::header::{Cell, Header, MERGED_CELLS_MAX, MINUTE_NANOS, RUNS_MAX, Run};
use super::{Block, FRAME_EVENTS, Frame, MERGED_FORMAT_VERSION};
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

/// Neighbouring blocks that fit into one.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    blocks: Vec<Block>,
    events: usize,
    raw_bytes: usize,
    runs: Vec<Run>,
    run_of: BTreeMap<(Origin, Boot), u32>,
    types: Counted,
    members: Counted,
}

/// What keeps a block from being merged: it is damaged there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spoilt {
    /// As the how-manieth it was gathered.
    pub(crate) block: usize,
    pub(crate) frame: usize,
    pub(crate) cause: FormatError,
}

impl Gathered {
    /// Takes the next block in, if one block may hold it together with those before.
    /// The first always fits.
    ///
    /// The blocks of a boot must follow one another in it: then a run has all of its
    /// sequence numbers, and to have seen its last event is to have seen all.
    pub(crate) fn push(&mut self, block: &Block) -> bool {
        let header = block.header();
        let raw_bytes = block.directory.raw_bytes();
        let fits = self.events + header.count as usize <= MERGED_EVENTS_MAX
            && self.raw_bytes + raw_bytes <= MERGED_RAW_BYTES_MAX
            && self.runs.len() + header.runs.len() <= RUNS_MAX
            && self.types.len() + header.types.len() <= MERGED_NAMES_MAX
            && self.members.len() + header.members.len() <= MERGED_NAMES_MAX
            && header.runs.iter().all(|run| self.continues(run))
            && are_distinct(&header.runs);
        if !fits && !self.blocks.is_empty() {
            return false;
        }
        header.runs.iter().for_each(|run| self.add_run(run));
        for tagged in &header.types {
            self.types.add(&tagged.name, tagged.count);
        }
        for tagged in &header.members {
            self.members.add(&tagged.name, tagged.count);
        }
        self.events += header.count as usize;
        self.raw_bytes += raw_bytes;
        self.blocks.push(block.clone());
        true
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

    fn add_run(&mut self, run: &Run) {
        if let Some(index) = self.run_of.get(&(run.origin, run.boot)) {
            let known = &mut self.runs[*index as usize];
            known.last_seq = run.last_seq;
            known.numbers = known.numbers.zip(run.numbers).map(|(known, new)| (known.0, new.1));
            known.received_by = known.received_by.max(run.received_by);
            known.ended = run.ended;
            return;
        }
        let index = u32::try_from(self.runs.len()).expect("a block has few runs");
        self.run_of.insert((run.origin, run.boot), index);
        self.runs.push(*run);
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// How many events they have.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// The block that has all of their events, in order, without a number; `None` if
    /// there are none.
    ///
    /// # Errors
    ///
    /// One of the blocks is damaged.
    pub(crate) fn merged(self) -> Result<Option<Block>, Spoilt> {
        if self.blocks.is_empty() {
            return Ok(None);
        }
        let (spans, base) = (Spans::of(&self.blocks), self.blocks[0].directory.base);
        let mut merger = Merger {
            gathered: self,
            base,
            frame: FrameBuilder::default(),
            body: Body::new(),
            cells: Vec::new(),
        };
        for block in 0..merger.gathered.blocks.len() {
            merger.add(block)?;
        }
        merger.end_frame();
        let Merger { gathered, mut body, cells, .. } = merger;
        let header = Header {
            count: u32::try_from(gathered.events).expect("a merged block has few events"),
            number: None,
            last_of_boot: false,
            runs: gathered.runs,
            listed: spans.listed.range(),
            received: spans.received.range(),
            added: spans.added.range(),
            severities: spans.severities,
            types: gathered.types.tagged(),
            members: gathered.members.tagged(),
            minutes: summed(cells),
        };
        Ok(Some(body.seal(MERGED_FORMAT_VERSION, header, base)))
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
    fn of(blocks: &[Block]) -> Spans {
        let mut spans = Spans::default();
        for header in blocks.iter().map(Block::header) {
            for at in [header.listed.0, header.listed.1] {
                spans.listed.include(at);
            }
            for at in [header.received.0, header.received.1] {
                spans.received.include(at);
            }
            for at in [header.added.0, header.added.1] {
                spans.added.include(at);
            }
            spans.severities |= header.severities;
        }
        spans
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

struct Merger {
    gathered: Gathered,
    base: i64,
    frame: FrameBuilder,
    body: Body,
    cells: Vec<Cell>,
}

/// What the indices of a block stand for in the merged one.
struct Mapped {
    runs: Vec<u32>,
    types: Vec<u32>,
    members: Vec<u32>,
}

impl Merger {
    fn add(&mut self, number: usize) -> Result<(), Spoilt> {
        let block = self.gathered.blocks[number].clone();
        let mapped = self.mapped(&block);
        if let Some(cells) = &block.header().minutes {
            let moved =
                |cell: &Cell| Cell { event_type: mapped.types[cell.event_type as usize], ..*cell };
            self.cells.extend(cells.iter().map(moved));
        }
        for frame in 0..block.frames() {
            self.add_frame(&block, frame, &mapped).map_err(|cause| Spoilt {
                block: number,
                frame,
                cause,
            })?;
        }
        Ok(())
    }

    fn mapped(&mut self, block: &Block) -> Mapped {
        let gathered = &mut self.gathered;
        let header = block.header();
        let runs = header.runs.iter().map(|run| gathered.run_of[&(run.origin, run.boot)]).collect();
        let types = header.types.iter().map(|tagged| gathered.types.add(&tagged.name, 0)).collect();
        let members = header.members.iter();
        let members = members.map(|tagged| gathered.members.add(&tagged.name, 0)).collect();
        Mapped { runs, types, members }
    }

    fn add_frame(&mut self, block: &Block, index: usize, to: &Mapped) -> Result<(), FormatError> {
        let frame = block.frame(index)?;
        if block.header().minutes.is_none() {
            self.count_minutes(&frame, to);
        }
        let events = frame.len();
        let sections = &block.directory.frames[index].sections;
        let is_full = events >= FRAME_EVENTS_KEPT
            || sections.iter().map(|section| section.raw_bytes).sum::<usize>()
                >= FRAME_RAW_BYTES_KEPT;
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
        let setting = Setting { runs: &self.gathered.runs, base: self.base, summaries: true };
        self.body.copy(&numbers, block.frame_listed(index), &setting, copied);
        Ok(())
    }

    fn add_events(&mut self, frame: &Frame<'_>, to: &Mapped) -> Result<(), FormatError> {
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
        let setting = Setting { runs: &self.gathered.runs, base: self.base, summaries: true };
        self.body.write(&mut self.frame, &setting);
    }
}

/// A section as it is stored, verified.
fn stored(block: &Block, frame: usize, section: Section) -> Result<Stored<'_>, FormatError> {
    let body = &block.bytes[block.directory.head_bytes..];
    let entry = &block.directory.frames[frame].sections[section as usize];
    Ok((format::verified(body, frame, section, entry)?, entry))
}

#[cfg(test)]
mod tests;
