//! What has arrived since? Everything once, in order of arrival, or a gap.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::QueryError;
use super::arrived::Arrived;
use super::cursor::FollowCursor;
use super::filter::{Filter, Plan};
use super::standing::{Begin, Standing};
use crate::block::FormatError;
use crate::clock::Timestamp;
use crate::event::SharedEvent;
use crate::id::Position;
use crate::log::{Core, Log, SharedFrame, Slot, reason_of_hole};

/// Frames of some hundred events that one [`Follower::poll`] looks into, at most.
pub const FOLLOW_FRAMES_MAX: usize = 64;
/// Events that a follower may be behind, once it has caught up, unless it says
/// otherwise.
pub const FOLLOW_LAG_EVENTS_MAX: u64 = 100_000;

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
    Event(Arc<SharedEvent>, FollowCursor),
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
    /// It was too slow: so much has arrived since it had caught up that it goes on
    /// with what arrives now. What was left out is still in the log.
    Dropped {
        /// So many events were left out. With a filter it is those of blocks that
        /// may hold a match, so at least as many as would have matched.
        count: u64,
        /// From here.
        from: Position,
        /// To here, excluded.
        to: Position,
        /// A follower that begins with this cursor sees what was left out.
        resume: FollowCursor,
        /// Goes on after it.
        cursor: FollowCursor,
    },
}

/// Whether a poll may wait for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Memory,
    Store,
}

/// Reads on as the log grows. Holds no lock and no place in any queue: a slow
/// follower costs nobody anything. Once it has caught up and then is further behind
/// than [`FOLLOW_LAG_EVENTS_MAX`], it is told what was [`Followed::Dropped`]; one that
/// still reads what was before is as slow as it likes, and sees a gap once it is
/// slower than the retention.
///
/// What one follower has read, others that are about as far have for nothing.
pub struct Follower {
    core: Arc<Core>,
    plan: Arc<Plan>,
    next: Position,
    standing: Standing,
    /// The first thing that it sees is that something may be missing.
    begins_with_gap: bool,
    /// Nothing received before this is wanted until the first that is not.
    since: Option<Timestamp>,
    /// It has seen the end of the log, so that being behind is being slow.
    had_caught_up: bool,
    lag_events_max: u64,
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
            had_caught_up: begin.next >= end,
            lag_events_max: FOLLOW_LAG_EVENTS_MAX,
            core,
        })
    }
}

impl Follower {
    /// May be so many events behind once it has caught up; `u64::MAX` is never too
    /// slow. Without it: [`FOLLOW_LAG_EVENTS_MAX`].
    #[must_use]
    pub fn with_lag_events_max(self, lag_events_max: u64) -> Follower {
        Follower { lag_events_max, ..self }
    }

    /// What has arrived since the last call, at most `limit` entries, without
    /// waiting. Looks into at most [`FOLLOW_FRAMES_MAX`] frames a call: `caught_up`
    /// tells whether to call again at once.
    ///
    /// # Errors
    ///
    /// The store cannot be read; the next call tries again from the same place.
    pub fn poll(&mut self, limit: usize) -> Result<Vec<Followed>, QueryError> {
        let mut seen = Vec::new();
        match self.go_on(limit, Reach::Store, &mut seen) {
            // What was seen before the store failed comes first.
            Err(error) if seen.is_empty() => Err(error),
            _ => Ok(seen),
        }
    }

    /// As [`Follower::poll`], but ends where the store would have to be read, and so
    /// never waits for a disk. What has just arrived is usually in memory.
    pub fn poll_in_memory(&mut self, limit: usize) -> Vec<Followed> {
        let mut seen = Vec::new();
        // Only the store can fail.
        let _ = self.go_on(limit, Reach::Memory, &mut seen);
        seen
    }

    fn go_on(
        &mut self,
        limit: usize,
        reach: Reach,
        seen: &mut Vec<Followed>,
    ) -> Result<(), QueryError> {
        if std::mem::take(&mut self.begins_with_gap) {
            let (to, cursor) = (self.next, self.cursor_here());
            seen.push(Followed::Gap { from: None, to, reason: "other_member", cursor });
        }
        self.drop_what_is_too_much(seen);
        let mut looked_into = 0;
        while seen.len() < limit && looked_into < FOLLOW_FRAMES_MAX {
            let (slot, end) = {
                let index = self.core.index.read();
                (index.at_or_after(self.next), index.next())
            };
            let hole = slot.map_or(end, |slot| slot.base);
            if self.next < hole && !self.pass_hole(hole, reach, seen)? {
                break;
            }
            let Some(slot) = slot else { break };
            if !self.passes_by(&slot, seen) {
                looked_into += 1;
                if !self.read(&slot, limit, reach, seen)? {
                    break;
                }
            }
        }
        self.had_caught_up = self.had_caught_up || self.caught_up();
        Ok(())
    }

