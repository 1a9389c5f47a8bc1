//! Do others' events come in once, in order, whatever happens?

mod clocks;
mod stops;

use std::collections::BTreeSet;

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::cluster::tests::others::{START, presence, publication};
use crate::cluster::{Cluster, ClusterOptions, ClusterStatus, Commons, PRESENCE_BEAT};
use crate::event::Event;
use crate::id::Boot;
use crate::log::{Ack, Log, LogOptions, PeerState};
use crate::pause::PauseReason;
use crate::query::{FollowFrom, Query};
use crate::store::etcd::{BadValue, Presence};
use crate::store::memory::MemoryStore;
use crate::store::{BlockStore, Sink as _};
use crate::sync::Arc;
use crate::testing::{Fault, FaultyStore, Shelf, ShelfMember};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const THEM: Origin = Origin::from_bytes([4; 16]);
const BOOT: Boot = Boot::from_bytes([1; 8]);

type Store = Arc<FaultyStore<MemoryStore>>;

/// A member whose applying side a test moves, beside others that it only hears of.
struct Desk {
    clock: Clock,
    shelf: Shelf,
    others: Arc<ShelfMember>,
    ours: Arc<ShelfMember>,
    store: Store,
    log: Log,
    cluster: Cluster,
}

impl Desk {
    fn new() -> Desk {
        let clock = Clock::by_hand(START);
        let shelf = Shelf::new(clock.clone());
        let store = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        Desk::over(clock, shelf, store)
    }

    fn over(clock: Clock, shelf: Shelf, store: Store) -> Desk {
        let (others, ours) = (shelf.member(), shelf.member());
        let options = LogOptions {
            background: false,
            shared: true,
            clock: clock.clone(),
            ..LogOptions::default()
        };
        let log = Log::over(Arc::clone(&store) as Arc<dyn BlockStore>, options).unwrap();
        let options = ClusterOptions { background: false, ..ClusterOptions::default() };
        let commons = Arc::clone(&ours) as Arc<dyn Commons>;
        let cluster = Cluster::join(&log, commons, options).unwrap();
        Desk { clock, shelf, others, ours, store, log, cluster }
    }

    /// The process is killed and started again: what is in the store is there.
    fn killed(self) -> Desk {
        let Desk { clock, shelf, store, log, cluster, .. } = self;
        // Nothing is closed: the store is left as it is.
        std::mem::forget((log, cluster));
        store.release();
        store.probe().unwrap();
        Desk::over(clock, shelf, store)
    }

    fn step(&self) {
        self.cluster.apply_step(Duration::ZERO);
    }

    /// Live watching goes on for so many seconds.
    fn watch_for(&self, seconds: u32) {
        for _ in 0..seconds {
            self.clock.advance(SECOND);
            self.step();
        }
    }

    fn publish(&self, number: u64, seqs: &[u64]) {
        self.publish_at(number, seqs, self.clock.now());
    }

    fn publish_at(&self, number: u64, seqs: &[u64], received: Timestamp) {
        self.others.put(&publication(THEM, BOOT, number, seqs, received)).unwrap();
    }

    fn say(&self, said: &Presence) {
        self.others.show(said).unwrap();
    }

    fn status(&self) -> ClusterStatus {
        self.cluster.status()
    }

    /// Sequence numbers of what others took, in the order in which it came here.
    #[track_caller]
    fn theirs(&self) -> Vec<u64> {
        let events = self.events();
        events.iter().filter(|event| event.origin == THEM).map(|event| event.seq).collect()
    }

    fn events(&self) -> Vec<crate::StoredEvent> {
        let query = Query { limit: 10_000, ..Query::default() };
        let mut events = self.log.query(&query).unwrap().events;
        events.sort_by_key(|event| event.position);
        events
    }

    fn reasons(&self) -> BTreeSet<&'static str> {
        self.log.coverage().gaps.iter().map(|gap| gap.reason).collect()
    }
}

#[test]
fn what_others_publish_is_in_the_log_in_order_and_once() {
    let desk = Desk::new();
    desk.publish(1, &[1, 2]);
    desk.step();
    for (number, seqs) in [(3, [5, 6]), (2, [3, 4])] {
        desk.publish(number, &seqs);
        desk.step();
    }
    assert_eq!(desk.theirs(), [1, 2, 3, 4, 5, 6]);
    let status = desk.status();
    assert_eq!((status.applied.blocks, status.applied.events), (3, 6));
    assert_eq!(status.watching.revision, desk.shelf.revision());
    assert!(!status.watching.stale);
}

