//! How long does something take? The median of several rounds.

use std::time::Duration;

use crate::machine;

/// Rounds of which the median is told, where nothing else is said.
pub(crate) const ROUNDS: usize = 7;

/// The median of what [`ROUNDS`] rounds say, after one that does not count.
pub(crate) fn median(round: impl FnMut() -> f64) -> f64 {
    median_of(ROUNDS, round)
}

/// The same of so many rounds.
pub(crate) fn median_of(rounds: usize, mut round: impl FnMut() -> f64) -> f64 {
    round();
    middle((0..rounds).map(|_| round()).collect())
}

/// The median.
pub(crate) fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

/// Processor seconds that this thread spends in `work`: other programs on the
/// machine disturb it less than the time on the wall.
pub(crate) fn cpu_seconds(work: impl FnOnce()) -> f64 {
    let start = machine::thread_cpu();
    work();
    machine::thread_cpu().saturating_sub(start).as_secs_f64()
}

/// A number with as many digits as are worth reading: `4.1 M`, `812 k`, `36.2`.
pub(crate) fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e4 => format!("{:.0} k", v / 1e3),
        v if v >= 1e3 => format!("{:.2} k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A Markdown table.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let mut out = line(&head);
    // The first column says what, the others how much.
    out.push_str("|---|");
    out.push_str(&"---:|".repeat(head.len() - 1));
    out.push('\n');
    for row in rows {
        out.push_str(&line(row));
    }
    out
}
