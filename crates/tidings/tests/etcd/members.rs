//! What if some of three members die, or hang?

use std::time::Duration;

use tidings::block::Block;
use tidings::store::Sink;
use tidings::store::etcd::{EtcdWatch, Seen};
use tidings::testing::Blocks;
use tidings::testing::etcd::{self, EtcdCluster, patiently};

const LONG: Duration = Duration::from_mins(1);

/// What is done to a member.
type Act = fn(&mut EtcdCluster, usize);

#[track_caller]
fn next_block(watch: &mut EtcdWatch) -> Block {
    loop {
        match watch.next(LONG).expect("something comes") {
            Seen::Block { block, .. } => return block,
            Seen::Listing | Seen::Listed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

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
