//! Which events say the same, and how often?

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::best::in_order;
use super::filter::{Filter, Plan};
use super::gather::{Found, Gather, Reads, Row};
use super::mask::mask;
use super::scan::Window;
use super::walk::Walk;
use super::work::{Unread, Work};
use super::{ListKey, PageCursor, Query, QueryError, count, turned};
use crate::block::FormatError;
use crate::clock::Timestamp;
use crate::event::StoredEvent;
use crate::id::Position;
use crate::log::{Core, Coverage, Log};

/// Groups of one answer, over all of its pages, at most.
pub const COLLAPSE_GROUPS_MAX: usize = 10_000;
/// Members that are told apart in one group, at most.
pub const GROUP_MEMBERS_MAX: usize = 1000;

/// Events of one type whose messages differ in numbers and ids alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The newest of them, at which the group stands in the list.
    pub event: StoredEvent,
    /// How many there are in the window.
    pub count: u64,
    /// The list time of the earliest.
    pub first: Timestamp,
    /// The list time of the latest.
    pub last: Timestamp,
    /// How many members they come from, up to [`GROUP_MEMBERS_MAX`].
    pub members: u64,
}

/// One page of groups.
#[derive(Clone, Debug)]
pub struct CollapsedPage {
    /// In the query's order.
    pub groups: Vec<Group>,
    /// Goes on after the last group, if there are more.
    pub next: Option<PageCursor>,
    /// Goes back before the first group, if there may be any.
    pub prev: Option<PageCursor>,
    /// Events that match, those of groups that are left out included.
    pub matched: u64,
    /// Groups over all pages.
    pub groups_total: u64,
    /// As [`super::Page::total`].
    pub total: Option<u64>,
    /// What the log can answer for.
    pub coverage: Coverage,
    /// There are more than [`COLLAPSE_GROUPS_MAX`] groups; those whose newest event
    /// is older than that of all others are left out.
    pub truncated: bool,
}

impl Log {
    /// Answers a question with one page of groups: events of the same type whose
    /// messages are the same when numbers, UUIDs and words of 8 or more hexadecimal
    /// digits are masked.
    ///
    /// Groups are made over the whole window, so they do not depend on the page.
    /// `limit` counts groups, and all matches are always counted.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn collapsed(&self, query: &Query) -> Result<CollapsedPage, QueryError> {
        let core = self.core();
        let window = self.window(query);
        let (mut gathered, unread) = gathered(core, &query.filter, window, &query.work)?;
        let way = query.cursor.map_or(query.order, |cursor| cursor.order);
        let groups_total = gathered.standing.len() as u64;
        let mut standing: Vec<Standing> =
            gathered.standing.drain().map(|(_, group)| group).collect();
        if let Some(PageCursor { key, .. }) = query.cursor {
            standing.retain(|group| in_order(way, &key, &group.key) == Ordering::Less);
        }
        standing.sort_unstable_by(|a, b| in_order(way, &a.key, &b.key));
        let more = standing.len() > query.limit;
        standing.truncate(query.limit);
        let goes_on = standing.last().filter(|_| more).map(|group| group.key);
        let (standing, next, prev) = turned(query, standing, goes_on, |group| group.key);
        let mut groups = Vec::with_capacity(standing.len());
        for group in standing {
            groups.extend(group.read(core)?);
        }
        let Groups { matched, truncated, .. } = gathered;
        let total = count::total(core, &window, &query.work)?;
        let coverage = Unread::tell(unread, self.coverage());
        Ok(CollapsedPage { groups, next, prev, matched, groups_total, total, coverage, truncated })
    }
}

/// All groups of a window, or the newest of them.
fn gathered(
    core: &Core,
    filter: &Filter,
    window: Window,
    work: &Work,
) -> Result<(Groups, Option<Unread>), QueryError> {
    let plan = Plan::new(filter);
    let mut walk = Walk::new(core, &plan, window, work);
    let mut groups = Groups::new();
    walk.run(&mut groups)?;
    groups.prune();
    if groups.truncated {
        groups.count_again();
        walk = Walk::new(core, &plan, window, work);
        walk.run(&mut groups)?;
    }
    Ok((groups, walk.unread()))
}

/// A group as it is gathered; its newest event is read for the page alone.
struct Standing {
    key: ListKey,
    position: Position,
    count: u64,
    first: Timestamp,
    /// By a hash of their names.
    members: HashSet<u64>,
}

