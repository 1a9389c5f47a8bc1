//! Where does the next page begin? Cursors as text.
//!
//! A letter that says which kind it is, then hexadecimal: a version byte, what the
//! cursor holds, and a CRC32C over letter and bytes, so that a cursor that was
//! cut, mistyped or meant for something else is told and not guessed at.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::Order;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin, Position};
use crate::log::{PASSED_STRETCHES_MAX, Passed, Stretch};

/// The version of cursors that mean something in one log only.
const CURSOR_VERSION: u8 = 1;
/// The version of follow cursors that say what was [`Passed`] as well.
const PASSED_VERSION: u8 = 2;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowCursor {
    /// The log it counts in.
    pub origin: Origin,
    /// The next position to look at.
    pub next: Position,
    /// What another member of the log's cluster needs to go on from here. `None`
    /// without a cluster, and for a place so old that nobody knows any more.
    pub passed: Option<Arc<Passed>>,
}

impl FollowCursor {
    /// A cursor that means something in this log only.
    pub const fn new(origin: Origin, next: Position) -> FollowCursor {
        FollowCursor { origin, next, passed: None }
    }
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
            let (CURSOR_VERSION, bytes) = read_sealed(text, &PAGE)? else { return None };
            let mut rest = bytes.as_slice();
            let order = match take(&mut rest)? {
                [0] => Order::Descending,
                [1] => Order::Ascending,
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
        let version = if self.passed.is_some() { PASSED_VERSION } else { CURSOR_VERSION };
        let mut bytes = vec![version];
        bytes.extend_from_slice(&self.origin.to_bytes());
        bytes.extend_from_slice(&self.next.0.to_be_bytes());
        if let Some(passed) = &self.passed {
            write_passed(&mut bytes, passed);
        }
        write_sealed(f, &FOLLOW, bytes)
    }
}

impl FromStr for FollowCursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<FollowCursor, BadCursor> {
        let read = || {
            let (version, bytes) = read_sealed(text, &FOLLOW)?;
            let mut rest = bytes.as_slice();
            let origin = Origin::from_bytes(take(&mut rest)?);
            let next = Position(u64::from_be_bytes(take(&mut rest)?));
            let passed = match version {
                CURSOR_VERSION => None,
                PASSED_VERSION => Some(Arc::new(read_passed(&mut rest)?)),
                _ => return None,
            };
            rest.is_empty().then_some(FollowCursor { origin, next, passed })
        };
        read().ok_or_else(|| bad(text, &FOLLOW, &PAGE))
    }
}

fn write_passed(bytes: &mut Vec<u8>, passed: &Passed) {
    bytes.extend_from_slice(&passed.cluster.to_be_bytes());
    bytes.extend_from_slice(&passed.horizon.as_nanos().to_be_bytes());
    bytes.push(u8::from(passed.whole));
    for stretch in &passed.stretches {
        bytes.extend_from_slice(&stretch.boot.to_bytes());
        write_number(bytes, stretch.from);
        write_number(bytes, stretch.to);
        write_number(bytes, stretch.received.since(passed.horizon).as_secs());
    }
}

fn read_passed(rest: &mut &[u8]) -> Option<Passed> {
    let cluster = u64::from_be_bytes(take(rest)?);
    let horizon = Timestamp::from_nanos(i64::from_be_bytes(take(rest)?));
    let whole = match take(rest)? {
        [0] => false,
        [1] => true,
        _ => return None,
    };
    let mut stretches = Vec::new();
    while !rest.is_empty() && stretches.len() < PASSED_STRETCHES_MAX {
        let boot = Boot::from_bytes(take(rest)?);
        let (from, to) = (read_number(rest)?, read_number(rest)?);
        let seconds = read_number(rest)?;
        let received = horizon.after(Duration::from_secs(seconds));
        if received.since(horizon).as_secs() != seconds {
            return None;
        }
        stretches.push(Stretch { boot, from, to, received });
    }
    Some(Passed { cluster, horizon, whole, stretches })
}

/// Seven bits a byte, low ones first; all bytes but the last have the high bit.
fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let [byte] = take(rest)?;
        let bits = u64::from(byte & 0x7f);
        number |= bits << shift;
        // One text for one cursor.
        let padded = byte == 0 && shift > 0;
        if padded || bits << shift >> shift != bits {
            return None;
        }
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn write_sealed(f: &mut fmt::Formatter<'_>, kind: &Kind, mut bytes: Vec<u8>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.extend_from_slice(&crc(kind, &bytes).to_be_bytes());
    let mut text = String::with_capacity(1 + 2 * bytes.len());
    text.push(char::from(kind.letter));
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    f.write_str(&text)
}

/// The version, and what stands between it and the checksum.
fn read_sealed(text: &str, kind: &Kind) -> Option<(u8, Vec<u8>)> {
    let hex = text.as_bytes().strip_prefix(&[kind.letter])?;
    let bytes: Vec<u8> = hex.chunks(2).map(byte_of).collect::<Option<_>>()?;
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(CRC_BYTES)?)?;
    let (version, content_after) = content.split_first()?;
    let whole = sum == crc(kind, content).to_be_bytes();
    whole.then(|| (*version, content_after.to_vec()))
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
        FollowCursor::new(Origin::from_bytes([7; 16]), Position(42))
    }

    fn in_a_cluster() -> FollowCursor {
        let horizon = Timestamp::from_nanos(5_000_000_000);
        let stretch = |boot: u8, from, to| Stretch {
            boot: Boot::from_bytes([boot; 8]),
            from,
            to,
            received: horizon.after(Duration::from_hours(20)),
        };
        let stretches = vec![stretch(1, 0, 127), stretch(2, 128, u64::MAX)];
        let passed = Passed { cluster: u64::MAX, horizon, whole: true, stretches };
        FollowCursor { passed: Some(Arc::new(passed)), ..follow() }
    }

    #[test]
    fn cursors_survive_text() {
        assert_eq!(page().to_string().parse(), Ok(page()));
        assert_eq!(follow().to_string().parse(), Ok(follow()));
        assert_eq!(in_a_cluster().to_string().parse(), Ok(in_a_cluster()));
        assert!(page().to_string().starts_with('p') && follow().to_string().starts_with('f'));
    }

    /// Cursors stand in files and scripts.
    #[test]
    fn without_a_cluster_the_text_is_what_it_always_was() {
        let text = "f0107070707070707070707070707070707000000000000002a6c9c8a46";
        assert_eq!((follow().to_string().as_str(), text.parse()), (text, Ok(follow())));
    }

    #[test]
    fn a_cursor_of_a_later_version_is_refused() {
        struct Later;
        impl fmt::Display for Later {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut bytes = vec![PASSED_VERSION + 1];
                bytes.extend_from_slice(&[0; 24]);
                write_sealed(f, &FOLLOW, bytes)
            }
        }

        assert!(Later.to_string().parse::<FollowCursor>().is_err());
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
        let text = in_a_cluster().to_string();
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
