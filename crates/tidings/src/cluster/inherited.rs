//! What of a boot that an earlier process began is published already?
//!
//! Members take a boot's events in their order: what comes after later ones is
//! passed over. A data directory may be older than what was published from it, if it
//! is a copy that somebody restored. So before anything goes out of a boot that was
//! there when this process began, the commons are asked how far it has come. What
//! waits up to there is in them, or was given up, and nobody can take it any more.

use std::collections::BTreeSet;

use super::booking::Booking;
use super::order::BootName;
use super::progress::Progress;
use crate::block::{Block, Frame, Header, Run};
use crate::id::{Boot, Position};
use crate::sharing::Unshared;
use crate::store::Waiting;
use crate::store::etcd::Numbered;

/// Of which boots it is known how far they are published.
#[derive(Debug)]
pub(super) struct Inherited {
    /// The boot of this process.
    live: Boot,
    /// What begins before this was there when the process began.
    before: Position,
    known: BTreeSet<BootName>,
    /// Something stood in the way of a publication of this boot that was not known.
    doubted: Option<BootName>,
    /// The boot that is being asked for, and how far the answers have come.
    asked: Option<(BootName, u64)>,
}

/// The boot that has to be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unknown<'a> {
    pub(super) boot: BootName,
    /// The first of its blocks that wait.
    pub(super) block: &'a Block,
    /// From which number on; `None` if it was not asked for yet.
    pub(super) from: Option<u64>,
}

impl Inherited {
    pub(super) fn new(live: Boot, before: Position) -> Inherited {
        Inherited { live, before, known: BTreeSet::new(), doubted: None, asked: None }
    }

    /// The boot of the first block that waits, if it is not known how far it is
    /// published.
    pub(super) fn unknown<'a>(&mut self, waiting: &'a [Waiting]) -> Option<Unknown<'a>> {
        let first = waiting.first()?;
        let block = first.block.as_ref().ok()?;
        let (boot, _) = named(block.header())?;
        let is_ours = first.base >= self.before || boot.boot == self.live;
        if self.doubted != Some(boot) && (is_ours || self.known.contains(&boot)) {
            return None;
        }
        let from = self.asked.filter(|(of, _)| *of == boot).map(|(_, from)| from);
        Some(Unknown { boot, block, from })
    }

    /// Everything of a boot before this number is dealt with.
    pub(super) fn dealt(&mut self, boot: BootName, next: u64) {
        self.asked = Some((boot, next));
    }

    /// Nothing stands under any number of this boot that was not dealt with.
    pub(super) fn know(&mut self, boot: BootName) {
        self.known.insert(boot);
        self.doubted.take_if(|doubted| *doubted == boot);
        self.asked = None;
    }

    /// Something is there that was not when it was asked for, or nobody asked.
    pub(super) fn doubt(&mut self, boot: BootName) {
        self.doubted = Some(boot);
        self.asked = None;
    }
}

/// What becomes of blocks that wait, by what is published of their boot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overtaken {
    /// Where they begin.
    pub(super) bases: Vec<Position>,
    /// How many of their events are published.
    pub(super) published: u64,
    /// How many were left out where those beside them are published.
    pub(super) shed: u64,
    /// How many are not published, and stand before what is.
    pub(super) missed: u64,
    /// Everything before this number is dealt with.
    pub(super) next: u64,
    /// The first number that is free, as far as was looked.
    pub(super) free: u64,
}

