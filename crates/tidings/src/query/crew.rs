//! Who reads which piece next? One thread, and others of the machine's cores when a
//! question is wide.
//!
//! Whoever is free takes the piece whose edge comes first in the list's order, reads
//! it without a lock, and lays down what was found. Which thread read what, and who
//! came back first, changes nothing in the answer: the first events of all are kept,
//! and reading ends when no piece that is left can hold one of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::best::{Bar, Best, in_order};
use super::cursor::ListKey;
use super::work::{Meter, key_before};
use super::{Order, QueryError};
use crate::clock::Timestamp;
use crate::event::SharedEvent;
use crate::log::{Aside, Positions, run_aside};
use crate::sync::{Condvar, Mutex, Seats, thread};

/// Pieces that a question reads alone before others help it: so many are read sooner
/// than a thread starts.
const ALONE_PIECES_MAX: usize = 8;

/// A block that may hold a match, or some neighbouring frames of one whose outline
/// was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    /// How soon the first event that it may hold comes in the order: more is sooner.
    rank: i64,
    /// Which of the slots.
    pub(super) slot: usize,
    /// What the frames hold. Not their numbers: a merge may give them others.
    pub(super) frames: Option<Positions>,
    pub(super) events: usize,
}

impl Piece {
    /// A block whose first event comes no sooner than `edge`.
    pub(super) fn of_slot(order: Order, edge: Timestamp, slot: usize, events: usize) -> Piece {
        Piece { rank: rank(order, edge), slot, frames: None, events }
    }

    /// Frames of this block, which come no sooner than any of `edges`. Their own edges
    /// may be those of another slot's events.
    pub(super) fn of_frames(
        &self,
        order: Order,
        edges: impl Iterator<Item = Timestamp>,
        frames: Positions,
        events: usize,
    ) -> Piece {
        let soonest = edges.map(|edge| rank(order, edge)).max();
        let rank = soonest.map_or(self.rank, |rank| rank.min(self.rank));
        Piece { rank, slot: self.slot, frames: Some(frames), events }
    }

    /// The list time before which it holds nothing, in the order.
    pub(super) fn edge(&self, order: Order) -> Timestamp {
        Timestamp::from_nanos(match order {
            Order::Descending => self.rank,
            Order::Ascending => !self.rank,
        })
    }
}

fn rank(order: Order, edge: Timestamp) -> i64 {
    match order {
        Order::Descending => edge.as_nanos(),
        Order::Ascending => !edge.as_nanos(),
    }
}

/// What reading a piece brought.
#[derive(Default)]
pub(super) struct Haul {
    /// In a block that was opened: its frames.
    pub(super) pieces: Vec<Piece>,
    pub(super) events: Vec<(ListKey, Arc<SharedEvent>)>,
    pub(super) matched: u64,
}

/// What is known of all pieces and threads.
struct Desk {
    ahead: BinaryHeap<Piece>,
    best: Best,
    matched: u64,
    /// Pieces that were taken.
    taken: usize,
    /// Of these, pieces that are being read.
    reading: usize,
    /// Threads that wait for what these may bring.
    waiting: usize,
    /// Nobody helps yet.
    alone: bool,
    ended: bool,
    /// Where a list goes on that the bound on work has cut.
    cut_at: Option<ListKey>,
    failure: Option<QueryError>,
}

/// All threads that read for one question.
pub(super) struct Crew<'a> {
    order: Order,
    /// The cursor that the list goes on from.
    after: Option<ListKey>,
    /// Every piece is read, whatever it can add to the first events.
    all: bool,
    meter: &'a Meter<'a>,
    desk: Mutex<Desk>,
    /// Something was laid down. Goes with `desk`.
    laid_down: Condvar,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    /// The thread that asked, which comes twice.
    Asker,
    Helper,
}

/// What all of them found.
pub(super) struct Catch {
    pub(super) best: Best,
    pub(super) matched: u64,
    pub(super) cut_at: Option<ListKey>,
    /// What was not read.
    pub(super) left: BinaryHeap<Piece>,
}

