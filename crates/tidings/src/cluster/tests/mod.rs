//! Do members share what they promise to share, whatever fails meanwhile?

mod crashes;
mod hops;
pub(super) mod others;
mod publishing;
mod quota;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Cluster, ClusterOptions};
use crate::block::Block;
use crate::clock::{Clock, Timestamp};
use crate::event::{Event, StoredEvent};
use crate::id::{Boot, Origin, Position};
use crate::log::{Ack, Log, LogOptions};
use crate::sharing::Sharing;
use crate::store::BlockStore;
use crate::store::memory::MemoryStore;
use crate::sync::Arc;
use crate::testing::{Fault, FaultyStore, Shelf, ShelfMember};

const SECOND: Duration = Duration::from_secs(1);
/// Steps that publishing everything may take in a test.
const STEPS_MAX: usize = 10_000;

/// One member over a store that survives it, and what it shares with others.
struct Member {
    clock: Clock,
    store: Arc<FaultyStore<MemoryStore>>,
    shelf: Shelf,
    door: Arc<ShelfMember>,
    options: ClusterOptions,
    log: Log,
    cluster: Cluster,
}

impl Member {
    fn new() -> Member {
        Member::with(ClusterOptions { background: false, ..ClusterOptions::default() })
    }

    fn with(options: ClusterOptions) -> Member {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let clock = Clock::by_hand(start);
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        let shelf = Shelf::new(clock.clone());
        let door = shelf.member();
        let (log, cluster) = started(&store, &door, &clock, &options);
        Member { clock, store, shelf, door, options, log, cluster }
    }

    /// Another member of the same cluster.
    fn beside(&self) -> Member {
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        let door = self.shelf.member();
        let (log, cluster) = started(&store, &door, &self.clock, &self.options);
        let (clock, options) = (self.clock.clone(), self.options.clone());
        Member { clock, store, shelf: self.shelf.clone(), door, options, log, cluster }
    }

    /// What the process was is gone; what the store and the shelf have is not.
    fn killed(self) -> Member {
        let Member { clock, store, shelf, options, log, cluster, .. } = self;
        // Whatever dropping would still write does not arrive.
        store.fail_from(1, Fault::NotStored);
        drop((log, cluster));
        store.release();
        store.inner().reopen();
        let door = shelf.member();
        let (log, cluster) = started(&store, &door, &clock, &options);
        Member { clock, store, shelf, door, options, log, cluster }
    }

    /// Appends one event, in a block of its own.
    fn append(&self, message: &str) {
        self.append_all(&[message]);
    }

    /// Appends events, in one block.
    fn append_all(&self, messages: &[&str]) {
        let events = messages.iter().map(|message| Event::new("deploy", *message)).collect();
        self.log.append(events, Ack::Disk, false).unwrap();
    }

    fn sharing(&self) -> Sharing {
        let sharing = self.log.sharing().unwrap();
        assert!(sharing.is_balanced(), "{sharing}");
        sharing
    }

    /// Steps, and moves the clock as far as it wants to rest, until nothing waits.
    #[track_caller]
    fn publish_all(&self) {
        for _ in 0..STEPS_MAX {
            let rest = self.cluster.publish_step();
            if self.sharing().waiting == 0 {
                return;
            }
            self.clock.advance(rest);
        }
        panic!("still waiting: {} {:?}", self.sharing(), self.cluster.status());
    }

    /// What others find of this member, in the order of the numbers.
    #[track_caller]
    fn shared_messages(&self) -> Vec<String> {
        let events = events_of(&self.shelf.blocks());
        let ours = events.into_iter().filter(|event| event.event.event_type() == "deploy");
        ours.map(|event| event.event.message().to_owned()).collect()
    }

    /// How many publications there are.
    fn publications(&self) -> usize {
        self.shelf.blocks().len()
    }
}

fn started(
    store: &Arc<FaultyStore<MemoryStore>>,
    door: &Arc<ShelfMember>,
    clock: &Clock,
    options: &ClusterOptions,
) -> (Log, Cluster) {
    let log = LogOptions {
        background: false,
        shared: true,
        clock: clock.clone(),
        ..LogOptions::default()
    };
    let log = Log::over(Arc::clone(store) as Arc<dyn BlockStore>, log).unwrap();
    let cluster = Cluster::join(&log, Arc::clone(door) as _, options.clone()).unwrap();
    (log, cluster)
}

fn events_of(blocks: &[Block]) -> Vec<StoredEvent> {
    blocks.iter().flat_map(|block| block.events(Position(0)).unwrap()).collect()
}

/// Numbers of every boot are dense from 1, and no event is there twice.
#[track_caller]
fn assert_dense(blocks: &[Block]) {
    let mut numbers: BTreeMap<(Origin, Boot), Vec<u64>> = BTreeMap::new();
    for block in blocks {
        let run = block.header().runs[0];
        numbers.entry((run.origin, run.boot)).or_default().push(block.header().number.unwrap());
    }
    for (boot, numbers) in numbers {
        let dense: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, dense, "{boot:?}");
    }
    let events = events_of(blocks);
    let names: BTreeSet<_> = events.iter().map(|e| (e.origin, e.boot, e.seq)).collect();
    assert_eq!(names.len(), events.len(), "an event is there twice");
}
