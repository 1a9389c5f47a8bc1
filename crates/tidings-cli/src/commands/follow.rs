//! `tidings tail -f`: what happens now?
//!
//! The stream is opened first and what happened before is listed then, so that
//! nothing falls between the two; what both have is shown once. A lost connection
//! is taken up again after the cursor of the last event that was shown.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use tidings::EventId;
use tidings::query::FollowCursor;

use super::Context;
use super::cursors;
use super::list::Listing;
use super::selection::Selection;
use crate::args::SelectArgs;
use crate::client::stream::{Frame, Stream};
use crate::client::{Client, Params};
use crate::exit::{Exit, Failure, say};
use crate::view::Printer;
use crate::view::out::Out;
use crate::view::row::Row;
use crate::view::summary::counted;

/// The first pause before a lost connection is tried again; each further one is
/// twice as long, up to [`BACK_OFF_MAX`].
const BACK_OFF_MIN: Duration = Duration::from_millis(250);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

/// Follows until ^C, or until nobody reads the output any more.
///
/// # Errors
///
/// The server is not reached at the start, or refuses; the output or the cursor
/// file cannot be written.
pub(super) fn run(args: &SelectArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let file = args.cursor_file.as_deref();
    let resumed = cursors::given::<FollowCursor>(args.after_cursor.as_deref(), file)?;
    let selection = Selection::read(args, false, context)?;
    let client = context.client()?;
    let mut params = selection.wanted.filter.clone();
    params.push(("verbose".to_owned(), "1".to_owned()));
    let mut following = Following {
        client: &client,
        printer: selection.printer(),
        params,
        out: Out::plain(),
        cursor: resumed.clone(),
        file: args.cursor_file.clone(),
        listed: HashSet::new(),
    };
    let stream = following.connect()?;
    if resumed.is_none() {
        following.list_what_was(&selection)?;
    }
    following.run(stream)
}

struct Following<'a> {
    client: &'a Client,
    printer: Printer,
    params: Params,
    out: Out,
    /// Goes on after everything that was shown.
    cursor: Option<String>,
    file: Option<PathBuf>,
    /// Events that the list has shown and the stream will bring once more.
    listed: HashSet<EventId>,
}

impl Following<'_> {
    /// Opens the stream and reads its greeting, which says where it begins.
    fn connect(&mut self) -> Result<Stream, Failure> {
        let mut stream = self.client.stream(&self.params, self.cursor.as_deref())?;
        let lost = |cause: &str| {
            let base = self.client.base();
            Failure::new(Exit::Unreachable, format!("no stream from {base}: {cause}"))
        };
        let greeting = stream.next_frame().map_err(|error| lost(&error.to_string()))?;
        let greeting = greeting.ok_or_else(|| lost("it ended at once"))?;
        self.cursor = greeting.id.or(self.cursor.take());
        Ok(stream)
    }

    fn list_what_was(&mut self, selection: &Selection) -> Result<(), Failure> {
        let begins = self.cursor.as_deref().and_then(|c| c.parse::<FollowCursor>().ok());
        let begins = begins.map(|cursor| cursor.next.0);
        let mut listing = Listing::begin(self.client, selection, None, false, true)?;
        let listed = &mut self.listed;
        listing.print_with(&mut self.out, selection, &mut |row| {
            let again = row.event.position.zip(begins).is_none_or(|(at, begins)| at >= begins);
            listed.extend(row.event.id().filter(|_| again));
        })?;
        self.flush()?;
        self.keep_cursor()
    }

    fn run(&mut self, mut stream: Stream) -> Result<Exit, Failure> {
        loop {
            let cause = match stream.next_frame() {
                Ok(Some(frame)) => {
                    self.take(&frame)?;
                    continue;
                }
                Ok(None) => "the server closed it".to_owned(),
                Err(error) => error.to_string(),
            };
            say(&format!(
                "tidings: lost the connection to {}: {cause}; trying again",
                self.client.base()
            ));
            stream = self.reconnect()?;
            say("tidings: connected again");
        }
    }

    /// Tries until the server answers. Only what waiting cannot cure is an error.
    fn reconnect(&mut self) -> Result<Stream, Failure> {
        let mut back_off = BACK_OFF_MIN;
        loop {
            // Nobody unparks this thread, and an early wake costs one attempt.
            std::thread::park_timeout(back_off);
            match self.connect() {
                Err(failure) if matches!(failure.exit, Exit::Unreachable | Exit::Failed) => {
                    back_off = (back_off * 2).min(BACK_OFF_MAX);
                }
                other => return other,
            }
        }
    }

    fn take(&mut self, frame: &Frame) -> Result<(), Failure> {
        match frame.name.as_str() {
            "" | "message" => {
                let row = serde_json::from_str(&frame.data).and_then(Row::read);
                let row = row.map_err(|error| {
                    Failure::new(Exit::Failed, format!("the stream has no event: {error}"))
                })?;
                if row.event.id().is_none_or(|id| !self.listed.remove(&id)) {
                    let printed = self.printer.rows(&mut self.out, &[row]);
                    printed.map_err(|error| Failure::output(&error))?;
                    self.flush()?;
                }
            }
            "gap" => say(&format!("tidings: {}", gap(&frame.data))),
            "dropped" => say(&format!("tidings: {}", dropped(&frame.data))),
            // A greeting, or a kind that a newer server has.
            _ => {}
        }
        if let Some(id) = &frame.id {
            self.cursor = Some(id.clone());
            self.keep_cursor()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::output(&error))
    }

    fn keep_cursor(&self) -> Result<(), Failure> {
        match (&self.file, &self.cursor) {
            (Some(file), Some(cursor)) => cursors::keep(file, cursor),
            _ => Ok(()),
        }
    }
}

