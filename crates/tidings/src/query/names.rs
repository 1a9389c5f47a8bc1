//! Who spoke, and of what, from when to when?
//!
//! How often is in the headers. When is not, in a block of several names: such
//! blocks are opened from both ends of the window, and only as long as one may still
//! hold an earlier or a later event of a name than is known.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::sync::Arc;

use super::filter::{Filter, Plan};
use super::gather::{Found, Gather};
use super::rolled::Rolling;
use super::told::{Tells, Told};
use super::walk::Walk;
use super::work::{Unread, Work};
use super::{Order, QueryError};
use crate::block::FormatError;
use crate::clock::Timestamp;
use crate::id::Position;
use crate::log::{Coverage, Log, Slot, Span, Sum, mask_of, span_of};

/// Names of one answer, at most.
pub const NAMES_MAX: usize = 100_000;

/// Whose names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NameOf {
    /// Members.
    #[default]
    Member,
    /// Types.
    Type,
}

/// A question for names. The default asks for all members that are kept.
#[derive(Clone, Debug, Default)]
pub struct NamesQuery {
    /// Which events.
    pub filter: Filter,
    /// From this list time on, included.
    pub since: Option<Timestamp>,
    /// Up to this list time, excluded.
    pub until: Option<Timestamp>,
    /// Whose names.
    pub by: NameOf,
    /// What the answer may cost.
    pub work: Work,
}

/// The names that occur.
#[derive(Clone, Debug, PartialEq)]
pub struct Names {
    /// Sorted by name.
    pub names: Vec<NameSeen>,
    /// There are more than [`NAMES_MAX`]; those that arrived first are told.
    pub truncated: bool,
    /// What the log can answer for.
    pub coverage: Coverage,
}

/// A name, and what is known of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameSeen {
    /// A member or a type.
    pub name: String,
    /// How many events that match.
    pub count: u64,
    /// The list time of the earliest.
    pub first: Timestamp,
    /// The list time of the latest.
    pub last: Timestamp,
}

impl Log {
    /// Lists the members or types of the events that match: how many events each
    /// has, and when the first and the last was.
    ///
    /// Events are counted by headers where these tell enough; damage there that
    /// nobody has met yet is counted with them.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or nobody waits for the answer any more.
    pub fn names(&self, query: &NamesQuery) -> Result<Names, QueryError> {
        let plan = Plan::new(&query.filter);
        let window = self.window_between(query.since, query.until);
        let walk = Walk::new(self.core(), &plan, window, &query.work);
        let mut seen = Seen::new(query.by);
        walk.run(&mut seen)?;
        for order in [Order::Ascending, Order::Descending] {
            seen.settle_rolled(&walk, order)?;
            seen.settle(&walk, order)?;
        }
        let Seen { names, truncated, .. } = seen;
        // Of a name without any time, all blocks are gone or damaged by now.
        let names = names.into_iter().filter(|(_, known)| known.first <= known.last);
        let name = |(name, Known { count, first, last, .. })| NameSeen { name, count, first, last };
        let names = names.map(name).collect();
        let coverage = Unread::tell(walk.unread(), self.coverage());
        Ok(Names { names, truncated, coverage })
    }
}

/// What is known of one name. It has no time yet while `first` is after `last`.
struct Known {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    /// The bit of the name in the masks of the index.
    bit: usize,
}

/// A name whose events a roll-up has counted.
struct RolledName {
    name: Arc<str>,
    /// From the roll-up's first position to before this.
    positions: (Position, Position),
    /// The first and the last minute that were counted.
    minutes: (i32, i32),
}

impl RolledName {
    /// In which its earliest event lies that was counted, or the latest.
    fn minute(&self, order: Order) -> i32 {
        match order {
            Order::Ascending => self.minutes.0,
            Order::Descending => self.minutes.1,
        }
    }
}

