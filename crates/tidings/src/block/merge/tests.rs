use super::*;
use crate::block::header::FrameSummary;
use crate::block::{MERGED_FORMAT_VERSION, MERGED_GROUPED_FORMAT_VERSION};
use crate::clock::Timestamp;
use crate::event::StoredEvent;
use crate::id::Position;
use crate::testing::Blocks;

/// Neighbouring blocks of three boots that take turns, of such sizes.
fn neighbours(sizes: &[u64]) -> Vec<Block> {
    let mut boots = [Blocks::new(1), Blocks::new(2), Blocks::new(3)];
    sizes.iter().enumerate().map(|(i, size)| boots[i % 3].of(*size)).collect()
}

fn gathered(blocks: &[Block]) -> Gathered {
    let mut gathered = Gathered::default();
    for (i, block) in blocks.iter().enumerate() {
        assert_eq!(gathered.push(block), Ok(true), "block {i} does not fit");
    }
    gathered
}

fn merged(blocks: &[Block]) -> Block {
    let merged = gathered(blocks).merged().unwrap();
    assert_eq!(Block::parse(merged.bytes()).unwrap().header(), merged.header());
    merged
}

fn events(blocks: &[Block]) -> Vec<StoredEvent> {
    let of = |block: &Block| block.events(Position(0)).unwrap();
    let mut events: Vec<StoredEvent> = blocks.iter().flat_map(of).collect();
    events.iter_mut().zip(0..).for_each(|(event, i)| event.position = Position(i));
    events
}

#[test]
fn a_merged_block_has_the_events_of_its_parts_in_their_order_each_under_its_own_name() {
    for sizes in [&[1; 900][..], &[700; 12], &[512, 3, 4096, 1, 300, 300, 511], &[5]] {
        let blocks = neighbours(sizes);

        let merged = merged(&blocks);

        assert_eq!(events(std::slice::from_ref(&merged)), events(&blocks), "{sizes:?}");
        assert_eq!(
            (merged.header().number, merged.header().runs.len()),
            (None, sizes.len().min(3))
        );
        let is_grouped = merged.directory().frames.iter().any(|frame| frame.head_events > 0);
        let version =
            if is_grouped { MERGED_GROUPED_FORMAT_VERSION } else { MERGED_FORMAT_VERSION };
        assert_eq!(merged.directory().version, version);
    }
}

#[test]
fn what_was_merged_may_be_merged_again() {
    let blocks = neighbours(&[1; 600].map(|size: u64| size));
    let halves = [merged(&blocks[..200]), merged(&blocks[200..])];

    let whole = merged(&halves);

    assert_eq!(events(std::slice::from_ref(&whole)), events(&blocks));
    assert_eq!(whole.header(), merged(&blocks).header());
    assert_eq!(whole.frames(), 2);
}

#[test]
fn its_header_says_of_all_what_the_headers_of_its_parts_say() {
    let blocks = neighbours(&[40, 1, 700, 90]);

    let header = merged(&blocks).header().clone();

    let counted = |name: &str| -> u32 {
        let types = blocks.iter().flat_map(|block| &block.header().types);
        types.filter(|tagged| tagged.name == name).map(|tagged| tagged.count).sum()
    };
    assert!(header.types.iter().all(|tagged| tagged.count == counted(&tagged.name)));
    let cells = header.minutes.clone().unwrap();
    assert_eq!(cells.iter().map(|cell| cell.count).sum::<u32>(), header.count);
    assert!(cells.is_sorted_by_key(|cell| (cell.minute, cell.event_type, cell.severity)));
    let numbers: Vec<_> = header.runs.iter().map(|run| run.numbers.unwrap()).collect();
    assert_eq!(numbers, [(1, 2), (1, 1), (1, 1)]);
    let last = blocks.iter().map(|block| block.header().received.1).max().unwrap();
    assert_eq!(header.received.1, last);
    assert_eq!(header.runs[1].received_by, blocks[1].header().received.1);
}

#[test]
fn frames_that_are_nearly_full_are_taken_over_as_they_are_stored() {
    let blocks = neighbours(&[1000, 1000]);

    let merged = merged(&blocks);

    assert_eq!(merged.frames(), 4);
    let messages = |block: &Block, frame: usize| {
        let body = &block.bytes()[block.head_bytes()..];
        let section = block.directory().frames[frame].sections[Section::Messages as usize];
        body[section.offset..section.offset + section.stored_bytes].to_vec()
    };
    assert_eq!(messages(&merged, 1), messages(&blocks[0], 1));
    assert_eq!(messages(&merged, 2), messages(&blocks[1], 0));
}

