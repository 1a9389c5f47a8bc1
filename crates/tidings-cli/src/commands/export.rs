//! `tidings export`: the events of a window, whole, one JSON object a line.
//!
//! They stream from the server to the output, so a long export costs no more
//! memory than a short one. A connection that breaks is taken up again after the
//! last whole line; one that breaks before it has brought a line ends the export,
//! and the words say that the file is not whole.

use std::io::Write as _;

use serde_json::value::RawValue;

use super::Context;
use super::cursors;
use super::selection::Wanted;
use crate::args::ExportArgs;
use crate::client::lines::Lines;
use crate::client::{Client, Params};
use crate::exit::{Exit, Failure, say};
use crate::view::escape::escaped_json;
use crate::view::out::{self, Out};
use crate::view::progress::Progress;
use crate::view::row::Row;
use crate::view::summary::{self, size};

/// Exports what was asked for.
///
/// # Errors
///
/// A flag is no time, the server is not reached or refuses, the connection is lost
/// for good, or the output cannot be written.
pub(super) fn run(args: &ExportArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let wanted = Wanted::read(&args.which, &args.zone, false, context)?;
    let client = context.client()?;
    let terminal = out::is_terminal();
    let mut params = wanted.params();
    for (name, value) in [("order", "asc"), ("verbose", "1")] {
        params.push((name.to_owned(), value.to_owned()));
    }
    let progress = Progress::new("exported", &context.clock, terminal);
    let out = Out::plain();
    let mut export = Export { client: &client, params, out, terminal, last: Vec::new(), progress };

    export.copy_all()?;

    let Export { out, mut progress, .. } = export;
    out.finish().map_err(|error| Failure::output(&error))?;
    progress.erase();
    tell(&client, &wanted, &progress, context)
}

struct Export<'a> {
    client: &'a Client,
    params: Params,
    out: Out,
    terminal: bool,
    /// The line that was written last; its event is where a broken connection is
    /// taken up.
    last: Vec<u8>,
    progress: Progress,
}

impl Export<'_> {
    fn copy_all(&mut self) -> Result<(), Failure> {
        let mut lines = self.client.lines(&self.params)?;
        loop {
            let before = self.progress.events;
            let Some(cause) = self.copy(&mut lines)? else { return Ok(()) };
            // A connection that brings nothing would be taken up again for ever.
            let cursor = self.cursor().filter(|_| self.progress.events > before);
            let cursor = cursor.ok_or_else(|| self.broken(&cause))?;
            let mut params = self.params.clone();
            params.push(("after".to_owned(), cursor));
            lines = self.client.lines(&params).map_err(|failure| self.broken(&failure.message))?;
        }
    }

    /// Copies to the end, or to where the connection breaks: then says why.
    fn copy(&mut self, lines: &mut Lines) -> Result<Option<String>, Failure> {
        loop {
            let line = match lines.next_line() {
                Ok(None) => return Ok(None),
                Ok(Some(line)) => line,
                Err(error) => return Ok(Some(error.to_string())),
            };
            let written = if self.terminal {
                let text = String::from_utf8_lossy(line);
                let text = text.trim_end_matches('\n');
                writeln!(self.out, "{}", escaped_json(text))
            } else {
                self.out.write_all(line)
            };
            written.map_err(|error| Failure::output(&error))?;
            self.last.clear();
            self.last.extend_from_slice(line);
            self.progress.add(1, line.len() as u64);
        }
    }

    fn cursor(&self) -> Option<String> {
        let raw: Box<RawValue> = serde_json::from_slice(&self.last).ok()?;
        cursors::after(&Row::read(raw).ok()?.event)
    }

    /// What was written stays, so that whoever wants it has it; but nobody shall
    /// take it for all.
    fn broken(&mut self, cause: &str) -> Failure {
        let events = summary::counted(self.progress.events, "event");
        self.progress.erase();
        let flushed = self.out.flush();
        let base = self.client.base();
        let message = format!("lost {base} after {events}: {cause}; what is exported is not whole");
        match flushed.map_err(|error| Failure::output(&error)) {
            Err(failure) => failure,
            Ok(()) => Failure::new(Exit::Unreachable, message).hint("export it again"),
        }
    }
}

/// How much it was, and what may be missing. Asked for at the end, so that it
/// covers what was lost or cut meanwhile.
fn tell(
    client: &Client,
    wanted: &Wanted,
    progress: &Progress,
    context: &Context<'_>,
) -> Result<Exit, Failure> {
    let mut params = wanted.params();
    params.push(("limit".to_owned(), "1".to_owned()));
    let page = client.list(&params).map_err(|failure| {
        let events = summary::counted(progress.events, "event");
        let words =
            format!("exported {events}, but not learned what is missing: {}", failure.message);
        Failure { message: words, ..failure }
    })?;
    let wall = wanted.wall(context.clock.now());
    let what = format!(
        "exported {} ({})",
        summary::counted(progress.events, "event"),
        size(progress.bytes)
    );
    say(&summary::told(&what, &page.whole.coverage, wanted.window, &wall));
    Ok(Exit::Ok)
}
