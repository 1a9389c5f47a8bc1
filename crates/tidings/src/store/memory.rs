//! What if it need not outlive the process? Everything in memory, for tests and
//! for hosts without a disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

use super::{
    Batch, BlockName, BlockStore, Ends, Expired, Gap, Head, KeyRow, Placed, Reach, Sink, StoreError,
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

#[derive(Debug, Default)]
struct State {
    closed: bool,
    next: u64,
    blocks: BTreeMap<u64, Block>,
    /// Every name ever taken; `None` when its block was merged or has expired.
    names: HashMap<BlockName, Option<u64>>,
    outbox: BTreeSet<u64>,
    keys: HashMap<Box<[u8]>, KeyRow>,
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

    fn open(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state.lock();
        if state.closed {
            return Err(StoreError::Closed { store: self.describe() });
        }
        Ok(state)
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
        let mut state = self.open()?;
        let name = BlockName::of(block).ok_or_else(|| self.rejected(super::MERGED))?;
        Ok(match state.known(name, block)? {
            Known::New => {
                let base = state.insert(name, block, false);
                Placed { base: Some(Position(base)), duplicate: false }
            }
            Known::There { base } => Placed { base: Some(Position(base)), duplicate: true },
            Known::Gone => Placed { base: None, duplicate: true },
        })
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
            Some(base) => return Ok(base),
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
        Ok(Position(base))
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

    fn replace(&self, range: Range<Position>, with: &Block) -> Result<(), StoreError> {
        let mut state = self.open()?;
        let mut bases = Vec::new();
        let mut end = range.start.0;
        for (base, block) in state.blocks.range(range.start.0..range.end.0) {
            if *base != end || state.outbox.contains(base) {
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
        Ok(expired)
    }

    fn outbox(&self, from: Position, limit: usize) -> Result<Vec<Position>, StoreError> {
        let state = self.open()?;
        Ok(state.outbox.range(from.0..).take(limit).map(|base| Position(*base)).collect())
    }

    fn published(&self, bases: &[Position]) -> Result<(), StoreError> {
        let mut state = self.open()?;
        for base in bases {
            state.outbox.remove(&base.0);
        }
        Ok(())
    }

    fn ends(&self) -> Result<Ends, StoreError> {
        let state = self.open()?;
        let next = Position(state.next);
        Ok(Ends {
            first: state.blocks.keys().next().map_or(next, |base| Position(*base)),
            next,
            events: state.blocks.values().map(|block| u64::from(block.header().count)).sum(),
            blocks: state.blocks.len() as u64,
            bytes: state.blocks.values().map(|block| block.bytes().len() as u64).sum(),
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
