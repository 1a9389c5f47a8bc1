//! What if it need not outlive the process? Everything in memory, for tests and
//! for hosts without a disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

use super::outbox::WaitingAnswer;
use super::{
    Batch, BlockName, BlockStore, Ends, Expired, Gap, Head, KeyRow, Note, Placed,
    REPLACED_BLOCKS_MAX, Reach, Sink, StoreError, Stored, Waiting, WaitingTotals, WordRows,
};
use crate::block::Block;
use crate::clock::Timestamp;
use crate::id::{NoRandomness, Origin, Position};
use crate::sync::{Mutex, MutexGuard};

/// A store in memory. It forgets everything when it is dropped, and is bounded
/// only by what its owner expires.
#[derive(Debug)]
pub struct MemoryStore {
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    closed: bool,
    next: u64,
    blocks: BTreeMap<u64, Block>,
    /// Every name ever taken; `None` when its block was merged or has expired.
    names: HashMap<BlockName, Option<u64>>,
    outbox: BTreeSet<u64>,
    keys: HashMap<Box<[u8]>, KeyRow>,
    notes: BTreeMap<String, Vec<u8>>,
    /// By their first position.
    words: BTreeMap<u64, Words>,
}

#[derive(Clone, Debug)]
struct Words {
    next: u64,
    head: Vec<u8>,
    parts: Vec<Vec<u8>>,
}

impl Words {
    fn bytes(&self) -> usize {
        self.head.len() + self.parts.iter().map(Vec::len).sum::<usize>()
    }
}

impl MemoryStore {
    /// An empty store.
    ///
    /// # Errors
    ///
    /// The operating system gave no random bytes for its origin.
    pub fn new() -> Result<MemoryStore, NoRandomness> {
        Ok(MemoryStore { origin: Origin::random()?, state: Mutex::default() })
    }

    /// Opens it again after [`BlockStore::close`], with what it holds: as a
    /// directory is opened by the next process.
    #[cfg(feature = "testing")]
    pub fn reopen(&self) {
        self.state.lock().closed = false;
    }

    /// Another store that holds the same: as a copy of a directory does.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn copy(&self) -> MemoryStore {
        MemoryStore { origin: self.origin, state: Mutex::new(self.state.lock().clone()) }
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state.lock();
        if state.closed {
            return Err(StoreError::Closed { store: self.describe() });
        }
        Ok(state)
    }

    fn check(&self, notes: &[Note<'_>]) -> Result<(), StoreError> {
        notes.iter().try_for_each(|note| note.check().map_err(|cause| self.rejected(cause)))
    }

    fn rejected(&self, cause: impl Into<String>) -> StoreError {
        StoreError::Rejected { store: self.describe(), cause: cause.into() }
    }
}

/// What is known of a block that is offered.
enum Known {
    New,
    There { base: u64 },
    Gone,
}

impl State {
    fn known(&self, name: BlockName, block: &Block) -> Result<Known, StoreError> {
        match self.names.get(&name) {
            None => Ok(Known::New),
            Some(None) => Ok(Known::Gone),
            Some(Some(base))
                if self.blocks.get(base).is_some_and(|b| b.bytes() == block.bytes()) =>
            {
                Ok(Known::There { base: *base })
            }
            Some(Some(_)) => Err(name.conflict()),
        }
    }

    fn insert(&mut self, name: BlockName, block: &Block, outbox: bool) -> u64 {
        let base = self.next;
        self.names.insert(name, Some(base));
        self.blocks.insert(base, block.clone());
        self.next += u64::from(block.header().count);
        if outbox {
            self.outbox.insert(base);
        }
        base
    }

    /// Each block as it is taken, were they put one after the other. Nothing is
    /// stored if one of them must not be.
    fn take(
        &mut self,
        blocks: &[(BlockName, &Block)],
        outbox: bool,
    ) -> Result<Vec<Placed>, StoreError> {
        let mut fresh: HashMap<BlockName, &Block> = HashMap::new();
        for (name, block) in blocks {
            self.known(*name, block)?;
            if fresh.insert(*name, block).is_some_and(|twin| twin.bytes() != block.bytes()) {
                return Err(name.conflict());
            }
        }
        blocks.iter().map(|(name, block)| self.place(*name, block, outbox)).collect()
    }

    fn place(
        &mut self,
        name: BlockName,
        block: &Block,
        outbox: bool,
    ) -> Result<Placed, StoreError> {
        Ok(match self.known(name, block)? {
            Known::New => {
                let base = self.insert(name, block, outbox);
                Placed { base: Some(Position(base)), duplicate: false }
            }
            Known::There { base } => Placed { base: Some(Position(base)), duplicate: true },
            Known::Gone => Placed { base: None, duplicate: true },
        })
    }

