//! `tidings check`: is a data directory whole?

use std::io::{self, Write};
use std::path::Path;

use tidings::Position;
use tidings::store::sqlite::{Finding, Inspection, OpenError, inspect};
use tidings::store::{Gap, GapReason, StoreError};

use super::Context;
use crate::args::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::view::escape::escaped;
use crate::view::out::Out;
use crate::view::summary::counted;

/// Files of a data directory, any of which shows that there was one.
const OUR_FILES: [&str; 3] = ["log.sqlite", "tail", "lock"];

/// Verifies every block, prints what is wrong, and ends with what is whole.
///
/// # Errors
///
/// There is no data directory, somebody uses it, or it cannot be read; it is
/// damaged as a whole; the output cannot be written.
pub(super) fn run(args: &CheckArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let dir = context.settings.data(args.dir.as_ref().or(args.data.as_ref()))?;
    is_there(&dir)?;
    let mut out = Out::plain();
    let mut written = Ok(());
    let inspection = inspect(&dir, &context.settings.scratch(), &mut |finding| {
        if written.is_ok() {
            written = tell(&mut out, &finding);
        }
    });
    let inspection = inspection.map_err(|error| cannot_open(&error))?;
    written
        .and_then(|()| out.write_all(summary(&inspection).as_bytes()))
        .and_then(|()| out.finish())
        .map_err(|error| Failure::output(&error))?;
    if inspection.is_whole() {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(Exit::Damaged, format!("{} is damaged", dir.display()))
        .hint("tidings salvage copies what is whole into a new directory"))
}

/// A directory that never had a log is not a damaged one.
pub(super) fn is_there(dir: &Path) -> Result<(), Failure> {
    let cannot = |why: String| Err(Failure::new(Exit::CannotServe, why));
    match std::fs::read_dir(dir) {
        Err(error) => cannot(format!("cannot read {}: {error}", dir.display())),
        Ok(_) if OUR_FILES.iter().any(|file| dir.join(file).exists()) => Ok(()),
        Ok(_) => cannot(format!("{} is not a data directory of tidings", dir.display())),
    }
}

/// Whose fault it is that a directory cannot be opened.
pub(super) fn cannot_open(error: &OpenError) -> Failure {
    let damaged = matches!(
        error,
        OpenError::Damaged { .. }
            | OpenError::StoreFileLost { .. }
            | OpenError::Store(StoreError::Damaged { .. })
    );
    Failure::new(if damaged { Exit::Damaged } else { Exit::CannotServe }, error.to_string())
}

fn tell(out: &mut Out, finding: &Finding<'_>) -> io::Result<()> {
    match finding {
        Finding::Damaged { base, count, cause } => {
            let cause = cause.to_string();
            let range = *base..Position(base.0.saturating_add(*count));
            writeln!(out, "damaged: {}: {}", positions(&range), escaped(&cause))
        }
        Finding::Unreadable { range } => {
            writeln!(out, "damaged: {}: no block can be found here", positions(range))
        }
        // The whole ones are counted.
        _ => Ok(()),
    }
}

fn summary(inspection: &Inspection) -> String {
    let mut text: String = inspection.gaps.iter().map(gap).collect();
    for complaint in &inspection.complaints {
        text.extend(["wrong: ", &escaped(complaint), "\n"]);
    }
    let Inspection { blocks, events, damaged, next, .. } = inspection;
    let counts = format!(
        "whole: {} in {}; damaged: {}; log {}, next position {next}\n",
        counted(*events, "event"),
        counted(*blocks, "block"),
        counted(*damaged, "block"),
        inspection.origin,
    );
    text.push_str(&counts);
    if !inspection.clean_stop {
        text.push_str("the last server did not stop cleanly\n");
    }
    text
}

/// `missing: positions 7 to 9: the store file lost its end`
pub(super) fn gap(gap: &Gap) -> String {
    let reason = match gap.reason {
        GapReason::MissingTail => "the store file lost its end",
        GapReason::Damaged => "the blocks were damaged",
        GapReason::TailUnknown => "nobody knows whether the log goes on here",
        _ => "for a reason this version does not know",
    };
    format!("missing: {}: {reason}\n", positions(&gap.range))
}

/// `positions 7 to 9`, both included.
fn positions(range: &std::ops::Range<Position>) -> String {
    let (first, last) = (range.start.0, range.end.0.saturating_sub(1));
    match first.cmp(&last) {
        std::cmp::Ordering::Less => format!("positions {first} to {last}"),
        std::cmp::Ordering::Equal => format!("position {first}"),
        std::cmp::Ordering::Greater => format!("at position {first}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_with_both_its_ends() {
        let told = |start, end, reason| gap(&Gap { range: Position(start)..Position(end), reason });

        let lost = "missing: positions 7 to 9: the store file lost its end\n";
        assert_eq!(told(7, 10, GapReason::MissingTail), lost);
        assert_eq!(
            told(7, 8, GapReason::Damaged),
            "missing: position 7: the blocks were damaged\n"
        );
        assert!(told(7, 7, GapReason::TailUnknown).starts_with("missing: at position 7: "));
    }

    #[test]
    fn a_directory_that_never_had_a_log_cannot_be_used() {
        let dir = tempfile::tempdir().unwrap();

        assert_eq!(is_there(dir.path()).unwrap_err().exit, Exit::CannotServe);
        assert_eq!(is_there(&dir.path().join("no")).unwrap_err().exit, Exit::CannotServe);
        std::fs::write(dir.path().join("tail"), "").unwrap();
        assert!(is_there(dir.path()).is_ok());
    }
}
