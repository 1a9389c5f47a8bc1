//! Where does the fuzzer begin? What our own writers write, for each target.

use std::collections::BTreeMap;

use tidings::block::Block;
use tidings::query::{FollowCursor, ListKey, PageCursor};
use tidings::store::etcd::Presence;
use tidings::testing::Blocks;
use tidings::testing::blocks::taken_apart;
use tidings::testing::etcd::{value_of, value_of_presence};
use tidings::testing::words::WordSegment;
use tidings::{Boot, EventId, Order, Origin, Passed, Position, Stretch};

use crate::targets::NOW;
use crate::targets::shared::{named, present};

const SEALED: &[u8] = include_bytes!("../../crates/tidings/tests/fixtures/block-v1.bin");
const MERGED: &[u8] = include_bytes!("../../crates/tidings/tests/fixtures/block-v1-merged.bin");
const MERGED_2: &[u8] = include_bytes!("../../crates/tidings/tests/fixtures/block-v2-merged.bin");
const GROUPED: &[u8] = include_bytes!("../../crates/tidings/tests/fixtures/block-v3.bin");
const MERGED_4: &[u8] = include_bytes!("../../crates/tidings/tests/fixtures/block-v4-merged.bin");
const EVENTS: &str = include_str!("../../crates/tidings/tests/fixtures/block-v1.ndjson");

/// The seeds of a target of this name.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "block" => blocks().iter().map(cut_block).collect(),
        "header" => blocks().iter().map(|block| taken_apart(block).0.to_vec()).collect(),
        "segment" => segments(),
        "value" => values(),
        "presence" => presences(),
        "event" => events().map(|line| line.as_bytes().to_vec()).collect(),
        "array" => vec![
            format!("[{}]", events().collect::<Vec<_>>().join(",")).into(),
            br#"[{"type":"a"},{"message":"m"},7,{"type":"b","x":[1e3,null,"\u00e9"]}]"#.to_vec(),
        ],
        "ndjson" => vec![events().collect::<Vec<_>>().join("\n").into(), keyed()],
        "spoken" => texts(SPOKEN),
        "encoded" => encoded(),
        "question" => texts(QUESTIONS),
        "search" => [texts(SEARCHES), vec![r"/\w{40}/ ".repeat(450).into()]].concat(),
        "names" => names(),
        "words" => WORDS.iter().map(|(what, text)| [&[*what], text.as_bytes()].concat()).collect(),
        _ => vec![vec![0], vec![1], vec![0, 100, 0, 0, 1, 20, 48, 0, 7], vec![2, 40, 0, 0, 1]],
    }
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Small ones: their sections are not compressed, so that their bytes mean
/// something to the fuzzer.
fn blocks() -> Vec<Block> {
    let mut small = Blocks::new(1);
    let fixture = |bytes: &[u8]| Block::parse(bytes).expect("a fixture is a block");
    let fixtures = [SEALED, MERGED, MERGED_2, GROUPED, MERGED_4].map(fixture);
    [small.of(1), small.of(4), small.of(9)].into_iter().chain(fixtures).collect()
}

/// Of few words, and of many.
fn segments() -> Vec<Vec<u8>> {
    let mut small = Blocks::new(1);
    let of = |events: &[u64]| {
        let blocks: Vec<Block> = events.iter().map(|events| small.of(*events)).collect();
        let segment = WordSegment::of(&blocks).expect("a segment of some events");
        let (head, parts) = segment.bytes();
        let length = u16::try_from(head.len()).expect("a small head");
        [&length.to_le_bytes()[..], head, &parts[0]].concat()
    };
    [&[1][..], &[4, 9], &[600, 300]].map(of).into()
}

/// As the target takes it.
fn cut_block(block: &Block) -> Vec<u8> {
    let (header, body) = taken_apart(block);
    let length = u16::try_from(header.len()).expect("a seed has a small header");
    [&length.to_le_bytes(), header, body].concat()
}

/// As the target takes it: cut before the checksum.
fn values() -> Vec<Vec<u8>> {
    let value = value_of(&named(), NOW).expect("a fresh block is whole");
    let text = String::from_utf8(value).expect("a small value is text");
    let (envelope, lines) = text.split_once('\n').expect("an envelope is a line");
    let envelope = envelope.split(",\"crc\"").next().unwrap_or_default();
    let odd = lines.replace('}', VALUE_NAMES);
    vec![format!("{envelope}\n{lines}").into(), format!("{envelope}\n{odd}").into()]
}

fn presences() -> Vec<Vec<u8>> {
    let quiet = Presence { unshared: BTreeMap::new(), left: false, ..present() };
    let value = |presence| value_of_presence(&presence).expect("a seed is within its limits");
    vec![value(present()), value(quiet)]
}

fn events() -> impl Iterator<Item = &'static str> {
    EVENTS.lines().step_by(7)
}

