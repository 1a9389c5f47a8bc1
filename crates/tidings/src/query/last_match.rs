//! When did it match last, before a window in which it does not?

use super::filter::{Filter, Plan};
use super::scan::Scan;
use super::work::Work;
use super::{Order, QueryError};
use crate::clock::Timestamp;
use crate::event::StoredEvent;
use crate::log::Log;

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
    /// events that had to be looked at the search ends. Blocks and frames that cannot
    /// hold a match, by their names and words, are not looked at.
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
        let scan = Scan {
            core: self.core(),
            plan: &Plan::new(filter),
            window: self.window_between(None, Some(before)),
            order: Order::Descending,
            after: None,
            limit: 1,
            count_all: false,
            work: &Work { events_max: Some(events_max), ..work.clone() },
        };
        let mut found = scan.run()?;
        Ok(match (found.events.pop(), found.goes_on) {
            (Some(event), _) => LastMatch::Event(Box::new(event)),
            (None, Some(key)) => LastMatch::NoneSince(key.time),
            (None, None) => LastMatch::Nothing,
        })
    }
}
