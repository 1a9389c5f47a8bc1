//! How far does the log reach, for an answer that has no room to say so?
//!
//! Documents carry their coverage as a member. Lines and single events carry the
//! short of it in a header, which is known before the first byte is sent: damage
//! that is met on the way is told by the next answer.

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue};
use tidings::Coverage;

const NAME: HeaderName = HeaderName::from_static("tidings-coverage");

/// The header, a dictionary of structured fields (RFC 9651). `missing` are the
/// events of all gaps; it is left out when nobody knows how many they are.
pub(super) fn header(coverage: &Coverage) -> (HeaderName, HeaderValue) {
    let mut text = format!(
        "complete=?{}, retention={}, gaps={}",
        u8::from(coverage.complete),
        coverage.retention_seconds,
        coverage.gaps.len()
    );
    if let Some(missing) = coverage.gaps.iter().map(|gap| gap.events).sum::<Option<u64>>() {
        // Writing to a string cannot fail.
        let _ = write!(text, ", missing={missing}");
    }
    for (name, at) in [("oldest", coverage.oldest), ("newest", coverage.newest)] {
        if let Some(at) = at {
            let _ = write!(text, ", {name}=\"{at}\"");
        }
    }
    let value = HeaderValue::try_from(text);
    (NAME, value.unwrap_or_else(|_| HeaderValue::from_static("complete=?0")))
}

#[cfg(test)]
mod tests {
    use tidings::Missing;

    use super::*;

    fn missing(events: Option<u64>) -> Missing {
        Missing { origin: None, boot: None, from: None, to: None, events, reason: "damaged" }
    }

    fn told(gaps: Vec<Missing>) -> String {
        let at = "2026-11-22T10:00:00Z".parse().ok();
        let coverage = Coverage {
            oldest: at,
            newest: at,
            retention_seconds: 86_400,
            complete: gaps.is_empty(),
            gaps,
            cut_by: None,
            seen_through: Vec::new(),
        };
        header(&coverage).1.to_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_missing_is_counted_where_that_is_known() {
        assert_eq!(
            told(vec![missing(Some(3)), missing(Some(4))]),
            "complete=?0, retention=86400, gaps=2, missing=7, \
             oldest=\"2026-11-22T10:00:00Z\", newest=\"2026-11-22T10:00:00Z\""
        );
        assert!(told(vec![]).starts_with("complete=?1, retention=86400, gaps=0, missing=0, "));
        assert!(!told(vec![missing(Some(3)), missing(None)]).contains("missing"));
    }
}
