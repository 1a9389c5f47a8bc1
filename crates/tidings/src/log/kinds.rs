//! How many events of each name, minute by minute and level by level?

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use super::index::Span;
use crate::clock::Timestamp;
use crate::severity::Severity;

const MINUTE_NANOS: i64 = 60_000_000_000;
/// Stands for a minute that the header did not tell; sorts before all others.
pub(super) const SOME_MINUTE: i32 = i32::MIN;
/// Stands for a level that the header did not tell.
pub(super) const SOME_LEVEL: u32 = 7;

/// How many events of one minute, name and level there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    minute: i32,
    /// Index of the name, and in the lowest three bits the level.
    key: u32,
    pub(crate) count: u32,
}

impl Sum {
    /// Minutes since the epoch, of the list time; `None` if it is not known which
    /// of the roll-up's.
    pub(crate) fn minute(&self) -> Option<i32> {
        (self.minute != SOME_MINUTE).then_some(self.minute)
    }

    /// Index into [`Kinds::names`].
    pub(crate) fn name(&self) -> usize {
        self.key as usize >> 3
    }

    /// `None` if it is not known which.
    pub(crate) fn level(&self) -> Option<Severity> {
        Severity::LEVELS.get(self.key as usize & 7).copied()
    }
}

/// The minute in which an instant lies; `None` beyond all that a timestamp can say.
pub(crate) fn minute_of(at: Timestamp) -> Option<i32> {
    i32::try_from(at.as_nanos().div_euclid(MINUTE_NANOS)).ok()
}

/// The first and the last instant of a minute.
pub(crate) fn span_of(minute: i32) -> Span {
    let first = i64::from(minute).saturating_mul(MINUTE_NANOS);
    (Timestamp::from_nanos(first), Timestamp::from_nanos(first.saturating_add(MINUTE_NANOS - 1)))
}

/// The counts of types, or of members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kinds {
    names: Vec<Arc<str>>,
    /// In order of minute, name, level.
    sums: Vec<Sum>,
    /// Where each name stands, while more may come.
    places: HashMap<Arc<str>, u32>,
    /// The names of the roll-up before, so that most are in memory once.
    pool: HashMap<Arc<str>, u32>,
}

impl Kinds {
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    pub(crate) fn sums(&self) -> &[Sum] {
        &self.sums
    }

    /// The counts of the same names, none so far.
    pub(crate) fn anew(&self) -> Kinds {
        let pool = self.names.iter().map(|name| (Arc::clone(name), 0)).collect();
        Kinds { pool, ..Kinds::default() }
    }

    /// Index of a name, which is taken in if it is not known.
    pub(crate) fn place_of(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let known = self.pool.get_key_value(name).map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| name.into());
        let place = u32::try_from(self.names.len()).unwrap_or(u32::MAX >> 3);
        self.names.push(Arc::clone(&name));
        self.places.insert(name, place);
        place
    }

    /// Counts events of the name and level that make this key.
    pub(super) fn add(&mut self, minute: i32, key: u32, count: u32) {
        let place = |sum: &Sum| (sum.minute, sum.key).cmp(&(minute, key));
        match self.sums.binary_search_by(place) {
            Ok(at) => self.sums[at].count += count,
            Err(at) => self.sums.insert(at, Sum { minute, key, count }),
        }
    }

    /// Counts one event of the name at this place.
    pub(crate) fn count(&mut self, minute: i32, place: u32, level: Severity) {
        let level = u32::try_from(level.place()).unwrap_or(SOME_LEVEL);
        self.add(minute, Kinds::key(place, level), 1);
    }

    /// Makes the key of a name, by its place, and a level.
    pub(super) fn key(place: u32, level: u32) -> u32 {
        place << 3 | level
    }

    /// What the next roll-up may begin with: the same names are in memory once.
    pub(super) fn with_pool(pool: HashMap<Arc<str>, u32>) -> Kinds {
        Kinds { pool, ..Kinds::default() }
    }

    /// As few sums as are allowed, the levels given up for that; `None` if there are
    /// too many minutes and names.
    pub(super) fn bounded(mut self, sums_max: usize) -> Option<Kinds> {
        if self.sums.len() > sums_max {
            for Sum { minute, key, count } in mem::take(&mut self.sums) {
                self.add(minute, key | SOME_LEVEL, count);
            }
        }
        (self.sums.len() <= sums_max).then_some(self)
    }

    pub(super) fn is_vague(&self) -> bool {
        self.sums.iter().any(|sum| sum.minute().is_none() || sum.level().is_none())
    }

    pub(super) fn bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|name| size_of::<Arc<str>>() + name.len()).sum();
        names + self.sums.len() * size_of::<Sum>()
    }

    /// Nothing more comes: gives the names for the next.
    pub(super) fn close(&mut self) -> HashMap<Arc<str>, u32> {
        self.sums.shrink_to_fit();
        self.names.shrink_to_fit();
        self.pool = HashMap::new();
        mem::take(&mut self.places)
    }
}
