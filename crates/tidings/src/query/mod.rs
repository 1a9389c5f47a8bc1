//! Which events answer?

mod arrived;
mod best;
mod bins;
mod collapse;
mod count;
mod crew;
mod cursor;
mod decimal;
mod edges;
mod expr;
mod facets;
mod field;
mod filter;
mod find;
mod follow;
mod gather;
mod histogram;
mod last_match;
mod learn;
mod lex;
mod line;
mod mask;
mod names;
mod needed;
mod needles;
mod node;
mod parse;
mod pattern;
mod patterns;
mod rolled;
mod row;
mod rows;
mod scan;
mod settle;
mod sift;
mod standing;
mod stars;
mod terms;
mod text;
mod told;
mod walk;
mod work;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{SharedEvent, StoredEvent};
use crate::id::{EventId, Origin};
use crate::log::{Coverage, Log};
use crate::store::StoreError;
use scan::{Scan, Window};

pub use arrived::Arrived;
pub use bins::{HISTOGRAM_STEPS, HISTOGRAM_STEPS_MAX};
pub use collapse::{COLLAPSE_GROUPS_MAX, CollapsedPage, GROUP_MEMBERS_MAX, Group};
pub use cursor::{BadCursor, FollowCursor, ListKey, PageCursor};
pub use expr::Expr;
pub use facets::{
    FACET_BYTES_MAX, FACET_TOP, FACET_VALUES_MAX, Facet, FacetOf, FacetQuery, FacetValue, Facets,
};
pub use filter::Filter;
use filter::Plan;
pub use follow::{FOLLOW_FRAMES_MAX, FOLLOW_LAG_EVENTS_MAX, FollowFrom, Followed, Follower};
pub use histogram::{By, HISTOGRAM_SERIES_MAX, Histogram, HistogramQuery, Series};
pub use last_match::{LAST_MATCH_EVENTS_MAX, LastMatch};
pub use lex::QUERY_TERMS_MAX;
pub use names::{NAMES_MAX, NameOf, NameSeen, Names, NamesQuery};
pub use parse::{Reading, SyntaxError};
pub use pattern::QUERY_STARS_MAX;
pub use patterns::{PATTERNS_MAX, Patterns};
pub use settle::QUERY_DEPTH_MAX;
pub use terms::QUERY_REGEXES_MAX;
pub use text::{REGEX_BYTES_MAX, Regex};
use work::Unread;
pub use work::{CUT_SHORT, Stop, Work};

/// Bytes of `q` or of one pattern, at most.
pub const QUERY_BYTES_MAX: usize = 4096;
/// Events of a page when nobody says how many.
pub const PAGE_EVENTS: usize = 100;

const NANOSECOND: Duration = Duration::from_nanos(1);

/// Why a filter cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FilterError {
    /// What is wrong, and what to write instead.
    pub problem: String,
}

impl FilterError {
    fn new(problem: String) -> FilterError {
        FilterError { problem }
    }
}

/// In which direction a list goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    Descending,
    /// Oldest first.
    Ascending,
}

impl Order {
    /// The other way.
    #[must_use]
    pub fn reversed(self) -> Order {
        match self {
            Order::Descending => Order::Ascending,
            Order::Ascending => Order::Descending,
        }
    }
}

/// A question about the past. The default asks for the newest [`PAGE_EVENTS`] of
/// whatever is kept.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which events.
    pub filter: Filter,
    /// From this list time on, included.
    pub since: Option<Timestamp>,
    /// Up to this list time, excluded.
    pub until: Option<Timestamp>,
    /// Which way.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
    /// Only what comes after this key, going this cursor's way. When that is not
    /// the query's way, the page is the one before the key, in the query's order.
    pub cursor: Option<PageCursor>,
    /// Count all matches, not only this page's.
    pub count_exactly: bool,
    /// What the answer may cost. A page that this has cut is followed by another
    /// one, also if it is empty.
    pub work: Work,
}

impl Default for Query {
    fn default() -> Query {
        Query {
            filter: Filter::default(),
            since: None,
            until: None,
            order: Order::default(),
            limit: PAGE_EVENTS,
            cursor: None,
            count_exactly: false,
            work: Work::default(),
        }
    }
}

/// Blocks that are opened to count [`Page::total`], at most: those that stand
/// across an end of the window. All others are counted by their headers.
pub const TOTAL_BLOCKS_OPENED_MAX: usize = 64;

/// Events of a list without a filter that is kept for whoever asks next, at most. A
/// longer one is of somebody who reads everything once.
pub const KEPT_LIST_EVENTS_MAX: usize = 200;

/// One page of answers.
#[derive(Clone, Debug)]
pub struct Page<E = StoredEvent> {
    /// In the query's order.
    pub events: Vec<E>,
    /// Goes on after the last event, if there may be more.
    pub next: Option<PageCursor>,
    /// Goes back before the first event, if there may be any.
    pub prev: Option<PageCursor>,
    /// How many match in all, if that is known.
    pub matched: Option<u64>,
    /// How many events the log shows in the window, before the filter; `None` when
    /// finding out would open more than [`TOTAL_BLOCKS_OPENED_MAX`] blocks.
    pub total: Option<u64>,
    /// What the log can answer for.
    pub coverage: Coverage,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// [`Work::stop`] was set.
    #[error("the question was abandoned before it was answered")]
    Abandoned,
    /// A follow cursor of another log, which this one cannot go on from.
    #[error("the cursor belongs to log {theirs}, this is {ours}{hint}")]
    ForeignCursor {
        /// The cursor's log.
        theirs: Origin,
        /// This log.
        ours: Origin,
        /// Why not.
        hint: &'static str,
    },
    /// A histogram of too many steps.
    #[error(
        "a step of {step:?} makes {steps} steps in this window, at most {HISTOGRAM_STEPS_MAX} are counted: ask for a step of {cure:?} or longer, or for less time"
    )]
    TooManySteps {
        /// The step that was asked for.
        step: Duration,
        /// How many it would make.
        steps: u64,
        /// The shortest of the usual steps that works.
        cure: Duration,
    },
}

