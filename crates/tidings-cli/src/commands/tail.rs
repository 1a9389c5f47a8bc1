//! `tidings tail`: what happened last, and what happens now?

use super::Context;
use super::{follow, list};
use crate::args::{Lines, SelectArgs, TailArgs};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;

/// Events that are shown when nothing says how many.
const TAIL_LINES_DEFAULT: usize = 10;

/// Shows the last events, and follows new ones if that was asked for.
///
/// # Errors
///
/// As `list`; a cursor is given without `-f`.
pub(super) fn run(
    args: &TailArgs,
    context: &Context<'_>,
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    let select = with_default_lines(&args.select);
    if args.follow {
        return follow::run(&select, context);
    }
    if select.after_cursor.is_some() || select.cursor_file.is_some() {
        let message = "a cursor of tail goes on with what arrives: it needs -f";
        return Err(Failure::new(Exit::Usage, message)
            .hint("tidings list goes on after a cursor and stops at the end"));
    }
    list::run(&select, args.reverse, context, interrupt)
}

/// The last 10, unless a number or a time says where to begin.
fn with_default_lines(select: &SelectArgs) -> SelectArgs {
    let mut select = select.clone();
    if select.lines.is_none() && select.which.since.is_none() {
        select.lines = Some(Lines::Last(TAIL_LINES_DEFAULT));
    }
    select
}
