//! Which rule does an event break?

/// A field of an event that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// The JSON name of the field; `event` for the whole.
    pub field: &'static str,
    /// The rule it breaks.
    pub problem: Problem,
}

impl Invalid {
    /// Whether size alone is the trouble (HTTP says 413 to that, 422 to the rest).
    pub fn is_too_large(&self) -> bool {
        self.field == "event" || (self.field == "message" && self.is_too_long())
    }

    fn is_too_long(&self) -> bool {
        matches!(self.problem, Problem::TooLong { .. })
    }
}

/// The rule that a field of an event breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing where something is required.
    #[error("must not be empty")]
    Empty,
    /// It is not there at all.
    #[error("is required")]
    Missing,
    /// Over its limit in bytes.
    #[error("{bytes} bytes, at most {limit} are kept")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Over its limit in number.
    #[error("{count} names, at most {limit} are kept")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Values within values within values.
    #[error("nested too deeply, at most {limit} levels are kept")]
    TooDeep {
        /// How deep it may be.
        limit: usize,
    },
    /// A type with a newline, a NUL, an escape.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// The type begins with [`super::RESERVED_TYPE_PREFIX`].
    #[error("types that begin with `tidings.` are written by tidings alone; choose another")]
    Reserved,
    /// It does not read as what it should be.
    #[error("{0}")]
    Malformed(String),
}