struct Seen {
    by: NameOf,
    names: BTreeMap<String, Known>,
    truncated: bool,
    /// Blocks that are counted, of which it is not known when each name was.
    unsettled: Vec<Slot>,
    /// What is counted by roll-ups.
    rolled: Vec<RolledName>,
    /// Now only their times are gathered.
    settling: bool,
}

impl Seen {
    fn new(by: NameOf) -> Seen {
        let (names, unsettled, rolled) = (BTreeMap::new(), Vec::new(), Vec::new());
        Seen { by, names, truncated: false, unsettled, rolled, settling: false }
    }

    /// Counts events of a name that lie between two instants, at which there are
    /// some.
    fn add(&mut self, name: &str, count: u64, span: Option<(Timestamp, Timestamp)>) {
        let (from, to) = span.unwrap_or((Timestamp::MAX, Timestamp::MIN));
        if let Some(known) = self.names.get_mut(name) {
            known.count += count;
            known.first = known.first.min(from);
            known.last = known.last.max(to);
        } else if self.settling {
            // Beyond the bound.
        } else if self.names.len() < NAMES_MAX {
            let bit = mask_of(std::iter::once(name)).trailing_zeros() as usize;
            self.names.insert(name.to_owned(), Known { count, first: from, last: to, bit });
        } else {
            self.truncated = true;
        }
    }

    /// Opens the minutes in which roll-ups counted the earliest event of a name, or
    /// the latest.
    fn settle_rolled(&mut self, walk: &Walk<'_>, order: Order) -> Result<(), QueryError> {
        self.settling = true;
        let mut rolled = mem::take(&mut self.rolled);
        match order {
            Order::Ascending => rolled.sort_by_key(|it| it.minute(order)),
            Order::Descending => rolled.sort_by_key(|it| Reverse(it.minute(order))),
        }
        let mut opened = HashSet::new();
        for it in &rolled {
            let minute = it.minute(order);
            let (minute, span) = (walk.window.within(minute), span_of(minute));
            if !self.may_move(&it.name, span, order) {
                continue;
            }
            if opened.insert((it.positions, span)) {
                walk.open_all(it.positions, minute, self)?;
            }
            // What was counted there is gone or damaged by now.
            if self.is_beyond(&it.name, span, order) {
                walk.open_all(it.positions, walk.window, self)?;
            }
        }
        self.rolled = rolled;
        Ok(())
    }

    /// Opens what may hold an event at an end of a name's time: the earliest blocks
    /// first, or the latest.
    fn settle(&mut self, walk: &Walk<'_>, order: Order) -> Result<(), QueryError> {
        self.settling = true;
        let mut slots = mem::take(&mut self.unsettled);
        match order {
            Order::Ascending => slots.sort_by_key(|slot| slot.listed.0),
            Order::Descending => slots.sort_by_key(|slot| Reverse(slot.listed.1)),
        }
        let mut bounds = self.bounds(order);
        for slot in &slots {
            let mask = match self.by {
                NameOf::Member => slot.members,
                NameOf::Type => slot.types,
            };
            let is_beyond = |bound: Timestamp| match order {
                Order::Ascending => slot.listed.0 < bound,
                Order::Descending => slot.listed.1 > bound,
            };
            if (0..64).any(|bit| mask >> bit & 1 == 1 && is_beyond(bounds[bit])) {
                walk.open(slot, self)?;
                bounds = self.bounds(order);
            }
        }
        self.unsettled = slots;
        Ok(())
    }

    /// Whether an event of these times may be earlier than any known of the name, or
    /// later.
    fn may_move(&self, name: &str, (from, to): Span, order: Order) -> bool {
        self.names.get(name).is_some_and(|known| match order {
            Order::Ascending => from < known.first,
            Order::Descending => to > known.last,
        })
    }

    /// Whether no event of the name is known as early as this, or as late.
    fn is_beyond(&self, name: &str, (from, to): Span, order: Order) -> bool {
        self.names.get(name).is_some_and(|known| match order {
            Order::Ascending => known.first > to,
            Order::Descending => known.last < from,
        })
    }

