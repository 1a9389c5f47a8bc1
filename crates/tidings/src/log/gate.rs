//! May it come in? What one short lock guards.
//!
//! The lock of the [`Gate`] is never held across a read or write. It comes
//! before the locks of index, boots and cache, which are all leaves.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::STORE_NAME;
use super::append::{AppendError, OfferedKey};
use super::committer::{Desk, Frozen};
use super::door::News;
use super::losses::{Telling, UnderWay};
use super::pauses::Pauses;
use super::waiters::Waiters;
use crate::clock::Timestamp;
use crate::event::{Event, EventBatch};
use crate::pause::{PauseReason, PauseSet, State};
use crate::store::{Outcome, StoreError};
use crate::tally::{LossReason, Refusal, Tally};

/// Bytes of the events of one commit, at most, unless a single append has more.
pub(crate) const COMMIT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events of one commit, at most, unless a single append has more.
pub(crate) const COMMIT_EVENTS_MAX: usize = 65_536;
/// A clock that was set back by no more than this does not move `received` back:
/// it stands still until the clock has caught up. A clock that was set back
/// further is believed, for it was wrong before; or one mistaken date in 2099
/// would be stamped for ever.
pub(crate) const RECEIVED_HOLD_MAX: Duration = Duration::from_mins(1);

/// The taken events of one append: they are stored together or not at all.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: u64,
    pub(super) first_seq: u64,
    /// Where its events are.
    pub(super) texts: EventBatch,
    /// Each with its distance from `first_seq`, and its place in `texts`.
    pub(super) events: Vec<(u32, usize)>,
    /// `OfferedKey::event` is an index into `events` here.
    pub(super) keys: Vec<OfferedKey>,
    pub(super) received: Timestamp,
    pub(super) bytes: usize,
    /// The last of the boot: nothing is taken after it.
    pub(super) last: bool,
    /// It is a loss record, and this is what it tells.
    pub(super) record: Option<UnderWay>,
}

impl Part {
    /// An event of the log's own, which nobody waits for.
    pub(super) fn own(event: &Event, seq: u64, received: Timestamp) -> Part {
        let mut texts = EventBatch::new();
        texts.push_own(event);
        Part {
            id: 0,
            first_seq: seq,
            bytes: event.size_bytes(),
            events: vec![(0, 0)],
            texts,
            keys: Vec::new(),
            received,
            last: false,
            record: None,
        }
    }
}

/// Parts that are committed together.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) parts: Vec<Part>,
}

impl Group {
    pub(super) fn events(&self) -> u64 {
        self.parts.iter().map(|part| part.events.len() as u64).sum()
    }
}

/// How far the log has come in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// Nothing comes in any more; what is inside is settled.
    Ending,
    /// It is. The store is still open.
    Ended,
    Closing,
    Closed,
}

/// What the log's own thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// It has ended, or there is none.
    Gone,
    Awake,
    Asleep,
}

/// What is taken and not stored yet, and the books.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) phase: Phase,
    pauses: Pauses,
    pub(super) tally: Tally,
    pub(super) telling: Telling,
    pub(super) inflight_bytes: usize,
    waiting: VecDeque<Part>,
    /// What a commit needs; not here while somebody commits. Whoever takes it
    /// is the only writer.
    pub(super) desk: Option<Box<Desk>>,
    /// Events of the commit that runs or is frozen: they count as pending.
    pub(super) in_commit: u64,
    /// Its parts.
    parts_in_commit: Vec<u64>,
    /// `received` of the oldest of them.
    oldest_in_commit: Timestamp,
    /// A commit whose outcome nobody knows.
    pub(super) frozen: Option<Frozen>,
    /// A put of somebody else's block ended unknown: the index may lack it.
    pub(super) index_unsure: bool,
    /// Keys between the look into the store and the outcome of their commit.
    pub(super) keys: HashSet<Box<[u8]>>,
    pub(super) waiters: Waiters,
    /// Something has that threads may sleep for, and they were not told yet.
    changed: bool,
    last_part: u64,
    last_received: Timestamp,
    /// The books were closed over a commit that still runs.
    abandoned: bool,
    pub(super) keeper: Keeper,
}

