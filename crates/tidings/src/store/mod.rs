//! Where is it kept?
//!
//! Two traits. A [`Sink`] takes blocks and is all that a queue needs; a
//! [`BlockStore`] also reads, replaces and expires them, and is what a log stands
//! on. The contract stands at each method; `testing::store_suite` holds an
//! implementation against it.

mod ends;
mod error;
#[cfg(feature = "etcd")]
pub mod etcd;
pub mod memory;
mod naming;
mod outbox;
pub mod sqlite;
mod words;

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use crate::block::{Block, Excerpt, Header, Outline};
use crate::clock::Timestamp;
use crate::id::{EventId, Origin, Position};
use naming::{BlockName, MERGED, Settled, TORN, TWICE, UNFIT, hour_of};

pub use ends::{Ends, Expired, Gap, GapReason};
pub use error::{Damage, Outcome, StoreError};
pub use outbox::{WAITING_BLOCKS_MAX, WAITING_BYTES_MAX, Waiting, WaitingTotals};
pub use words::{WORD_PARTS_MAX, WordRows};

/// Whether a store is on this machine's disk or across a network.
///
/// A local store gets one put at a time and no pace; a remote one as many puts in
/// flight as the queue has workers, paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In this process or on this machine's disk.
    Local,
    /// Across a network.
    Remote,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where the block's first event stands, if the store keeps positions.
    /// `None` too for a duplicate of a block that was merged or has expired since.
    pub base: Option<Position>,
    /// The same bytes were there already.
    pub duplicate: bool,
}

/// Takes blocks, idempotently.
pub trait Sink: Send + Sync {
    /// Stores a block as durably as the sink ever does, and returns only then.
    ///
    /// Putting the same bytes under the same (origin, boot, number) again is how
    /// an unknown outcome is settled: it stores nothing twice and answers with
    /// `duplicate`, also after the block was merged or has expired: then the bytes
    /// can no longer be compared, and the name alone decides. Other bytes under the
    /// same name are a [`StoreError::Conflict`]. A block is stored whole or not at
    /// all. Blocks of one boot may come in any order. A merged block (one without a
    /// number) is [`StoreError::Rejected`].
    ///
    /// # Errors
    ///
    /// [`StoreError::outcome`] says whether the block is not stored or whether
    /// nobody knows; [`StoreError::pause`] whether waiting can help.
    fn put(&self, block: &Block) -> Result<Placed, StoreError>;

    /// Says whether a put would have a chance now, without storing anything;
    /// tries to bring a latched store back first. Cheap enough for every second.
    ///
    /// # Errors
    ///
    /// Why a put would fail.
    fn probe(&self) -> Result<(), StoreError>;

    /// Where this sink is.
    fn reach(&self) -> Reach;

    /// What this sink is, for logs: `sqlite /var/lib/tidings`.
    fn describe(&self) -> String;
}

impl<S: Sink + ?Sized> Sink for Arc<S> {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        (**self).put(block)
    }

    fn probe(&self) -> Result<(), StoreError> {
        (**self).probe()
    }

    fn reach(&self) -> Reach {
        (**self).reach()
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}

/// One caller's key that a log remembers for the dedupe window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Member, source and key, joined so that no two triples look alike.
    pub name: Box<[u8]>,
    /// A digest of the event as it was sent, to tell a repetition from a
    /// different event under the same key.
    pub body: [u8; 16],
    /// The event that has it.
    pub id: EventId,
    /// When it was received: rows live in the table of its hour.
    pub received: Timestamp,
}

/// Bytes of the value of one note, at most.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the name of one note, at most; at least one, all of them ASCII.
pub const NOTE_NAME_BYTES_MAX: usize = 64;

/// Something small that a store keeps beside its blocks, under a name. A later
/// note of the same name takes the place of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Of 1 to [`NOTE_NAME_BYTES_MAX`] ASCII bytes.
    pub name: &'a str,
    /// Of up to [`NOTE_BYTES_MAX`] bytes.
    pub value: &'a [u8],
}

impl Note<'_> {
    /// Whether a store takes it.
    fn check(&self) -> Result<(), String> {
        let (name, bytes) = (self.name, self.value.len());
        if name.is_empty() || name.len() > NOTE_NAME_BYTES_MAX || !name.is_ascii() {
            return Err(format!(
                "a note is called {name:?}, and must be called by 1 to {NOTE_NAME_BYTES_MAX} \
                 letters of ASCII"
            ));
        }
        if bytes > NOTE_BYTES_MAX {
            return Err(format!("the note {name} has {bytes} bytes, at most {NOTE_BYTES_MAX} fit"));
        }
        Ok(())
    }
}

/// What one transaction stores: all of it or nothing.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    /// In order of arrival.
    pub blocks: &'a [Block],
    /// Keys of the events in `blocks`.
    pub keys: &'a [KeyRow],
    /// The blocks also wait to be published, from this transaction on until
    /// [`BlockStore::published`] or [`BlockStore::expire`].
    pub outbox: bool,
    /// Written in any case: also when all of the blocks were there already.
    pub notes: &'a [Note<'a>],
}