#[test]
fn own_publications_of_this_boot_are_passed_over() {
    let desk = Desk::new();
    desk.log.append(vec![Event::new("deploy", "ours")], Ack::Disk, false).unwrap();
    let ours = publication(desk.log.origin(), desk.log.boot(), 1, &[1], START);
    desk.ours.put(&ours).unwrap();

    desk.step();

    assert_eq!(desk.events().len(), 1);
    assert_eq!(desk.status().watching.revision, desk.shelf.revision());
}

#[test]
fn own_events_that_a_restored_data_directory_has_lost_come_back() {
    let desk = Desk::new();
    let (ours, lost) = (desk.log.origin(), Boot::from_bytes([8; 8]));
    for number in 1..3 {
        desk.ours.put(&publication(ours, lost, number, &[number], START)).unwrap();
    }
    desk.step();
    assert_eq!(desk.events().len(), 2);
    let desk = desk.killed();
    desk.ours.put(&publication(ours, lost, 3, &[3], START)).unwrap();

    desk.step();

    let messages: Vec<_> = desk.events().iter().map(|it| it.event.message().to_owned()).collect();
    assert_eq!(messages, ["1/1", "2/2", "3/3"]);
}

/// The log had published the first two events of that start in one publication, from
/// two blocks of its own; the backup is from between the second and the third.
#[test]
fn a_backup_from_the_middle_of_a_start_gets_back_what_came_after_it() {
    let desk = Desk::new();
    let start = desk.log.boot();
    for text in ["1", "2"] {
        desk.log.append(vec![Event::new("deploy", text)], Ack::Disk, false).unwrap();
    }
    let desk = desk.killed();
    for (number, seqs) in [(1, &[1, 2][..]), (2, &[3, 4])] {
        desk.ours.put(&publication(desk.log.origin(), start, number, seqs, START)).unwrap();
    }
    desk.step();

    let messages: Vec<_> = desk.events().iter().map(|it| it.event.message().to_owned()).collect();
    assert_eq!(messages, ["1", "2", "2/3", "2/4"]);
}

#[test]
fn a_publication_that_stays_away_is_a_hole_after_ten_seconds_and_coverage_says_so() {
    let desk = Desk::new();
    desk.publish(1, &[1]);
    desk.watch_for(1);
    desk.publish(3, &[3]);
    desk.watch_for(9);
    assert_eq!(desk.theirs(), [1]);
    desk.watch_for(2);
    assert_eq!(desk.theirs(), [1, 3]);
    assert_eq!(desk.reasons(), BTreeSet::from(["hole"]));
    let hole = desk.log.coverage().gaps[0].clone();
    assert_eq!((hole.from, hole.to), (Some(START), Some(START.after(SECOND))));
    assert_eq!(desk.status().applied.holes, 1);

    desk.publish(2, &[2]);
    desk.step();

    assert_eq!(desk.theirs(), [1, 3, 2]);
    assert!(desk.reasons().is_empty());
}

#[test]
fn patience_does_not_run_while_the_watch_is_silent() {
    let desk = Desk::new();
    desk.step();
    desk.publish(2, &[2]);
    desk.step();
    desk.ours.cut();
    desk.watch_for(100);
    assert!(desk.theirs().is_empty());
    assert!(desk.status().watching.stale);
    assert_eq!(desk.reasons(), BTreeSet::from(["watch_stale"]));
    desk.ours.heal();
    desk.watch_for(2);
    desk.publish(1, &[1]);
    desk.step();

    assert_eq!(desk.theirs(), [1, 2]);
    assert!(desk.reasons().is_empty());
}

#[test]
fn garbage_is_counted_and_a_hole_and_the_watch_goes_on() {
    let desk = Desk::new();
    desk.publish(1, &[1]);
    desk.step();
    desk.shelf.scribble((THEM, BOOT, 2), Err(BadValue::Overwritten));
    desk.publish(3, &[3]);
    desk.shelf.scribble((THEM, BOOT, 1), Ok(publication(THEM, BOOT, 1, &[9], START)));
    desk.step();

    assert_eq!(desk.theirs(), [1, 3]);
    let status = desk.status();
    assert_eq!((status.applied.odd, status.applied.holes), (2, 1));
}

#[test]
fn garbage_where_no_block_ever_was_is_told_for_a_retention_and_no_longer() {
    let desk = Desk::new();
    desk.shelf.scribble((THEM, BOOT, 3), Err(BadValue::Overwritten));
    desk.step();
    let gap = desk.log.coverage().gaps[0].clone();
    assert_eq!((gap.reason, gap.from, gap.to), ("hole", None, Some(START)));
    let desk = desk.killed();
    desk.step();
    assert_eq!(desk.reasons(), BTreeSet::from(["hole"]));

    desk.shelf.delete((THEM, BOOT, 3));
    desk.clock.advance(DAY + SECOND);
    desk.step();
    desk.step();

    assert!(desk.reasons().is_empty(), "{:?}", desk.log.coverage());
}

