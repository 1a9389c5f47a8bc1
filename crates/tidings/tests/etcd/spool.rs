//! What if etcd is away, and then the process too? With a spool: nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tidings::store::Sink;
use tidings::testing::etcd::{self, EtcdMember, patiently};
use tidings::{Queue, WhenPaused};

const LONG: Duration = Duration::from_secs(25);

fn queue(member: &EtcdMember, spool: &Path) -> Queue {
    let spool = WhenPaused::Spool(spool.to_owned());
    let queue = Queue::builder().when_paused(spool).build("web1", member.store()).unwrap();
    queue.start().unwrap();
    queue
}

/// Records what these numbers say, in some blocks.
fn record(queue: &Queue, numbers: std::ops::Range<u32>) {
    for number in numbers {
        queue.client().add("a", &number.to_string()).unwrap();
        if number % 10 == 9 {
            assert!(queue.flush(LONG).settled, "{}", queue.tally());
        }
    }
}

/// The directory as it is, as if its process had been killed.
fn crashed_copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in ["log.sqlite", "log.sqlite-wal", "tail", "lock", "spool"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

#[test]
fn what_is_recorded_while_etcd_is_away_is_there_once_and_in_order_after_a_crash() {
    if !etcd::is_here("what_is_recorded_while_etcd_is_away_is_there_once_…") {
        return;
    }
    let (mut member, dirs) = (EtcdMember::start(), tempfile::tempdir().unwrap());
    let (live, crashed) = (dirs.path().join("live"), dirs.path().join("crashed"));
    let first = queue(&member, &live);
    record(&first, 0..20);
    member.kill();
    record(&first, 20..60);
    assert!(first.tally().spooled >= 30, "{}", first.tally());
    crashed_copy(&live, &crashed);
    // With etcd away it leaves everything where it is.
    assert_eq!(first.close(Duration::from_secs(3)).lost_total(), 0);

    member.run();
    // As if the claim of the one that was killed had run out.
    member.ctl(&["del", "--prefix", "tidings/claim/"]);
    let second = queue(&member, &crashed);
    record(&second, 60..70);
    let store = member.store();
    while second.backlog().unwrap().blocks > 0 {
        // Takes a moment, and says nothing about the queue.
        let _ = store.probe();
    }
    assert_eq!(second.close(LONG).lost_total(), 0);

    let found = patiently(|| member.store().blocks()).unwrap();
    assert!(found.odd.is_empty(), "{:?}", found.odd);
    let mut messages: Vec<u32> = Vec::new();
    for block in &found.blocks {
        let events = block.events(tidings::Position(0)).unwrap();
        let events = events.iter().filter(|stored| !stored.event.is_reserved());
        messages.extend(events.map(|stored| stored.event.message().parse::<u32>().unwrap()));
    }
    // Blocks are listed by origin, and origins are random: two runs of numbers.
    let at = messages.iter().position(|number| *number == 0).unwrap();
    messages.rotate_left(at);
    assert_eq!(messages, (0..70).collect::<Vec<u32>>());
}
