//! What do others put there? All that is kept, then whatever comes.
//!
//! A watch survives what etcd does to its streams: a member that restarts ends
//! them, one that hangs keeps them open and silent, and compaction takes the
//! history away that a watch wanted to go on from. It goes on from the last
//! revision that was handed over, or lists anew and says so.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{
    Client, EventType, GetOptions, KeyValue, SortOrder, SortTarget, WatchOptions, WatchStream,
};
use tokio::sync::{Mutex as Turn, mpsc};
use tokio::time::{sleep, timeout};

use super::errors::{Fault, Trouble};
use super::options::ETCD_CALL_DEADLINE;
use super::remote::Remote;
use super::value::{self, BadValue};
use super::{Inner, PAGE_BYTES_MAX, PAGE_KEYS, prefix_end};
use crate::block::Block;
use crate::sync::Mutex;

/// What a watch holds ready for whoever is slower than etcd, at most.
pub const WATCH_READY_MAX: usize = 16;
/// How long a watch is silent before it is asked whether it still lives.
pub const WATCH_SILENCE: Duration = Duration::from_secs(2);
/// The rest after a watch broke; doubles each time until something is heard.
const REST_FIRST: Duration = Duration::from_millis(50);
const REST_LONGEST: Duration = Duration::from_secs(5);

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
    /// A value that is no block, or not the first under its key: passed over.
    Odd {
        /// Its key.
        key: String,
        /// What is wrong with it.
        cause: BadValue,
        /// The revision that put it there.
        revision: i64,
    },
    /// All that is kept comes now, from the beginning: the watch is new, or etcd no
    /// longer has the history that it would have gone on from.
    Listing,
    /// All that was kept at this revision has come; from here on what is put comes
    /// as it comes.
    Listed {
        /// Go on from here with [`super::EtcdStore::watch`].
        revision: i64,
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
    pub(super) fn start(remote: Arc<Remote>, inner: Arc<Inner>, after: Option<i64>) -> EtcdWatch {
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
    /// The last revision of which all was handed over.
    at: Option<i64>,
    heard: Heard,
}

/// Why a watch does not go on.
enum Break {
    Trouble(Trouble),
    /// The history to go on from is compacted.
    Compacted,
    /// Nobody listens any more.
    Alone,
}

impl From<Trouble> for Break {
    fn from(trouble: Trouble) -> Break {
        if trouble.fault == Fault::Compacted { Break::Compacted } else { Break::Trouble(trouble) }
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
                Break::Compacted => self.at = None,
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
        let listed = match self.at {
            Some(revision) => Ok(revision),
            None => self.list().await,
        };
        match listed {
            Ok(revision) => {
                self.at = Some(revision);
                self.watch(revision).await.err().unwrap_or(Break::Alone)
            }
            Err(broken) => broken,
        }
    }

    /// Hands over all that is kept, as of one revision.
    async fn list(&mut self) -> Result<i64, Break> {
        self.tell(Seen::Listing).await?;
        let mut from = self.inner.keys.events().into_bytes();
        let end = prefix_end(&from);
        let mut revision = 0;
        loop {
            let options = GetOptions::new()
                .with_range(end.clone())
                .with_limit(PAGE_KEYS)
                .with_revision(revision)
                .with_sort(SortTarget::Key, SortOrder::Ascend);
            let page = self.inner.session.call(|client| {
                let (from, options) = (from.clone(), options.clone());
                let mut keys = client.kv_client().max_decoding_message_size(PAGE_BYTES_MAX);
                async move { keys.get(from, Some(options)).await }
            });
            let page = page.await?;
            self.hear();
            if revision == 0 {
                revision = page.header().map_or(0, etcd_client::ResponseHeader::revision);
            }
            for pair in page.kvs() {
                self.show(pair).await?;
            }
            let Some(last) = page.kvs().last().filter(|_| page.more()) else { break };
            from = last.key().to_vec();
            from.push(0);
        }
        self.tell(Seen::Listed { revision }).await?;
        Ok(revision)
    }

    async fn watch(&mut self, after: i64) -> Result<(), Break> {
        let key = self.inner.keys.events();
        let opened = self.inner.session.call(|client| open(client, key.clone(), after + 1));
        let mut stream = opened.await?;
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
            if answer.compact_revision() > 0 {
                return Err(Break::Compacted);
            }
            if answer.canceled() {
                return Err(Trouble::new(Fault::Down, answer.cancel_reason()).into());
            }
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
            self.at = last.map(KeyValue::mod_revision).max().or(self.at);
        }
    }

    async fn show(&self, pair: &KeyValue) -> Result<(), Break> {
        let revision = pair.mod_revision();
        let seen = match self.inner.read(pair) {
            Ok(block) => Seen::Block { block, revision },
            Err((key, cause)) => Seen::Odd { key, cause, revision },
        };
        self.tell(seen).await
    }

    async fn tell(&self, seen: Seen) -> Result<(), Break> {
        self.out.send(seen).await.map_err(|_| Break::Alone)
    }

    fn hear(&self) {
        *self.heard.0.lock() = Some(self.inner.options.clock.monotonic());
    }
}

async fn open(
    mut client: Client,
    key: String,
    from: i64,
) -> Result<WatchStream, etcd_client::Error> {
    let options = WatchOptions::new().with_prefix().with_start_revision(from);
    client.watch(key, Some(options)).await
}

fn silent() -> Break {
    Trouble::new(Fault::Down, "the watch is silent").into()
}

fn ended() -> Break {
    Trouble::new(Fault::Down, "the watch ended").into()
}

impl Inner {
    /// The block of a pair, or its key and what is wrong with it.
    pub(super) fn read(&self, pair: &KeyValue) -> Result<Block, (String, BadValue)> {
        let no_key = || BadValue::Envelope("the key names no block".to_owned());
        let name = self.keys.read(pair.key()).ok_or_else(no_key);
        let read = name.and_then(|name| value::read(name, pair.value()));
        let read = if pair.version() > 1 { Err(BadValue::Overwritten) } else { read };
        read.map_err(|cause| (String::from_utf8_lossy(pair.key()).into_owned(), cause))
    }
}
