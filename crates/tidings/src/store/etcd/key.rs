//! Under which keys does a log stand in etcd?
//!
//! `<prefix>/event/<origin>/<boot>/<block number>`: dense per boot, so a hole is a
//! gap with a name; in the order of their numbers, which have twenty digits. One
//! etcd role for each origin is possible: it writes `<prefix>/event/<origin>/`,
//! `<prefix>/claim/<origin>` and `<prefix>/member/<origin>`, and reads all.

use crate::id::Origin;
use crate::store::BlockName;

/// Digits of a block number in a key: as many as the largest needs.
const NUMBER_DIGITS: usize = 20;

/// The names below one prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

/// What stands under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Block(BlockName),
    Member(Origin),
    /// Something that nobody here reads: a claim, a probe, or what a later version
    /// keeps.
    Aside,
    /// A key among blocks or members that nobody writes.
    Nothing,
}

impl Keys {
    pub(super) fn below(prefix: &str) -> Keys {
        Keys { prefix: prefix.to_owned() }
    }

    /// What all keys begin with.
    pub(super) fn all(&self) -> String {
        format!("{}/", self.prefix)
    }

    /// What all blocks' keys begin with.
    pub(super) fn events(&self) -> String {
        format!("{}/event/", self.prefix)
    }

    /// What the keys of a boot's blocks begin with.
    pub(super) fn boot(&self, BlockName { origin, boot, .. }: BlockName) -> String {
        format!("{}/event/{origin}/{boot}/", self.prefix)
    }

    pub(super) fn event(&self, name: BlockName) -> String {
        let BlockName { origin, boot, number } = name;
        format!("{}/event/{origin}/{boot}/{number:0NUMBER_DIGITS$}", self.prefix)
    }

    /// The key whose holder may write the blocks of an origin.
    pub(super) fn claim(&self, origin: Origin) -> String {
        format!("{}/claim/{origin}", self.prefix)
    }

    fn members(&self) -> String {
        format!("{}/member/", self.prefix)
    }

    /// The key under which a member says how it is.
    pub(super) fn member(&self, origin: Origin) -> String {
        format!("{}/member/{origin}", self.prefix)
    }

    /// The key of writes that only find out whether writes succeed again.
    pub(super) fn probe(&self) -> String {
        format!("{}/probe", self.prefix)
    }

    pub(super) fn read(&self, key: &[u8]) -> Named {
        if key.starts_with(self.events().as_bytes()) {
            return self.block(key).map_or(Named::Nothing, Named::Block);
        }
        if key.starts_with(self.members().as_bytes()) {
            return self.member_of(key).map_or(Named::Nothing, Named::Member);
        }
        Named::Aside
    }

    /// The key behind the next so many blocks of the boot of this key; `None` if it
    /// is no block's.
    pub(super) fn beyond(&self, key: &[u8], blocks: u64) -> Option<String> {
        let Named::Block(name) = self.read(key) else { return None };
        let number = name.number.checked_add(blocks)?.checked_add(1)?;
        Some(self.event(BlockName { number, ..name }))
    }

    fn block(&self, key: &[u8]) -> Option<BlockName> {
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

    fn member_of(&self, key: &[u8]) -> Option<Origin> {
        let key = std::str::from_utf8(key).ok()?;
        let origin = key.strip_prefix(&self.members())?.parse().ok()?;
        (self.member(origin) == key).then_some(origin)
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
            let named = keys.read(keys.event(name(number)).as_bytes());
            assert_eq!(named, Named::Block(name(number)));
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
    fn so_many_blocks_stand_before_the_key_beyond() {
        let keys = Keys::below("tidings");
        let beyond = |number| keys.beyond(keys.event(name(number)).as_bytes(), 64);

        assert_eq!(beyond(7), Some(keys.event(name(72))));
        assert_eq!(beyond(u64::MAX - 64), None, "no number is behind the last");
        assert_eq!(keys.beyond(b"tidings/event/x", 64), None);
    }

    #[test]
    fn a_key_names_its_member() {
        let (keys, origin) = (Keys::below("tidings"), name(1).origin);

        assert_eq!(keys.read(keys.member(origin).as_bytes()), Named::Member(origin));
    }

    #[test]
    fn a_key_among_ours_that_nobody_writes_names_nothing() {
        let keys = Keys::below("tidings");
        let (block, member) = (keys.event(name(42)), keys.member(name(42).origin));
        let cases = [
            "tidings/event/".to_owned(),
            block.replace("00000000000000000042", "42"),
            block.replace("/0909", "/090"),
            format!("{block}/x"),
            block.replace("0000000042", "+000000042"),
            block.replace("0707", "070A"),
            "tidings/member/".to_owned(),
            format!("{member}/x"),
            member.replace("0707", "070"),
            member.replace("0707", "070A"),
        ];
        for key in cases {
            assert_eq!(keys.read(key.as_bytes()), Named::Nothing, "{key}");
        }
        assert_eq!(keys.read(b"tidings/event/\xff"), Named::Nothing);
    }

    #[test]
    fn what_others_keep_is_passed_over() {
        let keys = Keys::below("tidings");
        let claim = keys.claim(name(1).origin);
        for key in [&claim, &keys.probe(), "tidings/later/x", "other/event/x", ""] {
            assert_eq!(keys.read(key.as_bytes()), Named::Aside, "{key}");
        }
    }
}
