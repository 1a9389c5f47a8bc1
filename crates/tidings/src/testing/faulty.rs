//! What if the store fails? A store that does as its script says.

use std::ops::Range;
use std::time::Duration;

use crate::block::Block;
use crate::clock::Timestamp;
use crate::id::{Origin, Position};
use crate::store::{
    Batch, BlockStore, Ends, Expired, Gap, Head, KeyRow, Note, Outcome, Placed, Reach, Sink,
    StoreError, Stored, Waiting, WaitingTotals, WordRows,
};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// What goes wrong with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is done, and the store knows it.
    NotStored,
    /// It is done, but nobody knows: [`Outcome::Unknown`].
    UnknownButDone,
    /// It is not done, but nobody knows: [`Outcome::Unknown`].
    UnknownNotDone,
    /// Nothing is done, and trying again never helps: [`StoreError::Rejected`].
    Rejected,
    /// There is no room until [`FaultyStore::release`]; what makes room or needs
    /// none works: expiring, forgetting keys, emptying the outbox.
    DiskFull,
    /// The call does not come back until [`FaultyStore::release`]; then it is done.
    /// For ever, it stands for a device that hangs: probes hang too.
    Hang,
}

/// A store around a store, whose writes fail as a test says.
///
/// Writes are `put`, `append`, `take`, `replace`, `expire`, `published`, `share_all`,
/// `forget_keys`, `keep_words` and `drop_words`, counted from 1 from the last [`FaultyStore::fail_at`] on. Reads fail when
/// [`FaultyStore::fail_read_at`] says so. Everything else passes through.
/// After an unknown outcome it is latched, as the contract of
/// [`BlockStore::append`] says, until it is probed.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    script: Option<Script>,
    writes: u64,
    hanging: usize,
    full: bool,
    latched: bool,
    never_latches: bool,
    /// Reads until one fails; 0 when none is to fail.
    reads_to_failure: u64,
    /// From which read on they hang; 0 when none is to.
    read_to_hang: u64,
    reads: u64,
}

#[derive(Clone, Copy, Debug)]
struct Script {
    first: u64,
    last: u64,
    fault: Fault,
}

impl<S> FaultyStore<S> {
    /// A store that works, until it is told to fail.
    pub fn new(inner: S) -> FaultyStore<S> {
        FaultyStore { inner, state: Mutex::default(), changed: Condvar::new() }
    }

    /// The same, but an unknown outcome does not latch it: as a store across a
    /// network behaves.
    #[must_use]
    pub fn that_never_latches(self) -> FaultyStore<S> {
        self.state.lock().never_latches = true;
        self
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// From now on, the `nth` write fails once; 1 is the next one. Replaces what
    /// was said before.
    pub fn fail_at(&self, nth: u64, fault: Fault) {
        self.script(Script { first: nth, last: nth, fault });
    }

    /// From now on, the `nth` write and all after it fail, until
    /// [`FaultyStore::release`].
    pub fn fail_from(&self, nth: u64, fault: Fault) {
        self.script(Script { first: nth, last: u64::MAX, fault });
    }

    /// From now on, the `nth` read fails once; 1 is the next one, 0 is none. Reads
    /// are `heads`, `read`, `blocks`, `recall`, `outbox`, `waiting`, `backlog`, `ends`, `gaps`,
    /// `find_key`, `words` and `word_part`.
    pub fn fail_read_at(&self, nth: u64) {
        self.state.lock().reads_to_failure = nth;
    }

    /// From now on, the `nth` read and all after it hang until
    /// [`FaultyStore::release`]; 1 is the next one.
    pub fn hang_reads_from(&self, nth: u64) {
        let mut state = self.state.lock();
        state.read_to_hang = nth;
        state.reads = 0;
    }

    /// How many reads were tried since one was told to hang.
    pub fn reads(&self) -> u64 {
        self.state.lock().reads
    }

    fn script(&self, script: Script) {
        let mut state = self.state.lock();
        state.script = Some(script);
        state.writes = 0;
    }

    /// Forgets the script, gives room, and lets hanging calls go on. A latch
    /// stays until it is probed.
    pub fn release(&self) {
        let mut state = self.state.lock();
        state.script = None;
        state.read_to_hang = 0;
        state.full = false;
        self.changed.notify_all();
    }

    /// Waits until this many calls hang.
    pub fn wait_until_hanging(&self, calls: usize) {
        let mut state = self.state.lock();
        while state.hanging < calls {
            state = self.changed.wait(state);
        }
    }

    /// Waits until no call hangs any more.
    pub fn wait_until_released(&self) {
        let mut state = self.state.lock();
        while state.hanging > 0 {
            state = self.changed.wait(state);
        }
    }

    /// How many writes were tried since the script was set.
    pub fn writes(&self) -> u64 {
        self.state.lock().writes
    }
}

impl<S: Sink> FaultyStore<S> {
    fn io(&self, outcome: Outcome) -> StoreError {
        let cause = "a test says so".to_owned();
        StoreError::Io { doing: "write", store: self.describe(), cause, outcome }
    }

