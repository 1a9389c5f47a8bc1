//! How many events happened when?

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use super::bins::Bins;
use super::edges::edges;
use super::facets::{FacetOf, Values};
use super::filter::{Filter, Plan};
use super::gather::{Found, Gather};
use super::rolled::Rolling;
use super::scan::Window;
use super::told::{Tells, Told};
use super::walk::Walk;
use super::work::{Unread, Work};
use super::{NANOSECOND, QueryError};
use crate::block::{Cell, FormatError};
use crate::clock::Timestamp;
use crate::log::{Coverage, Log, Sum};
use crate::severity::{NAMES, Severity};

/// Series by type or member that a histogram gives by name, at most; all others
/// are added up in one more.
pub const HISTOGRAM_SERIES_MAX: usize = 20;
/// Names that are counted step by step in one pass, at most. With more, a pass
/// before finds out which are the largest.
pub(super) const HISTOGRAM_NAMES_MAX: usize = 256;
/// The name of the series of all others.
const OTHER: &str = "other";
/// The step of a histogram without any, when none was asked for.
const STEP_OF_NOTHING: Duration = Duration::from_secs(1);

/// What each series of a histogram stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum By {
    /// A level of severity.
    #[default]
    Severity,
    /// A type.
    Type,
    /// A member.
    Member,
}

/// A question for counts over time. The default counts everything that is kept, by
/// severity, in steps of a fitting length.
#[derive(Clone, Debug, Default)]
pub struct HistogramQuery {
    /// Which events.
    pub filter: Filter,
    /// From this list time on, included; without it from the oldest event shown.
    pub since: Option<Timestamp>,
    /// Up to this list time, excluded; without it up to the newest event shown.
    pub until: Option<Timestamp>,
    /// How long one step is; without it the shortest of 1, 5, 10, 15, 30 s, 1, 2,
    /// 5, 10, 15, 30 min, 1, 2, 3, 6, 12 h, 1, 7, 14, 28, … days that makes no more
    /// than [`super::HISTOGRAM_STEPS`].
    pub step: Option<Duration>,
    /// What is counted apart.
    pub by: By,
    /// What the answer may cost.
    pub work: Work,
}

/// Counts over time. All series have one count for each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// How long one step is.
    pub step: Duration,
    /// Where the first step begins: `since` rounded down to whole steps since the
    /// epoch. Only events inside the window count.
    pub since: Timestamp,
    /// Where the last step ends: `until` rounded up.
    pub until: Timestamp,
    /// By severity in order of severity; by type or member the largest first, ties
    /// by name, and the one of all others last. Only what occurs.
    pub series: Vec<Series>,
    /// Events that match.
    pub matched: u64,
    /// What the log can answer for.
    pub coverage: Coverage,
}

/// The counts of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The level, type or member; `other` for all beyond the largest.
    pub name: String,
    /// Whether this is the series of all others, whatever its name.
    pub other: bool,
    /// The sum of the counts.
    pub total: u64,
    /// One for each step.
    pub counts: Vec<u64>,
}

impl Log {
    /// Counts events over time.
    ///
    /// Blocks that lie in the window are counted by their headers where these tell
    /// enough; damage in them that nobody has met yet is counted with them.
    ///
    /// # Errors
    ///
    /// The store cannot be read, the step makes more than
    /// [`super::HISTOGRAM_STEPS_MAX`], or nobody waits for the answer any more.
    pub fn histogram(&self, query: &HistogramQuery) -> Result<Histogram, QueryError> {
        let plan = Plan::new(&query.filter);
        let mut window = self.window_between(query.since, query.until);
        let Some(span) = self.span_of(query, &window)? else { return Ok(self.nothing(query)) };
        let bins = Bins::over(span, query.step)?;
        (window.since, window.last) = whole_steps(query, span, &bins);
        let mut walk = Walk::new(self.core(), &plan, window, &query.work);
        let mut gathered = Gathered::new(&bins, query.by);
        walk.run(&mut gathered)?;
        if gathered.overflowed {
            walk = Walk::new(self.core(), &plan, window, &query.work);
            let largest = largest(&walk, query.by)?;
            gathered = Gathered::of(&bins, query.by, largest);
            walk = Walk::new(self.core(), &plan, window, &query.work);
            walk.run(&mut gathered)?;
        }
        let (since, until) = bins.edges();
        let (series, matched) = gathered.finish();
        Ok(Histogram {
            step: bins.step(),
            since,
            until,
            series,
            matched,
            coverage: Unread::tell(walk.unread(), self.coverage()),
        })
    }