impl Overtaken {
    /// Holds the blocks of a boot that wait, in their order, against what was found
    /// of it, in the order of the numbers. More may wait than is given. Before `free`
    /// no number is free.
    pub(super) fn by(
        found: &[Numbered],
        boot: BootName,
        waiting: &[Waiting],
        free: u64,
    ) -> Overtaken {
        let of_boot = |one: &Waiting| {
            let (of, run) = named(one.block.as_ref().ok()?.header())?;
            (of == boot).then_some((one.base, one.count, run))
        };
        let mut left = waiting.iter().filter_map(of_boot).peekable();
        let end =
            waiting.iter().filter_map(of_boot).next_back().map_or(0, |(.., run)| run.last_seq);
        let mut overtaken = Overtaken { free, ..Overtaken::default() };
        for (number, block) in found {
            overtaken.next = number.saturating_add(1);
            // Of what cannot be read nobody has anything, and somebody else may have
            // written it anywhere.
            let there = block.as_ref().ok().and_then(|block| There::of(block, boot));
            if let Some(there) = there {
                while let Some((base, events, run)) =
                    left.next_if(|(.., run)| run.first_seq <= there.run.last_seq)
                {
                    overtaken.pass(&there, base, events, run);
                }
                if there.run.last_seq > end {
                    // It has events of blocks that were not given, if they wait.
                    overtaken.next = *number;
                    return overtaken;
                }
                overtaken.free = overtaken.next;
            } else if *number == overtaken.free {
                overtaken.free = overtaken.next;
            }
        }
        overtaken
    }

    /// A block begins before the end of what is there.
    fn pass(&mut self, there: &There, base: Position, events: u64, run: Run) {
        let published = there.within(run).min(events);
        // What goes out together stood side by side.
        let went_out = published > 0 || run.first_seq > there.run.first_seq;
        let left_out = if went_out { &mut self.shed } else { &mut self.missed };
        *left_out += events - published;
        self.published += published;
        self.bases.push(base);
    }

    /// What is to be written into the books.
    pub(super) fn booking(self, progress: Option<Progress>) -> Booking {
        let unshared = [(Unshared::Shed, self.shed), (Unshared::Conflict, self.missed)];
        let unshared = unshared.into_iter().filter(|(_, events)| *events > 0).collect();
        Booking { bases: self.bases, unshared, progress }
    }

    /// Tells people.
    pub(super) fn tell(&self, boot: BootName) {
        let (boot, Overtaken { published, shed, missed, .. }) = (boot.boot, self);
        if *published > 0 {
            tracing::info!(%boot, published, shed, "what waited is published already");
        }
        if *missed > 0 {
            tracing::error!(%boot, events = missed,
                "events will not be shared: what came after them is published");
        }
    }
}

/// The sequence numbers of a publication.
struct There {
    run: Run,
    /// One by one where some are left out; else all of the run.
    seqs: Option<BTreeSet<u64>>,
}

impl There {
    /// `None` if it cannot be read, or is of another boot.
    fn of(block: &Block, boot: BootName) -> Option<There> {
        let header = block.header();
        let (_, run) = named(header).filter(|(of, _)| *of == boot)?;
        if run.last_seq.saturating_sub(run.first_seq).saturating_add(1) == u64::from(header.count) {
            return Some(There { run, seqs: None });
        }
        let frames = (0..block.frames()).map(|index| block.frame(index));
        let frames = frames.collect::<Result<Vec<Frame<'_>>, _>>().ok()?;
        let seqs = frames
            .iter()
            .flat_map(|frame| (0..frame.len()).map(|row| frame.entry(row).map(|entry| entry.seq)));
        Some(There { run, seqs: Some(seqs.collect::<Result<_, _>>().ok()?) })
    }

    /// How many of these it has.
    fn within(&self, run: Run) -> u64 {
        if let Some(seqs) = &self.seqs {
            return seqs.range(run.first_seq..=run.last_seq).count() as u64;
        }
        let (first, last) =
            (run.first_seq.max(self.run.first_seq), run.last_seq.min(self.run.last_seq));
        last.saturating_add(1).saturating_sub(first)
    }
}

