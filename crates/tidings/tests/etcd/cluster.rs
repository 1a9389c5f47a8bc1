//! Do several logs that share an etcd become the same log?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tidings::cluster::{Cluster, ClusterOptions};
use tidings::store::etcd::{EtcdOptions, EtcdStore};
use tidings::testing::etcd::{self, EtcdMember};
use tidings::{Ack, Clock, Event, Filter, FollowFrom, Log, LogOptions, Query, Timestamp};

use crate::LONG;

const HOUR: Duration = Duration::from_hours(1);
/// How long stopping takes at most.
const SOON: Duration = Duration::from_secs(10);

/// A machine with a log of its own.
struct Machine {
    log: Log,
    cluster: Cluster,
}

impl Machine {
    fn start(etcd: &EtcdMember, dir: &Path) -> Machine {
        Machine::with(etcd, dir, Clock::system(), true)
    }

    fn with(etcd: &EtcdMember, dir: &Path, clock: Clock, background: bool) -> Machine {
        let member = dir.file_name().unwrap().to_string_lossy().into_owned();
        let options = EtcdOptions { clock: clock.clone(), ..etcd.options() };
        let store = EtcdStore::connect(options).unwrap();
        let options =
            LogOptions { member, shared: true, background, clock, ..LogOptions::default() };
        let log = Log::open_with(dir, options).unwrap();
        let options = ClusterOptions {
            background,
            linger: Duration::from_millis(50),
            ..ClusterOptions::default()
        };
        let cluster = Cluster::join(&log, Arc::new(store), options).unwrap();
        Machine { log, cluster }
    }

    fn record(&self, message: &str) {
        let event = Event::new("deploy", message);
        self.log.append(vec![event], Ack::Disk, false).unwrap();
    }

    fn record_all(&self, name: &str, numbers: std::ops::Range<u32>) {
        numbers.for_each(|number| self.record(&format!("{name}{number}")));
    }

    /// In the order of the list.
    fn messages(&self) -> Vec<String> {
        let page = self.log.query(&Query { limit: 10_000, ..Query::default() }).unwrap();
        let events = page.events.into_iter().filter(|stored| !stored.event.is_reserved());
        events.map(|stored| stored.event.message().to_owned()).collect()
    }

    /// Waits until so many messages are here.
    #[track_caller]
    fn await_messages(&self, count: usize) -> Vec<String> {
        let mut follower = self.log.follow(FollowFrom::Now, Arc::new(Filter::default())).unwrap();
        loop {
            let messages = self.messages();
            assert!(messages.len() <= count, "{messages:?}");
            if messages.len() == count {
                return messages;
            }
            assert!(follower.wait(LONG), "{count} wanted, {} here", messages.len());
            follower.poll(10_000).unwrap();
        }
    }

    fn stop(self) {
        self.log.end(SOON);
        let books = self.cluster.leave(SOON);
        assert!(books.is_balanced(), "{books}");
        drop(self.cluster);
        self.log.close(SOON);
    }
}

/// All machines have the same, and so many.
#[track_caller]
fn assert_same(machines: &[&Machine], count: usize) {
    let first = machines[0].await_messages(count);
    let distinct: BTreeSet<&String> = first.iter().collect();
    assert_eq!(distinct.len(), count, "nothing is there twice");
    for machine in &machines[1..] {
        assert_eq!(machine.await_messages(count), first);
    }
}

fn dirs(names: &[&str]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let root = tempfile::tempdir().unwrap();
    let dirs = names.iter().map(|name| root.path().join(name)).collect();
    (root, dirs)
}

#[test]
fn events_of_any_machine_are_on_all_in_the_same_order() {
    if !etcd::is_here("events_of_any_machine_are_on_all_in_the_same_order") {
        return;
    }
    let (etcd, (_root, dirs)) = (EtcdMember::start(), dirs(&["a", "b", "c"]));
    let machines: Vec<Machine> = dirs.iter().map(|dir| Machine::start(&etcd, dir)).collect();
    for round in 0..10 {
        for (machine, name) in machines.iter().zip(["a", "b", "c"]) {
            machine.record_all(name, round * 3..round * 3 + 3);
        }
    }
    let [a, b, c] = [&machines[0], &machines[1], &machines[2]];
    assert_same(&[a, b, c], 90);
    assert_eq!(a.cluster.status().applied.events, 60);
    machines.into_iter().for_each(Machine::stop);
}

#[test]
fn with_etcd_away_each_goes_on_taking_and_afterwards_all_have_all() {
    if !etcd::is_here("with_etcd_away_each_goes_on_taking_and_afterwards_all_have_all") {
        return;
    }
    let (mut etcd, (_root, dirs)) = (EtcdMember::start(), dirs(&["a", "b"]));
    let (a, b) = (Machine::start(&etcd, &dirs[0]), Machine::start(&etcd, &dirs[1]));
    a.record_all("a", 0..5);
    b.await_messages(5);
    etcd.kill();
    a.record_all("a", 5..50);
    b.record_all("b", 0..50);
    assert_eq!((a.messages().len(), b.messages().len()), (50, 55));
    assert!(a.cluster.status().sharing.waiting > 0);

    etcd.run();

    assert_same(&[&a, &b], 100);
    assert_same(&[&b, &a], 100);
    [a, b].into_iter().for_each(Machine::stop);
}

