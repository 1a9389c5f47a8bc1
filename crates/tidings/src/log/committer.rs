//! How do events get into the store? In groups: while one commit runs, whatever
//! comes in waits, and goes into the next one together.
//!
//! There is no committing thread. Whoever waits for the disk and finds the desk
//! free commits what waits, his own events included; the others find theirs
//! stored. Only what nobody waits for is left to the log's own thread.

use std::sync::Arc;

use super::append::{Ack, AppendError, Offer, OfferedKey, Taken, Verdict};
use super::core::Core;
use super::gate::{Gate, Group, Part};
use crate::block::{Block, BlockBuilder, Entry};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::{Boot, EventId, Origin, Position};
use crate::pause::PauseReason;
use crate::store::{Batch, KeyRow, Outcome, StoreError};
use crate::sync::MutexGuard;
use crate::tally::{LossReason, Refusal};

/// What one committer needs, and only one has: who holds it is the only writer.
#[derive(Debug)]
pub(super) struct Desk {
    builder: BlockBuilder,
    boot: Boot,
    next_number: u64,
}

/// A commit that may or may not be stored. Its bytes never change: the same
/// bytes under the same numbers are tried until the store says.
#[derive(Debug)]
pub(super) struct Frozen {
    group: Group,
    blocks: Vec<Block>,
    keys: Vec<KeyRow>,
}

impl Desk {
    pub(super) fn new(origin: Origin, boot: Boot) -> Desk {
        Desk { builder: BlockBuilder::new(origin, boot), boot, next_number: 1 }
    }

    /// Seals a group's events into blocks, in order of their numbers.
    fn seal(&mut self, group: Group, member: &str) -> Frozen {
        let mut sealed = Frozen { group, blocks: Vec::new(), keys: Vec::new() };
        let last = sealed.group.parts.last().is_some_and(|part| part.last);
        let mut number = self.next_number;
        for part in &sealed.group.parts {
            for (offset, event) in &part.events {
                if self.builder.is_full() {
                    sealed.blocks.extend(self.builder.seal(number, false));
                    number += 1;
                }
                self.builder.push(&entry(part, *offset, event, member));
            }
            sealed.keys.extend(part.keys.iter().map(|key| self.row(part, key)));
        }
        sealed.blocks.extend(self.builder.seal(number, last));
        sealed
    }

    fn row(&self, part: &Part, key: &OfferedKey) -> KeyRow {
        let seq = part.first_seq + u64::from(part.events[key.event].0);
        KeyRow {
            name: key.name.clone(),
            body: key.body,
            id: EventId::new(part.received, self.boot, seq),
            received: part.received,
        }
    }

    /// The numbers of these blocks are taken, stored or not.
    fn use_up(&mut self, blocks: &[Block]) {
        self.next_number += blocks.len() as u64;
    }
}

fn entry<'a>(part: &Part, offset: u32, event: &'a Event, member: &'a str) -> Entry<'a> {
    Entry {
        event_type: event.event_type(),
        message: event.message(),
        member: event.member().unwrap_or(member),
        severity: event.severity(),
        timestamp: event.timestamp().unwrap_or(part.received),
        added: part.received,
        received: part.received,
        seq: part.first_seq + u64::from(offset),
        source: event.source(),
        subject: event.subject(),
        key: event.key(),
        fields: Some(event.fields()).filter(|fields| !fields.is_empty()),
        trace_id: event.trace_id(),
        span_id: event.span_id(),
    }
}

/// An append past the gate: what its caller will be told.
struct Admitted {
    verdicts: Vec<Verdict>,
    spoiled: bool,
    first_seq: u64,
    received: Timestamp,
    boot: Boot,
    part: Option<u64>,
}

