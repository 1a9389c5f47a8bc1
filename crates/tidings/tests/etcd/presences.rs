//! Who is there, and what does each say of itself?

use tidings::store::etcd::{EtcdWatch, Presence, Seen};
use tidings::store::{Outcome, Sink};
use tidings::testing::Blocks;
use tidings::testing::etcd::{self, EtcdMember, patiently};

use crate::{LONG, presence_of};

/// What is seen next but for the marks of a list, in few words.
#[track_caller]
fn next(watch: &mut EtcdWatch) -> String {
    loop {
        match watch.next(LONG).expect("something comes") {
            Seen::Block { block, .. } => return format!("block {:?}", block.header().number),
            Seen::Presence { presence, .. } => return format!("{} of db1", presence.published),
            Seen::Odd { key, cause, .. } => return format!("{key}: {cause}"),
            _ => {}
        }
    }
}

#[test]
fn a_watch_sees_presences_among_the_blocks_and_nothing_of_claims() {
    if !etcd::is_here("a_watch_sees_presences_among_the_blocks_and_nothing_of_claims") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let (one, two) = (blocks.of(1), blocks.of(1));
    let mut live = store.watch(None);
    patiently(|| store.show(&presence_of(&one, 0))).unwrap();
    patiently(|| store.put(&one)).unwrap();
    patiently(|| store.show(&presence_of(&one, 1))).unwrap();
    patiently(|| store.put(&two)).unwrap();
    member.ctl(&["put", "tidings/probe", ""]);
    member.ctl(&["put", "tidings/later/x", "what a later version keeps"]);
    member.ctl(&["put", "tidings/member/nonsense", "x"]);

    let seen: Vec<String> = (0..5).map(|_| next(&mut live)).collect();

    let odd = "tidings/member/nonsense: the envelope cannot be read: the key names no block";
    assert_eq!(seen, ["0 of db1", "block Some(1)", "1 of db1", "block Some(2)", odd]);
    let mut late = store.watch(None);
    let listed: Vec<String> = (0..4).map(|_| next(&mut late)).collect();
    assert_eq!(listed, ["block Some(1)", "block Some(2)", "1 of db1", odd]);
}

#[test]
fn a_presence_comes_as_it_was_said() {
    if !etcd::is_here("a_presence_comes_as_it_was_said") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let said = presence_of(&Blocks::new(1).of(1), 7);
    store.show(&said).unwrap();
    let mut watch = store.watch(None);

    let seen = loop {
        match watch.next(LONG) {
            Some(Seen::Presence { presence, .. }) => break presence,
            Some(Seen::Listing) => {}
            other => panic!("{other:?}"),
        }
    };

    assert_eq!(seen, said);
}

#[test]
fn a_copy_of_a_data_directory_does_not_speak_for_the_original() {
    if !etcd::is_here("a_copy_of_a_data_directory_does_not_speak_for_the_original") {
        return;
    }
    let member = EtcdMember::start();
    let (original, copy) = (member.store(), member.store());
    let block = Blocks::new(1).of(1);
    original.show(&presence_of(&block, 1)).unwrap();

    let error = copy.show(&presence_of(&block, 2)).unwrap_err();

    assert_eq!(error.outcome(), Outcome::NotStored);
    assert!(error.to_string().contains("is written by \"db1\""), "{error}");
    assert_eq!(next(&mut copy.watch(None)), "1 of db1");
    drop(original);
    copy.show(&presence_of(&block, 2)).unwrap();
    assert_eq!(next(&mut copy.watch(None)), "2 of db1");
}

#[test]
fn whoever_lost_its_claim_while_it_slept_speaks_no_more() {
    if !etcd::is_here("whoever_lost_its_claim_while_it_slept_speaks_no_more") {
        return;
    }
    let member = EtcdMember::start();
    let (sleeper, other) = (member.store(), member.store());
    let block = Blocks::new(1).of(1);
    patiently(|| sleeper.show(&presence_of(&block, 1))).unwrap();
    // What happens to the claim of a process that sleeps too long.
    member.ctl(&["del", "--prefix", "tidings/claim/"]);
    patiently(|| other.show(&presence_of(&block, 2))).unwrap();

    let error = sleeper.show(&presence_of(&block, 3)).unwrap_err();

    assert!(error.to_string().contains("is written by"), "{error}");
    assert_eq!(next(&mut other.watch(None)), "2 of db1");
}

#[test]
fn a_presence_that_is_said_again_and_again_uses_no_lease_up() {
    if !etcd::is_here("a_presence_that_is_said_again_and_again_uses_no_lease_up") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let block = Blocks::new(1).of(1);
    for published in 0..20 {
        patiently(|| store.show(&presence_of(&block, published))).unwrap();
    }

    // One of the presence and one of the claim.
    let leases = member.ctl(&["lease", "list"]);
    assert_eq!(leases.lines().count(), 3, "{leases}");
    for id in leases.lines().skip(1) {
        member.ctl(&["lease", "revoke", id]);
    }
    assert!(member.ctl(&["get", "--prefix", "tidings/member/"]).is_empty());
    patiently(|| store.show(&presence_of(&block, 20))).unwrap();
    assert_eq!(next(&mut store.watch(None)), "20 of db1");
}

#[test]
fn a_presence_over_a_limit_is_rejected_here() {
    if !etcd::is_here("a_presence_over_a_limit_is_rejected_here") {
        return;
    }
    let member = EtcdMember::start();
    let said = presence_of(&Blocks::new(1).of(1), 1);
    let version = "x".repeat(65);

    let error = member.store().show(&Presence { version, ..said }).unwrap_err();

    assert_eq!((error.outcome(), error.pause()), (Outcome::NotStored, None), "{error}");
}