    /// For each bit of the masks, the latest first event of its names, or the
    /// earliest last one: a block beyond may move it.
    fn bounds(&self, order: Order) -> [Timestamp; 64] {
        let none = match order {
            Order::Ascending => Timestamp::MIN,
            Order::Descending => Timestamp::MAX,
        };
        let mut bounds = [none; 64];
        for Known { bit, first, last, .. } in self.names.values() {
            bounds[*bit] = match order {
                Order::Ascending => bounds[*bit].max(*first),
                Order::Descending => bounds[*bit].min(*last),
            };
        }
        bounds
    }
}

impl Gather for Seen {
    fn asks_headers(&self) -> bool {
        true
    }

    fn asks_members(&self) -> bool {
        self.by == NameOf::Member
    }

    fn by_header(&mut self, told: &Told<'_>) -> bool {
        let counts = match self.by {
            NameOf::Member => told.members(),
            NameOf::Type => told.types(),
        };
        let Some(counts) = counts else { return false };
        let listed = told.header.listed;
        let taken: u64 = counts.iter().map(|(_, count)| count).sum();
        let all = taken == u64::from(told.header.count);
        let is_settled = listed.0 == listed.1 || (all && counts.len() == 1);
        if !is_settled && !counts.is_empty() {
            self.unsettled.push(*told.slot);
        }
        for (name, count) in counts {
            self.add(name, count, is_settled.then_some(listed));
        }
        true
    }

    fn by_rollup(&mut self, rolling: &Rolling<'_>) -> bool {
        let names = match self.by {
            NameOf::Member => rolling.member_names(),
            NameOf::Type => rolling.type_names(),
        };
        let told = match self.by {
            NameOf::Member => rolling.by_member().and_then(|sums| by_name(sums, names.len())),
            NameOf::Type => rolling.by_type().and_then(|sums| by_name(sums, names.len())),
        };
        let Some(told) = told else { return false };
        let positions = (rolling.rollup.from, rolling.rollup.end);
        let all = positions.1.0 - positions.0.0;
        for (name, (count, first, last)) in names.iter().zip(told).filter(|(_, it)| it.0 > 0) {
            if count == all {
                self.add(name, count, Some(rolling.rollup.listed));
                continue;
            }
            self.add(name, count, None);
            let name = Arc::clone(name);
            self.rolled.push(RolledName { name, positions, minutes: (first, last) });
        }
        true
    }

    fn frame(&mut self, found: &Found<'_>) -> Result<(), FormatError> {
        let count = u64::from(!self.settling);
        for row in found.rows() {
            let name = match self.by {
                NameOf::Member => row.member(),
                NameOf::Type => row.event_type(),
            };
            self.add(name, count, Some((row.listed(), row.listed())));
        }
        Ok(())
    }
}

/// For each name how many events there are, and their first and last minute; `None`
/// if a minute is not told.
fn by_name<'a>(sums: impl Iterator<Item = &'a Sum>, names: usize) -> Option<Vec<(u64, i32, i32)>> {
    let mut told = vec![(0, i32::MAX, i32::MIN); names];
    for sum in sums {
        let (minute, (count, first, last)) = (sum.minute()?, &mut told[sum.name()]);
        *count += u64::from(sum.count);
        (*first, *last) = (minute.min(*first), minute.max(*last));
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_are_left_out_and_that_is_told() {
        let mut seen = Seen::new(NameOf::Type);
        for number in 0..NAMES_MAX {
            seen.add(&number.to_string(), 1, None);
        }
        assert!(!seen.truncated);

        seen.add("one more", 1, None);
        seen.add("7", 1, None);

        assert!(seen.truncated && seen.names.len() == NAMES_MAX);
        assert_eq!(seen.names["7"].count, 2);
    }
}
