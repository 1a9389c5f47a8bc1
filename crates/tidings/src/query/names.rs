//! Who spoke, and of what, from when to when?

use std::collections::BTreeMap;

use super::QueryError;
use super::filter::{Filter, Plan};
use super::walk::{Gather, Row, Walk};
use crate::block::FormatError;
use crate::clock::Timestamp;
use crate::log::{Coverage, Log};

/// Names of one answer, at most.
pub const NAMES_MAX: usize = 100_000;

/// Whose names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NameOf {
    /// Members.
    #[default]
    Member,
    /// Types.
    Type,
}

/// A question for names. The default asks for all members that are kept.
#[derive(Clone, Debug, Default)]
pub struct NamesQuery {
    /// Which events.
    pub filter: Filter,
    /// From this list time on, included.
    pub since: Option<Timestamp>,
    /// Up to this list time, excluded.
    pub until: Option<Timestamp>,
    /// Whose names.
    pub by: NameOf,
}

/// The names that occur.
#[derive(Clone, Debug, PartialEq)]
pub struct Names {
    /// Sorted by name.
    pub names: Vec<NameSeen>,
    /// There are more than [`NAMES_MAX`]; those that arrived first are told.
    pub truncated: bool,
    /// What the log can answer for.
    pub coverage: Coverage,
}

/// A name, and what is known of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameSeen {
    /// A member or a type.
    pub name: String,
    /// How many events that match.
    pub count: u64,
    /// The list time of the earliest.
    pub first: Timestamp,
    /// The list time of the latest.
    pub last: Timestamp,
}

impl Log {
    /// Lists the members or types of the events that match: how many events each
    /// has, and when the first and the last was.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn names(&self, query: &NamesQuery) -> Result<Names, QueryError> {
        let plan = Plan::new(&query.filter);
        let window = self.window_between(query.since, query.until);
        let mut seen = Seen { by: query.by, names: BTreeMap::new(), truncated: false };
        Walk { core: self.core(), plan: &plan, window }.run(&mut seen)?;
        let name = |(name, Known { count, first, last })| NameSeen { name, count, first, last };
        let names = seen.names.into_iter().map(name).collect();
        Ok(Names { names, truncated: seen.truncated, coverage: self.coverage() })
    }
}

/// What is known of one name.
struct Known {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

struct Seen {
    by: NameOf,
    names: BTreeMap<String, Known>,
    truncated: bool,
}

impl Seen {
    fn add(&mut self, name: &str, count: u64, (from, to): (Timestamp, Timestamp)) {
        if let Some(known) = self.names.get_mut(name) {
            known.count += count;
            known.first = known.first.min(from);
            known.last = known.last.max(to);
        } else if self.names.len() < NAMES_MAX {
            self.names.insert(name.to_owned(), Known { count, first: from, last: to });
        } else {
            self.truncated = true;
        }
    }
}

impl Gather for Seen {
    fn event(&mut self, row: &Row<'_>) -> Result<(), FormatError> {
        let name = match self.by {
            NameOf::Member => row.member(),
            NameOf::Type => row.event_type(),
        };
        self.add(name, 1, (row.listed(), row.listed()));
        Ok(())
    }
}
