//! Who waits for what became of their events, and whose turn is it to commit?

use std::collections::{BTreeMap, HashMap};
use std::task::Waker;

use super::AppendError;
use crate::id::Position;

/// What became of a part.
pub(super) type Outcome = Result<Position, AppendError>;

/// Those who wait for parts.
///
/// They sleep until they are told the outcome, or are called to commit: one at a
/// time, the one that has waited longest. Whoever asks while a commit can begin
/// need not be called.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// By part, so in order of arrival; with a waker while he sleeps.
    waiting: BTreeMap<u64, Option<Waker>>,
    /// Not asked for yet.
    outcomes: HashMap<u64, Outcome>,
    /// Was woken to commit, and has not come yet.
    called: Option<u64>,
    /// To be woken when the gate's lock is free: wakers may run code of any runtime.
    due: Vec<Waker>,
}

impl Waiters {
    /// Somebody will ask for the outcome of this part.
    pub(super) fn enter(&mut self, part: u64) {
        self.waiting.insert(part, None);
    }

    /// Whether somebody waits for this part.
    pub(super) fn wait_for(&self, part: u64) -> bool {
        self.waiting.contains_key(&part)
    }

    /// Whether nobody waits for any part.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Says what became of a part, to whoever waits for it.
    pub(super) fn tell(&mut self, part: u64, outcome: Outcome) {
        if let Some(waker) = self.waiting.remove(&part) {
            self.has_come(part);
            self.outcomes.insert(part, outcome);
            self.due.extend(waker);
        }
    }

    /// The outcome of a part, once.
    pub(super) fn outcome(&mut self, part: u64) -> Option<Outcome> {
        self.outcomes.remove(&part)
    }

    /// He goes to sleep. Returns the waker that this one replaces, to be dropped
    /// when the gate's lock is free.
    pub(super) fn sleep(&mut self, part: u64, waker: &Waker) -> Option<Waker> {
        self.has_come(part);
        let slot = self.waiting.get_mut(&part)?;
        if slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return None;
        }
        slot.replace(waker.clone())
    }

    /// He waits no longer. Returns his waker, to be dropped when the gate's lock
    /// is free.
    pub(super) fn leave(&mut self, part: u64) -> Option<Waker> {
        self.has_come(part);
        self.outcomes.remove(&part);
        self.waiting.remove(&part).flatten()
    }

    fn has_come(&mut self, part: u64) {
        self.called.take_if(|called| *called == part);
    }

    /// A commit can begin: calls somebody to it, unless somebody was called.
    pub(super) fn call(&mut self) {
        if self.called.is_some() {
            return;
        }
        let sleeper = self.waiting.iter_mut().find_map(|(part, slot)| Some((*part, slot.take()?)));
        if let Some((part, waker)) = sleeper {
            self.called = Some(part);
            self.due.push(waker);
        }
    }

    /// Who is to be woken, now that the gate's lock is free.
    pub(super) fn take_due(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.due)
    }
}
