//! Who is there, and how far is it? What each member says of itself, under a key
//! of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::BadValue;
use crate::clock::Timestamp;
use crate::event::validate_member;
use crate::id::{Boot, Origin};

/// The format of presences that is written.
pub const PRESENCE_FORMAT: u32 = 1;
/// Bytes of a presence that a reader accepts.
pub const PRESENCE_BYTES_MAX: usize = 16 * 1024;
/// Reasons of unshared events in one presence, at most.
pub const PRESENCE_REASONS_MAX: usize = 32;
/// Bytes of such a reason or of the version, at most.
pub const PRESENCE_TEXT_BYTES_MAX: usize = 64;

/// What a member says of itself.
///
/// Names that a later version adds are passed over by an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// [`PRESENCE_FORMAT`].
    pub format: u32,
    /// What it is called, 1 to [`crate::event::MEMBER_BYTES_MAX`] bytes.
    pub member: String,
    /// The origin of what it records.
    pub origin: Origin,
    /// Its present start.
    pub boot: Boot,
    /// The version of tidings.
    pub version: String,
    /// Its clock when it said so.
    pub at: Timestamp,
    /// All that it received before this is published, or counted in `unshared`.
    pub through: Timestamp,
    /// The number of the last publication of this boot; 0 before the first.
    pub published: u64,
    /// Events that wait to be published.
    pub waiting: u64,
    /// Events of this boot that others will not get, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unshared: BTreeMap<String, u64>,
    /// The revision up to which it has applied what others put there.
    pub applied: i64,
    /// It said goodbye: nothing more comes from this boot.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
}

/// As it is read, before anything of it is believed.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    member: Cow<'a, str>,
    #[serde(borrow)]
    origin: Cow<'a, str>,
    #[serde(borrow)]
    boot: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    at: Timestamp,
    through: Timestamp,
    published: u64,
    waiting: u64,
    #[serde(default)]
    unshared: BTreeMap<String, u64>,
    applied: i64,
    #[serde(default)]
    left: bool,
}

/// The value of a presence.
///
/// # Errors
///
/// A name is too long, or there are too many reasons.
pub(super) fn write(presence: &Presence) -> Result<Vec<u8>, BadValue> {
    check(presence)?;
    // Writing to memory cannot fail.
    Ok(serde_json::to_vec(presence).unwrap_or_default())
}

/// The presence that stands under the key of this origin.
///
/// # Errors
///
/// It is not what [`write`] makes, but for names that are not known here.
pub(super) fn read(origin: Origin, value: &[u8]) -> Result<Presence, BadValue> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    if value.len() > PRESENCE_BYTES_MAX {
        let problem = format!("{} bytes, at most {PRESENCE_BYTES_MAX} are read", value.len());
        return Err(BadValue::Presence(problem));
    }
    let bad = |error: serde_json::Error| BadValue::Presence(error.to_string());
    // Before anything else: a later format may have other names.
    let Format { format } = serde_json::from_slice(value).map_err(bad)?;
    if format != PRESENCE_FORMAT {
        return Err(BadValue::NewerFormat { found: format });
    }
    let said: Said<'_> = serde_json::from_slice(value).map_err(bad)?;
    if said.origin != origin.to_string() {
        let (said, named) = (said.origin.chars().take(60).collect(), origin.to_string());
        return Err(BadValue::OtherName { said, named });
    }
    let boot: Result<Boot, _> = said.boot.parse();
    let presence = Presence {
        format,
        member: said.member.into_owned(),
        origin,
        boot: boot.map_err(|error| BadValue::Presence(error.to_string()))?,
        version: said.version.into_owned(),
        at: said.at,
        through: said.through,
        published: said.published,
        waiting: said.waiting,
        unshared: said.unshared,
        applied: said.applied,
        left: said.left,
    };
    check(&presence)?;
    Ok(presence)
}

