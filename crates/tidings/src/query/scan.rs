//! Which events come first, of all that match? Blocks in order of their times,
//! with an early stop, however much their times overlap.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::best::{Bar, Best, in_order};
use super::crew::{Catch, Crew, Hand, Haul, Piece, Taken};
use super::cursor::ListKey;
use super::filter::{BlockPlan, Plan};
use super::work::{Meter, Unread, Work};
use super::{Order, QueryError};
use crate::block::{FormatError, Frame};
use crate::clock::Timestamp;
use crate::event::SharedEvent;
use crate::id::Position;
use crate::log::{Core, FRAMES_AT_ONCE, Part, Passage, Places, Positions, SharedFrame, Slot};

/// The events that a question is about, before its filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// From this list time on.
    pub(super) since: Timestamp,
    /// To this list time, included.
    pub(super) last: Timestamp,
    /// What was received before is over age.
    pub(super) cutoff: Timestamp,
}

impl Window {
    pub(super) fn of_all_time() -> Window {
        Window { since: Timestamp::MIN, last: Timestamp::MAX, cutoff: Timestamp::MIN }
    }

    /// Whether there is no instant in it.
    pub(super) fn is_empty(&self) -> bool {
        self.since > self.last
    }

    pub(super) fn meets(&self, listed: (Timestamp, Timestamp)) -> bool {
        listed.0 <= self.last && listed.1 >= self.since
    }

    pub(super) fn holds(&self, listed: (Timestamp, Timestamp)) -> bool {
        listed.0 >= self.since && listed.1 <= self.last
    }

    pub(super) fn shows(&self, frame: &Frame<'_>, i: usize) -> bool {
        let listed = frame.listed(i);
        self.holds((listed, listed)) && frame.received(i) >= self.cutoff
    }
}

/// Looks for the first events in an order.
pub(super) struct Scan<'a> {
    pub(super) core: &'a Core,
    pub(super) plan: &'a Plan,
    pub(super) window: Window,
    pub(super) order: Order,
    /// Only what comes after this key in the order.
    pub(super) after: Option<ListKey>,
    /// How many are wanted.
    pub(super) limit: usize,
    /// Count every match in the window, on either side of `after`.
    pub(super) count_all: bool,
    /// Frames are kept for whoever asks next. Only where the plan takes every event.
    pub(super) keeps: bool,
    pub(super) work: &'a Work,
}

/// What a scan found.
pub(super) struct Scanned {
    /// In the scan's order.
    pub(super) events: Vec<Arc<SharedEvent>>,
    /// What comes after this key was not looked for: there are more than were
    /// wanted, or the bound on work ended the scan.
    pub(super) goes_on: Option<ListKey>,
    /// Matches in the window, if all were counted.
    pub(super) matched: Option<u64>,
    /// What the bound on work left out.
    pub(super) unread: Option<Unread>,
}

/// Candidates that a list does not look at first.
struct Rest {
    /// What they hold comes no sooner in the order.
    soonest: Timestamp,
    unread: Unread,
}

/// Candidates that a list looks at first, besides one for each event that is wanted. In
/// tests none, so that a small log has others.
const FIRST_SLOTS_MORE: usize = if cfg!(test) { 0 } else { 16 };
/// A longer list looks at all of them.
const FIRST_SLOTS_EVENTS_MAX: usize = 1024;

