//! What is in section A? Columns of numbers, and dictionaries of sources and
//! subjects.

use std::collections::BTreeSet;

use super::texts::{put_texts, read_texts};
use super::varint::{Reader, put_difference, put_len, put_signed, put_varint};
use super::{Directory, FormatError};
use crate::block::columns::{Named, Numbers, Texts, differ};
use crate::block::header::{Header, Run};
use crate::event::{SOURCE_BYTES_MAX, SUBJECT_BYTES_MAX};
use crate::severity::Severity;

// Section A begins with a byte of these: a column that is flagged has one value an
// event, one that is not has one value for all, or nothing.
const EACH_RUN: u8 = 1;
const EACH_SEQ: u8 = 2;
const EACH_SEVERITY: u8 = 4;
const EACH_TYPE: u8 = 8;
const EACH_MEMBER: u8 = 16;
const SOURCES: u8 = 32;
const SUBJECTS: u8 = 64;
const NUMBERS_KNOWN: u8 = 127;

// How a column of instants is written: differences in one of four units, or one
// value for all, or the same as an earlier column.
const UNITS_NANOS: [(u8, i64); 4] = [(3, 1_000_000_000), (2, 1_000_000), (1, 1_000), (0, 1)];
const ONE_FOR_ALL: u8 = 4;
const AS_TIMESTAMP: u8 = 5;
const AS_RECEIVED: u8 = 6;

/// Section A. `runs` are those of the block so far.
pub(in super::super) fn write_numbers(
    out: &mut Vec<u8>,
    numbers: &Numbers,
    runs: &[Run],
    base: i64,
) {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let dense = seq_steps(numbers, runs).all(|(first, step)| first || step == 0);
    let flags = flag(differ(&numbers.runs), EACH_RUN)
        | flag(!dense, EACH_SEQ)
        | flag(differ(&numbers.severities), EACH_SEVERITY)
        | flag(differ(&numbers.types), EACH_TYPE)
        | flag(differ(&numbers.members), EACH_MEMBER)
        | flag(numbers.sources.names.len() > 0, SOURCES)
        | flag(numbers.subjects.names.len() > 0, SUBJECTS);
    out.push(flags);
    put_column(out, &numbers.runs, flags & EACH_RUN != 0);
    for (first, step) in seq_steps(numbers, runs) {
        if first || !dense {
            put_varint(out, step);
        }
    }
    put_instants(out, &numbers.timestamps, base, &[]);
    let timestamps = (AS_TIMESTAMP, numbers.timestamps.as_slice());
    put_instants(out, &numbers.received, base, &[timestamps]);
    let received = (AS_RECEIVED, numbers.received.as_slice());
    put_instants(out, &numbers.added, base, &[received, timestamps]);
    let severities =
        if flags & EACH_SEVERITY != 0 { &numbers.severities } else { &numbers.severities[..1] };
    out.extend(severities.iter().map(|severity| severity.number()));
    put_column(out, &numbers.types, flags & EACH_TYPE != 0);
    put_column(out, &numbers.members, flags & EACH_MEMBER != 0);
    for named in [&numbers.sources, &numbers.subjects] {
        if named.names.len() > 0 {
            put_len(out, named.names.len());
            put_texts(out, &named.names);
            put_column(out, &named.places, true);
        }
    }
}

/// How far each sequence number is from the expected one: the next of its run, or
/// the run's first for the first event of a run in this frame.
fn seq_steps<'a>(numbers: &'a Numbers, runs: &'a [Run]) -> impl Iterator<Item = (bool, u64)> + 'a {
    let mut expected = ExpectedSeqs::new(runs);
    numbers.runs.iter().zip(&numbers.seqs).map(move |(run, seq)| {
        let run = *run as usize;
        let (first, step) = (expected.is_first(run), seq.wrapping_sub(expected.next(run)));
        expected.was(run, *seq);
        (first, step)
    })
}

/// Per run of the block the sequence number that a frame expects next.
struct ExpectedSeqs<'a> {
    runs: &'a [Run],
    after: Vec<Option<u64>>,
}

