//! What do other machines know that this one does not? Blocks that they published
//! come in, each event once.
//!
//! A key is compared across machines by (member, source, key) and by the digest of
//! the event as it was sent, as far as that can be told from what was stored: a
//! time that is the one at which the event was taken counts as not sent, and a
//! member always counts as sent. So a retry on another machine is recognised if the
//! event names its member.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::STORE_NAME;
use super::core::Core;
use super::dedupe::key_name;
use super::sink::refusal;
use crate::block::{Block, FormatError, Frame, rebuilt};
use crate::id::{Boot, Origin, Position};
use crate::store::{Batch, KeyRow, Note, Placed, StoreError};

/// What became of blocks that others published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Events that are new here.
    pub(crate) events: u64,
    /// Events that were here already: in the same block, or under the same key.
    pub(crate) duplicates: u64,
    /// Where the events of each block stand that were stored by this call.
    pub(crate) placed: Vec<Option<Range<Position>>>,
}

/// A block on its way in.
#[derive(Debug)]
struct Arriving {
    /// As the how-manieth it was given.
    place: usize,
    block: Block,
    keys: Vec<KeyRow>,
}

/// A key in a block that comes in.
#[derive(Debug)]
struct Keyed {
    place: usize,
    seq: u64,
    row: KeyRow,
}

