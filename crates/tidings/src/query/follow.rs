//! What has arrived since? Everything once, in order of arrival, or a gap.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::QueryError;
use super::cursor::FollowCursor;
use super::filter::{Filter, Plan};
use super::standing::{Begin, Standing};
use crate::block::FormatError;
use crate::clock::Timestamp;
use crate::event::StoredEvent;
use crate::id::Position;
use crate::log::{Core, Log, Part, Slot, reason_of_hole};

/// Blocks that one [`Follower::poll`] opens, at most.
pub const FOLLOW_BLOCKS_MAX: usize = 64;

/// Where a follower begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowFrom {
    /// With the next event that arrives.
    Now,
    /// Where another follower stopped, in this log or in that of another member of
    /// the same cluster.
    Cursor(FollowCursor),
    /// With the first event received at or after this time.
    Since(Timestamp),
}

/// What a follower sees.
#[derive(Clone, Debug)]
pub enum Followed {
    /// An event, and the cursor that goes on after it.
    Event(Box<StoredEvent>, FollowCursor),
    /// Positions that it should have seen and cannot.
    Gap {
        /// From here; `None` for what another member showed or did not show before
        /// this one goes on, which nobody can count here.
        from: Option<Position>,
        /// To here, excluded.
        to: Position,
        /// `expired`, `damaged`, `missing_tail`; `other_member` when it is not known
        /// here what the follower has seen there.
        reason: &'static str,
        /// Goes on after the gap.
        cursor: FollowCursor,
    },
}

/// Reads on as the log grows. Holds no lock and no place in any queue: a slow
/// follower costs nobody anything, and sees a gap once it is slower than the
/// retention.
pub struct Follower {
    core: Arc<Core>,
    plan: Arc<Plan>,
    next: Position,
    standing: Standing,
    /// The first thing that it sees is that something may be missing.
    begins_with_gap: bool,
    /// Nothing received before this is wanted until the first that is not.
    since: Option<Timestamp>,
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Log {
    /// Follows the log in order of arrival.
    ///
    /// A cursor that is ahead of the log, because the log lost its end, goes on
    /// with the next event that arrives.
    ///
    /// A cursor of another member of the log's cluster goes on here: what was seen
    /// there is passed over, also when it arrives here later, and everything else
    /// is seen once. Where this log no longer knows what was seen there, a gap
    /// `other_member` comes first.
    ///
    /// # Errors
    ///
    /// The cursor belongs to another log that is not in the same cluster, or says
    /// nothing that this log could go on from.
    #[expect(clippy::needless_pass_by_value, reason = "a follower may keep its filter")]
    pub fn follow(&self, from: FollowFrom, filter: Arc<Filter>) -> Result<Follower, QueryError> {
        let core = Arc::clone(self.core());
        let end = core.index.read().next();
        let first = core.index.read().slots().first().map_or(end, |slot| slot.base);
        let (begin, since) = match from {
            FollowFrom::Now => (Begin::at(end), None),
            FollowFrom::Since(at) => (Begin::at(first), Some(at.max(core.cutoff()))),
            FollowFrom::Cursor(cursor) => (Begin::after(&cursor, &core)?, None),
        };
        Ok(Follower {
            plan: Arc::new(Plan::new(&filter)),
            next: begin.next.min(end),
            standing: begin.standing,
            begins_with_gap: begin.gap,
            since,
            core,
        })
    }
}

impl Follower {
    /// What has arrived since the last call, at most `limit` entries, without
    /// waiting. Opens at most [`FOLLOW_BLOCKS_MAX`] blocks a call: `caught_up`
    /// tells whether to call again at once.
    ///
    /// # Errors
    ///
    /// The store cannot be read; the next call tries again from the same place.
    pub fn poll(&mut self, limit: usize) -> Result<Vec<Followed>, QueryError> {
        let mut seen = Vec::new();
        let mut opened = 0;
        if std::mem::take(&mut self.begins_with_gap) {
            let (to, cursor) = (self.next, self.cursor_here());
            seen.push(Followed::Gap { from: None, to, reason: "other_member", cursor });
        }
        while seen.len() < limit && opened < FOLLOW_BLOCKS_MAX {
            let (slot, end) = {
                let index = self.core.index.read();
                (index.at_or_after(self.next), index.next())
            };
            let Some(slot) = slot else {
                self.pass_hole(end, &mut seen)?;
                break;
            };
            if slot.base > self.next {
                self.pass_hole(slot.base, &mut seen)?;
            } else if let Some(part) = self.open(&slot, &mut seen, &mut opened)? {
                self.read_part(&part, slot.end(), limit, &mut seen);
            }
        }
        Ok(seen)
    }

