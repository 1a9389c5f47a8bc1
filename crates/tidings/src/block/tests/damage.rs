//! Is every change of the bytes told, and can no bytes do harm?

use proptest::prelude::*;

use super::*;
use crate::block::format::{self, FormatError, SECTION_RAW_BYTES_MAX};

/// Reads everything there is to read.
fn read_whole(bytes: &[u8]) -> Result<Vec<StoredEvent>, FormatError> {
    Block::parse(bytes)?.events(Position(0))
}

/// The same head with another header, and a checksum that fits.
fn with_header(header: &[u8]) -> Vec<u8> {
    let mut bytes = b"TDB\x01".to_vec();
    bytes.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), header);
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(header);
    bytes
}

fn head_bytes(block: &Block) -> usize {
    block.directory().head_bytes
}

#[test]
fn one_flipped_bit_anywhere_is_told() {
    for block in [block_of(&[Made::varied(0)]), block_of(&varied(20)), merged().0] {
        let mut bytes = block.bytes().to_vec();
        for place in 0..bytes.len() * 8 {
            bytes[place / 8] ^= 1 << (place % 8);
            assert!(read_whole(&bytes).is_err(), "bit {place} of {}", bytes.len() * 8);
            bytes[place / 8] ^= 1 << (place % 8);
        }
        assert!(read_whole(&bytes).is_ok());
    }
}

#[test]
fn a_block_cut_anywhere_is_told_and_so_is_a_byte_too_many() {
    let block = block_of(&varied(20));
    for end in 0..block.bytes().len() {
        let error = read_whole(&block.bytes()[..end]).unwrap_err();
        let cut = matches!(error, FormatError::CutShort { found, .. } if found == end);
        assert!(cut, "{end}: {error}");
    }

    let longer = [block.bytes(), b"x"].concat();

    let expected = block.bytes().len();
    let error = FormatError::TooLong { expected, found: expected + 1 };
    assert_eq!(read_whole(&longer), Err(error));
}

#[test]
fn damage_in_one_section_leaves_the_others_readable() {
    let block = block_of(&varied(600));
    let mut bytes = block.bytes().to_vec();
    let messages = block.directory().frames[1].sections[Section::Messages as usize];
    bytes[head_bytes(&block) + messages.offset] ^= 1;

    let damaged = Block::parse(bytes).unwrap();

    assert_eq!(damaged.frame(0).unwrap().message(0), block.frame(0).unwrap().message(0));
    let frame = damaged.frame(1).unwrap();
    assert_eq!(frame.key(8), block.frame(1).unwrap().key(8));
    let error = frame.message(0).unwrap_err();
    let section = Section::Messages;
    assert!(
        matches!(error, FormatError::SectionChecksum { frame: 1, section: s, .. } if s == section)
    );
}

#[test]
fn other_bytes_and_newer_versions_are_told_apart_from_damage() {
    let block = block_of(&[Made::simple("m")]);
    let header = &block.bytes()[12..head_bytes(&block)];
    let mut newer = with_header(header);
    newer[3] = LATEST_FORMAT_VERSION + 1;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&newer[..8]), header);
    newer[8..12].copy_from_slice(&checksum.to_le_bytes());

    assert_eq!(read_whole(&newer), Err(FormatError::Newer { version: 5 }));
    assert_eq!(read_whole(b"{\"type\":\"a\"}"), Err(FormatError::NotABlock));
    assert_eq!(read_whole(b""), Err(FormatError::CutShort { expected: 12, found: 0 }));
}

