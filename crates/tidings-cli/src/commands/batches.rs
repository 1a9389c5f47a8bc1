//! How do the lines of an input become batches?
//!
//! A batch ends when it is full, or when the input has been silent for
//! [`BATCH_WAIT`]: a file goes out in full batches, and a line of a live pipe does
//! not wait for a thousand others.

use std::io::{self, BufRead, Read as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tidings::Clock;

use crate::exit::{Exit, Failure};

/// Events of one batch, at most.
pub(super) const BATCH_EVENTS_MAX: usize = 1000;
/// Bytes of lines with which a batch is full.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// How long a line waits for others to share its batch.
const BATCH_WAIT: Duration = Duration::from_millis(200);
/// Bytes of lines that are read ahead, at most.
const AHEAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Lines that are read ahead, at most.
const AHEAD_LINES_MAX: usize = 1000;

/// A line of the input that has anything in it, or why it cannot be taken.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// Without its end.
    pub(super) text: Result<Vec<u8>, TooLong>,
}

/// A line has more bytes than anybody would take; they are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// The batches of one input, which is read by a thread of its own.
#[derive(Debug)]
pub(super) struct Batches {
    lines: Receiver<io::Result<Line>>,
    clock: Clock,
    /// Why nothing comes after what has been read.
    broken: Option<Failure>,
}

impl Batches {
    /// Begins to read lines of at most `line_bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(super) fn of(
        input: impl BufRead + Send + 'static,
        line_bytes_max: usize,
        clock: &Clock,
    ) -> Result<Batches, Failure> {
        let ahead = (AHEAD_BYTES_MAX / line_bytes_max).clamp(1, AHEAD_LINES_MAX);
        let (sender, lines) = sync_channel(ahead);
        // Detached on purpose: it blocks in a read that only the end of the input
        // ends, and has nothing to lose when the program does.
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || read_lines(input, line_bytes_max, &sender))
            .map_err(|error| unreadable(&error))?;
        Ok(Batches { lines, clock: clock.clone(), broken: None })
    }

    /// Waits for a line, and takes what comes soon after. `None` at the end.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub(super) fn next_batch(&mut self) -> Option<Result<Vec<Line>, Failure>> {
        if let Some(failure) = self.broken.take() {
            return Some(Err(failure));
        }
        let first = match self.lines.recv().ok()? {
            Ok(line) => line,
            Err(error) => return Some(Err(unreadable(&error))),
        };
        let deadline = self.clock.monotonic() + BATCH_WAIT;
        let length = |line: &Line| line.text.as_ref().map_or(0, Vec::len);
        let mut bytes = length(&first);
        let mut batch = vec![first];
        while batch.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
            match self.lines.recv_timeout(deadline.saturating_sub(self.clock.monotonic())) {
                Ok(Ok(line)) => {
                    bytes += length(&line);
                    batch.push(line);
                }
                // What was read before the error is recorded first.
                Ok(Err(error)) => {
                    self.broken = Some(unreadable(&error));
                    break;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        Some(Ok(batch))
    }
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot read the input: {error}"))
}

/// Sends the lines of the input that have anything in them.
fn read_lines(mut input: impl BufRead, bytes_max: usize, lines: &SyncSender<io::Result<Line>>) {
    let mut number = 0;
    loop {
        let read = read_line(&mut input, bytes_max);
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

/// One line, of which no more is held than may be taken.
fn read_line(
    input: &mut impl BufRead,
    bytes_max: usize,
) -> io::Result<Option<Result<Vec<u8>, TooLong>>> {
    let limit = bytes_max as u64 + 2;
    let mut line = Vec::new();
    if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let ended = line.pop_if(|last| *last == b'\n').is_some();
    line.pop_if(|last| *last == b'\r');
    if line.len() <= bytes_max {
        return Ok(Some(Ok(line)));
    }
    if !ended {
        input.skip_until(b'\n')?;
    }
    Ok(Some(Err(TooLong)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64;

    fn lines(input: &[u8]) -> Vec<Line> {
        let (sender, receiver) = sync_channel(100);
        read_lines(input, LIMIT, &sender);
        drop(sender);
        receiver.iter().map(Result::unwrap).collect()
    }

    #[test]
    fn each_line_with_anything_in_it_is_taken_under_its_number() {
        let read = lines(b"a\r\n\n b \nlast");

        let read: Vec<_> = read.into_iter().map(|l| (l.number, l.text.unwrap())).collect();
        assert_eq!(read, [(1, b"a".to_vec()), (3, b" b ".to_vec()), (4, b"last".to_vec())]);
    }

    #[test]
    fn a_line_is_taken_at_its_limit_and_refused_one_byte_past_it() {
        let at = "x".repeat(LIMIT);
        let input = format!("{at}\n{at}\r\n{at}y\n{at}{at}\nnext\n");

        let read = lines(input.as_bytes());

        let taken: Vec<_> = read.iter().map(|line| line.text.is_ok()).collect();
        assert_eq!(taken, [true, true, false, false, true]);
        assert_eq!(read[4].number, 5);
    }

    /// Was told on the standard error, and the command ended with 0.
    #[test]
    fn an_input_that_breaks_is_a_failure_after_what_was_read() {
        let (sender, lines) = sync_channel(9);
        let broken = io::BufReader::new(b"a\n".chain(Unreadable));
        read_lines(broken, LIMIT, &sender);
        drop(sender);
        let clock = Clock::by_hand(tidings::Timestamp::default());
        let mut batches = Batches { lines, clock, broken: None };

        assert_eq!(batches.next_batch().unwrap().unwrap().len(), 1);
        let failure = batches.next_batch().unwrap().unwrap_err();
        assert_eq!(failure.message, "cannot read the input: the disk is gone");
        assert!(batches.next_batch().is_none());
    }

    struct Unreadable;

    impl io::Read for Unreadable {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }

    #[test]
    fn a_batch_ends_at_its_limit_or_with_the_input() {
        let (sender, lines) = sync_channel(2 * BATCH_EVENTS_MAX);
        read_lines(&b"x\n".repeat(BATCH_EVENTS_MAX + 1)[..], LIMIT, &sender);
        drop(sender);
        let clock = Clock::by_hand(tidings::Timestamp::default());
        let mut batches = Batches { lines, clock, broken: None };

        let mut batch = || batches.next_batch().map(|batch| batch.unwrap().len());

        assert_eq!([batch(), batch(), batch()], [Some(BATCH_EVENTS_MAX), Some(1), None]);
    }
}
