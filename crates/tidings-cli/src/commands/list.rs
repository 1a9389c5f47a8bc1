//! `tidings list`: what happened?
//!
//! The whole window, oldest first, page by page; the last N are asked for newest
//! first and turned around. How much that was, how far back the log reaches and
//! what is missing goes to the standard error.

use std::collections::VecDeque;

use tidings::Timestamp;
use tidings::query::PageCursor;

use super::Context;
use super::cursors;
use super::pages::Pages;
use super::selection::{Selection, Wanted};
use crate::args::{Lines, SelectArgs};
use crate::client::answers::{Page, Whole};
use crate::client::{Client, Params};
use crate::exit::{Exit, Failure, say};
use crate::interrupt::Interrupt;
use crate::times::format_span;
use crate::view::out::{self, Out};
use crate::view::row::Row;
use crate::view::summary::{self, counted};

/// Lists what was asked for.
///
/// # Errors
///
/// The flags contradict each other, the server is not reached or refuses, or the
/// output or the cursor file cannot be written.
pub(super) fn run(
    args: &SelectArgs,
    reverse: bool,
    context: &Context<'_>,
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    let after =
        cursors::given::<PageCursor>(args.after_cursor.as_deref(), args.cursor_file.as_deref())?;
    let keeps_cursor = args.show_cursor || args.cursor_file.is_some();
    if reverse && (keeps_cursor || after.is_some()) {
        let message = "cursors go from old to new: they cannot be used with --reverse";
        return Err(Failure::new(Exit::Usage, message));
    }
    let selection = Selection::read(args, after.is_some(), context)?;
    let client = context.client()?;
    let verbose = selection.shows_everything() || keeps_cursor;
    let mut listing = Listing::begin(&client, &selection, after.clone(), reverse, verbose)?;

    let is_paged = !args.no_pager && !listing.is_empty() && out::is_terminal();
    let pager = context.settings.pager().filter(|_| is_paged);
    interrupt.set_ends_us(pager.is_none());
    let mut out = pager.as_deref().map_or_else(Out::plain, Out::paged);
    let printed = listing.print(&mut out, &selection);
    let finished = out.finish().map_err(|error| Failure::output(&error));
    interrupt.set_ends_us(true);
    printed.and(finished)?;

    // Where nothing came, the next call goes on where this one did.
    let last = listing.last.as_ref().and_then(|row| cursors::after(&row.event));
    if let Some(cursor) = last.or(after) {
        if args.show_cursor {
            say(&format!("-- cursor: {cursor}"));
        }
        if let Some(file) = &args.cursor_file {
            cursors::keep(file, &cursor)?;
        }
    }
    listing.tell(&selection, context.clock.now());
    let nothing = args.exit_code && listing.rows == 0;
    Ok(if nothing { Exit::Failed } else { Exit::Ok })
}

/// A list that is being printed.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    pages: Pages<'a>,
    /// Not printed yet. The first page is here before any output begins, so that
    /// an error is not hidden behind a pager.
    waiting: Option<Page>,
    order: Order,
    /// Rows that were printed.
    rows: u64,
    /// Events that these stand for.
    events: u64,
    /// The event that was printed last.
    last: Option<Row>,
    /// What the first page says of the whole.
    whole: Whole,
    /// The server was asked for an earlier match, should there be none.
    looks_back: bool,
}

/// In which order events come, and how many of them are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// As they come.
    AsTheyCome,
    /// They come newest first, and go out oldest first.
    Turned,
    /// They come oldest first, and only the last so many go out.
    LastOf(usize),
}

