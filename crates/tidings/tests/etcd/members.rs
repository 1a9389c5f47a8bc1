//! What if some of three members die, or hang?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tidings::block::Block;
use tidings::store::etcd::{EtcdOptions, EtcdStore, EtcdWatch, Seen};
use tidings::store::{Sink, StoreError};
use tidings::testing::Blocks;
use tidings::testing::etcd::{self, EtcdCluster, patiently};

use crate::{LONG, next_block, presence_of};
use tidings::{Clock, PauseReason};

/// Far beyond every deadline, and far below the minute for which a call hangs that
/// has none.
const DEADLINES_OVER: Duration = Duration::from_secs(30);
/// Words of the writer that are kept for whoever listens later.
const WORDS_MAX: usize = 100_000;
/// Rounds of every fault.
const ROUNDS: u64 = if cfg!(feature = "soak") { 40 } else { 1 };

/// What is done to a member.
type Act = fn(&mut EtcdCluster, usize);

#[test]
fn a_put_a_watch_and_the_status_go_on_without_the_member_they_speak_to() {
    if !etcd::is_here("a_put_a_watch_and_the_status_go_on_without_the_member_they_speak_to") {
        return;
    }
    let mut cluster = EtcdCluster::start();
    let faults: [(Act, Act); 2] =
        [(EtcdCluster::kill, EtcdCluster::run), (EtcdCluster::freeze, EtcdCluster::thaw)];
    for (seed, (harm, heal)) in (1..).zip(faults) {
        let store = cluster.store_at(0);
        let mut blocks = Blocks::new(seed);
        let mut watch = store.watch(None);
        while !matches!(watch.next(LONG), Some(Seen::Listed { .. })) {}
        harm(&mut cluster, 0);

        for _ in 0..2 {
            let block = blocks.of(1);
            patiently(|| store.put(&block)).unwrap();
            assert_eq!(next_block(&mut watch), block);
        }
        assert_eq!(patiently(|| store.status()).unwrap().members, 3);
        heal(&mut cluster, 0);
    }
}

/// What happens to the cluster while somebody writes.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillLeader,
    KillFollower,
    KillMost,
    KillAll,
    FreezeLeader,
    FreezeFollower,
    FreezeMost,
}

impl Fault {
    fn strike(self, cluster: &mut EtcdCluster) {
        let leader = cluster.leader();
        let [one, other] = [(leader + 1) % 3, (leader + 2) % 3];
        match self {
            Fault::KillLeader => cluster.kill(leader),
            Fault::KillFollower => cluster.kill(one),
            Fault::KillMost => [leader, one].into_iter().for_each(|index| cluster.kill(index)),
            Fault::KillAll => cluster.kill_all(),
            Fault::FreezeLeader => cluster.freeze(leader),
            Fault::FreezeFollower => cluster.freeze(one),
            Fault::FreezeMost => [one, other].into_iter().for_each(|index| cluster.freeze(index)),
        }
    }

    /// Whether nobody can write until it is over.
    fn stops_all(self) -> bool {
        matches!(self, Fault::KillMost | Fault::KillAll | Fault::FreezeMost)
    }
}

/// How a put ended, as the writer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Stored,
    Failed,
}

/// Puts one block after the other, each until it is stored, and a last one of two
/// events when it is time to end.
fn write_until(ends: &AtomicBool, store: &EtcdStore, tell: &SyncSender<Said>) -> Vec<Block> {
    let mut blocks = Blocks::new(1);
    let mut stored = Vec::new();
    loop {
        let last = ends.load(Ordering::Relaxed);
        let block = blocks.of(if last { 2 } else { 1 });
        while let Err(error) = store.put(&block) {
            assert_eq!(error.pause(), Some(PauseReason::StoreDown), "{error}");
            let _ = tell.try_send(Said::Failed);
        }
        let _ = tell.try_send(Said::Stored);
        stored.push(block);
        if last {
            return stored;
        }
    }
}

