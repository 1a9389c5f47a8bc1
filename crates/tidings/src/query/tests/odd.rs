//! A store that counts what is read, and that a test damages.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::block::Outline;
use crate::store::{
    Batch, Damage, Ends, Expired, Gap, Head, KeyRow, Note, Placed, Reach, Stored, Waiting,
    WaitingTotals, WordRows,
};
use crate::sync::Mutex;

pub(super) struct Odd {
    inner: MemoryStore,
    reads: AtomicU32,
    heads: AtomicU32,
    /// What is read in the place of a block; `None`: it is damaged.
    instead: Mutex<BTreeMap<Position, Option<Block>>>,
    gaps: Mutex<Vec<Gap>>,
    /// What happens in the moment before a block is read.
    before: Mutex<BTreeMap<Position, Act>>,
}

type Act = Box<dyn FnOnce() + Send>;

impl Odd {
    pub(super) fn new() -> Arc<Odd> {
        Arc::new(Odd {
            inner: MemoryStore::new().unwrap(),
            reads: AtomicU32::new(0),
            heads: AtomicU32::new(0),
            instead: Mutex::default(),
            gaps: Mutex::default(),
            before: Mutex::default(),
        })
    }

    pub(super) fn log(self: &Arc<Odd>, options: &LogOptions) -> Log {
        Log::over(Arc::clone(self) as Arc<dyn BlockStore>, options.clone()).unwrap()
    }

    pub(super) fn reads(&self) -> u32 {
        self.reads.load(Ordering::SeqCst)
    }

    /// How often headers were read.
    pub(super) fn heads_reads(&self) -> u32 {
        self.heads.load(Ordering::SeqCst)
    }

    pub(super) fn damage(&self, base: u64) {
        self.instead.lock().insert(Position(base), None);
    }

    /// Changes the last byte of a block, which lies in its last frame. Says at which
    /// of its events that begins.
    pub(super) fn damage_last_frame(&self, base: u64) -> u64 {
        let block = self.inner.read(Position(base)).unwrap().unwrap();
        let mut bytes = block.bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 0x55;
        self.instead.lock().insert(Position(base), Some(Block::parse(bytes).unwrap()));
        block.frame_start(block.frames() - 1) as u64
    }

    /// Changes one bit of a block, in its header or in what follows.
    pub(super) fn flip_a_bit(&self, base: Position, dice: &mut fastrand::Rng) {
        let block = self.inner.read(base).unwrap().unwrap();
        let mut bytes = block.bytes().to_vec();
        let at = dice.usize(..bytes.len());
        bytes[at] ^= 1 << dice.u8(0..8);
        self.instead.lock().insert(base, Block::parse(bytes).ok());
    }

    /// Nothing is damaged any more.
    pub(super) fn repair(&self) {
        self.instead.lock().clear();
    }

    /// Does this once, just before the block there is read.
    pub(super) fn before_reading(&self, base: u64, act: impl FnOnce() + Send + 'static) {
        self.before.lock().insert(Position(base), Box::new(act));
    }

    pub(super) fn tell(&self, gap: Gap) {
        self.gaps.lock().push(gap);
    }
}

fn damage() -> Damage {
    Damage::Unreadable("so told".to_owned())
}

impl Sink for Odd {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        self.inner.put(block)
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe()
    }

    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

impl BlockStore for Odd {
    fn origin(&self) -> Origin {
        self.inner.origin()
    }

    fn append(&self, batch: &Batch<'_>) -> Result<Position, StoreError> {
        self.inner.append(batch)
    }

    fn take(&self, batch: &Batch<'_>) -> Result<Vec<Placed>, StoreError> {
        self.inner.take(batch)
    }

    fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.recall(name)
    }

    fn heads(&self, from: Position, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.heads.fetch_add(1, Ordering::SeqCst);
        let mut heads = self.inner.heads(from, limit)?;
        let instead = self.instead.lock();
        for head in &mut heads {
            if instead.get(&head.base).is_some_and(Option::is_none) {
                head.header = Err(damage());
            }
        }
        Ok(heads)
    }

    fn outline(&self, base: Position) -> Result<Option<Outline>, StoreError> {
        match self.instead.lock().get(&base) {
            Some(Some(block)) => Ok(Some(block.outline().clone())),
            Some(None) => Err(StoreError::Damaged { base, cause: damage() }),
            None => self.inner.outline(base),
        }
    }

    fn read(&self, base: Position) -> Result<Option<Block>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let act = self.before.lock().remove(&base);
        if let Some(act) = act {
            act();
        }
        match self.instead.lock().get(&base) {
            Some(Some(block)) => Ok(Some(block.clone())),
            Some(None) => Err(StoreError::Damaged { base, cause: damage() }),
            None => self.inner.read(base),
        }
    }

    fn blocks(&self, range: Range<Position>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let mut stored = self.inner.blocks(range, limit)?;
        let instead = self.instead.lock();
        for it in &mut stored {
            match instead.get(&it.base) {
                Some(Some(block)) => it.block = Ok(block.clone()),
                Some(None) => it.block = Err(damage()),
                None => {}
            }
        }
        Ok(stored)
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
        Ok(self.gaps.lock().clone())
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
