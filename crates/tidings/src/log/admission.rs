//! What is taken, and what is refused? The way of an append up to the point where
//! it waits to be stored.

use std::sync::Arc;

use super::append::{Ack, AppendError, Offer, OfferedKey, Taken, Verdict};
use super::core::Core;
use super::gate::{Gate, Part};
use super::waiting::{Waiting, Work, result_of};
use crate::clock::Timestamp;
use crate::event::{EventBatch, Packed};
use crate::id::{Boot, EventId, Position};
use crate::store::{KeyRow, StoreError};
use crate::tally::{LossReason, Refusal};

/// Events that are checked at once where nothing may take long, at most.
const CHECKED_AT_ONCE_MAX: usize = 1000;

impl Core {
    /// Takes events in and waits for their outcome. All that blocks or takes long
    /// goes to `hand_over`.
    pub(super) async fn append(
        self: &Arc<Core>,
        events: EventBatch,
        ack: Ack,
        strict: bool,
        hand_over: impl Fn(Work),
    ) -> Result<Vec<Taken>, AppendError> {
        let has_key = |event| matches!(event, Ok(Packed { key: Some(_), .. }));
        let quick = events.len() <= CHECKED_AT_ONCE_MAX && !events.iter().any(has_key);
        let admitted = if quick {
            self.take_in(events, ack, strict)?
        } else {
            let core = Arc::clone(self);
            let take_in = move || {
                let admitted = core.take_in(events, ack, strict)?;
                if admitted.waiting.is_some() {
                    // Here and now: what blocks need not be handed over twice.
                    drop(core.commit(core.gate.lock()));
                }
                Ok::<_, AppendError>(admitted)
            };
            result_of(take_in, &hand_over).await?
        };
        let Admitted { waiting, answer } = admitted;
        let base = match waiting {
            Some(waiting) => Some(waiting.outcome(&hand_over).await?),
            None => None,
        };
        Ok(answer.of_each(base))
    }

    fn take_in(
        self: &Arc<Core>,
        events: EventBatch,
        ack: Ack,
        strict: bool,
    ) -> Result<Admitted, AppendError> {
        self.admitted_or_refused(&mut self.gate.lock(), events.len() as u64)?;
        let mut offer = Offer::check(events, &self.options.member);
        let stored = self.look_up_keys(&offer)?;
        offer.judge(&stored);
        self.admit(offer, ack, strict)
    }

    /// Counts events as refused if the log takes none.
    fn admitted_or_refused(&self, gate: &mut Gate, events: u64) -> Result<(), AppendError> {
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
        let names = offer.keys.iter().map(|key| key.name.clone());
        self.reserve_keys(names.collect(), |gate| self.admitted_or_refused(gate, offer.offered()))?;
        let (now, window) = (self.now(), self.options.dedupe_window);
        let find = |key: &OfferedKey| self.store.find_key(&key.name, now, window);
        let found: Result<Vec<_>, StoreError> = offer.keys.iter().map(find).collect();
        found.map_err(|error| {
            let mut gate = self.gate.lock();
            gate.free_keys(&offer.keys);
            gate.tally.count_taken(offer.offered());
            gate.tally.count_lost(LossReason::StoreFailed, offer.offered());
            gate.telling.note(now);
            AppendError::Store(Arc::new(error))
        })
    }

    /// Waits until nobody else brings these keys, and sees to it that nobody does
    /// until they are free again.
    pub(super) fn reserve_keys(
        &self,
        names: Vec<Box<[u8]>>,
        admits: impl Fn(&mut Gate) -> Result<(), AppendError>,
    ) -> Result<(), AppendError> {
        let mut gate = self.gate.lock();
        loop {
            admits(&mut gate)?;
            // All or none: two that each hold what the other wants would wait for
            // ever.
            if !names.iter().any(|name| gate.keys.contains(name)) {
                gate.keys.extend(names);
                return Ok(());
            }
            gate = if gate.can_commit() { self.commit(gate) } else { gate.wait_for_turn() };
        }
    }

    /// Takes an offer in, whole or not at all, under one lock.
    fn admit(
        self: &Arc<Core>,
        offer: Offer,
        ack: Ack,
        strict: bool,
    ) -> Result<Admitted, AppendError> {
        let (bytes, offered) = (offer.new_bytes(), offer.offered());
        let spoiled = strict && offer.is_spoiled();
        let draft = Draft::of(offer, spoiled);
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
        gate.free_keys(&draft.free);
        if let Err(error) = fits {
            gate.free_keys(&draft.part.keys);
            return Err(error);
        }
        let first_seq = gate.tally.offered + 1;
        let received = gate.stamp(self.now());
        draft.book(&mut gate, received);
        let part = (!draft.part.events.is_empty())
            .then(|| gate.enqueue(Part { first_seq, received, bytes, ..draft.part }));
        let awaited = part.filter(|_| ack == Ack::Disk);
        if let Some(part) = awaited {
            gate.waiters.enter(part);
        }
        drop(gate);
        let verdicts = draft.verdicts;
        let answer = Answer { verdicts, spoiled, first_seq, received, boot: self.boot };
        Ok(Admitted { waiting: awaited.map(|part| Waiting::new(self, part)), answer })
    }
}

/// An append past the gate.
struct Admitted {
    /// If its caller hears of it only when it is durable.
    waiting: Option<Waiting>,
    answer: Answer,
}

/// What the caller of an append will be told.
struct Answer {
    verdicts: Vec<Verdict>,
    spoiled: bool,
    first_seq: u64,
    received: Timestamp,
    boot: Boot,
}

impl Answer {
    fn of_each(&self, base: Option<Position>) -> Vec<Taken> {
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

/// An offer split into what goes in and what does not, before the lock.
struct Draft {
    verdicts: Vec<Verdict>,
    spoiled: bool,
    part: Part,
    /// Keys of what does not go in.
    free: Vec<OfferedKey>,
}

impl Draft {
    fn of(offer: Offer, spoiled: bool) -> Draft {
        let Offer { events, verdicts, keys, .. } = offer;
        let mut part = Part {
            id: 0,
            first_seq: 0,
            texts: EventBatch::new(),
            events: Vec::new(),
            keys: Vec::new(),
            received: Timestamp::default(),
            bytes: 0,
            last: false,
            record: None,
        };
        let (mut offset, mut places) = (0, vec![None; events.len()]);
        for (i, verdict) in verdicts.iter().enumerate() {
            if matches!(verdict, Verdict::New) && !spoiled {
                places[i] = Some(part.events.len());
                part.events.push((offset, i));
            }
            offset += u32::from(verdict.is_offered());
        }
        if !part.events.is_empty() {
            part.texts = events;
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
