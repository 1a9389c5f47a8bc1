//! Where is it kept, when several machines share it? In etcd, as 9volt kept it,
//! but a block a key.
//!
//! Nothing is trusted to arrive: every call has a deadline, every put says
//! whether the block is stored, not stored, or whether nobody knows, and the same
//! put again settles it.

mod claim;
mod errors;
mod key;
mod lease;
mod link;
mod options;
mod pages;
mod presence;
mod put;
mod remote;
mod session;
mod status;
mod tour;
mod value;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{GetOptions, PutOptions};
use tokio::time::timeout;

use super::{BlockName, MERGED, Placed, Reach, Sink, StoreError};
use crate::block::Block;
use crate::sync::Mutex;
use claim::Claims;
use errors::{Fault, Trouble};
use key::Keys;
use lease::Leases;
use put::{Ended, Put};
use remote::Remote;
use session::Session;

pub use claim::CLAIM_LIFE;
pub use lease::{LEASE_KEYS_MAX, LEASE_PADDING};
pub use link::LOGIN_REST;
pub use options::{
    ETCD_CALL_DEADLINE, ETCD_CONNECT_DEADLINE, ETCD_PREFIX, ETCD_PREFIX_BYTES_MAX, EtcdConfigError,
    EtcdOptions, EtcdTls, EtcdUser,
};
pub use pages::PAGE_BYTES_MAX;
pub use presence::{
    PRESENCE_BYTES_MAX, PRESENCE_FORMAT, PRESENCE_REASONS_MAX, PRESENCE_TEXT_BYTES_MAX, Presence,
};
pub use session::ETCD_NEXT_AFTER;
pub use status::EtcdStatus;
pub use value::{
    BadValue, ENVELOPE_BYTES_MAX, VALUE_FORMAT, VALUE_PLAIN_BYTES_MAX, VALUE_RAW_BYTES_MAX,
};
pub use watch::{EtcdWatch, Seen, WATCH_READY_MAX, WATCH_SILENCE, WatchFrom};

/// How long a put may take with all that it needs: a login, a claim, a lease.
pub const ETCD_PUT_DEADLINE: Duration = Duration::from_secs(5);
/// How long dropping a store tries to give its claims back.
const FAREWELL_DEADLINE: Duration = Duration::from_millis(500);
/// Seconds that a probe's own key lives.
const PROBE_SECONDS: i64 = 60;

/// Takes blocks and puts them into etcd, each under its own key, for the
/// retention from `received`.
///
/// For a program that has no disk of its own:
///
/// ```no_run
/// use tidings::Queue;
/// use tidings::store::etcd::{EtcdOptions, EtcdStore};
///
/// let store = EtcdStore::connect(EtcdOptions::new(["http://127.0.0.1:2379"]))?;
/// let queue = Queue::new("db1", store)?;
/// queue.start()?;
/// queue.client().add("deploy", "api 1.42 rolled out")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Connects when it is first used and whenever it must: an etcd that is away
/// pauses a queue, it does not keep a program from starting. Puts of one origin
/// come from one process at a time (see [`CLAIM_LIFE`]).
#[derive(Debug)]
pub struct EtcdStore {
    remote: Arc<Remote>,
    inner: Arc<Inner>,
    name: String,
}

/// What stands in etcd.
#[derive(Debug, Default)]
pub struct FoundBlocks {
    /// In the order of their keys: per origin and boot in the order of their
    /// numbers.
    pub blocks: Vec<Block>,
    /// Keys whose values are no blocks, and why.
    pub odd: Vec<(String, BadValue)>,
}

/// What stands under a number of a boot, or why it is no block.
pub type Numbered = (u64, Result<Block, BadValue>);

/// What the calls on the store's own thread share.
#[derive(Debug)]
struct Inner {
    options: EtcdOptions,
    keys: Keys,
    session: Arc<Session>,
    leases: Arc<Leases>,
    claims: Arc<Claims>,
    /// Why the last put was refused, if it was: then reading proves nothing, and
    /// a probe must write.
    refused: Mutex<Option<Fault>>,
}