    fn read_or_fail<T>(
        &self,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let fails = {
            let mut state = self.state.lock();
            state.reads += 1;
            if state.read_to_hang > 0 && state.reads >= state.read_to_hang {
                state = self.hang_read(state);
            }
            let left = &mut state.reads_to_failure;
            let fails = *left == 1;
            *left = left.saturating_sub(1);
            fails
        };
        if fails {
            let (store, cause) = (self.describe(), "a test says so".to_owned());
            let outcome = Outcome::NotStored;
            return Err(StoreError::Io { doing: "read", store, cause, outcome });
        }
        read()
    }

    fn full(&self) -> StoreError {
        StoreError::DiskFull { store: self.describe(), cause: "a test says so".to_owned() }
    }

    /// Counts a write and says what is to go wrong with it.
    fn begin(&self, makes_room: bool) -> Result<Option<Fault>, StoreError> {
        let mut state = self.state.lock();
        state.writes += 1;
        if state.latched {
            let cause = "a test says so".to_owned();
            return Err(StoreError::Latched { store: self.describe(), cause });
        }
        let writes = state.writes;
        let script = state.script.filter(|it| (it.first..=it.last).contains(&writes));
        let fault = script.map(|script| script.fault);
        state.full |= fault == Some(Fault::DiskFull);
        if state.full && !makes_room {
            return Err(self.full());
        }
        if fault == Some(Fault::Hang) {
            self.hang(state);
        }
        Ok(fault)
    }

    fn hang(&self, mut state: MutexGuard<'_, State>) {
        state.hanging += 1;
        self.changed.notify_all();
        while state.script.is_some() {
            state = self.changed.wait(state);
        }
        state.hanging -= 1;
        self.changed.notify_all();
    }

    fn hang_read<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.hanging += 1;
        self.changed.notify_all();
        while state.read_to_hang > 0 {
            state = self.changed.wait(state);
        }
        state.hanging -= 1;
        self.changed.notify_all();
        state
    }

    fn write<T>(
        &self,
        makes_room: bool,
        write: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.begin(makes_room)? {
            None | Some(Fault::Hang | Fault::DiskFull) => write(),
            Some(Fault::NotStored) => Err(self.io(Outcome::NotStored)),
            Some(Fault::Rejected) => {
                let cause = "a test says so".to_owned();
                Err(StoreError::Rejected { store: self.describe(), cause })
            }
            Some(fault) => {
                if fault == Fault::UnknownButDone {
                    write()?;
                }
                let mut state = self.state.lock();
                state.latched = !state.never_latches;
                Err(self.io(Outcome::Unknown))
            }
        }
    }
}