fn check(presence: &Presence) -> Result<(), BadValue> {
    let bad = |problem: String| Err(BadValue::Presence(problem));
    let Presence { format, member, version, unshared, applied, .. } = presence;
    if *format != PRESENCE_FORMAT {
        return Err(BadValue::NewerFormat { found: *format });
    }
    if let Err(invalid) = validate_member(member) {
        return bad(invalid.to_string());
    }
    let texts = std::iter::once(version).chain(unshared.keys());
    for text in texts {
        if text.len() > PRESENCE_TEXT_BYTES_MAX || has_controls(text) {
            let shown: String = text.chars().take(60).collect();
            return bad(format!("{shown:?} has over {PRESENCE_TEXT_BYTES_MAX} bytes, or controls"));
        }
    }
    if unshared.len() > PRESENCE_REASONS_MAX {
        return bad(format!("{} reasons, at most {PRESENCE_REASONS_MAX}", unshared.len()));
    }
    if *applied < 0 {
        return bad(format!("applied is {applied}; revisions are not negative"));
    }
    Ok(())
}

fn has_controls(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MEMBER_BYTES_MAX;

    const AT: Timestamp = Timestamp::from_nanos(1_795_341_600_000_000_000);
    const ORIGIN: Origin = Origin::from_bytes([7; 16]);

    fn presence() -> Presence {
        Presence {
            format: PRESENCE_FORMAT,
            member: "db1".to_owned(),
            origin: ORIGIN,
            boot: Boot::from_bytes([9; 8]),
            version: "0.1.0".to_owned(),
            at: AT,
            through: AT,
            published: 7,
            waiting: 3,
            unshared: [("shed".to_owned(), 2)].into(),
            applied: 41,
            left: false,
        }
    }

    #[test]
    fn a_presence_is_read_back_as_it_was_said() {
        let full = presence();
        let bare = Presence { unshared: BTreeMap::new(), left: true, ..presence() };
        for said in [full, bare] {
            assert_eq!(read(ORIGIN, &write(&said).unwrap()), Ok(said));
        }
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let text = String::from_utf8(write(&presence()).unwrap()).unwrap();
        let later = text.replace("\"at\":", "\"mood\":{\"good\":true},\"at\":");

        assert_eq!(read(ORIGIN, later.as_bytes()), Ok(presence()));
    }

    #[test]
    fn a_presence_with_something_wrong_is_refused() {
        let good = String::from_utf8(write(&presence()).unwrap()).unwrap();
        let cases = [
            ("\"format\":1", "\"format\":2"),
            ("\"member\":\"db1\"", "\"member\":\"\""),
            ("0707", "0808"),
            ("0909", "09zz"),
            ("\"applied\":41", "\"applied\":-1"),
            ("\"published\":7", "\"published\":-7"),
            ("\"waiting\":3", "\"waiting\":1e99"),
            ("\"shed\"", "\"sh\\u0000ed\""),
            ("\"at\":", "\"then\":"),
            ("}", ""),
        ];
        for (from, to) in cases {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from} is there");
            assert!(read(ORIGIN, bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(read(ORIGIN, b"\xff").is_err());
    }

    #[test]
    fn each_limit_of_a_presence_is_its_limit() {
        let reasons = |count: usize| (0..count).map(|i| (format!("reason {i}"), 1)).collect();
        for (over, taken) in [(0, true), (1, false)] {
            let text = |limit: usize| "x".repeat(limit + over);
            let cases = [
                Presence { member: text(MEMBER_BYTES_MAX), ..presence() },
                Presence { version: text(PRESENCE_TEXT_BYTES_MAX), ..presence() },
                Presence { unshared: [(text(PRESENCE_TEXT_BYTES_MAX), 1)].into(), ..presence() },
                Presence { unshared: reasons(PRESENCE_REASONS_MAX + over), ..presence() },
            ];
            for said in cases {
                assert_eq!(write(&said).is_ok(), taken, "{said:?}");
            }
        }
    }

    #[test]
    fn the_longest_presence_that_is_written_is_read() {
        let reasons = (0..PRESENCE_REASONS_MAX).map(|i| (format!("{i:0>64}"), u64::MAX));
        let longest = Presence {
            member: "\"".repeat(MEMBER_BYTES_MAX),
            version: "\"".repeat(PRESENCE_TEXT_BYTES_MAX),
            unshared: reasons.collect(),
            ..presence()
        };
        let padded = [write(&longest).unwrap(), vec![b' '; PRESENCE_BYTES_MAX]].concat();

        assert_eq!(read(ORIGIN, &padded[..PRESENCE_BYTES_MAX]), Ok(longest));
        assert!(read(ORIGIN, &padded[..=PRESENCE_BYTES_MAX]).is_err());
    }
}
