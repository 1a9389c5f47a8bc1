//! What if etcd stops, dies, is full, or is none?

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use tidings::store::etcd::{EtcdOptions, EtcdStore, FoundBlocks};
use tidings::store::{Outcome, Sink, StoreError};
use tidings::testing::Blocks;
use tidings::{PauseReason, Queue};

use tidings::testing::etcd::{self, EtcdMember, patiently};

#[test]
fn a_put_without_an_answer_ends_and_is_settled_by_putting_it_again() {
    if !etcd::is_here("a_put_without_an_answer_ends_and_is_settled_by_putting_it_again") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    store.put(&blocks.of(1)).unwrap();
    let block = blocks.of(1);
    member.signal("-STOP");

    let error = store.put(&block).unwrap_err();

    assert_eq!((error.outcome(), error.pause()), (Outcome::Unknown, Some(PauseReason::StoreDown)));
    assert!(store.probe().is_err());
    member.signal("-CONT");
    patiently(|| store.put(&block)).unwrap();
    assert!(patiently(|| store.put(&block)).unwrap().duplicate);
    assert_eq!(store.blocks().unwrap().blocks.len(), 2);
}

#[test]
fn an_etcd_that_is_away_keeps_no_program_from_starting() {
    if !etcd::is_here("an_etcd_that_is_away_keeps_no_program_from_starting") {
        return;
    }
    let mut member = EtcdMember::start();
    member.kill();
    let store = member.store();

    let error = store.put(&Blocks::new(1).of(1)).unwrap_err();

    assert_eq!(
        (error.outcome(), error.pause()),
        (Outcome::NotStored, Some(PauseReason::StoreDown))
    );
    member.run();
    patiently(|| store.put(&Blocks::new(1).of(1))).unwrap();
}

#[test]
fn a_full_etcd_pauses_writes_not_reads_and_says_what_to_do() {
    if !etcd::is_here("a_full_etcd_pauses_writes_not_reads_and_says_what_to_do") {
        return;
    }
    let member = EtcdMember::with(&["--quota-backend-bytes=8388608"]);
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let (mut kept, refused) = (
        0,
        loop {
            let block = blocks.with_text(500, 1500);
            match patiently(|| store.put(&block)) {
                Ok(_) => assert!(blocks.made() < 100, "8 MiB are never full"),
                Err(error) => break (block, error),
            }
        },
    );
    let (block, error) = refused;
    kept += blocks.made() - 1;

    assert_eq!(error.pause(), Some(PauseReason::StoreFull), "{error}");
    assert!(error.to_string().contains("defragment"), "{error}");
    // The put that fills etcd is refused and stored: nobody knows which one that is.
    assert_eq!(error.outcome(), Outcome::Unknown);
    let found = patiently(|| store.blocks()).unwrap().blocks.len() as u64;
    assert!((kept..=kept + 1).contains(&found), "{found} of {kept}");
    let probed = patiently(|| store.probe());
    assert!(matches!(probed, Err(StoreError::Full { .. })), "only a write tells: {probed:?}");
    let status = patiently(|| store.status()).unwrap();
    // etcd counts the put that it refuses too, so it may stay below its quota.
    assert!(status.bytes > 4 * 1024 * 1024 && status.alarms == ["NOSPACE"], "{status:?}");

    let full_bytes = status.bytes;

    make_room(&member);
    patiently(|| store.probe()).unwrap();
    patiently(|| store.put(&block)).unwrap();
    assert_eq!(patiently(|| store.blocks()).unwrap().blocks, [block]);
    let status = patiently(|| store.status()).unwrap();
    assert!(status.bytes < full_bytes && status.alarms.is_empty(), "{status:?}");
}

#[test]
fn etcd_says_how_it_is() {
    if !etcd::is_here("etcd_says_how_it_is") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    store.put(&Blocks::new(1).of(1)).unwrap();

    let status = store.status().unwrap();

    assert!(status.has_leader && status.members == 1 && status.alarms.is_empty(), "{status:?}");
    assert!(status.version.starts_with("3.4."), "{status:?}");
    assert!(0 < status.bytes_in_use && status.bytes_in_use <= status.bytes, "{status:?}");
    // The claim and the block, after the first revision of all.
    assert_eq!(status.revision, 3);
}

/// What an operator does about a full etcd.
fn make_room(member: &EtcdMember) {
    member.ctl(&["del", "--prefix", "tidings/event/"]);
    let status = member.ctl(&["endpoint", "status", "-w", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    member.ctl(&["compact", &status[0]["Status"]["header"]["revision"].to_string()]);
    member.ctl(&["defrag"]);
    member.ctl(&["alarm", "disarm"]);
}

#[test]
fn whoever_is_no_etcd_is_named() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let store = EtcdStore::connect(EtcdOptions::new([url.clone()])).unwrap();

    let error = store.put(&Blocks::new(1).of(1)).unwrap_err();

    assert_eq!(error.pause(), Some(PauseReason::StoreDown), "{error}");
    assert!(error.to_string().contains(&url), "{error}");
}

#[test]
fn a_queue_over_an_etcd_that_dies_loses_nothing_that_it_calls_stored() {
    if !etcd::is_here("a_queue_over_an_etcd_that_dies_loses_nothing_that_it_calls_stored") {
        return;
    }
    let mut member = EtcdMember::start();
    let queue = Queue::new("web1", member.store()).unwrap();
    queue.start().unwrap();
    let client = queue.client();
    for round in 0..3 {
        for i in 0..200 {
            // A refusal is an answer; the books say how many there were.
            let _ = client.add("deploy", &format!("{round}/{i}"));
        }
        if round == 1 {
            member.kill();
            member.run();
        }
    }
    let report = queue.close(Duration::from_secs(30));

    assert!(report.tally.is_balanced() && report.tally.pending == 0, "{}", report.tally);
    let FoundBlocks { blocks, odd } = member.store().blocks().unwrap();
    assert!(odd.is_empty(), "{odd:?}");
    let seqs: Vec<u64> = blocks.iter().flat_map(seqs_of).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "in order, and nothing twice");
    assert_eq!(seqs.len() as u64, report.tally.stored, "{}", report.tally);
}

fn seqs_of(block: &tidings::block::Block) -> Vec<u64> {
    let events = block.events(tidings::Position(0)).unwrap();
    events.into_iter().map(|event| event.seq).collect()
}
