//! What do roll-ups say of those events of a window that match?
//!
//! They count by minute, so they tell of the minutes that lie in the window as a
//! whole; of the minutes at its ends, the blocks are asked. As in headers, types and
//! members are counted each for itself: a filter over one of them tells nothing
//! about the others unless it takes all or none.

use std::sync::Arc;

use super::filter::Plan;
use super::scan::Window;
use super::told::{Counts, Levels, Tells};
use crate::clock::Timestamp;
use crate::id::Position;
use crate::log::{Kinds, Rollup, Sum, minute_of, span_of};

/// What a roll-up has told, and what not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rolled {
    pub(super) from: Position,
    pub(super) end: Position,
    /// There are events in the minutes at the ends of the window, which it has not
    /// told of.
    pub(super) has_ends: bool,
}

impl Window {
    /// The first and the last minute that lie in the window as a whole.
    fn minutes(&self) -> Option<(i32, i32)> {
        let (first, last) = (minute_of(self.since)?, minute_of(self.last)?);
        let first = if span_of(first).0 < self.since { first + 1 } else { first };
        let last = if span_of(last).1 > self.last { last - 1 } else { last };
        (first <= last).then_some((first, last))
    }

    /// What is left of the window without the minutes that lie in it as a whole.
    pub(super) fn ends(&self) -> impl Iterator<Item = Window> {
        let ends = match self.minutes() {
            None => [Some(*self), None],
            Some((first, last)) => {
                let (first, last) = (span_of(first).0, span_of(last).1);
                let before = (self.since < first).then(|| first.before(super::NANOSECOND));
                let after = (self.last > last).then(|| last.after(super::NANOSECOND));
                [
                    before.map(|last| Window { last, ..*self }),
                    after.map(|since| Window { since, ..*self }),
                ]
            }
        };
        ends.into_iter().flatten()
    }

    /// What of it lies in one minute.
    pub(super) fn within(&self, minute: i32) -> Window {
        let (first, last) = span_of(minute);
        Window { since: self.since.max(first), last: self.last.min(last), ..*self }
    }
}

/// A roll-up none of whose events is over age, asked for what matches. The filter
/// asks for nothing but types, members and severities.
pub(super) struct Rolling<'a> {
    pub(super) rollup: &'a Rollup,
    plan: &'a Plan,
    /// Of the minutes that it may tell of, the first and the last; `None`: all.
    minutes: Option<(i32, i32)>,
    types: Vec<bool>,
    /// By [`Rollup::members`].
    members: Vec<bool>,
}

