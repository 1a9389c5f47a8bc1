//! Where does the next page begin? Cursors as text.
//!
//! A letter that says which kind it is, then hexadecimal: a version byte, what the
//! cursor holds, and a CRC32C over letter and bytes, so that a cursor that was
//! cut, mistyped or meant for something else is told and not guessed at.

use std::fmt;
use std::str::FromStr;

use super::Order;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin, Position};

/// The version of cursors that is written.
const CURSOR_VERSION: u8 = 1;
const CRC_BYTES: usize = 4;

/// Where an event stands in every list, the same on every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListKey {
    /// [`crate::block::list_time`].
    pub time: Timestamp,
    /// Who took it.
    pub origin: Origin,
    /// Which start of it.
    pub boot: Boot,
    /// The how-manieth.
    pub seq: u64,
}

/// Where a page ended. As text: URL-safe, opaque, begins with `p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageCursor {
    /// The page begins after this key.
    pub key: ListKey,
    /// Going this way.
    pub order: Order,
}

/// Where a follower stands. As text: URL-safe, opaque, begins with `f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowCursor {
    /// The log it counts in.
    pub origin: Origin,
    /// The next position to look at.
    pub next: Position,
}

/// A cursor that cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {wanted} cursor {given:?}{hint}")]
pub struct BadCursor {
    /// `page` or `follow`.
    pub wanted: &'static str,
    /// What was given, cut to 80 characters.
    pub given: String,
    /// What it is instead, if that is known.
    pub hint: &'static str,
}

/// What differs between the two kinds.
struct Kind {
    letter: u8,
    name: &'static str,
    other: &'static str,
}

const PAGE: Kind = Kind {
    letter: b'p',
    name: "page",
    other: ": it is a follow cursor, which a stream goes on from; a list takes page cursors",
};
const FOLLOW: Kind = Kind {
    letter: b'f',
    name: "follow",
    other: ": it is a page cursor, which a list goes on from; a stream takes follow cursors",
};

impl fmt::Display for PageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListKey { time, origin, boot, seq } = self.key;
        let mut bytes = vec![CURSOR_VERSION, u8::from(self.order == Order::Ascending)];
        bytes.extend_from_slice(&time.as_nanos().to_be_bytes());
        bytes.extend_from_slice(&origin.to_bytes());
        bytes.extend_from_slice(&boot.to_bytes());
        bytes.extend_from_slice(&seq.to_be_bytes());
        write_sealed(f, &PAGE, bytes)
    }
}

impl FromStr for PageCursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<PageCursor, BadCursor> {
        let read = || {
            let (order, rest) =
                read_sealed(text, &PAGE)?.split_first().map(|(o, r)| (*o, r.to_vec()))?;
            let mut rest = rest.as_slice();
            let order = match order {
                0 => Order::Descending,
                1 => Order::Ascending,
                _ => return None,
            };
            let key = ListKey {
                time: Timestamp::from_nanos(i64::from_be_bytes(take(&mut rest)?)),
                origin: Origin::from_bytes(take(&mut rest)?),
                boot: Boot::from_bytes(take(&mut rest)?),
                seq: u64::from_be_bytes(take(&mut rest)?),
            };
            rest.is_empty().then_some(PageCursor { key, order })
        };
        read().ok_or_else(|| bad(text, &PAGE, &FOLLOW))
    }
}

impl fmt::Display for FollowCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![CURSOR_VERSION];
        bytes.extend_from_slice(&self.origin.to_bytes());
        bytes.extend_from_slice(&self.next.0.to_be_bytes());
        write_sealed(f, &FOLLOW, bytes)
    }
}

impl FromStr for FollowCursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<FollowCursor, BadCursor> {
        let read = || {
            let bytes = read_sealed(text, &FOLLOW)?;
            let mut rest = bytes.as_slice();
            let origin = Origin::from_bytes(take(&mut rest)?);
            let next = Position(u64::from_be_bytes(take(&mut rest)?));
            rest.is_empty().then_some(FollowCursor { origin, next })
        };
        read().ok_or_else(|| bad(text, &FOLLOW, &PAGE))
    }
}

fn write_sealed(f: &mut fmt::Formatter<'_>, kind: &Kind, mut bytes: Vec<u8>) -> fmt::Result {
    bytes.extend_from_slice(&crc(kind, &bytes).to_be_bytes());
    write!(f, "{}", char::from(kind.letter))?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// What stands between version and checksum.
fn read_sealed(text: &str, kind: &Kind) -> Option<Vec<u8>> {
    let hex = text.as_bytes().strip_prefix(&[kind.letter])?;
    let bytes: Vec<u8> = hex.chunks(2).map(byte_of).collect::<Option<_>>()?;
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(CRC_BYTES)?)?;
    let (version, content_after) = content.split_first()?;
    let whole = *version == CURSOR_VERSION && sum == crc(kind, content).to_be_bytes();
    whole.then(|| content_after.to_vec())
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |c: &u8| char::from(*c).to_digit(16).filter(|_| !c.is_ascii_uppercase());
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

fn crc(kind: &Kind, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&[kind.letter]), bytes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*front)
}

fn bad(text: &str, wanted: &Kind, other: &Kind) -> BadCursor {
    let hint = if read_sealed(text, other).is_some() {
        wanted.other
    } else {
        ": take it unchanged from an earlier answer, or leave it out"
    };
    BadCursor { wanted: wanted.name, given: text.chars().take(80).collect(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> PageCursor {
        let key = ListKey {
            time: Timestamp::from_nanos(-5),
            origin: Origin::from_bytes([7; 16]),
            boot: Boot::from_bytes([9; 8]),
            seq: u64::MAX,
        };
        PageCursor { key, order: Order::Ascending }
    }

    fn follow() -> FollowCursor {
        FollowCursor { origin: Origin::from_bytes([7; 16]), next: Position(42) }
    }

    #[test]
    fn cursors_survive_text() {
        assert_eq!(page().to_string().parse(), Ok(page()));
        assert_eq!(follow().to_string().parse(), Ok(follow()));
        assert!(page().to_string().starts_with('p') && follow().to_string().starts_with('f'));
    }

    #[test]
    fn a_cursor_of_the_other_kind_is_told_so() {
        let error = page().to_string().parse::<FollowCursor>().unwrap_err().to_string();
        assert!(error.contains("it is a page cursor"), "{error}");

        let error = follow().to_string().parse::<PageCursor>().unwrap_err().to_string();
        assert!(error.contains("it is a follow cursor"), "{error}");
    }

    #[test]
    fn no_changed_character_goes_unnoticed() {
        let text = follow().to_string();
        for at in 0..text.len() {
            for new in ['0', 'e', 'p', 'x', 'é'] {
                let mut changed: Vec<char> = text.chars().collect();
                changed[at] = new;
                let changed: String = changed.into_iter().collect();
                assert!(changed == text || changed.parse::<FollowCursor>().is_err(), "{changed}");
            }
            assert!(text[..at].parse::<FollowCursor>().is_err());
        }
        assert!("".parse::<PageCursor>().is_err());
    }
}