#[test]
fn frames_say_what_they_hold_and_sealed_blocks_do_not() {
    let blocks = neighbours(&[600, 2]);
    assert_eq!(blocks[0].frame_summary(0), None);

    let merged = merged(&blocks);

    for number in 0..merged.frames() {
        let (said, frame) = (*merged.frame_summary(number).unwrap(), merged.frame(number).unwrap());
        let rows = 0..frame.len();
        let received = rows.clone().map(|i| frame.received(i));
        assert_eq!(said.received.0, received.clone().min().unwrap());
        assert_eq!(said.received.1, received.max().unwrap());
        let bits = |index: &dyn Fn(usize) -> usize| {
            rows.clone().fold(0, |bits, i| bits | FrameSummary::bit_of(index(i)))
        };
        assert_eq!(said.types, bits(&|i| frame.type_index(i)));
        assert_eq!(said.members, bits(&|i| frame.member_index(i)));
        let severities = rows.fold(0, |bits, i| bits | 1 << (frame.severity(i).number() - 1));
        assert_eq!(said.severities, severities);
    }
}

#[test]
fn a_block_that_does_not_follow_in_its_boot_is_not_gathered() {
    let mut boot = Blocks::new(1);
    let [first, second, third] = [boot.of(2), boot.of(2), boot.of(2)];
    let other = Blocks::new(2).of(1);

    let follows = |blocks: &[&Block], next: &Block| {
        let mut gathered = Gathered::default();
        assert!(blocks.iter().all(|block| gathered.push(block).unwrap()));
        gathered.push(next).unwrap()
    };

    assert!(follows(&[&first, &other], &second));
    assert!(!follows(&[&first, &other], &third), "the second may still come");
    assert!(!follows(&[&second], &first), "out of order");
    assert!(!follows(&[&merged(&[first.clone(), second.clone()])], &second));
    assert!(follows(&[&merged(&[first, second])], &third));
}

#[test]
fn what_is_more_than_one_block_may_hold_waits_for_the_next() {
    let mut boot = Blocks::new(1);
    let blocks: Vec<Block> = (0..5).map(|_| boot.of(4096)).collect();
    let mut gathered = gathered(&blocks[..4]);

    assert_eq!(gathered.push(&blocks[4]), Ok(false));
    assert_eq!((gathered.len(), gathered.events()), (4, MERGED_EVENTS_MAX));

    let (mut many, mut taken) = (Gathered::default(), 0);
    while many.push(&Blocks::new(100 + taken).of(1)).unwrap() {
        taken += 1;
    }
    assert_eq!(taken, RUNS_MAX as u64);
}

#[test]
fn a_clean_end_of_a_boot_within_it_is_kept() {
    let mut ended =
        crate::block::BlockBuilder::new(Origin::from_bytes([1; 16]), Boot::from_bytes([1; 8]));
    let at = Timestamp::from_nanos(crate::testing::blocks::START.as_nanos());
    ended.push(&crate::block::Entry {
        event_type: "bye",
        member: "m",
        ..crate::block::Entry::bare(at, 7)
    });
    let last = ended.seal(1, true).unwrap();

    let merged = merged(&[last, Blocks::new(2).of(3)]);

    let read = Block::parse(merged.bytes()).unwrap();
    assert_eq!(read.header().runs.iter().map(|run| run.ended).collect::<Vec<_>>(), [true, false]);
    assert!(!read.header().last_of_boot);
}

#[test]
fn a_damaged_frame_of_a_part_is_named() {
    let blocks = neighbours(&[1000, 1000]);
    let section = blocks[1].directory().frames[1].sections[Section::Details as usize];
    assert_eq!(section.stored_bytes, 0, "these have no details");
    let section = blocks[1].directory().frames[1].sections[Section::Messages as usize];
    let mut bytes = blocks[1].bytes().to_vec();
    bytes[blocks[1].head_bytes() + section.offset] ^= 1;
    let damaged = Block::parse(bytes).unwrap();

    let spoilt = gathered(&blocks[..1]).push(&damaged).unwrap_err();

    assert_eq!(spoilt.frame, 1);
}

#[test]
fn one_flipped_bit_anywhere_in_a_merged_block_is_told() {
    let merged = merged(&neighbours(&[3, 4, 2]));
    let whole = |bytes: &[u8]| Block::parse(bytes).and_then(|block| block.events(Position(0)));
    let mut bytes = merged.bytes().to_vec();
    for place in 0..bytes.len() * 8 {
        bytes[place / 8] ^= 1 << (place % 8);
        assert!(whole(&bytes).is_err(), "bit {place}");
        bytes[place / 8] ^= 1 << (place % 8);
    }
    assert!(whole(&bytes).is_ok());
}