impl<'a> Crew<'a> {
    pub(super) fn new(
        ahead: BinaryHeap<Piece>,
        best: Best,
        after: Option<ListKey>,
        all: bool,
        meter: &'a Meter<'a>,
    ) -> Crew<'a> {
        let order = best.order();
        let desk = Desk {
            ahead,
            best,
            matched: 0,
            taken: 0,
            reading: 0,
            waiting: 0,
            alone: true,
            ended: false,
            cut_at: None,
            failure: None,
        };
        let (desk, laid_down) = (Mutex::new(desk), Condvar::new());
        Crew { order, after, all, meter, desk, laid_down }
    }

    /// Has `read` take pieces until it is given none, on this thread and, if there
    /// is much to read, on as many others as there are seats.
    ///
    /// # Errors
    ///
    /// The first failure of any `read`; or nobody waits for the answer any more.
    pub(super) fn run(
        self,
        (seats, aside): (&Seats, Aside),
        read: impl Fn(&Crew<'a>, Hand) -> Result<(), QueryError> + Sync,
    ) -> Result<Catch, QueryError> {
        let one = |hand| {
            if let Err(error) = read(&self, hand) {
                self.fail(error);
            }
        };
        one(Hand::Asker);
        self.desk.lock().alone = false;
        let together = || {
            thread::scope(|scope| {
                while !self.desk.lock().ended
                    && let Some(seat) = seats.try_take()
                {
                    scope.spawn(|| {
                        one(Hand::Helper);
                        drop(seat);
                    });
                }
                one(Hand::Asker);
            });
        };
        if !self.desk.lock().ended {
            run_aside(aside, together);
        }
        let Desk { best, matched, cut_at, ahead: left, failure, .. } = self.desk.into_inner();
        match failure {
            Some(error) => Err(error),
            None => Ok(Catch { best, matched, cut_at, left }),
        }
    }

    /// The next piece that is not to be passed over, which is asked of blocks alone and
    /// while all others wait; `None` when there is nothing for this thread to do.
    pub(super) fn take(&self, passes: &impl Fn(&Piece) -> bool) -> Option<Taken<'_, 'a>> {
        let mut desk = self.desk.lock();
        loop {
            if desk.ended || (desk.alone && desk.taken >= ALONE_PIECES_MAX) {
                return None;
            }
            match self.next(&desk) {
                Err(error) => {
                    desk.failure.get_or_insert(error);
                }
                Ok(Next::Read(piece)) => {
                    desk.ahead.pop();
                    if piece.frames.is_none() && passes(&piece) {
                        continue;
                    }
                    desk.taken += 1;
                    desk.reading += 1;
                    return Some(Taken { crew: self, piece, bar: desk.best.bar() });
                }
                // What is being read may bring frames that come first of all.
                Ok(_) if desk.reading > 0 => {
                    desk.waiting += 1;
                    desk = self.laid_down.wait(desk);
                    desk.waiting -= 1;
                    continue;
                }
                Ok(Next::Cut(at)) => desk.cut_at = Some(at),
                Ok(Next::Nothing) => {}
            }
            desk.ended = true;
            self.laid_down.notify_all();
        }
    }

    fn next(&self, desk: &Desk) -> Result<Next, QueryError> {
        let has_room = self.meter.has_room()?;
        let bar = desk.best.bar();
        let wanted = |top: &&Piece| self.all || !bar.is_before(top.edge(self.order));
        let Some(top) = desk.ahead.peek().filter(wanted) else { return Ok(Next::Nothing) };
        // A page that ends where it began would be asked for again and again.
        let at = key_before(self.order, top.edge(self.order)).filter(|at| {
            self.after.is_none_or(|after| in_order(self.order, &after, at) == Ordering::Less)
        });
        Ok(match at {
            Some(at) if !has_room => Next::Cut(at),
            _ => Next::Read(*top),
        })
    }

    fn fail(&self, error: QueryError) {
        let mut desk = self.desk.lock();
        desk.failure.get_or_insert(error);
        desk.ended = true;
        self.laid_down.notify_all();
    }
}

/// What there is to do.
enum Next {
    Read(Piece),
    /// No more may be looked at; the list goes on here.
    Cut(ListKey),
    Nothing,
}

/// A piece that one thread reads. When it is dropped, others no longer wait for what
/// it may bring.
pub(super) struct Taken<'c, 'a> {
    crew: &'c Crew<'a>,
    pub(super) piece: Piece,
    /// What an event must come before to be wanted.
    pub(super) bar: Bar,
}

impl Taken<'_, '_> {
    /// Whether much was read already, so that more will be: then neighbouring frames
    /// are read at once.
    pub(super) fn is_wide(&self) -> bool {
        self.crew.desk.lock().taken >= ALONE_PIECES_MAX
    }

    /// Counts events that are looked at.
    pub(super) fn count(&self, events: usize) {
        self.crew.meter.count(events);
    }

    pub(super) fn lay_down(self, haul: Haul) {
        let mut desk = self.crew.desk.lock();
        desk.ahead.extend(haul.pieces);
        desk.matched += haul.matched;
        for (key, event) in haul.events {
            desk.best.insert(key, event);
        }
    }
}

impl Drop for Taken<'_, '_> {
    fn drop(&mut self) {
        let mut desk = self.crew.desk.lock();
        desk.reading -= 1;
        // Telling nobody costs as much as telling somebody.
        if desk.waiting > 0 {
            self.crew.laid_down.notify_all();
        }
    }
}
