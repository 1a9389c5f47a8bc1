//! What does a header say of those events of its block that match?
//!
//! `None` wherever it does not say: then the block is opened. Types, members and
//! minutes are counted each for itself, so a filter over one of them tells nothing
//! about the others unless it takes all or the block has only one.

use super::filter::BlockPlan;
use crate::block::{Cell, Header, Tagged};
use crate::clock::Timestamp;
use crate::log::Slot;
use crate::severity::{NAMES, Severity};

/// Names and how many events carry each, none of them 0.
pub(super) type Counts<'a> = Vec<(&'a str, u64)>;

/// What answers can be made of, where it is told.
pub(super) trait Tells<'a> {
    /// How many events match.
    fn matched(&self) -> Option<u64>;
    fn types(&self) -> Option<Counts<'a>>;
    fn members(&self) -> Option<Counts<'a>>;
    /// By level.
    fn severities(&self) -> Option<Counts<'a>>;
}

/// How many events each level has.
#[derive(Default)]
pub(super) struct Levels([u64; 6]);

impl Levels {
    pub(super) fn add(&mut self, level: Severity, count: u32) {
        self.0[level.place()] += u64::from(count);
    }

    pub(super) fn counts<'a>(&self) -> Counts<'a> {
        NAMES.into_iter().zip(self.0).filter(|(_, count)| *count > 0).collect()
    }
}

/// A block that lies in the window with all its events, unopened. The filter asks
/// for nothing but types, members and severities.
pub(super) struct Told<'a> {
    pub(super) slot: &'a Slot,
    pub(super) header: &'a Header,
    pub(super) plan: &'a BlockPlan<'a>,
}

impl<'a> Told<'a> {
    /// The cells of events that match.
    pub(super) fn cells(&self) -> Option<impl Iterator<Item = &'a Cell>> {
        let cells = self.header.minutes.as_ref().filter(|_| self.plan.takes_every_member())?;
        let plan = self.plan;
        Some(cells.iter().filter(move |cell| {
            plan.takes_type(cell.event_type as usize) && plan.takes_severity(cell.severity)
        }))
    }

    /// The instants at which a cell's events may stand in lists.
    pub(super) fn span(&self, cell: &Cell) -> (Timestamp, Timestamp) {
        let ((from, to), (first, last)) = (cell.span(), self.header.listed);
        (from.max(first), to.min(last))
    }

    pub(super) fn type_of(&self, cell: &Cell) -> &'a str {
        &self.header.types[cell.event_type as usize].name
    }

    /// The one member that all events of the block have.
    pub(super) fn only_member(&self) -> Option<&'a str> {
        match self.header.members.as_slice() {
            [only] => Some(&only.name),
            _ => None,
        }
    }
}

impl<'a> Tells<'a> for Told<'a> {
    fn matched(&self) -> Option<u64> {
        let counts = self.types().or_else(|| self.members())?;
        Some(counts.iter().map(|(_, count)| count).sum())
    }

    fn types(&self) -> Option<Counts<'a>> {
        if self.plan.takes_every_member() && self.plan.takes_every_severity() {
            return Some(taken(&self.header.types, |at| self.plan.takes_type(at)));
        }
        let mut counts = vec![0; self.header.types.len()];
        self.cells()?.for_each(|cell| counts[cell.event_type as usize] += u64::from(cell.count));
        let names = self.header.types.iter().map(|tagged| tagged.name.as_str());
        Some(names.zip(counts).filter(|(_, count)| *count > 0).collect())
    }

    fn members(&self) -> Option<Counts<'a>> {
        if self.plan.takes_every_type() && self.plan.takes_every_severity() {
            return Some(taken(&self.header.members, |at| self.plan.takes_member(at)));
        }
        let only = self.only_member()?;
        let count = self.cells()?.map(|cell| u64::from(cell.count)).sum();
        Some(if count > 0 { vec![(only, count)] } else { Vec::new() })
    }

    fn severities(&self) -> Option<Counts<'a>> {
        let mut levels = Levels::default();
        self.cells()?.for_each(|cell| levels.add(cell.severity, cell.count));
        Some(levels.counts())
    }
}

fn taken(names: &[Tagged], is_taken: impl Fn(usize) -> bool) -> Counts<'_> {
    let taken = names.iter().enumerate().filter(|(at, _)| is_taken(*at));
    taken.map(|(_, tagged)| (tagged.name.as_str(), u64::from(tagged.count))).collect()
}
