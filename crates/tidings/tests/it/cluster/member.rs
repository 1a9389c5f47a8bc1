//! How does one member of the cluster live, and what was promised by it?

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tidings::block::Block;
use tidings::cluster::{Cluster, ClusterOptions};
use tidings::store::memory::MemoryStore;
use tidings::store::{BlockStore as _, Sink as _};
use tidings::testing::{Blocks, Fault, FaultyStore, Shelf, ShelfMember};
use tidings::{
    Ack, Boot, Clock, Component as _, Event, EventId, Log, LogOptions, Origin, PauseReason,
    Position, Query, Sharing, StoredEvent, Taken, Timestamp, Unshared,
};

/// Nothing of a member moves by itself, so nothing is waited for.
const DEADLINE: Duration = Duration::from_millis(10);

pub(super) struct Member {
    name: String,
    pub(super) store: Arc<FaultyStore<MemoryStore>>,
    pub(super) clock: Clock,
    pub(super) commons: Arc<ShelfMember>,
    live: Option<(Log, Cluster)>,
    /// Events that were acknowledged.
    pub(super) acknowledged: Vec<EventId>,
    /// Keys under which an event was acknowledged.
    pub(super) keys: BTreeSet<String>,
    backup: Option<Backup>,
    /// Of what it published since the copy it may know nothing.
    pub(super) is_restored: bool,
    /// The second books of the boots that are over.
    over: Vec<Sharing>,
    /// Events whose fate a process settled that died before it could count them.
    pub(super) uncounted: u64,
    /// The blocks of a queue in this process, a new boot of it with each process.
    queue: Blocks,
    queue_boots: u8,
    /// The block that the queue puts until it is taken.
    put: Option<Block>,
    pub(super) queue_origin: Origin,
    /// Events offered so far; each text is another.
    texts: usize,
}

/// A copy of what is stored, and what was promised then.
struct Backup {
    store: MemoryStore,
    acknowledged: Vec<EventId>,
    keys: BTreeSet<String>,
}

pub(super) fn start() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

impl Member {
    pub(super) fn new(index: usize, shelf: &Shelf) -> Member {
        let queue_origin = Origin::from_bytes([0x71 + u8::try_from(index).unwrap(); 16]);
        let mut member = Member {
            name: format!("member{index}"),
            store: Arc::new(FaultyStore::new(MemoryStore::new().unwrap())),
            clock: Clock::by_hand(start()),
            commons: shelf.member(),
            live: None,
            acknowledged: Vec::new(),
            keys: BTreeSet::new(),
            backup: None,
            is_restored: false,
            over: Vec::new(),
            uncounted: 0,
            queue: Blocks::of_boot(queue_origin, Boot::from_bytes([0; 8])),
            queue_boots: 0,
            put: None,
            queue_origin,
            texts: 0,
        };
        member.boot();
        member
    }

    fn boot(&mut self) {
        let options = LogOptions {
            member: self.name.clone(),
            background: false,
            shared: true,
            // Nothing expires and no key is forgotten, so that all that is found can
            // be held against what was promised.
            retention: Duration::MAX,
            dedupe_window: Duration::MAX,
            clock: self.clock.clone(),
            ..LogOptions::default()
        };
        let log = Log::over(Arc::clone(&self.store) as _, options).unwrap();
        let options = ClusterOptions { background: false, ..ClusterOptions::default() };
        let cluster = Cluster::join(&log, Arc::clone(&self.commons) as _, options).unwrap();
        self.live = Some((log, cluster));
        self.queue_boots += 1;
        self.queue = Blocks::of_boot(self.queue_origin, Boot::from_bytes([self.queue_boots; 8]));
        self.put = None;
    }

    pub(super) fn log(&self) -> &Log {
        &self.live.as_ref().unwrap().0
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.live.as_ref().unwrap().1
    }

    pub(super) fn sharing(&self) -> Sharing {
        self.log().sharing().unwrap()
    }

    /// Events that all its boots have given up to share, and those of them that the
    /// commons refused.
    pub(super) fn unshared(&self) -> (u64, u64) {
        let now = self.sharing();
        let books = || self.over.iter().chain([&now]);
        let rejected = books().map(|books| books.unshared(Unshared::Rejected)).sum();
        (books().map(Sharing::unshared_total).sum(), rejected)
    }