    /// The first and the last instant asked for; `None` when there is none.
    fn span_of(
        &self,
        query: &HistogramQuery,
        window: &Window,
    ) -> Result<Option<(Timestamp, Timestamp)>, QueryError> {
        if window.is_empty() {
            return Ok(None);
        }
        if query.since.is_some() && query.until.is_some() {
            return Ok(Some((window.since, window.last)));
        }
        let Some((first, last)) = edges(self.core(), window)? else { return Ok(None) };
        let since = query.since.unwrap_or(first);
        let last = if query.until.is_some() { window.last } else { last };
        Ok(Some((since, last)))
    }

    fn nothing(&self, query: &HistogramQuery) -> Histogram {
        let at = query.since.or(query.until).unwrap_or_else(|| self.core().now());
        Histogram {
            step: query.step.unwrap_or(STEP_OF_NOTHING),
            since: at,
            until: at,
            series: Vec::new(),
            matched: 0,
            coverage: self.coverage(),
        }
    }
}

/// Where nobody asked for an end, the window ends with the steps: nothing is shown
/// beyond, but for what has arrived since, and roll-ups tell whole minutes only.
fn whole_steps(
    query: &HistogramQuery,
    (since, last): (Timestamp, Timestamp),
    bins: &Bins,
) -> (Timestamp, Timestamp) {
    let edges = bins.edges();
    let first = if query.since.is_some() { since } else { since.min(edges.0) };
    let end = edges.1.before(NANOSECOND);
    (first, if query.until.is_some() { last } else { last.max(end) })
}

/// The names with the most events.
fn largest(walk: &Walk<'_>, by: By) -> Result<Vec<String>, QueryError> {
    let of = match by {
        By::Severity => FacetOf::Severity,
        By::Type => FacetOf::Type,
        By::Member => FacetOf::Member,
    };
    let mut values = Values::new(vec![of]);
    walk.run(&mut values)?;
    let facets = values.finish(HISTOGRAM_SERIES_MAX).0;
    let names = facets.into_iter().flat_map(|facet| facet.values);
    Ok(names.map(|name| name.value).collect())
}

/// Where the counts of all others stand.
const OTHERS: usize = 0;

struct Gathered<'a> {
    bins: &'a Bins,
    by: By,
    /// Where the counts of each name stand.
    places: HashMap<String, usize>,
    /// Step by step; at [`OTHERS`] what has none of those names.
    counts: Vec<Vec<u64>>,
    /// No further names are counted apart.
    closed: bool,
    /// There were too many names to keep apart.
    overflowed: bool,
}

impl<'a> Gathered<'a> {
    fn new(bins: &'a Bins, by: By) -> Gathered<'a> {
        let counts = vec![vec![0; bins.count]];
        Gathered { bins, by, places: HashMap::new(), counts, closed: false, overflowed: false }
    }

    /// Counts these names, and all others together.
    fn of(bins: &'a Bins, by: By, names: Vec<String>) -> Gathered<'a> {
        let mut gathered = Gathered::new(bins, by);
        for name in names {
            gathered.place_of(&name);
        }
        gathered.closed = true;
        gathered
    }

    /// Where the counts of a name stand; `None` if there are too many to keep apart.
    fn place_of(&mut self, name: &str) -> Option<usize> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        if self.closed {
            return Some(OTHERS);
        }
        let place = self.counts.len();
        if place > HISTOGRAM_NAMES_MAX {
            self.overflowed = true;
            return None;
        }
        self.places.insert(name.to_owned(), place);
        self.counts.push(vec![0; self.bins.count]);
        Some(place)
    }

    fn add(&mut self, name: &str, bin: usize, count: u64) {
        if let Some(place) = self.place_of(name) {
            self.counts[place][bin] += count;
        }
    }

    /// What a header says, bin by bin and name by name, if it says that.
    fn parts<'t>(&self, told: &Told<'t>) -> Option<Vec<(usize, &'t str, u64)>> {
        if let Some(bin) = self.bins.only(told.header.listed) {
            let counts = match self.by {
                By::Severity => told.severities(),
                By::Type => told.types(),
                By::Member => told.members(),
            };
            if let Some(counts) = counts {
                return Some(counts.into_iter().map(|(name, count)| (bin, name, count)).collect());
            }
        }
        let name = |cell: &Cell| match self.by {
            By::Severity => Some(cell.severity.name()),
            By::Type => Some(told.type_of(cell)),
            By::Member => told.only_member(),
        };
        let part = |cell: &Cell| {
            Some((self.bins.only(told.span(cell))?, name(cell)?, u64::from(cell.count)))
        };
        told.cells()?.map(part).collect()
    }

