//! What is in the table of blocks, and around which damage must one read?
//!
//! A damaged page makes SQLite stop; what lies behind it is still there. So a
//! walk that stops goes on at the next position that can be found again.

use std::ops::{ControlFlow, Range};

use rusqlite::{Connection, OptionalExtension, params};

use super::latch::{Fault, fault};
use super::row::{self, Place};
use crate::block::{BLOCK_EVENTS_DECODED_MAX, Block, Outline};
use crate::id::Position;
use crate::store::{Damage, Head};

/// Regions of damage that one walk reads around, at most.
const DETOURS_MAX: usize = 1000;

/// One thing that a walk met.
#[derive(Debug)]
pub(super) enum Met {
    /// A row whose head can be read, or not.
    Head(Head),
    /// A row whose head was not parsed, only checked: whether it is the row's own.
    Place { base: u64, count: u64, whole: bool },
    /// A row with everything in it.
    Row { base: u64, row: Row },
    /// No row can be found between these keys.
    Hole(Range<u64>),
}

/// Reads rows on from a key, which it moves along, until there are no more or the
/// visitor has enough.
type Reader = fn(&Connection, &mut i64, Visit<'_>) -> rusqlite::Result<()>;
type Visit<'a> = &'a mut dyn FnMut(Met) -> ControlFlow<()>;

/// Walks over heads in order of position, of rows whose key is at least `from`.
pub(super) fn heads(conn: &Connection, from: i64, visit: Visit<'_>) -> rusqlite::Result<()> {
    around_damage(conn, from, read_heads, visit)
}

/// Walks over all rows, checking heads without parsing them.
pub(super) fn places(conn: &Connection, visit: Visit<'_>) -> rusqlite::Result<()> {
    around_damage(conn, 0, read_places, visit)
}

/// Walks over all rows with everything in them.
pub(super) fn rows(conn: &Connection, visit: Visit<'_>) -> rusqlite::Result<()> {
    rows_from(conn, 0, visit)
}

/// Walks over rows with everything in them, of those whose key is at least `from`.
pub(super) fn rows_from(conn: &Connection, from: i64, visit: Visit<'_>) -> rusqlite::Result<()> {
    around_damage(conn, from, read_rows, visit)
}

fn around_damage(
    conn: &Connection,
    from: i64,
    read: Reader,
    visit: Visit<'_>,
) -> rusqlite::Result<()> {
    let mut at = from.max(0);
    for _ in 0..DETOURS_MAX {
        let error = match read(conn, &mut at, visit) {
            Ok(()) => return Ok(()),
            Err(error) if fault(&error) == Fault::Damage => error,
            Err(error) => return Err(error),
        };
        let (met, resume) = detour(conn, at, &error);
        let enough = met.is_some_and(|met| visit(met).is_break());
        match resume {
            Some(resume) if !enough => at = resume,
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// Visits rows in order. One that stands out of order is passed over: a page
/// stands where it does not belong, and what it hides is missing elsewhere.
fn each(
    conn: &Connection,
    sql: &str,
    at: &mut i64,
    visit: Visit<'_>,
    read: impl Fn(&Place, &rusqlite::Row<'_>) -> rusqlite::Result<Met>,
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([*at])?;
    while let Some(row) = rows.next()? {
        let place = place(row)?;
        if place.base < *at {
            continue;
        }
        let met = read(&place, row)?;
        *at = place.base.saturating_add(1);
        if visit(met).is_break() {
            break;
        }
    }
    Ok(())
}

fn read_heads(conn: &Connection, at: &mut i64, visit: Visit<'_>) -> rusqlite::Result<()> {
    let sql = "SELECT base, count, boot, number, head_seal, head, length(head) + length(body)
               FROM blocks WHERE base >= ?1 ORDER BY base";
    each(conn, sql, at, visit, |place, row| {
        Ok(Met::Head(Head {
            base: Position(place.base.unsigned_abs()),
            count: likely_count(place.count),
            bytes: row.get::<_, i64>(6)?.unsigned_abs(),
            header: row::open_head(place, row.get(4)?, row.get_ref(5)?.as_blob()?),
        }))
    })
}

fn read_places(conn: &Connection, at: &mut i64, visit: Visit<'_>) -> rusqlite::Result<()> {
    let sql = "SELECT base, count, boot, number, head_seal, head
               FROM blocks WHERE base >= ?1 ORDER BY base";
    each(conn, sql, at, visit, |place, row| {
        let seal = row::head_seal(place, row.get_ref(5)?.as_blob()?);
        Ok(Met::Place {
            base: place.base.unsigned_abs(),
            count: likely_count(place.count),
            whole: row::check(row.get(4)?, seal).is_ok(),
        })
    })
}

const ROW: &str = "SELECT base, count, boot, number, head_seal, body_seal, head, body FROM blocks";

fn read_rows(conn: &Connection, at: &mut i64, visit: Visit<'_>) -> rusqlite::Result<()> {
    let sql = format!("{ROW} WHERE base >= ?1 ORDER BY base");
    each(conn, &sql, at, visit, |place, row| {
        Ok(Met::Row { base: place.base.unsigned_abs(), row: whole_row(place, row)? })
    })
}

/// The row that a statement of the columns of [`ROW`], in their order, stands at.
pub(super) fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    whole_row(&place(row)?, row)
}

fn whole_row(place: &Place, row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let (head, body) = (row.get_ref(6)?.as_blob()?, row.get_ref(7)?.as_blob()?);
    let block = row::open_block(place, (row.get(4)?, row.get(5)?), head, body);
    Ok(Row { count: likely_count(place.count), named: place.name.is_some(), block })
}

fn place(row: &rusqlite::Row<'_>) -> rusqlite::Result<Place> {
    let (boot, number): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
    Ok(Place { base: row.get(0)?, count: row.get(1)?, name: boot.zip(number) })
}

/// A damaged count must not make a block swallow its neighbours.
fn likely_count(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(1).clamp(1, BLOCK_EVENTS_DECODED_MAX as u64)
}

/// What stands in the way at `at`, and where to go on.
fn detour(conn: &Connection, at: i64, error: &rusqlite::Error) -> (Option<Met>, Option<i64>) {
    // The key and the count may be readable where the bytes are not.
    let sql = "SELECT base, count FROM blocks WHERE base >= ?1 ORDER BY base LIMIT 1";
    let found = conn
        .prepare_cached(sql)
        .and_then(|mut it| it.query_row([at], |row| Ok((row.get(0)?, row.get(1)?))).optional());
    if let Ok(Some((base, count))) = found {
        let head = Head {
            base: Position(i64::unsigned_abs(base)),
            count: likely_count(count),
            bytes: 0,
            header: Err(Damage::Unreadable(error.to_string())),
        };
        return (Some(Met::Head(head)), base.checked_add(1));
    }
    if let Ok(None) = found {
        return (None, None);
    }
    let resume = next_readable(conn, at);
    let end = resume.unwrap_or(i64::MAX);
    (Some(Met::Hole(at.unsigned_abs()..end.unsigned_abs())), resume)
}

/// The first key after damage at `at`: probes in doubling steps until one
/// answers, then halves back.
fn next_readable(conn: &Connection, at: i64) -> Option<i64> {
    let probe = |key: i64| -> Option<i64> {
        let sql = "SELECT base FROM blocks WHERE base >= ?1 ORDER BY base LIMIT 1";
        conn.prepare_cached(sql).and_then(|mut it| it.query_row([key], |row| row.get(0))).ok()
    };
    let mut bad = at;
    let mut step = 1;
    let mut good = loop {
        let key = at.checked_add(step)?;
        if let Some(base) = probe(key) {
            break (key, base);
        }
        bad = key;
        step = step.checked_mul(2)?;
    };
    while good.0 - bad > 1 {
        let middle = bad + (good.0 - bad) / 2;
        match probe(middle) {
            Some(base) => good = (middle, base),
            None => bad = middle,
        }
    }
    Some(good.1)
}

/// A row of `blocks`, looked into.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) count: u64,
    /// Its block can still be named by (boot, number).
    pub(super) named: bool,
    pub(super) block: Result<Block, Damage>,
}

/// The row that has this key.
pub(super) fn block(conn: &Connection, base: i64) -> rusqlite::Result<Option<Row>> {
    let sql = format!("{ROW} WHERE base = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    match statement.query_row([base], read_row).optional() {
        Err(error) if fault(&error) == Fault::Damage => {
            let count = count_at(conn, base);
            let block = Err(Damage::Unreadable(error.to_string()));
            Ok(Some(Row { count, named: false, block }))
        }
        read => read,
    }
}

/// How many events stand at a key whose block cannot be read. Where a damaged page
/// misleads the way to it, all rows are gone through: it would be a lie to name fewer
/// than are missing.
fn count_at(conn: &Connection, base: i64) -> u64 {
    let sql = "SELECT count FROM blocks WHERE base = ?1";
    if let Ok(count) = conn.query_row(sql, [base], |row| row.get(0)) {
        return likely_count(count);
    }
    let (base, mut found) = (base.unsigned_abs(), None);
    let walked = places(conn, &mut |met| {
        found = match met {
            Met::Place { base: at, count, .. } if at == base => Some(count),
            Met::Place { base: next, .. } if next > base => Some(next - base),
            Met::Hole(hole) if hole.contains(&base) => Some(hole.end - base),
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(())
    });
    let count = walked.ok().and(found).unwrap_or(1);
    likely_count(i64::try_from(count).unwrap_or(i64::MAX))
}

/// What the row that has this key says of its block.
pub(super) fn outline(
    conn: &Connection,
    base: i64,
) -> rusqlite::Result<Option<Result<Outline, Damage>>> {
    let sql = "SELECT base, count, boot, number, head_seal, head FROM blocks WHERE base = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(row::open_outline(&place(row)?, row.get(4)?, row.get_ref(5)?.as_blob()?))
    };
    conn.prepare_cached(sql)?.query_row([base], read).optional()
}

/// Some bytes of the body of the row that has this key, if its head is that of the
/// outline.
pub(super) fn part_of_body(
    conn: &Connection,
    base: i64,
    outline: &Outline,
    extent: &Range<usize>,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = conn.prepare_cached("SELECT head FROM blocks WHERE base = ?1")?;
    let mut rows = statement.query([base])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    if !outline.is_of(row.get_ref(0)?.as_blob()?) {
        return Ok(None);
    }
    // While the statement stands at the row, both are read from one snapshot: no other
    // block is put there in between.
    let body = conn.blob_open("main", "blocks", "body", base, true)?;
    if body.len() != outline.body_bytes() {
        return Ok(None);
    }
    let mut bytes = vec![0; extent.len()];
    body.read_at_exact(&mut bytes, extent.start)?;
    body.close()?;
    Ok(Some(bytes))
}

/// Whether a row with this key should be there, though it was not found.
pub(super) fn is_missed(conn: &Connection, base: i64) -> rusqlite::Result<bool> {
    // One snapshot for all questions, or a purge between them would look like loss.
    let snapshot = conn.unchecked_transaction()?;
    let found = |sql: &str| -> rusqlite::Result<Option<(i64, i64)>> {
        let mut statement = snapshot.prepare_cached(sql)?;
        let found = statement.query_row([base], |row| Ok((row.get(0)?, row.get(1)?))).optional();
        // What cannot be read explains nothing.
        if found.as_ref().is_err_and(|error| fault(error) == Fault::Damage) {
            Ok(None)
        } else {
            found
        }
    };
    let floor = "SELECT first, next FROM floor WHERE first > ?1";
    let inside = "SELECT base, count FROM blocks WHERE base < ?1 ORDER BY base DESC LIMIT 1";
    let covers = |(first, next): (i64, i64)| first <= base && base < next;
    let explained = found(floor)?.is_some()
        || super::survey::expired(&snapshot).is_ok_and(|all| all.into_iter().any(covers))
        // A misled search may answer with the very row, which explains nothing.
        || found(inside)?.is_some_and(|(at, count)| {
            at < base && covers((at, at.saturating_add(count)))
        });
    Ok(!explained)
}

/// Looks for a row among all of them, because a damaged page misleads the way to
/// it. Answers with the row, or with the next key that is there.
pub(super) fn search(conn: &Connection, base: u64) -> rusqlite::Result<Result<Row, Option<u64>>> {
    let mut found = Err(None);
    rows(conn, &mut |met| match met {
        Met::Row { base: at, row } if at == base => {
            found = Ok(row);
            ControlFlow::Break(())
        }
        Met::Row { base: at, .. } if at > base => {
            found = Err(Some(at));
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    })?;
    Ok(found)
}

/// The largest key that is not above `from`, or `from`.
pub(super) fn start_of(conn: &Connection, from: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT base FROM blocks WHERE base <= ?1 ORDER BY base DESC LIMIT 1";
    let found = conn.prepare_cached(sql)?.query_row(params![from], |row| row.get(0)).optional();
    match found {
        Err(error) if fault(&error) == Fault::Damage => Ok(from),
        found => Ok(found?.unwrap_or(from)),
    }
}