/// What a watch sees up to the block of two events.
fn seen_until_end(watch: &mut EtcdWatch) -> Vec<Block> {
    let mut seen = Vec::new();
    while seen.last().is_none_or(|block: &Block| block.header().count != 2) {
        match watch.next(LONG).expect("something comes") {
            Seen::Block { block, .. } => seen.push(block),
            Seen::Listing => seen.clear(),
            Seen::Listed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    seen
}

/// Waits until the writer has said this so often from now on.
#[track_caller]
fn await_word(said: &Receiver<Said>, word: Said, times: usize) {
    // What it said before counts for nothing.
    while said.try_recv().is_ok() {}
    let mut heard = 0;
    while heard < times {
        heard += usize::from(said.recv_timeout(LONG).expect("the writer goes on") == word);
    }
}

/// Somebody writes and somebody watches, one speaks to the first member and one to
/// the second, when this happens.
#[track_caller]
fn assert_survived(cluster: &mut EtcdCluster, fault: Fault, round: u64) {
    let prefix = format!("{fault:?}/{round}");
    let at = |index| EtcdOptions { prefix: prefix.clone(), ..cluster.options_at(index) };
    let [writer, reader] = [0, 1].map(|index| EtcdStore::connect(at(index)).unwrap());
    let (tell, said) = sync_channel(WORDS_MAX);
    let ends = Arc::new(AtomicBool::new(false));
    let its_end = Arc::clone(&ends);
    let writing = thread::spawn(move || write_until(&its_end, &writer, &tell));
    let mut watch = reader.watch(None);
    let reading = thread::spawn(move || seen_until_end(&mut watch));

    await_word(&said, Said::Stored, 5);
    fault.strike(cluster);
    await_word(&said, if fault.stops_all() { Said::Failed } else { Said::Stored }, 2);
    cluster.heal();
    await_word(&said, Said::Stored, 5);
    ends.store(true, Ordering::Relaxed);

    let (stored, seen) = (writing.join().unwrap(), reading.join().unwrap());
    let found = patiently(|| reader.blocks()).unwrap();
    assert!(found.odd.is_empty(), "{:?}", found.odd);
    // Stored is stored, and both have all of it once and in order.
    assert_eq!(numbers(&found.blocks), numbers(&stored), "found, {prefix}");
    assert_eq!(numbers(&seen), numbers(&stored), "seen, {prefix}");
    assert!(found.blocks == stored && seen == stored, "{prefix}");
}

fn numbers(blocks: &[Block]) -> Vec<Option<u64>> {
    blocks.iter().map(|block| block.header().number).collect()
}

#[track_caller]
fn assert_all_survived(faults: &[Fault]) {
    let mut cluster = EtcdCluster::start();
    for round in 0..ROUNDS {
        for fault in faults {
            assert_survived(&mut cluster, *fault, round);
        }
    }
}

#[test]
fn what_is_stored_outlives_the_death_of_any_members() {
    if etcd::is_here("what_is_stored_outlives_the_death_of_any_members") {
        let faults = [Fault::KillLeader, Fault::KillFollower, Fault::KillMost, Fault::KillAll];
        assert_all_survived(&faults);
    }
}

#[test]
fn what_is_stored_outlives_members_that_hang() {
    if etcd::is_here("what_is_stored_outlives_members_that_hang") {
        assert_all_survived(&[Fault::FreezeLeader, Fault::FreezeFollower, Fault::FreezeMost]);
    }
}

type Call = fn(&EtcdStore) -> Result<(), StoreError>;

/// Every call that reaches out.
const CALLS: [(&str, Call); 5] = [
    ("put", |store| store.put(&Blocks::new(1).of(1)).map(drop)),
    ("show", |store| store.show(&presence_of(&Blocks::new(1).of(1), 0))),
    ("probe", Sink::probe),
    ("blocks", |store| store.blocks().map(drop)),
    ("status", |store| store.status().map(drop)),
];

#[test]
fn every_call_ends_while_members_are_black_holes() {
    if !etcd::is_here("every_call_ends_while_members_are_black_holes") {
        return;
    }
    let mut cluster = EtcdCluster::start();
    let clock = Clock::system();
    let dark = cluster.leader();
    for (all, members) in [(false, vec![dark]), (true, vec![(dark + 1) % 3, (dark + 2) % 3])] {
        for index in members {
            cluster.freeze(index);
        }
        for (name, call) in CALLS {
            // Nobody has spoken to anybody yet, and the dark one is asked first.
            let store = cluster.store_at(dark);
            let began = clock.monotonic();
            let done = if all { call(&store) } else { patiently(|| call(&store)) };
            drop(store);
            let took = clock.monotonic().saturating_sub(began);

            assert!(took < DEADLINES_OVER, "{name} took {took:?}");
            assert_eq!(done.is_err(), all, "{name}: {done:?}");
        }
        let watched = cluster.store_at(dark).watch(None).next(Duration::from_secs(1));
        assert!(matches!(watched, Some(Seen::Listing)), "{watched:?}");
    }
}