impl<'a> Rolling<'a> {
    pub(super) fn new(rollup: &'a Rollup, plan: &'a Plan, window: &Window) -> Rolling<'a> {
        let is_whole = window.holds(rollup.listed);
        // Of no minute: none is before the first.
        let minutes = (!is_whole).then(|| window.minutes().unwrap_or((0, -1)));
        let types = rollup.types.names().iter().map(|name| plan.takes_type(name)).collect();
        let members = rollup.members.iter().flat_map(Kinds::names);
        let members = members.map(|name| plan.takes_member(name)).collect();
        Rolling { rollup, plan, minutes, types, members }
    }

    /// Whether nothing in it matches.
    pub(super) fn is_void(&self) -> bool {
        let no_member = self.rollup.members.is_some() && !self.members.contains(&true);
        no_member || !self.types.contains(&true)
    }

    pub(super) fn told(&self, window: &Window) -> Rolled {
        let at_end = |sum: &Sum| {
            let minute = sum.minute().map(span_of);
            !self.tells(sum) && minute.is_none_or(|minute| window.meets(minute))
        };
        let Rollup { from, end, .. } = *self.rollup;
        Rolled { from, end, has_ends: self.rollup.types.sums().iter().any(at_end) }
    }

    /// Whether it lies in what the roll-up may tell of.
    fn tells(&self, sum: &Sum) -> bool {
        match (self.minutes, sum.minute()) {
            (None, _) => true,
            (Some((first, last)), Some(minute)) => first <= minute && minute <= last,
            (Some(_), None) => false,
        }
    }

    /// The instants at which the events of a sum may stand in lists.
    pub(super) fn span(&self, sum: &Sum) -> (Timestamp, Timestamp) {
        let (first, last) = self.rollup.listed;
        let (from, to) = sum.minute().map_or((first, last), span_of);
        (from.max(first), to.min(last))
    }

    /// How many events of each type match.
    pub(super) fn by_type(&self) -> Option<impl Iterator<Item = &'a Sum>> {
        if !self.takes_every_member() {
            return None;
        }
        let taken = move |sum: &&Sum| {
            self.types[sum.name()] && self.tells(sum) && self.takes_level(sum) == Some(true)
        };
        Some(self.rollup.types.sums().iter().filter(taken))
    }

    /// How many events of each member match.
    pub(super) fn by_member(&self) -> Option<impl Iterator<Item = &'a Sum>> {
        let kinds = self.rollup.members.as_ref()?;
        let is_told = |sum: &Sum| {
            self.takes_level(sum).is_some() && (self.minutes.is_none() || sum.minute().is_some())
        };
        let mut taken = kinds.sums().iter().filter(|sum| self.members[sum.name()]);
        if !self.takes_every_type() || !taken.all(is_told) {
            return None;
        }
        let taken = move |sum: &&Sum| {
            self.members[sum.name()] && self.tells(sum) && self.takes_level(sum) == Some(true)
        };
        Some(kinds.sums().iter().filter(taken))
    }

    pub(super) fn takes_every_type(&self) -> bool {
        !self.types.contains(&false)
    }

    fn takes_every_member(&self) -> bool {
        match &self.rollup.members {
            Some(_) => !self.members.contains(&false),
            None => self.plan.takes_every_member(),
        }
    }

    /// Whether the level of a sum is asked for, if that can be told.
    fn takes_level(&self, sum: &Sum) -> Option<bool> {
        match sum.level() {
            Some(level) => Some(self.plan.takes_severity(level)),
            None => self.plan.takes_every_severity().then_some(true),
        }
    }

    pub(super) fn type_names(&self) -> &'a [Arc<str>] {
        self.rollup.types.names()
    }

    pub(super) fn member_names(&self) -> &'a [Arc<str>] {
        self.rollup.members.as_ref().map_or(&[], Kinds::names)
    }
}

impl<'a> Tells<'a> for Rolling<'a> {
    fn matched(&self) -> Option<u64> {
        let count = |sum: &Sum| u64::from(sum.count);
        match self.by_type() {
            Some(sums) => Some(sums.map(count).sum()),
            None => Some(self.by_member()?.map(count).sum()),
        }
    }

    fn types(&self) -> Option<Counts<'a>> {
        Some(added_up(self.type_names(), self.by_type()?))
    }

    fn members(&self) -> Option<Counts<'a>> {
        Some(added_up(self.member_names(), self.by_member()?))
    }

    fn severities(&self) -> Option<Counts<'a>> {
        match self.by_type() {
            Some(sums) => by_level(sums),
            None => by_level(self.by_member()?),
        }
    }
}

fn added_up<'a>(names: &'a [Arc<str>], sums: impl Iterator<Item = &'a Sum>) -> Counts<'a> {
    let mut counts = vec![0; names.len()];
    sums.for_each(|sum| counts[sum.name()] += u64::from(sum.count));
    let names = names.iter().map(|name| &**name);
    names.zip(counts).filter(|(_, count)| *count > 0).collect()
}

/// `None` if a level is not told.
fn by_level<'a>(sums: impl Iterator<Item = &'a Sum>) -> Option<Counts<'a>> {
    let mut levels = Levels::default();
    for sum in sums {
        levels.add(sum.level()?, sum.count);
    }
    Some(levels.counts())
}
