//! `tidings stats`: how many, and when?
//!
//! The server is asked for a step of its own first. Which step fits into the
//! terminal is known only beside the names and numbers of that answer; where it
//! cannot be put together from it, the server is asked once more.

use std::io::Write as _;
use std::time::Duration;

use tidings::Timestamp;

use super::Context;
use super::selection::Wanted;
use crate::args::{CountsFormat, StatsArgs};
use crate::client::counts::Counts;
use crate::client::{Client, Params};
use crate::exit::{Exit, Failure, say};
use crate::times::format_span;
use crate::view::chart::Chart;
use crate::view::histogram::{Columns, Histogram};
use crate::view::out::{self, Out};
use crate::view::{json, summary};

/// Prints counts over time.
///
/// # Errors
///
/// The server is not reached or refuses, or the output cannot be written.
pub(super) fn run(args: &StatsArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let wanted = Wanted::read(&args.which, &args.counts.zone, false, context)?;
    let colors = context.colors()?;
    let client = context.client()?;
    let mut params = wanted.params();
    params.push(("by".to_owned(), args.by.name().to_owned()));
    let asking = Asking { client: &client, params };
    let counts = asking.counts(args.step)?;
    let now = context.clock.now();
    let mut out = Out::plain();
    let printed = match args.counts.output {
        CountsFormat::Json => json::print(&mut out, &json::compact(counts.raw.get())),
        CountsFormat::Text => {
            let chart = Chart { by: args.by.name(), width: out::columns(), colors };
            match span(&counts.histogram, &wanted, now) {
                None => Ok(()),
                Some(ends) => {
                    let fitted = asking.fitted(&counts.histogram, ends, &chart, args.step)?;
                    let text = chart.text(&fitted, ends, &wanted.wall(now));
                    out.write_all(text.as_bytes())
                }
            }
        }
    };
    printed.and_then(|()| out.finish()).map_err(|error| Failure::output(&error))?;
    let histogram = &counts.histogram;
    wanted.tell(&summary::shown(histogram.matched, None), &histogram.coverage, now);
    let nothing = args.counts.exit_code && histogram.matched == 0;
    Ok(if nothing { Exit::Failed } else { Exit::Ok })
}

/// Where the counts begin and end: as asked, else with the oldest event and now.
/// `None` if there is nothing to show.
fn span(histogram: &Histogram, wanted: &Wanted, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    if histogram.series.is_empty() {
        return None;
    }
    let since = wanted.window.since.or(histogram.since)?;
    let end = histogram.until?;
    // A clock ahead of ours may have put events after now.
    let ends_now = end.before(Duration::from_secs(histogram.step)) < now;
    let until = wanted.window.until.unwrap_or(if ends_now { now } else { end });
    Some((since, until))
}

struct Asking<'a> {
    client: &'a Client,
    params: Params,
}

impl Asking<'_> {
    fn counts(&self, step: Option<u64>) -> Result<Counts, Failure> {
        let mut params = self.params.clone();
        let step = step.map_or_else(|| "auto".to_owned(), |seconds| format!("{seconds}s"));
        params.push(("step".to_owned(), step));
        self.client.histogram(&params)
    }

    /// The same counts in as many columns as fit.
    fn fitted(
        &self,
        histogram: &Histogram,
        (since, until): (Timestamp, Timestamp),
        chart: &Chart,
        asked: Option<u64>,
    ) -> Result<Histogram, Failure> {
        let room = chart.time_columns_max(histogram) as u64;
        let finest = Columns::fitting(since, until, room);
        let columns = match asked.map(|step| Columns::covering(since, until, step)) {
            Some(asked) if asked.count <= room => asked,
            Some(asked) => {
                say(&too_fine(asked, finest));
                finest
            }
            None => finest,
        };
        if let Some(fitted) = histogram.in_columns(columns) {
            return Ok(fitted);
        }
        let again = self.counts(Some(columns.step))?.histogram;
        // What was recorded meanwhile may lie beyond; it is shown as it came.
        Ok(again.in_columns(columns).unwrap_or(again))
    }
}

fn too_fine(asked: Columns, shown: Columns) -> String {
    let span = |columns: Columns| format_span(Duration::from_secs(columns.step));
    format!(
        "tidings: --step {} takes {} columns: {} each is shown instead; -o json has all",
        span(asked),
        summary::grouped(asked.count),
        span(shown),
    )
}
