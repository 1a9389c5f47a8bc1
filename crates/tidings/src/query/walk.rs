//! Which blocks have a say in a window? All that may hold a match: by roll-ups where
//! these tell enough, else by their headers, and opened one after the other where
//! these do not tell either.
//!
//! What can be gathered without an order walks this way: counts, names, groups. No
//! lock is held while a gatherer works. Each position is told of once: what a
//! roll-up has told is left out when the index is asked for the rest. Frames are read
//! by several threads, and taken in by one in order.

use std::cell::Cell;
use std::iter;
use std::sync::Arc;

use super::QueryError;
use super::filter::{BlockPlan, Plan};
use super::gather::{Found, Gather, Reads};
use super::line::in_order;
use super::rolled::{Rolled, Rolling};
use super::scan::Window;
use super::told::Told;
use super::work::{Meter, Unread, Work};
use crate::block::{FormatError, Frame};
use crate::id::Position;
use crate::log::{Core, FRAMES_AT_ONCE, Part, Passage, Places, Positions, Rollup, Slot};

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

impl Candidate {
    fn within(&self, window: Window) -> Stretch {
        Stretch { slot: self.slot, positions: self.positions, window }
    }
}

/// Positions of a block that are to be opened, in this window.
struct Stretch {
    slot: Slot,
    /// From the first to before the second.
    positions: (Position, Position),
    window: Window,
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
        let mut stretches = Vec::new();
        for rolled in rolled.iter().filter(|rolled| rolled.has_ends) {
            for end in self.window.ends() {
                stretches.extend(self.stretches((rolled.from, rolled.end), end));
            }
        }
        let candidates: Vec<Candidate> = untold(&rolled)
            .flat_map(|positions| self.candidates(positions, &self.window))
            .collect();
        let beside = |a: &Candidate, b: &Candidate| a.whole && b.whole && a.place + 1 == b.place;
        for run in candidates.chunk_by(beside) {
            for page in run.chunks(HEADS_PAGE) {
                if asks && page[0].whole {
                    stretches.extend(self.by_headers(page, gather)?);
                } else {
                    stretches.extend(page.iter().map(|it| it.within(self.window)));
                }
            }
        }
        self.read(stretches, gather)
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
        self.read(self.stretches(positions, window), gather)
    }

    fn stretches(&self, positions: (Position, Position), window: Window) -> Vec<Stretch> {
        let candidates = self.candidates(positions, &window);
        candidates.iter().map(|it| it.within(window)).collect()
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

    /// Takes in what headers tell, and says what has to be opened.
    fn by_headers(
        &self,
        page: &[Candidate],
        gather: &mut impl Gather,
    ) -> Result<Vec<Stretch>, QueryError> {
        self.meter.has_room()?;
        let mut open = Vec::new();
        let heads = self.core.aside(|| self.core.store.heads(page[0].slot.base, page.len()))?;
        for candidate in page {
            let slot = &candidate.slot;
            let found = heads.binary_search_by_key(&slot.base, |head| head.base);
            let now = found.ok().map(|at| &heads[at].header).and_then(|it| it.as_ref().ok());
            let Some(header) = now.filter(|header| header.count == slot.count) else {
                // Merged, gone, or damaged by now: opening it tells.
                open.push(candidate.within(self.window));
                continue;
            };
            let Some(plan) = self.plan.for_block(header) else { continue };
            if !gather.by_header(&Told { slot, header, plan: &plan }) {
                open.push(candidate.within(self.window));
            }
        }
        Ok(open)
    }

    /// Takes in what matches in one block, event by event.
    pub(super) fn open(&self, slot: &Slot, gather: &mut impl Gather) -> Result<(), QueryError> {
        let positions = (slot.base, slot.end());
        self.read(vec![Stretch { slot: *slot, positions, window: self.window }], gather)
    }

    /// Takes in what matches in these, in their order. Frames are read by whoever is
    /// free.
    fn read(&self, stretches: Vec<Stretch>, gather: &mut impl Gather) -> Result<(), QueryError> {
        let (only_counts, reads) = (gather.only_counts(), gather.reads());
        let jobs = stretches.into_iter().flat_map(|stretch| {
            let jobs = self.jobs(&stretch, only_counts);
            // A failure is a job that cannot be had.
            jobs.map_or_else(|error| vec![Err(error)], |jobs| jobs.into_iter().map(Ok).collect())
        });
        let (core, plan) = (self.core, self.plan);
        let work = |job: Job<'a>| match job {
            Job::Count(events) => Done::Counted(events),
            Job::Frames(job) => Done::Read(job.read(core, plan, reads)),
        };
        let mut failure = None;
        let take_in = |done| match done {
            Done::Counted(events) => gather.by_count(events),
            Done::Read(Err(error)) => drop(failure.get_or_insert(error)),
            Done::Read(Ok(frames)) => {
                for ((start, end), read) in frames {
                    let taken = read.and_then(|(frame, rows)| {
                        gather.frame(&Found { frame: &frame, rows: &rows, start })
                    });
                    if let Err(cause) = taken {
                        self.core.note_damage(start, end, &cause);
                    }
                }
            }
        };
        self.core.aside(|| in_order(&self.core.helpers, jobs, work, take_in))?;
        failure.map_or(Ok(()), Err)
    }

    /// What there is to read in a stretch.
    fn jobs(&self, stretch: &Stretch, only_counts: bool) -> Result<Vec<Job<'a>>, QueryError> {
        let Stretch { slot, positions, window } = stretch;
        if !self.places.meets(positions.0, positions.1) {
            return Ok(Vec::new());
        }
        if !self.meter.has_room()? {
            let mut unread = self.unread.get().unwrap_or(Unread::nothing());
            unread.add(positions.1.0 - positions.0.0, slot.received);
            self.unread.set(Some(unread));
            return Ok(Vec::new());
        }
        let Some(part) = self.core.part(slot)? else { return Ok(Vec::new()) };
        let Some(plan) = self.plan.for_block(part.header()) else { return Ok(Vec::new()) };
        let damaged: Vec<_> = self.core.index.read().damaged_within(slot).collect();
        let opened = Arc::new(Opened { slot: *slot, part, plan, window: *window });
        let Opened { part, plan, .. } = &*opened;
        let (mut wanted, mut counted) = (Vec::new(), 0);
        for number in part.frames_among(*positions) {
            let (from, to) = part.positions(number);
            let known = damaged.iter().any(|hit| hit.0 < to && hit.1 > from);
            let listed = part.outline.frame_listed(number);
            if known || !self.places.meets(from, to) || !window.meets(listed) {
                continue;
            }
            let summary = part.outline.frame_summary(number);
            let received = summary.map_or(part.header().received, |said| said.received);
            let whole = window.holds(listed) && received.0 >= window.cutoff;
            if whole && only_counts {
                counted += positions.1.min(to).0 - positions.0.max(from).0;
                continue;
            }
            if received.1 >= window.cutoff && plan.may_match_frame(summary) {
                self.meter.count(part.rows(number).len());
                wanted.push(number);
            }
        }
        let runs = wanted.chunk_by(|one, next| one + 1 == *next);
        let jobs = runs.flat_map(|run| run.chunks(FRAMES_AT_ONCE)).map(|run| {
            let held = (part.positions(run[0]).0, part.positions(run[run.len() - 1]).1);
            let held = (held.0.max(positions.0), held.1.min(positions.1));
            Job::Frames(FramesJob { opened: Arc::clone(&opened), positions: held })
        });
        Ok(jobs.chain((counted > 0).then_some(Job::Count(counted))).collect())
    }
}

