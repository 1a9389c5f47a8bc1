//! `tidings add --stdin`: records each line of the standard input.
//!
//! A line that is refused does not hold up the others.

use std::io::{self, BufReader};

use tidings::{Clock, Event, MESSAGE_BYTES_MAX};

use super::batches::{Batches, Line};
use crate::client::Client;
use crate::exit::{Exit, Failure, say};
use crate::view::summary::{counted, grouped};

/// Records every line as `template` with the line as its message.
///
/// # Errors
///
/// The input cannot be read, or the server is not reached or refuses: the message
/// says which lines were not recorded.
pub(super) fn run(template: &Event, client: &Client, clock: &Clock) -> Result<Exit, Failure> {
    let mut batches = Batches::of(BufReader::new(io::stdin()), MESSAGE_BYTES_MAX, clock)?;
    let mut sent = Sent::default();
    while let Some(batch) = batches.next_batch() {
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
            if let Ok(text) = line.text {
                serde_json::to_writer(&mut body, &template.clone().with_message(lossy(&text)))
                    .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
                body.push(b'\n');
                numbers.push(line.number);
            } else {
                let limit = MESSAGE_BYTES_MAX;
                let why = format!("message: over {limit} bytes, which is what is kept at most");
                self.reject(line.number, &why);
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

/// Bytes that are not UTF-8 become U+FFFD: a line of a log is worth more than its
/// bad byte.
fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_byte_does_not_cost_the_line() {
        assert_eq!(lossy(b"disk \xff full"), "disk \u{fffd} full");
    }
}
