//! What is to be written into the second books, until it certainly is?

use super::progress::{PROGRESS_NOTE, Progress};
use crate::id::Position;
use crate::log::Core;
use crate::sharing::Unshared;
use crate::store::{Note, StoreError};

/// Of the blocks in question, all events that nobody has counted yet.
pub(super) const ALL: u64 = u64::MAX;

/// Blocks that wait no longer, and why. After a write whose outcome is unknown the
/// store may know of it and the books not: only the same again settles both.
#[derive(Debug)]
pub(super) struct Booking {
    /// Where they begin.
    pub(super) bases: Vec<Position>,
    /// How many of their events were given up; all others are published.
    pub(super) unshared: Vec<(Unshared, u64)>,
    /// Noted in the same transaction.
    pub(super) progress: Option<Progress>,
}

impl Booking {
    /// Writes it; harmless when it is there already.
    ///
    /// # Errors
    ///
    /// The store does not take it.
    pub(super) fn write(&self, core: &Core) -> Result<(), StoreError> {
        let note = self.progress.map(|progress| progress.encode());
        let note = note.as_ref().map(|value| Note { name: PROGRESS_NOTE, value });
        core.shared_out(&self.bases, &self.unshared, note.as_slice())
    }
}
