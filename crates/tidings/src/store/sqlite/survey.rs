//! What is in the store, as it is opened? Counts, ends, and positions that are
//! missing without a reason.

use std::ops::{ControlFlow, Range};

use rusqlite::{Connection, OptionalExtension};

use super::latch::{Fault, fault};
use super::walk::{self, Met};
use super::{Counts, row};
use crate::id::{Origin, Position};
use crate::store::{Gap, GapReason};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) counts: Counts,
    /// Gaps that were written down before.
    pub(super) known: Vec<Gap>,
    /// Gaps that are new.
    pub(super) new: Vec<Gap>,
}

/// Reads the log's id. `None` if it cannot be trusted.
pub(super) fn origin(conn: &Connection) -> rusqlite::Result<Option<Origin>> {
    conn.query_row("SELECT origin, created, seal FROM meta WHERE id = 1", [], |row| {
        let origin = Origin::from_bytes(row.get(0)?);
        let created = crate::clock::Timestamp::from_nanos(row.get(1)?);
        Ok(row::check(row.get(2)?, row::meta_seal(origin, created)).is_ok().then_some(origin))
    })
}

/// First and next as of the last purge, if the row can be trusted.
pub(super) fn floor(conn: &Connection) -> rusqlite::Result<Option<(u64, u64)>> {
    let read = conn
        .query_row("SELECT first, next, seal FROM floor WHERE id = 1", [], |row| {
            let (first, next): (i64, i64) = (row.get(0)?, row.get(1)?);
            let whole = row::check(row.get(2)?, row::floor_seal(first, next)).is_ok();
            Ok(whole.then_some((first.unsigned_abs(), next.unsigned_abs())))
        })
        .optional();
    pardon(read.map(Option::flatten), None)
}

/// Damage of a side table must not take the blocks with it.
fn pardon<T>(read: rusqlite::Result<T>, instead: T) -> rusqlite::Result<T> {
    match read {
        Err(error) if fault(&error) == Fault::Damage => {
            tracing::error!(%error, "a table beside the blocks is damaged");
            Ok(instead)
        }
        read => read,
    }
}

/// Looks at every block's place, but not into it. `marked_first` is where the tail
/// mark says that the store begins, should the store itself not know any more.
pub(super) fn survey(conn: &Connection, marked_first: u64) -> rusqlite::Result<Survey> {
    let (first, floor_next) = floor(conn)?.unwrap_or((marked_first, 0));
    let mut places = Places { expected: first, ..Places::default() };
    walk::places(conn, &mut |met| {
        if let Met::Place { base, count, whole } = met {
            places.meet(base, count, whole);
        }
        ControlFlow::Continue(()) // what cannot be found shows beside what can
    })?;
    let next = places.expected.max(floor_next).max(places.claimed.unwrap_or(0));
    places.hole_before(next);
    let Places { mut counts, holes, .. } = places;
    counts.next = next;
    if counts.blocks == 0 {
        counts.first = next;
    }
    let (known, unreadable) = pardon(super::read::written_gaps(conn), (Vec::new(), 1))?;
    let excused = known.iter().map(|gap| gap.range.start.0..gap.range.end.0);
    let expired = pardon(expired(conn), Vec::new())?;
    let expired = expired.iter().map(|range| range.0.unsigned_abs()..range.1.unsigned_abs());
    let excused = excused.chain(expired).collect();
    let mut new: Vec<Gap> = unexplained(&holes, excused).into_iter().map(damaged).collect();
    if unreadable > 0 && counts.first < next {
        // Some gap was written down and cannot be read: it may be anywhere.
        new.push(damaged(counts.first..next));
    }
    Ok(Survey { counts, known, new })
}

fn damaged(range: Range<u64>) -> Gap {
    Gap { range: Position(range.start)..Position(range.end), reason: GapReason::Damaged }
}

#[derive(Debug, Default)]
struct Places {
    counts: Counts,
    /// Where the next block should stand.
    expected: u64,
    /// Where a row that is not whole says it ends.
    claimed: Option<u64>,
    holes: Vec<Range<u64>>,
}

impl Places {
    /// A row that is not whole leaves a hole, up to the next that is. Only as the
    /// last one it is believed where it ends, so that nothing is put on top of it.
    fn meet(&mut self, base: u64, count: u64, whole: bool) {
        let end = base.saturating_add(count);
        if !whole {
            self.claimed = (self.expected == base).then_some(end).or(self.claimed);
        } else if base >= self.expected {
            self.hole_before(base);
            self.counts.added(base, count);
            self.expected = end;
            self.claimed = None;
        }
    }

    fn hole_before(&mut self, base: u64) {
        if self.expected < base {
            self.holes.push(self.expected..base);
        }
    }
}

/// The stretches of positions that are rightly not there, those that can be
/// trusted.
pub(super) fn expired(conn: &Connection) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut statement = conn.prepare_cached("SELECT first, next, seal FROM expired")?;
    let ranges = statement.query_map([], |row| {
        let (first, next) = (row.get(0)?, row.get(1)?);
        let whole = row::check(row.get(2)?, row::expired_seal(first, next)).is_ok();
        Ok(whole.then_some((first, next)))
    })?;
    ranges.filter_map(Result::transpose).collect()
}

/// The parts of holes that no excuse covers.
fn unexplained(holes: &[Range<u64>], mut excused: Vec<Range<u64>>) -> Vec<Range<u64>> {
    excused.sort_by_key(|range| range.start);
    let mut left = Vec::new();
    for hole in holes {
        let mut at = hole.start;
        for excuse in excused.iter().filter(|it| it.start < hole.end && it.end > hole.start) {
            if excuse.start > at {
                left.push(at..excuse.start);
            }
            at = at.max(excuse.end);
        }
        if at < hole.end {
            left.push(at..hole.end);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_excuse_covers_is_unexplained() {
        let (holes, excused) = (vec![2..20, 40..41], vec![12..14, 0..4, 18..30, 40..50]);

        assert_eq!(unexplained(&holes, excused), [4..12, 14..18]);
    }
}
