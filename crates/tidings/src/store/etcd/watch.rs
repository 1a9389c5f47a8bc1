//! What do others put there? All that is kept, then whatever comes.
//!
//! A watch survives what etcd does to its streams: a member that restarts ends
//! them, one that hangs keeps them open and silent, and compaction takes the
//! history away that a watch wanted to go on from; restored from a backup, its
//! revisions mean something else. It goes on from the last revision that was handed
//! over, or lists anew and says so.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, EventType, KeyValue, WatchOptions, WatchResponse, WatchStream};
use tokio::sync::{Mutex as Turn, mpsc};
use tokio::time::{sleep, timeout};

use super::Inner;
use super::errors::{Fault, Trouble};
use super::key::Named;
use super::options::ETCD_CALL_DEADLINE;
use super::pages::{PAGE_BYTES_MAX, Pages, name_of};
use super::presence::{self, Presence};
use super::remote::Remote;
use super::value::{self, BadValue};
use crate::block::Block;
use crate::sync::Mutex;

/// What a watch holds ready for whoever is slower than etcd, at most.
pub const WATCH_READY_MAX: usize = 16;
/// How long a watch is silent before it is asked whether it still lives.
pub const WATCH_SILENCE: Duration = Duration::from_secs(2);
/// The rest after a watch broke; doubles each time until something is heard.
const REST_FIRST: Duration = Duration::from_millis(50);
const REST_LONGEST: Duration = Duration::from_secs(5);

/// Where a watch was, so that another goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchFrom {
    /// The id of the cluster: another has revisions of its own.
    pub cluster: u64,
    /// The last revision of which all was seen.
    pub revision: i64,
}

/// What a watch saw.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen {
    /// A block. The same may come again after a [`Seen::Listing`].
    Block {
        /// The block, verified.
        block: Block,
        /// The revision that put it there.
        revision: i64,
    },
    /// What a member says of itself, in the place of what it said before. In a list
    /// presences come after the blocks.
    Presence {
        /// Whatever it says.
        presence: Presence,
        /// The revision at which it said so.
        revision: i64,
    },
    /// A value that is no block and no presence, or not the first under a block's
    /// key: passed over.
    Odd {
        /// Its key.
        key: String,
        /// What is wrong with it.
        cause: BadValue,
        /// The revision that put it there.
        revision: i64,
    },
    /// All that is kept comes now, from the beginning: the watch is new, or etcd has
    /// no longer the history that it would have gone on from, or never had: it was
    /// restored from a backup, or is another.
    Listing,
    /// All that was kept at this revision has come; from here on what is put comes
    /// as it comes.
    Listed {
        /// Go on from here with [`super::EtcdStore::watch`].
        at: WatchFrom,
    },
}

/// A watch over everything below the prefix. Ends when it is dropped.
#[derive(Debug)]
pub struct EtcdWatch {
    remote: Arc<Remote>,
    seen: Arc<Turn<mpsc::Receiver<Seen>>>,
    heard: Heard,
    inner: Arc<Inner>,
}

/// When etcd last said anything, on the clock that only goes forward.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Option<Duration>>>);

impl EtcdWatch {
    pub(super) fn start(
        remote: Arc<Remote>,
        inner: Arc<Inner>,
        after: Option<WatchFrom>,
    ) -> EtcdWatch {
        let (out, seen) = mpsc::channel(WATCH_READY_MAX);
        let heard = Heard::default();
        let watcher = Watcher { inner: Arc::clone(&inner), out, at: after, heard: heard.clone() };
        remote.spawn(watcher.run());
        EtcdWatch { remote, seen: Arc::new(Turn::new(seen)), heard, inner }
    }

    /// Waits for the next thing seen, no longer than this.
    pub fn next(&mut self, wait: Duration) -> Option<Seen> {
        let seen = Arc::clone(&self.seen);
        let next = async move { timeout(wait, async { seen.lock().await.recv().await }).await };
        self.remote.wait_for(next)?.ok()?
    }

    /// How long ago etcd last said anything on this watch, be it only that it still
    /// lives; `None` before it has. Grows past twice [`WATCH_SILENCE`] when the
    /// watch is stale: what others put there may be missing here.
    pub fn silent_for(&self) -> Option<Duration> {
        let heard = (*self.heard.0.lock())?;
        Some(self.inner.options.clock.monotonic().saturating_sub(heard))
    }
}

/// The task behind a watch.
struct Watcher {
    inner: Arc<Inner>,
    out: mpsc::Sender<Seen>,
    /// Up to where all was handed over.
    at: Option<WatchFrom>,
    heard: Heard,
}

/// Why a watch does not go on.
enum Break {
    Trouble(Trouble),
    /// The history to go on from is compacted, or is not that of this etcd.
    Forgotten,
    /// Nobody listens any more.
    Alone,
}

impl From<Trouble> for Break {
    fn from(trouble: Trouble) -> Break {
        if trouble.fault == Fault::Compacted { Break::Forgotten } else { Break::Trouble(trouble) }
    }
}

impl From<etcd_client::Error> for Break {
    fn from(error: etcd_client::Error) -> Break {
        Trouble::of(&error).into()
    }
}

impl Watcher {
    async fn run(mut self) {
        let mut rest = REST_FIRST;
        while !self.out.is_closed() {
            let before = *self.heard.0.lock();
            match self.go_on().await {
                Break::Alone => return,
                Break::Forgotten => self.at = None,
                Break::Trouble(trouble) => {
                    tracing::debug!(cause = %trouble.cause, "the watch broke, it is opened again");
                }
            }
            rest = if *self.heard.0.lock() == before { rest } else { REST_FIRST };
            sleep(rest).await;
            rest = (rest * 2).min(REST_LONGEST);
        }
    }