impl EtcdStore {
    /// A store over the etcd of these options. Does not wait for etcd.
    ///
    /// # Errors
    ///
    /// The options cannot work, whatever etcd's state: no endpoint or one that is
    /// no URL, a prefix that cannot begin a key, a file that cannot be read; or the
    /// operating system gives no thread.
    pub fn connect(options: EtcdOptions) -> Result<EtcdStore, EtcdConfigError> {
        options.check()?;
        let remote = Arc::new(Remote::start().map_err(EtcdConfigError::Thread)?);
        let name = format!("etcd {} (prefix {})", options.endpoints.join(","), options.prefix);
        let inner = Inner {
            keys: Keys::below(&options.prefix),
            session: Arc::new(Session::new(options.clone())),
            leases: Arc::new(Leases::new(options.retention, options.clock.clone())),
            claims: Arc::default(),
            refused: Mutex::default(),
            options,
        };
        Ok(EtcdStore { remote, inner: Arc::new(inner), name })
    }

    /// Every value below the prefix, in the order of its keys. Reads page by page,
    /// and keeps the blocks of all.
    ///
    /// # Errors
    ///
    /// etcd does not answer, or refuses.
    pub fn blocks(&self) -> Result<FoundBlocks, StoreError> {
        let inner = Arc::clone(&self.inner);
        self.ask("read blocks", async move { inner.read_all().await }, false)
    }

    /// Watches what everybody puts below the prefix, own blocks included: all that
    /// is kept and then whatever comes, or what comes after that which an earlier
    /// watch has told. Blocks and presences come in the order of their revisions, so
    /// per boot blocks come in the order in which they were put. Goes on by itself
    /// after anything that etcd does; lists anew if it is another cluster than then,
    /// if its revision is below (it was restored from a backup), or if it no longer
    /// has what came after.
    pub fn watch(&self, after: Option<WatchFrom>) -> EtcdWatch {
        EtcdWatch::start(Arc::clone(&self.remote), Arc::clone(&self.inner), after)
    }

    /// Some of what stands under this number of a boot and the next ones, in their
    /// order, and why it is no block where it is none; nothing only if there is
    /// nothing any more. The boot is that of a block. Takes the claim of its origin if
    /// this store does not hold it, as a put does: otherwise what is there could
    /// change before the answer is used.
    ///
    /// # Errors
    ///
    /// Another process holds the claim; etcd does not answer, or refuses; or the
    /// block was merged out of several, which nobody publishes
    /// ([`StoreError::Rejected`]).
    pub fn published(&self, of: &Block, from: u64) -> Result<Vec<Numbered>, StoreError> {
        let name = BlockName::of(of).ok_or_else(|| self.rejected(MERGED.to_owned()))?;
        let put = Put::of_block(name, of.header(), Vec::new());
        let inner = Arc::clone(&self.inner);
        let from = BlockName { number: from, ..name };
        let read = async move {
            put.claim(&inner).await?;
            inner.read_boot(from).await
        };
        self.ask("read what is published", read, false)
    }

    /// Says how a member is, in the place of what it said before; it stays for the
    /// retention. Takes the claim of the origin if this store does not hold it, as a
    /// put does: otherwise two processes on copies of one data directory would speak
    /// in turns.
    ///
    /// # Errors
    ///
    /// Another process holds the claim; etcd does not answer, is full, or refuses;
    /// or a text of the presence is over its limit ([`StoreError::Rejected`]).
    pub fn show(&self, presence: &Presence) -> Result<(), StoreError> {
        let value = presence::write(presence).map_err(|bad| self.rejected(bad.to_string()))?;
        let put = Put::of_presence(presence, value);
        let inner = Arc::clone(&self.inner);
        self.ask("say how the member is", async move { inner.put(put).await }, true).map(drop)
    }

    /// What etcd says of itself, by the member that we speak to.
    ///
    /// # Errors
    ///
    /// etcd does not answer within [`ETCD_CALL_DEADLINE`], or refuses.
    pub fn status(&self) -> Result<EtcdStatus, StoreError> {
        let inner = Arc::clone(&self.inner);
        self.ask("ask the status", async move { inner.status().await }, false)
    }

    fn rejected(&self, cause: String) -> StoreError {
        StoreError::Rejected { store: self.name.clone(), cause }
    }

