//! What is an answer made of, as a walk meets it?

use super::rolled::Rolling;
use super::scan::key_of;
use super::told::Told;
use super::{ListKey, Timestamp};
use crate::block::{FormatError, Frame, Header};
use crate::id::Position;

/// Gathers an answer. All that it is told, it is told on one thread and in an order
/// that does not depend on who read what.
pub(super) trait Gather {
    /// Whether headers can be of any use, as far as the question goes.
    fn asks_headers(&self) -> bool {
        false
    }

    /// Takes in a block whose events all lie in the window, by its header alone.
    /// Says whether it did; if not, nothing is taken in and the block is opened.
    fn by_header(&mut self, _told: &Told<'_>) -> bool {
        false
    }

    /// Takes in what a roll-up tells, as [`Gather::by_header`] does. Those whose
    /// window cuts a minute are told of the whole minutes alone.
    fn by_rollup(&mut self, _rolling: &Rolling<'_>) -> bool {
        false
    }

    /// Whether members are asked for, as far as the question goes.
    fn asks_members(&self) -> bool {
        false
    }

    /// Whether it wants every event, and nothing but to count them: then frames that
    /// lie in the window are not read.
    fn only_counts(&self) -> bool {
        false
    }

    /// Takes in so many events of frames that were not read.
    fn by_count(&mut self, _events: u64) {}

    /// Which texts are looked at, of events that match.
    fn reads(&self) -> Reads {
        Reads::Nothing
    }

    /// Takes in the events of a frame that match.
    ///
    /// # Errors
    ///
    /// What was read is damaged, and nothing is taken in. Sections of a frame fail
    /// as a whole, so a frame is taken in whole or not at all.
    fn frame(&mut self, found: &Found<'_>) -> Result<(), FormatError>;
}

/// What is read for a gatherer before it is its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    Nothing,
    Messages,
    Fields,
}

/// The events of a frame that match, at least one.
pub(super) struct Found<'a> {
    pub(super) frame: &'a Frame<'a>,
    /// Their indices in the frame.
    pub(super) rows: &'a [usize],
    /// Where the frame's first event stands.
    pub(super) start: Position,
}

impl<'a> Found<'a> {
    pub(super) fn header(&self) -> &'a Header {
        self.frame.header()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        let Found { frame, rows, start } = *self;
        rows.iter().map(move |i| Row { frame, i: *i, start })
    }
}

/// One event in a block that was opened.
pub(super) struct Row<'a> {
    pub(super) frame: &'a Frame<'a>,
    /// Its index in the frame.
    pub(super) i: usize,
    start: Position,
}

impl<'a> Row<'a> {
    pub(super) fn event_type(&self) -> &'a str {
        &self.frame.header().types[self.frame.type_index(self.i)].name
    }

    pub(super) fn member(&self) -> &'a str {
        &self.frame.header().members[self.frame.member_index(self.i)].name
    }

    pub(super) fn listed(&self) -> Timestamp {
        self.frame.listed(self.i)
    }

    pub(super) fn key(&self) -> ListKey {
        key_of(self.frame, self.i)
    }

    pub(super) fn position(&self) -> Position {
        self.start.plus(self.i as u64)
    }
}