    pub(super) fn append(&mut self, events: usize, queued: bool) {
        let texts = (1..=events).map(|event| format!("{} {}", self.name, self.texts + event));
        let offered = texts.map(|text| Event::new("said", text)).collect();
        self.texts += events;
        let ack = if queued { Ack::Queued } else { Ack::Disk };
        let taken = self.log().append(offered, ack, true).unwrap_or_default();
        let ids = taken.into_iter().map(|taken| match taken {
            Taken::Accepted { id, .. } => id,
            other => panic!("{other:?}"),
        });
        self.acknowledged.extend(ids.filter(|_| !queued));
    }

    pub(super) fn append_keyed(&mut self, key: u8) {
        let key = format!("key {key}");
        let event = Event::new("keyed", &key).with_member("app").with_key(&key);
        let taken = self.log().append(vec![event], Ack::Disk, true);
        if let Ok([Taken::Accepted { .. }]) = taken.as_deref() {
            self.keys.insert(key);
        }
    }

    /// Tries once to put the queue's next block.
    pub(super) fn put(&mut self, events: u64) {
        let block = self.put.take().unwrap_or_else(|| self.queue.of(events));
        if self.log().put(&block).is_err() {
            self.put = Some(block);
            return;
        }
        let read = block.events(Position(0)).unwrap();
        self.acknowledged.extend(read.iter().map(|stored| stored.id));
    }

    pub(super) fn restart(&mut self) {
        let Some((log, cluster)) = self.live.take() else { return };
        log.end(DEADLINE);
        let sharing = cluster.leave(DEADLINE);
        assert!(sharing.is_balanced(), "{sharing}");
        self.note_over(sharing);
        drop(cluster);
        log.close(DEADLINE);
        self.reopen();
    }

    pub(super) fn crash(&mut self) {
        // What would be written while the halves are taken down is not.
        self.store.fail_from(1, Fault::NotStored);
        let Some((log, cluster)) = self.live.take() else { return };
        let sharing = log.sharing().unwrap();
        self.uncounted += sharing.waiting.saturating_sub(self.waiting_in_store());
        self.note_over(sharing);
        drop(cluster);
        log.close(Duration::ZERO);
        self.store.release();
        self.reopen();
    }

    pub(super) fn back_up(&mut self) {
        let (acknowledged, keys) = (self.acknowledged.clone(), self.keys.clone());
        self.backup = Some(Backup { store: self.store.inner().copy(), acknowledged, keys });
    }

    /// What was acknowledged since the copy was made is lost, unless others can get
    /// it.
    pub(super) fn restore(&mut self, published: &[Block]) {
        let Some(backup) = self.backup.take() else { return };
        self.note_over(self.sharing());
        self.live = None;
        self.store = Arc::new(FaultyStore::new(backup.store));
        self.is_restored = true;
        let shared = published.iter().flat_map(|it| it.events(Position(0)).unwrap());
        let there: HashSet<EventId> = shared.map(|stored| stored.id).collect();
        let known = backup.acknowledged.len();
        let since = self.acknowledged.split_off(known);
        self.acknowledged.extend(since.into_iter().filter(|id| there.contains(id)));
        self.keys = backup.keys;
        self.reopen();
    }

    fn note_over(&mut self, sharing: Sharing) {
        self.uncounted += sharing.waiting.saturating_sub(self.waiting_in_store());
        self.over.push(sharing);
    }

    fn reopen(&mut self) {
        self.store.inner().reopen();
        self.store.release();
        self.store.fail_read_at(0);
        // The next process knows nothing of a latch.
        let _ = self.store.probe();
        self.boot();
    }

    /// Nothing fails any more.
    pub(super) fn heal(&self) {
        self.store.release();
        self.store.fail_read_at(0);
        self.commons.heal();
        self.commons.store_all();
        for reason in PauseReason::ALL {
            self.log().resume(reason);
            self.cluster().resume(reason).unwrap();
        }
    }

    /// Does all that is due now.
    pub(super) fn step(&self) {
        let _ = self.log().maintain();
        self.cluster().publish_step();
        self.cluster().apply_step(Duration::ZERO);
    }

    /// What changes as long as something happens.
    pub(super) fn progress(&self) -> (u64, Sharing) {
        (self.log().ends().unwrap().next.0, self.sharing())
    }

    /// Everything that it shows, newest first.
    pub(super) fn shows(&self) -> Vec<StoredEvent> {
        let query = Query { limit: usize::MAX, ..Query::default() };
        self.log().query(&query).unwrap().events
    }

    /// What its store says still waits.
    pub(super) fn waiting_in_store(&self) -> u64 {
        self.store.inner().backlog().unwrap().events
    }
}

pub(super) fn text(stored: &StoredEvent) -> String {
    stored.event.message().to_owned()
}
