//! Does a segment find every word that is there, and few that are not?

use proptest::prelude::*;

use super::segment::seal_part;
use super::*;
use crate::block::Block;
use crate::id::Position;
use crate::testing::Blocks;

fn word(number: u64) -> u64 {
    hash_of(&format!("word{number}"))
}

/// Granules of 512 events, in each of which these words stand.
fn built(first: u64, granules: &[Vec<u64>]) -> (Segment, Vec<Vec<u8>>) {
    let mut builder = SegmentBuilder::new(Position(first));
    for words in granules {
        builder.begin(512);
        for number in words {
            builder.add(word(*number));
        }
    }
    read(&builder.finish().unwrap())
}

fn read(built: &Built) -> (Segment, Vec<Vec<u8>>) {
    let segment = Segment::parse(&built.head).unwrap();
    assert_eq!((segment.range(), segment.parts()), (built.range.clone(), built.parts.len()));
    (segment, built.parts.clone())
}

fn runs(segment: &Segment, parts: &[Vec<u8>], hash: u64) -> Vec<(u64, u64)> {
    let answer = match segment.part_of(hash) {
        None => segment.nowhere(),
        Some(number) => segment.find((number, &parts[number]), hash).unwrap(),
    };
    segment.runs(&answer).into_iter().map(|(from, to)| (from.0, to.0)).collect()
}

fn covers(runs: &[(u64, u64)], position: u64) -> bool {
    runs.iter().any(|(from, to)| (*from..*to).contains(&position))
}

/// Half of the words everywhere, a word of its own in each granule, one in two.
fn mixed(granules: u64, seed: u64) -> Vec<Vec<u64>> {
    let own = |granule| (0..40).map(move |i| seed + 1_000_000 + granule * 40 + i);
    (0..granules)
        .map(|granule| (0..50).chain(own(granule)).chain([7_777_777 + granule / 2]).collect())
        .collect()
}

#[track_caller]
fn assert_finds(segment: &Segment, parts: &[Vec<u8>], first: u64, granules: &[Vec<u64>]) {
    for (granule, words) in granules.iter().enumerate() {
        let position = first + granule as u64 * 512;
        for number in words {
            let runs = runs(segment, parts, word(*number));
            assert!(covers(&runs, position) && covers(&runs, position + 511), "{number}: {runs:?}");
        }
    }
}

#[test]
fn every_word_is_found_where_it_stands() {
    let granules = mixed(300, 0);

    let (segment, parts) = built(1000, &granules);

    assert!(parts.len() > 3, "{} parts", parts.len());
    assert!(parts.iter().all(|part| part.len() <= 4055), "each in a page of its own");
    assert_finds(&segment, &parts, 1000, &granules);
    assert_eq!(runs(&segment, &parts, word(7)), [(1000, 1000 + 300 * 512)]);
    assert_eq!(runs(&segment, &parts, word(1_000_000)), [(1000, 1512)]);
}

#[test]
fn few_words_are_found_that_are_nowhere() {
    let (segment, parts) = built(0, &mixed(512, 0));

    let absent = (0..20_000).map(|i| word(50_000_000 + i));
    let found = absent.filter(|hash| !runs(&segment, &parts, *hash).is_empty()).count();

    assert!(found * 32 <= 20_000, "{found} of 20,000");
}

#[test]
fn segments_side_by_side_are_joined_and_say_the_same_as_one() {
    let all = mixed(64, 0);
    let quarters: Vec<_> = (0_u64..)
        .step_by(16 * 512)
        .zip(all.chunks(16))
        .map(|(first, part)| built(first, part))
        .collect();
    let quarters: Vec<_> =
        quarters.iter().map(|(segment, parts)| (segment, parts.clone())).collect();

    let joined = joined(&quarters).unwrap();

    let (segment, parts) = read(&joined);
    assert_finds(&segment, &parts, 0, &all);
    let whole = built(0, &all);
    let words = || all.iter().flatten().copied().chain(60_000_000..60_005_000);
    let found = |(segment, parts): &(Segment, Vec<Vec<u8>>)| -> Vec<_> {
        words().map(|number| runs(segment, parts, word(number))).collect()
    };
    assert_eq!(found(&(segment, parts)), found(&whole));
}