/// A block in a store, without its events.
#[derive(Clone, Debug)]
pub struct Head {
    /// Where its first event stands.
    pub base: Position,
    /// How many positions it takes.
    pub count: u64,
    /// What it costs on disk.
    pub bytes: u64,
    /// The header, or why it cannot be read: then the block counts as missing.
    pub header: Result<Arc<Header>, Damage>,
}

/// A block where it stands, or why it cannot be read.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Where its first event stands.
    pub base: Position,
    /// Verified whole, as far as the store can.
    pub block: Result<Block, Damage>,
}

/// Blocks in whose place another one is put at once, at most: no writer waits longer
/// for that than for a few commits of its own.
pub const REPLACED_BLOCKS_MAX: usize = 8192;

/// Keeps blocks in order of arrival, and gives them back.
pub trait BlockStore: Sink {
    /// The id of this log, drawn when the store was created.
    fn origin(&self) -> Origin;

    /// Stores blocks and keys in one transaction, durably, and returns the
    /// position of the first event. The positions of a batch are dense, in order.
    /// An empty batch answers with `next`.
    ///
    /// Unlike [`Sink::put`] it expects blocks that are new. The exception is how an
    /// unknown outcome is settled: appending the very same batch again. If all of
    /// its blocks are there, with the same bytes and still side by side, nothing is
    /// stored and the answer is where they stand; if none is, they are stored.
    /// Whether the blocks wait to be published is decided by the first time.
    ///
    /// # Errors
    ///
    /// As [`Sink::put`]; then nothing of the batch is stored, or
    /// [`StoreError::outcome`] is unknown. After an unknown outcome the store
    /// refuses every write as [`StoreError::Latched`] until [`Sink::probe`] has
    /// reopened and verified it. A batch of which only some blocks are there is
    /// [`StoreError::Rejected`].
    fn append(&self, batch: &Batch<'_>) -> Result<Position, StoreError>;

    /// Stores blocks that may be new or not, each as [`Sink::put`] takes it, with
    /// their keys and notes, all in one transaction, durably. Answers with what
    /// became of each block. The new ones stand side by side, in order;
    /// `batch.outbox` is about them alone. A block that is there, but damaged, is a
    /// duplicate by its name.
    ///
    /// Of two keys of the same name and hour the one that was there stays; of
    /// different hours the later one counts. An empty batch with notes is how
    /// something is noted by itself.
    ///
    /// # Errors
    ///
    /// As [`Sink::put`], about any of the blocks, and [`StoreError::Rejected`] about
    /// a note that is too large; then nothing of the batch is stored, or
    /// [`StoreError::outcome`] is unknown. Taking the same batch again settles that.
    fn take(&self, batch: &Batch<'_>) -> Result<Vec<Placed>, StoreError>;

    /// The value of a note, or `None` if nothing was ever noted under this name.
    ///
    /// # Errors
    ///
    /// The store cannot be read; [`StoreError::DamagedNote`] if the note is not what
    /// was written.
    fn recall(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Up to `limit` heads in order of position, of blocks that end after `from`.
    /// Bodies are not read. A block that cannot be found any more because the
    /// engine's own pages are damaged is no head but a gap.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn heads(&self, from: Position, limit: usize) -> Result<Vec<Head>, StoreError>;

    /// The block whose first event stands at `base`, or `None` if there is none
    /// (any more). Verified whole, as far as the store can: see [`Damage`].
    ///
    /// # Errors
    ///
    /// The store cannot be read, or the block is damaged.
    fn read(&self, base: Position) -> Result<Option<Block>, StoreError>;

    /// The same without its frames: what [`BlockStore::excerpt`] needs to read some of
    /// them.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or the head of the block is damaged.
    fn outline(&self, base: Position) -> Result<Option<Outline>, StoreError> {
        Ok(self.read(base)?.map(|block| block.outline().clone()))
    }

    /// Neighbouring frames of the block at `base`, or more of them; `None` if that
    /// block does not stand there (any more). They are verified when they are opened.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or the block cannot be found because of damage.
    fn excerpt(
        &self,
        base: Position,
        outline: &Outline,
        _frames: Range<usize>,
    ) -> Result<Option<Excerpt>, StoreError> {
        let block = self.read(base)?.filter(|block| block.outline() == outline);
        Ok(block.map(|block| block.excerpt().clone()))
    }

    /// The blocks that begin in `range`, in order of position, at most `limit`, read
    /// in one go. One that is damaged is in it, if it can be found, with its
    /// [`Damage`].
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn blocks(&self, range: Range<Position>, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// As [`BlockStore::blocks`], each by itself, so that they need not all be in
    /// memory, until `visit` has enough. It must not call the store.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn visit_blocks(
        &self,
        range: Range<Position>,
        visit: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let _ = self.blocks(range, usize::MAX)?.into_iter().try_for_each(visit);
        Ok(())
    }

    /// Puts one block in the place of all that stand in `range`, with the same
    /// positions, in one transaction. Their names stay taken: see [`Sink::put`].
    ///
    /// # Errors
    ///
    /// As [`BlockStore::append`]. [`StoreError::Rejected`] unless `range` is made of
    /// at most [`REPLACED_BLOCKS_MAX`] whole blocks without a hole, none of them
    /// still waits in the outbox, and `with` has as many events.
    fn replace(&self, range: Range<Position>, with: &Block) -> Result<(), StoreError>;

    /// Forgets the blocks that begin at these positions, and gives their space
    /// back to the file system. Works on a full disk. A base that is not there is
    /// passed over. Gaps before the oldest block that is left are forgotten too.
    /// Blocks that wait to be published go like any others. Returns what went.
    ///
    /// # Errors
    ///
    /// As [`BlockStore::append`]. Long lists take several transactions, so some
    /// blocks may be gone all the same; calling again is safe.
    fn expire(&self, bases: &[Position]) -> Result<Expired, StoreError>;

    /// Where blocks begin that wait to be published: up to `limit` bases from
    /// `from` on, oldest first. From `Position(0)` on it is the whole outbox, also
    /// after a restart. [`BlockStore::read`] gives the bytes, the same ones for as
    /// long as the block waits: a waiting block is never replaced. A base whose
    /// block can no longer be read stays in the outbox until it is published or
    /// expired.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn outbox(&self, from: Position, limit: usize) -> Result<Vec<Position>, StoreError>;

    /// The blocks that wait to be published, from `from` on, oldest first, read in
    /// one go. The answer ends with the block that brings it to `events_max` events,
    /// to [`WAITING_BLOCKS_MAX`] blocks or to [`WAITING_BYTES_MAX`] bytes, so it is
    /// empty only if nothing waits there (or `events_max` is 0). A block that cannot
    /// be read is in it, with its [`Damage`].
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn waiting(&self, from: Position, events_max: u64) -> Result<Vec<Waiting>, StoreError>;

    /// The blocks that begin at these positions wait no longer, durably, all in one
    /// transaction with these notes. Works on a full disk, as far as notes fit in
    /// what is left. A base that does not wait is passed over.
    ///
    /// # Errors
    ///
    /// As [`BlockStore::append`]; after an unknown outcome some of them may wait
    /// again when the store is back, and saying it again is safe.
    /// [`StoreError::Rejected`] if a note is too large.
    fn published(&self, bases: &[Position], notes: &[Note<'_>]) -> Result<(), StoreError>;

    /// How much waits to be published. What of it cannot be read is counted as far
    /// as it can be told.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn backlog(&self) -> Result<WaitingTotals, StoreError>;

    /// From now on, durably, every block of this store's own origin that is there
    /// waits to be published, all in one transaction: how a log with a history
    /// begins to share it. Returns how many events wait in addition. A block that
    /// was merged is left out: it has no name to be published under.
    ///
    /// # Errors
    ///
    /// As [`BlockStore::append`]; saying it again is safe.
    fn share_all(&self) -> Result<u64, StoreError>;

    /// The ends and sizes, as of the last commit.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn ends(&self) -> Result<Ends, StoreError>;

    /// What should be here and is not, oldest first, as far as the store itself
    /// found out: when it was opened, and whenever [`BlockStore::heads`],
    /// [`BlockStore::read`] or [`BlockStore::waiting`] met damage. A damaged block is told once.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn gaps(&self) -> Result<Vec<Gap>, StoreError>;

    /// The row of this key, if it was received less than `window` before `now`, or
    /// after `now` (clocks step back). Exact: it never answers by a hash alone.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn find_key(
        &self,
        name: &[u8],
        now: Timestamp,
        window: Duration,
    ) -> Result<Option<KeyRow>, StoreError>;

    /// Drops keys that were received before `before`, in whole tables of an hour:
    /// those of the hour that `before` lies in stay.
    ///
    /// # Errors
    ///
    /// As [`BlockStore::append`].
    fn forget_keys(&self, before: Timestamp) -> Result<(), StoreError>;

    /// Keeps a segment of the index of words, whole or not at all, in the place of
    /// every other that has one of its positions. What lies wholly before the oldest
    /// block that is left goes with [`BlockStore::expire`].
    ///
    /// # Errors
    ///
    /// As [`BlockStore::append`]; [`StoreError::Rejected`] if it has no positions or
    /// too many parts. Saying it again is safe.
    fn keep_words(&self, rows: &WordRows<'_>) -> Result<(), StoreError>;

    /// Forgets every segment that has a position of this range.
    ///
    /// # Errors
    ///
    /// As [`BlockStore::append`].
    fn drop_words(&self, range: Range<Position>) -> Result<(), StoreError>;

    /// The heads of all segments, in order of position, but for those that cannot be
    /// read.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn words(&self) -> Result<Vec<Vec<u8>>, StoreError>;

    /// A part of the segment that begins at `first`, by its number; `None` if there
    /// is none (any more), or it cannot be read.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn word_part(&self, first: Position, number: usize) -> Result<Option<Vec<u8>>, StoreError>;

    /// Syncs and closes; a clean stop leaves a tail mark that is exact. Calls
    /// after it fail.
    ///
    /// # Errors
    ///
    /// The last sync failed.
    fn close(&self) -> Result<(), StoreError>;
}