    /// Lists if it must, and watches until something breaks.
    async fn go_on(&mut self) -> Break {
        let at = match self.at {
            Some(at) => Ok(at),
            None => self.list().await,
        };
        match at {
            Ok(at) => {
                self.at = Some(at);
                self.watch(at).await.err().unwrap_or(Break::Alone)
            }
            Err(broken) => broken,
        }
    }

    /// Hands over all that is kept, as of one revision.
    async fn list(&mut self) -> Result<WatchFrom, Break> {
        self.tell(Seen::Listing).await?;
        let mut pages = Pages::below(self.inner.keys.clone(), self.inner.keys.all());
        while let Some(page) = pages.next(&self.inner.session).await? {
            self.hear();
            for pair in page.kvs() {
                self.show(pair).await?;
            }
        }
        // There is always a first page.
        let at = pages.at().ok_or(Break::Forgotten)?;
        self.tell(Seen::Listed { at }).await?;
        Ok(at)
    }

    async fn watch(&mut self, mut at: WatchFrom) -> Result<(), Break> {
        let key = self.inner.keys.all();
        let opened = self.inner.session.call(|client| open(client, key.clone(), at.revision + 1));
        let mut stream = opened.await?;
        // After the stream is open: what is restored from now on ends it.
        self.check_history(at).await?;
        loop {
            let answer = if let Ok(answer) = timeout(WATCH_SILENCE, stream.message()).await {
                answer?
            } else {
                stream.request_progress().await?;
                let answer = timeout(ETCD_CALL_DEADLINE, stream.message()).await;
                answer.map_err(|_| silent())??
            };
            let answer = answer.ok_or_else(ended)?;
            self.hear();
            check_answer(&answer, at)?;
            for event in answer.events() {
                // A key that goes was kept long enough, or somebody deletes: nothing
                // is ever deleted here for that.
                if let (EventType::Put, Some(pair)) = (event.event_type(), event.kv()) {
                    self.show(pair).await?;
                }
            }
            // Only events move it: an answer to the question whether the watch lives
            // may overtake events that are under way.
            let last = answer.events().iter().filter_map(|event| event.kv());
            at.revision = last.map(KeyValue::mod_revision).max().unwrap_or(at.revision);
            self.at = Some(at);
        }
    }

    /// Whether etcd has the history to go on from. A restored one begins again with
    /// the revision of its backup.
    async fn check_history(&self, at: WatchFrom) -> Result<(), Break> {
        let key = self.inner.keys.probe();
        let got = self.inner.session.call(|mut client| {
            let key = key.clone();
            async move { client.get(key, None).await }
        });
        let now = WatchFrom::of(got.await?.header())?;
        if now.cluster == at.cluster && now.revision >= at.revision {
            return Ok(());
        }
        tracing::warn!(
            was = ?at,
            now = ?now,
            "etcd is another than before, or was restored from a backup: all is read again"
        );
        Err(Break::Forgotten)
    }

    async fn show(&self, pair: &KeyValue) -> Result<(), Break> {
        match self.inner.read(pair) {
            Some(seen) => self.tell(seen).await,
            None => Ok(()),
        }
    }

    async fn tell(&self, seen: Seen) -> Result<(), Break> {
        self.out.send(seen).await.map_err(|_| Break::Alone)
    }

    fn hear(&self) {
        *self.heard.0.lock() = Some(self.inner.options.clock.monotonic());
    }
}

async fn open(client: Client, key: String, from: i64) -> Result<WatchStream, etcd_client::Error> {
    // In fragments: without, all that was missed comes as one message.
    let options = WatchOptions::new().with_prefix().with_start_revision(from).with_fragment();
    let mut watches = client.watch_client().max_decoding_message_size(PAGE_BYTES_MAX);
    watches.watch(key, Some(options)).await
}

fn check_answer(answer: &WatchResponse, at: WatchFrom) -> Result<(), Break> {
    if answer.compact_revision() > 0 || WatchFrom::of(answer.header())?.cluster != at.cluster {
        return Err(Break::Forgotten);
    }
    if answer.canceled() {
        return Err(Trouble::new(Fault::Down, answer.cancel_reason()).into());
    }
    Ok(())
}

fn silent() -> Break {
    Trouble::new(Fault::Down, "the watch is silent").into()
}

fn ended() -> Break {
    Trouble::new(Fault::Down, "the watch ended").into()
}

impl Inner {
    /// What a pair is, unless it is nothing that others are to see.
    fn read(&self, pair: &KeyValue) -> Option<Seen> {
        let revision = pair.mod_revision();
        let seen = match self.keys.read(pair.key()) {
            Named::Aside => return None,
            Named::Member(origin) => presence::read(origin, pair.value())
                .map(|presence| Seen::Presence { presence, revision }),
            named => block_of(named, pair).map(|block| Seen::Block { block, revision }),
        };
        Some(seen.unwrap_or_else(|cause| Seen::Odd { key: name_of(pair), cause, revision }))
    }
}

/// The block of a pair, whose key names it.
pub(super) fn block_of(named: Named, pair: &KeyValue) -> Result<Block, BadValue> {
    let Named::Block(name) = named else {
        return Err(BadValue::Envelope("the key names no block".to_owned()));
    };
    if pair.version() > 1 { Err(BadValue::Overwritten) } else { value::read(name, pair.value()) }
}
