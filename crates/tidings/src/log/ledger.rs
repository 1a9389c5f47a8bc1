//! What waits to be published, and what became of the rest?

use std::collections::BTreeMap;
use std::time::Duration;

use super::index::Span;
use crate::id::Position;
use crate::loss::LOSS_RECORD_PERIOD;
use crate::sharing::{Sharing, Unshared};

/// The second books, kept block by block: whoever says the same of a block twice
/// (a publisher after an answer that got lost, retention after a failure) is
/// counted once.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    books: Sharing,
    /// Events of the blocks that wait, by where they begin.
    waiting: BTreeMap<Position, u64>,
    /// What begins before this was counted when it was stored.
    counted_to: Position,
    /// When the first and the last event was received that was given up before it
    /// had come of age, as far as is known.
    given_up: Option<Span>,
    /// How many of the given up have been told of.
    told: u64,
    /// When to tell again at the earliest, on the monotonic clock.
    due: Duration,
}

impl Ledger {
    pub(super) fn books(&self) -> Sharing {
        self.books
    }

    /// A stored block waits to be published, unless it was counted before.
    pub(super) fn queue(&mut self, base: Position, events: u64) {
        if base >= self.counted_to {
            self.counted_to = base.plus(events.max(1));
            self.waiting.insert(base, events);
            self.books.count_queued(events);
        }
    }

    pub(super) fn waits(&self, base: Position) -> bool {
        self.waiting.contains_key(&base)
    }

    /// Where the oldest block begins that waits.
    pub(super) fn first_waiting(&self) -> Option<Position> {
        self.waiting.first_key_value().map(|(base, _)| *base)
    }

    /// These blocks wait no longer: so many of their events were given up, all
    /// others are published.
    pub(super) fn share(
        &mut self,
        bases: &[Position],
        unshared: &[(Unshared, u64)],
        received: Option<Span>,
    ) {
        let mut left = self.leave(bases);
        for (reason, events) in unshared {
            // Retention may have let go of a block and counted its events.
            let events = left.min(*events);
            self.count_unshared(*reason, events, received);
            left -= events;
        }
        self.books.count_published(left);
    }

    /// These blocks are given up.
    pub(super) fn give_up(&mut self, bases: &[Position], reason: Unshared, received: Option<Span>) {
        let events = self.leave(bases);
        self.count_unshared(reason, events, received);
    }

    /// Those of these blocks that wait.
    pub(super) fn waiting_of(&self, bases: &[Position]) -> Vec<Position> {
        bases.iter().copied().filter(|base| self.waits(*base)).collect()
    }

    fn count_unshared(&mut self, reason: Unshared, events: u64, received: Option<Span>) {
        self.books.count_unshared(reason, events);
        if reason != Unshared::TooOld && events > 0 {
            let spans = self.given_up.into_iter().chain(received);
            self.given_up = spans.reduce(|(from, to), next| (from.min(next.0), to.max(next.1)));
        }
    }

    /// What there is to tell, if it is time.
    pub(super) fn to_tell(
        &self,
        monotonic: Duration,
        at_once: bool,
    ) -> Option<(Sharing, Option<Span>)> {
        let has_news = self.books.unshared_total() > self.told;
        (has_news && (at_once || monotonic >= self.due)).then_some((self.books, self.given_up))
    }

    /// These books were told.
    pub(super) fn told(&mut self, books: &Sharing, monotonic: Duration) {
        self.told = books.unshared_total();
        self.due = monotonic + LOSS_RECORD_PERIOD;
    }

    fn leave(&mut self, bases: &[Position]) -> u64 {
        bases.iter().filter_map(|base| self.waiting.remove(base)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger_of(blocks: &[(u64, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (base, events) in blocks {
            ledger.queue(Position(*base), *events);
        }
        ledger
    }

    #[track_caller]
    fn assert_books(ledger: &Ledger, books: &str) {
        assert_eq!(ledger.books().to_string(), books);
        assert!(ledger.books().is_balanced());
    }

    #[test]
    fn a_block_counts_once_however_often_it_is_told_of() {
        let mut ledger = ledger_of(&[(0, 3), (3, 2), (0, 3), (3, 2)]);
        for _ in 0..2 {
            ledger.share(&[Position(0)], &[], None);
            ledger.give_up(&[Position(0), Position(3)], Unshared::TooOld, None);
        }
        ledger.queue(Position(0), 3);

        assert_books(&ledger, "queued 5 = published 3 + unshared 2 (too_old 2) + waiting 0");
    }

    #[test]
    fn events_left_out_of_a_publication_are_told_apart() {
        let mut ledger = ledger_of(&[(0, 3), (3, 2), (5, 1)]);

        ledger.share(&[Position(0), Position(3)], &[(Unshared::Shed, 4)], None);

        assert_books(&ledger, "queued 6 = published 1 + unshared 4 (shed 4) + waiting 1");
        assert_eq!(ledger.first_waiting(), Some(Position(5)));
    }

    #[test]
    fn what_retention_took_is_not_counted_again_by_the_publisher() {
        let mut ledger = ledger_of(&[(0, 3), (3, 2)]);
        ledger.give_up(&[Position(0)], Unshared::BySize, None);

        ledger.share(&[Position(0), Position(3)], &[(Unshared::Conflict, 5)], None);

        assert_books(
            &ledger,
            "queued 5 = published 0 + unshared 5 (by_size 3, conflict 2) + waiting 0",
        );
    }
}