impl Admitted {
    fn answers(&self, base: Option<Position>) -> Vec<Taken> {
        let mut ids = Vec::with_capacity(self.verdicts.len());
        let (mut seq, mut stored) = (self.first_seq, 0);
        let mut answers = Vec::with_capacity(self.verdicts.len());
        for verdict in &self.verdicts {
            let id = EventId::new(self.received, self.boot, seq);
            ids.push(id);
            seq += u64::from(verdict.is_offered());
            let accepted = |id, received, position, duplicate| Taken::Accepted {
                id,
                received,
                position,
                duplicate,
            };
            answers.push(match verdict {
                Verdict::Invalid(invalid) => Taken::Invalid(invalid.clone()),
                Verdict::Conflict(id) => Taken::KeyConflict { id: *id },
                Verdict::ConflictWith(first) => Taken::KeyConflict { id: ids[*first] },
                Verdict::Known(id, received) => accepted(*id, *received, None, true),
                Verdict::New | Verdict::RepeatOf(_) if self.spoiled => Taken::NotTaken,
                Verdict::RepeatOf(first) => accepted(ids[*first], self.received, None, true),
                Verdict::New => {
                    let position = base.map(|base| base.plus(stored));
                    stored += 1;
                    accepted(id, self.received, position, false)
                }
            });
        }
        answers
    }
}

impl Core {
    pub(super) fn append(
        &self,
        events: Vec<Event>,
        ack: Ack,
        strict: bool,
    ) -> Result<Vec<Taken>, AppendError> {
        self.admitted_or_refused(&mut self.gate.lock(), events.len() as u64)?;
        let mut offer = Offer::check(events, &self.options.member);
        let stored = self.look_up_keys(&offer)?;
        offer.judge(&stored);
        let admitted = self.admit(offer, ack, strict)?;
        match (admitted.part, ack) {
            (Some(part), Ack::Disk) => Ok(admitted.answers(Some(self.outcome_of(part)?))),
            _ => Ok(admitted.answers(None)),
        }
    }

    /// Counts events as refused if the log takes none.
    fn admitted_or_refused(
        &self,
        gate: &mut MutexGuard<'_, Gate>,
        events: u64,
    ) -> Result<(), AppendError> {
        gate.admits().inspect_err(|error| {
            let closed = matches!(error, AppendError::Closed);
            let reason = if closed { Refusal::Closed } else { Refusal::Paused };
            gate.refuse(reason, events, self.now());
        })
    }

    /// Reserves the keys of an offer, so that no other append can bring the same
    /// in meanwhile, and asks the store for each.
    fn look_up_keys(&self, offer: &Offer) -> Result<Vec<Option<KeyRow>>, AppendError> {
        if offer.keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut gate = self.gate.lock();
        loop {
            self.admitted_or_refused(&mut gate, offer.offered())?;
            // All or none: two appends that each hold what the other wants would
            // wait for ever.
            if !offer.keys.iter().any(|key| gate.keys.contains(&key.name)) {
                gate.keys.extend(offer.keys.iter().map(|key| key.name.clone()));
                break;
            }
            gate = if gate.can_commit() { self.commit(gate) } else { self.turn.wait(gate) };
        }
        drop(gate);
        let (now, window) = (self.now(), self.options.dedupe_window);
        let find = |key: &OfferedKey| self.store.find_key(&key.name, now, window);
        let found: Result<Vec<_>, StoreError> = offer.keys.iter().map(find).collect();
        found.map_err(|error| {
            let mut gate = self.gate.lock();
            free_keys(&mut gate, offer.keys.iter());
            gate.tally.count_taken(offer.offered());
            gate.tally.count_lost(LossReason::StoreFailed, offer.offered());
            gate.telling.note(now);
            drop(gate);
            self.turn.notify_all();
            AppendError::Store(Arc::new(error))
        })
    }

