//! One log on three machines: what is recorded on any is listed, counted and
//! followed on all; and while etcd is away each goes on for itself.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::patience::{pause, wait_until};
use crate::server::PATIENCE;
use crate::trio::{Machine, Trio};
use crate::truth::assert_one_truth;

/// How long etcd is away.
const AWAY: Duration = Duration::from_secs(if cfg!(feature = "soak") { 60 } else { 5 });
/// Events on each machine at a time.
const EVENTS: usize = 20;

/// A `tidings tail -f` on a machine; dropping it kills it.
struct Follower {
    child: Child,
    messages: Receiver<String>,
}

impl Follower {
    fn start(machine: &Machine) -> Follower {
        let mut tail = Machine::tidings(&["tail", "-f", "-S", "all", "-t", "a", "-o", "cat"]);
        tail.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = machine.host.inside(|| tail.spawn().unwrap());
        let (sender, messages) = sync_channel(10_000);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Follower { child, messages }
    }

    /// It is shown these, each once, and nothing else.
    #[track_caller]
    fn assert_sees(&self, messages: &BTreeSet<String>) {
        let mut seen = BTreeSet::new();
        while seen.len() < messages.len() {
            let next = self.messages.recv_timeout(PATIENCE);
            let next = next.unwrap_or_else(|_| panic!("missing: {:?}", messages - &seen));
            assert!(messages.contains(&next), "{next} is none of these, or comes again");
            assert!(seen.insert(next), "twice");
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Records on each machine in turn; returns what was acknowledged on each.
#[track_caller]
fn record_on_all(trio: &Trio, word: &str) -> Vec<Vec<String>> {
    let mut acknowledged = vec![Vec::new(); trio.machines.len()];
    for n in 0..EVENTS {
        for (machine, acknowledged) in trio.machines.iter().zip(&mut acknowledged) {
            let message = format!("{word}.{}.{n}", machine.name());
            let answer = machine.record(&message);
            assert_eq!(answer.status, 201, "{}", answer.text());
            acknowledged.push(message);
        }
    }
    acknowledged
}

/// Each machine counts what all recorded.
#[track_caller]
fn assert_counted_on_all(trio: &Trio, events: usize) {
    for machine in &trio.machines {
        let types = machine.get("/api/v1/types?since=all&type=a").json();
        assert_eq!(types["types"][0]["count"], events, "{}: {types}", machine.name());
    }
}

fn flat(lists: &[Vec<String>]) -> BTreeSet<String> {
    lists.iter().flatten().cloned().collect()
}

#[test]
fn three_machines_show_one_log_also_after_etcd_was_away() {
    let Some(mut trio) = Trio::start("three_machines_show_one_log_also_after_etcd_was_away") else {
        return;
    };
    let followers: Vec<Follower> = trio.machines.iter().map(Follower::start).collect();

    let mut acknowledged = record_on_all(&trio, "before");

    assert_one_truth(&trio, &acknowledged);
    assert_counted_on_all(&trio, 3 * EVENTS);
    for follower in &followers {
        follower.assert_sees(&flat(&acknowledged));
    }

    trio.machines.iter_mut().for_each(|machine| machine.etcd.kill());
    let meanwhile = record_on_all(&trio, "meanwhile");
    for (machine, own) in trio.machines.iter().zip(&meanwhile) {
        wait_until(|| machine.check().0 == 500, || format!("{:?}", machine.check()));
        assert_eq!(machine.get("/readyz").status, 200, "the disk takes events");
        let list = || machine.get("/api/v1/events?since=all&type=a&limit=1000");
        assert_eq!(list().events().len(), 3 * EVENTS + own.len(), "its own are there at once");
        let told = || list().json()["coverage"]["complete"] == false;
        wait_until(told, || format!("nobody is heard, and it says: {}", list().json()["coverage"]));
    }
    pause(AWAY);
    trio.start_etcd([0, 1, 2]);

    for (all, more) in acknowledged.iter_mut().zip(&meanwhile) {
        all.extend_from_slice(more);
    }
    assert_one_truth(&trio, &acknowledged);
    assert_counted_on_all(&trio, 6 * EVENTS);
    for follower in &followers {
        follower.assert_sees(&flat(&meanwhile));
    }
    for machine in &mut trio.machines {
        let stopped = machine.stop_server();
        assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    }
}
