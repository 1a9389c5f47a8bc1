//! Which one is it?
//!
//! (origin, boot, seq) names an event for ever; [`EventId`] is the same name in
//! the 128 bits of a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds and
//! 12 bits of their fraction from the time of `add`, 30 bits of boot, 32 bits of
//! sequence.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::clock::Timestamp;

/// Who really took an event: the random id of a log (a server's data directory)
/// or of a recorder. Set by tidings alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(u128);

/// One start of an origin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boot(u64);

/// Where an event stands in one log's order of arrival: dense, from 0, local to
/// that log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The position `count` places later.
    #[must_use]
    pub fn plus(self, count: u64) -> Position {
        Position(self.0.saturating_add(count))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({})", self.0)
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw a random id: the operating system gave no random bytes ({0})")]
pub struct NoRandomness(String);

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
    Ok(bytes)
}

impl Origin {
    /// Draws a new one.
    ///
    /// # Errors
    ///
    /// The operating system gave no random bytes.
    pub fn random() -> Result<Origin, NoRandomness> {
        random().map(Origin::from_bytes)
    }

    /// From its 16 bytes, big end first.
    pub const fn from_bytes(bytes: [u8; 16]) -> Origin {
        Origin(u128::from_be_bytes(bytes))
    }

    /// Its 16 bytes, big end first.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl Boot {
    /// Draws a new one.
    ///
    /// # Errors
    ///
    /// The operating system gave no random bytes.
    pub fn random() -> Result<Boot, NoRandomness> {
        random().map(Boot::from_bytes)
    }

    /// From its 8 bytes, big end first.
    pub const fn from_bytes(bytes: [u8; 8]) -> Boot {
        Boot(u64::from_be_bytes(bytes))
    }

    /// Its 8 bytes, big end first.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {what} {given:?}: expected {expected}")]
pub struct BadId {
    /// Which kind of id was wanted.
    pub what: &'static str,
    /// What it looks like.
    pub expected: &'static str,
    /// What was given, cut to 60 characters.
    pub given: String,
}

macro_rules! hex_id {
    ($name:ident, $digits:literal, $int:ty, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $digits, "x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<$name, BadId> {
                let hex = text.len() == $digits && text.bytes().all(|b| b.is_ascii_hexdigit());
                hex.then(|| <$int>::from_str_radix(text, 16).ok()).flatten().map($name).ok_or_else(
                    || BadId {
                        what: $what,
                        expected: concat!(stringify!($digits), " hexadecimal digits"),
                        given: text.chars().take(60).collect(),
                    },
                )
            }
        }
    };
}

hex_id!(Origin, 32, u128, "an origin");
hex_id!(Boot, 16, u64, "a boot");

/// An event's name for people and URLs: a UUIDv7.
///
/// Made of the time of `add`, the boot and the sequence number, so a log finds
/// the event again without an index of random bytes, and ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(u128);

const NANOS_PER_MILLI: i64 = 1_000_000;
const BOOT_BITS: u32 = 30;

impl EventId {
    /// The id of the event that `boot` took as number `seq` at `added`. Times
    /// before 1970 count as 1970.
    pub fn new(added: Timestamp, boot: Boot, seq: u64) -> EventId {
        let nanos = added.as_nanos().max(0);
        let millis = (nanos / NANOS_PER_MILLI).unsigned_abs();
        // RFC 9562, section 6.2, method 3: the fraction of a millisecond in 12 bits.
        let fraction = ((nanos % NANOS_PER_MILLI) << 12).unsigned_abs() / 1_000_000;
        let high = millis << 16 | 0x7000 | fraction;
        let low = 0b10 << 62 | (boot.0 & ((1 << BOOT_BITS) - 1)) << 32 | (seq & 0xffff_ffff);
        EventId(u128::from(high) << 64 | u128::from(low))
    }

    /// Its 16 bytes, big end first.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From its 16 bytes, big end first. Any bytes will do.
    pub const fn from_bytes(bytes: [u8; 16]) -> EventId {
        EventId(u128::from_be_bytes(bytes))
    }

    /// The span in which the event was added, its end excluded: 12 bits tell a
    /// quarter of a microsecond apart.
    pub fn added(self) -> (Timestamp, Timestamp) {
        let millis = i64::try_from(self.0 >> 80).unwrap_or(i64::MAX);
        let fraction = ((self.0 >> 64) & 0xfff) as i64;
        let start = millis.saturating_mul(NANOS_PER_MILLI);
        let from = (fraction * NANOS_PER_MILLI) >> 12;
        // Rounded up: the last whole nanosecond of the span belongs to it.
        let until = ((fraction + 1) * NANOS_PER_MILLI + 0xfff) >> 12;
        let at = |nanos: i64| Timestamp::from_nanos(start.saturating_add(nanos));
        (at(from), at(until))
    }

    /// The low 32 bits of the sequence number.
    pub fn seq_low(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for EventId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<EventId, BadId> {
        let dashes = [8, 13, 18, 23];
        let shaped = text.len() == 36
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| if dashes.contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() });
        shaped
            .then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok())
            .flatten()
            .map(EventId)
            .ok_or_else(|| BadId {
                what: "an event id",
                expected: "a UUID such as 019aab3c-7d2e-7c41-9a3b-1f2e00000001",
                given: text.chars().take(60).collect(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot() -> Boot {
        Boot::from_bytes([0xff; 8])
    }

    #[test]
    fn an_id_is_a_uuid_of_version_seven() {
        let id = EventId::new("2026-11-22T10:45:57.077124279Z".parse().unwrap(), boot(), 7);

        let text = id.to_string();
        assert_eq!(&text[14..15], "7");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
        assert_eq!(text.parse::<EventId>().unwrap(), id);
        assert_eq!(id.seq_low(), 7);
    }

    #[test]
    fn ids_of_one_instant_sort_by_sequence_and_ids_sort_by_time() {
        let at = Timestamp::from_nanos(1_700_000_000_000_000_000);
        let later = Timestamp::from_nanos(1_700_000_000_000_001_000);

        assert!(EventId::new(at, boot(), 1) < EventId::new(at, boot(), 2));
        assert!(EventId::new(at, boot(), 9) < EventId::new(later, boot(), 1));
    }

    /// The end of the span was rounded down once, so that one event in 244, added
    /// in the last nanosecond of its quarter of a microsecond, was not found by
    /// its id.
    #[test]
    fn every_nanosecond_of_a_millisecond_lies_in_the_span_of_its_id() {
        let start = "2026-11-22T10:45:57.077Z".parse::<Timestamp>().unwrap().as_nanos();
        for nanos in 0..1_000_000 {
            let at = Timestamp::from_nanos(start + nanos);

            let (from, until) = EventId::new(at, boot(), 1).added();

            assert!(from <= at && at < until, "{from} {at} {until}");
            assert!(until.since(from) <= std::time::Duration::from_nanos(246), "{from} {until}");
        }
    }

    #[test]
    fn texts_that_are_no_ids_are_named() {
        for text in
            ["", "x", "019aab3c7d2e7c419a3b1f2e00000001", "+19aab3c-7d2e-7c41-9a3b-1f2e00000001"]
        {
            assert!(text.parse::<EventId>().unwrap_err().to_string().contains("an event id"));
        }
        assert!("+1".repeat(16).parse::<Origin>().is_err());
    }
}
