//! Is what we put there what stands there?

use tidings::block::Block;
use tidings::store::etcd::{EtcdOptions, EtcdStore, FoundBlocks, LEASE_KEYS_MAX};
use tidings::store::{Placed, Sink};
use tidings::testing::{Blocks, store_suite};

use tidings::testing::etcd::{self, EtcdMember, EtcdRelease, patiently};

#[test]
fn the_store_keeps_the_contract_of_a_sink() {
    if etcd::is_here("the_store_keeps_the_contract_of_a_sink") {
        assert_contract(&EtcdMember::start());
    }
}

#[test]
fn the_store_keeps_its_contract_on_the_next_release_of_etcd() {
    if etcd::is_there(EtcdRelease::Next, "the_store_keeps_its_contract_on_the_next_release_of_etcd")
    {
        assert_contract(&EtcdMember::of(EtcdRelease::Next, &[]));
    }
}

#[track_caller]
fn assert_contract(member: &EtcdMember) {
    let made = std::cell::Cell::new(0);
    store_suite::assert_sink(|| {
        made.set(made.get() + 1);
        let prefix = format!("fresh/{}", made.get());
        EtcdStore::connect(EtcdOptions { prefix, ..member.options() }).unwrap()
    });
    assert!(made.get() > 3);
}

#[test]
fn blocks_come_back_byte_for_byte_in_the_order_of_their_boot() {
    if !etcd::is_here("blocks_come_back_byte_for_byte_in_the_order_of_their_boot") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let put: Vec<Block> = [1, 2, 4096, 3, 700].map(|events| blocks.of(events)).into();
    for block in put.iter().rev() {
        assert_eq!(store.put(block).unwrap(), Placed { base: None, duplicate: false });
    }

    let FoundBlocks { blocks: found, odd } = store.blocks().unwrap();

    assert!(found == put && odd.is_empty(), "{odd:?}");
}

#[test]
fn what_is_published_of_a_boot_is_found_by_its_numbers_whatever_stands_there() {
    if !etcd::is_here("what_is_published_of_a_boot_is_found_by_its_numbers_whatever_stands_there") {
        return;
    }
    let member = EtcdMember::start();
    let (store, mut blocks) = (member.store(), Blocks::new(1));
    let put: Vec<Block> = (0..300).map(|_| blocks.of(1)).collect();
    // 70 neighbours, more than a page, and one far behind them; another boot's.
    put[..70].iter().chain(&put[299..]).for_each(|block| _ = store.put(block).unwrap());
    store.put(&Blocks::new(2).of(1)).unwrap();
    let key = member.ctl(&["get", "--prefix", "--keys-only", "--limit=1", "tidings/event/"]);
    let key = key.trim().replace("00000000000000000001", "00000000000000000150");
    member.ctl(&["put", &key, "garbage"]);

    let mut numbers = Vec::new();
    loop {
        let next = numbers.last().map_or(1, |(number, _)| number + 1);
        let page = store.published(&put[0], next).unwrap();
        if page.is_empty() {
            break;
        }
        numbers.extend(page.into_iter().map(|(number, block)| (number, block.ok())));
    }

    let expected = (0..70).chain([299]).map(|at| (at as u64 + 1, Some(put[at].clone())));
    let mut expected: Vec<_> = expected.collect();
    expected.insert(70, (150, None));
    assert!(numbers == expected, "{numbers:?}");
}

#[test]
fn a_small_block_reads_with_etcdctl() {
    if !etcd::is_here("a_small_block_reads_with_etcdctl") {
        return;
    }
    let member = EtcdMember::start();
    member.store().put(&Blocks::new(1).of(2)).unwrap();

    let printed = member.ctl(&["get", "--prefix", "tidings/event/"]);

    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("tidings/event/") && lines[0].ends_with("/00000000000000000001"));
    let envelope: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!((&envelope["member"], &envelope["count"]), (&"db1".into(), &2.into()));
    let types: Vec<String> = lines[2..4]
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].to_string())
        .collect();
    assert_eq!(types, ["\"disk.high\"", "\"deploy\""]);
}

#[test]
fn what_others_put_under_our_prefix_is_named_and_hides_nothing() {
    if !etcd::is_here("what_others_put_under_our_prefix_is_named_and_hides_nothing") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    let (one, two) = (blocks.of(3), blocks.of(3));
    store.put(&one).unwrap();
    store.put(&two).unwrap();
    let key = member.ctl(&["get", "--prefix", "--keys-only", "--limit=1", "tidings/event/"]);
    let key = key.trim();
    member.ctl(&["put", key, "overwritten by somebody"]);
    member.ctl(&["put", "tidings/event/nonsense", "x"]);

    let FoundBlocks { blocks: found, odd } = store.blocks().unwrap();

    assert_eq!(found, [two]);
    let mut keys: Vec<&str> = odd.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, [key, "tidings/event/nonsense"]);
}

#[test]
fn a_lease_takes_its_thousand_keys_and_no_more() {
    if !etcd::is_here("a_lease_takes_its_thousand_keys_and_no_more") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    for _ in 0..=LEASE_KEYS_MAX {
        let block = blocks.of(1);
        patiently(|| store.put(&block)).unwrap();
    }

    // Two of blocks, and the one that the claim lives by.
    let leases = member.ctl(&["lease", "list"]);
    let ids: Vec<&str> = leases.lines().skip(1).collect();
    assert_eq!(ids.len(), 3, "{leases}");
    let mut keys: Vec<usize> = ids
        .iter()
        .map(|id| member.ctl(&["lease", "timetolive", "--keys", id]).matches("/event/").count())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, [0, 1, LEASE_KEYS_MAX as usize]);
}

#[test]
fn a_lease_that_is_gone_is_replaced() {
    if !etcd::is_here("a_lease_that_is_gone_is_replaced") {
        return;
    }
    let member = EtcdMember::start();
    let store = member.store();
    let mut blocks = Blocks::new(1);
    store.put(&blocks.of(1)).unwrap();
    for id in member.ctl(&["lease", "list"]).lines().skip(1) {
        member.ctl(&["lease", "revoke", id]);
    }

    let second = blocks.of(1);
    store.put(&second).unwrap();

    assert_eq!(store.blocks().unwrap().blocks, [second], "the first went with its lease");
}
