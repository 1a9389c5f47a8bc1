//! What is offered, and what does the caller hear?

use std::collections::HashMap;
use std::sync::Arc;

use super::dedupe::key_name;
use crate::clock::Timestamp;
use crate::event::{EventBatch, Invalid, Packed};
use crate::id::{EventId, Position};
use crate::pause::PauseSet;
use crate::store::{KeyRow, StoreError};

/// When an append returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ack {
    /// When the events are durable on this machine's disk.
    #[default]
    Disk,
    /// As soon as they are taken; they are lost if the process dies first.
    Queued,
}

/// What became of one appended event.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// It is in the log, or will be (see [`Ack`]).
    Accepted {
        /// Its name.
        id: EventId,
        /// When it was taken.
        received: Timestamp,
        /// Where it stands; `None` with [`Ack::Queued`] and for duplicates.
        position: Option<Position>,
        /// The same event under the same key is there already; `id` is its id.
        duplicate: bool,
    },
    /// A field breaks a rule.
    Invalid(Invalid),
    /// Another event is there under the same key.
    KeyConflict {
        /// The id of that event.
        id: EventId,
    },
    /// Nothing is wrong with it, but another event of a strict batch was refused.
    NotTaken,
}

/// Why nothing of an append was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// More bytes wait for a commit than may. An append that alone is over the
    /// limit is never taken: split it.
    #[error("{bytes} bytes would wait to be stored, at most {limit} may; try again in a second")]
    Full {
        /// How many would wait.
        bytes: usize,
        /// How many may.
        limit: usize,
    },
    /// The log is paused.
    #[error("the log takes no events: {0}")]
    Paused(PauseSet),
    /// The log is closing or closed.
    #[error("the log is closed")]
    Closed,
    /// The write failed. `StoreError::outcome` says whether the events may be
    /// stored all the same; the log itself goes on trying to settle that.
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
}

/// What is to be done with one offered event.
#[derive(Debug)]
pub(super) enum Verdict {
    New,
    Invalid(Invalid),
    /// The same event is stored already.
    Known(EventId, Timestamp),
    /// Another event is stored under its key.
    Conflict(EventId),
    /// The same as an earlier event of this append.
    RepeatOf(usize),
    /// Another event than an earlier one of this append with its key.
    ConflictWith(usize),
}

impl Verdict {
    /// Whether it takes a sequence number: repetitions are not offered again.
    pub(super) fn is_offered(&self) -> bool {
        !matches!(self, Verdict::Known(..) | Verdict::RepeatOf(_))
    }

    /// Whether it spoils a strict batch.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Verdict::Invalid(_) | Verdict::Conflict(_) | Verdict::ConflictWith(_))
    }
}

/// The key of an offered event.
#[derive(Debug)]
pub(super) struct OfferedKey {
    pub(super) event: usize,
    pub(super) name: Box<[u8]>,
    pub(super) body: [u8; 16],
}

/// An append, checked as far as that needs neither lock nor store.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) events: EventBatch,
    pub(super) verdicts: Vec<Verdict>,
    /// What each event costs in bytes; 0 if it breaks a rule.
    sizes: Vec<usize>,
    /// The first event under each key, in order.
    pub(super) keys: Vec<OfferedKey>,
    /// Later events under the same keys: event, index into `keys`, digest.
    repeats: Vec<(usize, usize, [u8; 16])>,
}

impl Offer {
    pub(super) fn check(events: EventBatch, member: &str) -> Offer {
        let alone = |event: Result<Packed<'_>, &Invalid>| match event {
            Ok(event) => (Verdict::New, event.bytes),
            Err(invalid) => (Verdict::Invalid(invalid.clone()), 0),
        };
        let (verdicts, sizes) = events.iter().map(alone).unzip();
        let mut offer = Offer { events, verdicts, sizes, keys: Vec::new(), repeats: Vec::new() };
        let mut first: HashMap<Box<[u8]>, usize> = HashMap::new();
        for (i, event) in offer.events.iter().enumerate() {
            let Ok(Packed { key: Some(key), digest: Some(body), member: own, source, .. }) = event
            else {
                continue;
            };
            let name = key_name(own.unwrap_or(member), source, key);
            if let Some(at) = first.get(&name) {
                offer.repeats.push((i, *at, body));
            } else {
                first.insert(name.clone(), offer.keys.len());
                offer.keys.push(OfferedKey { event: i, name, body });
            }
        }
        offer
    }

    /// Judges the events that have keys, given what the store has under each.
    pub(super) fn judge(&mut self, stored: &[Option<KeyRow>]) {
        for (key, row) in self.keys.iter().zip(stored) {
            if let Some(row) = row {
                self.verdicts[key.event] = against(row, &key.body);
            }
        }
        for (event, at, body) in &self.repeats {
            let first = &self.keys[*at];
            self.verdicts[*event] = match stored.get(*at) {
                Some(Some(row)) => against(row, body),
                _ if first.body == *body => Verdict::RepeatOf(first.event),
                _ => Verdict::ConflictWith(first.event),
            };
        }
    }

    pub(super) fn is_spoiled(&self) -> bool {
        self.verdicts.iter().any(Verdict::is_refused)
    }

    /// How many sequence numbers it takes.
    pub(super) fn offered(&self) -> u64 {
        self.verdicts.iter().filter(|verdict| verdict.is_offered()).count() as u64
    }

    pub(super) fn new_bytes(&self) -> usize {
        let new = self.sizes.iter().zip(&self.verdicts);
        new.filter(|(_, verdict)| matches!(verdict, Verdict::New)).map(|(bytes, _)| bytes).sum()
    }
}

fn against(row: &KeyRow, body: &[u8; 16]) -> Verdict {
    if row.body == *body { Verdict::Known(row.id, row.received) } else { Verdict::Conflict(row.id) }
}
