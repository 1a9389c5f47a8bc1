//! Is the worked example of `docs/block-format.md` right, byte by byte?

use super::*;

const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/block-format.md");

/// The event of the worked example.
fn example() -> Block {
    block_of(&[Made {
        fields: Some([("gb".to_owned(), 12.into())].into_iter().collect()),
        ..Made::simple("disk 91%")
    }])
}

/// Offset and bytes of a row such as `` | 12 | `06` | flags | ``.
fn row(line: &str) -> Option<(usize, Vec<u8>)> {
    let mut cells = line.strip_prefix("| ")?.split(" | ");
    let offset = cells.next()?.parse().ok()?;
    let hex = cells.next()?.trim_matches('`');
    let bytes = hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap());
    Some((offset, bytes.collect()))
}

#[test]
fn the_worked_example_is_what_the_builder_makes() {
    let doc = std::fs::read_to_string(DOC).unwrap();
    let (_, section) = doc.split_once("## Worked example").unwrap();

    let mut bytes = Vec::new();
    for (offset, part) in section.lines().filter_map(row) {
        assert_eq!(offset, bytes.len(), "the rows follow one another");
        bytes.extend(part);
    }

    let made = example();
    let hex =
        |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    assert_eq!(hex(&bytes), hex(made.bytes()));
}

#[test]
fn the_documented_limits_are_those_of_the_code() {
    let doc = std::fs::read_to_string(DOC).unwrap();
    let limits = [
        BLOCK_EVENTS_DECODED_MAX,
        RUNS_MAX,
        MINUTE_CELLS_MAX,
        MERGED_CELLS_MAX,
        format::SECTION_RAW_BYTES_MAX,
        format::BLOCK_RAW_BYTES_DECODED_MAX,
    ];
    for limit in limits {
        assert!(doc.contains(&format!("| {limit} |")), "{limit}");
    }
}