impl<S: Sink> Sink for FaultyStore<S> {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        self.write(false, || self.inner.put(block))
    }

    fn probe(&self) -> Result<(), StoreError> {
        {
            let mut state = self.state.lock();
            if state.full {
                return Err(self.full());
            }
            // A script for ever stands for a device that stays broken.
            let script = state.script.filter(|script| script.last == u64::MAX);
            let broken = script.is_some_and(|script| state.writes + 1 >= script.first);
            if broken && script.is_some_and(|script| script.fault == Fault::Hang) {
                self.hang(state);
                return self.inner.probe();
            }
            if broken {
                return Err(self.io(Outcome::NotStored));
            }
            state.latched = false;
        }
        self.inner.probe()
    }

    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    fn describe(&self) -> String {
        format!("faulty {}", self.inner.describe())
    }
}

impl<S: BlockStore> BlockStore for FaultyStore<S> {
    fn origin(&self) -> Origin {
        self.inner.origin()
    }

    fn append(&self, batch: &Batch<'_>) -> Result<Position, StoreError> {
        self.write(false, || self.inner.append(batch))
    }

    fn take(&self, batch: &Batch<'_>) -> Result<Vec<Placed>, StoreError> {
        self.write(false, || self.inner.take(batch))
    }

    fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_or_fail(|| self.inner.recall(name))
    }

    fn heads(&self, from: Position, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.read_or_fail(|| self.inner.heads(from, limit))
    }

    fn read(&self, base: Position) -> Result<Option<Block>, StoreError> {
        self.read_or_fail(|| self.inner.read(base))
    }

    fn blocks(&self, range: Range<Position>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.read_or_fail(|| self.inner.blocks(range, limit))
    }

    fn replace(&self, range: Range<Position>, with: &Block) -> Result<(), StoreError> {
        self.write(false, || self.inner.replace(range, with))
    }

    fn expire(&self, bases: &[Position]) -> Result<Expired, StoreError> {
        self.write(true, || self.inner.expire(bases))
    }

    fn outbox(&self, from: Position, limit: usize) -> Result<Vec<Position>, StoreError> {
        self.read_or_fail(|| self.inner.outbox(from, limit))
    }

    fn waiting(&self, from: Position, events_max: u64) -> Result<Vec<Waiting>, StoreError> {
        self.read_or_fail(|| self.inner.waiting(from, events_max))
    }

    fn published(&self, bases: &[Position], notes: &[Note<'_>]) -> Result<(), StoreError> {
        self.write(true, || self.inner.published(bases, notes))
    }

    fn backlog(&self) -> Result<WaitingTotals, StoreError> {
        self.read_or_fail(|| self.inner.backlog())
    }

    fn share_all(&self) -> Result<u64, StoreError> {
        self.write(false, || self.inner.share_all())
    }

    fn ends(&self) -> Result<Ends, StoreError> {
        self.read_or_fail(|| self.inner.ends())
    }

    fn gaps(&self) -> Result<Vec<Gap>, StoreError> {
        self.read_or_fail(|| self.inner.gaps())
    }

    fn find_key(
        &self,
        name: &[u8],
        now: Timestamp,
        window: Duration,
    ) -> Result<Option<KeyRow>, StoreError> {
        self.read_or_fail(|| self.inner.find_key(name, now, window))
    }

    fn forget_keys(&self, before: Timestamp) -> Result<(), StoreError> {
        self.write(true, || self.inner.forget_keys(before))
    }

    fn keep_words(&self, rows: &WordRows<'_>) -> Result<(), StoreError> {
        self.write(false, || self.inner.keep_words(rows))
    }

    fn drop_words(&self, range: Range<Position>) -> Result<(), StoreError> {
        self.write(true, || self.inner.drop_words(range))
    }

    fn words(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read_or_fail(|| self.inner.words())
    }

    fn word_part(&self, first: Position, number: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_or_fail(|| self.inner.word_part(first, number))
    }

    fn close(&self) -> Result<(), StoreError> {
        self.inner.close()
    }
}

#[cfg(test)]
mod tests;