    /// Takes an offer in, whole or not at all, under one lock.
    fn admit(&self, offer: Offer, ack: Ack, strict: bool) -> Result<Admitted, AppendError> {
        let (bytes, offered) = (offer.new_bytes(), offer.offered());
        let spoiled = strict && offer.is_spoiled();
        let mut draft = Draft::of(offer, spoiled, ack);
        let mut gate = self.gate.lock();
        let fits = self.admitted_or_refused(&mut gate, offered).and_then(|()| {
            let wanted = gate.inflight_bytes + if spoiled { 0 } else { bytes };
            let limit = self.options.inflight_bytes_max;
            if wanted <= limit {
                return Ok(());
            }
            gate.refuse(Refusal::BytesFull, offered, self.now());
            Err(AppendError::Full { bytes: wanted, limit })
        });
        free_keys(&mut gate, draft.free.iter());
        if let Err(error) = fits {
            free_keys(&mut gate, draft.part.keys.iter());
            drop(gate);
            self.turn.notify_all();
            return Err(error);
        }
        let first_seq = gate.tally.offered + 1;
        let received = gate.stamp(self.now());
        draft.book(&mut gate, received);
        let part = (!draft.part.events.is_empty())
            .then(|| gate.enqueue(Part { first_seq, received, bytes, ..draft.part }));
        drop(gate);
        if !draft.free.is_empty() {
            self.turn.notify_all();
        }
        if part.is_some() && ack == Ack::Queued {
            self.work.notify_one();
        }
        let verdicts = draft.verdicts;
        Ok(Admitted { verdicts, spoiled, first_seq, received, boot: self.boot, part })
    }

    /// Waits until a part is settled; commits itself when nobody else does.
    fn outcome_of(&self, part: u64) -> Result<Position, AppendError> {
        let mut gate = self.gate.lock();
        loop {
            if let Some(outcome) = gate.answer(part) {
                if gate.has_orphans() {
                    self.work.notify_one();
                }
                return outcome;
            }
            gate = if gate.can_commit() { self.commit(gate) } else { self.turn.wait(gate) };
        }
    }

    /// Commits one group. The gate is open to others meanwhile. Only while
    /// [`Gate::can_commit`].
    pub(super) fn commit<'a>(&'a self, mut gate: MutexGuard<'a, Gate>) -> MutexGuard<'a, Gate> {
        let Some(mut desk) = gate.desk.take() else { return gate };
        let group = gate.take_group();
        drop(gate);
        let sealed = desk.seal(group, &self.options.member);
        let outcome = self.store_sealed(&sealed);
        self.settle(desk, sealed, outcome, false)
    }

    fn store_sealed(&self, sealed: &Frozen) -> Result<Position, StoreError> {
        let batch = Batch { blocks: &sealed.blocks, keys: &sealed.keys, outbox: false };
        let base = self.store.append(&batch)?;
        let mut at = base;
        for block in &sealed.blocks {
            self.took(at, block);
            at = at.plus(u64::from(block.header().count));
        }
        Ok(base)
    }

    /// Tries a frozen commit again; nothing happens when there is none.
    pub(super) fn settle_frozen(&self) -> Result<(), StoreError> {
        let (desk, sealed) = {
            let mut gate = self.gate.lock();
            match (gate.desk.take(), gate.frozen.take()) {
                (Some(desk), Some(sealed)) => (desk, sealed),
                (desk, frozen) => {
                    (gate.desk, gate.frozen) = (desk, frozen);
                    return Ok(());
                }
            }
        };
        let outcome = self.store_sealed(&sealed);
        // A failure now does not say that the first try failed: it stays unknown.
        let refused = matches!(&outcome, Err(error) if error.pause().is_none());
        let failed = outcome.as_ref().err().map(still_unknown);
        if let (Some(error), false) = (failed, refused) {
            let mut gate = self.gate.lock();
            (gate.desk, gate.frozen) = (Some(desk), Some(sealed));
            return Err(error);
        }
        drop(self.settle(desk, sealed, outcome, true));
        Ok(())
    }

    /// Books the outcome of a commit, tells who waits, and gives the desk back.
    fn settle(
        &self,
        mut desk: Desk,
        sealed: Frozen,
        outcome: Result<Position, StoreError>,
        was_frozen: bool,
    ) -> MutexGuard<'_, Gate> {
        let now = self.now();
        let mut gate = self.gate.lock();
        match outcome {
            Ok(base) => {
                desk.use_up(&sealed.blocks);
                gate.settle_stored(sealed.group.events());
                stored(&mut gate, &sealed.group, base);
                self.arrivals.grown_to(self.index.read().next());
            }
            Err(error) => {
                // Never two blocks under one number: it is free again only when
                // the store is sure that it has nothing under it.
                if was_frozen || matches!(error, StoreError::Conflict { .. }) {
                    desk.use_up(&sealed.blocks);
                }
                failed(&mut gate, sealed, error, now);
            }
        }
        gate.desk = Some(desk);
        self.turn.notify_all();
        gate
    }
}

