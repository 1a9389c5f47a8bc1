//! What is the next piece of a list? Events, or groups of events that say the
//! same, with what is known of the whole.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;
use tidings::query::{CUT_SHORT, CollapsedPage, Group, PageCursor, Work};
use tidings::{Coverage, EventId, LastMatch, Log, Page, Query, SharedEvent, Timestamp};

use super::app::App;
use super::events::Shown;
use super::problem::Problem;

/// A piece of a list.
pub(super) struct Piece {
    pub(super) entries: Vec<Entry>,
    pub(super) next: Option<PageCursor>,
    pub(super) prev: Option<PageCursor>,
    pub(super) coverage: Coverage,
    /// Events.
    pub(super) matched: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) groups: Option<Groups>,
}

impl Piece {
    /// This piece and what comes after it in one.
    fn followed_by(mut self, more: Piece) -> Piece {
        let prev = if self.entries.is_empty() { more.prev } else { self.prev };
        self.entries.extend(more.entries);
        Piece { entries: self.entries, prev, ..more }
    }

    /// Whether the bound on work ended it before it was full.
    pub(super) fn is_cut_short(&self) -> bool {
        self.coverage.gaps.iter().any(|gap| gap.reason == CUT_SHORT)
    }
}

/// How many groups there are.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Groups {
    groups: u64,
    /// There are more, which are not told apart.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// An event of a list, and the group that it stands for.
pub(super) struct Entry {
    pub(super) event: Arc<SharedEvent>,
    pub(super) collapsed: Option<Collapsed>,
}

/// Events that say the same as the one that is shown.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Collapsed {
    pub(super) count: u64,
    first: Timestamp,
    last: Timestamp,
    /// Distinct ones.
    members: u64,
}

impl Entry {
    /// Adds the event as JSON, with its group if it has one.
    pub(super) fn write_json(&self, bytes: &mut Vec<u8>, verbose: bool) {
        #[derive(Serialize)]
        struct WithGroup<'a> {
            #[serde(flatten)]
            event: Shown<'a>,
            collapsed: Collapsed,
        }
        let Some(collapsed) = self.collapsed else {
            return self.event.write_json(bytes, verbose);
        };
        let event = Shown(&self.event, verbose);
        // Writing to memory cannot fail, and events always serialise.
        let _ = serde_json::to_writer(bytes, &WithGroup { event, collapsed });
    }
}

/// Reads a piece.
///
/// # Errors
///
/// The log cannot be read.
pub(super) async fn read(app: &App, query: &Query, collapse: bool) -> Result<Piece, Problem> {
    let all = move |query: &Query, log: &Log, work: &Work| {
        let query = Query { work: work.clone(), ..query.clone() };
        if collapse {
            log.collapsed(&query).map(Piece::from)
        } else {
            log.query_shared(&query).map(Piece::from)
        }
    };
    let more = |seen: Piece| {
        if !seen.is_cut_short() {
            return ControlFlow::Break(seen);
        }
        let goes_on = !collapse && can_go_on(query, &seen);
        let (seen, mut query) = (Some(seen).filter(|_| goes_on), query.clone());
        let from_the_start = query.cursor.is_none();
        if let Some(seen) = &seen {
            query.limit -= seen.entries.len();
            query.cursor = seen.next;
        }
        ControlFlow::Continue(move |log: &Log, work: &Work| {
            let piece = all(&query, log, work)?;
            let Some(seen) = seen else { return Ok(piece) };
            let prev = if from_the_start { None } else { piece.prev };
            Ok(seen.followed_by(Piece { prev, ..piece }))
        })
    };
    app.read_at_a_glance(|log, work| all(query, log, work), more).await
}

/// Whether a list that was cut short is the beginning of all that is asked.
fn can_go_on(query: &Query, seen: &Piece) -> bool {
    let turns = query.cursor.is_some_and(|cursor| cursor.order != query.order);
    let has_room = seen.next.is_some() && seen.entries.len() < query.limit;
    has_room && !turns && !query.count_exactly
}

/// What is known of the time before a list that found nothing.
#[derive(Default, Serialize)]
pub(super) struct Before {
    last_match_before: Option<LastSeen>,
    /// Nothing that matches is listed from here on; what is older was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_match_since: Option<Timestamp>,
}

#[derive(Serialize)]
struct LastSeen {
    id: EventId,
    timestamp: Timestamp,
}

/// The newest match before the window of a list that found none.
///
/// # Errors
///
/// The log cannot be read.
pub(super) async fn last_match_before(app: &App, query: &Query) -> Result<Before, Problem> {
    let Some(since) = query.since else { return Ok(Before::default()) };
    let filter = query.filter.clone();
    let last = app.read(move |log, work| log.last_match_before(&filter, since, work)).await?;
    Ok(match last {
        LastMatch::Nothing => Before::default(),
        LastMatch::NoneSince(since) => Before { no_match_since: Some(since), ..Before::default() },
        LastMatch::Event(event) => {
            let last = LastSeen { id: event.id, timestamp: event.timestamp };
            Before { last_match_before: Some(last), ..Before::default() }
        }
    })
}

impl From<Page<Arc<SharedEvent>>> for Piece {
    fn from(page: Page<Arc<SharedEvent>>) -> Piece {
        let Page { events, next, prev, matched, total, coverage } = page;
        let entries = events.into_iter().map(|event| Entry { event, collapsed: None }).collect();
        Piece { entries, next, prev, coverage, matched, total, groups: None }
    }
}

impl From<CollapsedPage> for Piece {
    fn from(page: CollapsedPage) -> Piece {
        Piece {
            entries: page.groups.into_iter().map(Entry::from).collect(),
            next: page.next,
            prev: page.prev,
            coverage: page.coverage,
            matched: Some(page.matched),
            total: page.total,
            groups: Some(Groups { groups: page.groups_total, truncated: page.truncated }),
        }
    }
}

impl From<Group> for Entry {
    fn from(group: Group) -> Entry {
        let Group { event, count, first, last, members } = group;
        let event = Arc::new(SharedEvent::from(event));
        Entry { event, collapsed: Some(Collapsed { count, first, last, members }) }
    }
}
