//! Which values occur, and how often each?

use std::collections::HashMap;

use super::QueryError;
use super::field::{field, fields_of, text_of};
use super::filter::{Filter, Plan};
use super::gather::{Found, Gather, Reads};
use super::rolled::Rolling;
use super::told::{Counts, Tells, Told};
use super::walk::Walk;
use super::work::{Unread, Work};
use crate::block::{FormatError, Naming};
use crate::clock::Timestamp;
use crate::log::{Coverage, Log};
use crate::severity::NAMES;

/// Values of a facet when nobody says how many.
pub const FACET_TOP: usize = 20;
/// Distinct values of one facet that are counted apart, at most.
pub const FACET_VALUES_MAX: usize = 100_000;
/// Bytes of the distinct values of one facet that are counted apart, at most.
pub const FACET_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What has the values that are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FacetOf {
    /// The type.
    Type,
    /// The member.
    Member,
    /// The level of severity.
    Severity,
    /// The source.
    Source,
    /// The subject.
    Subject,
    /// The field of this name; a dotted name looks into objects, as in a filter.
    Field(String),
}

/// A question for the values that occur. The default counts types, members and
/// severities of everything that is kept.
#[derive(Clone, Debug)]
pub struct FacetQuery {
    /// Which events.
    pub filter: Filter,
    /// From this list time on, included.
    pub since: Option<Timestamp>,
    /// Up to this list time, excluded.
    pub until: Option<Timestamp>,
    /// Whose values.
    pub of: Vec<FacetOf>,
    /// How many values of each at most, the largest.
    pub top: usize,
    /// What the answer may cost.
    pub work: Work,
}

impl Default for FacetQuery {
    fn default() -> FacetQuery {
        FacetQuery {
            filter: Filter::default(),
            since: None,
            until: None,
            of: vec![FacetOf::Type, FacetOf::Member, FacetOf::Severity],
            top: FACET_TOP,
            work: Work::default(),
        }
    }
}

/// The values that occur.
#[derive(Clone, Debug, PartialEq)]
pub struct Facets {
    /// As asked for, in that order.
    pub facets: Vec<Facet>,
    /// Events that match.
    pub matched: u64,
    /// What the log can answer for.
    pub coverage: Coverage,
}

/// The values of one facet. `values`, `other` and `absent` add up to the events
/// that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// Whose values.
    pub of: FacetOf,
    /// The largest first, ties by value.
    pub values: Vec<FacetValue>,
    /// Events with a value that is not among these.
    pub other: u64,
    /// How many values there are.
    pub distinct: u64,
    /// Events without any.
    pub absent: u64,
    /// There were more than [`FACET_VALUES_MAX`] values, or more than
    /// [`FACET_BYTES_MAX`] of them: those first met after that are in `other` and
    /// not in `distinct`.
    pub truncated: bool,
}

/// A value and how many events have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetValue {
    /// A field's value that is no text is in its JSON form.
    pub value: String,
    /// At least 1.
    pub count: u64,
}

impl Log {
    /// Counts the values that occur among the events that match.
    ///
    /// Types, members and severities are counted by headers where these tell enough;
    /// damage there that nobody has met yet is counted with them.
    ///
    /// # Errors
    ///
    /// The store cannot be read, or nobody waits for the answer any more.
    pub fn facets(&self, query: &FacetQuery) -> Result<Facets, QueryError> {
        let plan = Plan::new(&query.filter);
        let window = self.window_between(query.since, query.until);
        let mut values = Values::new(query.of.clone());
        let walk = Walk::new(self.core(), &plan, window, &query.work);
        walk.run(&mut values)?;
        let (facets, matched) = values.finish(query.top);
        let coverage = Unread::tell(walk.unread(), self.coverage());
        Ok(Facets { facets, matched, coverage })
    }
}

/// The values met so far.
pub(super) struct Values {
    tallies: Vec<Tally>,
    matched: u64,
}

impl Values {
    pub(super) fn new(of: Vec<FacetOf>) -> Values {
        Values { tallies: of.into_iter().map(Tally::new).collect(), matched: 0 }
    }

    pub(super) fn finish(self, top: usize) -> (Vec<Facet>, u64) {
        let facets = self.tallies.into_iter().map(|tally| tally.finish(top)).collect();
        (facets, self.matched)
    }

    /// Takes in what is told, if all is that is asked for.
    fn take<'t>(&mut self, told: &impl Tells<'t>) -> bool {
        let counts = |tally: &Tally| match tally.of {
            FacetOf::Type => told.types(),
            FacetOf::Member => told.members(),
            FacetOf::Severity => told.severities(),
            FacetOf::Source | FacetOf::Subject | FacetOf::Field(_) => None,
        };
        let all: Option<Vec<Counts<'_>>> = self.tallies.iter().map(counts).collect();
        let (Some(all), Some(matched)) = (all, told.matched()) else { return false };
        self.matched += matched;
        for (tally, counts) in self.tallies.iter_mut().zip(all) {
            for (value, count) in counts {
                tally.add(Some(value), count);
            }
        }
        true
    }

    fn asks_fields(&self) -> bool {
        self.tallies.iter().any(|tally| matches!(tally.of, FacetOf::Field(_)))
    }
}

impl Gather for Values {
    fn asks_headers(&self) -> bool {
        use FacetOf::{Member, Severity, Type};
        self.tallies.iter().all(|tally| matches!(tally.of, Type | Member | Severity))
    }