fn stored(gate: &mut Gate, group: &Group, base: Position) {
    let mut at = base;
    for part in &group.parts {
        gate.release(part);
        gate.tell(part, Ok(at));
        at = at.plus(part.events.len() as u64);
    }
}

fn failed(gate: &mut Gate, mut sealed: Frozen, error: StoreError, now: Timestamp) {
    let (outcome, pause) = (error.outcome(), error.pause());
    let events = sealed.group.events();
    tracing::error!(events, %error, "commit failed");
    let error = Arc::new(error);
    if outcome == Outcome::Unknown {
        for part in &mut sealed.group.parts {
            gate.tell(part, Err(AppendError::Store(Arc::clone(&error))));
            part.awaited = false;
        }
        gate.frozen = Some(sealed);
        gate.pause(PauseReason::StoreDown, now);
        return;
    }
    // Nobody hears of what nobody waits for: it is tried again if that can help.
    let reason = if pause.is_some() { LossReason::StoreFailed } else { LossReason::Rejected };
    let again = |part: &Part| pause.is_some() && !part.awaited;
    let (kept, gone): (Vec<Part>, Vec<Part>) = sealed.group.parts.into_iter().partition(again);
    for part in &gone {
        gate.settle_lost(reason, part.events.len() as u64, now);
        gate.release(part);
        gate.tell(part, Err(AppendError::Store(Arc::clone(&error))));
    }
    gate.settle_waiting(kept.iter().map(|part| part.events.len() as u64).sum());
    gate.put_back(kept);
    if let Some(reason) = pause {
        gate.pause(reason, now);
    }
}

fn still_unknown(error: &StoreError) -> StoreError {
    StoreError::Io {
        doing: "settle an earlier write",
        store: "the log".to_owned(),
        cause: error.to_string(),
        outcome: Outcome::Unknown,
    }
}

fn free_keys<'a>(gate: &mut Gate, keys: impl Iterator<Item = &'a OfferedKey>) {
    keys.for_each(|key| {
        gate.keys.remove(&key.name);
    });
}

/// An offer split into what goes in and what does not, before the lock.
struct Draft {
    verdicts: Vec<Verdict>,
    spoiled: bool,
    part: Part,
    /// Keys of what does not go in.
    free: Vec<OfferedKey>,
}

impl Draft {
    fn of(offer: Offer, spoiled: bool, ack: Ack) -> Draft {
        let Offer { events, verdicts, keys, .. } = offer;
        let mut part = Part {
            id: 0,
            first_seq: 0,
            events: Vec::new(),
            keys: Vec::new(),
            received: Timestamp::default(),
            bytes: 0,
            awaited: ack == Ack::Disk,
            last: false,
        };
        let (mut offset, mut places) = (0, vec![None; events.len()]);
        for (i, (event, verdict)) in events.into_iter().zip(&verdicts).enumerate() {
            if matches!(verdict, Verdict::New) && !spoiled {
                places[i] = Some(part.events.len());
                part.events.push((offset, event));
            }
            offset += u32::from(verdict.is_offered());
        }
        let mut free = Vec::new();
        for key in keys {
            match places[key.event] {
                Some(event) => part.keys.push(OfferedKey { event, ..key }),
                None => free.push(key),
            }
        }
        Draft { verdicts, spoiled, part, free }
    }

    /// Counts every offered event, under the gate's lock.
    fn book(&self, gate: &mut Gate, now: Timestamp) {
        gate.tally.count_taken(self.part.events.len() as u64);
        for verdict in &self.verdicts {
            let reason = match verdict {
                Verdict::Invalid(invalid) if invalid.is_too_large() => Refusal::TooLarge,
                Verdict::Conflict(_) | Verdict::ConflictWith(_) => Refusal::KeyConflict,
                Verdict::Invalid(_) => Refusal::Invalid,
                // The batch it came in is invalid as a whole.
                Verdict::New if self.spoiled => Refusal::Invalid,
                Verdict::New | Verdict::Known(..) | Verdict::RepeatOf(_) => continue,
            };
            gate.refuse(reason, 1, now);
        }
    }
}
