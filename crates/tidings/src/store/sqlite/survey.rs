//! What is in the store, as it is opened? Counts, ends, and positions that are
//! missing without a reason.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension};

use super::latch::{Fault, fault};
use super::walk;
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

/// Looks at every block's place, but not into it.
pub(super) fn survey(conn: &Connection) -> rusqlite::Result<Survey> {
    let floor = floor(conn)?;
    let mut places = Places { expected: floor.map(|floor| floor.0), ..Places::default() };
    walk::places(conn, &mut |base, count| {
        if places.expected == Some(base) || walk::head_is_whole(conn, base) {
            places.add(base, count);
        }
    })?;
    let next = places.expected.unwrap_or(0).max(floor.map_or(0, |floor| floor.1));
    places.hole_before(next);
    let Places { mut counts, holes, .. } = places;
    counts.next = next;
    if counts.blocks == 0 {
        counts.first = next;
    }
    let (known, unreadable) = pardon(super::read::written_gaps(conn), (Vec::new(), 1))?;
    let excused = known.iter().map(|gap| gap.range.start.0..gap.range.end.0);
    let excused = excused.chain(pardon(expired(conn), Vec::new())?).collect();
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
    /// Where the next block should stand; `None` if anywhere will do.
    expected: Option<u64>,
    holes: Vec<Range<u64>>,
}

impl Places {
    fn add(&mut self, base: u64, count: u64) {
        self.hole_before(base);
        self.counts.added(base, count);
        self.expected = Some(self.expected.unwrap_or(0).max(self.counts.next));
    }

    fn hole_before(&mut self, base: u64) {
        if let Some(expected) = self.expected.filter(|expected| *expected < base) {
            self.holes.push(expected..base);
        }
    }
}

fn expired(conn: &Connection) -> rusqlite::Result<Vec<Range<u64>>> {
    let mut statement = conn.prepare("SELECT first, next FROM expired")?;
    let ranges = statement.query_map([], |row| {
        Ok(row.get::<_, i64>(0)?.unsigned_abs()..row.get::<_, i64>(1)?.unsigned_abs())
    })?;
    ranges.collect()
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
