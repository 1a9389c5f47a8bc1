//! How far has this log come with what others publish?
//!
//! A note, written in the same transaction as what it speaks of: after a crash the
//! log and the note agree. Numbers are 64 bits, big end first.

use std::collections::BTreeMap;

use super::line::{Hole, Line, Seqs};
use super::order::{BOOTS_KNOWN_MAX, BootName, HOLES_KNOWN_MAX};
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
use crate::store::etcd::WatchFrom;

/// What the note is called.
pub(super) const APPLIED_NOTE: &str = "applied";
/// The version of the note that is written.
const APPLIED_FORMAT: u8 = 1;
/// Which of a line's numbers are there, and what kind of line or hole it is.
const HAS_SEQ: u8 = 1;
const HAS_RECEIVED: u8 = 2;
const KEPT: u8 = 4;
const HAS_AFTER: u8 = 1;
const HAS_BEFORE: u8 = 2;
const HAS_FROM: u8 = 4;
const HAS_TO: u8 = 8;
const CLOSED: u8 = 16;

/// How far everything is applied.
#[derive(Debug, PartialEq)]
pub(super) struct AppliedNote {
    /// From where a watch goes on; `None` before everything was listed once.
    pub(super) at: Option<WatchFrom>,
    pub(super) lines: BTreeMap<BootName, Line>,
}

/// A note that is none: everything is listed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadNote {
    #[error("the note of what is applied has format {found}, this program reads {APPLIED_FORMAT}")]
    Format { found: u8 },
    #[error("the note of what is applied ends in the middle")]
    CutShort,
    #[error("the note of what is applied goes on after its end")]
    TooLong,
    #[error("the note of what is applied says an impossible {what}")]
    Impossible { what: &'static str },
}

/// The note, in bytes. Has a bound because lines and holes have.
pub(super) fn write(at: Option<WatchFrom>, lines: &BTreeMap<BootName, Line>) -> Vec<u8> {
    let mut out = vec![APPLIED_FORMAT, u8::from(at.is_some())];
    let at = at.unwrap_or(WatchFrom { cluster: 0, revision: 0 });
    put(&mut out, at.cluster);
    put(&mut out, at.revision.cast_unsigned());
    put(&mut out, lines.len() as u64);
    for (name, line) in lines {
        out.extend(name.origin.to_bytes());
        out.extend(name.boot.to_bytes());
        out.push(
            flag(HAS_SEQ, line.last_seq.is_some())
                | flag(HAS_RECEIVED, line.received.is_some())
                | flag(KEPT, line.kept),
        );
        put(&mut out, line.next);
        put(&mut out, line.last_seq.unwrap_or_default());
        put_time(&mut out, line.received);
        put(&mut out, line.holes.len() as u64);
        for hole in &line.holes {
            write_hole(&mut out, hole);
        }
    }
    out
}

fn write_hole(out: &mut Vec<u8>, hole: &Hole) {
    out.push(
        flag(HAS_AFTER, hole.seqs.after.is_some())
            | flag(HAS_BEFORE, hole.seqs.before.is_some())
            | flag(HAS_FROM, hole.received.0.is_some())
            | flag(HAS_TO, hole.received.1.is_some())
            | flag(CLOSED, hole.closed),
    );
    put(out, hole.numbers.0);
    put(out, hole.numbers.1);
    put(out, hole.seqs.after.unwrap_or_default());
    put(out, hole.seqs.before.unwrap_or_default());
    put_time(out, hole.received.0);
    put_time(out, hole.received.1);
    put_time(out, Some(hole.found));
}

/// What a note says.
///
/// # Errors
///
/// It is not as [`write`] makes it: nothing of it is believed then.
pub(super) fn read(bytes: &[u8]) -> Result<AppliedNote, BadNote> {
    let mut reader = Reader(bytes);
    let format = reader.byte()?;
    if format != APPLIED_FORMAT {
        return Err(BadNote::Format { found: format });
    }
    let is_listed = reader.byte()? == 1;
    let (cluster, revision) = (reader.number()?, reader.number()?.cast_signed());
    let at = is_listed.then_some(WatchFrom { cluster, revision });
    if revision < 0 {
        return Err(BadNote::Impossible { what: "revision" });
    }
    let mut lines = BTreeMap::new();
    for _ in 0..reader.count(BOOTS_KNOWN_MAX, "number of boots")? {
        let origin = Origin::from_bytes(reader.array()?);
        let name = BootName { origin, boot: Boot::from_bytes(reader.array()?) };
        if lines.insert(name, reader.line()?).is_some() {
            return Err(BadNote::Impossible { what: "boot, twice" });
        }
    }
    let holes: usize = lines.values().map(|line| line.holes.len()).sum();
    if holes > HOLES_KNOWN_MAX {
        return Err(BadNote::Impossible { what: "number of holes" });
    }
    if reader.0.is_empty() { Ok(AppliedNote { at, lines }) } else { Err(BadNote::TooLong) }
}

fn flag(bit: u8, set: bool) -> u8 {
    if set { bit } else { 0 }
}

fn put(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_be_bytes());
}

fn put_time(out: &mut Vec<u8>, at: Option<Timestamp>) {
    put(out, at.unwrap_or_default().as_nanos().cast_unsigned());
}

/// Takes numbers from the front, never past the end.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadNote> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(BadNote::CutShort)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, BadNote> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<u64, BadNote> {
        self.array().map(u64::from_be_bytes)
    }

    fn number_if(&mut self, there: bool) -> Result<Option<u64>, BadNote> {
        self.number().map(|number| there.then_some(number))
    }

    fn time_if(&mut self, there: bool) -> Result<Option<Timestamp>, BadNote> {
        let nanos = self.number_if(there)?;
        Ok(nanos.map(|nanos| Timestamp::from_nanos(nanos.cast_signed())))
    }

    fn count(&mut self, at_most: usize, what: &'static str) -> Result<usize, BadNote> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count <= at_most { Ok(count) } else { Err(BadNote::Impossible { what }) }
    }

    fn line(&mut self) -> Result<Line, BadNote> {
        let flags = self.byte()?;
        let mut line = Line::from(self.number()?, flags & KEPT != 0);
        line.last_seq = self.number_if(flags & HAS_SEQ != 0)?;
        line.received = self.time_if(flags & HAS_RECEIVED != 0)?;
        let mut end = 0;
        for _ in 0..self.count(HOLES_KNOWN_MAX, "number of holes")? {
            let hole = self.hole()?;
            let (first, last) = hole.numbers;
            if first <= end || last < first || last >= line.next {
                return Err(BadNote::Impossible { what: "hole" });
            }
            end = last;
            line.holes.push(hole);
        }
        if line.next == 0 { Err(BadNote::Impossible { what: "number" }) } else { Ok(line) }
    }

    fn hole(&mut self) -> Result<Hole, BadNote> {
        let flags = self.byte()?;
        let has = |flag| flags & flag != 0;
        Ok(Hole {
            numbers: (self.number()?, self.number()?),
            seqs: Seqs {
                after: self.number_if(has(HAS_AFTER))?,
                before: self.number_if(has(HAS_BEFORE))?,
            },
            received: (self.time_if(has(HAS_FROM))?, self.time_if(has(HAS_TO))?),
            found: self.time_if(true)?.unwrap_or_default(),
            closed: has(CLOSED),
        })
    }
}