    fn asks_members(&self) -> bool {
        self.tallies.iter().any(|tally| tally.of == FacetOf::Member)
    }

    fn by_header(&mut self, told: &Told<'_>) -> bool {
        self.take(told)
    }

    fn by_rollup(&mut self, rolling: &Rolling<'_>) -> bool {
        self.take(rolling)
    }

    fn reads(&self) -> Reads {
        if self.asks_fields() { Reads::Fields } else { Reads::Nothing }
    }

    fn frame(&mut self, found: &Found<'_>) -> Result<(), FormatError> {
        let (frame, header, rows) = (found.frame, found.header(), found.rows.iter());
        if self.asks_fields() {
            for i in rows.clone() {
                let fields = fields_of(frame, *i)?;
                for tally in &mut self.tallies {
                    if let FacetOf::Field(name) = &tally.of {
                        let value = field(&fields, name).map(text_of);
                        tally.add(value.as_deref(), 1);
                    }
                }
            }
        }
        self.matched += found.rows.len() as u64;
        for tally in &mut self.tallies {
            let rows = rows.clone();
            match tally.of {
                FacetOf::Type => tally
                    .add_named(rows.map(|i| Some(frame.type_index(*i))), |index| {
                        &header.types[index].name
                    }),
                FacetOf::Member => tally
                    .add_named(rows.map(|i| Some(frame.member_index(*i))), |index| {
                        &header.members[index].name
                    }),
                FacetOf::Severity => {
                    tally.add_named(rows.map(|i| Some(frame.severity(*i).place())), |at| NAMES[at]);
                }
                FacetOf::Source => tally
                    .add_named(rows.map(|i| frame.named(Naming::Sources, *i)), |index| {
                        frame.name_at(Naming::Sources, index)
                    }),
                FacetOf::Subject => tally
                    .add_named(rows.map(|i| frame.named(Naming::Subjects, *i)), |index| {
                        frame.name_at(Naming::Subjects, index)
                    }),
                FacetOf::Field(_) => {}
            }
        }
        Ok(())
    }
}

/// The values of one facet.
struct Tally {
    of: FacetOf,
    counts: HashMap<String, u64>,
    bytes: usize,
    /// Events whose value is not counted apart.
    beyond: u64,
    absent: u64,
}

impl Tally {
    fn new(of: FacetOf) -> Tally {
        Tally { of, counts: HashMap::new(), bytes: 0, beyond: 0, absent: 0 }
    }

    fn add(&mut self, value: Option<&str>, count: u64) {
        let Some(value) = value else {
            self.absent += count;
            return;
        };
        if let Some(known) = self.counts.get_mut(value) {
            *known += count;
        } else if self.counts.len() < FACET_VALUES_MAX
            && self.bytes + value.len() <= FACET_BYTES_MAX
        {
            self.bytes += value.len();
            self.counts.insert(value.to_owned(), count);
        } else {
            self.beyond += count;
        }
    }

    /// Takes in events by the index of their name; each name is looked up once.
    fn add_named<'n>(
        &mut self,
        indices: impl Iterator<Item = Option<usize>>,
        name_at: impl Fn(usize) -> &'n str,
    ) {
        let (mut counts, mut met, mut absent): (Vec<u64>, Vec<usize>, u64) = Default::default();
        for index in indices {
            let Some(index) = index else {
                absent += 1;
                continue;
            };
            if counts.len() <= index {
                counts.resize(index + 1, 0);
            }
            if counts[index] == 0 {
                met.push(index);
            }
            counts[index] += 1;
        }
        // As they were met: the first are counted apart when they are too many.
        for index in met {
            self.add(Some(name_at(index)), counts[index]);
        }
        self.add(None, absent);
    }

    fn finish(self, top: usize) -> Facet {
        let values = self.counts.into_iter().map(|(value, count)| FacetValue { value, count });
        let mut values: Vec<FacetValue> = values.collect();
        values.sort_unstable_by(|a, b| (b.count, &a.value).cmp(&(a.count, &b.value)));
        let distinct = values.len() as u64;
        let rest: u64 = values.drain(top.min(values.len())..).map(|value| value.count).sum();
        Facet {
            of: self.of,
            values,
            other: self.beyond + rest,
            distinct,
            absent: self.absent,
            truncated: self.beyond > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_bound_are_others() {
        let mut tally = Tally::new(FacetOf::Subject);
        for number in 0..FACET_VALUES_MAX {
            tally.add(Some(&number.to_string()), 1);
        }
        assert_eq!(tally.beyond, 0);

        tally.add(Some("one more"), 3);
        tally.add(Some("7"), 1);
        let facet = tally.finish(1);

        let max = FACET_VALUES_MAX as u64;
        assert_eq!(facet.values, [FacetValue { value: "7".to_owned(), count: 2 }]);
        assert_eq!((facet.distinct, facet.other, facet.truncated), (max, max - 1 + 3, true));
    }

    #[test]
    fn long_values_are_others_once_they_take_too_much_room() {
        let mut tally = Tally::new(FacetOf::Field("f".to_owned()));
        for letter in ["a", "b", "c", "d"] {
            tally.add(Some(&letter.repeat(FACET_BYTES_MAX / 4)), 1);
        }
        assert_eq!((tally.beyond, tally.counts.len()), (0, 4));

        tally.add(Some("e"), 1);

        assert_eq!((tally.beyond, tally.counts.len()), (1, 4));
    }
}
