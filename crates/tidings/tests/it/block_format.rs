//! Are blocks of every version of the format still read?

use std::fs::{read, read_to_string};

use tidings::block::Block;
use tidings::{Position, Verbose};

/// The fixtures were written by the first version of the code and never change:
/// `<name>.bin` is the block, `<name>.ndjson` what every later version reads.
#[track_caller]
fn assert_reads(name: &str) -> Block {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let block = Block::parse(read(format!("{path}.bin")).unwrap()).unwrap();

    let events = block.events(Position(1000)).unwrap();

    let expected = read_to_string(format!("{path}.ndjson")).unwrap();
    assert_eq!(events.len(), expected.lines().count());
    for (event, line) in events.iter().zip(expected.lines()) {
        assert_eq!(serde_json::to_string(&Verbose(event)).unwrap(), line);
    }
    block
}

#[test]
fn a_sealed_block_of_version_1_is_read() {
    let header = assert_reads("block-v1").header().clone();

    assert_eq!((header.number, header.last_of_boot, header.count), (Some(1), false, 40));
}

#[test]
fn a_merged_block_of_version_1_is_read() {
    let header = assert_reads("block-v1-merged").header().clone();

    assert_eq!((header.number, header.runs.len(), header.count), (None, 3, 30));
}

#[test]
fn a_merged_block_of_version_2_is_read() {
    let block = assert_reads("block-v2-merged");

    let header = block.header();
    assert_eq!((header.number, header.runs.len(), header.count), (None, 2, 326));
    let runs: Vec<_> = header.runs.iter().map(|run| (run.numbers, run.ended)).collect();
    assert_eq!(runs, [(Some((1, 3)), false), (Some((1, 2)), true)]);
    assert_eq!(header.minutes.as_ref().map(Vec::len), Some(25));
    let summaries: Vec<_> = (0..block.frames()).map(|i| block.frame_summary(i).unwrap()).collect();
    assert_eq!(summaries.iter().map(|it| it.types).collect::<Vec<_>>(), [0b111]);
}

#[test]
fn a_sealed_block_of_version_3_is_read() {
    let block = assert_reads("block-v3");

    assert_eq!((block.header().number, block.header().count), (Some(1), 70));
    assert_eq!(block.bytes()[3], 3);
    assert!(block.frame_summary(0).is_none());
}

#[test]
fn a_merged_block_of_version_4_is_read() {
    let block = assert_reads("block-v4-merged");

    let runs: Vec<_> = block.header().runs.iter().map(|run| (run.numbers, run.ended)).collect();
    assert_eq!(runs, [(Some((1, 2)), false), (Some((1, 1)), true)]);
    assert_eq!((block.bytes()[3], block.header().count), (4, 120));
    assert_eq!(block.frame_summary(0).unwrap().types, 0b111_1111);
}
