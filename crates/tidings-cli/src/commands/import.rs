//! `tidings import`: stores what was exported, also from another log.
//!
//! Every event goes out with a key, so whatever becomes of a connection, a batch can
//! be sent again and is stored once. An event that the server still has under its
//! own id is not sent at all.

mod line;
mod outgoing;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Duration;

use self::line::IMPORTED;
use self::outgoing::Outgoing;
use tidings::{Clock, EventId};

use super::Context;
use super::batches::{Batches, Line};
use crate::args::ImportArgs;
use crate::client::Client;
use crate::client::answers::Rejected;
use crate::client::attempt::{Attempt, Offered};
use crate::client::stream::LINE_BYTES_MAX;
use crate::exit::{Exit, Failure, say};
use crate::view::progress::Progress;
use crate::view::summary::{counted, grouped};

/// The first pause before something is tried again, unless the server names one;
/// each further one is twice as long.
const BACK_OFF_MIN: Duration = Duration::from_millis(250);
/// For so long one call is made again.
const PATIENCE: Duration = Duration::from_mins(1);

/// Stores the events of files.
///
/// # Errors
///
/// A file cannot be read, or the server is not reached or refuses for good: the
/// message says what is stored.
pub(super) fn run(args: &ImportArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.client()?;
    for path in args.files.iter().filter(|path| !is_stdin(path)) {
        // Before anything is stored; a pipe must not be opened to be looked at.
        std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    }
    let origin = client.stats()?.said.origin;
    let progress = Progress::new("imported", &context.clock, false);
    let mut import = Import {
        client: &client,
        args,
        origin,
        books: Books::default(),
        progress,
        clock: &context.clock,
    };
    let stdin = [Path::new("-").to_owned()];
    let files = if args.files.is_empty() { &stdin[..] } else { &args.files };
    for path in files {
        let (name, batches) = open(path, &context.clock)?;
        if import.file(&name, batches)? == Going::Stopped {
            break;
        }
    }
    Ok(import.tell())
}

/// The name of an input as it is told, and its lines.
fn open(path: &Path, clock: &Clock) -> Result<(String, Batches), Failure> {
    let bytes_max = usize::try_from(LINE_BYTES_MAX).unwrap_or(usize::MAX);
    if is_stdin(path) {
        let batches = Batches::of(BufReader::new(io::stdin()), bytes_max, clock)?;
        return Ok(("standard input".to_owned(), batches));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let batches = Batches::of(BufReader::new(file), bytes_max, clock)?;
    Ok((path.display().to_string(), batches))
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot read {}: {error}", path.display()))
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    On,
    /// A strict batch has a bad line.
    Stopped,
}

/// What became of the events.
#[derive(Clone, Copy, Debug, Default)]
struct Books {
    stored: u64,
    duplicates: u64,
    rejected: u64,
    /// Of those stored or there already, what other logs said of themselves.
    anothers_own: u64,
    /// Of those stored or there already, under their id for a key that another has.
    rekeyed: u64,
    /// Of those rejected, for a key that another event has.
    conflicts: u64,
    /// Batches that were sent again after nobody knew what became of them.
    sent_again: u64,
}

struct Import<'a> {
    client: &'a Client,
    args: &'a ImportArgs,
    /// Of the server's log.
    origin: String,
    books: Books,
    progress: Progress,
    clock: &'a Clock,
}