impl Gate {
    pub(super) fn new(desk: Box<Desk>, last_received: Timestamp) -> Gate {
        Gate {
            phase: Phase::Open,
            pauses: Pauses::none(last_received),
            tally: Tally::default(),
            telling: Telling::default(),
            inflight_bytes: 0,
            waiting: VecDeque::new(),
            desk: Some(desk),
            in_commit: 0,
            parts_in_commit: Vec::new(),
            oldest_in_commit: last_received,
            frozen: None,
            index_unsure: false,
            keys: HashSet::new(),
            waiters: Waiters::default(),
            changed: false,
            last_part: 0,
            last_received,
            abandoned: false,
            keeper: Keeper::Gone,
        }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Ended | Phase::Closing | Phase::Closed => State::Closed,
            _ if self.pauses.all().is_empty() => State::Running,
            _ => State::Paused { reasons: self.pauses.all(), since: self.pauses.since() },
        }
    }

    /// Whether appends are taken.
    pub(super) fn admits(&self) -> Result<(), AppendError> {
        self.admits_but_for(self.pauses.all())
    }

    /// Whether a put would be taken if those who watch the store said nothing.
    pub(super) fn would_admit(&self) -> Result<(), AppendError> {
        self.admits_but_for(self.pauses.at_first_hand())
    }

    fn admits_but_for(&self, pauses: PauseSet) -> Result<(), AppendError> {
        match self.phase {
            Phase::Open if pauses.is_empty() => Ok(()),
            Phase::Open => Err(AppendError::Paused(pauses)),
            _ => Err(AppendError::Closed),
        }
    }

    /// Whether the store is thought to be able to write.
    pub(super) fn store_answers(&self) -> bool {
        self.frozen.is_none()
            && self.pauses.all().iter().all(|reason| reason == PauseReason::Manual)
    }

    /// Whether a commit can begin now.
    pub(super) fn can_commit(&self) -> bool {
        self.desk.is_some() && !self.waiting.is_empty() && self.store_answers()
    }

    /// Whether what waits to be stored has nobody who waits for it.
    pub(super) fn has_orphans(&self) -> bool {
        !self.waiting.is_empty() && self.waiters.is_empty()
    }

    /// Something has changed that a thread may wait for: a free desk, free keys,
    /// another state.
    pub(super) fn announce(&mut self) {
        self.changed = true;
    }

    /// What is to be told when the lock is free.
    pub(super) fn take_news(&mut self) -> News {
        let can_commit = self.can_commit();
        if can_commit {
            self.waiters.call();
        }
        let turn = std::mem::take(&mut self.changed);
        let has_work = (can_commit && self.has_orphans()) || self.phase != Phase::Open;
        let work = has_work && self.keeper == Keeper::Asleep;
        if work {
            self.keeper = Keeper::Awake;
        }
        News { wakers: self.waiters.take_due(), turn, work }
    }

    /// Stamps what comes in now.
    pub(super) fn stamp(&mut self, now: Timestamp) -> Timestamp {
        if now < self.last_received && self.last_received.since(now) <= RECEIVED_HOLD_MAX {
            return self.last_received;
        }
        self.last_received = now;
        now
    }

    /// What was received before this is stored or lost, and unless the clock is set
    /// back far, nothing more will be.
    pub(super) fn settled_through(&self, now: Timestamp) -> Timestamp {
        let waiting = self.waiting.iter().map(|part| part.received).min();
        let in_commit = (self.in_commit > 0).then_some(self.oldest_in_commit);
        let holds = now.after(RECEIVED_HOLD_MAX) >= self.last_received;
        let next = if holds { now.max(self.last_received) } else { now };
        waiting.into_iter().chain(in_commit).fold(next, Timestamp::min)
    }

    /// Takes a part in; its events are counted by the caller. Returns its number,
    /// under which whoever waits can ask for its outcome.
    pub(super) fn enqueue(&mut self, mut part: Part) -> u64 {
        self.last_part += 1;
        part.id = self.last_part;
        self.inflight_bytes += part.bytes;
        self.waiting.push_back(part);
        self.last_part
    }

    /// Takes in an event of the log's own, which nobody waits for.
    pub(super) fn take_own(&mut self, event: &Event, now: Timestamp) {
        debug_assert!(event.validate().is_ok(), "tidings breaks its own rules: {event:?}");
        let received = self.stamp(now);
        self.tally.count_own();
        let part = Part::own(event, self.tally.offered, received);
        self.enqueue(part);
    }

    /// What the next commit stores.
    pub(super) fn take_group(&mut self) -> Group {
        let mut group = Group::default();
        let (mut bytes, mut events) = (0, 0);
        while let Some(part) = self.waiting.front() {
            bytes += part.bytes;
            events += part.events.len();
            let fits = bytes <= COMMIT_BYTES_MAX && events <= COMMIT_EVENTS_MAX;
            if !group.parts.is_empty() && !fits {
                break;
            }
            group.parts.extend(self.waiting.pop_front());
        }
        self.in_commit = group.events();
        self.parts_in_commit.clear();
        self.parts_in_commit.extend(group.parts.iter().map(|part| part.id));
        let oldest = group.parts.iter().map(|part| part.received).min();
        self.oldest_in_commit = oldest.unwrap_or(self.oldest_in_commit);
        group
    }

    /// The running commit is settled: another can begin.
    pub(super) fn end_commit(&mut self, desk: Box<Desk>) {
        self.parts_in_commit.clear();
        self.desk = Some(desk);
        self.announce();
    }

    /// Tells those who wait for the running commit that nobody knows: it hangs.
    fn doubt_commit(&mut self) {
        let error = Arc::new(StoreError::Io {
            doing: "write events",
            store: STORE_NAME.to_owned(),
            cause: "no answer yet".to_owned(),
            outcome: Outcome::Unknown,
        });
        for part in self.parts_in_commit.drain(..) {
            self.waiters.tell(part, Err(AppendError::Store(Arc::clone(&error))));
        }
    }

    /// A part is settled: its keys and bytes are free again.
    pub(super) fn release(&mut self, part: &Part) {
        self.inflight_bytes -= part.bytes;
        self.free_keys(&part.keys);
    }

    /// Others may bring these keys now.
    pub(super) fn free_keys(&mut self, keys: &[OfferedKey]) {
        self.free_names(keys.iter().map(|key| &key.name));
    }

    /// As [`Gate::free_keys`], by their names.
    pub(super) fn free_names<'n>(&mut self, names: impl Iterator<Item = &'n Box<[u8]>>) {
        for name in names {
            self.changed |= self.keys.remove(name);
        }
    }

    /// A part is lost, in the books already; the caller tells whoever waits.
    pub(super) fn give_up(&mut self, part: &Part) {
        self.release(part);
        if let Some(record) = &part.record {
            self.telling.not_told(record);
        }
    }

    /// Puts a part back where it was, to be tried again.
    pub(super) fn put_back(&mut self, parts: Vec<Part>) {
        parts.into_iter().rev().for_each(|part| self.waiting.push_front(part));
    }

    /// A group is not committed after all.
    pub(super) fn take_back(&mut self, group: Group) {
        if self.abandoned {
            // Its events are in the books as lost.
            for part in &group.parts {
                self.give_up(part);
                self.waiters.tell(part.id, Err(AppendError::Closed));
            }
            return;
        }
        self.settle_waiting(group.events());
        self.put_back(group.parts);
    }

    /// Books the outcome of the running commit's events.
    pub(super) fn settle_stored(&mut self, events: u64) {
        self.settle(events, Tally::count_stored);
    }

    /// Books events of the running commit as lost.
    pub(super) fn settle_lost(&mut self, reason: LossReason, events: u64, now: Timestamp) {
        if events > 0 && !self.abandoned {
            self.telling.note(now);
        }
        self.settle(events, |tally, events| tally.count_lost(reason, events));
    }

    /// The running commit's events wait again.
    pub(super) fn settle_waiting(&mut self, events: u64) {
        self.settle(events, |_, _| ());
    }

    fn settle(&mut self, events: u64, book: impl FnOnce(&mut Tally, u64)) {
        // Once the books are closed the events are counted as lost already.
        if !self.abandoned {
            self.in_commit -= events;
            book(&mut self.tally, events);
        }
    }

    pub(super) fn refuse(&mut self, reason: Refusal, events: u64, now: Timestamp) {
        self.tally.count_refused(reason, events);
        if events > 0 && !reason.is_the_senders() {
            self.telling.note(now);
        }
    }

    /// The store failed: the log pauses until it has recovered by itself. Says
    /// whether the reason is new.
    pub(super) fn pause(&mut self, reason: PauseReason, now: Timestamp) -> bool {
        let new = self.pauses.find(reason, now);
        self.announce();
        self.send_home(now);
        new
    }

    /// Somebody else says stop; says whether the reason is new. A store that they
    /// find to be down may hang in the commit that runs.
    pub(super) fn suspend(&mut self, reason: PauseReason, now: Timestamp) -> bool {
        let new = self.pauses.tell(reason, now);
        self.announce();
        if reason != PauseReason::Manual {
            self.send_home(now);
        }
        if reason == PauseReason::StoreDown {
            self.doubt_commit();
        }
        new
    }

    /// They take it back; says whether nothing else holds the reason.
    pub(super) fn resume(&mut self, reason: PauseReason) -> bool {
        self.announce();
        self.pauses.untell(reason)
    }

    /// Takes no more. What is inside gets its last chance, whatever others think
    /// of the store: the deadline of the close bounds it.
    pub(super) fn begin_to_end(&mut self) {
        self.phase = Phase::Ending;
        self.pauses.untell_watchers();
    }

    /// Whether the log has to recover from a failure that it met.
    pub(super) fn has_failed(&self) -> bool {
        self.frozen.is_some() || self.pauses.has_found()
    }

    /// It has; returns the reasons that nobody holds any more.
    pub(super) fn recover(&mut self) -> PauseSet {
        self.announce();
        self.pauses.recover()
    }

    /// Nobody is left waiting for the disk: those who wait hear that the log is
    /// paused.
    fn send_home(&mut self, now: Timestamp) {
        let pauses = self.pauses.all();
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (gone, kept): (Vec<Part>, Vec<Part>) =
            waiting.partition(|part| self.waiters.wait_for(part.id));
        self.waiting = kept.into();
        self.dismiss(gone, LossReason::StoreFailed, now, || AppendError::Paused(pauses));
    }

    /// Gives up parts that waited: counted as lost, and whoever waits is told.
    fn dismiss(
        &mut self,
        gone: Vec<Part>,
        reason: LossReason,
        now: Timestamp,
        answer: impl Fn() -> AppendError,
    ) {
        for part in gone {
            self.tally.count_lost(reason, part.events.len() as u64);
            self.telling.note(now);
            self.give_up(&part);
            self.waiters.tell(part.id, Err(answer()));
        }
    }

    /// Closes the books: what waits is lost, what is being written may be stored.
    pub(super) fn abandon(&mut self, now: Timestamp) {
        let gone = std::mem::take(&mut self.waiting).into();
        self.dismiss(gone, LossReason::Closed, now, || AppendError::Closed);
        if self.in_commit > 0 {
            let events = std::mem::take(&mut self.in_commit);
            self.tally.count_lost(LossReason::Unknown, events);
            self.telling.note(now);
            self.abandoned = true;
        }
    }
}
