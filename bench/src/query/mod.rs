//! What does a question cost, and how does that grow? The release program over a
//! real data directory, asked over HTTP; the same questions to rows in SQLite.
//!
//! `tidings-bench query [EVENTS]`, by default ten million; `tidings-bench quiet
//! [EVENTS]` is the part of it about a system that says little.

mod asker;
mod dataset;
mod growth;
mod ingest;
mod plot;
mod question;
mod quiet;
mod rows;
mod served;

use std::io;
use std::path::Path;

use tidings::Clock;

use crate::measure::{seconds, short, table};
use dataset::Dataset;
use growth::Growth;
use question::{Answer, Question};
use rows::Rows;
use served::Served;

pub(crate) const NAME: &str = "query";
pub(crate) const QUIET: &str = "quiet";
pub(crate) const FILL: &str = "fill";
const EVENTS: u64 = 10_000_000;
/// In blocks of one.
const QUIET_EVENTS: u64 = 1_000_000;
/// More than that as rows would take the disk that they are measured on.
const ROWS_MOST: u64 = 20_000_000;
/// Fewer than that, and no word occurs as often as its question says.
const EVENTS_MIN: u64 = 100_000;

/// What a log says of its own ends, at most.
const OWN_EVENTS_MOST: u64 = 4;

/// The number of events that a word of the command line asks for.
pub(crate) fn events_of(word: &str) -> Option<u64> {
    word.replace('_', "").parse().ok()
}

/// Leaves the events of a run in a data directory, for a look at it or a profile.
pub(crate) fn fill(dir: &str, events: &str) -> String {
    let Some(events) = events_of(events) else {
        return format!("not filled: {events:?} is no number of events");
    };
    let filled = Dataset::of(events).fill(Path::new(dir));
    filled.map_or_else(|error| format!("not filled: {error}"), |()| format!("filled {dir}"))
}

pub(crate) fn report() -> String {
    measured(EVENTS, measure)
}

pub(crate) fn report_quiet() -> String {
    measured(QUIET_EVENTS, quiet::report)
}

/// As many events as the command line says.
fn measured(events: u64, measure: fn(u64) -> io::Result<String>) -> String {
    let asked = std::env::args().skip(1).find_map(|word| events_of(&word));
    let events = asked.unwrap_or(events);
    if events < EVENTS_MIN {
        return format!("not measured: {events} events are too few, use {EVENTS_MIN} or more");
    }
    measure(events).unwrap_or_else(|error| format!("not measured: {error}"))
}

fn measure(events: u64) -> io::Result<String> {
    let clock = Clock::system();
    tell(&clock, "ingest");
    let mut parts = vec![
        format!(
            "{} events; time on the wall over HTTP on loopback, one client, warm, medians.",
            short(events as f64)
        ),
        ingest::report(events / 5)?,
    ];
    let mut growth = Growth::default();
    for size in [events / 10, events / 10 * 3] {
        tell(&clock, &format!("{size} events"));
        let mut served = Served::fill(Dataset::of(size))?;
        let questions = question::all(served.dataset());
        growth.at_size(size, &questions, &served.answers(&questions)?);
        served.stop()?;
    }
    tell(&clock, &format!("{events} events"));
    parts.push(largest(&clock, events, &mut growth)?);
    tell(&clock, "a quiet system");
    parts.push(quiet::report((events / 10).min(QUIET_EVENTS))?);
    parts.push(growth.tables());
    parts.push(drawn(&growth, events)?);
    parts.push(format!("All of it took {:.0} s.", seconds(clock.monotonic())));
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).collect();
    Ok(parts.join("\n\n"))
}

/// The questions, beside the same ones to rows.
fn largest(clock: &Clock, events: u64, growth: &mut Growth) -> io::Result<String> {
    let mut served = Served::fill(Dataset::of(events))?;
    let questions = question::all(served.dataset());
    tell(clock, "questions");
    let answers = served.answers(&questions)?;
    growth.at_size(events, &questions, &answers);
    // Before the other questions, so that this is the memory of these.
    let memory = served.memory();
    tell(clock, "windows and matches");
    growth.at_windows(&mut served)?;
    growth.at_matches(&mut served)?;
    let dataset = served.dataset().clone();
    let disk = served.stop()?;
    if events > ROWS_MOST {
        let asked = question::table_of(&questions, &answers, events);
        let most = short(ROWS_MOST as f64);
        return Ok(format!(
            "{asked}\nSQLite: not asked, more than {most} rows.\n\n{memory}\n{disk}"
        ));
    }
    tell(clock, "rows in SQLite");
    let rows = Rows::fill(&dataset)?;
    tell(clock, "the same questions to SQLite");
    let asked = compared(&questions, &answers, &rows, events)?;
    Ok(format!("{asked}\n{memory}\n{disk}"))
}

/// Says where it is, since it takes minutes.
fn tell(clock: &Clock, what: &str) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "{:>4.0} s: {what}", seconds(clock.monotonic()));
}

fn compared(
    questions: &[Question],
    answers: &[Answer],
    rows: &Rows,
    events: u64,
) -> io::Result<String> {
    let mut lines = Vec::new();
    for (question, answer) in questions.iter().zip(answers) {
        let theirs = rows.answer(question)?;
        lines.push(vec![
            question.name.clone(),
            question.aim.told(),
            answer.told(question, events),
            question.aim.verdict(answer, answers, events).to_owned(),
            theirs.told(question, events),
            short(theirs.seconds / answer.seconds),
            found(answer, &theirs),
        ]);
    }
    let head = ["question", "aim", "tidings", "", "SQLite", "SQLite ÷ tidings", "found"];
    Ok(table(&head, &lines))
}

/// What was found; loud where the two do not find the same.
fn found(ours: &Answer, theirs: &Answer) -> String {
    match ours.found.checked_sub(theirs.found) {
        Some(0) => ours.found.to_string(),
        Some(own) if own <= OWN_EVENTS_MOST && theirs.found > 1000 => {
            format!("{} and {own} of the log's own", theirs.found)
        }
        _ => format!("**{}, SQLite {}**", ours.found, theirs.found),
    }
}

/// The plot of the whole run goes where the documentation shows it.
fn drawn(growth: &Growth, events: u64) -> io::Result<String> {
    let place = if events == EVENTS { "docs" } else { "target" };
    let path = Path::new(place).join("query-growth.svg");
    std::fs::write(&path, growth.plot())?;
    Ok(format!("Drawn in {}.", path.display()))
}
