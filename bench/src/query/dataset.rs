//! Which events are asked for? The bench's own, with a rare type and a few rare
//! words among them, received when they happened.

use std::io;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use tidings::{Ack, Clock, Event, Log, LogOptions, Severity, Timestamp};

use crate::events::{Events, Template};

/// Far more than any run takes.
const RETENTION: Duration = Duration::from_hours(87_600);
/// The same for the server that is asked, which looks at all that it keeps.
pub(super) const SERVE_FLAGS: [&str; 6] =
    ["--retention", "87600h", "--retention-size", "1000GiB", "--query-events-max", "1000000000"];
const STEP_MEAN: Duration = Duration::from_millis(4);
/// The last event is that old when a run begins, so that none lies ahead.
const SLACK: Duration = Duration::from_mins(2);
pub(super) const BATCH_EVENTS: usize = 1000;
/// Batches made beforehand, at most.
const AHEAD: usize = 8;
const CLOSE_DEADLINE: Duration = Duration::from_mins(1);

/// One event in a thousand.
pub(super) const RARE_TYPE: &str = "quorum.lost";
const RARE: Template =
    (RARE_TYPE, Severity::ERROR, "quorum of zone %n lost at revision %m, %n members answer", "%s");
const RARE_EVERY: u64 = 1000;
/// Words that nothing else says, and how many events say them, spread over all; the
/// last one a few times less, where an event already has another.
pub(super) const WORDS: [(&str, u64); 5] =
    [("zugzwang", 3), ("kestrel", 30), ("marzipan", 300), ("obelisk", 3000), ("quokka", 30_000)];

/// So many events, the last of them now.
#[derive(Clone, Debug)]
pub(super) struct Dataset {
    pub(super) events: u64,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    step_mean: Duration,
}

impl Dataset {
    pub(super) fn of(events: u64) -> Dataset {
        Dataset::every(events, STEP_MEAN)
    }

    /// The same, spread over such a span.
    pub(super) fn over(events: u64, span: Duration) -> Dataset {
        Dataset::every(events, span / u32::try_from(events).unwrap_or(u32::MAX))
    }

    fn every(events: u64, step_mean: Duration) -> Dataset {
        let end = Clock::system().now().before(SLACK);
        let start = end.before(step_mean * u32::try_from(events).unwrap_or(u32::MAX));
        Dataset { events, start, end, step_mean }
    }

    /// The same each time.
    pub(super) fn all(&self) -> impl Iterator<Item = Event> + use<> {
        let mut source = Events::from(self.start, self.step_mean);
        let count = self.events;
        (0..count).map(move |i| {
            let rare = i % RARE_EVERY == RARE_EVERY / 2;
            source.event(rare.then_some(RARE), word_of(i, count))
        })
    }

    /// Into a data directory as a server would: batches, each on disk before the
    /// next, with the log's own threads at work, and a clock that stands where the
    /// events are.
    pub(super) fn fill(&self, dir: &Path) -> io::Result<()> {
        let clock = Clock::by_hand(self.start);
        let options = LogOptions {
            retention: RETENTION,
            retention_bytes: u64::MAX,
            clock: clock.clone(),
            ..LogOptions::default()
        };
        let log = Log::open_with(dir, options).map_err(io::Error::other)?;
        let (to, from) = sync_channel::<Vec<Event>>(AHEAD);
        let mut source = self.all();
        let maker = thread::spawn(move || {
            loop {
                let batch: Vec<Event> = source.by_ref().take(BATCH_EVENTS).collect();
                if batch.is_empty() || to.send(batch).is_err() {
                    return;
                }
            }
        });
        for batch in from {
            let last = batch.last().and_then(Event::timestamp).unwrap_or(self.start);
            clock.advance(last.since(clock.now()));
            log.append(batch, Ack::Disk, true).map_err(io::Error::other)?;
        }
        log.close(CLOSE_DEADLINE);
        maker.join().map_err(|_| io::Error::other("the maker of events panicked"))
    }
}

/// What the event with this number says besides.
fn word_of(i: u64, events: u64) -> &'static str {
    const BEHIND: [&str; 5] =
        [" (zugzwang)", " (kestrel)", " (marzipan)", " (obelisk)", " (quokka)"];
    for (place, (_, count)) in WORDS.iter().enumerate() {
        let stride = (events / count).max(1);
        // Each a little further, so that no two want the same event.
        let here = i % stride == (stride / 2 + place as u64) % stride;
        if here && i / stride < *count {
            return BEHIND[place];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_in_a_thousand_is_of_the_rare_type() {
        let rare = |event: &Event| event.event_type() == RARE_TYPE;

        let all: Vec<Event> = Dataset::of(20_000).all().collect();

        assert_eq!(all.len(), 20_000);
        assert_eq!(all.iter().filter(|event| rare(event)).count(), 20);
    }

    #[test]
    fn a_word_is_said_as_often_as_is_told() {
        let events = 1_000_000;
        let said = |word: &str| {
            let behind = format!(" ({word})");
            (0..events).filter(|i| word_of(*i, events) == behind).count() as u64
        };

        for (word, count) in &WORDS[..4] {
            assert_eq!(said(word), *count, "{word}");
        }
        let (word, count) = WORDS[4];
        assert!((count - 30..=count).contains(&said(word)), "{word}: {}", said(word));
    }

    #[test]
    fn the_last_event_lies_shortly_before_the_end() {
        let dataset = Dataset::of(10_000);

        let last = dataset.all().last().and_then(|event| event.timestamp()).unwrap();

        let apart = last.since(dataset.end).max(dataset.end.since(last));
        assert!(apart < SLACK, "{last}, {}", dataset.end);
    }
}
