//! Which publication of a boot is next, and which will not come?
//!
//! Publications of a boot are numbered densely from 1 and are taken in that order.
//! One that stays away becomes a hole, so that those after it need not wait for
//! ever; if it comes all the same, it is taken then.

use std::collections::BTreeMap;
use std::time::Duration;

use super::UNHEARD_AFTER;
use crate::block::{Block, Run};
use crate::clock::Timestamp;

/// How long, in time of live watching, the next publication of a boot is waited for
/// once there is one beyond it.
pub const HOLE_PATIENCE: Duration = Duration::from_secs(10);
/// What something held costs beside its bytes.
const HELD_COST_BYTES: usize = 1024;

/// One boot's publications.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// The number that comes next.
    pub(super) next: u64,
    /// The largest sequence number that was taken or passed over.
    pub(super) last_seq: Option<u64>,
    /// The latest `received` of what was taken or passed over, by our clock.
    pub(super) received: Option<Timestamp>,
    /// Events of the boot were in the log before it was heard of here: what the log
    /// has of it is asked each time.
    pub(super) kept: bool,
    /// In order of their numbers.
    pub(super) holes: Vec<Hole>,
    /// What has come and could not be taken yet.
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    /// What its origin says that it has published, and since when that is waited for.
    said: Option<(u64, Duration)>,
    /// Whatever comes next is the beginning: what was before is over age.
    restarts: bool,
}

/// Publications that stayed away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// First and last number.
    pub(super) numbers: (u64, u64),
    /// The sequence numbers that stand around it.
    pub(super) seqs: Seqs,
    /// `received` of its neighbours, where there are any.
    pub(super) received: (Option<Timestamp>, Option<Timestamp>),
    /// When it was found: what is missing was received before.
    pub(super) found: Timestamp,
    /// Nothing is taken for it any more: it stands for several, and what is between
    /// them is here.
    pub(super) closed: bool,
}

impl Hole {
    /// What is missing was received before this.
    pub(super) fn until(&self) -> Timestamp {
        self.received.1.map_or(self.found, |to| to.min(self.found))
    }
}

/// The sequence numbers between two others, both excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seqs {
    pub(super) after: Option<u64>,
    pub(super) before: Option<u64>,
}

impl Seqs {
    pub(super) fn contains(self, seq: u64) -> bool {
        self.after.is_none_or(|after| seq > after) && self.before.is_none_or(|before| seq < before)
    }

    pub(super) fn contain_all(self, run: &Run) -> bool {
        self.contains(run.first_seq) && self.contains(run.last_seq)
    }

    pub(super) fn contain_none(self, run: &Run) -> bool {
        self.after.is_some_and(|after| run.last_seq <= after)
            || self.before.is_some_and(|before| run.first_seq >= before)
    }
}

/// Something that came under a number.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    /// `None` for a value that is no block: its number is a hole.
    block: Option<Block>,
    revision: i64,
    /// When it came, in time of live watching.
    since: Duration,
}

impl Held {
    fn cost(&self) -> usize {
        HELD_COST_BYTES + self.block.as_ref().map_or(0, |block| block.bytes().len())
    }
}

/// Whether a block is too old to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    Over,
    /// Too old by its origin's clock, which may be wrong: wait for news of that clock.
    Unsure,
}

/// How old a block is, and when it was received by our clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dated {
    pub(super) age: Age,
    pub(super) received: (Timestamp, Timestamp),
}

/// What a line lets go.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    /// Events of these sequence numbers are to be taken.
    Take { block: Block, seqs: Seqs },
    /// So many events are here already.
    Known { events: u64 },
    /// So many events came too late.
    OverAge { events: u64 },
    /// These numbers will not come, as far as anybody can tell.
    Hole { numbers: (u64, u64) },
}

/// What a line is asked with.
pub(super) struct Asking<'a> {
    pub(super) now: Timestamp,
    /// Time of live watching that has passed.
    pub(super) watched: Duration,
    /// There is no room to wait any longer.
    pub(super) pressed: bool,
    pub(super) date: &'a dyn Fn(&Block) -> Dated,
    /// The largest sequence number that the log has of this boot.
    pub(super) last_seq_here: &'a dyn Fn() -> Option<u64>,
}