/// What lies before, between and after what was told.
fn untold(told: &[Rolled]) -> impl Iterator<Item = (Position, Position)> {
    let from = iter::once(Position(0)).chain(told.iter().map(|told| told.end));
    let end = told.iter().map(|told| told.from).chain(iter::once(Position(u64::MAX)));
    from.zip(end).filter(|(from, end)| from < end)
}

/// A block that was opened, and what is asked of it.
struct Opened<'a> {
    slot: Slot,
    part: Part,
    plan: BlockPlan<'a>,
    window: Window,
}

/// What is done for a gatherer before it is its turn.
enum Job<'a> {
    /// Nothing: so many events lie in frames that need not be read.
    Count(u64),
    Frames(FramesJob<'a>),
}

enum Done {
    Counted(u64),
    Read(Result<Vec<Read>, QueryError>),
}

/// A frame, and its events that match, at least one.
type Matching = (Box<Frame<'static>>, Vec<usize>);

/// The positions of a frame, and what matches in it.
type Read = (Positions, Result<Matching, FormatError>);

/// Neighbouring frames that are read at once.
struct FramesJob<'a> {
    opened: Arc<Opened<'a>>,
    positions: Positions,
}

impl FramesJob<'_> {
    /// What matches in the frames, one after the other; not those in which nothing does.
    fn read(&self, core: &Core, all: &Plan, reads: Reads) -> Result<Vec<Read>, QueryError> {
        let Opened { slot, part, plan, window } = &*self.opened;
        let Some(passage) = core.passage(slot, part, self.positions)? else {
            return Ok(Vec::new());
        };
        let renewed = all.renewed(part, &passage);
        let plan = match &renewed {
            None => plan,
            Some(Some(plan)) => plan,
            Some(None) => return Ok(Vec::new()),
        };
        let read = |number| {
            let matching = matching(&passage, number, (plan, window), reads).transpose()?;
            Some((passage.part.positions(number), matching))
        };
        Ok(passage.frames().filter_map(read).collect())
    }
}

/// `None` where nothing matches.
fn matching(
    passage: &Passage,
    number: usize,
    (plan, window): (&BlockPlan<'_>, &Window),
    reads: Reads,
) -> Result<Option<Matching>, FormatError> {
    let sections = passage.excerpt.sections_to_keep(number);
    let may_match = plan.rows(&sections);
    if may_match.is_none() {
        return Ok(None);
    }
    let frame = sections.into_frame()?;
    let mut matching = Vec::new();
    let likely = passage.rows(number).filter(|i| may_match.has(*i));
    for i in likely.filter(|i| window.shows(&frame, *i)) {
        if plan.matches(&frame, i)? {
            matching.push(i);
        }
    }
    if matching.is_empty() {
        return Ok(None);
    }
    let events = matching.iter().copied();
    match reads {
        Reads::Nothing => {}
        Reads::Messages => frame.read_messages_of(events)?,
        Reads::Fields => frame.read_details_of(events)?,
    }
    Ok(Some((Box::new(frame), matching)))
}
