//! Which blocks have a say in a window? All that may hold a match: by their headers
//! where these tell enough, and opened one after the other where they do not.
//!
//! What can be gathered without an order walks this way: counts, names, groups. The
//! index is read once, before the first header is; no lock is held meanwhile.

use std::cell::Cell;

use super::QueryError;
use super::filter::{BlockPlan, Plan};
use super::scan::{Window, key_of};
use super::told::Told;
use super::work::{Meter, Unread, Work};
use super::{ListKey, Timestamp};
use crate::block::{FormatError, Frame, Header};
use crate::id::Position;
use crate::log::{Core, Part, Slot};

/// Headers that are read from the store at once.
const HEADS_PAGE: usize = 256;

/// Goes once through all matching events of a window, in order of arrival.
pub(super) struct Walk<'a> {
    pub(super) core: &'a Core,
    pub(super) plan: &'a Plan,
    pub(super) window: Window,
    meter: Meter<'a>,
    unread: Cell<Option<Unread>>,
}

/// What an answer is made of, as a walk meets it.
pub(super) trait Gather {
    /// Whether headers can be of any use, as far as the question goes.
    fn asks_headers(&self) -> bool {
        false
    }

    /// Takes in a block whose events all lie in the window, by its header alone.
    /// Says whether it did; if not, nothing is taken in and the block is opened.
    fn by_header(&mut self, _told: &Told<'_>) -> bool {
        false
    }

    /// Takes in one event that matches.
    ///
    /// # Errors
    ///
    /// What was read is damaged, and nothing is taken in. Sections of a frame fail
    /// as a whole, so a frame is taken in whole or not at all.
    fn event(&mut self, row: &Row<'_>) -> Result<(), FormatError>;
}

/// One event in a block that was opened.
pub(super) struct Row<'a> {
    pub(super) header: &'a Header,
    pub(super) frame: &'a Frame<'a>,
    /// Its index in the frame.
    pub(super) i: usize,
    /// Where the frame's first event stands.
    start: Position,
}

impl<'a> Row<'a> {
    pub(super) fn event_type(&self) -> &'a str {
        &self.header.types[self.frame.type_index(self.i)].name
    }

    pub(super) fn member(&self) -> &'a str {
        &self.header.members[self.frame.member_index(self.i)].name
    }

    pub(super) fn listed(&self) -> Timestamp {
        self.frame.listed(self.i)
    }

    pub(super) fn key(&self) -> ListKey {
        key_of(self.frame, self.i)
    }

    pub(super) fn position(&self) -> Position {
        self.start.plus(self.i as u64)
    }
}

/// A block that may hold a match.
struct Candidate {
    slot: Slot,
    /// Its place in the index: blocks that stand side by side are read at once.
    place: usize,
    /// All of its events lie in the window and can be read, as far as is known.
    whole: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(core: &'a Core, plan: &'a Plan, window: Window, work: &'a Work) -> Walk<'a> {
        Walk { core, plan, window, meter: Meter::new(work), unread: Cell::new(None) }
    }

    /// What the bound on work has left out so far.
    pub(super) fn unread(&self) -> Option<Unread> {
        self.unread.get()
    }

    pub(super) fn run(&self, gather: &mut impl Gather) -> Result<(), QueryError> {
        let asks = gather.asks_headers() && !self.plan.looks_inside();
        let candidates = self.candidates();
        let beside = |a: &Candidate, b: &Candidate| a.whole && b.whole && a.place + 1 == b.place;
        for run in candidates.chunk_by(beside) {
            for page in run.chunks(HEADS_PAGE) {
                if asks && page[0].whole {
                    self.by_headers(page, gather)?;
                } else {
                    page.iter().try_for_each(|one| self.open(&one.slot, gather))?;
                }
            }
        }
        Ok(())
    }

    fn candidates(&self) -> Vec<Candidate> {
        let (window, index) = (&self.window, self.core.index.read());
        let wanted = |slot: &Slot| {
            slot.readable
                && slot.received.1 >= window.cutoff
                && !window.is_empty()
                && window.meets(slot.listed)
                && self.plan.may_match(slot)
        };
        let whole = |slot: &Slot| {
            window.holds(slot.listed)
                && slot.received.0 >= window.cutoff
                && index.damaged_within(slot).next().is_none()
        };
        let slots = index.slots().iter().enumerate().filter(|(_, slot)| wanted(slot));
        slots.map(|(place, slot)| Candidate { slot: *slot, place, whole: whole(slot) }).collect()
    }

    fn by_headers(&self, page: &[Candidate], gather: &mut impl Gather) -> Result<(), QueryError> {
        self.meter.has_room()?;
        let heads = self.core.store.heads(page[0].slot.base, page.len())?;
        for Candidate { slot, .. } in page {
            let found = heads.binary_search_by_key(&slot.base, |head| head.base);
            let now = found.ok().map(|at| &heads[at].header).and_then(|it| it.as_ref().ok());
            let Some(header) = now.filter(|header| header.count == slot.count) else {
                // Merged, gone, or damaged by now: opening it tells.
                self.open(slot, gather)?;
                continue;
            };
            let Some(plan) = self.plan.for_block(header) else { continue };
            if !gather.by_header(&Told { slot, header, plan: &plan }) {
                self.open(slot, gather)?;
            }
        }
        Ok(())
    }

    /// Takes in what matches in one block, event by event.
    pub(super) fn open(&self, slot: &Slot, gather: &mut impl Gather) -> Result<(), QueryError> {
        if !self.meter.has_room()? {
            let mut unread = self.unread.get().unwrap_or(Unread::nothing());
            unread.add(slot.count.into(), slot.received);
            self.unread.set(Some(unread));
            return Ok(());
        }
        let Some(part) = self.core.part(slot)? else { return Ok(()) };
        let Some(plan) = self.plan.for_block(part.block.header()) else { return Ok(()) };
        let damaged: Vec<_> = self.core.index.read().damaged_within(slot).collect();
        for number in part.frames() {
            let (from, to) = part.positions(number);
            let known = damaged.iter().any(|hit| hit.0 < to && hit.1 > from);
            if known || !self.window.meets(part.block.frame_listed(number)) {
                continue;
            }
            if let Err(cause) = self.frame(&part, number, &plan, gather) {
                self.core.note_damage(from, to, &cause);
            }
        }
        Ok(())
    }

    fn frame(
        &self,
        part: &Part,
        number: usize,
        plan: &BlockPlan<'_>,
        gather: &mut impl Gather,
    ) -> Result<(), FormatError> {
        self.meter.count(part.rows(number).len());
        let frame = &part.block.frame(number)?;
        let mut matching = Vec::new();
        for i in part.rows(number).filter(|i| self.window.shows(frame, *i)) {
            if plan.matches(frame, i)? {
                matching.push(i);
            }
        }
        let (header, start) = (part.block.header(), part.positions(number).0);
        matching.into_iter().try_for_each(|i| gather.event(&Row { header, frame, i, start }))
    }
}