impl Scan<'_> {
    pub(super) fn run(&self) -> Result<Scanned, QueryError> {
        // Both looks at it together cost no more than is allowed.
        let meter = Meter::new(self.work);
        // Where headers tell which blocks hold matches, few are enough.
        let few =
            !self.count_all && self.limit <= FIRST_SLOTS_EVENTS_MAX && !self.plan.looks_inside();
        if few {
            let (first, rest) = self.first_candidates();
            if let Some(found) = self.found_among(&first, rest, &meter)? {
                return Ok(found);
            }
        }
        let slots = self.candidates();
        let found = self.search(&slots, &meter)?;
        Ok(self.scanned(&slots, found))
    }

    /// The same, where only some of the candidates may hold a match.
    pub(super) fn run_among(&self, slots: &[Slot]) -> Result<Scanned, QueryError> {
        let found = self.search(slots, &Meter::new(self.work))?;
        Ok(self.scanned(slots, found))
    }

    /// The same, where others hold nothing that comes sooner than `rest`; `None` if what
    /// they hold may be among the first.
    fn found_among(
        &self,
        slots: &[Slot],
        rest: Option<Rest>,
        meter: &Meter<'_>,
    ) -> Result<Option<Scanned>, QueryError> {
        let found = self.search(slots, meter)?;
        let Some(rest) = rest else { return Ok(Some(self.scanned(slots, found))) };
        let is_beyond = match (found.cut_at, self.order) {
            (None, _) => found.best.bar().is_before(rest.soonest),
            (Some(cut_at), Order::Ascending) => rest.soonest > cut_at.time,
            (Some(cut_at), Order::Descending) => rest.soonest < cut_at.time,
        };
        if !is_beyond {
            return Ok(None);
        }
        let mut scanned = self.scanned(slots, found);
        if let Some(unread) = &mut scanned.unread {
            unread.join(&rest.unread);
        }
        Ok(Some(scanned))
    }

    fn search(&self, slots: &[Slot], meter: &Meter<'_>) -> Result<Catch, QueryError> {
        // One more than is wanted tells whether there are more.
        let best = Best::new(self.order, self.limit.saturating_add(1));
        let ahead = slots.iter().enumerate().map(|(at, slot)| {
            Piece::of_slot(self.order, self.edge(slot.listed), at, slot.count as usize)
        });
        let crew = Crew::new(ahead.collect(), best, self.after, self.count_all, meter);
        let places = self.core.places(&self.plan.needed_words());
        let helpers = (&self.core.helpers, self.core.options.aside);
        crew.run(helpers, |crew, hand| self.read(slots, &places, crew, hand))
    }

    fn scanned(&self, slots: &[Slot], found: Catch) -> Scanned {
        let mut unread = Unread::nothing();
        for piece in found.left.iter().filter(|_| found.cut_at.is_some()) {
            unread.add(piece.events as u64, slots[piece.slot].received);
        }
        let mut events = found.best.into_sorted();
        if let Some(cut_at) = found.cut_at {
            // Others may come before what has been found beyond the cut.
            events.retain(|event| self.comes_before(&super::key_of(event), &cut_at));
        }
        let more = events.len() > self.limit;
        events.truncate(self.limit);
        let last = events.last().filter(|_| more).map(|event| super::key_of(event));
        let is_whole = found.cut_at.is_none();
        // A page that is full is not cut short, unless all was to be counted.
        let is_short = !is_whole && (!more || self.count_all);
        Scanned {
            events,
            goes_on: last.or(found.cut_at),
            matched: (self.count_all && is_whole).then_some(found.matched),
            unread: is_short.then_some(unread),
        }
    }

    /// Blocks that may hold a match.
    pub(super) fn candidates(&self) -> Vec<Slot> {
        let index = self.core.index.read();
        index.slots().iter().filter(|slot| self.is_candidate(slot)).copied().collect()
    }

    /// Those of them whose events may come first, and the others, if there are any.
    fn first_candidates(&self) -> (Vec<Slot>, Option<Rest>) {
        let most = self.limit + FIRST_SLOTS_MORE;
        let (mut first, mut rest) = (BinaryHeap::with_capacity(most), None);
        let mut unread = Unread::nothing();
        let index = self.core.index.read();
        let slots = index.slots();
        // Most stand in the order already, and those that come first are met first.
        for i in 0..slots.len() {
            let at = match self.order {
                Order::Ascending => i,
                Order::Descending => slots.len() - 1 - i,
            };
            if !self.is_candidate(&slots[at]) {
                continue;
            }
            let piece = Piece::of_slot(self.order, self.edge(slots[at].listed), at, 0);
            if first.len() < most {
                first.push(Reverse(piece));
            } else {
                let last = first.peek_mut().filter(|last| last.0 < piece);
                let passed = last.map_or(piece, |mut last| std::mem::replace(&mut last.0, piece));
                unread.add(slots[passed.slot].count.into(), slots[passed.slot].received);
                rest = rest.max(Some(passed));
            }
        }
        let first = first.into_iter().map(|Reverse(piece)| slots[piece.slot]).collect();
        (first, rest.map(|piece| Rest { soonest: piece.edge(self.order), unread }))
    }

    fn is_candidate(&self, slot: &Slot) -> bool {
        slot.readable
            && slot.received.1 >= self.window.cutoff
            && self.is_wanted(slot.listed)
            && self.plan.may_match(slot)
    }

    /// Whether events of these times are in the window and after the cursor.
    fn is_wanted(&self, listed: (Timestamp, Timestamp)) -> bool {
        let after = match (self.after, self.order) {
            (Some(key), Order::Ascending) if !self.count_all => listed.1 >= key.time,
            (Some(key), Order::Descending) if !self.count_all => listed.0 <= key.time,
            _ => true,
        };
        after && self.window.meets(listed)
    }

    /// The earliest, in the order, of these times that is wanted.
    fn edge(&self, listed: (Timestamp, Timestamp)) -> Timestamp {
        let after = self.after.map(|key| key.time).filter(|_| !self.count_all);
        match self.order {
            Order::Ascending => {
                listed.0.max(self.window.since).max(after.unwrap_or(Timestamp::MIN))
            }
            Order::Descending => {
                listed.1.min(self.window.last).min(after.unwrap_or(Timestamp::MAX))
            }
        }
    }

    /// Reads what the crew has for this thread.
    fn read(
        &self,
        slots: &[Slot],
        places: &Places<'_>,
        crew: &Crew<'_>,
        hand: Hand,
    ) -> Result<(), QueryError> {
        if hand == Hand::Helper {
            // Expressions that threads share make them wait for each other.
            let plan = &self.plan.clone();
            return Scan { plan, ..*self }.read(slots, places, crew, Hand::Asker);
        }
        let passes = |piece: &Piece| {
            let slot = &slots[piece.slot];
            places.are_known_to_miss(slot.base, slot.end())
        };
        let mut next = crew.take(&passes);
        while let Some(taken) = next {
            let slot = &slots[taken.piece.slot];
            let may_match = places.meets(slot.base, slot.end());
            let part = if may_match { self.core.part(slot)? } else { None };
            next = if let Some(part) = part {
                self.read_part((slot, &part), taken, places, &|| crew.take(&passes))?
            } else {
                drop(taken);
                crew.take(&passes)
            };
        }
        Ok(())
    }

    /// Reads this piece and all that follow it from the same slot; gives the first
    /// that does not.
    fn read_part<'c, 'a>(
        &self,
        (slot, part): (&Slot, &Part),
        first: Taken<'c, 'a>,
        places: &Places<'_>,
        take: &impl Fn() -> Option<Taken<'c, 'a>>,
    ) -> Result<Option<Taken<'c, 'a>>, QueryError> {
        let number = first.piece.slot;
        let plan = self.plan.for_block(part.header());
        let mut next = Some(first);
        while let Some(taken) = next {
            if taken.piece.slot != number {
                return Ok(Some(taken));
            }
            if let Some(plan) = &plan {
                let haul = match taken.piece.frames {
                    None => {
                        let at_once = if taken.is_wide() { FRAMES_AT_ONCE } else { 1 };
                        self.frames((slot, part), plan, &taken.piece, (places, at_once))
                    }
                    Some(frames) => {
                        taken.count(taken.piece.events);
                        self.read_frames((slot, part), plan, frames, taken.bar)?
                    }
                };
                taken.lay_down(haul);
            } else {
                drop(taken);
            }
            next = take();
        }
        Ok(None)
    }

    /// The frames of a block that may hold a match, so many neighbours at once. What is
    /// known to be damaged holds none: to be counted, an event must not lack what it
    /// could not be shown without.
    fn frames(
        &self,
        (slot, part): (&Slot, &Part),
        plan: &BlockPlan<'_>,
        piece: &Piece,
        (places, at_once): (&Places<'_>, usize),
    ) -> Haul {
        let damaged: Vec<_> = self.core.index.read().damaged_within(slot).collect();
        let wanted: Vec<usize> = part
            .frames()
            .filter(|number| {
                let (from, to) = part.positions(*number);
                let is_whole = !damaged.iter().any(|hit| hit.0 < to && hit.1 > from);
                let may_match = is_whole && self.may_match_frame(part, *number, plan);
                may_match && places.meets(from, to)
            })
            .collect();
        let runs = wanted.chunk_by(|one, next| one + 1 == *next);
        let pieces = runs.flat_map(|run| run.chunks(at_once)).map(|run| {
            let edges = run.iter().map(|number| self.edge(part.outline.frame_listed(*number)));
            let held = (part.positions(run[0]).0, part.positions(run[run.len() - 1]).1);
            let events = run.iter().map(|number| part.rows(*number).len()).sum();
            piece.of_frames(self.order, edges, held, events)
        });
        Haul { pieces: pieces.collect(), ..Haul::default() }
    }

    /// Whether a frame may hold a match that is wanted, by what its block says of it.
    fn may_match_frame(&self, part: &Part, number: usize, plan: &BlockPlan<'_>) -> bool {
        let summary = part.outline.frame_summary(number);
        let is_kept = summary.is_none_or(|said| said.received.1 >= self.window.cutoff);
        let listed = part.outline.frame_listed(number);
        is_kept && self.is_wanted(listed) && plan.may_match_frame(summary)
    }

    fn read_frames(
        &self,
        (slot, part): (&Slot, &Part),
        plan: &BlockPlan<'_>,
        frames: Positions,
        bar: Bar,
    ) -> Result<Haul, QueryError> {
        if self.keeps {
            return self.read_kept(slot, frames, bar);
        }
        let mut haul = Haul::default();
        let Some(passage) = self.core.passage(slot, part, frames)? else { return Ok(haul) };
        let renewed = self.plan.renewed(part, &passage);
        let plan = match &renewed {
            None => plan,
            Some(Some(plan)) => plan,
            Some(None) => return Ok(haul),
        };
        for number in passage.frames() {
            if let Err(cause) = self.frame(&passage, number, plan, bar, &mut haul) {
                let (from, to) = passage.part.positions(number);
                self.core.note_damage(from, to, &cause);
            }
        }
        Ok(haul)
    }

    /// The same of frames that others share, which may be longer than when they were
    /// chosen.
    fn read_kept(
        &self,
        slot: &Slot,
        (mut from, to): Positions,
        bar: Bar,
    ) -> Result<Haul, QueryError> {
        let to = to.min(slot.end());
        from = from.max(slot.base);
        let mut haul = Haul::default();
        while from < to {
            let Some(shared) = self.core.shared_frame(slot, from)? else { break };
            let (start, end) = shared.positions();
            match self.kept_frame(&shared, (from, to.min(end)), bar) {
                Ok(events) => haul.events.extend(events),
                Err(cause) => self.core.note_damage(start, end, &cause),
            }
            from = end;
        }
        haul.matched = haul.events.len() as u64;
        Ok(haul)
    }

    /// What is wanted of these events of a frame that others share.
    fn kept_frame(
        &self,
        shared: &SharedFrame,
        (from, to): Positions,
        bar: Bar,
    ) -> Result<Vec<(ListKey, Arc<SharedEvent>)>, FormatError> {
        let (frame, (start, _)) = (shared.frame()?, shared.positions());
        let index =
            |position: Position| usize::try_from(position.0 - start.0).unwrap_or(usize::MAX);
        let shown = (index(from)..index(to)).filter(|i| self.window.shows(frame, *i));
        let keyed = shown.map(|i| (key_of(frame, i), i));
        let mut rows: Vec<_> =
            keyed.filter(|(key, _)| self.is_after(key) && bar.admits(key)).collect();
        self.keep_first(&mut rows);
        let event = |(key, i)| Ok((key, Arc::clone(shared.event(i)?)));
        rows.into_iter().map(event).collect()
    }

    /// Of one frame no more can be wanted.
    fn keep_first(&self, rows: &mut Vec<(ListKey, usize)>) {
        rows.sort_unstable_by(|a, b| in_order(self.order, &a.0, &b.0));
        rows.truncate(self.limit.saturating_add(1));
    }

    /// Takes what a frame has into the haul; nothing if it is damaged.
    fn frame(
        &self,
        passage: &Passage,
        number: usize,
        plan: &BlockPlan<'_>,
        bar: Bar,
        haul: &mut Haul,
    ) -> Result<(), FormatError> {
        let (mut matched, mut rows) = (0, Vec::new());
        let sections = passage.sections(number);
        let may_match = plan.rows(&sections);
        if may_match.is_none() {
            return Ok(());
        }
        let frame = sections.into_frame()?;
        let likely = |i: &usize| may_match.has(*i) && plan.takes_numbers(&frame, *i);
        let likely = passage.rows(number).filter(likely);
        for i in likely.filter(|i| self.window.shows(&frame, *i)) {
            let key = key_of(&frame, i);
            let wanted = self.is_after(&key) && bar.admits(&key);
            if (wanted || self.count_all) && plan.matches(&frame, i)? {
                matched += 1;
                rows.extend(wanted.then_some((key, i)));
            }
        }
        self.keep_first(&mut rows);
        frame.read_messages_of(rows.iter().map(|(_, i)| *i))?;
        frame.read_details_of(rows.iter().map(|(_, i)| *i))?;
        let events = rows.into_iter().map(|(key, i)| {
            let event = frame.event(i, passage.part.base)?;
            Ok((key, Arc::new(SharedEvent::from(event))))
        });
        let events = events.collect::<Result<Vec<_>, FormatError>>()?;
        haul.matched += matched;
        haul.events.extend(events);
        Ok(())
    }

    fn is_after(&self, key: &ListKey) -> bool {
        self.after.is_none_or(|after| self.comes_before(&after, key))
    }

    fn comes_before(&self, one: &ListKey, other: &ListKey) -> bool {
        in_order(self.order, one, other) == Ordering::Less
    }
}

pub(super) fn key_of(frame: &Frame<'_>, i: usize) -> ListKey {
    let (origin, boot, seq) = frame.name(i);
    ListKey { time: frame.listed(i), origin, boot, seq }
}
