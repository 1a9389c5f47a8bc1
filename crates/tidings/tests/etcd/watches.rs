//! Does a watch see everything, whatever etcd does to it?

use std::process::Command;
use std::time::Duration;

use tidings::block::Block;
use tidings::store::Sink;
use tidings::store::etcd::{EtcdWatch, Seen, WatchFrom};
use tidings::testing::Blocks;
use tidings::testing::etcd::{self, EtcdMember, patiently};

use crate::{LONG, next_block};

/// Waits until all that is kept has come; answers with it and where the watch is.
#[track_caller]
fn listed(watch: &mut EtcdWatch) -> (Vec<Block>, WatchFrom) {
    assert!(matches!(watch.next(LONG), Some(Seen::Listing)));
    let mut blocks = Vec::new();
    loop {
        match watch.next(LONG).expect("the list has an end") {
            Seen::Block { block, .. } => blocks.push(block),
            Seen::Listed { at } => return (blocks, at),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_watch_begins_with_all_that_is_kept_and_goes_on_with_what_comes() {
    if !etcd::is_here("a_watch_begins_with_all_that_is_kept_and_goes_on_with_what_comes") {
        return;
    }
    let member = EtcdMember::start();
    let (writer, reader) = (member.store(), member.store());
    let mut blocks = Blocks::new(1);
    // More than one page.
    let kept: Vec<Block> = (0..150).map(|_| blocks.of(1)).collect();
    for block in &kept {
        patiently(|| writer.put(block)).unwrap();
    }

    let mut watch = reader.watch(None);

    assert_eq!(listed(&mut watch).0, kept);
    for _ in 0..5 {
        let block = blocks.of(2);
        patiently(|| writer.put(&block)).unwrap();
        assert_eq!(next_block(&mut watch), block);
    }
    assert!(watch.silent_for().is_some());
}

#[test]
fn a_watch_goes_on_from_a_revision_without_listing() {
    if !etcd::is_here("a_watch_goes_on_from_a_revision_without_listing") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let (one, two, three) = (blocks.of(1), blocks.of(1), blocks.of(1));
    store.put(&one).unwrap();
    let (_, at) = listed(&mut store.watch(None));
    store.put(&two).unwrap();
    store.put(&three).unwrap();

    let mut watch = store.watch(Some(at));

    let Some(Seen::Block { block, revision }) = watch.next(LONG) else { panic!("no list comes") };
    assert_eq!((block, next_block(&mut watch)), (two, three.clone()));
    let at = WatchFrom { revision, ..at };
    assert_eq!(next_block(&mut store.watch(Some(at))), three);
}

#[test]
fn a_watch_survives_the_death_of_its_member() {
    if !etcd::is_here("a_watch_survives_the_death_of_its_member") {
        return;
    }
    let mut member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let mut watch = store.watch(None);
    listed(&mut watch);
    for _ in 0..3 {
        let block = blocks.of(1);
        patiently(|| store.put(&block)).unwrap();
        assert_eq!(next_block(&mut watch), block);
        member.kill();
        member.run();
    }
    let block = blocks.of(1);
    patiently(|| store.put(&block)).unwrap();
    assert_eq!(next_block(&mut watch), block, "once, and nothing before it again");
}

#[test]
fn a_watch_whose_history_is_compacted_lists_anew_and_says_so() {
    if !etcd::is_here("a_watch_whose_history_is_compacted_lists_anew_and_says_so") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let kept: Vec<Block> = (0..3).map(|_| blocks.of(1)).collect();
    for block in &kept {
        store.put(block).unwrap();
    }
    let (_, at) = listed(&mut store.watch(None));
    member.ctl(&["compact", &at.revision.to_string()]);

    let mut watch = store.watch(Some(WatchFrom { revision: 1, ..at }));

    assert_eq!(listed(&mut watch).0, kept);
}

#[test]
fn whoever_reads_slower_than_etcd_compacts_is_given_all_anew() {
    if !etcd::is_here("whoever_reads_slower_than_etcd_compacts_is_given_all_anew") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut watch = store.watch(None);
    let (_, at) = listed(&mut watch);
    let mut blocks = Blocks::new(1);
    // More than what stands ready here, in etcd, and on the way.
    let kept: Vec<Block> = (0..500).map(|_| blocks.with_text(30, 1500)).collect();
    for block in &kept {
        patiently(|| store.put(block)).unwrap();
    }
    let last = (at.revision + 500).to_string();
    member.ctl(&["compact", &last]);

    let (mut seen, mut anew) = (Vec::new(), false);
    while seen.len() < kept.len() {
        match watch.next(LONG).expect("something comes") {
            Seen::Block { block, .. } => seen.push(block),
            Seen::Listing => {
                seen.clear();
                anew = true;
            }
            Seen::Listed { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    assert!(anew && seen == kept, "listed anew: {anew}");
}

#[test]
fn a_delete_deletes_nothing_and_a_hostile_value_is_named_while_the_watch_goes_on() {
    if !etcd::is_here("a_delete_deletes_nothing_and_a_hostile_value_is_named_…") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let (one, two) = (blocks.of(1), blocks.of(1));
    let mut watch = store.watch(None);
    listed(&mut watch);
    store.put(&one).unwrap();
    assert_eq!(next_block(&mut watch), one);
    let keys = member.ctl(&["get", "--prefix", "--keys-only", "tidings/event/"]);
    member.ctl(&["put", keys.trim(), "written over"]);
    member.ctl(&["put", "tidings/event/nonsense", "x"]);
    member.ctl(&["del", keys.trim()]);
    store.put(&two).unwrap();

    let named: Vec<String> = (0..2)
        .map(|_| match watch.next(LONG) {
            Some(Seen::Odd { key, cause, .. }) => format!("{key}: {cause}"),
            other => panic!("{other:?}"),
        })
        .collect();

    assert!(named[0].ends_with("the key was written over"), "{named:?}");
    assert!(named[1].starts_with("tidings/event/nonsense: "), "{named:?}");
    assert_eq!(next_block(&mut watch), two);
}

#[test]
fn a_watch_over_a_member_that_hangs_is_stale_and_goes_on_when_it_wakes() {
    if !etcd::is_here("a_watch_over_a_member_that_hangs_is_stale_and_goes_on_when_it_wakes") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let mut watch = store.watch(None);
    listed(&mut watch);
    member.signal("-STOP");
    let stale = tidings::store::etcd::WATCH_SILENCE * 3;
    while watch.silent_for().unwrap() < stale {
        assert!(watch.next(Duration::from_millis(100)).is_none());
    }
    member.signal("-CONT");

    let block = blocks.of(1);
    patiently(|| store.put(&block)).unwrap();

    assert_eq!(next_block(&mut watch), block);
    assert!(watch.silent_for().unwrap() < stale);
}

#[test]
fn a_watch_that_was_away_for_long_reads_much_at_once() {
    if !etcd::is_here("a_watch_that_was_away_for_long_reads_much_at_once") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let (_, at) = listed(&mut store.watch(None));
    let mut blocks = Blocks::new(1);
    // Three times what a message holds.
    let missed: Vec<Block> = (0..24).map(|_| blocks.with_text(500, 2000)).collect();
    for block in &missed {
        patiently(|| store.put(block)).unwrap();
    }

    let mut watch = store.watch(Some(at));

    for block in &missed {
        assert_eq!(next_block(&mut watch), *block);
    }
}

#[test]
fn a_watch_of_another_etcd_lists_anew() {
    if !etcd::is_here("a_watch_of_another_etcd_lists_anew") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let block = Blocks::new(1).of(1);
    store.put(&block).unwrap();
    let (_, at) = listed(&mut store.watch(None));
    let others = [
        WatchFrom { cluster: at.cluster ^ 1, ..at },
        WatchFrom { cluster: at.cluster ^ 1, revision: 1 },
        WatchFrom { revision: at.revision + 1000, ..at },
    ];

    for other in others {
        assert_eq!(listed(&mut store.watch(Some(other))), (vec![block.clone()], at), "{other:?}");
    }
}

#[track_caller]
fn copy(member: &EtcdMember, from: &str, to: &str) {
    let (from, to) = (member.path(from), member.path(to));
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn a_watch_over_an_etcd_that_is_restored_from_a_backup_lists_anew() {
    if !etcd::is_here("a_watch_over_an_etcd_that_is_restored_from_a_backup_lists_anew") {
        return;
    }
    let mut member = EtcdMember::start();
    let (kept, mut lost) = (Blocks::new(1).of(1), Blocks::new(2));
    member.store().put(&kept).unwrap();
    member.kill();
    copy(&member, "data", "backup");
    member.run();
    let watcher = member.store();
    let mut watch = watcher.watch(None);
    assert_eq!(listed(&mut watch).0, std::slice::from_ref(&kept));
    for _ in 0..5 {
        let block = lost.of(1);
        patiently(|| watcher.put(&block)).unwrap();
        assert_eq!(next_block(&mut watch), block);
    }

    member.kill();
    std::fs::remove_dir_all(member.path("data")).unwrap();
    copy(&member, "backup", "data");
    member.run();

    assert_eq!(listed(&mut watch).0, [kept]);
    let after = lost.of(1);
    patiently(|| watcher.put(&after)).unwrap();
    assert_eq!(next_block(&mut watch), after);
}
