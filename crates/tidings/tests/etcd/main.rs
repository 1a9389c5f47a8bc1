//! What does a real etcd do to our blocks? Against members that the tests start.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod claims;
mod faults;
mod members;
mod presences;
mod spool;
mod values;
mod watches;

use tidings::block::Block;
use tidings::store::etcd::{PRESENCE_FORMAT, Presence};
use tidings::testing::blocks::START;

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