#[test]
fn lengths_beyond_their_limits_are_refused_before_room_is_made() {
    let many = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let start = block_of(&[Made::simple("m")]).bytes()[12..].to_vec();
    // Flags, one event, block number: then the runs.
    assert_eq!(start[..4], [6, 1, 1, 1]);
    let events = with_header(&[&[0], &many[..]].concat());
    let runs = with_header(&[&[0, 0x80, 0x80, 4], &[0x80, 8][..]].concat());
    let too_many_runs = with_header(&[&[0, 0x80, 0x80, 4], &many[..]].concat());

    let impossible = |what| FormatError::Impossible { what, value: u64::from(u32::MAX) };
    assert_eq!(read_whole(&events), Err(impossible("event count")));
    assert_eq!(read_whole(&too_many_runs), Err(impossible("run count")));
    assert_eq!(read_whole(&runs), Err(FormatError::Missing { what: "origin" }));
    let mut long_header = with_header(&[0]);
    long_header[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let expected = u32::MAX as usize + 12;
    assert_eq!(read_whole(&long_header), Err(FormatError::CutShort { expected, found: 13 }));
}

/// A block of one event whose messages are these stored bytes.
fn with_messages(stored: &[u8], raw_bytes: usize) -> Vec<u8> {
    let block = block_of(&[Made::simple("")]);
    let mut frames = block.directory().frames.clone();
    let messages = &mut frames[0].sections[Section::Messages as usize];
    messages.codec = format::Codec::Zstd;
    messages.stored_bytes = stored.len();
    messages.raw_bytes = raw_bytes;
    messages.checksum = crc32c::crc32c(stored);
    let mut bytes = Vec::new();
    format::write_head(&mut bytes, FORMAT_VERSION, block.header(), block.directory().base, &frames);
    bytes.extend_from_slice(&block.bytes()[head_bytes(&block)..]);
    bytes.extend_from_slice(stored);
    bytes
}

#[test]
fn a_section_never_becomes_larger_than_it_says_nor_than_the_limit() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
    let section = Section::Messages;
    let (frame, expected) = (0, 1000);

    let understated = read_whole(&with_messages(&bomb, expected));
    let honest = read_whole(&with_messages(&bomb, SECTION_RAW_BYTES_MAX + 1));

    assert_eq!(understated, Err(FormatError::NotDecompressible { frame, section, expected }));
    let value = SECTION_RAW_BYTES_MAX as u64 + 1;
    assert_eq!(honest, Err(FormatError::Impossible { what: "section length", value }));
}

#[test]
fn sections_that_contradict_themselves_are_refused() {
    let zipped = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).unwrap();
    let read = |raw: &[u8]| read_whole(&with_messages(&zipped(raw), raw.len())).unwrap_err();

    assert_eq!(read(&[2, 0xc3, 0x28]), FormatError::BadText { what: "message", expected: "UTF-8" });
    assert_eq!(read(&[3, b'a']), FormatError::Missing { what: "message" });
    let what = "bytes after the messages";
    assert_eq!(read(&[1, b'a', b'b']), FormatError::Impossible { what, value: 1 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read_whole(&bytes).is_err());
        prop_assert!(read_whole(&[b"TDB\x01", bytes.as_slice()].concat()).is_err());
    }

    /// Reached only by a writer that computes right checksums over wrong bytes.
    #[test]
    fn headers_with_right_checksums_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (block, _) = merged();
        let mut header = block.bytes()[12..head_bytes(&block)].to_vec();
        for (place, byte) in changes {
            *place.get_mut(&mut header) = byte;
        }
        let body = &block.bytes()[head_bytes(&block)..];
        let _ = read_whole(&[&with_header(&header), body].concat());
    }

    #[test]
    fn sections_with_right_checksums_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        random in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (block, _) = merged();
        let body = &block.bytes()[head_bytes(&block)..];
        let entry = &block.directory().frames[0];
        for section in [Section::Numbers, Section::Messages, Section::Details] {
            let raw = format::open((body, 0), 0, section, &entry.sections[section as usize]).unwrap();
            let mut raw = raw.into_owned();
            for (place, byte) in &changes {
                *place.get_mut(&mut raw) = *byte;
            }
            for bytes in [&raw, &random] {
                let (header, directory) = (block.header(), block.directory());
                let _ = format::read_numbers(bytes, entry.count, header, directory);
                let _ = format::read_messages(&mut Texts::default(), bytes, entry.count);
                let _ = format::read_details(&mut columns::Details::default(), bytes, entry.count);
            }
        }
    }
}
