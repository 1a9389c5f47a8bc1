//! What stands in etcd, if a peer or a stranger wrote it?

use tidings::block::Block;
use tidings::testing::Blocks;
use tidings::testing::etcd::{block_of, sealed_value, value_of};

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
