//! What is sent of a batch?

use tidings::Event;

use super::line::Incoming;
use crate::exit::{Exit, Failure};

/// Events that are sent together, in the order of their lines.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    events: Vec<Sent>,
}

#[derive(Debug)]
struct Sent {
    /// Of its line.
    number: u64,
    event: Event,
    /// In the log that it was exported from.
    id: Option<String>,
    is_anothers_own: bool,
}

impl Outgoing {
    pub(super) fn push(&mut self, number: u64, incoming: Incoming) {
        let Incoming { event, from, is_anothers_own } = incoming;
        self.events.push(Sent { number, event, id: from.id, is_anothers_own });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// One JSON object a line.
    pub(super) fn body(&self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        for sent in &self.events {
            serde_json::to_writer(&mut body, &sent.event)
                .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
            body.push(b'\n');
        }
        Ok(body)
    }

    /// The line of the event at this place.
    pub(super) fn number(&self, index: usize) -> u64 {
        self.events.get(index).map_or(0, |sent| sent.number)
    }

    /// The first line and the last.
    pub(super) fn numbers(&self) -> (u64, u64) {
        (self.number(0), self.number(self.events.len().saturating_sub(1)))
    }

    /// How many are what other logs said of themselves, but for those at these
    /// places.
    pub(super) fn anothers_own(&self, without: &[usize]) -> u64 {
        let own = self.events.iter().enumerate().filter(|(_, sent)| sent.is_anothers_own);
        own.filter(|(place, _)| !without.contains(place)).count() as u64
    }

    /// Whether the event at this place has an id that is not its key already.
    pub(super) fn can_be_rekeyed(&self, index: usize) -> bool {
        let sent = self.events.get(index);
        sent.is_some_and(|sent| sent.id.is_some() && sent.id.as_deref() != sent.event.key())
    }

    /// Gives the events at these places their id as their key.
    pub(super) fn rekey(&mut self, places: &[usize]) {
        for place in places {
            if let Some(sent) = self.events.get_mut(*place)
                && let Some(id) = &sent.id
            {
                sent.event = sent.event.clone().with_key(id);
            }
        }
    }

    /// Keeps only the events at these places.
    pub(super) fn keep(&mut self, places: &[usize]) {
        let mut place = 0;
        self.events.retain(|_| {
            place += 1;
            places.contains(&(place - 1))
        });
    }
}
