//! Who may write the blocks of an origin?

use tidings::PauseReason;
use tidings::store::{Outcome, Sink};
use tidings::testing::Blocks;

use tidings::testing::etcd::{self, EtcdMember};

#[test]
fn a_second_writer_of_an_origin_is_told_of_the_first_and_writes_nothing() {
    if !etcd::is_here("a_second_writer_of_an_origin_is_told_of_the_first_and_writes_nothing") {
        return;
    }
    let member = EtcdMember::start();
    let (first, second) = (member.store(), member.store());
    let mut blocks = Blocks::new(1);
    let (one, two) = (blocks.of(1), blocks.of(1));
    first.put(&one).unwrap();

    let error = second.put(&two).unwrap_err();

    assert_eq!(
        (error.outcome(), error.pause()),
        (Outcome::NotStored, Some(PauseReason::StoreDown))
    );
    assert!(error.to_string().contains("is written by \"db1\""), "{error}");
    assert_eq!(first.blocks().unwrap().blocks, std::slice::from_ref(&one));
    drop(first);
    second.put(&two).unwrap();
    assert_eq!(second.blocks().unwrap().blocks, [one, two]);
}

#[test]
fn whoever_lost_its_claim_while_it_slept_writes_nothing_when_it_wakes() {
    if !etcd::is_here("whoever_lost_its_claim_while_it_slept_writes_nothing_when_it_wakes") {
        return;
    }
    let member = EtcdMember::start();
    let (sleeper, other) = (member.store(), member.store());
    let mut blocks = Blocks::new(1);
    let (one, two, three) = (blocks.of(1), blocks.of(1), blocks.of(1));
    sleeper.put(&one).unwrap();
    // What happens to the claim of a process that sleeps too long.
    let claim = member.ctl(&["get", "--prefix", "--keys-only", "tidings/claim/"]);
    member.ctl(&["del", claim.trim()]);
    other.put(&two).unwrap();

    let error = sleeper.put(&three).unwrap_err();

    assert!(error.to_string().contains("is written by"), "{error}");
    assert_eq!(other.blocks().unwrap().blocks, [one, two]);
}

#[test]
fn a_claim_that_ran_out_is_made_again_by_the_next_put() {
    if !etcd::is_here("a_claim_that_ran_out_is_made_again_by_the_next_put") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    store.put(&blocks.of(1)).unwrap();
    member.ctl(&["del", "--prefix", "tidings/claim/"]);

    store.put(&blocks.of(1)).unwrap();

    assert_eq!(store.blocks().unwrap().blocks.len(), 2);
    assert!(!member.ctl(&["get", "--prefix", "tidings/claim/"]).is_empty());
}