#[test]
fn a_key_that_goes_takes_nothing_along() {
    let desk = Desk::new();
    desk.publish(1, &[1]);
    desk.step();
    desk.shelf.delete((THEM, BOOT, 1));
    desk.publish(2, &[2]);
    desk.shelf.compact();
    desk.step();

    assert_eq!(desk.theirs(), [1, 2]);
}

#[test]
fn after_compaction_and_in_another_etcd_what_is_kept_comes_and_nothing_twice() {
    let desk = Desk::new();
    for number in 1..4 {
        desk.publish(number, &[number]);
    }
    desk.step();
    let desk = desk.killed();
    desk.publish(4, &[4]);
    desk.shelf.compact();
    desk.publish(5, &[5]);
    desk.step();
    assert_eq!(desk.theirs(), [1, 2, 3, 4, 5]);

    desk.shelf.wipe();
    for number in 4..7 {
        desk.publish(number, &[number]);
    }
    desk.step();

    assert_eq!(desk.theirs(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(desk.status().watching.revision, desk.shelf.revision());
}

#[test]
fn a_garbled_note_lists_anew_and_nothing_comes_twice() {
    let desk = Desk::new();
    for number in 1..4 {
        desk.publish(number, &[2 * number - 1, 2 * number]);
    }
    desk.step();
    desk.log.core().note(&[Note { name: APPLIED_NOTE, value: b"garbage" }]).unwrap();
    let desk = desk.killed();
    desk.publish(4, &[7, 8]);

    desk.step();

    assert_eq!(desk.theirs(), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn events_of_sequence_numbers_that_are_here_are_dropped() {
    let desk = Desk::new();
    desk.publish(1, &[1, 2, 3]);
    desk.publish(2, &[2, 3, 4]);
    desk.publish(3, &[1, 4]);
    desk.step();

    assert_eq!(desk.theirs(), [1, 2, 3, 4]);
    assert_eq!(desk.status().applied.duplicates, 4);
}

#[test]
fn coverage_says_until_when_each_member_is_seen_and_who_is_unheard() {
    let desk = Desk::new();
    desk.publish(1, &[1]);
    desk.watch_for(1);
    let said = Presence { boot: BOOT, published: 2, ..presence(THEM, desk.clock.now()) };
    desk.say(&said);
    desk.watch_for(1);
    let through = |desk: &Desk| desk.log.coverage().seen_through[0].through;
    assert_eq!(through(&desk), Timestamp::default(), "publication 2 is not here yet");
    desk.publish(2, &[2]);
    desk.watch_for(1);
    assert_eq!(through(&desk), said.through);
    assert!(desk.log.coverage().complete);

    desk.watch_for(15);
    assert_eq!(desk.reasons(), BTreeSet::from(["unheard"]));
    assert_eq!(desk.log.coverage().gaps[0].from, Some(said.through));

    desk.say(&Presence { left: true, published: 2, ..presence(THEM, desk.clock.now()) });
    desk.watch_for(1);
    assert!(!desk.reasons().contains("unheard"));
    assert_eq!(desk.log.coverage().seen_through[0].state, PeerState::Left);
}

#[test]
fn a_gap_before_more_than_may_be_held_is_not_waited_for() {
    let desk = Desk::new();
    desk.step();
    desk.cluster.shared.applier.lock().as_mut().unwrap().order.held_bytes_max = 64 * 1024;
    for number in 2..100 {
        desk.publish(number, &[number]);
        desk.step();
    }
    assert_eq!(desk.theirs(), (2..100).collect::<Vec<_>>());
    assert_eq!(desk.reasons(), BTreeSet::from(["hole"]));
}

#[test]
fn what_arrived_together_is_applied_in_one_transaction() {
    let desk = Desk::new();
    desk.step();
    let writes = desk.store.writes();
    for number in 1..51 {
        desk.publish(number, &[number]);
    }
    desk.step();

    assert_eq!(desk.theirs().len(), 50);
    assert_eq!(desk.store.writes() - writes, 1);
}

#[test]
fn own_words_alone_are_noted_now_and_then() {
    let desk = Desk::new();
    desk.say(&presence(THEM, START));
    desk.watch_for(31);
    let desk = desk.killed();
    desk.step();
    assert_eq!(desk.status().watching.revision, desk.shelf.revision());
}

#[test]
fn a_follower_can_go_on_elsewhere_once_etcd_was_met() {
    let desk = Desk::new();
    desk.publish(1, &[1]);
    desk.step();
    let cursor = |desk: &Desk| {
        let follower = desk.log.follow(FollowFrom::Now, Arc::default()).unwrap();
        follower.cursor().to_string()
    };
    let alone = cursor(&desk);
    desk.step();

    assert!(cursor(&desk).len() > alone.len(), "it says what another member must know");
}