impl Line {
    /// A line that begins with this number.
    pub(super) fn from(next: u64, kept: bool) -> Line {
        Line {
            next,
            last_seq: None,
            received: None,
            kept,
            holes: Vec::new(),
            held: BTreeMap::new(),
            held_bytes: 0,
            said: None,
            restarts: false,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Whether something is held or waited for.
    pub(super) fn is_busy(&self) -> bool {
        !self.held.is_empty() || self.said.is_some()
    }

    pub(super) fn is_waiting_for(&self, number: u64) -> bool {
        number >= self.next || self.hole_of(number).is_some()
    }

    /// What was taken last is over age: the next that comes is the beginning, for
    /// what is between may have gone with its lease.
    pub(super) fn restart(&mut self) {
        self.restarts = true;
    }

    /// Keeps what came until its turn. Says whether it is held now, and was not.
    pub(super) fn hold(
        &mut self,
        number: u64,
        block: Option<Block>,
        revision: i64,
        watched: Duration,
    ) -> bool {
        if !self.is_waiting_for(number) {
            return false;
        }
        let held = Held { block, revision, since: watched };
        let was = self.held.get(&number);
        // What came first stays, but a block is better than none.
        if was.is_some_and(|was| was.block.is_some() || held.block.is_none()) {
            return false;
        }
        self.held_bytes += held.cost();
        if let Some(was) = self.held.insert(number, held) {
            self.held_bytes -= was.cost();
            return false;
        }
        true
    }

    /// Its origin says that it has published up to this number.
    pub(super) fn said(&mut self, number: u64, watched: Duration) {
        let expected = self.next + self.held.range(self.next..).count() as u64;
        if self.said.is_none() && number >= expected && number < u64::MAX {
            self.said = Some((number, watched));
        }
    }

    /// Whether everything up to this number was let go.
    pub(super) fn is_through(&self, number: u64) -> bool {
        number < self.next
    }

    /// Lets go what is due, with the revision that it held back.
    pub(super) fn pop(&mut self, asking: &Asking<'_>) -> Option<(Due, Option<i64>)> {
        if self.said.is_some_and(|(number, _)| self.is_through(number)) {
            self.said = None;
        }
        let Some((number, first)) = self.held.first_key_value() else {
            return Some((self.missed_at_the_end(asking)?, None));
        };
        let (number, waited) = (*number, asking.watched.saturating_sub(first.since));
        if number > self.next && !self.restarts {
            let patient = waited < HOLE_PATIENCE && !asking.pressed;
            return (!patient).then(|| (self.miss(number - 1, asking.now), None));
        }
        let dated = first.block.as_ref().map(|block| (asking.date)(block));
        let unsure = dated.is_some_and(|dated| dated.age == Age::Unsure);
        if unsure && waited < UNHEARD_AFTER && !asking.pressed {
            return None;
        }
        self.restarts &= number < self.next;
        let held = self.held.remove(&number)?;
        self.held_bytes -= held.cost();
        let due = match (held.block, dated) {
            (Some(block), Some(dated)) if number < self.next => self.fill(number, block, dated),
            (Some(block), Some(dated)) => {
                self.next = number;
                self.advance(block, dated, asking)
            }
            // A hole already, or one now.
            _ if number < self.next => Due::Known { events: 0 },
            _ => {
                self.next = number;
                self.miss(number, asking.now)
            }
        };
        Some((due, Some(held.revision)))
    }

    /// What its origin says that it has published, and nobody has seen.
    fn missed_at_the_end(&mut self, asking: &Asking<'_>) -> Option<Due> {
        let (number, since) = self.said?;
        if self.restarts {
            (self.next, self.said) = (number + 1, None);
            return Some(Due::Known { events: 0 });
        }
        let waited = asking.watched.saturating_sub(since);
        (waited >= HOLE_PATIENCE || asking.pressed).then(|| self.miss(number, asking.now))
    }

    /// Everything from the next number to this one is a hole.
    fn miss(&mut self, to: u64, now: Timestamp) -> Due {
        let numbers = (self.next, to);
        self.next = to.saturating_add(1);
        match self.holes.last_mut() {
            Some(last) if last.numbers.1 + 1 == numbers.0 && !last.closed => {
                (last.numbers.1, last.found) = (to, now);
            }
            _ => self.holes.push(Hole {
                numbers,
                seqs: Seqs { after: self.last_seq, before: None },
                received: (self.received, None),
                found: now,
                closed: false,
            }),
        }
        Due::Hole { numbers }
    }

    /// Takes the next one.
    fn advance(&mut self, block: Block, dated: Dated, asking: &Asking<'_>) -> Due {
        let run = block.header().runs[0];
        if let Some(hole) = self.holes.last_mut().filter(|hole| hole.numbers.1 + 1 == self.next) {
            hole.seqs.before = Some(run.first_seq);
            hole.received.1 = Some(dated.received.0);
        }
        self.next = self.next.saturating_add(1);
        let here = if self.kept { (asking.last_seq_here)() } else { None };
        let seqs = Seqs { after: self.last_seq.max(here), before: None };
        self.last_seq = self.last_seq.max(Some(run.last_seq));
        self.received = self.received.max(Some(dated.received.1));
        due(block, dated, seqs)
    }

    /// Takes one that was given up.
    fn fill(&mut self, number: u64, block: Block, dated: Dated) -> Due {
        let events = u64::from(block.header().count);
        let run = block.header().runs[0];
        let wanted = self.hole_of(number).filter(|at| !self.holes[*at].seqs.contain_none(&run));
        // One that has nothing of what is missing fills nothing.
        let Some(at) = wanted else { return Due::Known { events } };
        let hole = self.holes[at];
        let (first, last) = hole.numbers;
        let begins = run.first_seq.max(hole.seqs.after.unwrap_or(0));
        let ends = run.last_seq.min(hole.seqs.before.unwrap_or(u64::MAX));
        let left = Hole {
            numbers: (first, number.saturating_sub(1)),
            seqs: Seqs { before: Some(begins), ..hole.seqs },
            received: (hole.received.0, Some(dated.received.0)),
            ..hole
        };
        let right = Hole {
            numbers: (number.saturating_add(1), last),
            seqs: Seqs { after: Some(ends), ..hole.seqs },
            received: (Some(dated.received.1), hole.received.1),
            ..hole
        };
        let rest = [(number > first).then_some(left), (number < last).then_some(right)];
        self.holes.splice(at..=at, rest.into_iter().flatten());
        self.last_seq = self.last_seq.max(Some(ends));
        self.received = self.received.max(Some(dated.received.1));
        due(block, dated, hole.seqs)
    }

    fn hole_of(&self, number: u64) -> Option<usize> {
        let at = self.holes.partition_point(|hole| hole.numbers.1 < number);
        self.holes.get(at).filter(|hole| hole.numbers.0 <= number && !hole.closed).map(|_| at)
    }

    /// Makes one of the two oldest holes: nothing is taken for them any more.
    pub(super) fn close_oldest_holes(&mut self) {
        if let [first, second, ..] = self.holes[..] {
            let whole = Hole {
                numbers: (first.numbers.0, second.numbers.1),
                seqs: Seqs { after: first.seqs.after, before: second.seqs.before },
                received: (first.received.0, second.received.1),
                found: first.found.max(second.found),
                closed: true,
            };
            self.holes.splice(..2, [whole]);
        }
    }

    /// Forgets holes whose events would be over age.
    pub(super) fn forget_holes_before(&mut self, cutoff: Timestamp) {
        self.holes.retain(|hole| hole.until() >= cutoff);
    }

    /// Whether nothing was ever taken, nor is missed any more.
    pub(super) fn is_blank(&self) -> bool {
        self.received.is_none() && self.holes.is_empty()
    }
}

fn due(block: Block, dated: Dated, seqs: Seqs) -> Due {
    let events = u64::from(block.header().count);
    if seqs.contain_none(&block.header().runs[0]) {
        Due::Known { events }
    } else if dated.age == Age::Fresh {
        Due::Take { block, seqs }
    } else {
        Due::OverAge { events }
    }
}
