//! When did it match last, before a window in which it does not?

use std::sync::Arc;

use super::filter::{Filter, Plan};
use super::rolled::Rolling;
use super::scan::{Scan, Window};
use super::work::Work;
use super::{Order, QueryError};
use crate::clock::Timestamp;
use crate::event::StoredEvent;
use crate::id::Position;
use crate::log::{Core, Log, Rollup, Slot};

/// Events that are looked at for the last match before a window, at most.
pub const LAST_MATCH_EVENTS_MAX: u64 = 262_144;

/// What is known of the time before a window.
#[derive(Clone, Debug, PartialEq)]
pub enum LastMatch {
    /// This is the last event that matches.
    Event(Box<StoredEvent>),
    /// Nothing that is kept matches.
    Nothing,
    /// Nothing that is listed at this time or later matches; what is older was not
    /// looked at.
    NoneSince(Timestamp),
}

impl Log {
    /// The newest event that matches and is listed before an instant.
    ///
    /// It is not worth what the question itself is: beyond [`LAST_MATCH_EVENTS_MAX`]
    /// events that had to be looked at the search ends. Hours, blocks and frames that
    /// cannot hold a match, by their names, severities and words, are not looked at.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or nobody waits for the answer any more.
    pub fn last_match_before(
        &self,
        filter: &Filter,
        before: Timestamp,
        work: &Work,
    ) -> Result<LastMatch, QueryError> {
        let events_max = work.events_max.unwrap_or(u64::MAX).min(LAST_MATCH_EVENTS_MAX);
        let plan = Plan::new(filter);
        let scan = Scan {
            core: self.core(),
            plan: &plan,
            window: self.window_between(None, Some(before)),
            order: Order::Descending,
            after: None,
            limit: 1,
            count_all: false,
            keeps: false,
            work: &Work { events_max: Some(events_max), ..work.clone() },
        };
        let mut slots = scan.candidates();
        if plan.takes_some_only() {
            let void = void_runs(self.core(), &plan);
            slots.retain(|slot| !is_within(&void, slot));
        }
        let mut found = scan.run_among(&slots)?;
        Ok(match (found.events.pop(), found.goes_on) {
            (Some(event), _) => LastMatch::Event(Box::new(event.into_stored())),
            (None, Some(key)) => LastMatch::NoneSince(key.time),
            (None, None) => LastMatch::Nothing,
        })
    }
}

/// Runs of positions, in order, none of which has a type, a member and a severity that
/// are asked for, as roll-ups tell.
fn void_runs(core: &Core, plan: &Plan) -> Vec<(Position, Position)> {
    let index = core.index.read();
    let is_void = |rollup: &&Arc<Rollup>| {
        let rolling = Rolling::new(rollup, plan, &Window::of_all_time());
        rolling.is_void() || rolling.by_type().is_some_and(|mut sums| sums.next().is_none())
    };
    index.rollups().iter().filter(is_void).map(|rollup| (rollup.from, rollup.end)).collect()
}

fn is_within(runs: &[(Position, Position)], slot: &Slot) -> bool {
    let at = runs.partition_point(|run| run.1 < slot.end());
    runs.get(at).is_some_and(|run| run.0 <= slot.base)
}
