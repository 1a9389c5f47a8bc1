//! Does everything come back?

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{
    FIELDS_DEPTH_MAX, FIELDS_MAX, KEY_BYTES_MAX, MEMBER_BYTES_MAX, MESSAGE_BYTES_MAX,
    SOURCE_BYTES_MAX, SUBJECT_BYTES_MAX, TYPE_BYTES_MAX,
};

#[test]
fn one_event_comes_back_and_stays_small() {
    let made = Made::simple(&"disk /var/lib/etcd is 91% full, 12 GB left; ".repeat(3)[..110]);

    let block = block_of(std::slice::from_ref(&made));

    assert!(block.bytes().len() < 260, "{} bytes", block.bytes().len());
    assert_comes_back(&block, &[made]);
}

#[test]
fn the_most_events_of_a_block_come_back_in_frames() {
    let all = varied(BLOCK_EVENTS_MAX as u64);

    let block = block_of(&all);

    assert_eq!(block.frames(), BLOCK_EVENTS_MAX / FRAME_EVENTS);
    assert_eq!(block.frame_start(3), 3 * FRAME_EVENTS);
    assert_eq!(block.frame(3).unwrap().len(), FRAME_EVENTS);
    assert_comes_back(&block, &all);
}

#[test]
fn every_text_comes_back_at_its_limit() {
    let text = |bytes: usize| Some("x".repeat(bytes));
    let made = Made {
        event_type: "t".repeat(TYPE_BYTES_MAX),
        message: "m".repeat(MESSAGE_BYTES_MAX),
        member: "ü".repeat(MEMBER_BYTES_MAX / 2),
        source: text(SOURCE_BYTES_MAX),
        subject: text(SUBJECT_BYTES_MAX),
        key: text(KEY_BYTES_MAX),
        fields: Some((0..FIELDS_MAX).map(|i| (format!("f{i}"), Value::from(i))).collect()),
        ..Made::simple("")
    };

    assert_comes_back(&block_of(&[made.clone(), made.clone()]), &[made.clone(), made]);
}

#[test]
fn the_deepest_fields_come_back() {
    let deepest = (0..FIELDS_DEPTH_MAX).fold(Value::Null, |value, _| json!([value]));
    let fields = Some([("f".to_owned(), deepest)].into_iter().collect());
    let made = Made { fields, ..Made::simple("") };

    assert_comes_back(&block_of(std::slice::from_ref(&made)), &[made]);
}

#[test]
fn a_block_is_full_by_events_or_by_bytes() {
    let small = Made::simple("");
    let large = Made::simple(&"x".repeat(MESSAGE_BYTES_MAX));
    for (made, pushes) in [(small, BLOCK_EVENTS_MAX), (large, 16)] {
        let mut builder = builder();
        for seq in 1..pushes as u64 {
            builder.push(&made.entry(seq));
            assert!(!builder.is_full(), "{seq}");
        }
        builder.push(&made.entry(pushes as u64));
        assert!(builder.is_full() && builder.len() == pushes);
    }
}

#[test]
fn a_builder_starts_afresh_after_each_seal() {
    let all = varied(600);
    let mut builder = builder();
    let mut sealed = |number, all: &[Made]| {
        for (made, seq) in all.iter().zip(seqs(all)) {
            builder.push(&made.entry(seq));
        }
        builder.seal(number, number == 3)
    };

    assert_comes_back(&sealed(1, &all).unwrap(), &all);
    assert_eq!(sealed(2, &[]), None);
    assert_comes_back(&sealed(2, &all[5..8]).unwrap(), &all[5..8]);
    let last = sealed(3, &all).unwrap();
    assert_eq!((last.header().number, last.header().last_of_boot), (Some(3), true));
}

#[test]
fn a_merged_block_keeps_every_events_own_boot() {
    let (block, names) = merged();

    let read = Block::parse(block.bytes()).unwrap();

    assert_eq!((read.header().number, read.header().runs.len(), read.frames()), (None, 3, 2));
    let events = read.events(Position(0)).unwrap();
    let read_names: Vec<_> = events.iter().map(|e| (e.origin, e.boot, e.seq)).collect();
    assert_eq!(read_names, names);
    for (stored, (made, (_, _, seq))) in events.iter().zip(varied(30).iter().zip(&names)) {
        assert_same(stored, &made.entry(*seq));
    }
}