    /// Takes in sums of a roll-up, if each lies in one step and says which of the
    /// names it counts.
    fn roll<'t>(
        &mut self,
        (rolling, sums): (&Rolling<'_>, impl Iterator<Item = &'t Sum>),
        names: &[impl AsRef<str>],
        name_of: impl Fn(&Sum) -> Option<usize>,
    ) -> bool {
        let mut parts = Vec::new();
        let mut last = None;
        for sum in sums {
            let bin = match last {
                Some((minute, bin)) if minute == sum.minute() => Some(bin),
                _ => self.bins.only(rolling.span(sum)),
            };
            let (Some(bin), Some(name)) = (bin, name_of(sum)) else { return false };
            last = Some((sum.minute(), bin));
            parts.push((bin, name, sum.count));
        }
        let mut places = vec![None; names.len()];
        for (bin, name, count) in parts {
            places[name] = places[name].or_else(|| self.place_of(names[name].as_ref()));
            if let Some(place) = places[name] {
                self.counts[place][bin] += u64::from(count);
            }
        }
        true
    }

    fn finish(mut self) -> (Vec<Series>, u64) {
        let of = |name: String, counts: Vec<u64>, other| Series {
            name,
            other,
            total: counts.iter().sum(),
            counts,
        };
        let mut others = of(OTHER.to_owned(), mem::take(&mut self.counts[OTHERS]), true);
        let named = self.places.into_iter();
        let named = named.map(|(name, place)| of(name, mem::take(&mut self.counts[place]), false));
        let mut series: Vec<Series> = named.filter(|series| series.total > 0).collect();
        if self.by == By::Severity {
            series.sort_by_key(|series| series.name.parse::<Severity>().ok());
        } else {
            series.sort_by(|a, b| (b.total, &a.name).cmp(&(a.total, &b.name)));
            for rest in series.drain(HISTOGRAM_SERIES_MAX.min(series.len())..) {
                others.total += rest.total;
                let both = others.counts.iter_mut().zip(rest.counts);
                both.for_each(|(count, more)| *count += more);
            }
        }
        series.extend((others.total > 0).then_some(others));
        let matched = series.iter().map(|series| series.total).sum();
        (series, matched)
    }
}

impl Gather for Gathered<'_> {
    fn asks_headers(&self) -> bool {
        true
    }

    fn asks_members(&self) -> bool {
        self.by == By::Member
    }

    fn by_header(&mut self, told: &Told<'_>) -> bool {
        let Some(parts) = self.parts(told) else { return false };
        for (bin, name, count) in parts {
            self.add(name, bin, count);
        }
        true
    }

    fn by_rollup(&mut self, rolling: &Rolling<'_>) -> bool {
        let level_of = |sum: &Sum| sum.level().map(Severity::place);
        let name_of = |sum: &Sum| Some(sum.name());
        let (types, members) = (rolling.by_type(), rolling.by_member());
        match (self.by, types, members) {
            (By::Severity, Some(sums), _) => self.roll((rolling, sums), &NAMES, level_of),
            (By::Severity, None, Some(sums)) => self.roll((rolling, sums), &NAMES, level_of),
            (By::Type, Some(sums), _) => self.roll((rolling, sums), rolling.type_names(), name_of),
            (By::Member, _, Some(sums)) => {
                self.roll((rolling, sums), rolling.member_names(), name_of)
            }
            _ => false,
        }
    }

    fn frame(&mut self, found: &Found<'_>) -> Result<(), FormatError> {
        let (frame, header) = (found.frame, found.header());
        // Looked up once for each name of the block.
        let mut places: Vec<Option<Option<usize>>> = Vec::new();
        for i in found.rows {
            let (index, name) = match self.by {
                By::Severity => (frame.severity(*i).place(), frame.severity(*i).name()),
                By::Type => {
                    let index = frame.type_index(*i);
                    (index, header.types[index].name.as_str())
                }
                By::Member => {
                    let index = frame.member_index(*i);
                    (index, header.members[index].name.as_str())
                }
            };
            if places.len() <= index {
                places.resize(index + 1, None);
            }
            let place = *places[index].get_or_insert_with(|| self.place_of(name));
            // The window lies within the bins.
            if let (Some(place), Some(bin)) = (place, self.bins.bin_of(frame.listed(*i))) {
                self.counts[place][bin] += 1;
            }
        }
        Ok(())
    }
}
