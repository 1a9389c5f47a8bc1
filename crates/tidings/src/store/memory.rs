//! What if it need not outlive the process? Everything in memory, for tests and
//! for hosts without a disk.

use super::BlockStore;

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {}

impl MemoryStore {
    /// An empty store.
    ///
    /// # Errors
    ///
    /// The operating system gave no random bytes for its origin.
    pub fn new() -> Result<MemoryStore, crate::id::NoRandomness> {
        todo!()
    }
}

const _: Option<&dyn BlockStore> = None;