/// What is known of an id.
#[derive(Clone, Debug)]
pub enum Found {
    /// Here it is.
    Event(Box<StoredEvent>),
    /// It was here, and its time is over. Where the block of an old id is gone,
    /// this is concluded: the id is older than all that is left.
    Expired,
    /// Never seen.
    Nothing,
}

impl Log {
    /// Answers a question with one page.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or nobody waits for the answer any more. What is
    /// damaged is passed over and told in the coverage.
    pub fn query(&self, query: &Query) -> Result<Page, QueryError> {
        let Page { events, next, prev, matched, total, coverage } = self.page(query, false)?;
        let events = events.into_iter().map(SharedEvent::into_stored).collect();
        Ok(Page { events, next, prev, matched, total, coverage })
    }

    /// As [`Log::query`], for many who ask the same: what a list of at most
    /// [`KEPT_LIST_EVENTS_MAX`] events without a filter has read is kept a while, for
    /// such lists and for followers.
    ///
    /// # Errors
    ///
    /// As for [`Log::query`].
    pub fn query_shared(&self, query: &Query) -> Result<Page<Arc<SharedEvent>>, QueryError> {
        let keeps = query.filter.is_empty() && query.limit <= KEPT_LIST_EVENTS_MAX;
        self.page(query, keeps)
    }

    fn page(&self, query: &Query, keeps: bool) -> Result<Page<Arc<SharedEvent>>, QueryError> {
        let core = self.core();
        let plan = Plan::new(&query.filter);
        let window = self.window(query);
        let way = query.cursor.map_or(query.order, |cursor| cursor.order);
        let scan = Scan {
            core,
            plan: &plan,
            window,
            order: way,
            after: query.cursor.map(|cursor| cursor.key),
            limit: query.limit,
            count_all: query.count_exactly,
            keeps: keeps && !query.count_exactly,
            work: &query.work,
        };
        let found = scan.run()?;
        let total = count::total(core, &window, &query.work)?;
        let matched = match () {
            () if found.matched.is_some() => found.matched,
            () if query.filter.is_empty() && total.is_some() => total,
            () if query.cursor.is_none() && found.goes_on.is_none() => {
                Some(found.events.len() as u64)
            }
            () => None,
        };
        let coverage = Unread::tell(found.unread, self.coverage());
        let (events, next, prev) =
            turned(query, found.events, found.goes_on, |event| key_of(event));
        Ok(Page { events, next, prev, matched, total, coverage })
    }

    /// Finds one event.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn find(&self, id: EventId) -> Result<Found, QueryError> {
        find::find(self.core(), id)
    }

    /// The `count` events before and after this one in list order, each oldest
    /// first.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn around(
        &self,
        event: &StoredEvent,
        count: usize,
    ) -> Result<(Vec<StoredEvent>, Vec<StoredEvent>), QueryError> {
        let plan = Plan::new(&Filter::default());
        let side = |order| {
            let scan = Scan {
                core: self.core(),
                plan: &plan,
                window: self.window(&Query::default()),
                order,
                after: Some(key_of(event)),
                limit: count,
                count_all: false,
                keeps: false,
                work: &Work::default(),
            };
            let found = scan.run()?.events;
            Ok::<_, QueryError>(found.into_iter().map(SharedEvent::into_stored).collect())
        };
        let mut before: Vec<_> = side(Order::Descending)?;
        before.reverse();
        Ok((before, side(Order::Ascending)?))
    }

    fn window(&self, query: &Query) -> Window {
        self.window_between(query.since, query.until)
    }

    /// From the first instant on, up to the second, which is excluded.
    fn window_between(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Window {
        let since = match until {
            // Nothing is before the beginning.
            Some(Timestamp::MIN) => Timestamp::MAX,
            _ => since.unwrap_or(Timestamp::MIN),
        };
        // Up to `until` excluded is up to the nanosecond before it included.
        let last = until.map(|until| until.before(NANOSECOND));
        Window { since, last: last.unwrap_or(Timestamp::MAX), cutoff: self.core().cutoff() }
    }
}

fn key_of(stored: &StoredEvent) -> ListKey {
    let StoredEvent { timestamp, received, origin, boot, seq, .. } = stored;
    let time = crate::block::list_time(*timestamp, *received);
    ListKey { time, origin: *origin, boot: *boot, seq: *seq }
}

/// What was found going the cursor's way, in the query's order, and the cursors at
/// both ends.
fn turned<T>(
    query: &Query,
    mut found: Vec<T>,
    goes_on: Option<ListKey>,
    key_of: impl Fn(&T) -> ListKey,
) -> (Vec<T>, Option<PageCursor>, Option<PageCursor>) {
    let way = query.cursor.map_or(query.order, |cursor| cursor.order);
    let cursor = |key: Option<ListKey>, order| key.map(|key| PageCursor { key, order });
    let ahead = cursor(goes_on, way);
    let first = found.first().filter(|_| query.cursor.is_some());
    let behind = cursor(first.map(key_of), way.reversed());
    if way == query.order {
        return (found, ahead, behind);
    }
    found.reverse();
    (found, behind, ahead)
}
