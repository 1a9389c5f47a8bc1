//! A store that does what a test tells it to: fail, say that it does not know,
//! or wait for the test.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::block::Block;
use crate::clock::Timestamp;
use crate::id::{Origin, Position};
use crate::store::memory::MemoryStore;
use crate::store::{
    Batch, BlockStore, Ends, Expired, Gap, Head, KeyRow, Note, Outcome, Placed, Reach, Sink,
    StoreError, Stored, Waiting, WaitingTotals, WordRows,
};
use crate::sync::{Condvar, Mutex};

/// What becomes of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    DiskFull,
    /// Nothing is stored, and the store says so.
    Fails,
    /// The store does not know; nothing is stored.
    UnknownLost,
    /// The store does not know; it is stored all the same.
    UnknownStored,
    /// Waits until the test opens the gate, then stores.
    Waits,
}

#[derive(Debug, Default)]
struct Script {
    acts: VecDeque<Act>,
    /// Probes fail while this is set, and so do writes.
    down: bool,
    waiting: u32,
    opened: u32,
    /// Events of every batch that was stored.
    batches: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Scripted {
    inner: MemoryStore,
    script: Mutex<Script>,
    changed: Condvar,
}

impl Scripted {
    pub(super) fn new() -> Arc<Scripted> {
        Arc::new(Scripted {
            inner: MemoryStore::new().unwrap(),
            script: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// The next writes do this, one after the other; those after them succeed.
    pub(super) fn will(&self, acts: &[Act]) {
        self.script.lock().acts.extend(acts);
    }

    pub(super) fn set_down(&self, down: bool) {
        self.script.lock().down = down;
    }

    /// Returns once so many writes wait.
    pub(super) fn wait_for_waiting(&self, writes: u32) {
        let mut script = self.script.lock();
        while script.waiting < writes {
            script = self.changed.wait(script);
        }
    }

    /// Lets one waiting write go on.
    pub(super) fn open(&self) {
        self.script.lock().opened += 1;
        self.changed.notify_all();
    }

    pub(super) fn batches(&self) -> Vec<usize> {
        self.script.lock().batches.clone()
    }

    fn act(&self) -> Option<Act> {
        let mut script = self.script.lock();
        if script.down {
            return Some(Act::Fails);
        }
        let act = script.acts.pop_front();
        if act == Some(Act::Waits) {
            script.waiting += 1;
            self.changed.notify_all();
            while script.opened == 0 {
                script = self.changed.wait(script);
            }
            script.opened -= 1;
        }
        act
    }

    fn write<T>(&self, doing: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.act() {
            None | Some(Act::Waits) => doing(),
            Some(Act::Fails) => Err(failed(Outcome::NotStored)),
            Some(Act::UnknownLost) => Err(failed(Outcome::Unknown)),
            Some(Act::UnknownStored) => doing().and(Err(failed(Outcome::Unknown))),
            Some(Act::DiskFull) => Err(StoreError::DiskFull {
                store: "scripted".to_owned(),
                cause: "so told".to_owned(),
            }),
        }
    }
}

fn failed(outcome: Outcome) -> StoreError {
    let (store, cause) = ("scripted".to_owned(), "so told".to_owned());
    StoreError::Io { doing: "write a block", store, cause, outcome }
}

impl Sink for Scripted {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        self.write(|| self.inner.put(block))
    }

    fn probe(&self) -> Result<(), StoreError> {
        if self.script.lock().down { Err(failed(Outcome::NotStored)) } else { Ok(()) }
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }

    fn describe(&self) -> String {
        "scripted".to_owned()
    }
}

impl BlockStore for Scripted {
    fn origin(&self) -> Origin {
        self.inner.origin()
    }

    fn append(&self, batch: &Batch<'_>) -> Result<Position, StoreError> {
        let base = self.write(|| self.inner.append(batch))?;
        let events = batch.blocks.iter().map(|block| block.header().count as usize).sum();
        self.script.lock().batches.push(events);
        Ok(base)
    }

    fn take(&self, batch: &Batch<'_>) -> Result<Vec<Placed>, StoreError> {
        self.write(|| self.inner.take(batch))
    }

    fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.recall(name)
    }

    fn heads(&self, from: Position, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.inner.heads(from, limit)
    }

    fn read(&self, base: Position) -> Result<Option<Block>, StoreError> {
        self.inner.read(base)
    }

    fn blocks(&self, range: Range<Position>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.inner.blocks(range, limit)
    }

    fn replace(&self, range: Range<Position>, with: &Block) -> Result<(), StoreError> {
        self.inner.replace(range, with)
    }

    fn expire(&self, bases: &[Position]) -> Result<Expired, StoreError> {
        self.inner.expire(bases)
    }

    fn outbox(&self, from: Position, limit: usize) -> Result<Vec<Position>, StoreError> {
        self.inner.outbox(from, limit)
    }

    fn waiting(&self, from: Position, events_max: u64) -> Result<Vec<Waiting>, StoreError> {
        self.inner.waiting(from, events_max)
    }

    fn published(&self, bases: &[Position], notes: &[Note<'_>]) -> Result<(), StoreError> {
        self.inner.published(bases, notes)
    }

    fn backlog(&self) -> Result<WaitingTotals, StoreError> {
        self.inner.backlog()
    }

    fn share_all(&self) -> Result<u64, StoreError> {
        self.inner.share_all()
    }

    fn ends(&self) -> Result<Ends, StoreError> {
        self.inner.ends()
    }

    fn gaps(&self) -> Result<Vec<Gap>, StoreError> {
        self.inner.gaps()
    }

    fn find_key(
        &self,
        name: &[u8],
        now: Timestamp,
        window: Duration,
    ) -> Result<Option<KeyRow>, StoreError> {
        self.inner.find_key(name, now, window)
    }

    fn forget_keys(&self, before: Timestamp) -> Result<(), StoreError> {
        self.inner.forget_keys(before)
    }

    /// Stays readable, so that a test can open another log over it.
    fn keep_words(&self, rows: &WordRows<'_>) -> Result<(), StoreError> {
        self.inner.keep_words(rows)
    }

    fn drop_words(&self, range: Range<Position>) -> Result<(), StoreError> {
        self.inner.drop_words(range)
    }

    fn words(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.inner.words()
    }

    fn word_part(&self, first: Position, number: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.word_part(first, number)
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