impl Standing {
    /// `None` when the event has gone, or turns out to be damaged.
    fn read(self, core: &Core) -> Result<Option<Group>, QueryError> {
        let slot = core.index.read().at_or_after(self.position);
        let Some(slot) = slot.filter(|slot| slot.base <= self.position) else { return Ok(None) };
        let Some(part) = core.part(&slot)? else { return Ok(None) };
        let wanted = (self.position, self.position.plus(1_u64));
        let Some(passage) = core.passage(&slot, &part, wanted)? else { return Ok(None) };
        let Some(number) = passage.frames().next() else { return Ok(None) };
        let (at, base) = (passage.rows(number).start, passage.part.base);
        let frame = passage.sections(number).into_frame();
        let event = match frame.and_then(|frame| frame.event(at, base)) {
            Ok(event) => event,
            Err(cause) => {
                let (from, to) = passage.part.positions(number);
                core.note_damage(from, to, &cause);
                return Ok(None);
            }
        };
        let (count, first, last) = (self.count, self.first, self.key.time);
        Ok(Some(Group { event, count, first, last, members: self.members.len() as u64 }))
    }
}

/// What makes a group, as a hash that nobody outside can aim at.
type Name = (u64, u64);

struct Groups {
    hashers: (RandomState, RandomState),
    standing: HashMap<Name, Standing>,
    /// No further groups are taken in.
    closed: bool,
    matched: u64,
    truncated: bool,
    /// The message in work.
    masked: Vec<u8>,
}

impl Groups {
    fn new() -> Groups {
        Groups {
            hashers: (RandomState::new(), RandomState::new()),
            standing: HashMap::new(),
            closed: false,
            matched: 0,
            truncated: false,
            masked: Vec::new(),
        }
    }

    fn name_of(&mut self, row: &Row<'_>) -> Result<Name, FormatError> {
        self.masked.clear();
        mask(row.frame.message(row.i)?, &mut self.masked);
        let said = (row.event_type(), self.masked.as_slice());
        Ok((self.hashers.0.hash_one(said), self.hashers.1.hash_one(said)))
    }

    /// Takes in an event.
    fn take(&mut self, row: &Row<'_>) -> Result<(), FormatError> {
        let name = self.name_of(row)?;
        self.matched += 1;
        let (key, position) = (row.key(), row.position());
        if !self.closed {
            let new =
                || Standing { key, position, count: 0, first: key.time, members: HashSet::new() };
            self.standing.entry(name).or_insert_with(new);
        }
        if let Some(group) = self.standing.get_mut(&name) {
            if key > group.key {
                (group.key, group.position) = (key, position);
            }
            group.count += 1;
            group.first = group.first.min(key.time);
            if group.members.len() < GROUP_MEMBERS_MAX {
                group.members.insert(self.hashers.0.hash_one(row.member()));
            }
        }
        if self.standing.len() >= 2 * COLLAPSE_GROUPS_MAX {
            self.prune();
        }
        Ok(())
    }

    /// Leaves out the groups that stand behind [`COLLAPSE_GROUPS_MAX`] others. None
    /// of them can stand before those again without an event that is newer still,
    /// so those that are left in the end are the right ones; only their counts may
    /// have begun anew.
    fn prune(&mut self) {
        if self.standing.len() <= COLLAPSE_GROUPS_MAX {
            return;
        }
        let mut keys: Vec<ListKey> = self.standing.values().map(|group| group.key).collect();
        let (_, last, _) = keys.select_nth_unstable_by(COLLAPSE_GROUPS_MAX - 1, |a, b| b.cmp(a));
        let last = *last;
        self.standing.retain(|_, group| group.key >= last);
        self.truncated = true;
    }

    /// Counts the same groups from the start, and takes in no others.
    fn count_again(&mut self) {
        self.closed = true;
        self.matched = 0;
        for group in self.standing.values_mut() {
            group.count = 0;
            group.first = Timestamp::MAX;
            group.members.clear();
        }
    }
}

impl Gather for Groups {
    fn reads(&self) -> Reads {
        Reads::Messages
    }

    fn frame(&mut self, found: &Found<'_>) -> Result<(), FormatError> {
        found.rows().try_for_each(|row| self.take(&row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Boot, Origin};

    fn standing(number: u64) -> Standing {
        let time = Timestamp::from_nanos(number.cast_signed());
        let (origin, boot) = (Origin::from_bytes([1; 16]), Boot::from_bytes([1; 8]));
        let key = ListKey { time, origin, boot, seq: number };
        let members = HashSet::new();
        Standing { key, position: Position(number), count: 1, first: time, members }
    }

    #[test]
    fn the_oldest_groups_beyond_the_bound_are_left_out_and_that_is_told() {
        let max = COLLAPSE_GROUPS_MAX as u64;
        let mut groups = Groups::new();
        groups.standing.extend((0..max).map(|number| ((number, 0), standing(number))));
        groups.prune();
        assert!(!groups.truncated && groups.standing.len() == COLLAPSE_GROUPS_MAX);

        groups.standing.insert((max, 0), standing(max));
        groups.prune();

        assert!(groups.truncated && groups.standing.len() == COLLAPSE_GROUPS_MAX);
        assert!(!groups.standing.contains_key(&(0, 0)));
    }
}
