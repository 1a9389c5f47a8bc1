//! How many, and when? Counts in columns of time, each a whole number of steps
//! since the Unix epoch.

use serde::Deserialize;
use tidings::Timestamp;

use super::summary::Coverage;

/// Steps that people read at a glance, in seconds. Beyond the last, whole weeks
/// are taken.
const STEPS: [u64; 18] = [
    1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    WEEK,
];
const WEEK: u64 = 604_800;

/// Counts of events, as the server answers them.
#[derive(Clone, Debug, Deserialize)]
pub struct Histogram {
    /// Seconds of one column.
    pub step: u64,
    /// Where the first column begins; nothing without events.
    pub since: Option<Timestamp>,
    /// Where the last column ends.
    pub until: Option<Timestamp>,
    /// A line for each name.
    pub series: Vec<Series>,
    /// Events counted.
    pub matched: u64,
    /// What the log can answer for.
    pub coverage: Coverage,
}

/// The counts of one name.
#[derive(Clone, Debug, Deserialize)]
pub struct Series {
    /// A severity, type or member.
    pub name: String,
    /// It stands for all names that have no line of their own.
    #[serde(default)]
    pub other: bool,
    /// All of `counts`.
    pub total: u64,
    /// One for each column.
    pub counts: Vec<u64>,
}

/// A row of columns of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Seconds of one column.
    pub step: u64,
    /// The first, counted from the Unix epoch.
    first: i64,
    /// How many.
    pub count: u64,
}

impl Columns {
    /// The columns that cover a span of time.
    pub fn covering(since: Timestamp, until: Timestamp, step: u64) -> Columns {
        let step_nanos = i64::try_from(step).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        let first = since.as_nanos().div_euclid(step_nanos);
        let last = until.as_nanos().saturating_sub(1).div_euclid(step_nanos);
        Columns { step, first, count: u64::try_from(last - first + 1).unwrap_or(0) }
    }

    /// The finest columns that people read at a glance, of which no more than
    /// `count_max` cover the span; at least two are always allowed.
    pub fn fitting(since: Timestamp, until: Timestamp, count_max: u64) -> Columns {
        let count_max = count_max.max(2);
        let covering = |step| Columns::covering(since, until, step);
        let known = STEPS.iter().map(|step| covering(*step));
        known.into_iter().find(|columns| columns.count <= count_max).unwrap_or_else(|| {
            // A span begins and ends within a column, so it touches one more than
            // its length asks for.
            let weeks = (covering(WEEK).count - 1).div_ceil(count_max - 1);
            covering(WEEK.saturating_mul(weeks))
        })
    }
}

impl Histogram {
    /// The same counts in coarser columns, blank where there was nothing to count.
    /// `None` if they cannot be put together from these.
    pub fn in_columns(&self, columns: Columns) -> Option<Histogram> {
        let since = self.since?;
        if self.step == 0 || !columns.step.is_multiple_of(self.step) {
            return None;
        }
        let step = i64::try_from(columns.step / self.step).ok()?;
        let first = Columns::covering(since, since, self.step).first;
        let place = |at: usize| {
            let column = i64::try_from(at).ok()?.checked_add(first)?.div_euclid(step);
            usize::try_from(column - columns.first).ok()
        };
        let gathered = |series: &Series| {
            let mut counts = vec![0_u64; usize::try_from(columns.count).ok()?];
            for (at, count) in series.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let cell = counts.get_mut(place(at)?)?;
                *cell = cell.saturating_add(*count);
            }
            Some(Series { counts, ..series.clone() })
        };
        let series = self.series.iter().map(gathered).collect::<Option<Vec<_>>>()?;
        Some(Histogram { step: columns.step, series, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day() -> (Timestamp, Timestamp) {
        (at("2026-11-21T18:03:00Z"), at("2026-11-22T18:03:00Z"))
    }

    fn histogram(step: u64, since: &str, counts: &[u64]) -> Histogram {
        let since = at(since);
        let json = format!(
            r#"{{"step":{step},"since":"{since}","until":"{since}","by":"type","matched":0,
            "series":[{{"name":"a","total":9,"counts":{counts:?}}}],"read_as":null,
            "coverage":{{"oldest":null,"newest":null,"complete":true,"gaps":[]}}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn columns_begin_and_end_at_whole_steps_around_the_span() {
        let (since, until) = day();

        assert_eq!(Columns::covering(since, until, 600).count, 145);
        assert_eq!(Columns::covering(at("2026-11-21T18:00:00Z"), until, 86_400).count, 2);
        // The end is excluded, so a span that ends with a column does not touch the next.
        let midnight = at("2026-11-22T00:00:00Z");
        assert_eq!(Columns::covering(at("2026-11-21T00:00:00Z"), midnight, 86_400).count, 1);
        assert_eq!(Columns::covering(at("1969-12-31T23:59:59Z"), midnight, 1).first, -1);
        assert_eq!(Columns::covering(midnight, midnight, 1).count, 0);
    }

    #[test]
    fn the_step_is_the_finest_that_fits() {
        let (since, until) = day();
        let fitting = |count_max| Columns::fitting(since, until, count_max);

        assert_eq!(
            [400, 145, 144, 60, 25, 24, 0].map(|max| fitting(max).step),
            [300, 600, 900, 1_800, 3_600, 7_200, 86_400]
        );
        let years = Columns::fitting(at("1970-01-01T00:00:00Z"), until, 60);
        assert!(years.step.is_multiple_of(WEEK) && years.count <= 60, "{years:?}");
    }

    #[test]
    fn whatever_the_span_no_more_columns_than_fit_are_taken() {
        let since = at("2026-11-21T18:03:00.5Z");
        for days in [0, 1, 7, 400, 10_000, 80_000] {
            for count_max in [2, 3, 10, 61, 200] {
                let until = since.after(std::time::Duration::from_hours(24 * days + 1));

                let columns = Columns::fitting(since, until, count_max);

                assert!((1..=count_max).contains(&columns.count), "{days} {columns:?}");
            }
        }
    }

    #[test]
    fn coarser_columns_have_the_same_events() {
        let fine = histogram(300, "2026-11-21T18:05:00Z", &[1, 2, 4, 0, 8]);
        let columns =
            Columns::covering(at("2026-11-21T17:55:00Z"), at("2026-11-21T18:41:00Z"), 600);

        let coarse = fine.in_columns(columns).unwrap();

        // 17:50, 18:00, 18:10, 18:20, 18:30, 18:40.
        assert_eq!(coarse.series[0].counts, [0, 1, 6, 8, 0, 0]);
        assert_eq!(coarse.step, 600);
    }

    #[test]
    fn columns_that_cannot_hold_every_count_are_refused() {
        let fine = histogram(300, "2026-11-21T18:05:00Z", &[1, 2, 4]);
        let covering =
            |since, until, step| fine.in_columns(Columns::covering(at(since), at(until), step));

        let (since, until) = ("2026-11-21T18:00:00Z", "2026-11-21T19:00:00Z");
        assert!(covering(since, until, 600).is_some());
        assert!(covering(since, until, 400).is_none(), "no multiple");
        assert!(covering(since, "2026-11-21T18:10:00Z", 600).is_none(), "too short");
        assert!(covering("2026-11-21T18:10:00Z", until, 600).is_none(), "begins too late");
    }
}
