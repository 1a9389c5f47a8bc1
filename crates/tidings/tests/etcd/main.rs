//! What does a real etcd do to our blocks? Against members that the tests start.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod claims;
mod cluster;
mod faults;
mod members;
mod presences;
mod spool;
mod values;
mod watches;

use std::time::Duration;

use tidings::block::Block;
use tidings::store::etcd::{EtcdWatch, PRESENCE_FORMAT, Presence, Seen};
use tidings::testing::blocks::START;

/// Ends every wait of a test that has gone wrong.
const LONG: Duration = Duration::from_mins(1);

/// The block that comes next; the marks of a list are passed over.
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

/// The member that has recorded this block, with so many publications.
fn presence_of(block: &Block, published: u64) -> Presence {
    let run = &block.header().runs[0];
    Presence {
        format: PRESENCE_FORMAT,
        member: "db1".to_owned(),
        origin: run.origin,
        boot: run.boot,
        version: "0.1.0".to_owned(),
        at: START,
        through: START,
        published,
        waiting: 0,
        unshared: [("shed".to_owned(), 3)].into(),
        applied: 1,
        left: false,
    }
}