#[test]
fn the_header_counts_types_members_and_minutes() {
    let all: Vec<Made> = (0..10_i64)
        .map(|i| Made {
            event_type: ["a", "b"][usize::from(i >= 7)].into(),
            severity: 13 + (i % 2).cast_unsigned(),
            times: [NOON + i * 30_000_000_000; 3],
            ..Made::simple("")
        })
        .collect();

    let block = block_of(&all);

    let header = block.header();
    let counts: Vec<_> = header.types.iter().map(|t| (t.name.as_str(), t.count)).collect();
    assert_eq!(counts, [("a", 7), ("b", 3)]);
    assert_eq!(header.members, [Tagged { name: "db1".into(), count: 10 }]);
    assert_eq!(header.severities, 0b11 << 12);
    let cells = header.minutes.as_ref().unwrap().iter();
    let first = NOON / 60_000_000_000;
    let cells: Vec<_> = cells.map(|c| (c.minute - first, c.event_type, c.count)).collect();
    assert_eq!(cells, [(0, 0, 1), (1, 0, 2), (2, 0, 2), (3, 0, 2), (4, 1, 2), (5, 1, 1)]);
}

#[test]
fn counts_per_minute_are_left_out_when_there_are_too_many() {
    let scattered = |minutes: usize| -> Vec<Made> {
        let at = |i| Made { times: [i * 60_000_000_000; 3], ..Made::simple("") };
        (0_i64..).take(minutes).map(at).collect()
    };

    let most = block_of(&scattered(MINUTE_CELLS_MAX));
    let more = block_of(&scattered(MINUTE_CELLS_MAX + 1));

    assert_eq!(most.header().minutes.as_ref().unwrap().len(), MINUTE_CELLS_MAX);
    assert_eq!(more.header().minutes, None);
    assert_eq!(Header::parse(most.bytes()).unwrap().0, **most.header());
}

#[test]
fn a_date_far_ahead_is_listed_soon_after_it_was_received() {
    let times = [i64::MAX, NOON, NOON];

    let block = block_of(&[Made { times, ..Made::simple("") }]);

    let listed = Timestamp::from_nanos(NOON).after(FUTURE_SKEW_MAX);
    assert_eq!(block.frame_listed(0), (listed, listed));
    assert_eq!(block.frame(0).unwrap().listed(0), listed);
    assert_eq!(block.frame(0).unwrap().timestamp(0), Timestamp::MAX);
}

fn text(bytes_max: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<String>(),
        1 => "[a-c]{0,3}",
        1 => Just("x".repeat(bytes_max)),
        1 => Just("\u{0}\u{7}\u{1b}\u{202e}\r\n".to_owned()),
    ]
    .prop_map(move |text| text[..text.floor_char_boundary(bytes_max)].to_owned())
}

fn name(bytes_max: usize) -> impl Strategy<Value = String> {
    text(bytes_max).prop_map(|text| if text.is_empty() { "empty".to_owned() } else { text })
}

fn instants() -> impl Strategy<Value = [i64; 3]> {
    let near = (0..1_000_i64, any::<bool>()).prop_map(|(i, coarse)| {
        let unit = if coarse { 1_000_000_000 } else { 1_000_001 };
        NOON / 1_000_000_000 * 1_000_000_000 + i * unit
    });
    let ends = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), Just(-1), any::<i64>()];
    prop_oneof![
        4 => near.clone().prop_map(|at| [at; 3]),
        2 => [near.clone(), near.clone(), near],
        1 => [ends.clone(), ends.clone(), ends],
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let map = prop::collection::btree_map(any::<String>(), inner, 0..4);
        prop_oneof![list, map.prop_map(|map: BTreeMap<_, _>| json!(map))]
    })
}

fn fields() -> impl Strategy<Value = Fields> {
    prop::collection::vec((any::<String>(), value()), 0..4)
        .prop_map(|pairs| pairs.into_iter().collect())
}

fn made() -> impl Strategy<Value = Made> {
    let step = prop_oneof![4 => Just(1), 1 => 1..1000_u64, 1 => Just(1 << 50)];
    let what = (name(TYPE_BYTES_MAX), text(MESSAGE_BYTES_MAX), name(MEMBER_BYTES_MAX), 1..=24_u64);
    let about = (
        prop::option::of(text(SOURCE_BYTES_MAX)),
        prop::option::of(text(SUBJECT_BYTES_MAX)),
        prop::option::of(text(KEY_BYTES_MAX)),
        prop::option::of(fields()),
        prop::option::of(any::<u128>()),
        prop::option::of(any::<u64>()),
    );
    (what, instants(), step, about).prop_map(
        |((event_type, message, member, severity), times, seq_step, about)| {
            let (source, subject, key, fields, trace_id, span_id) = about;
            Made {
                event_type,
                message,
                member,
                severity,
                times,
                seq_step,
                source,
                subject,
                key,
                fields,
                trace_id,
                span_id,
            }
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_pushed_comes_back(all in prop::collection::vec(made(), 1..12)) {
        assert_comes_back(&block_of(&all), &all);
    }
}