impl<'a> Listing<'a> {
    /// Asks for the first page.
    ///
    /// # Errors
    ///
    /// The server is not reached or refuses.
    pub(super) fn begin(
        client: &'a Client,
        selection: &Selection,
        after: Option<String>,
        reverse: bool,
        verbose: bool,
    ) -> Result<Listing<'a>, Failure> {
        let (direction, order, limit) = match selection.lines {
            Lines::Last(lines) if reverse => ("desc", Order::AsTheyCome, lines),
            Lines::All if reverse => ("desc", Order::AsTheyCome, usize::MAX),
            Lines::Last(lines) if after.is_some() => ("asc", Order::LastOf(lines), usize::MAX),
            Lines::Last(lines) => ("desc", Order::Turned, lines),
            Lines::All => ("asc", Order::AsTheyCome, usize::MAX),
        };
        let mut params: Params = selection.wanted.params();
        params.push(("order".to_owned(), direction.to_owned()));
        if verbose {
            params.push(("verbose".to_owned(), "1".to_owned()));
        }
        if selection.collapse {
            params.push(("collapse".to_owned(), "1".to_owned()));
        }
        let looks_back = after.is_none()
            && selection.wanted.window.since.is_some()
            && selection.lines != Lines::Last(0);
        let mut pages = Pages::new(client, params, after, limit);
        let waiting = pages.next().transpose()?;
        let whole = waiting.as_ref().map(|page| page.whole.clone()).unwrap_or_default();
        Ok(Listing { pages, waiting, order, rows: 0, events: 0, last: None, whole, looks_back })
    }

    /// Whether there is nothing to print.
    fn is_empty(&self) -> bool {
        self.waiting.as_ref().is_none_or(|page| page.rows.is_empty())
    }

    /// Prints all of it.
    ///
    /// # Errors
    ///
    /// A later page cannot be had, or the output cannot be written.
    pub(super) fn print(&mut self, out: &mut Out, selection: &Selection) -> Result<(), Failure> {
        self.print_with(out, selection, &mut |_| {})
    }

    /// As [`Listing::print`], and shows each event to `seen` besides.
    ///
    /// # Errors
    ///
    /// As [`Listing::print`].
    pub(super) fn print_with(
        &mut self,
        out: &mut Out,
        selection: &Selection,
        seen: &mut dyn FnMut(&Row),
    ) -> Result<(), Failure> {
        let mut printer = selection.printer();
        let mut kept: VecDeque<Row> = VecDeque::new();
        printer.begin(out).map_err(|error| Failure::output(&error))?;
        while let Some(page) = self.waiting.take() {
            match self.order {
                Order::AsTheyCome => {
                    printer.rows(out, &page.rows).map_err(|error| Failure::output(&error))?;
                    std::io::Write::flush(out).map_err(|error| Failure::output(&error))?;
                    self.count(page.rows, seen);
                }
                Order::Turned => page.rows.into_iter().for_each(|row| kept.push_front(row)),
                Order::LastOf(lines) => {
                    kept.extend(page.rows);
                    kept.drain(..kept.len().saturating_sub(lines));
                }
            }
            self.waiting = self.pages.next().transpose()?;
        }
        let kept = Vec::from(kept);
        printer.rows(out, &kept).map_err(|error| Failure::output(&error))?;
        self.count(kept, seen);
        Ok(())
    }

    fn count(&mut self, mut rows: Vec<Row>, seen: &mut dyn FnMut(&Row)) {
        for row in &rows {
            seen(row);
            self.events = self.events.saturating_add(row.event.count());
        }
        self.rows += rows.len() as u64;
        self.last = rows.pop().or(self.last.take());
    }

    /// Tells how much was shown and what is missing; to a person also why it may
    /// have been nothing.
    fn tell(&self, selection: &Selection, now: Timestamp) {
        let mut shown = summary::shown(self.events, self.whole.total);
        if selection.collapse {
            shown.extend([" in ", &counted(self.rows, "group")]);
        }
        selection.wanted.tell(&shown, &self.whole.coverage, now);
        if self.whole.truncated {
            say("there are more groups than are told apart: these are the newest");
        }
        if self.rows == 0 && out::is_terminal() {
            self.tell_of_nothing(&selection.wanted, now);
        }
    }

    fn tell_of_nothing(&self, wanted: &Wanted, now: Timestamp) {
        if let Some(read_as) = self.whole.read_as.as_ref().filter(|_| !wanted.is_misread) {
            say(&format!("-q was read as {read_as}"));
        }
        let wall = wanted.wall(now);
        let when = |at| format!("{} ago, {}", format_span(wall.now.since(at)), wall.clock(at));
        match (self.whole.last_match, self.whole.no_match_since) {
            (Some(last), _) => say(&format!("last match: {}", when(last))),
            (None, Some(since)) => say(&format!(
                "last match: none since {}; what is older was not searched",
                when(since)
            )),
            (None, None) if self.looks_back => say("last match: none that is kept"),
            (None, None) => {}
        }
    }
}
