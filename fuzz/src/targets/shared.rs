//! What stands in etcd, if a peer or a stranger wrote it?

use tidings::block::Block;
use tidings::store::etcd::Presence;
use tidings::testing::Blocks;
use tidings::testing::etcd::{block_of, presence_of, sealed_value, value_of, value_of_presence};
use tidings::{Boot, Origin};

use super::NOW;

/// The block under whose key every value of this target stands.
pub(crate) fn named() -> Block {
    Blocks::new(7).of(3)
}

/// The envelope up to its checksum, a line feed, the lines. As they are, and with a
/// checksum that fits.
pub(crate) fn value(data: &[u8]) -> bool {
    let named = named();
    assert!(block_of(&named, data).is_err(), "a checksum was guessed");
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let lines = data.get(end + 1..).unwrap_or_default();
    let Ok(block) = block_of(&named, &sealed_value(&data[..end], lines)) else { return false };
    let again = value_of(&block, NOW).expect("what was read is whole");
    assert_eq!(block_of(&named, &again).as_ref(), Ok(&block));
    true
}

/// A member under whose key every presence of this target stands.
pub(crate) fn present() -> Presence {
    Presence {
        format: 1,
        member: "db \"1\"".to_owned(),
        origin: Origin::from_bytes([7; 16]),
        boot: Boot::from_bytes([9; 8]),
        version: "0.1.0".to_owned(),
        at: NOW,
        through: NOW,
        published: 7,
        waiting: u64::MAX,
        unshared: [("shed".to_owned(), 2), ("too_old".to_owned(), 1)].into(),
        applied: 41,
        left: true,
    }
}

/// As it stands there.
pub(crate) fn presence(data: &[u8]) -> bool {
    let origin = present().origin;
    let Ok(presence) = presence_of(origin, data) else { return false };
    let again = value_of_presence(&presence).expect("what was read is within its limits");
    assert_eq!(presence_of(origin, &again), Ok(presence));
    true
}
