//! What of others' publications is due, in which order?
//!
//! Everything that is seen goes in; what comes out is in order per boot, once each.
//! What cannot come out yet is held, within bounds, and holds back the revision
//! from which a watch goes on after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::line::{Asking, Dated, Due, Hole, Line};
use crate::block::Block;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};

/// Bytes that are held until what comes before them is here or given up, at most.
pub const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Boots of which it is known which publication comes next, at most.
pub const BOOTS_KNOWN_MAX: usize = 256;
/// Holes that are known one by one, at most, all boots together.
pub const HOLES_KNOWN_MAX: usize = 256;
/// The first number that nobody publishes under: stores keep them in 63 bits, and
/// some are left for numbers that are given here.
pub(super) const NUMBERS_END: u64 = 1 << 62;

/// One start of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BootName {
    pub(super) origin: Origin,
    pub(super) boot: Boot,
}

/// A block that was seen, and what it calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) boot: BootName,
    pub(super) number: u64,
}

impl Named {
    /// `None` for what nobody publishes: merged blocks, and numbers without end.
    pub(super) fn of(block: &Block) -> Option<Named> {
        let header = block.header();
        let [run] = header.runs[..] else { return None };
        let boot = BootName { origin: run.origin, boot: run.boot };
        let number = header.number.filter(|number| (1..NUMBERS_END).contains(number))?;
        Some(Named { boot, number })
    }

    /// The publication that a key in etcd names.
    pub(super) fn in_key(key: &str) -> Option<Named> {
        let mut parts = key.rsplit('/');
        let (number, boot, origin) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next() != Some("event") {
            return None;
        }
        let number = number.parse().ok().filter(|number| (1..NUMBERS_END).contains(number))?;
        let boot = BootName { origin: origin.parse().ok()?, boot: boot.parse().ok()? };
        Some(Named { boot, number })
    }
}

/// What is let go.
#[derive(Debug, PartialEq)]
pub(super) struct Popped {
    pub(super) boot: BootName,
    pub(super) due: Due,
    /// At which it was put, if it was.
    pub(super) revision: Option<i64>,
}

/// What the order asks of the log that it is for.
pub(super) trait Here {
    fn now(&self) -> Timestamp;

    /// The largest sequence number of a boot that the log has, whoever put it there.
    fn last_seq(&self, boot: BootName) -> Option<u64>;

    /// How old a block is, by a clock that may be believed.
    fn date(&self, block: &Block) -> Dated;
}

/// Every boot's publications, and how far everything was seen.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) lines: BTreeMap<BootName, Line>,
    /// Lines that hold something or wait for something.
    busy: BTreeSet<BootName>,
    /// Revisions of what is held, and how often each.
    held: BTreeMap<i64, usize>,
    held_bytes: usize,
    /// [`HELD_BYTES_MAX`], but for tests.
    pub(super) held_bytes_max: usize,
    /// The last revision of which everything was seen.
    seen: i64,
    listing: bool,
}

impl Order {
    /// What is known of these boots, with everything seen up to a revision.
    pub(super) fn resumed(lines: BTreeMap<BootName, Line>, seen: i64) -> Order {
        Order {
            lines,
            busy: BTreeSet::new(),
            held: BTreeMap::new(),
            held_bytes: 0,
            held_bytes_max: HELD_BYTES_MAX,
            seen,
            listing: false,
        }
    }