    /// Keeps a key unless one of its hour, or a later one, is there.
    fn keep_key(&mut self, row: &KeyRow) {
        let hour = |row: &KeyRow| super::hour_of(row.received);
        if self.keys.get(&row.name).is_none_or(|there| hour(there) < hour(row)) {
            self.keys.insert(row.name.clone(), row.clone());
        }
    }

    fn drop_words(&mut self, range: &Range<Position>) {
        let (start, end) = (range.start.0, range.end.0);
        self.words.retain(|first, words| *first >= end || words.next <= start);
    }

    fn note(&mut self, notes: &[Note<'_>]) {
        self.notes.extend(notes.iter().map(|it| (it.name.to_owned(), it.value.to_vec())));
    }

    fn remove(&mut self, base: u64) -> Expired {
        let Some(block) = self.blocks.remove(&base) else { return Expired::default() };
        if let Some(name) = BlockName::of(&block) {
            self.names.insert(name, None);
        }
        let events = u64::from(block.header().count);
        Expired { events, waiting: if self.outbox.remove(&base) { events } else { 0 } }
    }
}

impl Sink for MemoryStore {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        let name = BlockName::of(block).ok_or_else(|| self.rejected(super::MERGED))?;
        self.open()?.place(name, block, false)
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.open().map(drop)
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

impl BlockStore for MemoryStore {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn append(&self, batch: &Batch<'_>) -> Result<Position, StoreError> {
        self.check(batch.notes)?;
        let mut state = self.open()?;
        let mut names = Vec::with_capacity(batch.blocks.len());
        let mut settled = super::Settled::default();
        for block in batch.blocks {
            let name = BlockName::of(block).ok_or_else(|| self.rejected(super::MERGED))?;
            let base = match state.known(name, block)? {
                Known::New => None,
                Known::There { base } => Some(base),
                Known::Gone => return Err(self.rejected(super::TORN)),
            };
            settled.add(base, block);
            names.push(name);
        }
        match settled.outcome().map_err(|cause| self.rejected(cause))? {
            Some(base) => {
                state.note(batch.notes);
                return Ok(base);
            }
            None if names.len() != names.iter().collect::<BTreeSet<_>>().len() => {
                return Err(self.rejected(super::TWICE));
            }
            None => {}
        }
        let base = state.next;
        for (name, block) in names.into_iter().zip(batch.blocks) {
            state.insert(name, block, batch.outbox);
        }
        for row in batch.keys {
            state.keys.insert(row.name.clone(), row.clone());
        }
        state.note(batch.notes);
        Ok(Position(base))
    }

    fn take(&self, batch: &Batch<'_>) -> Result<Vec<Placed>, StoreError> {
        self.check(batch.notes)?;
        let named = |block| Some((BlockName::of(block)?, block));
        let blocks: Option<Vec<_>> = batch.blocks.iter().map(named).collect();
        let blocks = blocks.ok_or_else(|| self.rejected(super::MERGED))?;
        let mut state = self.open()?;
        let placed = state.take(&blocks, batch.outbox)?;
        batch.keys.iter().for_each(|row| state.keep_key(row));
        state.note(batch.notes);
        Ok(placed)
    }

    fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.open()?.notes.get(name).cloned())
    }

    fn heads(&self, from: Position, limit: usize) -> Result<Vec<Head>, StoreError> {
        let state = self.open()?;
        let before = state.blocks.range(..=from.0).next_back();
        let start = before.map_or(from.0, |(base, _)| *base);
        let heads = state.blocks.range(start..).map(|(base, block)| Head {
            base: Position(*base),
            count: u64::from(block.header().count),
            bytes: block.bytes().len() as u64,
            header: Ok(block.header().clone()),
        });
        Ok(heads.filter(|head| head.base.plus(head.count) > from).take(limit).collect())
    }

    fn read(&self, base: Position) -> Result<Option<Block>, StoreError> {
        Ok(self.open()?.blocks.get(&base.0).cloned())
    }

    fn blocks(&self, range: Range<Position>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let state = self.open()?;
        let within = range.start.0..range.end.0.max(range.start.0);
        let blocks = state.blocks.range(within).take(limit);
        let stored = |(base, block): (&u64, &Block)| Stored {
            base: Position(*base),
            block: Ok(block.clone()),
        };
        Ok(blocks.map(stored).collect())
    }

    fn replace(&self, range: Range<Position>, with: &Block) -> Result<(), StoreError> {
        let mut state = self.open()?;
        let mut bases = Vec::new();
        let mut end = range.start.0;
        for (base, block) in state.blocks.range(range.start.0..range.end.0) {
            let too_many = bases.len() == REPLACED_BLOCKS_MAX;
            if *base != end || state.outbox.contains(base) || too_many {
                return Err(self.rejected(super::UNFIT));
            }
            end += u64::from(block.header().count);
            bases.push(*base);
        }
        if end != range.end.0 || range.start.0 + u64::from(with.header().count) != end {
            return Err(self.rejected(super::UNFIT));
        }
        for base in bases {
            state.remove(base);
        }
        state.blocks.insert(range.start.0, with.clone());
        Ok(())
    }

