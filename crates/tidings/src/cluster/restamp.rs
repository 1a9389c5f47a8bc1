//! What is kept of a publication, and when was it received?
//!
//! Retention counts from `received`, which another member's clock has written. A
//! clock that is known to be wrong is corrected; what lies in our future is moved to
//! its edge.

use std::time::Duration;

use super::line::{Age, Dated, Seqs};
use super::order::NUMBERS_END;
use super::skew::{SKEW_MAX, Skew};
use crate::block::{Block, FormatError, Joiner};
use crate::clock::Timestamp;
use crate::id::Origin;

/// Added to the number of a block of our own origin that the log has lost: the log
/// numbered its blocks before it joined them to publications, so the same number
/// may stand for another block here.
const RETURNED: u64 = NUMBERS_END;

/// By which clock, and from when on, blocks of one origin are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamps {
    pub(super) now: Timestamp,
    pub(super) retention: Duration,
    /// Of the origin's clock, if that is known.
    pub(super) skew: Option<Skew>,
}

impl Stamps {
    pub(super) fn date(&self, block: &Block) -> Dated {
        let (first, last) = block.header().received;
        let received = (self.received(first), self.received(last));
        let age = if received.1 >= self.now.before(self.retention) {
            Age::Fresh
        } else if self.skew.is_some() {
            Age::Over
        } else {
            // etcd still has it: the clock may be far behind.
            Age::Unsure
        };
        Dated { age, received }
    }

    fn received(&self, said: Timestamp) -> Timestamp {
        let skew = self.skew.unwrap_or_default();
        skew.corrected_if_wrong(said).min(self.now.after(SKEW_MAX))
    }

    /// The block with those of its events that are wanted, each received by our
    /// clock; `None` if there are none. `ours` is the log's own origin.
    ///
    /// # Errors
    ///
    /// The block is damaged.
    pub(super) fn stamped(
        &self,
        block: Block,
        seqs: Seqs,
        ours: Origin,
    ) -> Result<Option<Block>, FormatError> {
        let header = block.header();
        let (run, number) = (header.runs[0], header.number.unwrap_or_default());
        let (first, last) = header.received;
        let is_right = (self.received(first), self.received(last)) == (first, last);
        if is_right && seqs.contain_all(&run) && run.origin != ours {
            return Ok(Some(block));
        }
        let number = if run.origin == ours { number | RETURNED } else { number };
        let mut joiner = Joiner::new(run.origin, run.boot);
        joiner.push(&block, |entry| {
            entry.received = self.received(entry.received);
            seqs.contains(entry.seq)
        })?;
        Ok(joiner.seal(number, header.last_of_boot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::skew::SkewSeen;
    use crate::cluster::tests::others::{START, publication};
    use crate::id::{Boot, Position};

    const DAY: Duration = Duration::from_hours(24);
    const ORIGIN: Origin = Origin::from_bytes([4; 16]);
    const OURS: Origin = Origin::from_bytes([5; 16]);
    const BEAT: Duration = Duration::from_secs(5);

    fn block(received: Timestamp) -> Block {
        publication(ORIGIN, Boot::from_bytes([1; 8]), 7, &[1, 2, 3], received)
    }

    fn stamps(skew: Option<Skew>) -> Stamps {
        Stamps { now: START, retention: DAY, skew }
    }

    fn skew_to(theirs: Timestamp) -> Option<Skew> {
        let mut seen = SkewSeen::default();
        seen.heard(theirs.before(BEAT), (START.before(BEAT), DAY));
        seen.heard(theirs, (START, DAY + BEAT));
        seen.skew()
    }

    #[track_caller]
    fn received(stamps: Stamps, received: Timestamp) -> Timestamp {
        let stamped = stamps.stamped(block(received), Seqs::default(), OURS).unwrap().unwrap();
        let events = stamped.events(Position(0)).unwrap();
        assert_eq!(stamped.header().number, Some(7));
        assert_eq!(events.len(), 3);
        events[0].received
    }

    #[test]
    fn what_was_received_in_our_future_is_moved_to_its_edge() {
        for ahead in [DAY, 3650 * DAY] {
            assert_eq!(received(stamps(None), START.after(ahead)), START.after(SKEW_MAX));
        }
        let ahead = START.after(SKEW_MAX);
        assert_eq!(received(stamps(None), ahead), ahead);
    }

    #[test]
    fn a_clock_that_is_known_to_be_wrong_is_corrected_in_either_direction() {
        let hour = Duration::from_hours(1);
        for theirs in [START.after(25 * hour), START.before(25 * hour), START.before(3650 * DAY)] {
            let stamps = stamps(skew_to(theirs));
            assert_eq!(stamps.date(&block(theirs.before(hour))).age, Age::Fresh);
            assert_eq!(received(stamps, theirs.before(hour)), START.before(hour));
            assert_eq!(stamps.date(&block(theirs.before(25 * hour))).age, Age::Over);
        }
    }

    #[test]
    fn what_is_over_age_by_a_clock_that_nobody_knows_waits_for_news_of_it() {
        let age = |stamps: Stamps, hours| {
            stamps.date(&block(START.before(Duration::from_hours(hours)))).age
        };
        assert_eq!(age(stamps(None), 23), Age::Fresh);
        assert_eq!(age(stamps(None), 25), Age::Unsure);
        assert_eq!(age(stamps(skew_to(START)), 25), Age::Over);
    }

    #[test]
    fn only_wanted_events_are_kept_and_a_block_that_is_all_right_keeps_its_bytes() {
        let whole = block(START);
        let kept = stamps(None).stamped(whole.clone(), Seqs::default(), OURS).unwrap();
        assert_eq!(kept, Some(whole.clone()));

        let seqs = Seqs { after: Some(1), before: Some(3) };
        let less = stamps(None).stamped(whole.clone(), seqs, OURS).unwrap().unwrap();
        assert_eq!(less.events(Position(0)).unwrap()[0].seq, 2);

        let none = Seqs { after: Some(3), before: None };
        assert_eq!(stamps(None).stamped(whole, none, OURS).unwrap(), None);
    }

    #[test]
    fn a_block_of_our_own_that_was_lost_comes_back_under_a_number_that_is_free() {
        let back = stamps(None).stamped(block(START), Seqs::default(), ORIGIN).unwrap().unwrap();
        let number = back.header().number.unwrap();
        assert_eq!(number, RETURNED + 7);
        assert!(i64::try_from(number).is_ok(), "SQLite keeps no larger one");
    }
}