    /// The revision from which a watch would go on: everything up to it was let go.
    pub(super) fn revision(&self) -> i64 {
        let held = self.held.first_key_value().map_or(i64::MAX, |(first, _)| first - 1);
        self.seen.min(held)
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(super) fn is_listing(&self) -> bool {
        self.listing
    }

    /// All that is kept comes now. What was before `cutoff` is over age.
    pub(super) fn listing(&mut self, cutoff: Timestamp) {
        self.listing = true;
        for line in self.lines.values_mut() {
            if line.received.is_some_and(|received| received < cutoff) {
                line.restart();
            }
        }
    }

    /// All that was kept at this revision has come.
    pub(super) fn listed(&mut self, revision: i64) {
        self.listing = false;
        self.seen = revision;
    }

    /// Everything up to this revision was seen. Not so in a listing, which comes in
    /// the order of keys.
    pub(super) fn seen(&mut self, revision: i64) {
        if !self.listing {
            self.seen = self.seen.max(revision);
        }
    }

    /// Takes in what was seen under a name: a block, or something that is none.
    pub(super) fn put(
        &mut self,
        name: Named,
        block: Option<Block>,
        revision: i64,
        watched: Duration,
        here: &dyn Here,
    ) {
        self.seen(revision);
        let listing = self.listing;
        let line = self.lines.entry(name.boot).or_insert_with(|| {
            let kept = here.last_seq(name.boot).is_some();
            // Of a boot that is new, what is before may be over age already, unless
            // it has been watched from its beginning.
            Line::from(if listing || kept { name.number } else { 1 }, kept)
        });
        let bytes = line.held_bytes();
        if line.hold(name.number, block, revision, watched) {
            *self.held.entry(revision).or_default() += 1;
        }
        self.held_bytes = self.held_bytes + line.held_bytes() - bytes;
        if line.is_busy() {
            self.busy.insert(name.boot);
        }
        self.bound_boots();
    }

    /// An origin says that it has published up to this number.
    pub(super) fn said(&mut self, boot: BootName, number: u64, watched: Duration) {
        // Before the listing is over, what it speaks of may still come.
        let line = self.lines.get_mut(&boot).filter(|_| !self.listing);
        if let Some(line) = line {
            line.said(number, watched);
            if line.is_busy() {
                self.busy.insert(boot);
            }
        }
    }

    /// Whether everything of a boot up to this number was let go. Of a boot that is
    /// unknown nothing is left to come.
    pub(super) fn is_through(&self, boot: BootName, number: u64) -> bool {
        self.lines.get(&boot).is_none_or(|line| line.is_through(number))
    }

    /// Lets go what is due next.
    pub(super) fn pop(&mut self, watched: Duration, here: &dyn Here) -> Option<Popped> {
        let heaviest = self.heaviest();
        let busy: Vec<BootName> = self.busy.iter().copied().collect();
        for name in busy {
            let Some(line) = self.lines.get_mut(&name) else { continue };
            let bytes = line.held_bytes();
            let asking = Asking {
                now: here.now(),
                watched,
                pressed: heaviest == Some(name),
                date: &|block| here.date(block),
                last_seq_here: &|| here.last_seq(name),
            };
            let popped = line.pop(&asking);
            self.held_bytes = self.held_bytes + line.held_bytes() - bytes;
            if !line.is_busy() {
                self.busy.remove(&name);
            }
            if let Some((due, revision)) = popped {
                self.release(revision);
                self.bound_holes();
                self.bound_boots();
                return Some(Popped { boot: name, due, revision });
            }
        }
        None
    }

    /// The line that must not wait any longer, if there is too much to hold.
    fn heaviest(&self) -> Option<BootName> {
        let too_much = self.held_bytes > self.held_bytes_max || self.lines.len() > BOOTS_KNOWN_MAX;
        let busy = self.busy.iter().filter(|_| too_much);
        busy.max_by_key(|name| self.lines.get(name).map_or(0, Line::held_bytes)).copied()
    }

    fn release(&mut self, revision: Option<i64>) {
        let Some(revision) = revision else { return };
        if let Some(count) = self.held.get_mut(&revision) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&revision);
            }
        }
    }

    /// Every hole that is known, with its boot.
    pub(super) fn holes(&self) -> impl Iterator<Item = (BootName, &Hole)> {
        let lines = self.lines.iter();
        lines.flat_map(|(name, line)| line.holes.iter().map(|hole| (*name, hole)))
    }

    /// Forgets what is before `cutoff`: holes, and boots that nothing can come of.
    /// The latest of each origin stays, for it may still speak.
    pub(super) fn forget_before(&mut self, cutoff: Timestamp) {
        let latest = self.latest_of_each();
        self.lines.retain(|name, line| {
            line.forget_holes_before(cutoff);
            let is_latest = latest.get(&name.origin) == Some(&(line.received, name.boot));
            line.is_busy()
                || (is_latest && !line.is_blank())
                || !line.holes.is_empty()
                || line.received.is_some_and(|received| received >= cutoff)
        });
    }

    fn latest_of_each(&self) -> BTreeMap<Origin, (Option<Timestamp>, Boot)> {
        let mut latest = BTreeMap::new();
        for (name, line) in &self.lines {
            let this = (line.received, name.boot);
            latest.entry(name.origin).and_modify(|of| *of = this.max(*of)).or_insert(this);
        }
        latest
    }

    /// Forgets boots that have been silent for longest, when there are too many.
    /// Nothing comes twice for that: the log knows what it has of a boot.
    fn bound_boots(&mut self) {
        while self.lines.len() > BOOTS_KNOWN_MAX {
            let idle = self.lines.iter().filter(|(_, line)| !line.is_busy());
            let oldest = idle.min_by_key(|(_, line)| (!line.holes.is_empty(), line.received));
            let Some((name, _)) = oldest else { return };
            let name = *name;
            self.lines.remove(&name);
        }
    }

    fn bound_holes(&mut self) {
        let holes: usize = self.lines.values().map(|line| line.holes.len()).sum();
        if holes > HOLES_KNOWN_MAX
            && let Some(line) = self.lines.values_mut().max_by_key(|line| line.holes.len())
        {
            line.close_oldest_holes();
        }
    }
}

#[cfg(test)]
mod tests;
