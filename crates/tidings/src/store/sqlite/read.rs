//! How do blocks come out? Verified, and with a note of every damage met.

use std::ops::{ControlFlow, Range};

use super::Inner;
use super::latch::{Fault, Purpose, fault};
use super::row;
use super::walk::{self, Met, Row};
use crate::block::{Block, Excerpt, Outline};
use crate::id::Position;
use crate::store::{Damage, Ends, Gap, GapReason, Head, Outcome, StoreError, Stored};

impl Inner {
    pub(super) fn heads(&self, from: Position, limit: usize) -> Result<Vec<Head>, StoreError> {
        let Ok(start) = i64::try_from(from.0) else { return Ok(Vec::new()) };
        let mut heads: Vec<Head> = Vec::new();
        let (mut holes, mut ended) = (Vec::new(), 0);
        self.reading("read heads", |conn| {
            walk::heads(conn, walk::start_of(conn, start)?, &mut |met| {
                match met {
                    Met::Hole(range) => holes.push(range),
                    Met::Head(head) => {
                        ended += usize::from(head.base.plus(head.count) > from);
                        heads.push(head);
                    }
                    Met::Place { .. } | Met::Row { .. } => {}
                }
                // One more than asked for: the last but one may have to be cut.
                if ended > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        })?;
        cut_overlaps(&mut heads);
        heads.retain(|head| head.base.plus(head.count) > from);
        heads.truncate(limit);
        let damaged = heads.iter().filter(|head| head.header.is_err());
        let blocks: Vec<Gap> = damaged.map(|head| gap(head.base.0, head.count)).collect();
        for gap in &blocks {
            self.note(gap);
        }
        let next = self.counts.lock().next;
        for hole in holes {
            let end = hole.end.min(next);
            if hole.start < end {
                self.note(&gap(hole.start, end - hole.start));
            }
        }
        Ok(heads)
    }

    pub(super) fn read(&self, base: Position) -> Result<Option<Block>, StoreError> {
        let Ok(key) = i64::try_from(base.0) else { return Ok(None) };
        match self.reading("read a block", |conn| walk::block(conn, key))? {
            Some(row) => self.opened(base, row),
            None => self.search(base, key),
        }
    }

    pub(super) fn outline(&self, base: Position) -> Result<Option<Outline>, StoreError> {
        let Ok(key) = i64::try_from(base.0) else { return Ok(None) };
        let read = self.reading("read a head", |conn| match walk::outline(conn, key) {
            Err(error) if fault(&error) == Fault::Damage => Ok(None),
            read => read,
        })?;
        match read {
            Some(Ok(outline)) => Ok(Some(outline)),
            // What is wrong is found out, and noted, by reading all of it.
            None | Some(Err(_)) => Ok(self.read(base)?.map(|block| block.outline().clone())),
        }
    }

    pub(super) fn excerpt(
        &self,
        base: Position,
        outline: &Outline,
        frames: &Range<usize>,
    ) -> Result<Option<Excerpt>, StoreError> {
        let Ok(key) = i64::try_from(base.0) else { return Ok(None) };
        let extent = outline.extent(frames);
        let read = self.reading("read frames", |conn| {
            match walk::part_of_body(conn, key, outline, &extent) {
                Err(error) if fault(&error) == Fault::Damage => Ok(None),
                read => read,
            }
        })?;
        if let Some(bytes) = read {
            return Ok(Some(outline.excerpt(frames, bytes)));
        }
        let block = self.read(base)?.filter(|block| block.outline() == outline);
        Ok(block.map(|block| block.excerpt().clone()))
    }

    pub(super) fn blocks(
        &self,
        range: &Range<Position>,
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut blocks = Vec::new();
        if limit > 0 {
            self.visit_blocks(range, &mut |stored| {
                blocks.push(stored);
                if blocks.len() == limit {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        }
        Ok(blocks)
    }

    pub(super) fn visit_blocks(
        &self,
        range: &Range<Position>,
        visit: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Ok(start) = i64::try_from(range.start.0) else { return Ok(()) };
        let mut damaged = Vec::new();
        self.reading("read blocks", |conn| {
            if range.is_empty() {
                return Ok(());
            }
            walk::rows_from(conn, start, &mut |met| {
                let Met::Row { base, row } = met else { return ControlFlow::Continue(()) };
                if base >= range.end.0 {
                    return ControlFlow::Break(());
                }
                let (base, Row { count, block, .. }) = (Position(base), row);
                if block.is_err() {
                    damaged.push(gap(base.0, count));
                }
                visit(Stored { base, block })
            })
        })?;
        for gap in &damaged {
            self.note(gap);
        }
        Ok(())
    }

    fn opened(&self, base: Position, row: Row) -> Result<Option<Block>, StoreError> {
        row.block.map(Some).map_err(|cause| {
            self.note(&gap(base.0, row.count));
            StoreError::Damaged { base, cause }
        })
    }

    /// Nothing was found: rightly so, or because the way to it is damaged.
    fn search(&self, base: Position, key: i64) -> Result<Option<Block>, StoreError> {
        let told = self.gaps.lock().iter().any(|gap| gap.range.contains(&base));
        if told || base.0 >= self.counts.lock().next {
            return Ok(None);
        }
        let found = self.reading("look for a block", |conn| {
            if walk::is_missed(conn, key)? {
                walk::search(conn, base.0).map(Some)
            } else {
                Ok(None)
            }
        })?;
        match found {
            None => Ok(None),
            Some(Ok(row)) => self.opened(base, row),
            Some(Err(next)) => {
                self.note(&gap(base.0, next.map_or(1, |next| next - base.0)));
                let cause = Damage::Unreadable("it cannot be found any more".to_owned());
                Err(StoreError::Damaged { base, cause })
            }
        }
    }

    pub(super) fn ends(&self) -> Result<Ends, StoreError> {
        let counts = *self.counts.lock();
        if self.latch.get() == super::latch::Health::Closed {
            return Err(self.closed());
        }
        let bytes = self.dir.store_bytes();
        Ok(Ends {
            first: Position(counts.first),
            next: Position(counts.next),
            events: counts.events,
            blocks: counts.blocks,
            bytes: bytes
                .map_err(|error| self.io("look at the files", &error, Outcome::NotStored))?,
        })
    }

    pub(super) fn known_gaps(&self) -> Result<Vec<Gap>, StoreError> {
        if self.latch.get() == super::latch::Health::Closed {
            return Err(self.closed());
        }
        Ok(self.gaps.lock().clone())
    }

    /// Remembers a gap, once; durably if that is possible now.
    pub(super) fn note(&self, gap: &Gap) {
        {
            let mut gaps = self.gaps.lock();
            let (from, to) = (gap.range.start, gap.range.end);
            let covers = |known: &Gap| known.range.start <= from && to <= known.range.end;
            if gaps.iter().any(|known| known.reason == gap.reason && covers(known)) {
                return;
            }
            gaps.push(gap.clone());
            gaps.sort_by_key(|gap| (gap.range.start, gap.range.end));
        }
        tracing::error!(
            store = %self.name, from = %gap.range.start, to = %gap.range.end,
            reason = ?gap.reason, "positions are missing from the store"
        );
        let written = self.transact(Purpose::Store, "note a gap", |tx| tx.write_gap(gap));
        if let Err(error) = written {
            tracing::warn!(store = %self.name, %error, "a gap is remembered in memory only");
        }
    }
}

fn gap(base: u64, count: u64) -> Gap {
    let base = Position(base);
    Gap { range: base..base.plus(count), reason: GapReason::Damaged }
}

/// The count of a damaged row cannot be trusted: the next row says where it ends.
fn cut_overlaps(heads: &mut [Head]) {
    for at in 1..heads.len() {
        let next = heads[at].base;
        let head = &mut heads[at - 1];
        if head.header.is_err() && head.base.plus(head.count) > next {
            head.count = next.0.saturating_sub(head.base.0).max(1);
        }
    }
}

impl super::write::Tx<'_> {
    pub(super) fn write_gap(&mut self, gap: &Gap) -> Result<(), StoreError> {
        let signed = |position: Position| i64::try_from(position.0).unwrap_or(i64::MAX);
        let (first, next) = (signed(gap.range.start), signed(gap.range.end));
        let reason = reason_number(gap.reason);
        self.execute(
            "INSERT OR REPLACE INTO gaps VALUES (?1, ?2, ?3, ?4)",
            rusqlite::params![first, next, reason, row::gap_seal(first, next, reason)],
        )?;
        Ok(())
    }
}

fn reason_number(reason: GapReason) -> i64 {
    match reason {
        GapReason::MissingTail => 1,
        GapReason::Damaged => 2,
        GapReason::TailUnknown => 3,
    }
}

/// The gaps that are written down, and how many rows cannot be read.
pub(super) fn written_gaps(conn: &rusqlite::Connection) -> rusqlite::Result<(Vec<Gap>, usize)> {
    let mut statement =
        conn.prepare("SELECT first, next, reason, seal FROM gaps ORDER BY first")?;
    let mut rows = statement.query([])?;
    let (mut gaps, mut unreadable) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (first, next, reason): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let whole = row::check(row.get(3)?, row::gap_seal(first, next, reason)).is_ok();
        let reason = [GapReason::MissingTail, GapReason::Damaged, GapReason::TailUnknown]
            .into_iter()
            .find(|known| whole && reason_number(*known) == reason);
        let range = Position(first.unsigned_abs())..Position(next.unsigned_abs());
        match reason {
            Some(reason) => gaps.push(Gap { range, reason }),
            None => unreadable += 1,
        }
    }
    Ok((gaps, unreadable))
}
