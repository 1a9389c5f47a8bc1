//! `tidings add --stdin`: records each line of the standard input.
//!
//! Lines go out in batches: a batch is sent when it is full, or when the input has
//! been silent for [`BATCH_WAIT`]. A line that is refused does not hold up the
//! others.

use std::io::{self, BufRead, Read as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tidings::{Clock, Event, MESSAGE_BYTES_MAX};

use crate::client::Client;
use crate::exit::{Exit, Failure, say};
use crate::view::summary::{counted, grouped};

/// Events of one batch, at most.
const BATCH_EVENTS_MAX: usize = 1000;
/// Bytes of messages in one batch, at most.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// How long a line waits for others to share its batch.
const BATCH_WAIT: Duration = Duration::from_millis(200);
/// Lines that are read ahead, at most.
const LINES_AHEAD_MAX: usize = 1000;

/// A line of the input, or why it cannot be one event.
#[derive(Debug)]
struct Line {
    /// Counted from 1.
    number: u64,
    text: Result<String, String>,
}

/// Records every line as `template` with the line as its message.
///
/// # Errors
///
/// The input cannot be read, or the server is not reached or refuses: the message
/// says which lines were not recorded.
pub(super) fn run(template: &Event, client: &Client, clock: &Clock) -> Result<Exit, Failure> {
    let (sender, lines) = sync_channel(LINES_AHEAD_MAX);
    // Detached on purpose: it blocks in a read that only the end of the input
    // ends, and has nothing to lose when the program does.
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || read_lines(io::stdin().lock(), &sender))
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot read the input: {error}")))?;
    let mut sent = Sent::default();
    while let Some(batch) = next_batch(&lines, clock) {
        sent.send(template, client, batch?)?;
    }
    let Sent { accepted, duplicates, rejected } = sent;
    let mut words = format!("tidings: recorded {}", counted(accepted, "event"));
    for (count, what) in [(duplicates, "there already"), (rejected, "refused")] {
        if count > 0 {
            words.extend([", ", &grouped(count), " ", what]);
        }
    }
    say(&words);
    Ok(if rejected > 0 { Exit::Failed } else { Exit::Ok })
}

/// What became of the lines so far.
#[derive(Debug, Default)]
struct Sent {
    accepted: u64,
    duplicates: u64,
    rejected: u64,
}

impl Sent {
    fn send(&mut self, template: &Event, client: &Client, lines: Vec<Line>) -> Result<(), Failure> {
        let mut numbers = Vec::with_capacity(lines.len());
        let mut body = Vec::new();
        for line in lines {
            match line.text {
                Ok(text) => {
                    serde_json::to_writer(&mut body, &template.clone().with_message(text))
                        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
                    body.push(b'\n');
                    numbers.push(line.number);
                }
                Err(why) => self.reject(line.number, &why),
            }
        }
        let Some(first) = numbers.first() else { return Ok(()) };
        let batch = client.add_lines(&body).map_err(|mut failure| {
            let from = format!("; from line {first} on nothing was recorded for certain");
            failure.message.push_str(&from);
            failure
        })?;
        self.accepted += batch.accepted;
        self.duplicates += batch.duplicates;
        for rejected in &batch.rejected {
            self.reject(numbers.get(rejected.index).copied().unwrap_or(*first), &rejected.error);
        }
        Ok(())
    }

    fn reject(&mut self, number: u64, why: &str) {
        self.rejected += 1;
        say(&format!("tidings: line {number}: {why}"));
    }
}

