//! How is a damaged log carried over? Everything that is whole goes into a fresh
//! directory, at its old place; the rest becomes gaps.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::directory::failed;
use super::inspect::{Finding, Source};
use super::keys::OnTwin;
use super::latch::Purpose;
use super::{Directory, OpenError, SqliteOptions, SqliteStore, open};
use crate::block::Block;
use crate::id::{Boot, Origin, Position};
use crate::store::naming::BlockName;
use crate::store::{BlockStore, Gap, GapReason, Note, StoreError};

/// Blocks that one transaction carries over, at most.
const CARRIED_BLOCKS_MAX: usize = 64;

/// What was carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Blocks that are in the new directory.
    pub blocks: u64,
    /// Events in them.
    pub events: u64,
    /// Blocks that were damaged and left behind.
    pub damaged: u64,
    /// What the new log says is missing.
    pub gaps: Vec<Gap>,
}

/// Copies every block that is whole from the data directory `dir` into `into`,
/// which must not be there yet or be empty. The log keeps its id, and its events
/// their positions; what is missing is noted as gaps. `dir` is not changed.
///
/// Callers' keys that can be read are carried over too. `into` appears when it is
/// complete: until then it is built beside itself, under a name that ends in
/// `.partial`.
///
/// # Errors
///
/// See [`OpenError`] and [`super::inspect()`]; also if `into` is not empty.
pub fn salvage(dir: &Path, into: &Path, options: SqliteOptions) -> Result<Salvaged, OpenError> {
    if fs::read_dir(into).is_ok_and(|mut entries| entries.next().is_some()) {
        let cause = std::io::Error::from(std::io::ErrorKind::DirectoryNotEmpty);
        return Err(failed("salvage into", into)(cause));
    }
    let mut partial = into.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Directory::new(Path::new(&partial));
    if partial.path().exists() {
        fs::remove_dir_all(partial.path()).map_err(failed("remove", partial.path()))?;
    }
    partial.create()?;
    let salvaged = {
        let source = Source::open(dir, partial.path())?;
        open::create(&partial, source.origin, options.clock.now())?;
        let store = SqliteStore::open(partial.path(), options)?;
        let salvaged = carry(&source, &store)?;
        store.close()?;
        salvaged
    };
    fs::rename(partial.path(), into).map_err(failed("rename to", into))?;
    let parent: PathBuf =
        into.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")).into();
    Directory::new(&parent).sync()?;
    Ok(salvaged)
}

fn carry(source: &Source, store: &SqliteStore) -> Result<Salvaged, OpenError> {
    let mut waiting: Vec<(Position, Option<BlockName>, Block)> = Vec::new();
    let mut failed = None;
    let mut lost = Vec::new();
    let mut flush = |waiting: &mut Vec<(Position, Option<BlockName>, Block)>| {
        let carried = carry_some(store, waiting);
        waiting.clear();
        failed = failed.take().or(carried.err());
    };
    let seen = source.look(&mut |finding| match finding {
        Finding::Whole { base, block, named } => {
            let name = BlockName::of(block).filter(|_| named);
            waiting.push((base, name, block.clone()));
            if waiting.len() == CARRIED_BLOCKS_MAX {
                flush(&mut waiting);
            }
        }
        Finding::Damaged { base, count, .. } => lost.push(base..base.plus(count)),
        Finding::Unreadable { range } => lost.push(range),
    })?;
    flush(&mut waiting);
    if let Some(error) = failed {
        return Err(error.into());
    }
    carry_ends(source, store, seen.next)?;
    let damaged = lost.into_iter().filter(|range| range.start < seen.next && !range.is_empty());
    let damaged = damaged.map(|range| Gap { range, reason: GapReason::Damaged });
    for gap in seen.gaps.iter().cloned().chain(damaged) {
        store.inner.note(&gap);
    }
    let ends = store.ends()?;
    let gaps = store.gaps()?;
    Ok(Salvaged { blocks: ends.blocks, events: ends.events, damaged: seen.damaged, gaps })
}

fn carry_some(
    store: &SqliteStore,
    blocks: &[(Position, Option<BlockName>, Block)],
) -> Result<(), StoreError> {
    store.inner.transact(Purpose::Store, "carry blocks over", |tx| {
        for (base, name, block) in blocks {
            // Two whole blocks never overlap unless a page stands twice.
            if base.0 < tx.counts.next {
                continue;
            }
            tx.counts.next = base.0;
            tx.insert(*name, block)?;
        }
        Ok(())
    })
}

/// Carries over where the log ends, which names are gone, what waits in the
/// outbox, the callers' keys, and the notes, as far as they can be read.
fn carry_ends(source: &Source, store: &SqliteStore, next: Position) -> Result<(), StoreError> {
    let gone =
        "SELECT boots.origin, boots.boot, first, last FROM gone JOIN boots ON boots.id = gone.boot";
    let gone: Vec<([u8; 16], [u8; 8], i64, i64)> =
        rows(source, gone, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    let outbox: Vec<i64> = rows(source, "SELECT base FROM outbox", |row| row.get(0));
    let expired = super::survey::expired(&source.conn).unwrap_or_default();
    let keys = super::keys::every_key(&source.conn);
    let notes = super::notes::every_note(&source.conn).0;
    let whole = notes.iter().filter_map(|(name, value)| Some((name, value.as_ref().ok()?)));
    let notes: Vec<Note<'_>> = whole.map(|(name, value)| Note { name, value }).collect();
    store.inner.transact(Purpose::Store, "carry the ends over", |tx| {
        for (origin, boot, first, last) in &gone {
            let boot = tx.boot_row(Origin::from_bytes(*origin), Boot::from_bytes(*boot))?;
            tx.execute(
                "INSERT OR IGNORE INTO gone VALUES (?1, ?2, ?3)",
                params![boot, first, last],
            )?;
        }
        for base in &outbox {
            let sql = "INSERT OR IGNORE INTO outbox SELECT base FROM blocks WHERE base = ?1";
            tx.execute(sql, [base])?;
        }
        for (first, next) in &expired {
            tx.write_expired(*first, *next)?;
        }
        keys.iter().try_for_each(|key| tx.insert_key(key, OnTwin::Replace))?;
        tx.insert_notes(&notes)?;
        tx.counts.next = tx.counts.next.max(next.0);
        tx.raise_floor()
    })
}

/// The rows of a side table, up to the first that cannot be read.
fn rows<T>(
    source: &Source,
    sql: &str,
    mut read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut found = Vec::new();
    let mut collect = || -> rusqlite::Result<()> {
        let mut statement = source.conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(())
    };
    if let Err(error) = collect() {
        tracing::warn!(%error, sql, "a table beside the blocks is carried over in part");
    }
    found
}