/// What a gap in the stream says: positions are dense, so it can be counted.
fn gap(data: &str) -> String {
    let gap: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    let position = |name: &str| gap.get(name).and_then(serde_json::Value::as_u64);
    let reason = gap.get("reason").and_then(serde_json::Value::as_str).unwrap_or("unknown");
    let reason = reason.replace('_', " ");
    match (position("from"), position("to")) {
        (Some(from), Some(to)) => {
            let count = counted(to.saturating_sub(from), "event");
            format!("{count} before this point missing ({reason})")
        }
        _ => format!("events before this point missing ({reason})"),
    }
}

/// What the server left out because the output, or the way to it, was too slow.
fn dropped(data: &str) -> String {
    let dropped: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    let count = dropped.get("count").and_then(serde_json::Value::as_u64);
    let count = count.map_or_else(|| "events".to_owned(), |count| counted(count, "event"));
    let told = format!("{count} before this point left out (too slow)");
    match dropped.get("after").and_then(serde_json::Value::as_str) {
        // Whatever else a server says is not for a terminal.
        Some(after) if after.parse::<FollowCursor>().is_ok() => {
            format!("{told}; tidings tail -f --after-cursor {after} has them")
        }
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_is_told_with_the_cursor_that_has_it() {
        let cursor = FollowCursor::new(tidings::Origin::from_bytes([7; 16]), tidings::Position(3));

        assert_eq!(
            dropped(&format!(r#"{{"count":120000,"from":3,"after":"{cursor}"}}"#)),
            format!(
                "120,000 events before this point left out (too slow); \
                 tidings tail -f --after-cursor {cursor} has them"
            )
        );
        assert_eq!(
            dropped(r#"{"count":1,"after":"\u001b[2J"}"#),
            "1 event before this point left out (too slow)"
        );
        assert_eq!(dropped("{}"), "events before this point left out (too slow)");
    }

    #[test]
    fn a_gap_is_told_in_numbers() {
        assert_eq!(
            gap(r#"{"from":3,"to":15,"reason":"missing_tail"}"#),
            "12 events before this point missing (missing tail)"
        );
        assert_eq!(
            gap(r#"{"from":null,"to":15,"reason":"another_log"}"#),
            "events before this point missing (another log)"
        );
    }
}
