//! How does the cost grow: with the log, with the window, with what matches?

use std::io;
use std::time::Duration;

use super::dataset::WORDS;
use super::plot::{Curve, Panel, svg};
use super::question::{self, Answer, Question, time};
use super::served::Served;
use crate::measure::{short, table};

/// Windows that end with the newest event; besides all that is kept.
const WINDOWS: [(&str, Duration); 5] = [
    ("1 min", Duration::from_mins(1)),
    ("10 min", Duration::from_mins(10)),
    ("1 h", Duration::from_hours(1)),
    ("4 h", Duration::from_hours(4)),
    ("11 h", Duration::from_hours(11)),
];
/// Asked in each window: a name, and a path without its window.
const IN_WINDOWS: [(&str, &str); 4] = [
    ("newest 100", "/api/v1/events?limit=100"),
    ("counts by type", "/api/v1/histogram?by=type"),
    ("facets", "/api/v1/facets?of=type,member"),
    ("regex", "/api/v1/events?limit=100&q=%2Fafter%2099999%5B0-9%5D%20ms%2F"),
];

/// Times by question, along one measure.
#[derive(Debug, Default)]
struct Series {
    /// What it grows along: how it is called, and how large it is.
    steps: Vec<(String, f64)>,
    names: Vec<String>,
    /// Seconds, a row for each step.
    times: Vec<Vec<f64>>,
}

impl Series {
    fn add(&mut self, step: (String, f64), names: &[String], times: Vec<f64>) {
        self.steps.push(step);
        self.names = names.to_vec();
        self.times.push(times);
    }

    fn table(&self, head: &str) -> String {
        let mut heads = vec![head];
        heads.extend(self.steps.iter().map(|(name, _)| name.as_str()));
        let row = |(place, name): (usize, &String)| {
            let mut row = vec![name.clone()];
            row.extend(self.times.iter().map(|times| time(times[place])));
            row
        };
        let rows: Vec<_> = self.names.iter().enumerate().map(row).collect();
        table(&heads, &rows)
    }

    fn panel(&self, title: &'static str, shown: &[&str]) -> Panel {
        let curve = |(place, name): (usize, &String)| {
            let points = self.steps.iter().zip(&self.times);
            let points = points.map(|((_, x), times)| (*x, times[place] * 1e3)).collect();
            Curve { name: name.clone(), points }
        };
        let wanted = |(_, name): &(usize, &String)| {
            shown.is_empty() || shown.iter().any(|part| name.contains(part))
        };
        let curves = self.names.iter().enumerate().filter(wanted).map(curve).collect();
        let steps = self.steps.iter().map(|(name, x)| (*x, name.clone())).collect();
        Panel { title, steps, curves }
    }
}

/// All that was measured.
#[derive(Debug, Default)]
pub(super) struct Growth {
    sizes: Series,
    windows: Series,
    matches: Series,
}

impl Growth {
    pub(super) fn at_size(&mut self, events: u64, questions: &[Question], answers: &[Answer]) {
        let names: Vec<String> = questions.iter().map(|one| one.name.clone()).collect();
        let step = (format!("{} events", short(events as f64)), events as f64);
        let times = answers.iter().map(|answer| answer.seconds).collect();
        self.sizes.add(step, &names, times);
    }

    pub(super) fn at_windows(&mut self, served: &mut Served) -> io::Result<()> {
        let (start, end) = (served.dataset().start, served.dataset().end);
        let names: Vec<String> = IN_WINDOWS.iter().map(|(name, _)| (*name).to_owned()).collect();
        for (window, span) in WINDOWS {
            if span > end.since(start) {
                break;
            }
            let since = end.before(span);
            let mut times = Vec::new();
            for (_, path) in IN_WINDOWS {
                let path = format!("{path}&since={since}");
                times.push(served.asker().median(&[path])?.seconds);
            }
            self.windows.add((window.to_owned(), span.as_secs_f64()), &names, times);
        }
        Ok(())
    }

    pub(super) fn at_matches(&mut self, served: &mut Served) -> io::Result<()> {
        let names = ["newest 100", "counts by severity"].map(str::to_owned);
        for (word, count) in WORDS {
            let list = question::search(word);
            let counts = format!("/api/v1/histogram?since=all&q={word}");
            let mut times = Vec::new();
            for path in [list, counts] {
                times.push(served.asker().median(&[path])?.seconds);
            }
            self.matches.add((format!("{count} matches"), count as f64), &names, times);
        }
        Ok(())
    }

    pub(super) fn tables(&self) -> String {
        format!(
            "\n{}\n{}\n{}",
            self.sizes.table("by size of the log, over all"),
            self.windows.table("by window, in the largest log"),
            self.matches.table("by matches of a word, in the largest log, over all"),
        )
    }

    pub(super) fn plot(&self) -> String {
        let shown =
            ["newest 100 of e", "0.1 %", "by id", "by type", "facets", "a word", "a regex, "];
        svg(&[
            self.sizes.panel("events in the log", &shown),
            self.windows.panel("window, in the largest log", &[]),
            self.matches.panel("events with the word", &[]),
        ])
    }
}