#[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "only a cluster applies"))]
impl Core {
    /// Stores blocks that others published, with these notes, in one transaction.
    /// What is here already is passed over: a block by its name, an event by its
    /// key and body within the dedupe window. Such an event is left out of its
    /// block, and a block of nothing else is not stored. Another event under the
    /// same key stays: somebody was told that it is stored.
    ///
    /// # Errors
    ///
    /// The log takes nothing, or its store fails: then nothing of it is stored, or
    /// [`StoreError::outcome`] is unknown, and the same call settles that. A block
    /// of this very boot, or a merged one, is [`StoreError::Rejected`].
    pub(crate) fn apply(
        &self,
        blocks: Vec<Block>,
        notes: &[Note<'_>],
    ) -> Result<Applied, StoreError> {
        self.refuse_own(&blocks)?;
        let keyed = keys_in(&blocks);
        let names: HashSet<Box<[u8]>> = keyed.iter().map(|key| key.row.name.clone()).collect();
        self.reserve_keys(names.iter().cloned().collect(), |gate| gate.admits())
            .map_err(refusal)?;
        let applied = self.apply_reserved(blocks, keyed, &names, notes);
        self.gate.lock().free_names(names.iter());
        applied
    }

    /// The largest sequence number that the log has of a boot, other than its own
    /// present one.
    pub(crate) fn last_seq(&self, origin: Origin, boot: Boot) -> Option<u64> {
        self.boots.lock().last_seq(origin, boot)
    }

    fn refuse_own(&self, blocks: &[Block]) -> Result<(), StoreError> {
        let mut runs = blocks.iter().flat_map(|block| &block.header().runs);
        if runs.any(|run| (run.origin, run.boot) == (self.origin, self.boot)) {
            let cause = "it carries the name of this very boot".to_owned();
            return Err(StoreError::Rejected { store: STORE_NAME.to_owned(), cause });
        }
        Ok(())
    }

    fn apply_reserved(
        &self,
        blocks: Vec<Block>,
        keyed: Vec<Keyed>,
        names: &HashSet<Box<[u8]>>,
        notes: &[Note<'_>],
    ) -> Result<Applied, StoreError> {
        let (given, offered) = (blocks.len(), events_of(&blocks));
        let mut arriving = self.without_known(blocks, keyed, names)?;
        let desk = self.take_desk().map_err(refusal)?;
        let taken = self.take_blocks(&mut arriving, notes);
        let mut applied = Applied { placed: vec![None; given], ..Applied::default() };
        match &taken {
            Ok(placed) => self.took_all(&arriving, placed, &mut applied),
            Err(error) => self.note_failed_put(error),
        }
        self.give_desk_back(desk);
        applied.duplicates = offered - applied.events;
        taken.map(|_| applied)
    }

    /// The blocks without the events that are here already, and with the keys of
    /// the others.
    fn without_known(
        &self,
        blocks: Vec<Block>,
        keyed: Vec<Keyed>,
        names: &HashSet<Box<[u8]>>,
    ) -> Result<Vec<Arriving>, StoreError> {
        let (now, window) = (self.now(), self.options.dedupe_window);
        let mut known: HashMap<Box<[u8]>, KeyRow> = HashMap::new();
        for name in names {
            if let Some(row) = self.store.find_key(name, now, window)? {
                known.insert(name.clone(), row);
            }
        }
        let mut fresh: Vec<Vec<KeyRow>> = blocks.iter().map(|_| Vec::new()).collect();
        let mut dropped: Vec<HashSet<u64>> = blocks.iter().map(|_| HashSet::new()).collect();
        for Keyed { place, seq, row } in keyed {
            match known.get(&row.name) {
                // It is the one that is here.
                Some(other) if other.id == row.id => {}
                Some(other) if other.body == row.body => {
                    dropped[place].insert(seq);
                }
                Some(_) => {}
                None => {
                    known.insert(row.name.clone(), row.clone());
                    if row.received > now.before(window) {
                        fresh[place].push(row);
                    }
                }
            }
        }
        let arriving = blocks.into_iter().zip(fresh).zip(dropped).enumerate();
        Ok(arriving
            .filter_map(|(place, ((block, keys), dropped))| {
                let block = without(block, &dropped)?;
                Some(Arriving { place, block, keys })
            })
            .collect())
    }

    /// Takes them, all but those under whose name something else is here: what was
    /// known by its key when a block came first may be forgotten when it comes again.
    fn take_blocks(
        &self,
        arriving: &mut Vec<Arriving>,
        notes: &[Note<'_>],
    ) -> Result<Vec<Placed>, StoreError> {
        loop {
            let blocks: Vec<Block> = arriving.iter().map(|it| it.block.clone()).collect();
            let keys: Vec<KeyRow> = arriving.iter().flat_map(|it| it.keys.clone()).collect();
            let batch = Batch { blocks: &blocks, keys: &keys, outbox: false, notes };
            let taken = self.store.take(&batch);
            let Err(StoreError::Conflict { origin, boot, number }) = &taken else { return taken };
            let is_it = |block: &Block| {
                let header = block.header();
                let run = header.runs.first().map(|run| (run.origin, run.boot));
                header.number == Some(*number) && run == Some((*origin, *boot))
            };
            let Some(at) = arriving.iter().position(|it| is_it(&it.block)) else { return taken };
            tracing::warn!(%origin, %boot, number, "a block that came in differs from the one here");
            arriving.remove(at);
        }
    }

    fn took_all(&self, arriving: &[Arriving], placed: &[Placed], applied: &mut Applied) {
        for (arriving, placed) in arriving.iter().zip(placed) {
            if let (Some(base), false) = (placed.base, placed.duplicate) {
                let events = u64::from(arriving.block.header().count);
                self.took(base, &arriving.block);
                self.boots.lock().note_new(&arriving.block);
                applied.events += events;
                applied.placed[arriving.place] = Some(base..base.plus(events));
            }
        }
        self.arrivals.grown_to(self.index.read().next());
    }
}

fn events_of(blocks: &[Block]) -> u64 {
    blocks.iter().map(|block| u64::from(block.header().count)).sum()
}

/// `None` if nothing is left of it.
fn without(block: Block, dropped: &HashSet<u64>) -> Option<Block> {
    if dropped.is_empty() {
        return Some(block);
    }
    // One that cannot be read as a whole had no keys that could be read.
    rebuilt(&block, |entry| !dropped.contains(&entry.seq)).unwrap_or(Some(block))
}

/// Every key in these blocks, in order. Damaged frames have none: they are told of
/// when somebody reads them for their events.
fn keys_in(blocks: &[Block]) -> Vec<Keyed> {
    let mut keyed = Vec::new();
    for (place, block) in blocks.iter().enumerate() {
        for frame in (0..block.frames()).filter_map(|index| block.frame(index).ok()) {
            let keys = (0..frame.len()).filter_map(|i| key_of(&frame, i).ok().flatten());
            keyed.extend(keys.map(|(seq, row)| Keyed { place, seq, row }));
        }
    }
    keyed
}

fn key_of(frame: &Frame<'_>, i: usize) -> Result<Option<(u64, KeyRow)>, FormatError> {
    let Some(key) = frame.key(i)? else { return Ok(None) };
    let mut stored = frame.event(i, Position(0))?;
    let name = key_name(stored.member(), stored.event.source(), key);
    // Filled in by whoever took it.
    if stored.timestamp == frame.added(i) {
        stored.event.timestamp = None;
    }
    let (id, received) = (stored.id, stored.received);
    let row = KeyRow { name, body: stored.event.digest(), id, received };
    Ok(Some((stored.seq, row)))
}
