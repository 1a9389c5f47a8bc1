//! Which blocks have a say in a window? All that may hold a match: by roll-ups where
//! these tell enough, else by their headers, and opened one after the other where
//! these do not tell either.
//!
//! What can be gathered without an order walks this way: counts, names, groups. No
//! lock is held while a gatherer works. Each position is told of once: what a
//! roll-up has told is left out when the index is asked for the rest.

use std::cell::Cell;
use std::iter;
use std::sync::Arc;

use super::QueryError;
use super::filter::{BlockPlan, Plan};
use super::rolled::{Rolled, Rolling};
use super::scan::{Window, key_of};
use super::told::Told;
use super::work::{Meter, Unread, Work};
use super::{ListKey, Timestamp};
use crate::block::{FormatError, Frame, Header};
use crate::id::Position;
use crate::log::{Core, Part, Places, Rollup, Slot};

/// Headers that are read from the store at once.
const HEADS_PAGE: usize = 256;

/// Goes once through all matching events of a window, in order of arrival.
pub(super) struct Walk<'a> {
    pub(super) core: &'a Core,
    pub(super) plan: &'a Plan,
    pub(super) window: Window,
    places: Places<'a>,
    pub(super) meter: Meter<'a>,
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

    /// Takes in what a roll-up tells, as [`Gather::by_header`] does. Those whose
    /// window cuts a minute are told of the whole minutes alone.
    fn by_rollup(&mut self, _rolling: &Rolling<'_>) -> bool {
        false
    }

    /// Whether members are asked for, as far as the question goes.
    fn asks_members(&self) -> bool {
        false
    }

    /// Takes in so many events of a frame that was not read, all of which lie in the
    /// window. Only for who wants every event, and nothing but to count them.
    fn by_frame(&mut self, _events: u64) -> bool {
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

/// Positions of a block that may hold a match.
struct Candidate {
    slot: Slot,
    /// Its place in the index: blocks that stand side by side are read at once.
    place: usize,
    /// From the first to before the second.
    positions: (Position, Position),
    /// All events of the block lie in the window and can be read, as far as is
    /// known, and all are asked for.
    whole: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(core: &'a Core, plan: &'a Plan, window: Window, work: &'a Work) -> Walk<'a> {
        let (places, meter) = (core.places(&plan.needed_words()), Meter::new(work));
        Walk { core, plan, window, places, meter, unread: Cell::new(None) }
    }

    /// What the bound on work has left out so far.
    pub(super) fn unread(&self) -> Option<Unread> {
        self.unread.get()
    }

    pub(super) fn run(&self, gather: &mut impl Gather) -> Result<(), QueryError> {
        let asks = gather.asks_headers() && !self.plan.looks_inside();
        if self.window.is_empty() {
            return Ok(());
        }
        let rolled = if asks { self.by_rollups(gather)? } else { Vec::new() };
        for rolled in rolled.iter().filter(|rolled| rolled.has_ends) {
            let positions = (rolled.from, rolled.end);
            self.window.ends().try_for_each(|end| self.open_all(positions, end, gather))?;
        }
        let candidates: Vec<Candidate> = untold(&rolled)
            .flat_map(|positions| self.candidates(positions, &self.window))
            .collect();
        let beside = |a: &Candidate, b: &Candidate| a.whole && b.whole && a.place + 1 == b.place;
        for run in candidates.chunk_by(beside) {
            for page in run.chunks(HEADS_PAGE) {
                if asks && page[0].whole {
                    self.by_headers(page, gather)?;
                } else {
                    let open = |it: &Candidate| {
                        self.open_within((&it.slot, it.positions), self.window, gather)
                    };
                    page.iter().try_for_each(open)?;
                }
            }
        }
        Ok(())
    }

    /// Takes in what the roll-ups tell, and says which positions that is, in order.
    fn by_rollups(&self, gather: &mut impl Gather) -> Result<Vec<Rolled>, QueryError> {
        let usable = |rollup: &&Arc<Rollup>| {
            rollup.received.0 >= self.window.cutoff && self.window.meets(rollup.listed)
        };
        let rollups: Vec<Arc<Rollup>> =
            self.core.index.read().rollups().iter().filter(usable).cloned().collect();
        let mut told = Vec::with_capacity(rollups.len());
        for rollup in &rollups {
            let rolling = Rolling::new(rollup, self.plan, &self.window);
            if rolling.is_void() {
                told.push(Rolled { from: rollup.from, end: rollup.end, has_ends: false });
                continue;
            }
            if gather.by_rollup(&rolling) || self.by_learned(rollup, &rolling, gather)? {
                told.push(rolling.told(&self.window));
            }
        }
        Ok(told)
    }

    /// Takes in a roll-up that did not tell enough, if it does once its members are
    /// counted event by event.
    fn by_learned(
        &self,
        rollup: &Rollup,
        rolling: &Rolling<'_>,
        gather: &mut impl Gather,
    ) -> Result<bool, QueryError> {
        let members = gather.asks_members() || !self.plan.takes_every_member();
        if !members || !rolling.takes_every_type() {
            return Ok(false);
        }
        let Some(learned) = self.learned(rollup)? else { return Ok(false) };
        Ok(gather.by_rollup(&Rolling::new(&learned, self.plan, &self.window)))
    }

    /// Opens what may hold a match among these positions, in this window.
    pub(super) fn open_all(
        &self,
        positions: (Position, Position),
        window: Window,
        gather: &mut impl Gather,
    ) -> Result<(), QueryError> {
        let candidates = self.candidates(positions, &window);
        let open = |it: &Candidate| self.open_within((&it.slot, it.positions), window, gather);
        candidates.iter().try_for_each(open)
    }

    /// What may hold a match in a window, from a position to before another.
    fn candidates(&self, (from, end): (Position, Position), window: &Window) -> Vec<Candidate> {
        let index = self.core.index.read();
        let first = index.slots().partition_point(|slot| slot.end() <= from);
        let slots = index.slots().iter().enumerate().skip(first);
        let within = slots.take_while(|(_, slot)| slot.base < end);
        let wanted = |slot: &Slot| {
            slot.readable
                && slot.received.1 >= window.cutoff
                && window.meets(slot.listed)
                && self.plan.may_match(slot)
        };
        let whole = |slot: &Slot| {
            (from <= slot.base && slot.end() <= end)
                && window.holds(slot.listed)
                && slot.received.0 >= window.cutoff
                && index.damaged_within(slot).next().is_none()
        };
        let candidate = |(place, slot): (usize, &Slot)| {
            let positions = (slot.base.max(from), slot.end().min(end));
            Candidate { slot: *slot, place, positions, whole: whole(slot) }
        };
        within.filter(|(_, slot)| wanted(slot)).map(candidate).collect()
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
        self.open_within((slot, (slot.base, slot.end())), self.window, gather)
    }

    /// As [`Walk::open`], some positions of it, and in this window.
    fn open_within(
        &self,
        (slot, positions): (&Slot, (Position, Position)),
        window: Window,
        gather: &mut impl Gather,
    ) -> Result<(), QueryError> {
        if !self.places.meets(positions.0, positions.1) {
            return Ok(());
        }
        if !self.meter.has_room()? {
            let mut unread = self.unread.get().unwrap_or(Unread::nothing());
            unread.add(positions.1.0 - positions.0.0, slot.received);
            self.unread.set(Some(unread));
            return Ok(());
        }
        let Some(part) = self.core.part(slot)? else { return Ok(()) };
        let Some(plan) = self.plan.for_block(part.block.header()) else { return Ok(()) };
        let damaged: Vec<_> = self.core.index.read().damaged_within(slot).collect();
        for number in part.frames() {
            let (from, to) = part.positions(number);
            let known = damaged.iter().any(|hit| hit.0 < to && hit.1 > from);
            let beyond = positions.0 >= to || positions.1 <= from;
            let beyond = beyond || !self.places.meets(from, to);
            if known || beyond || !window.meets(part.block.frame_listed(number)) {
                continue;
            }
            let rows = (positions.0.max(from), positions.1.min(to));
            let summary = part.block.frame_summary(number);
            let received = summary.map_or(part.block.header().received, |said| said.received);
            let whole =
                window.holds(part.block.frame_listed(number)) && received.0 >= window.cutoff;
            if whole && gather.by_frame(rows.1.0 - rows.0.0) {
                continue;
            }
            if received.1 < window.cutoff || !plan.may_match_frame(summary) {
                continue;
            }
            self.meter.count(part.rows(number).len());
            let rows = Rows { part: &part, number, positions, window };
            if let Err(cause) = rows.gather(&plan, gather) {
                self.core.note_damage(from, to, &cause);
            }
        }
        Ok(())
    }
}

/// What lies before, between and after what was told.
fn untold(told: &[Rolled]) -> impl Iterator<Item = (Position, Position)> {
    let from = iter::once(Position(0)).chain(told.iter().map(|told| told.end));
    let end = told.iter().map(|told| told.from).chain(iter::once(Position(u64::MAX)));
    from.zip(end).filter(|(from, end)| from < end)
}

/// The events of a frame that are asked for, before the filter.
struct Rows<'a> {
    part: &'a Part,
    number: usize,
    positions: (Position, Position),
    window: Window,
}

impl Rows<'_> {
    fn gather(&self, plan: &BlockPlan<'_>, gather: &mut impl Gather) -> Result<(), FormatError> {
        let Rows { part, number, positions, window } = *self;
        let sections = part.block.sections(number);
        if !plan.may_match_in(&sections) {
            return Ok(());
        }
        let (frame, start) = (&sections.into_frame()?, part.positions(number).0);
        let among = |i: &usize| {
            let position = start.plus(*i as u64);
            positions.0 <= position && position < positions.1
        };
        let mut matching = Vec::new();
        for i in part.rows(number).filter(among).filter(|i| window.shows(frame, *i)) {
            if plan.matches(frame, i)? {
                matching.push(i);
            }
        }
        let header = part.block.header();
        matching.into_iter().try_for_each(|i| gather.event(&Row { header, frame, i, start }))
    }
}