/// The boot of a block that can be published, and its sequence numbers.
fn named(header: &Header) -> Option<(BootName, Run)> {
    let [run] = header.runs[..] else { return None };
    header.number?;
    Some((BootName { origin: run.origin, boot: run.boot }, run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::etcd::BadValue;
    use crate::testing::Blocks;

    fn waiting(blocks: &[Block]) -> Vec<Waiting> {
        let mut next = Position(10);
        let waiting = blocks.iter().map(|block| {
            let (base, count) = (next, u64::from(block.header().count));
            next = base.plus(count);
            Waiting { base, count, block: Ok(block.clone()) }
        });
        waiting.collect()
    }

    fn boot_of(block: &Block) -> BootName {
        named(block.header()).unwrap().0
    }

    fn odd(number: u64) -> Numbered {
        (number, Err(BadValue::Overwritten))
    }

    fn found(number: u64, block: &Block) -> Numbered {
        (number, Ok(block.clone()))
    }

    /// Three blocks of two events, and what is between the sequence numbers.
    fn three() -> Vec<Block> {
        let mut blocks = Blocks::new(4);
        (0..3).map(|_| blocks.of(2)).collect()
    }

    #[test]
    fn what_is_published_and_what_stands_before_it_is_told_apart() {
        let blocks = three();
        let waiting = waiting(&blocks);

        let overtaken =
            Overtaken::by(&[odd(4), found(5, &blocks[1])], boot_of(&blocks[0]), &waiting, 1);

        let bases = vec![waiting[0].base, waiting[1].base];
        let told = Overtaken { bases, published: 2, shed: 0, missed: 2, next: 6, free: 6 };
        assert_eq!(overtaken, told);
    }

    #[test]
    fn what_nobody_can_read_overtakes_nothing() {
        let blocks = three();

        let found = [odd(1), odd(2), odd(4), odd(1 << 60)];
        let overtaken = Overtaken::by(&found, boot_of(&blocks[0]), &waiting(&blocks), 1);

        let next = (1 << 60) + 1;
        assert_eq!(overtaken, Overtaken { next, free: 3, ..Overtaken::default() });
    }

    #[test]
    fn a_publication_that_goes_on_after_what_was_given_is_looked_at_again() {
        let blocks = three();

        let overtaken =
            Overtaken::by(&[found(7, &blocks[2])], boot_of(&blocks[0]), &waiting(&blocks[..2]), 7);

        assert_eq!(
            (overtaken.bases.len(), overtaken.missed, overtaken.next, overtaken.free),
            (2, 4, 7, 7)
        );
    }

    #[test]
    fn events_that_were_left_out_of_a_published_block_were_shed() {
        let block = Blocks::new(4).of(5);
        let less = crate::block::rebuilt(&block, |entry| entry.seq % 2 == 1).unwrap().unwrap();
        let waiting = waiting(std::slice::from_ref(&block));

        let overtaken = Overtaken::by(&[found(1, &less)], boot_of(&block), &waiting, 1);

        assert_eq!((overtaken.published, overtaken.shed, overtaken.missed), (3, 2, 0));
    }

    #[test]
    fn blocks_of_other_boots_are_left_alone() {
        let (blocks, mut other) = (three(), Blocks::new(5));
        let boot = boot_of(&other.of(1));

        let overtaken = Overtaken::by(&[found(9, &other.of(3))], boot, &waiting(&blocks), 1);

        assert_eq!(overtaken.bases, vec![]);
    }

    #[test]
    fn only_what_was_there_before_has_to_be_asked_for_and_only_once() {
        let blocks = three();
        let (waiting, boot) = (waiting(&blocks), boot_of(&blocks[0]));
        let mut inherited = Inherited::new(Boot::from_bytes([9; 8]), waiting[1].base);

        assert_eq!(inherited.unknown(&waiting).map(|unknown| unknown.boot), Some(boot));
        inherited.dealt(boot, 12);
        assert_eq!(inherited.unknown(&waiting).map(|unknown| unknown.from), Some(Some(12)));
        inherited.know(boot);
        assert!(inherited.unknown(&waiting).is_none());
        assert!(inherited.unknown(&waiting[1..]).is_none());
        inherited.doubt(boot);
        assert_eq!(inherited.unknown(&waiting).map(|unknown| unknown.from), Some(None));
        let mut live = Inherited::new(boot.boot, waiting[1].base);
        assert!(live.unknown(&waiting).is_none());
        live.doubt(boot);
        assert!(live.unknown(&waiting).is_some());
        live.know(boot);
        assert!(live.unknown(&waiting).is_none());
    }
}
