//! How do bytes become events, and events bytes? One file for each format.

pub mod json;
pub mod ndjson;
pub mod text;

use tidings::{Event, Invalid, Problem};

/// The events of a body in its order, or what is wrong with each.
pub type Entries = Vec<Result<Event, Unread>>;

/// Why one event was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Unread {
    /// What is wrong, in words.
    pub error: String,
    /// The JSON name of the field that breaks a rule, if it is one.
    pub field: Option<String>,
    /// How bad it is.
    pub fault: Fault,
}

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes do not parse.
    Malformed,
    /// They parse, and a value breaks a rule.
    Invalid,
    /// Over a limit in bytes.
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl Unread {
    /// Bytes that do not parse.
    pub fn malformed(error: impl Into<String>) -> Unread {
        Unread { error: error.into(), field: None, fault: Fault::Malformed }
    }

    /// A field that breaks a rule.
    pub fn invalid(field: &str, error: impl Into<String>) -> Unread {
        Unread { error: error.into(), field: Some(field.to_owned()), fault: Fault::Invalid }
    }
}

impl From<Invalid> for Unread {
    fn from(invalid: Invalid) -> Unread {
        let limit = match invalid.problem {
            Problem::TooLong { limit, .. } if invalid.is_too_large() => Some(limit),
            _ => None,
        };
        Unread {
            error: invalid.to_string(),
            field: Some(invalid.field.to_owned()),
            fault: limit.map_or(Fault::Invalid, |limit| Fault::TooLarge { limit }),
        }
    }
}

/// Why nothing of a body was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// Nothing but white space.
    #[error("the body is empty")]
    Empty,
    /// The document as a whole does not parse.
    #[error("{0}")]
    Malformed(String),
    /// More events than one request may bring.
    #[error(
        "the body has more than {limit} events; event {limit}, counted from 0, is one too many"
    )]
    TooMany {
        /// How many it may bring.
        limit: usize,
    },
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// JSON may not begin with a byte order mark (RFC 8259, section 8.1).
fn refuse_byte_order_mark(body: &[u8]) -> Result<(), BadBody> {
    if body.starts_with(BYTE_ORDER_MARK) {
        let detail = "the body begins with a byte order mark; send UTF-8 without one";
        return Err(BadBody::Malformed(detail.to_owned()));
    }
    Ok(())
}
