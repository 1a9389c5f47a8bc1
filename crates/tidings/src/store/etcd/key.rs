//! Under which keys does a log stand in etcd?
//!
//! `<prefix>/event/<origin>/<boot>/<block number>`: dense per boot, so a hole is a
//! gap with a name; in the order of their numbers, which have twenty digits. One
//! etcd role for each origin is possible: it covers `<prefix>/event/<origin>/`
//! and `<prefix>/claim/<origin>`.

use crate::id::Origin;
use crate::store::BlockName;

/// Digits of a block number in a key: as many as the largest needs.
const NUMBER_DIGITS: usize = 20;

/// The names below one prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn below(prefix: &str) -> Keys {
        Keys { prefix: prefix.to_owned() }
    }

    /// What all blocks' keys begin with.
    pub(super) fn events(&self) -> String {
        format!("{}/event/", self.prefix)
    }

    pub(super) fn event(&self, name: BlockName) -> String {
        let BlockName { origin, boot, number } = name;
        format!("{}/event/{origin}/{boot}/{number:0NUMBER_DIGITS$}", self.prefix)
    }

    /// The key whose holder may write the blocks of an origin.
    pub(super) fn claim(&self, origin: Origin) -> String {
        format!("{}/claim/{origin}", self.prefix)
    }

    /// The key of writes that only find out whether writes succeed again.
    pub(super) fn probe(&self) -> String {
        format!("{}/probe", self.prefix)
    }

    /// The block that a key names; `None` for a key that nobody writes.
    pub(super) fn read(&self, key: &[u8]) -> Option<BlockName> {
        let key = std::str::from_utf8(key).ok()?;
        let mut parts = key.strip_prefix(&self.events())?.split('/');
        let (origin, boot, number) = (parts.next()?, parts.next()?, parts.next()?);
        let name = BlockName {
            origin: origin.parse().ok()?,
            boot: boot.parse().ok()?,
            number: number.parse().ok()?,
        };
        // Other spellings of the same name would be a second key for one block.
        (parts.next().is_none() && self.event(name) == key).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Boot;

    fn name(number: u64) -> BlockName {
        let (origin, boot) = (Origin::from_bytes([7; 16]), Boot::from_bytes([9; 8]));
        BlockName { origin, boot, number }
    }

    #[test]
    fn a_key_names_its_block() {
        let keys = Keys::below("tidings");
        for number in [1, 42, u64::MAX] {
            assert_eq!(keys.read(keys.event(name(number)).as_bytes()), Some(name(number)));
        }
        assert_eq!(
            keys.event(name(42)),
            "tidings/event/07070707070707070707070707070707/0909090909090909/00000000000000000042"
        );
    }

    #[test]
    fn keys_stand_in_the_order_of_their_numbers() {
        let keys = Keys::below("p");
        let numbers = [1, 9, 10, 99_999, 100_000, u64::MAX];
        assert!(numbers.map(|number| keys.event(name(number))).is_sorted());
    }

    #[test]
    fn what_is_no_key_of_ours_names_nothing() {
        let keys = Keys::below("tidings");
        let good = keys.event(name(42));
        let cases = [
            String::new(),
            "tidings/event/".to_owned(),
            good.replace("00000000000000000042", "42"),
            good.replace("/0909", "/090"),
            good.replace("tidings", "other"),
            format!("{good}/x"),
            good.to_uppercase(),
            good.replace("0000000042", "+000000042"),
        ];
        for key in cases {
            assert_eq!(keys.read(key.as_bytes()), None, "{key}");
        }
        assert_eq!(keys.read(b"tidings/event/\xff"), None);
    }
}