impl Import<'_> {
    fn file(&mut self, name: &str, mut batches: Batches) -> Result<Going, Failure> {
        while let Some(batch) = batches.next_batch() {
            let so_far = self.books.summary();
            let so_far = |failure: Failure| {
                let message = format!("{name}: {}; before it: {so_far}", failure.message);
                Failure { message, ..failure }
            };
            let lines = batch.map_err(so_far)?;
            if self.take(name, &lines).map_err(so_far)? == Going::Stopped {
                let (first, last) = (lines.first(), lines.last());
                let number = |line: Option<&Line>| line.map_or(0, |line| line.number);
                self.progress.say(&format!(
                    "tidings: stopped: nothing of {name}, lines {} to {}, is stored (--strict)",
                    number(first),
                    number(last)
                ));
                return Ok(Going::Stopped);
            }
            let bytes = lines.iter().filter_map(|line| line.text.as_ref().ok()).map(Vec::len);
            self.progress.add(lines.len() as u64, bytes.sum::<usize>() as u64);
        }
        Ok(Going::On)
    }

    fn take(&mut self, name: &str, lines: &[Line]) -> Result<Going, Failure> {
        let rejected = self.books.rejected;
        let mut outgoing = Outgoing::default();
        for line in lines {
            self.prepare(name, line, &mut outgoing)?;
        }
        if self.args.strict && self.books.rejected > rejected {
            return Ok(Going::Stopped);
        }
        self.send(name, outgoing)
    }

    fn send(&mut self, name: &str, mut outgoing: Outgoing) -> Result<Going, Failure> {
        if outgoing.is_empty() {
            return Ok(Going::On);
        }
        match self.offer(name, &outgoing)? {
            Offered::Taken(batch) => {
                self.books.stored += batch.accepted;
                self.books.duplicates += batch.duplicates;
                let (again, refused) = self.to_rekey(&outgoing, batch.rejected);
                let not_yet = refused.iter().map(|one| one.index).chain(again.iter().copied());
                self.books.anothers_own += outgoing.anothers_own(&not_yet.collect::<Vec<_>>());
                self.refused(name, &outgoing, &refused);
                outgoing.rekey(&again);
                outgoing.keep(&again);
                // Under its id an event is not rekeyed again.
                self.books.rekeyed += again.len() as u64;
                self.send(name, outgoing)
            }
            Offered::NoneTaken(rejected) => {
                let (again, refused) = self.to_rekey(&outgoing, rejected);
                self.refused(name, &outgoing, &refused);
                if !refused.is_empty() || again.is_empty() {
                    return Ok(Going::Stopped);
                }
                outgoing.rekey(&again);
                self.books.rekeyed += again.len() as u64;
                self.send(name, outgoing)
            }
        }
    }

    /// The places of those whose key is taken and that may have another one, and
    /// the others.
    fn to_rekey(
        &self,
        outgoing: &Outgoing,
        rejected: Vec<Rejected>,
    ) -> (Vec<usize>, Vec<Rejected>) {
        let may = |one: &Rejected| {
            self.args.rekey && one.id.is_some() && outgoing.can_be_rekeyed(one.index)
        };
        let (again, refused): (Vec<_>, Vec<_>) = rejected.into_iter().partition(may);
        (again.into_iter().map(|one| one.index).collect(), refused)
    }

    /// Reads a line, and adds it to what is sent if it is an event that is not
    /// here.
    fn prepare(&mut self, name: &str, line: &Line, outgoing: &mut Outgoing) -> Result<(), Failure> {
        let Ok(text) = &line.text else {
            let why = format!("over {LINE_BYTES_MAX} bytes, which no event has");
            self.reject(name, line.number, &why);
            return Ok(());
        };
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let incoming = match line::read(text, name, line.number) {
            Ok(incoming) => incoming,
            Err(why) => {
                self.reject(name, line.number, &why);
                return Ok(());
            }
        };
        if let (Some(id), Some(origin)) = (&incoming.from.id, &incoming.from.origin)
            && *origin == self.origin
            && id.parse::<EventId>().is_ok()
            && self.insist(|client| client.has(id))?.0
        {
            self.books.duplicates += 1;
            return Ok(());
        }
        outgoing.push(line.number, incoming);
        Ok(())
    }

    fn offer(&mut self, name: &str, outgoing: &Outgoing) -> Result<Offered, Failure> {
        let body = outgoing.body()?;
        let offered = self.insist(|client| client.offer_lines(&body, self.args.strict));
        let (offered, again) = offered.map_err(|mut failure| {
            let (first, last) = outgoing.numbers();
            let words = format!(" (lines {first} to {last} of {name} may be stored or not)");
            failure.message.push_str(&words);
            failure.hint("import it again: within an hour nothing is stored twice")
        })?;
        self.books.sent_again += u64::from(again);
        Ok(offered)
    }

    /// Tries until there is an answer, as long as waiting may help; and whether
    /// an attempt before may have been heard.
    fn insist<T>(
        &mut self,
        attempt: impl Fn(&Client) -> Result<Attempt<T>, Failure>,
    ) -> Result<(T, bool), Failure> {
        let (mut back_off, mut deadline, mut lost) = (BACK_OFF_MIN, None, false);
        loop {
            let (after, failure) = match attempt(self.client)? {
                Attempt::Answered(answer) => return Ok((answer, lost)),
                Attempt::NotNow { after, failure } => (after, failure),
                Attempt::Lost(failure) => {
                    lost = true;
                    (None, failure)
                }
            };
            let pause = after.map_or(back_off, |after| after.max(BACK_OFF_MIN));
            let now = self.clock.monotonic();
            if deadline.is_none() {
                self.progress.say(&format!("tidings: {}; trying again", failure.message));
            }
            if now + pause > *deadline.get_or_insert(now + PATIENCE) {
                return Err(failure);
            }
            // Nobody unparks this thread, and an early wake costs one attempt.
            std::thread::park_timeout(pause);
            back_off *= 2;
        }
    }

    fn refused(&mut self, name: &str, outgoing: &Outgoing, rejected: &[Rejected]) {
        for Rejected { index, error, id } in rejected {
            let number = outgoing.number(*index);
            let why = match id {
                Some(id) => format!("{error}: {id}"),
                None => error.clone(),
            };
            self.books.conflicts += u64::from(id.is_some());
            self.reject(name, number, &why);
        }
    }

    fn reject(&mut self, name: &str, number: u64, why: &str) {
        self.books.rejected += 1;
        self.progress.say(&format!("{name}:{number}: {why}"));
    }

    fn tell(mut self) -> Exit {
        self.progress.erase();
        let books = self.books;
        say(&books.summary());
        for (count, what) in [
            (
                books.anothers_own,
                format!("of another log about itself: kept as {IMPORTED}tidings.*"),
            ),
            (books.rekeyed, "under their exported id: their own key is another event's".to_owned()),
        ] {
            if count > 0 {
                say(&format!("{} {what}", counted(count, "event")));
            }
        }
        if books.sent_again > 0 {
            let batches = counted(books.sent_again, "call");
            say(&format!(
                "{batches} made again after a lost connection: what it had stored counts as duplicates"
            ));
        }
        if books.conflicts > 0 && !self.args.rekey {
            say("hint: --rekey stores events whose own key another event has");
        }
        if books.rejected > 0 { Exit::Failed } else { Exit::Ok }
    }
}

impl Books {
    /// `stored 9,998, duplicates 1, rejected 1`
    fn summary(&self) -> String {
        let [stored, duplicates, rejected] =
            [self.stored, self.duplicates, self.rejected].map(grouped);
        format!("stored {stored}, duplicates {duplicates}, rejected {rejected}")
    }
}
