//! Which events answer?

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::StoredEvent;
use crate::id::{Boot, EventId, Origin, Position};
use crate::log::{Coverage, Log};
use crate::severity::Severity;
use crate::store::StoreError;

/// Which events are wanted. All conditions must hold; an empty condition holds
/// for every event.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Any of these, and none of the excluded: `deploy.*`, `!debug`.
    pub types: Patterns,
    /// As `types`.
    pub members: Patterns,
    /// As `types`.
    pub sources: Patterns,
    /// As `types`.
    pub subjects: Patterns,
    /// From the first severity to the second, both included; finer numbers count
    /// with their level.
    pub severity: Option<(Severity, Severity)>,
    /// Every one of these fields must have this value: text equals, other JSON
    /// values equal in their JSON form. A dotted name looks into objects.
    pub fields: Vec<(String, String)>,
    /// Each must be found in the message, type, subject, source or a field.
    pub text: Vec<TextTerm>,
    /// Must match the message (`list --grep`).
    pub grep: Option<Regex>,
}

/// Names with `*` for any run of characters; `!` in front excludes. Lower case
/// for types; members, sources and subjects as they are.
#[derive(Clone, Debug, Default)]
pub struct Patterns {}

impl Patterns {
    /// Adds a comma separated list such as `deploy.*,error,!deploy.test`.
    ///
    /// # Errors
    ///
    /// An element is empty, or there are more than [`PATTERNS_MAX`].
    pub fn add(&mut self, _list: &str) -> Result<(), FilterError> {
        todo!()
    }

    /// Whether anything goes.
    pub fn is_empty(&self) -> bool {
        todo!()
    }
}

/// Patterns of one kind in a filter, at most.
pub const PATTERNS_MAX: usize = 100;
/// Bytes of `q` or of one pattern, at most.
pub const QUERY_BYTES_MAX: usize = 4096;

/// A regular expression in linear time (the `regex` crate's syntax), with a bound
/// on its size.
#[derive(Clone, Debug)]
pub struct Regex {}

impl Regex {
    /// Compiles it.
    ///
    /// # Errors
    ///
    /// It does not parse or is too large.
    pub fn new(_pattern: &str) -> Result<Regex, FilterError> {
        todo!()
    }
}

/// One thing to look for in an event's text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TextTerm {
    /// A whole word or phrase; any case unless it has an upper-case letter.
    Word(String),
    /// `/re/`, over the message.
    Regex(Regex),
}

/// Reads `q`: words and "phrases", all of which must be found, and `/re/`.
/// Never fails; what does not parse is searched as text. The second value says
/// how the text was understood.
pub fn parse_q(_q: &str) -> (Vec<TextTerm>, String) {
    todo!()
}

/// Why a filter cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FilterError {
    /// What is wrong, and what to write instead.
    pub problem: String,
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

/// Where an event stands in every list, the same on every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListKey {
    /// [`crate::block::list_time`].
    pub time: Timestamp,
    /// Who took it.
    pub origin: Origin,
    /// Which start of it.
    pub boot: Boot,
    /// The how-manieth.
    pub seq: u64,
}

/// Where a page ended. As text: URL-safe, opaque, begins with `p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageCursor {
    /// The page begins after this key.
    pub key: ListKey,
    /// Going this way.
    pub order: Order,
}

/// Where a follower stands. As text: URL-safe, opaque, begins with `f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowCursor {
    /// The log it counts in.
    pub origin: Origin,
    /// The next position to look at.
    pub next: Position,
}

/// A cursor that cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {wanted} cursor {given:?}{hint}")]
pub struct BadCursor {
    /// `page` or `follow`.
    pub wanted: &'static str,
    /// What was given, cut to 80 characters.
    pub given: String,
    /// What it is instead, if that is known.
    pub hint: &'static str,
}

impl std::fmt::Display for PageCursor {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

impl std::str::FromStr for PageCursor {
    type Err = BadCursor;

    fn from_str(_text: &str) -> Result<PageCursor, BadCursor> {
        todo!()
    }
}

impl std::fmt::Display for FollowCursor {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

impl std::str::FromStr for FollowCursor {
    type Err = BadCursor;

    fn from_str(_text: &str) -> Result<FollowCursor, BadCursor> {
        todo!()
    }
}

/// A question about the past.
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
    /// Only what comes after this key, going this cursor's way.
    pub cursor: Option<PageCursor>,
    /// Count all matches, not only this page's.
    pub count_exactly: bool,
}

/// Blocks that are opened to count [`Page::total`], at most: those that stand
/// across an end of the window. All others are counted by their headers.
pub const TOTAL_BLOCKS_OPENED_MAX: usize = 64;

/// One page of answers.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the query's order.
    pub events: Vec<StoredEvent>,
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
    /// A follow cursor of another log.
    #[error("the cursor belongs to log {theirs}, this is {ours}")]
    ForeignCursor {
        /// The cursor's log.
        theirs: Origin,
        /// This log.
        ours: Origin,
    },
}

/// What is known of an id.
#[derive(Clone, Debug)]
pub enum Found {
    /// Here it is.
    Event(Box<StoredEvent>),
    /// It was here, and its time is over.
    Expired,
    /// Never seen.
    Nothing,
}

impl Log {
    /// Answers a question with one page.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn query(&self, _query: &Query) -> Result<Page, QueryError> {
        todo!()
    }

    /// Finds one event.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn find(&self, _id: EventId) -> Result<Found, QueryError> {
        todo!()
    }

    /// The `count` events before and after this one in list order.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn around(
        &self,
        _event: &StoredEvent,
        _count: usize,
    ) -> Result<(Vec<StoredEvent>, Vec<StoredEvent>), QueryError> {
        todo!()
    }

    /// Follows the log in order of arrival.
    ///
    /// # Errors
    ///
    /// The cursor belongs to another log.
    pub fn follow(&self, _from: FollowFrom, _filter: Arc<Filter>) -> Result<Follower, QueryError> {
        todo!()
    }
}

/// Where a follower begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowFrom {
    /// With the next event that arrives.
    Now,
    /// Where another follower stopped.
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
        /// From here.
        from: Position,
        /// To here, excluded.
        to: Position,
        /// `expired`, `damaged`, `missing_tail`.
        reason: &'static str,
        /// Goes on after the gap.
        cursor: FollowCursor,
    },
}

/// Reads on as the log grows.
pub struct Follower {}

impl Follower {
    /// What has arrived since the last call, at most `limit` entries, without
    /// waiting. Looks at a bounded number of blocks a call: `caught_up` tells
    /// whether to call again at once.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn poll(&mut self, _limit: usize) -> Result<Vec<Followed>, QueryError> {
        todo!()
    }

    /// Whether everything that has arrived was looked at.
    pub fn caught_up(&self) -> bool {
        todo!()
    }

    /// Where it stands.
    pub fn cursor(&self) -> FollowCursor {
        todo!()
    }

    /// Waits until something arrives or the log closes; at most `timeout`.
    /// Returns whether there is something to poll for.
    pub fn wait(&self, _timeout: Duration) -> bool {
        todo!()
    }

    /// As [`Follower::wait`], for any async runtime.
    pub fn arrived(&self) -> Arrived {
        todo!()
    }
}

/// Resolves when the log has grown past the follower, or closes.
#[derive(Debug)]
pub struct Arrived {}

impl Future for Arrived {
    type Output = ();

    fn poll(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        todo!()
    }
}