    fn ask<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, Trouble>> + Send + 'static,
        done_perhaps: bool,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Closed { store: self.name.clone() };
        let done = self.remote.wait_for(work).ok_or_else(gone)?;
        done.map_err(|trouble| trouble.into_store_error(doing, self.name.clone(), done_perhaps))
    }
}

impl Sink for EtcdStore {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        let name = BlockName::of(block).ok_or_else(|| self.rejected(MERGED.to_owned()))?;
        let value = value::write(name, block, self.inner.options.clock.now());
        let value = value.map_err(|error| self.rejected(error.to_string()))?;
        let put = Put::of_block(name, block.header(), value);
        let inner = Arc::clone(&self.inner);
        let ended = self.ask("write a block", async move { inner.put(put).await }, true)?;
        match ended {
            Ended::Stored => Ok(Placed { base: None, duplicate: false }),
            Ended::Duplicate => Ok(Placed { base: None, duplicate: true }),
            Ended::Conflict => Err(name.conflict()),
        }
    }

    fn probe(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        self.ask("read", async move { inner.probe().await }, false)
    }

    fn reach(&self) -> Reach {
        Reach::Remote
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}

impl EtcdStore {
    /// Gives the claims back, so that the next process with the same data need not
    /// wait until they run out. Dropping the store does the same; this is for who
    /// shares it. A later put claims anew.
    pub fn let_go(&self) {
        let inner = Arc::clone(&self.inner);
        let farewell = async move {
            // What is not given back in time runs out by itself.
            let _ = timeout(FAREWELL_DEADLINE, inner.claims.give_back(&inner.session)).await;
        };
        let _ = self.remote.wait_for(farewell);
    }
}

impl Drop for EtcdStore {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Inner {
    async fn put(&self, put: Put) -> Result<Ended, Trouble> {
        let sent = put.sent();
        let ended = timeout(ETCD_PUT_DEADLINE, put.run(self)).await.unwrap_or_else(|_| {
            let cause = format!("no answer within {} s", ETCD_PUT_DEADLINE.as_secs());
            Err(Trouble::new(if sent.get() { Fault::Unknown } else { Fault::Down }, cause))
        });
        let refused = match &ended {
            Err(Trouble { fault, .. })
                if matches!(fault, Fault::Full | Fault::Denied | Fault::Throttled) =>
            {
                Some(*fault)
            }
            _ => None,
        };
        *self.refused.lock() = refused;
        ended
    }

    /// A reading probe costs etcd nothing; after a refused put only a write tells.
    async fn probe(&self) -> Result<(), Trouble> {
        let key = self.keys.probe();
        if self.refused.lock().is_none() {
            let options = GetOptions::new().with_count_only();
            let got = self.session.call(|mut client| {
                let (key, options) = (key.clone(), options.clone());
                async move { client.get(key, Some(options)).await }
            });
            return got.await.map(drop);
        }
        let written = self.session.call(|mut client| {
            let key = key.clone();
            async move {
                let lease = client.lease_grant(PROBE_SECONDS, None).await?.id();
                client.put(key, "", Some(PutOptions::new().with_lease(lease))).await
            }
        });
        written.await?;
        *self.refused.lock() = None;
        Ok(())
    }
}

/// For fuzzing: see [`crate::testing::etcd`].
#[cfg(feature = "testing")]
pub(crate) mod door {
    use super::{BadValue, Block, BlockName, Presence, presence, value};
    use crate::clock::Timestamp;
    use crate::id::Origin;

    pub(crate) fn value_of(block: &Block, published: Timestamp) -> Option<Vec<u8>> {
        value::write(BlockName::of(block)?, block, published).ok()
    }

    pub(crate) fn block_of(named: &Block, value: &[u8]) -> Result<Block, BadValue> {
        let nameless = || BadValue::Envelope("a merged block has no key".to_owned());
        value::read(BlockName::of(named).ok_or_else(nameless)?, value)
    }

    pub(crate) fn value_of_presence(presence: &Presence) -> Result<Vec<u8>, BadValue> {
        presence::write(presence)
    }

    pub(crate) fn presence_of(origin: Origin, value: &[u8]) -> Result<Presence, BadValue> {
        presence::read(origin, value)
    }

    pub(crate) fn sealed_over(envelope: &[u8], lines: &[u8]) -> Vec<u8> {
        value::sealed_over(envelope, lines)
    }
}