    fn expire(&self, bases: &[Position]) -> Result<Expired, StoreError> {
        let mut state = self.open()?;
        let mut expired = Expired::default();
        for base in bases {
            expired += state.remove(base.0);
        }
        let first = state.blocks.keys().next().copied().unwrap_or(state.next);
        state.words.retain(|_, words| words.next > first);
        Ok(expired)
    }

    fn outbox(&self, from: Position, limit: usize) -> Result<Vec<Position>, StoreError> {
        let state = self.open()?;
        Ok(state.outbox.range(from.0..).take(limit).map(|base| Position(*base)).collect())
    }

    fn waiting(&self, from: Position, events_max: u64) -> Result<Vec<Waiting>, StoreError> {
        let state = self.open()?;
        let mut answer = WaitingAnswer::of_events(events_max);
        for base in state.outbox.range(from.0..) {
            if answer.is_full() {
                break;
            }
            if let Some(block) = state.blocks.get(base).cloned() {
                let (base, count) = (Position(*base), u64::from(block.header().count));
                answer.push(Waiting { base, count, block: Ok(block) });
            }
        }
        Ok(answer.into_waiting())
    }

    fn published(&self, bases: &[Position], notes: &[Note<'_>]) -> Result<(), StoreError> {
        self.check(notes)?;
        let mut state = self.open()?;
        for base in bases {
            state.outbox.remove(&base.0);
        }
        state.note(notes);
        Ok(())
    }

    fn backlog(&self) -> Result<WaitingTotals, StoreError> {
        let state = self.open()?;
        let waiting = state.outbox.iter().filter_map(|base| state.blocks.get(base));
        Ok(WaitingTotals {
            blocks: state.outbox.len() as u64,
            events: waiting.map(|block| u64::from(block.header().count)).sum(),
        })
    }

    fn share_all(&self) -> Result<u64, StoreError> {
        let mut guard = self.open()?;
        let State { blocks, outbox, .. } = &mut *guard;
        let is_own =
            |block: &Block| BlockName::of(block).is_some_and(|name| name.origin == self.origin);
        let own = blocks.iter().filter(|(_, block)| is_own(block));
        let added = own.filter(|(base, _)| outbox.insert(**base));
        Ok(added.map(|(_, block)| u64::from(block.header().count)).sum())
    }

    fn ends(&self) -> Result<Ends, StoreError> {
        let state = self.open()?;
        let next = Position(state.next);
        Ok(Ends {
            first: state.blocks.keys().next().map_or(next, |base| Position(*base)),
            next,
            events: state.blocks.values().map(|block| u64::from(block.header().count)).sum(),
            blocks: state.blocks.len() as u64,
            bytes: state.blocks.values().map(|block| block.bytes().len() as u64).sum::<u64>()
                + state.words.values().map(|words| words.bytes() as u64).sum::<u64>(),
        })
    }

    fn gaps(&self) -> Result<Vec<Gap>, StoreError> {
        self.open().map(|_| Vec::new())
    }

    fn find_key(
        &self,
        name: &[u8],
        now: Timestamp,
        window: Duration,
    ) -> Result<Option<KeyRow>, StoreError> {
        let state = self.open()?;
        let row = state.keys.get(name).filter(|row| row.received > now.before(window));
        Ok(row.cloned())
    }

    fn forget_keys(&self, before: Timestamp) -> Result<(), StoreError> {
        let hour = super::hour_of(before);
        self.open()?.keys.retain(|_, row| super::hour_of(row.received) >= hour);
        Ok(())
    }

    fn keep_words(&self, rows: &WordRows<'_>) -> Result<(), StoreError> {
        rows.check().map_err(|cause| self.rejected(cause))?;
        let mut state = self.open()?;
        state.drop_words(&rows.range);
        let (head, parts) = (rows.head.to_vec(), rows.parts.to_vec());
        let words = Words { next: rows.range.end.0, head, parts };
        state.words.insert(rows.range.start.0, words);
        Ok(())
    }

    fn drop_words(&self, range: Range<Position>) -> Result<(), StoreError> {
        self.open()?.drop_words(&range);
        Ok(())
    }

    fn words(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(self.open()?.words.values().map(|words| words.head.clone()).collect())
    }

    fn word_part(&self, first: Position, number: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.open()?;
        let part = state.words.get(&first.0).and_then(|words| words.parts.get(number));
        Ok(part.cloned())
    }

    fn close(&self) -> Result<(), StoreError> {
        self.state.lock().closed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FaultyStore, store_suite};

    #[test]
    fn a_store_in_memory_keeps_the_contract() {
        store_suite::assert_block_store(|| MemoryStore::new().unwrap());
    }

    #[test]
    fn a_faulty_store_that_is_not_told_to_fail_keeps_the_contract() {
        store_suite::assert_block_store(|| FaultyStore::new(MemoryStore::new().unwrap()));
    }
}
