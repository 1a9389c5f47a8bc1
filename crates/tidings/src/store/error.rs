//! Why did a store not do what it was asked?

use crate::block::FormatError;
use crate::id::{Boot, Origin, Position};
use crate::pause::PauseReason;

/// What is wrong with a block in a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Its bytes are not a whole block.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It does not belong where it stands, or its bytes have changed.
    #[error("checksum stored {stored:08x}, computed {computed:08x}")]
    Checksum {
        /// What was written beside the block.
        stored: u32,
        /// What position, name and bytes give now.
        computed: u32,
    },
    /// The engine cannot read it.
    #[error("{0}")]
    Unreadable(String),
}

/// Whether a block that failed to be stored may be stored all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not stored.
    NotStored,
    /// It may be; putting the same bytes again settles it.
    Unknown,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A read or write failed.
    #[error("cannot {doing} in {store}: {cause}")]
    Io {
        /// What was attempted: `write a block`.
        doing: &'static str,
        /// Which store.
        store: String,
        /// What the system or the engine said.
        cause: String,
        /// Whether the block may be stored all the same.
        outcome: Outcome,
    },
    /// No space is left where the store keeps its files.
    #[error("no space left for {store}: {cause}; free some, or lower the retention")]
    DiskFull {
        /// Which store.
        store: String,
        /// What the system or the engine said.
        cause: String,
    },
    /// An earlier write failed; the store waits to be reopened and verified.
    #[error("{store} is latched after a failed write ({cause}); it is reopened by itself")]
    Latched {
        /// Which store.
        store: String,
        /// The failure that latched it.
        cause: String,
    },
    /// The store's quota is used up.
    #[error(
        "{store} is full: {cause}; compact and defragment it or raise its quota, then disarm its \
         alarm"
    )]
    Full {
        /// Which store.
        store: String,
        /// What it said.
        cause: String,
        /// Whether the block may be stored all the same: etcd says that it is full
        /// of the very put that fills it, and has stored it.
        outcome: Outcome,
    },
    /// The store does not let us in, or not there.
    #[error("{store} refuses our credentials: {cause}")]
    Denied {
        /// Which store.
        store: String,
        /// What it said.
        cause: String,
    },
    /// The store asks for fewer writes.
    #[error("{store} has too much to do: {cause}; it is tried again more slowly")]
    Throttled {
        /// Which store.
        store: String,
        /// What it said.
        cause: String,
    },
    /// Another block stands under the same name.
    #[error("block {number} of boot {boot} of origin {origin} is there with other bytes")]
    Conflict {
        /// Who took the events.
        origin: Origin,
        /// Which start of it.
        boot: Boot,
        /// Which block of the boot.
        number: u64,
    },
    /// The block at a position is damaged.
    #[error("the block at position {base} is damaged: {cause}; run `tidings salvage`")]
    Damaged {
        /// Where its first event stands.
        base: Position,
        /// What is wrong with it.
        cause: Damage,
    },
    /// A note is damaged.
    #[error("the note {name:?} in {store} is damaged: {cause}")]
    DamagedNote {
        /// Which store.
        store: String,
        /// Which note.
        name: String,
        /// What is wrong with it.
        cause: Damage,
    },
    /// The store will never take this.
    #[error("{store} refuses the block: {cause}")]
    Rejected {
        /// Which store.
        store: String,
        /// Why.
        cause: String,
    },
    /// The store was closed.
    #[error("{store} is closed")]
    Closed {
        /// Which store.
        store: String,
    },
}

impl StoreError {
    /// Whether the block may be stored all the same.
    pub fn outcome(&self) -> Outcome {
        match self {
            StoreError::Io { outcome, .. } | StoreError::Full { outcome, .. } => *outcome,
            StoreError::DiskFull { .. }
            | StoreError::Latched { .. }
            | StoreError::Denied { .. }
            | StoreError::Throttled { .. }
            | StoreError::Conflict { .. }
            | StoreError::Damaged { .. }
            | StoreError::DamagedNote { .. }
            | StoreError::Rejected { .. }
            | StoreError::Closed { .. } => Outcome::NotStored,
        }
    }

    /// The reason to pause for, or `None` if waiting cannot help this block.
    pub fn pause(&self) -> Option<PauseReason> {
        match self {
            StoreError::Io { .. } | StoreError::Latched { .. } | StoreError::Closed { .. } => {
                Some(PauseReason::StoreDown)
            }
            StoreError::DiskFull { .. } => Some(PauseReason::DiskFull),
            StoreError::Full { .. } => Some(PauseReason::StoreFull),
            StoreError::Denied { .. } => Some(PauseReason::Auth),
            StoreError::Throttled { .. } => Some(PauseReason::Throttled),
            StoreError::Conflict { .. }
            | StoreError::Damaged { .. }
            | StoreError::DamagedNote { .. }
            | StoreError::Rejected { .. } => None,
        }
    }
}
