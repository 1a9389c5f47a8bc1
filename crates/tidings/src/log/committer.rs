//! How do events get into the store? In groups: while one commit runs, whatever
//! comes in waits, and goes into the next one together.
//!
//! There is no committing thread. Whoever waits for the disk and finds the desk
//! free commits what waits, his own events included; the others find theirs
//! stored. Only what nobody waits for is left to the log's own thread.

use std::ops::Deref;
use std::sync::Arc;

use super::append::{AppendError, OfferedKey};
use super::core::Core;
use super::door::Held;
use super::gate::{Gate, Group, Part};
use crate::block::{Block, BlockBuilder, Entry, EntryFields};
use crate::clock::Timestamp;
use crate::event::{EventBatch, Packed};
use crate::id::{Boot, EventId, Origin, Position};
use crate::pause::PauseReason;
use crate::store::{Batch, KeyRow, Outcome, StoreError};
use crate::tally::LossReason;

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
            for (offset, place) in &part.events {
                let Ok(event) = part.texts.get(*place) else { continue };
                if self.builder.is_full() {
                    sealed.blocks.extend(self.builder.seal(number, false));
                    number += 1;
                }
                self.builder.push(&entry(part, *offset, &event, member));
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

fn entry<'a>(part: &Part, offset: u32, event: &Packed<'a>, member: &'a str) -> Entry<'a> {
    Entry {
        event_type: event.event_type,
        message: event.message,
        member: event.member.unwrap_or(member),
        severity: event.severity,
        timestamp: event.timestamp.unwrap_or(part.received),
        added: part.received,
        received: part.received,
        seq: part.first_seq + u64::from(offset),
        source: event.source,
        subject: event.subject,
        key: event.key,
        fields: event.fields.map(EntryFields::Json),
        trace_id: event.trace_id,
        span_id: event.span_id,
    }
}

/// The turn to commit: the desk, and the group that is next. Whoever drops it
/// without committing leaves everything as it was.
pub(super) struct Turn<C: Deref<Target = Core>> {
    core: C,
    /// There until it is used.
    taken: Option<(Box<Desk>, Group)>,
}

impl<C: Deref<Target = Core>> Turn<C> {
    /// Takes it, if a commit can begin now.
    pub(super) fn take(core: &C, gate: &mut Gate) -> Option<Turn<C>>
    where
        C: Clone,
    {
        if !gate.can_commit() {
            return None;
        }
        let desk = gate.desk.take()?;
        Some(Turn { core: core.clone(), taken: Some((desk, gate.take_group())) })
    }

    /// Commits the group. Blocks for as long as the store takes.
    pub(super) fn commit(mut self) {
        let Some((mut desk, group)) = self.taken.take() else { return };
        let sealed = desk.seal(group, &self.core.options.member);
        let outcome = self.core.store_sealed(&sealed);
        self.core.settle(desk, sealed, outcome, false);
    }
}

impl<C: Deref<Target = Core>> Drop for Turn<C> {
    fn drop(&mut self) {
        if let Some((desk, group)) = self.taken.take() {
            let mut gate = self.core.gate.lock();
            gate.take_back(group);
            gate.end_commit(desk);
        }
    }
}

impl Core {
    /// Commits one group, if that can begin now. The gate is open to others
    /// meanwhile.
    pub(super) fn commit<'a>(&'a self, mut gate: Held<'a>) -> Held<'a> {
        match Turn::take(&self, &mut gate) {
            Some(turn) => {
                drop(gate);
                turn.commit();
                self.gate.lock()
            }
            None => gate,
        }
    }

    fn store_sealed(&self, sealed: &Frozen) -> Result<Position, StoreError> {
        let (blocks, keys) = (&sealed.blocks, &sealed.keys);
        let batch = Batch { blocks, keys, outbox: self.is_shared(), notes: &[] };
        let base = self.store.append(&batch)?;
        // Before the index and whoever publishes hear of them.
        self.queued(base, sealed.blocks.iter().map(|block| block.header().count.into()));
        let mut at = base;
        for block in &sealed.blocks {
            self.took(at, block);
            at = at.plus(u64::from(block.header().count));
        }
        // Not under the gate's lock: wakers may run code of any runtime.
        self.arrivals.grown_to(at);
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
            gate.frozen = Some(sealed);
            gate.end_commit(desk);
            return Err(error);
        }
        self.settle(desk, sealed, outcome, true);
        Ok(())
    }

    /// Books the outcome of a commit, tells who waits, and gives the desk back.
    fn settle(
        &self,
        mut desk: Box<Desk>,
        mut sealed: Frozen,
        outcome: Result<Position, StoreError>,
        was_frozen: bool,
    ) {
        let now = self.now();
        if outcome.is_ok() {
            // Before the gate's lock is taken: many of them hold it for long.
            sealed.group.parts.iter_mut().for_each(|part| part.texts = EventBatch::new());
        }
        let mut gate = self.gate.lock();
        match outcome {
            Ok(base) => {
                desk.use_up(&sealed.blocks);
                gate.settle_stored(sealed.group.events());
                tell_stored(&mut gate, &sealed.group, base);
            }
            Err(error) => {
                // Never two blocks under one number: it is free again only when
                // the store is sure that it has nothing under it.
                if was_frozen || matches!(error, StoreError::Conflict { .. }) {
                    desk.use_up(&sealed.blocks);
                }
                failed(&mut gate, sealed, error, was_frozen, now);
            }
        }
        gate.end_commit(desk);
    }
}

fn tell_stored(gate: &mut Gate, group: &Group, base: Position) {
    let mut at = base;
    for part in &group.parts {
        gate.release(part);
        gate.waiters.tell(part.id, Ok(at));
        at = at.plus(part.events.len() as u64);
    }
}

fn failed(gate: &mut Gate, sealed: Frozen, error: StoreError, was_frozen: bool, now: Timestamp) {
    let (outcome, pause) = (error.outcome(), error.pause());
    let events = sealed.group.events();
    tracing::error!(events, %error, "commit failed");
    let error = Arc::new(error);
    if outcome == Outcome::Unknown {
        for part in &sealed.group.parts {
            gate.waiters.tell(part.id, Err(AppendError::Store(Arc::clone(&error))));
        }
        gate.frozen = Some(sealed);
        gate.pause(PauseReason::StoreDown, now);
        return;
    }
    // Nobody hears of what nobody waits for: it is tried again if that can help.
    let reason = match (pause, &error) {
        (Some(_), _) => LossReason::StoreFailed,
        // Other bytes under its names say that it is not there; a mere refusal does
        // not say what became of the first try.
        (None, error) if was_frozen && !matches!(**error, StoreError::Conflict { .. }) => {
            gate.index_unsure = true;
            LossReason::Unknown
        }
        (None, _) => LossReason::Rejected,
    };
    let again = |part: &Part| pause.is_some() && !gate.waiters.wait_for(part.id);
    let (kept, gone): (Vec<Part>, Vec<Part>) = sealed.group.parts.into_iter().partition(again);
    for part in &gone {
        gate.settle_lost(reason, part.events.len() as u64, now);
        gate.give_up(part);
        gate.waiters.tell(part.id, Err(AppendError::Store(Arc::clone(&error))));
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