fn keyed() -> Vec<u8> {
    let line = r#"{"type":"a","key":"k","source":"s","timestamp":"2026-11-22T10:00:00Z"}"#;
    format!("{line}\n{line}\n\n{{\"type\":\"a\",\"key\":\"k\",\"source\":\"s\"}}\nx\n").into()
}

fn encoded() -> Vec<Vec<u8>> {
    let text = EVENTS.as_bytes();
    let zstd = zstd::encode_all(text, 1).expect("memory takes it");
    let bomb = zstd::encode_all(&vec![b' '; 20 << 20][..], 1).expect("memory takes it");
    let mut gzip = flate2::GzBuilder::new().read(text, flate2::Compression::fast());
    let mut zipped = vec![0];
    std::io::Read::read_to_end(&mut gzip, &mut zipped).expect("memory takes it");
    let seed = |how: u8, bytes: &[u8]| [&[how], bytes].concat();
    vec![zipped, seed(1, &zstd), seed(1, &bomb), seed(2, b"hello"), seed(3, b"hello")]
}

fn names() -> Vec<Vec<u8>> {
    let origin = Origin::from_bytes([7; 16]);
    let boot = Boot::from_bytes([9; 8]);
    let key = ListKey { time: NOW, origin, boot, seq: 42 };
    let stretches = vec![Stretch { boot, from: 0, to: 300, received: NOW }];
    let passed = Passed { cluster: 7, horizon: NOW, whole: true, stretches };
    let said = [
        PageCursor { key, order: Order::Ascending }.to_string(),
        FollowCursor::new(origin, Position(42)).to_string(),
        FollowCursor { passed: Some(passed.into()), ..FollowCursor::new(origin, Position(42)) }
            .to_string(),
        EventId::new(NOW, boot, 42).to_string(),
        origin.to_string(),
        boot.to_string(),
    ];
    let mut seeds: Vec<Vec<u8>> = said.map(String::into_bytes).into();
    seeds.push((0..41).collect());
    seeds
}

const VALUE_NAMES: &str = ",\"memberid\":\"m\",\"severity\":\"warn\",\"severity_number\":14,\
    \"source\":\"s\",\"subject\":\"u\",\"key\":\"k\",\"fields\":{\"a\":[1]},\
    \"trace_id\":\"00000000000000000000000000000001\",\"span_id\":\"0000000000000001\",\
    \"added\":-5,\"received\":7}";

const SPOKEN: &[&str] = &[
    "disk.high\nseverity=warn&member=db1&field.disk=sda\nx-tidings-subject: sda1\n\ndisk 91 %",
    "deploy\ntimestamp=2026-11-22T09:59:00Z&key=k%201\nX-Tidings-Field-Region: eu\n\n",
    "a%2Fb\nsource=cron&subject=%C3%A9\n\nm\n",
];

const QUESTIONS: &[&str] = &[
    "type=deploy,!debug&severity=warn..error&member=web*&since=1h&until=now&limit=10&order=asc",
    "q=disk+full+%2F9.%2F&grep=%5Cd%2B&source=ker*&subject=api&field.nested.deep.x=1&since=all",
    "q=fields.nested.deep.x:%5B*+OR+id:x+severity:warn..error&qmode=forgiving",
    "field.version=4&count=exact&verbose=1&format=ndjson&since=2026-11-22+08:00",
];

const SEARCHES: &[&str] = &[
    "disk \"91 %\" /full|rolled/\ndeploy.*,disk*,!debug\n(?i)API",
    "café\nuser/*\n^[[:alpha:]]+\\s\\d{1,3}$",
    "\"a \\\" b\" /a\\/b/ /(/\n*\n.",
    "disk (type:deploy.*,error OR severity>=warn) -\"rolled out\" fields.version>=3\n*\n.",
    "((a OR) -(fields.\"x y\">1e9 \"open conn*ed message:/a\\/b/ ) typ:x NOT\n*\n.",
];

const WORDS: &[(u8, &str)] = &[
    (0, "2026-11-21 18:00"),
    (0, "10m ago"),
    (0, "1700000000.25"),
    (0, "2026-11-21T18:00:05.25+01:00"),
    (0, "yesterday"),
    (1, "2d3h 15m"),
    (1, "500ms"),
    (
        2,
        "listen = [\"127.0.0.1:0\", \"[::1]:8434\"]\nretention = \"36h\"\nretention_size = \"1GiB\"\n",
    ),
    (2, "member = \"db1\"\nallowed_host = [\"a.example\"]\ncolor = \"never\"\ntz = \"UTC\"\n"),
    (
        3,
        "retry: 2000\n\nevent: hello\nid: f1\ndata: {}\n\n:\n\nid: f2\r\ndata:a\r\ndata: b\r\n\r\n",
    ),
    (4, "a\u{1b}[31mred\u{202e}\r\n\u{301}\u{301}\u{301}\u{301}\u{301}"),
    (4, "plain text"),
    (5, "warning"),
    (5, "WARN2"),
];
