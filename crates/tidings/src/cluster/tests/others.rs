//! What do others publish, in tests?

use std::collections::BTreeMap;

use crate::block::{Block, BlockBuilder, Entry};
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
use crate::store::etcd::{PRESENCE_FORMAT, Presence};

/// When what is published in tests was received: 2026-11-23T10:00:00Z.
pub(in crate::cluster) const START: Timestamp = Timestamp::from_nanos(1_795_428_000_000_000_000);

/// A publication whose events have these sequence numbers and were received then.
pub(in crate::cluster) fn publication(
    origin: Origin,
    boot: Boot,
    number: u64,
    seqs: &[u64],
    received: Timestamp,
) -> Block {
    let mut builder = BlockBuilder::new(origin, boot);
    for seq in seqs {
        builder.push(&Entry {
            event_type: "deploy",
            message: &format!("{number}/{seq}"),
            member: "db1",
            ..Entry::bare(received, *seq)
        });
    }
    builder.seal(number, false).unwrap()
}

/// What a member says of itself that has published nothing.
pub(in crate::cluster) fn presence(origin: Origin, at: Timestamp) -> Presence {
    Presence {
        format: PRESENCE_FORMAT,
        member: "db1".to_owned(),
        origin,
        boot: Boot::from_bytes([1; 8]),
        version: "0.1.0".to_owned(),
        at,
        through: at,
        published: 0,
        waiting: 0,
        unshared: BTreeMap::new(),
        applied: 0,
        left: false,
    }
}
