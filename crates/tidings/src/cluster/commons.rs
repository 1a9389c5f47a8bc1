//! What do members share? What a cluster needs of etcd, and nothing more of it.

use std::time::Duration;

use crate::block::Block;
use crate::store::etcd::{EtcdStatus, EtcdStore, EtcdWatch, Numbered, Presence, Seen, WatchFrom};
use crate::store::{Sink, StoreError};

/// Where members put their publications and presences, and see each other's.
///
/// Puts are idempotent by name, as every [`Sink`]'s, and fenced: one process at a
/// time writes what an origin says.
pub trait Commons: Sink {
    /// Says how this member is, in the place of what it said before.
    ///
    /// # Errors
    ///
    /// As [`Sink::put`]. Nothing is lost: the next one says it all again.
    fn show(&self, presence: &Presence) -> Result<(), StoreError>;

    /// Some of what is published of a boot under this number and the next ones, in
    /// their order, and why it cannot be read where it is odd; nothing only if there
    /// is nothing any more. The boot is that of a block, which says who asks. From
    /// then on nobody else publishes of the origin for as long as this process puts.
    ///
    /// # Errors
    ///
    /// As [`Sink::put`].
    fn published(&self, of: &Block, from: u64) -> Result<Vec<Numbered>, StoreError>;

    /// All that is kept and then whatever comes, or what comes after this; see
    /// [`EtcdStore::watch`].
    fn watch(&self, after: Option<WatchFrom>) -> Box<dyn Watching>;

    /// How full it is, and what it says of itself.
    ///
    /// # Errors
    ///
    /// It does not answer, or refuses.
    fn status(&self) -> Result<EtcdStatus, StoreError>;
}

/// A watch over the commons. Ends when it is dropped.
pub trait Watching: Send {
    /// Waits for the next thing seen, no longer than this.
    fn next(&mut self, wait: Duration) -> Option<Seen>;

    /// How long ago the commons last gave a sign of life; `None` before the first.
    fn silent_for(&self) -> Option<Duration>;
}

impl Commons for EtcdStore {
    fn show(&self, presence: &Presence) -> Result<(), StoreError> {
        EtcdStore::show(self, presence)
    }

    fn published(&self, of: &Block, from: u64) -> Result<Vec<Numbered>, StoreError> {
        EtcdStore::published(self, of, from)
    }

    fn watch(&self, after: Option<WatchFrom>) -> Box<dyn Watching> {
        Box::new(EtcdStore::watch(self, after))
    }

    fn status(&self) -> Result<EtcdStatus, StoreError> {
        EtcdStore::status(self)
    }
}

impl Watching for EtcdWatch {
    fn next(&mut self, wait: Duration) -> Option<Seen> {
        EtcdWatch::next(self, wait)
    }

    fn silent_for(&self) -> Option<Duration> {
        EtcdWatch::silent_for(self)
    }
}