    /// Leaves out what has arrived since it had caught up, if that is too much.
    fn drop_what_is_too_much(&mut self, seen: &mut Vec<Followed>) {
        let (from, to) = (self.next, self.core.index.read().next());
        if !self.had_caught_up || to.0.saturating_sub(from.0) <= self.lag_events_max {
            return;
        }
        let count = self.may_match_between(from, to);
        if count > self.lag_events_max {
            let resume = self.cursor_here();
            self.next = to;
            let cursor = self.cursor_here();
            seen.push(Followed::Dropped { count, from, to, resume, cursor });
        }
    }

    /// How many events of blocks that may hold a match stand between two positions.
    fn may_match_between(&self, from: Position, to: Position) -> u64 {
        let (index, cutoff) = (self.core.index.read(), self.core.cutoff());
        let slots = index.slots();
        let first = slots.partition_point(|slot| slot.end() <= from);
        let may_match =
            |slot: &&Slot| slot.readable && slot.received.1 >= cutoff && self.plan.may_match(slot);
        let within = |slot: &Slot| slot.end().min(to).0.saturating_sub(slot.base.max(from).0);
        slots[first..].iter().take_while(|s| s.base < to).filter(may_match).map(within).sum()
    }

    /// Whether the index alone says that nothing of a slot is seen.
    fn passes_by(&mut self, slot: &Slot, seen: &mut Vec<Followed>) -> bool {
        let end = slot.end();
        if !slot.readable {
            self.gap(end, "damaged", seen);
            return true;
        }
        if slot.received.1 < self.core.cutoff() {
            self.gap(end, "expired", seen);
            return true;
        }
        let too_early = self.since.is_some_and(|since| slot.received.1 < since);
        if too_early || !self.plan.may_match(slot) {
            self.since = self.since.filter(|_| too_early);
            self.next = end;
            return true;
        }
        false
    }

    /// Reads on to the end of a frame. Says whether it could, within its reach.
    fn read(
        &mut self,
        slot: &Slot,
        limit: usize,
        reach: Reach,
        seen: &mut Vec<Followed>,
    ) -> Result<bool, QueryError> {
        let shared = match reach {
            Reach::Store => self.core.shared_frame(slot, self.next)?,
            Reach::Memory => match self.core.known_frame(slot, self.next) {
                None => return Ok(false),
                known => known,
            },
        };
        let Some(shared) = shared else {
            let known = self.core.index.read().at_or_after(slot.base);
            let damaged = known.is_some_and(|now| now.base == slot.base && !now.readable);
            self.gap(slot.end(), if damaged { "damaged" } else { "expired" }, seen);
            return Ok(true);
        };
        if let Err(cause) = self.read_frame(slot, &shared, limit, seen) {
            let (start, end) = shared.positions();
            self.core.note_damage(start, end, &cause);
            self.gap(end.min(slot.end()), "damaged", seen);
        }
        Ok(true)
    }

    fn read_frame(
        &mut self,
        slot: &Slot,
        shared: &SharedFrame,
        limit: usize,
        seen: &mut Vec<Followed>,
    ) -> Result<(), FormatError> {
        let (cutoff, plan) = (self.core.cutoff(), Arc::clone(&self.plan));
        let header = shared.header();
        let plan = plan.for_block(header).filter(|_| !self.standing.has_passed_all(header));
        let Some(plan) = plan else {
            self.next = shared.block_end().min(slot.end());
            return Ok(());
        };
        let ((start, end), frame) = (shared.positions(), shared.frame()?);
        while self.next < end.min(slot.end()) && seen.len() < limit {
            let i = usize::try_from(self.next.0 - start.0).unwrap_or(usize::MAX);
            let after = self.next.plus(1);
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
            } else if plan.matches_shared(shared, i)? {
                let event = Arc::clone(shared.event(i)?);
                self.next = after;
                seen.push(Followed::Event(event, self.cursor_here()));
            }
            self.next = after;
        }
        Ok(())
    }

    /// Goes on at `to` although nothing covers the positions before it. Says whether
    /// it could, within its reach.
    fn pass_hole(
        &mut self,
        to: Position,
        reach: Reach,
        seen: &mut Vec<Followed>,
    ) -> Result<bool, QueryError> {
        if reach == Reach::Memory {
            return Ok(false);
        }
        let gaps = self.core.store.gaps()?;
        self.gap(to, reason_of_hole(&gaps, self.next, to), seen);
        Ok(true)
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
        Arrived::after(&self.core, self.next)
    }
}
