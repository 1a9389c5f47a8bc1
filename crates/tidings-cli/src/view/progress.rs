//! How far is it? One line on a terminal that is written over, and gone at the end.

use std::io::{self, Write};
use std::time::Duration;

use tidings::Clock;

use super::out;
use super::summary::{counted, size};
use crate::exit::say;

/// The line is written no more often than this.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// Back to the start of the line, and what stands there away.
const ERASE: &[u8] = b"\r\x1b[K";

/// Counts what has gone by, and shows it where a person looks.
pub struct Progress {
    clock: Clock,
    begun: Duration,
    verb: &'static str,
    /// How many so far.
    pub events: u64,
    /// How much so far.
    pub bytes: u64,
    /// A terminal; `None` shows nothing.
    to: Option<Box<dyn Write>>,
    /// When the line was written last; it stands there still.
    drawn: Option<Duration>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("events", &self.events).finish_non_exhaustive()
    }
}

impl Progress {
    /// Shown on the standard error if that is a terminal and `quiet` is not set:
    /// where output goes to the same terminal, the line would stand in its way.
    pub fn new(verb: &'static str, clock: &Clock, quiet: bool) -> Progress {
        let shown = out::words_go_to_a_terminal() && !quiet;
        let to = shown.then(|| Box::new(io::stderr()) as Box<dyn Write>);
        Progress::on(to, verb, clock)
    }

    fn on(to: Option<Box<dyn Write>>, verb: &'static str, clock: &Clock) -> Progress {
        let begun = clock.monotonic();
        Progress { clock: clock.clone(), begun, verb, events: 0, bytes: 0, to, drawn: None }
    }

    /// Counts, and shows how far it is when that is due.
    pub fn add(&mut self, events: u64, bytes: u64) {
        self.events += events;
        self.bytes += bytes;
        let Some(to) = &mut self.to else { return };
        let now = self.clock.monotonic();
        if now < self.drawn.unwrap_or(self.begun) + DRAW_EVERY {
            return;
        }
        self.drawn = Some(now);
        let millis = now.saturating_sub(self.begun).as_millis().max(1);
        let rate = u128::from(self.bytes) * 1000 / millis;
        let line = format!(
            "{} {}, {}, {}/s",
            self.verb,
            counted(self.events, "event"),
            size(self.bytes),
            size(u64::try_from(rate).unwrap_or(u64::MAX))
        );
        // A terminal that is gone is nobody's fault.
        let _ = to.write_all(&[ERASE, line.as_bytes()].concat()).and_then(|()| to.flush());
    }

    /// Takes the line away.
    pub fn erase(&mut self) {
        if let (Some(to), Some(_)) = (&mut self.to, self.drawn.take()) {
            let _ = to.write_all(ERASE).and_then(|()| to.flush());
        }
    }

    /// Says something in its place.
    pub fn say(&mut self, words: &str) {
        self.erase();
        say(words);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.erase();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<u8>>>);

    impl Terminal {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_says_how_far_it_is_and_leaves_nothing_behind() {
        let terminal = Terminal::default();
        let clock = Clock::by_hand("2026-11-22T10:00:00Z".parse().unwrap());
        let mut progress = Progress::on(Some(Box::new(terminal.clone())), "exported", &clock);

        progress.add(1000, 2048);
        assert_eq!(terminal.text(), "", "too soon");
        clock.advance(Duration::from_secs(2));
        progress.add(500, 2048);
        progress.add(500, 2048);

        let line = "\r\x1b[Kexported 1,500 events, 4.0 KiB, 2.0 KiB/s";
        assert_eq!(terminal.text(), line);
        drop(progress);
        assert_eq!(terminal.text(), format!("{line}\r\x1b[K"));
    }

    #[test]
    fn nothing_is_written_where_nobody_looks() {
        let clock = Clock::by_hand("2026-11-22T10:00:00Z".parse().unwrap());
        let mut progress = Progress::on(None, "exported", &clock);

        clock.advance(Duration::from_secs(2));
        progress.add(1, 1);

        assert!(progress.drawn.is_none());
    }
}