impl<'a> ExpectedSeqs<'a> {
    fn new(runs: &'a [Run]) -> ExpectedSeqs<'a> {
        ExpectedSeqs { runs, after: vec![None; runs.len()] }
    }

    fn is_first(&self, run: usize) -> bool {
        self.after[run].is_none()
    }

    fn next(&self, run: usize) -> u64 {
        self.after[run].unwrap_or(self.runs[run].first_seq)
    }

    fn was(&mut self, run: usize, seq: u64) {
        self.after[run] = Some(seq.wrapping_add(1));
    }
}

fn put_column<T: Copy + Into<u64>>(out: &mut Vec<u8>, column: &[T], each: bool) {
    let written = if each { column } else { &column[..1] };
    for value in written {
        put_varint(out, (*value).into());
    }
}

fn put_instants(out: &mut Vec<u8>, instants: &[i64], base: i64, known: &[(u8, &[i64])]) {
    if let Some((mode, _)) = known.iter().find(|(_, column)| *column == instants) {
        out.push(*mode);
        return;
    }
    if !differ(instants) {
        out.push(ONE_FOR_ALL);
        put_difference(out, base, instants[0]);
        return;
    }
    let steps = || instants.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let fits = |unit: i64| steps().all(|step| step % unit == 0);
    let (mode, unit) = *UNITS_NANOS.iter().find(|(_, unit)| fits(*unit)).unwrap_or(&(0, 1));
    out.push(mode);
    put_difference(out, base, instants[0]);
    for step in steps() {
        put_signed(out, step / unit);
    }
}

/// Section A of `count` events.
pub(in super::super) fn read_numbers(
    bytes: &[u8],
    count: usize,
    header: &Header,
    directory: &Directory,
) -> Result<Numbers, FormatError> {
    let base = directory.base;
    let mut reader = Reader::new(bytes);
    let reader = &mut reader;
    let flags = reader.byte("numbers")?;
    if flags & !NUMBERS_KNOWN != 0 {
        return Err(FormatError::Impossible { what: "flags of numbers", value: flags.into() });
    }
    let each = |bit: u8| flags & bit != 0;
    let runs = read_column(reader, count, each(EACH_RUN), header.runs.len(), "run")?;
    let seqs = read_seqs(reader, &runs, &header.runs, each(EACH_SEQ))?;
    let timestamps = read_instants(reader, count, base, &[])?;
    let known = [(AS_TIMESTAMP, timestamps.as_slice())];
    let received = read_instants(reader, count, base, &known)?;
    let known = [(AS_TIMESTAMP, timestamps.as_slice()), (AS_RECEIVED, received.as_slice())];
    let added = read_instants(reader, count, base, &known)?;
    let severities = read_severities(reader, count, each(EACH_SEVERITY), header.severities)?;
    let types = read_column(reader, count, each(EACH_TYPE), header.types.len(), "type")?;
    let members = read_column(reader, count, each(EACH_MEMBER), header.members.len(), "member")?;
    let sources = read_named(reader, count, each(SOURCES), SOURCE_BYTES_MAX, "source")?;
    let subjects = read_named(reader, count, each(SUBJECTS), SUBJECT_BYTES_MAX, "subject")?;
    reader.end("bytes after the numbers")?;
    Ok(Numbers {
        runs,
        seqs,
        timestamps,
        received,
        added,
        severities,
        types,
        members,
        sources,
        subjects,
    })
}

/// The sources and the subjects that occur, without what stands before and after
/// them: that is looked at when the numbers are read.
pub(in super::super) fn read_names(
    bytes: &[u8],
    count: usize,
    header: &Header,
) -> Result<[Texts; 2], FormatError> {
    const WHAT: &str = "numbers";
    let mut reader = Reader::new(bytes);
    let reader = &mut reader;
    let flags = reader.byte(WHAT)?;
    let each = |bit: u8| flags & bit != 0;
    let values = |bit: u8| if each(bit) { count } else { 1 };
    if !each(SOURCES) && !each(SUBJECTS) {
        return Ok([Texts::default(), Texts::default()]);
    }
    let runs = read_column(reader, values(EACH_RUN), true, header.runs.len(), "run")?;
    let seqs = if each(EACH_SEQ) { count } else { runs.iter().collect::<BTreeSet<_>>().len() };
    reader.pass(seqs, WHAT)?;
    for _ in 0..3 {
        let steps = match reader.byte(WHAT)? {
            AS_TIMESTAMP | AS_RECEIVED => 0,
            ONE_FOR_ALL => 1,
            _ => count,
        };
        reader.pass(steps, WHAT)?;
    }
    for bit in [EACH_SEVERITY, EACH_TYPE, EACH_MEMBER] {
        reader.pass(values(bit), WHAT)?;
    }
    let mut names = |bit: u8, bytes_max, what| {
        if !each(bit) {
            return Ok(Texts::default());
        }
        let names = reader.some(count, what)?;
        let names = read_texts(reader, names, bytes_max, what)?;
        reader.pass(count, what)?;
        Ok(names)
    };
    let sources = names(SOURCES, SOURCE_BYTES_MAX, "source")?;
    Ok([sources, names(SUBJECTS, SUBJECT_BYTES_MAX, "subject")?])
}

/// `count` indices below `end`.
fn read_column(
    reader: &mut Reader<'_>,
    count: usize,
    each: bool,
    end: usize,
    what: &'static str,
) -> Result<Vec<u32>, FormatError> {
    if each {
        if let Some(short) = reader.short(count) {
            // Nearly always: of few names.
            let column: Vec<u32> = short.iter().map(|byte| u32::from(*byte)).collect();
            return match column.iter().find(|index| **index as usize >= end) {
                Some(beyond) => Err(FormatError::Impossible { what, value: u64::from(*beyond) }),
                None => Ok(column),
            };
        }
        // A loop: collecting results would not reserve room for them.
        let mut column = Vec::with_capacity(count);
        for _ in 0..count {
            column.push(reader.index(end, what)?);
        }
        Ok(column)
    } else {
        Ok(vec![reader.index(end, what)?; count])
    }
}

fn read_seqs(
    reader: &mut Reader<'_>,
    of: &[u32],
    runs: &[Run],
    each: bool,
) -> Result<Vec<u64>, FormatError> {
    if !each && !differ(of) {
        return read_dense_seqs(reader, of.len(), &runs[of[0] as usize]);
    }
    let mut expected = ExpectedSeqs::new(runs);
    let mut seqs = Vec::with_capacity(of.len());
    for run in of {
        let run = *run as usize;
        let written = each || expected.is_first(run);
        let step = if written { reader.varint("sequence number")? } else { 0 };
        let seq = expected.next(run).wrapping_add(step);
        if seq < runs[run].first_seq || seq > runs[run].last_seq {
            return Err(FormatError::Impossible { what: "sequence number", value: seq });
        }
        expected.was(run, seq);
        seqs.push(seq);
    }
    Ok(seqs)
}

/// Those of one run, one after the other.
fn read_dense_seqs(
    reader: &mut Reader<'_>,
    count: usize,
    run: &Run,
) -> Result<Vec<u64>, FormatError> {
    let what = "sequence number";
    let first = run.first_seq.wrapping_add(reader.varint(what)?);
    let last = first.wrapping_add(count as u64 - 1);
    let outside = |seq: &u64| *seq < run.first_seq || *seq > run.last_seq;
    // Past the greatest number of all they would begin anew.
    let (first_outside, wraps) = ([first, last].into_iter().find(outside), last < first);
    if let Some(value) = first_outside.or(wraps.then_some(last)) {
        return Err(FormatError::Impossible { what, value });
    }
    Ok((first..=last).collect())
}

fn read_instants(
    reader: &mut Reader<'_>,
    count: usize,
    base: i64,
    known: &[(u8, &[i64])],
) -> Result<Vec<i64>, FormatError> {
    const WHAT: &str = "instant";
    let mode = reader.byte(WHAT)?;
    if let Some((_, column)) = known.iter().find(|(known, _)| *known == mode) {
        return Ok(column.to_vec());
    }
    if mode == ONE_FOR_ALL {
        return Ok(vec![reader.instant(base, WHAT)?; count]);
    }
    let (_, unit) = UNITS_NANOS
        .iter()
        .find(|(known, _)| *known == mode)
        .ok_or(FormatError::Impossible { what: "mode of instants", value: mode.into() })?;
    let mut instants = Vec::with_capacity(count);
    let mut instant = reader.instant(base, WHAT)?;
    instants.push(instant);
    for _ in 1..count {
        instant = instant.wrapping_add(reader.signed(WHAT)?.wrapping_mul(*unit));
        instants.push(instant);
    }
    Ok(instants)
}

fn read_severities(
    reader: &mut Reader<'_>,
    count: usize,
    each: bool,
    said: u32,
) -> Result<Vec<Severity>, FormatError> {
    const WHAT: &str = "severity";
    let mut severity = || {
        let value = reader.varint(WHAT)?;
        Severity::from_number(value)
            .filter(|severity| said >> (severity.number() - 1) & 1 == 1)
            .ok_or(FormatError::Impossible { what: WHAT, value })
    };
    if !each {
        return Ok(vec![severity()?; count]);
    }
    let mut severities = Vec::with_capacity(count);
    for _ in 0..count {
        severities.push(severity()?);
    }
    Ok(severities)
}

fn read_named(
    reader: &mut Reader<'_>,
    count: usize,
    is_there: bool,
    name_bytes_max: usize,
    what: &'static str,
) -> Result<Named, FormatError> {
    if !is_there {
        return Ok(Named { names: Texts::default(), places: vec![0; count] });
    }
    let names = reader.some(count, what)?;
    let names = read_texts(reader, names, name_bytes_max, what)?;
    let places = read_column(reader, count, true, names.len() + 1, what)?;
    Ok(Named { names, places })
}