    /// The events of a slot if they are worth reading; otherwise passes them by.
    fn open(
        &mut self,
        slot: &Slot,
        seen: &mut Vec<Followed>,
        opened: &mut usize,
    ) -> Result<Option<Part>, QueryError> {
        let end = slot.end();
        if !slot.readable {
            self.gap(end, "damaged", seen);
            return Ok(None);
        }
        if slot.received.1 < self.core.cutoff() {
            self.gap(end, "expired", seen);
            return Ok(None);
        }
        let too_early = self.since.is_some_and(|since| slot.received.1 < since);
        if too_early || !self.plan.may_match(slot) {
            self.since = self.since.filter(|_| too_early);
            self.next = end;
            return Ok(None);
        }
        *opened += 1;
        let part = self.core.part(slot)?;
        if part.as_ref().is_some_and(|part| self.standing.has_passed_all(part.block.header())) {
            self.next = end;
            return Ok(None);
        }
        if part.is_none() {
            let known = self.core.index.read().at_or_after(slot.base);
            let damaged = known.is_some_and(|now| now.base == slot.base && !now.readable);
            self.gap(end, if damaged { "damaged" } else { "expired" }, seen);
        }
        Ok(part)
    }

    fn read_part(&mut self, part: &Part, end: Position, limit: usize, seen: &mut Vec<Followed>) {
        for number in part.frames() {
            let (_, frame_end) = part.positions(number);
            if frame_end <= self.next {
                continue;
            }
            if let Err(cause) = self.read_frame(part, number, limit, seen) {
                self.core.note_damage(part.positions(number).0, frame_end, &cause);
                self.gap(frame_end.min(end), "damaged", seen);
            }
            if seen.len() >= limit {
                return;
            }
        }
        self.next = self.next.max(end);
    }

    fn read_frame(
        &mut self,
        part: &Part,
        number: usize,
        limit: usize,
        seen: &mut Vec<Followed>,
    ) -> Result<(), FormatError> {
        let cutoff = self.core.cutoff();
        let plan = Arc::clone(&self.plan);
        let (start, end) = part.positions(number);
        let rows = part.rows(number);
        let Some(plan) = plan.for_block(part.block.header()) else {
            self.next = end.min(start.plus(rows.end as u64));
            return Ok(());
        };
        let frame = part.block.frame(number)?;
        let first = usize::try_from(self.next.0.saturating_sub(start.0)).unwrap_or(usize::MAX);
        for i in rows.start.max(first)..rows.end {
            let after = start.plus(i as u64 + 1);
            let received = frame.received(i);
            if self.since.is_some_and(|since| received < since) {
                self.next = after;
                continue;
            }
            self.since = None;
            let (_, boot, seq) = frame.name(i);
            self.standing.look_at(after, boot, seq);
            if self.standing.has_passed(boot, seq, received) {
                self.next = after;
            } else if received < cutoff {
                self.gap(after, "expired", seen);
            } else if plan.matches(&frame, i)? {
                let event = Box::new(frame.event(i, part.base)?);
                self.next = after;
                seen.push(Followed::Event(event, self.cursor_here()));
            }
            self.next = after;
            if seen.len() >= limit {
                break;
            }
        }
        Ok(())
    }

    /// Goes on at `to` although nothing covers the positions before it.
    fn pass_hole(&mut self, to: Position, seen: &mut Vec<Followed>) -> Result<(), QueryError> {
        if self.next < to {
            let gaps = self.core.store.gaps()?;
            self.gap(to, reason_of_hole(&gaps, self.next, to), seen);
        }
        Ok(())
    }

    fn gap(&mut self, to: Position, reason: &'static str, seen: &mut Vec<Followed>) {
        let from = std::mem::replace(&mut self.next, to);
        // Whoever asks from a time on is not told of what was before it.
        if self.since.is_some() && reason == "expired" {
            return;
        }
        let cursor = self.cursor_here();
        match seen.last_mut() {
            Some(Followed::Gap { to: end, reason: same, cursor: old, .. })
                if *end == from && *same == reason =>
            {
                (*end, *old) = (to, cursor);
            }
            _ => seen.push(Followed::Gap { from: Some(from), to, reason, cursor }),
        }
    }

    /// Whether everything that has arrived was looked at.
    pub fn caught_up(&self) -> bool {
        self.next >= self.core.index.read().next()
    }

    /// Where it stands.
    pub fn cursor(&self) -> FollowCursor {
        let passed = self.standing.clone().passed(&self.core, self.next);
        FollowCursor { origin: self.core.origin, next: self.next, passed }
    }

    fn cursor_here(&mut self) -> FollowCursor {
        let passed = self.standing.passed(&self.core, self.next);
        FollowCursor { origin: self.core.origin, next: self.next, passed }
    }

    /// Waits until something arrives or the log closes; at most `timeout`.
    /// Returns whether there is something to poll for.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.core.arrivals.wait(self.next, timeout)
    }

    /// As [`Follower::wait`] without a timeout, for any async runtime.
    pub fn arrived(&self) -> Arrived {
        Arrived { core: Arc::clone(&self.core), after: self.next, waiter: 0 }
    }
}

/// Resolves when the log has grown past the follower, or closes.
pub struct Arrived {
    core: Arc<Core>,
    after: Position,
    /// Under which the waker is kept; 0 before the first poll.
    waiter: u64,
}

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived").field("after", &self.after).finish_non_exhaustive()
    }
}

impl Future for Arrived {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.core.arrivals.poll(this.after, &mut this.waiter, context)
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        if self.waiter != 0 {
            self.core.arrivals.forget(self.waiter);
        }
    }
}
