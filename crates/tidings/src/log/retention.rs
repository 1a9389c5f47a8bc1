//! What is over age or over size, and goes?

use std::time::Duration;

use super::core::Core;
use super::index::{Index, Slot};
use crate::clock::{Steady, Timestamp};
use crate::id::Position;
use crate::sharing::Unshared;
use crate::store::StoreError;

/// A block received so far ahead of now was stamped by a clock that was wrong.
pub(crate) const RECEIVED_AHEAD_MAX: Duration = Duration::from_hours(1);
/// Blocks that are expired in one call of the store, at most.
pub(crate) const EXPIRE_BLOCKS_MAX: usize = 1000;

/// What upkeep has done that coverage must tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UpkeepSeen {
    /// `received` of the newest event that the size limit forced out.
    pub(super) cut_to: Option<Timestamp>,
}

/// The blocks that are over age as a whole, in order of position.
///
/// A block whose times cannot be read, or that was stamped by a clock far ahead
/// of now, is as old as its neighbours: it goes when the next block after it
/// that can be judged goes.
fn over_age(index: &Index, now: Timestamp, retention: Duration) -> Vec<Position> {
    let (cutoff, ahead) = (now.before(retention), now.after(RECEIVED_AHEAD_MAX));
    let mut later_is_over = false;
    let mut over = Vec::new();
    if !index.has_older(cutoff) {
        return over;
    }
    for slot in index.slots().iter().rev() {
        if slot.readable && slot.received.1 <= ahead {
            later_is_over = slot.received.1 < cutoff;
        }
        if later_is_over {
            over.push(slot.base);
        }
    }
    over.reverse();
    over
}

/// The oldest blocks, as many as bring the log under `limit` bytes; the newest
/// block always stays.
fn over_size(index: &Index, limit: u64) -> &[Slot] {
    let mut excess = index.bytes().saturating_sub(limit);
    let count = index.slots().iter().take_while(|slot| {
        let goes = excess > 0;
        excess = excess.saturating_sub(slot.bytes());
        goes
    });
    let spare = index.slots().len().saturating_sub(1);
    &index.slots()[..count.count().min(spare)]
}

impl Core {
    /// Expires what is over age or over size, and keys past their window.
    pub(super) fn retain(&self, steady: &mut Steady) -> Result<(), StoreError> {
        let now = self.now();
        let may_purge = steady.observe(now, self.options.clock.monotonic());
        if may_purge {
            {
                let _reshaping = self.merging.reshaping.lock();
                let over = over_age(&self.index.read(), now, self.options.retention);
                self.expire(&over, Unshared::TooOld)?;
            }
            self.boots.lock().forget_before(self.cutoff());
            self.store.forget_keys(now.before(self.options.dedupe_window))?;
        }
        self.retain_by_size()
    }

    fn retain_by_size(&self) -> Result<(), StoreError> {
        let _reshaping = self.merging.reshaping.lock();
        let (bases, cut_to) = {
            let index = self.index.read();
            let over = over_size(&index, self.options.retention_bytes);
            let newest = over.iter().filter(|slot| slot.readable).map(|slot| slot.received.1).max();
            (over.iter().map(|slot| slot.base).collect::<Vec<_>>(), newest)
        };
        if bases.is_empty() {
            return Ok(());
        }
        {
            let mut seen = self.upkeep_seen.lock();
            seen.cut_to = seen.cut_to.max(cut_to);
        }
        self.expire(&bases, Unshared::BySize)
    }

    /// The caller holds `reshaping`. `by` is why blocks that wait to be published never will be.
    fn expire(&self, bases: &[Position], by: Unshared) -> Result<(), StoreError> {
        for chunk in bases.chunks(EXPIRE_BLOCKS_MAX) {
            let expired = self.store.expire(chunk);
            if expired.is_err() {
                // Some may be gone although the call failed: `part` finds that out.
                self.index.write().uncount(chunk);
            }
            let events = expired?.events;
            self.expired(chunk, by);
            self.index.write().remove(chunk);
            self.cache.lock().remove(chunk);
            tracing::debug!(events, blocks = chunk.len(), by = by.name(), "expired");
        }
        Ok(())
    }
}
