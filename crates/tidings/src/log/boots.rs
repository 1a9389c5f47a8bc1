//! Who wrote into this log, and did they say goodbye?

use std::collections::BTreeMap;
use std::time::Duration;

use super::coverage::Missing;
use super::losses::{LossBooks, records_in};
use super::peers::{PeersSeen, Word};
use super::unshared::{UnsharedBooks, unshared_in};
use crate::block::{Block, Header};
use crate::clock::Timestamp;
use crate::event::{LOSS_TYPE, UNSHARED_TYPE};
use crate::id::{Boot, Origin, Position};

/// What is known of every boot whose blocks the log has seen.
#[derive(Debug, Default)]
pub(super) struct Boots(BTreeMap<(Origin, Boot), Seen>);

#[derive(Debug)]
struct Seen {
    last_received: Timestamp,
    /// Its largest sequence number.
    last_seq: u64,
    /// Its last block was seen.
    ended: bool,
    /// It wrote since this log was opened, so it may well go on.
    alive: bool,
    losses: Option<LossBooks>,
    /// What no other machine gets of it, by its own word.
    unshared: Option<UnsharedBooks>,
    /// First and last block with loss records that were not read yet.
    unread: Option<(Position, Position)>,
    /// The last block with records of what is unshared that was not read yet.
    unread_unshared: Option<Position>,
}

impl Seen {
    fn unshared_elsewhere(
        &self,
        name: (Option<Origin>, Option<Boot>),
        asked: &Asked<'_>,
    ) -> Option<Missing> {
        let books = self.unshared.as_ref().filter(|_| name.0 != Some(asked.origin))?;
        let events = books.missing(asked);
        let of = || Missing::of(name, (books.from, books.to), Some(events), "unshared");
        (events > 0).then(of)
    }
}

/// Who asks what is missing, and when.
pub(super) struct Asked<'a> {
    /// What was received before is over age.
    pub(super) cutoff: Timestamp,
    pub(super) retention: Duration,
    /// The id of this log: nothing of its own is missing here for not being shared.
    pub(super) origin: Origin,
    pub(super) peers: &'a PeersSeen,
}

impl Boots {
    /// A block that stood in the store when the log was opened.
    pub(super) fn note_old(&mut self, base: Position, header: &Header) {
        let has = |kind| header.types.iter().any(|t| t.name == kind);
        let (has_losses, has_unshared) = (has(LOSS_TYPE), has(UNSHARED_TYPE));
        self.note(header, false);
        if !has_losses && !has_unshared {
            return;
        }
        for run in &header.runs {
            let Some(seen) = self.0.get_mut(&(run.origin, run.boot)) else { continue };
            if has_losses {
                seen.unread = Some((seen.unread.map_or(base, |(first, _)| first), base));
            }
            if has_unshared {
                seen.unread_unshared = Some(base);
            }
        }
    }

    /// A block of somebody else that was just put.
    pub(super) fn note_new(&mut self, block: &Block) {
        self.note(block.header(), true);
        self.note_records(block);
    }

    fn note(&mut self, header: &Header, alive: bool) {
        for run in &header.runs {
            let name = (run.origin, run.boot);
            let seen = self.0.entry(name).or_insert(Seen {
                last_received: run.received_by,
                last_seq: run.last_seq,
                ended: false,
                alive,
                losses: None,
                unshared: None,
                unread: None,
                unread_unshared: None,
            });
            seen.last_received = seen.last_received.max(run.received_by);
            seen.last_seq = seen.last_seq.max(run.last_seq);
            seen.ended |= run.ended;
            seen.alive |= alive;
        }
    }

    /// The blocks whose loss records are to be read after opening: the first and
    /// the last of each boot, for the records of a boot add up.
    pub(super) fn take_unread(&mut self) -> Vec<Position> {
        let unread = self.0.values_mut().flat_map(|seen| {
            let (first, last) = seen.unread.take().unzip();
            [first, last, seen.unread_unshared.take()]
        });
        let mut bases: Vec<Position> = unread.flatten().collect();
        bases.sort_unstable();
        bases.dedup();
        bases
    }

    pub(super) fn note_records(&mut self, block: &Block) {
        // A damaged frame is told of as damage when it is read for its events.
        for (origin, boot, books) in records_in(block).unwrap_or_default() {
            if let Some(seen) = self.0.get_mut(&(origin, boot)) {
                seen.losses.get_or_insert_default().absorb(books);
            }
        }
        for (origin, boot, books) in unshared_in(block).unwrap_or_default() {
            if let Some(seen) = self.0.get_mut(&(origin, boot)) {
                seen.unshared.get_or_insert_default().absorb(books);
            }
        }
    }

    /// The largest sequence number of a boot that the log has.
    pub(super) fn last_seq(&self, origin: Origin, boot: Boot) -> Option<u64> {
        self.0.get(&(origin, boot)).map(|seen| seen.last_seq)
    }

    /// Forgets boots of which nothing is kept any more.
    pub(super) fn forget_before(&mut self, cutoff: Timestamp) {
        self.0.retain(|_, seen| seen.last_received >= cutoff);
    }

    /// What is missing by what they said, and by what they did not say; peers may
    /// know better.
    pub(super) fn missing(&self, asked: &Asked<'_>) -> Vec<Missing> {
        let cutoff = asked.cutoff;
        let mut missing = Vec::new();
        let latest = self.latest();
        for ((origin, boot), seen) in &self.0 {
            let name = (Some(*origin), Some(*boot));
            if let Some(losses) = &seen.losses {
                let (from, to) = (losses.from, losses.to.or(Some(seen.last_received)));
                if to >= Some(cutoff) {
                    missing.extend(losses.missing.iter().map(|(reason, events)| {
                        Missing::of(name, (from, to), Some(*events), reason)
                    }));
                }
            }
            missing.extend(seen.unshared_elsewhere(name, asked));
            let is_latest = latest.get(origin) == Some(&seen.last_received);
            let goes_on = match asked.peers.word_of(*origin, *boot) {
                Word::GoesOn => true,
                Word::IsOver => false,
                Word::None => seen.alive && is_latest,
            };
            if !seen.ended && !goes_on && seen.last_received >= cutoff {
                let from = Some(seen.last_received);
                missing.push(Missing::of(name, (from, None), None, "end_unknown"));
            }
        }
        missing
    }

    /// When the last event of each origin was received. A boot that ends before that
    /// is over: there was another start since.
    fn latest(&self) -> BTreeMap<Origin, Timestamp> {
        let mut latest = BTreeMap::new();
        for ((origin, _), seen) in &self.0 {
            let at = latest.entry(*origin).or_insert(seen.last_received);
            *at = seen.last_received.max(*at);
        }
        latest
    }
}