/// Waits for a line, and takes what comes soon after. `None` at the end.
fn next_batch(
    lines: &Receiver<io::Result<Line>>,
    clock: &Clock,
) -> Option<Result<Vec<Line>, Failure>> {
    let unreadable =
        |error: io::Error| Failure::new(Exit::Failed, format!("cannot read the input: {error}"));
    let first = match lines.recv().ok()? {
        Ok(line) => line,
        Err(error) => return Some(Err(unreadable(error))),
    };
    let deadline = clock.monotonic() + BATCH_WAIT;
    let length = |line: &Line| line.text.as_ref().map_or(0, String::len);
    let mut bytes = length(&first);
    let mut batch = vec![first];
    while batch.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
        match lines.recv_timeout(deadline.saturating_sub(clock.monotonic())) {
            Ok(Ok(line)) => {
                bytes += length(&line);
                batch.push(line);
            }
            // What was read before the error is recorded first: the reader has
            // ended, and the next call finds the end.
            Ok(Err(error)) => {
                say(&format!("tidings: cannot read the input any further: {error}"));
                break;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    Some(Ok(batch))
}

/// Sends the lines of the input that have anything in them.
fn read_lines(mut input: impl BufRead, lines: &SyncSender<io::Result<Line>>) {
    let mut number = 0;
    loop {
        let read = read_line(&mut input);
        number += 1;
        let line = match read {
            Ok(None) => return,
            Ok(Some(Ok(text))) if text.is_empty() => continue,
            Ok(Some(text)) => Ok(Line { number, text }),
            Err(error) => Err(error),
        };
        let ends = line.is_err();
        if lines.send(line).is_err() || ends {
            return;
        }
    }
}

/// One line, of which no more is held than an event may have. Bytes that are not
/// UTF-8 become U+FFFD: a line of a log is worth more than its bad byte.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Result<String, String>>> {
    let limit = MESSAGE_BYTES_MAX as u64 + 2;
    let mut line = Vec::new();
    if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let ended = line.pop_if(|last| *last == b'\n').is_some();
    line.pop_if(|last| *last == b'\r');
    if line.len() <= MESSAGE_BYTES_MAX {
        return Ok(Some(Ok(String::from_utf8_lossy(&line).into_owned())));
    }
    if !ended {
        input.skip_until(b'\n')?;
    }
    Ok(Some(Err(format!("message: over {MESSAGE_BYTES_MAX} bytes, which is what is kept at most"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<Line> {
        let (sender, receiver) = sync_channel(LINES_AHEAD_MAX);
        read_lines(input, &sender);
        drop(sender);
        receiver.iter().map(Result::unwrap).collect()
    }

    #[test]
    fn each_line_with_anything_in_it_is_an_event_under_its_number() {
        let read: Vec<_> =
            lines(b"a\r\n\n b \nlast").into_iter().map(|l| (l.number, l.text.unwrap())).collect();

        assert_eq!(read, [(1, "a".to_owned()), (3, " b ".to_owned()), (4, "last".to_owned())]);
    }

    #[test]
    fn a_line_is_taken_at_its_limit_and_refused_one_byte_past_it() {
        let at = "x".repeat(MESSAGE_BYTES_MAX);
        let input = format!("{at}\n{at}\r\n{at}y\n{at}{at}\nnext\n");

        let read = lines(input.as_bytes());

        let taken: Vec<_> = read.iter().map(|line| line.text.is_ok()).collect();
        assert_eq!(taken, [true, true, false, false, true]);
        assert_eq!(read[4].number, 5);
    }

    #[test]
    fn a_bad_byte_does_not_cost_the_line() {
        assert_eq!(lines(b"disk \xff full\n")[0].text.as_deref(), Ok("disk \u{fffd} full"));
    }

    #[test]
    fn a_batch_ends_at_its_limit_or_with_the_input() {
        let (sender, receiver) = sync_channel(2 * BATCH_EVENTS_MAX);
        read_lines(&b"x\n".repeat(BATCH_EVENTS_MAX + 1)[..], &sender);
        drop(sender);
        let clock = Clock::by_hand(tidings::Timestamp::default());

        let batch = || next_batch(&receiver, &clock).map(|batch| batch.unwrap().len());

        assert_eq!([batch(), batch(), batch()], [Some(BATCH_EVENTS_MAX), Some(1), None]);
    }
}