#[test]
fn what_was_not_read_may_hold_any_word() {
    let mut builder = SegmentBuilder::new(Position(10));
    builder.begin(100);
    builder.add(word(1));
    builder.pass_over(50);
    builder.begin(512);
    builder.add(word(2));
    builder.begin(300);
    builder.spoil();
    builder.begin(5);

    let (segment, parts) = read(&builder.finish().unwrap());

    let unread = [(110, 160), (672, 972)];
    assert_eq!(runs(&segment, &parts, word(9)), unread);
    assert_eq!(runs(&segment, &parts, word(1)), [(10, 160), (672, 972)]);
    assert_eq!(runs(&segment, &parts, word(2)), [(110, 972)]);
    assert_eq!(segment.range(), Position(10)..Position(977));
    let again = joined(&[(&segment, parts)]).unwrap();
    let (segment, parts) = read(&again);
    assert_eq!(runs(&segment, &parts, word(9)), unread);
}

#[test]
fn nothing_is_no_segment_and_a_segment_without_words_says_so() {
    assert!(SegmentBuilder::new(Position(0)).finish().is_none());
    let mut builder = SegmentBuilder::new(Position(0));
    builder.begin(3);

    let (segment, parts) = read(&builder.finish().unwrap());

    assert_eq!(runs(&segment, &parts, word(1)), []);
}

#[test]
fn one_flipped_bit_anywhere_is_seen() {
    let (segment, parts) = built(0, &mixed(40, 0));
    let head = segment.head();
    for bit in 0..head.len() * 8 {
        let mut head = head.clone();
        head[bit / 8] ^= 1 << (bit % 8);
        assert!(Segment::parse(&head).is_none(), "bit {bit} of the head");
    }
    for bit in (0..parts[0].len() * 8).step_by(7) {
        let mut part = parts[0].clone();
        part[bit / 8] ^= 1 << (bit % 8);
        assert!(segment.find((0, &part), word(1)).is_none(), "bit {bit} of a part");
    }
}

#[test]
fn a_part_of_another_segment_or_place_is_none() {
    let (one, parts) = built(0, &mixed(300, 0));
    let (other, others) = built(0, &mixed(300, 500_000));

    assert!(one.is_whole((1, &parts[1])) && other.is_whole((1, &others[1])));
    assert!(!one.is_whole((1, &others[1])) && !one.is_whole((0, &parts[1])));
}

#[test]
fn a_block_is_gathered_frame_by_frame_and_damage_in_it_is_passed_over() {
    let block = Blocks::new(1).of(1200);
    let mut damaged = block.bytes().to_vec();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let damaged = Block::parse(damaged).unwrap();
    let mut builder = SegmentBuilder::new(Position(0));

    let done: Vec<bool> = [(0, 512), (1, 512), (2, 176)]
        .map(|(frame, rows)| {
            gather(&mut builder, damaged.header(), damaged.sections(frame), 0..rows).is_ok()
        })
        .into();

    let (segment, parts) = read(&builder.finish().unwrap());
    assert_eq!(done, [true, true, false]);
    assert_eq!(runs(&segment, &parts, word(1)), [(1024, 1200)]);
    assert_eq!(runs(&segment, &parts, hash_of("deploy")), [(0, 1200)]);
    assert_eq!(runs(&segment, &parts, hash_of("db1")), [(0, 1200)]);
}

proptest! {
    /// Sealed anew, so that the checksum does not stop it.
    #[test]
    fn hostile_parts_are_refused_or_read_and_never_beyond_the_segment(
        bytes in prop::collection::vec(any::<u8>(), 6..300),
        groups in 0_u8..4,
        number in any::<u64>(),
    ) {
        let (segment, _) = built(5, &mixed(20, 0));
        let mut part = bytes;
        (part[4], part[5]) = (groups, 0);
        seal_part(segment.tag, 0, &mut part);

        if let Some(answer) = segment.find((0, &part), word(number)) {
            let range = segment.range();
            prop_assert!(segment.runs(&answer).iter().all(|run| run.0 >= range.start && run.1 <= range.end));
        }
        segment.is_whole((0, &part));
    }

    #[test]
    fn hostile_heads_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200), granules in 0_u8..9) {
        let mut head = [&[0; 8], &bytes[..]].concat();
        head[..4].copy_from_slice(b"TDW\x01");
        if head.len() > 24 {
            head[20..24].copy_from_slice(&[granules, 0, 0, 0]);
        }
        let seal = crc32c::crc32c(&head[8..]).to_le_bytes();
        head[4..8].copy_from_slice(&seal);

        if let Some(segment) = Segment::parse(&head) {
            segment.runs(&segment.anywhere());
            prop_assert!(segment.find((0, &[]), word(1)).is_none());
        }
    }
}
