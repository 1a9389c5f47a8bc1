//! How do counts look? A line of blocks for each name, over one axis of time.
//!
//! ```text
//! TYPE    COUNT  PEAK
//! deploy  1,204    40  ▁▁▂▁▃█▂▁
//! error      12     3  ▃    █
//!         1,216        Sat 18:00 ── 10m a column ── 18:03
//! ```
//!
//! A full block is the row's own peak, which is told, so that a few errors beside
//! a flood of deploys keep their shape. Only nothing is blank: one event is seen.
//! Where numbers leave no room for time, the peaks are left out.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use tidings::{Severity, Timestamp};

use super::escape::escaped;
use super::histogram::{Histogram, Series};
use super::lines::color;
use super::summary::{Wall, grouped};
use super::width::{columns, cut, padded};
use crate::times::format_span;

/// From the least to a full block.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns of a name, at most.
const NAME_COLUMNS_MAX: usize = 32;
/// Columns that a name keeps on the narrowest terminal.
const NAME_COLUMNS_MIN: usize = 8;
/// Columns of time, at most, however wide the terminal is.
const TIME_COLUMNS_MAX: usize = 200;
/// Columns of time that are left whatever stands before them.
const TIME_COLUMNS_MIN: usize = 10;
/// What stands between a name, its numbers and its blocks.
const GAP: &str = "  ";

/// How a chart is drawn.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What the names are: `severity`, `type`, `member`.
    pub by: &'static str,
    /// Columns of the terminal.
    pub width: usize,
    /// Rows of severities have the colour of their events.
    pub colors: bool,
}

/// The columns of names and numbers.
#[derive(Clone, Copy, Debug)]
struct Layout {
    name: usize,
    count: usize,
    /// `None` where it would leave no room for time.
    peak: Option<usize>,
}

impl Layout {
    /// What stands before the columns of time.
    fn before(&self) -> usize {
        let peak = self.peak.map_or(0, |peak| peak + GAP.len());
        self.name + self.count + peak + 2 * GAP.len()
    }

    /// A name and its numbers, with the gap after them.
    fn row(&self, name: &str, count: &str, peak: &str) -> String {
        let (name, columns) = (padded(&cut(name, self.name), self.name), self.count);
        let mut row = format!("{name}{GAP}{count:>columns$}{GAP}");
        if let Some(columns) = self.peak {
            // Writing to a string cannot fail.
            let _ = write!(row, "{peak:>columns$}{GAP}");
        }
        row
    }
}

impl Chart {
    /// How many columns of time fit beside these names and counts.
    pub fn time_columns_max(&self, histogram: &Histogram) -> usize {
        let layout = self.layout(histogram, |series| series.total);
        self.width.saturating_sub(layout.before()).clamp(TIME_COLUMNS_MIN, TIME_COLUMNS_MAX)
    }

    /// No peak is more than `peak` says.
    fn layout(&self, histogram: &Histogram, peak: fn(&Series) -> u64) -> Layout {
        let widest = |texts: &mut dyn Iterator<Item = String>| {
            texts.map(|text| columns(&text)).max().unwrap_or(0)
        };
        let series = &histogram.series;
        let count = grouped(histogram.matched);
        let count = widest(&mut ["COUNT".to_owned(), count].into_iter());
        let peak = widest(&mut series.iter().map(|series| grouped(peak(series)))).max("PEAK".len());
        let least = NAME_COLUMNS_MIN + count + peak + 3 * GAP.len() + TIME_COLUMNS_MIN;
        let peak = (least <= self.width).then_some(peak);
        let numbers = count + peak.unwrap_or(0);
        let rest = numbers + 3 * GAP.len() + 2 * TIME_COLUMNS_MIN;
        let name_max = self.width.saturating_sub(rest).clamp(NAME_COLUMNS_MIN, NAME_COLUMNS_MAX);
        let names = series.iter().map(|series| self.name(series).into_owned());
        let name = widest(&mut names.chain([self.by.to_owned()])).min(name_max);
        Layout { name, count, peak }
    }

    fn name<'a>(&self, series: &'a Series) -> Cow<'a, str> {
        if series.other {
            return format!("(other {}s)", self.by).into();
        }
        escaped(&series.name)
    }

    /// The chart as text, a line for each name. The labels of the axis are where
    /// the counts begin and end, which may be within a column.
    pub fn text(&self, histogram: &Histogram, ends: (Timestamp, Timestamp), wall: &Wall) -> String {
        let layout = self.layout(histogram, peak);
        let head = layout.row(&self.by.to_uppercase(), "COUNT", "PEAK");
        let mut text = format!("{}\n", head.trim_end());
        for series in &histogram.series {
            let (on, off) = self.color(series);
            let (total, peak) = (grouped(series.total), grouped(peak(series)));
            let row = layout.row(&self.name(series), &total, &peak) + &spark(&series.counts);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{on}{}{off}", row.trim_end());
        }
        let total = layout.row("", &grouped(histogram.matched), "");
        let axis = Chart::axis(histogram, ends, wall);
        // Words are not bound to the columns above, so they may have a line to themselves.
        let _ = if layout.before() + columns(&axis) > self.width {
            writeln!(text, "{}\n{axis}", total.trim_end())
        } else {
            writeln!(text, "{total}{axis}")
        };
        text
    }

    fn color(&self, series: &Series) -> (&'static str, &'static str) {
        let severity = series.name.parse::<Severity>();
        match severity {
            Ok(severity) if self.colors && self.by == "severity" => color(severity),
            _ => ("", ""),
        }
    }

    /// `Sat 18:00 ─── 10m a column ─── 18:03`, or in words where that is too long.
    fn axis(histogram: &Histogram, (since, until): (Timestamp, Timestamp), wall: &Wall) -> String {
        let seconds = histogram.step < 60;
        let label = |at| if seconds { wall.clock_with_seconds(at) } else { wall.clock(at) };
        let (since, until) = (label(since), label(until));
        let step = format!("{} a column", format_span(Duration::from_secs(histogram.step)));
        let count = histogram.series.first().map_or(0, |series| series.counts.len());
        let words = columns(&since) + columns(&step) + columns(&until) + 4;
        match count.checked_sub(words) {
            Some(rule @ 2..) => {
                let (left, right) = ("─".repeat(rule / 2), "─".repeat(rule - rule / 2));
                format!("{since} {left} {step} {right} {until}")
            }
            _ => format!("{since} to {until}, {step}"),
        }
    }
}

fn peak(series: &Series) -> u64 {
    series.counts.iter().copied().max().unwrap_or(0)
}

/// Counts as blocks: the most is a full one, nothing is blank, and no other count is.
pub fn spark(counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0);
    let block = |count: u64| {
        // Eighths of the most, rounded up: from 1 for the least to 8 for the most.
        let eighths = (u128::from(count) * 8).div_ceil(u128::from(most.max(1)));
        let place = usize::try_from(eighths).ok().and_then(|eighths| eighths.checked_sub(1));
        place.map_or(' ', |place| BLOCKS[place.min(BLOCKS.len() - 1)])
    };
    counts.iter().copied().map(block).collect()
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
