//! What was offered, and what was answered? A plain list beside the real thing.

use std::collections::HashMap;

use tidings::{Boot, Event, EventId, LossReason, Origin, Receipt, Refusal, Tally};

/// What was promised of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// It is there for ever.
    There,
    /// Nothing yet.
    Open,
}

/// The model of one boot.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) origin: Origin,
    pub(super) boot: Boot,
    offered: u64,
    refused: HashMap<Refusal, u64>,
    /// By id: the event, and what was promised.
    pub(super) taken: HashMap<EventId, (Event, Promise)>,
    /// Texts that were refused or that surely are not stored.
    pub(super) absent: Vec<Event>,
    /// Offered without an id for an answer: it may be there.
    pub(super) unanswered: Vec<Event>,
    pub(super) receipts: Vec<(Event, Receipt)>,
    /// The last books that were seen.
    pub(super) tally: Tally,
    /// It was closed, and not killed.
    pub(super) closed: bool,
}

impl Books {
    pub(super) fn new(origin: Origin, boot: Boot) -> Books {
        Books {
            origin,
            boot,
            offered: 0,
            refused: HashMap::new(),
            taken: HashMap::new(),
            absent: Vec::new(),
            unanswered: Vec::new(),
            receipts: Vec::new(),
            tally: Tally::default(),
            closed: false,
        }
    }

    pub(super) fn took(&mut self, id: EventId, event: Event, promise: Promise) {
        self.offered += 1;
        let before = self.taken.insert(id, (event, promise));
        assert!(before.is_none(), "{id} was given twice");
    }

    pub(super) fn refused(&mut self, reason: Refusal, event: Event) {
        self.offered += 1;
        *self.refused.entry(reason).or_default() += 1;
        self.absent.push(event);
    }

    /// The write failed; `may_be_there` says whether it may have happened.
    pub(super) fn failed(&mut self, event: Event, may_be_there: bool) {
        self.offered += 1;
        if may_be_there { &mut self.unanswered } else { &mut self.absent }.push(event);
    }

    /// Holds the books against the model, and against those before.
    #[track_caller]
    pub(super) fn check(&mut self, tally: Tally) {
        assert!(tally.is_balanced(), "{tally}");
        assert_eq!(tally.offered - tally.own, self.offered, "offered: {tally}");
        for reason in Refusal::ALL {
            let refused = self.refused.get(&reason).copied().unwrap_or_default();
            assert_eq!(tally.refused(reason), refused, "{reason:?}: {tally}");
        }
        let grown = |of: fn(&Tally) -> u64| of(&tally) >= of(&self.tally);
        assert!(grown(|t| t.offered) && grown(|t| t.stored) && grown(|t| t.own), "{tally}");
        for reason in LossReason::ALL {
            assert!(tally.lost(reason) >= self.tally.lost(reason), "{tally}");
        }
        self.tally = tally;
    }
}