#[test]
fn a_machine_that_was_away_while_etcd_compacted_gets_what_it_missed_once() {
    if !etcd::is_here("a_machine_that_was_away_while_etcd_compacted_gets_what_it_missed_once") {
        return;
    }
    let (etcd, (_root, dirs)) = (EtcdMember::start(), dirs(&["a", "b"]));
    let (a, b) = (Machine::start(&etcd, &dirs[0]), Machine::start(&etcd, &dirs[1]));
    a.record_all("a", 0..5);
    assert_same(&[&a, &b], 5);
    b.stop();
    a.record_all("a", 5..10);
    a.stop();
    compact(&etcd);

    let b = Machine::start(&etcd, &dirs[1]);
    let a = Machine::start(&etcd, &dirs[0]);
    b.record("b");

    assert_same(&[&a, &b], 11);
    assert_eq!(b.cluster.status().applied.holes, 0);
    [a, b].into_iter().for_each(Machine::stop);
}

fn compact(etcd: &EtcdMember) {
    let status = etcd.ctl(&["endpoint", "status", "-w", "json"]);
    let at = status.split("\"revision\":").nth(1).unwrap();
    let revision = at.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    etcd.ctl(&["compact", revision]);
}

#[test]
fn what_a_stranger_does_below_the_prefix_takes_nothing_away_here() {
    if !etcd::is_here("what_a_stranger_does_below_the_prefix_takes_nothing_away_here") {
        return;
    }
    let (etcd, (_root, dirs)) = (EtcdMember::start(), dirs(&["a", "b"]));
    let (a, b) = (Machine::start(&etcd, &dirs[0]), Machine::start(&etcd, &dirs[1]));
    a.record("one");
    b.await_messages(1);
    let keys = etcd.ctl(&["get", "--prefix", "tidings/event/", "--keys-only"]);
    let key = keys.lines().find(|line| !line.is_empty()).unwrap();

    etcd.ctl(&["put", key, "something else"]);
    etcd.ctl(&["put", "tidings/event/nonsense", "garbage"]);
    etcd.ctl(&["put", "tidings/member/nonsense", "garbage"]);
    etcd.ctl(&["del", "--prefix", "tidings/event/"]);
    etcd.ctl(&["del", "--prefix", "tidings/member/"]);
    a.record("two");

    assert_same(&[&a, &b], 2);
    assert_eq!(b.cluster.status().applied.odd, 3);
    [a, b].into_iter().for_each(Machine::stop);
}

#[test]
fn a_data_directory_from_a_backup_gets_back_what_it_had_published_since() {
    if !etcd::is_here("a_data_directory_from_a_backup_gets_back_what_it_had_published_since") {
        return;
    }
    let (etcd, (_root, dirs)) = (EtcdMember::start(), dirs(&["a", "b", "backup"]));
    let (a, b) = (Machine::start(&etcd, &dirs[0]), Machine::start(&etcd, &dirs[1]));
    a.record_all("a", 0..5);
    b.await_messages(5);
    a.stop();
    let copied = Command::new("cp").arg("-r").args([&dirs[0], &dirs[2]]).status().unwrap();
    assert!(copied.success());
    let a = Machine::start(&etcd, &dirs[0]);
    a.record_all("a", 5..10);
    b.await_messages(10);
    a.stop();

    fs::remove_dir_all(&dirs[0]).unwrap();
    fs::rename(&dirs[2], &dirs[0]).unwrap();
    let a = Machine::start(&etcd, &dirs[0]);
    a.record("again");
    b.await_messages(11);
    eprintln!("{:?} {:?}", a.cluster.status(), a.messages());
    assert_same(&[&a, &b], 11);
    [a, b].into_iter().for_each(Machine::stop);
}

/// Their clocks are moved by the test, by as much as it waits.
#[test]
fn clocks_that_are_a_day_and_ten_years_off_lose_nothing() {
    if !etcd::is_here("clocks_that_are_a_day_and_ten_years_off_lose_nothing") {
        return;
    }
    let (etcd, (_root, dirs)) = (EtcdMember::start(), dirs(&["a", "b", "c", "d"]));
    let now = Clock::system().now();
    let decade: Duration = 3650 * 24 * HOUR;
    let walls: [Timestamp; 4] =
        [now, now.after(25 * HOUR), now.before(25 * HOUR), now.after(decade)];
    let clocks = walls.map(Clock::by_hand);
    let machines: Vec<Machine> = dirs
        .iter()
        .zip(&clocks)
        .map(|(dir, clock)| Machine::with(&etcd, dir, clock.clone(), false))
        .collect();
    let real = Clock::system();
    let began = real.monotonic();
    let pump = |until: &dyn Fn() -> bool| {
        while !until() {
            let before = real.monotonic();
            let messages = || machines.iter().map(Machine::messages).collect::<Vec<_>>();
            assert!(before.saturating_sub(began) < LONG, "{:?}", messages());
            for machine in &machines {
                machine.cluster.publish_step();
                machine.cluster.apply_step(Duration::from_millis(1));
            }
            let passed = real.monotonic().saturating_sub(before);
            for clock in &clocks {
                clock.advance(passed);
            }
        }
    };
    let skewed = |machine: &Machine| {
        let peers = machine.cluster.status().peers;
        peers.len() == 3 && peers.iter().all(|peer| peer.skew_seconds.is_some())
    };
    for machine in &machines {
        machine.record_all(machine.log.member(), 0..3);
    }
    pump(&|| machines.iter().all(|machine| machine.messages().len() == 12));
    pump(&|| machines.iter().all(skewed));
    for machine in &machines {
        machine.record_all(machine.log.member(), 3..6);
    }
    pump(&|| machines.iter().all(|machine| machine.messages().len() == 24));

    for (machine, clock) in machines.iter().zip(&clocks) {
        let page = machine.log.query(&Query { limit: 100, ..Query::default() }).unwrap();
        let latest = page.events.iter().map(|stored| stored.received).max().unwrap();
        assert!(latest <= clock.now().after(HOUR / 12), "{latest}");
        assert!(machine.log.coverage().complete, "{:?}", machine.log.coverage());
    }
}
