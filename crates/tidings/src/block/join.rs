//! How do several blocks become one, and how does one lose some of its events?

use super::{BLOCK_EVENTS_MAX, BLOCK_RAW_BYTES_MAX, Block, BlockBuilder, Entry, EntryFields};
use super::{FormatError, Frame};
use crate::id::{Boot, Origin};

/// Puts the events of several blocks of one boot into one block.
///
/// The same blocks and the same choice give the same bytes, in every process.
pub(crate) struct Joiner {
    origin: Origin,
    boot: Boot,
    builder: BlockBuilder,
    last_seq: Option<u64>,
}

/// What became of a block that was to be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// So many of its events are in.
    Kept(usize),
    /// None is: together with those before they would be more than a block may
    /// have.
    TooMany,
}

impl Joiner {
    /// Joins blocks of this boot; reusable after every seal.
    pub(crate) fn new(origin: Origin, boot: Boot) -> Joiner {
        let builder = BlockBuilder::new(origin, boot);
        Joiner { origin, boot, builder, last_seq: None }
    }

    /// Takes those events of a block that `keep` says yes to, as it leaves them, or
    /// none of them. The first block always fits.
    ///
    /// `keep` must leave the sequence number alone.
    ///
    /// # Errors
    ///
    /// The block is damaged, has events of another boot, or its sequence numbers
    /// are not larger than those before; then nothing of it is taken.
    pub(crate) fn push(
        &mut self,
        block: &Block,
        mut keep: impl FnMut(&mut Entry<'_>) -> bool,
    ) -> Result<Pushed, FormatError> {
        self.check_boot(block)?;
        let frames: Vec<Frame<'_>> =
            (0..block.frames()).map(|index| block.frame(index)).collect::<Result<_, _>>()?;
        let mut entries = Vec::with_capacity(block.header().count as usize);
        let mut last_seq = self.last_seq;
        for frame in &frames {
            frame.read_messages_of(0..frame.len())?;
            frame.read_details_of(0..frame.len())?;
            for i in 0..frame.len() {
                let mut entry = frame.entry(i)?;
                check_seq(last_seq, entry.seq)?;
                last_seq = Some(entry.seq);
                if keep(&mut entry) {
                    entries.push(entry);
                }
            }
        }
        if !self.builder.is_empty() && !self.fits(&entries) {
            return Ok(Pushed::TooMany);
        }
        self.last_seq = last_seq;
        for entry in &entries {
            self.builder.push(entry);
        }
        Ok(Pushed::Kept(entries.len()))
    }

    fn fits(&self, entries: &[Entry<'_>]) -> bool {
        let raw_bytes: usize = entries.iter().map(raw_bytes_of).sum();
        self.builder.len() + entries.len() <= BLOCK_EVENTS_MAX
            && self.builder.raw_bytes() + raw_bytes <= BLOCK_RAW_BYTES_MAX
    }

    fn check_boot(&self, block: &Block) -> Result<(), FormatError> {
        let ours = |(origin, boot)| (origin, boot) == (self.origin, self.boot);
        let foreign = block.header().runs.iter().position(|run| !ours((run.origin, run.boot)));
        foreign.map_or(Ok(()), |run| {
            Err(FormatError::Impossible { what: "run of another boot", value: run as u64 })
        })
    }

    /// Whether the next block has its own, because this one is as large as a block
    /// may be.
    pub(crate) fn is_full(&self) -> bool {
        self.builder.is_full()
    }

    /// Seals what was taken as block `number` of the boot and starts afresh; `None`
    /// if no event was kept.
    pub(crate) fn seal(&mut self, number: u64, last_of_boot: bool) -> Option<Block> {
        self.last_seq = None;
        self.builder.seal(number, last_of_boot)
    }
}

/// The block of the same name with those events that `keep` says yes to, as it
/// leaves them; `None` if there are none.
///
/// # Errors
///
/// The block is damaged, or it was merged out of several and so has no name.
pub(crate) fn rebuilt(
    block: &Block,
    keep: impl FnMut(&mut Entry<'_>) -> bool,
) -> Result<Option<Block>, FormatError> {
    let header = block.header();
    let run = header.runs.first().ok_or(FormatError::Missing { what: "a run" })?;
    let number = header.number.ok_or(FormatError::Missing { what: "the number" })?;
    let mut joiner = Joiner::new(run.origin, run.boot);
    joiner.push(block, keep)?;
    Ok(joiner.seal(number, header.last_of_boot))
}

fn check_seq(last: Option<u64>, seq: u64) -> Result<(), FormatError> {
    if last.is_some_and(|last| seq <= last) {
        return Err(FormatError::Impossible { what: "sequence number", value: seq });
    }
    Ok(())
}

/// Bytes as the builder counts them.
fn raw_bytes_of(entry: &Entry<'_>) -> usize {
    let fields = match entry.fields {
        Some(EntryFields::Json(json)) => json.len(),
        // A frame gives its fields as the text that they are stored as.
        Some(EntryFields::Values(_)) | None => 0,
    };
    entry.names_bytes() + entry.message.len() + fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::StoredEvent;
    use crate::id::Position;
    use crate::testing::Blocks;

    fn joined(blocks: &[Block], keep: impl Fn(&mut Entry<'_>) -> bool) -> Option<Block> {
        let run = blocks[0].header().runs[0];
        let mut joiner = Joiner::new(run.origin, run.boot);
        for block in blocks {
            joiner.push(block, &keep).unwrap();
        }
        joiner.seal(7, true)
    }

    fn events(blocks: &[Block]) -> Vec<StoredEvent> {
        let of = |block: &Block| block.events(Position(0)).unwrap();
        let mut events: Vec<StoredEvent> = blocks.iter().flat_map(of).collect();
        events.iter_mut().zip(0..).for_each(|(event, i)| event.position = Position(i));
        events
    }

    fn small(count: u64) -> Vec<Block> {
        let mut blocks = Blocks::new(3);
        (0..count).map(|i| blocks.of(i % 3 + 1)).collect()
    }

    #[test]
    fn joined_blocks_have_the_same_events_under_a_new_number() {
        let blocks = small(700);

        let joined = joined(&blocks, |_| true).unwrap();

        assert_eq!(events(std::slice::from_ref(&joined)), events(&blocks));
        assert_eq!((joined.header().number, joined.header().last_of_boot), (Some(7), true));
        assert_eq!(Block::parse(joined.bytes()).unwrap().header(), joined.header());
    }

    #[test]
    fn the_same_blocks_give_the_same_bytes_however_they_were_cut() {
        let (blocks, mut whole) = (small(600), Blocks::new(3));
        let count = events(&blocks).len() as u64;

        let joined_once = joined(&blocks, |_| true).unwrap();

        assert_eq!(joined(&blocks, |_| true).unwrap(), joined_once);
        assert_eq!(joined(&[whole.of(count)], |_| true).unwrap(), joined_once);
    }

    #[test]
    fn a_block_that_is_rebuilt_keeps_its_name_and_loses_what_is_not_wanted() {
        let block = Blocks::new(5).of(1500);
        let later = |entry: &mut Entry<'_>| {
            entry.received = entry.received.after(std::time::Duration::from_secs(1));
            entry.seq.is_multiple_of(3)
        };

        assert_eq!(rebuilt(&block, |_| true).unwrap().as_ref(), Some(&block));
        let less = rebuilt(&block, later).unwrap().unwrap();

        let mut expected = events(std::slice::from_ref(&block));
        expected.retain(|event| event.seq.is_multiple_of(3));
        for (event, i) in expected.iter_mut().zip(0..) {
            event.received = Timestamp::from_nanos(event.received.as_nanos() + 1_000_000_000);
            event.position = Position(i);
        }
        assert_eq!(events(std::slice::from_ref(&less)), expected);
        assert_eq!(less.header().number, block.header().number);
        assert_eq!(rebuilt(&block, |_| false).unwrap(), None);
    }

    #[test]
    fn what_would_be_more_than_a_block_may_have_waits_for_the_next() {
        for (events, bytes) in [(2048, 8), (1024, 500)] {
            let mut blocks = Blocks::new(2);
            let run = blocks.of(1).header().runs[0];
            let mut joiner = Joiner::new(run.origin, run.boot);
            let two = [blocks.with_text(events, bytes), blocks.with_text(events, bytes)];
            assert_eq!(
                joiner.push(&two[0], |_| true),
                Ok(Pushed::Kept(two[0].header().count as usize))
            );
            assert_eq!(
                joiner.push(&two[1], |_| true),
                Ok(Pushed::Kept(two[1].header().count as usize))
            );

            let next = blocks.with_text(100, bytes);

            assert_eq!(joiner.push(&next, |_| true), Ok(Pushed::TooMany), "{events}");
            assert_eq!(self::events(&[joiner.seal(1, false).unwrap()]), self::events(&two));
            assert_eq!(joiner.push(&next, |_| true), Ok(Pushed::Kept(100)));
        }
    }

    #[test]
    fn blocks_of_another_boot_or_out_of_order_are_refused_whole() {
        let (mut ours, mut theirs) = (Blocks::new(2), Blocks::new(4));
        let (first, second, foreign) = (ours.of(2), ours.of(2), theirs.of(2));
        let run = first.header().runs[0];
        let mut joiner = Joiner::new(run.origin, run.boot);
        joiner.push(&second, |_| true).unwrap();

        for (wrong, what) in [(&foreign, "run of another boot"), (&first, "sequence number")] {
            let refused = joiner.push(wrong, |_| true).unwrap_err();
            assert!(refused.to_string().contains(what), "{refused}");
        }

        assert_eq!(events(&[joiner.seal(1, false).unwrap()]), events(&[second]));
    }
}
