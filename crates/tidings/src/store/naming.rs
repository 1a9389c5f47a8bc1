//! Is it the same block? What every store of blocks must decide alike.

use super::StoreError;
use crate::block::Block;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin, Position};

pub(super) const MERGED: &str = "a merged block has no number to be put under";
pub(super) const TORN: &str = "some blocks of the batch are there already, others are not";
pub(super) const TWICE: &str = "two blocks of the batch have the same name";
pub(super) const UNFIT: &str = "the range to replace must be at most 4096 whole published \
                                blocks without a hole, and the new block must have as many events";

const HOUR_NANOS: i64 = 3_600_000_000_000;

/// The hour since the epoch whose table a key lives in.
pub(super) fn hour_of(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(HOUR_NANOS)
}

/// What a block is called for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BlockName {
    pub(super) origin: Origin,
    pub(super) boot: Boot,
    pub(super) number: u64,
}

impl BlockName {
    /// `None` for a merged block: its parts have names, it has none.
    pub(super) fn of(block: &Block) -> Option<BlockName> {
        let header = block.header();
        let run = header.runs.first()?;
        header.number.map(|number| BlockName { origin: run.origin, boot: run.boot, number })
    }

    pub(super) fn conflict(self) -> StoreError {
        StoreError::Conflict { origin: self.origin, boot: self.boot, number: self.number }
    }
}

/// Finds out whether a batch is there already, whole and side by side.
#[derive(Debug, Default)]
pub(super) struct Settled {
    first: Option<u64>,
    end: Option<u64>,
    there: usize,
    blocks: usize,
    apart: bool,
}

impl Settled {
    /// Takes the next block of the batch, and where it stands if it is there.
    pub(super) fn add(&mut self, base: Option<u64>, block: &Block) {
        self.blocks += 1;
        let Some(base) = base else { return };
        self.there += 1;
        self.apart |= self.end.is_some_and(|end| end != base);
        self.first = self.first.or(Some(base));
        self.end = Some(base.saturating_add(u64::from(block.header().count)));
    }

    /// Where the batch stands, `None` if none of it is there, or why neither.
    pub(super) fn outcome(&self) -> Result<Option<Position>, &'static str> {
        match self.there {
            0 => Ok(None),
            there if there == self.blocks && !self.apart => Ok(self.first.map(Position)),
            _ => Err(TORN),
        }
    }
}
