//! Do blocks keep what they are given, and tell when they were changed?

mod damage;
mod documented;
mod round_trip;

use super::*;
use crate::id::{Boot, EventId, Origin};
use crate::severity::Severity;

/// 2026-11-22T10:45:57.077124279Z.
const NOON: i64 = 1_795_344_357_077_124_279;

/// An entry that owns its texts.
#[derive(Clone, Debug)]
struct Made {
    event_type: String,
    message: String,
    member: String,
    severity: u64,
    /// Timestamp, added, received.
    times: [i64; 3],
    seq_step: u64,
    source: Option<String>,
    subject: Option<String>,
    key: Option<String>,
    fields: Option<Fields>,
    trace_id: Option<u128>,
    span_id: Option<u64>,
}

impl Made {
    fn simple(message: &str) -> Made {
        Made {
            event_type: "disk.high".into(),
            message: message.into(),
            member: "db1".into(),
            severity: 13,
            times: [NOON; 3],
            seq_step: 1,
            source: None,
            subject: None,
            key: None,
            fields: None,
            trace_id: None,
            span_id: None,
        }
    }

    /// The `i`-th of a row in which all columns vary.
    fn varied(i: u64) -> Made {
        let [even, third, fifth] = [2, 3, 5].map(|n| i.is_multiple_of(n));
        let at = NOON + i.cast_signed() * 1_000_003;
        let json = format!(r#"{{"z":{i},"a":[null,true,"é\n"],"ratio":0.{i}}}"#);
        Made {
            event_type: format!("type.{}", i % 7),
            message: format!("event {i} came \u{1b}[31mwith ünïcode\0 and more of the same"),
            member: format!("member-{}", i % 3),
            severity: i % 24 + 1,
            times: [at - 5_000_000, at, at + 77],
            seq_step: 1 + i % 2,
            source: even.then(|| "raft".to_owned()),
            subject: third.then(|| format!("disk-{i}")),
            key: fifth.then(|| format!("order-{i}")),
            fields: even.then(|| serde_json::from_str(&json).unwrap()),
            trace_id: third.then_some(u128::MAX - u128::from(i)),
            span_id: fifth.then_some(i + 1),
        }
    }

    fn entry(&self, seq: u64) -> Entry<'_> {
        let [timestamp, added, received] = self.times.map(Timestamp::from_nanos);
        Entry {
            event_type: &self.event_type,
            message: &self.message,
            member: &self.member,
            severity: Severity::from_number(self.severity).unwrap(),
            timestamp,
            added,
            received,
            seq,
            source: self.source.as_deref(),
            subject: self.subject.as_deref(),
            key: self.key.as_deref(),
            fields: self.fields.as_ref().map(EntryFields::Values),
            trace_id: self.trace_id,
            span_id: self.span_id,
        }
    }
}

const ORIGIN: Origin = Origin::from_bytes([0x0a; 16]);
const BOOT: Boot = Boot::from_bytes([0x0b; 8]);

fn builder() -> BlockBuilder {
    BlockBuilder::new(ORIGIN, BOOT)
}

fn block_of(all: &[Made]) -> Block {
    let mut builder = builder();
    for (made, seq) in all.iter().zip(seqs(all)) {
        builder.push(&made.entry(seq));
    }
    builder.seal(1, false).unwrap()
}

fn seqs(all: &[Made]) -> impl Iterator<Item = u64> {
    all.iter().scan(0_u64, |seq, made| {
        *seq += made.seq_step;
        Some(*seq)
    })
}

fn varied(count: u64) -> Vec<Made> {
    (0..count).map(Made::varied).collect()
}

/// Three boots of two origins that take turns, in two frames.
fn merged() -> (Block, Vec<(Origin, Boot, u64)>) {
    let boots = [(ORIGIN, BOOT), (ORIGIN, Boot::from_bytes([1; 8]))];
    let boots = [boots[0], boots[1], (Origin::from_bytes([2; 16]), BOOT)];
    let mut builder = builder();
    let mut names = Vec::new();
    for (i, made) in varied(30).iter().enumerate() {
        let (origin, boot) = boots[i / 4 % 3];
        let seq = 1000 + 3 * i as u64;
        builder.go_on_as(origin, boot);
        builder.push(&made.entry(seq));
        names.push((origin, boot, seq));
        if i == 20 {
            builder.cut_frame();
        }
    }
    (builder.merge().unwrap(), names)
}

#[track_caller]
fn assert_same(stored: &StoredEvent, entry: &Entry<'_>) {
    let event = &stored.event;
    assert_eq!(event.event_type(), entry.event_type);
    assert_eq!(event.message(), entry.message);
    assert_eq!(event.member(), Some(entry.member));
    assert_eq!(event.severity(), entry.severity);
    assert_eq!(event.source(), entry.source);
    assert_eq!(event.subject(), entry.subject);
    assert_eq!(event.key(), entry.key);
    let fields = match entry.fields {
        Some(EntryFields::Values(fields)) => fields.clone(),
        Some(EntryFields::Json(json)) => serde_json::from_str(json).unwrap(),
        None => Fields::new(),
    };
    assert_eq!(event.fields(), &fields);
    assert_eq!(event.trace_id(), entry.trace_id);
    assert_eq!(event.span_id(), entry.span_id);
    assert_eq!(event.timestamp(), Some(entry.timestamp));
    assert_eq!((stored.timestamp, stored.received), (entry.timestamp, entry.received));
    assert_eq!(stored.seq, entry.seq);
    assert_eq!(stored.id, EventId::new(entry.added, stored.boot, entry.seq));
}

/// What was pushed is what the bytes say, and the header of the bytes is the
/// header of the builder.
#[track_caller]
fn assert_comes_back(block: &Block, all: &[Made]) {
    let read = Block::parse(block.bytes()).unwrap();
    assert_eq!(read.header(), block.header());
    assert_eq!(read.directory(), block.directory());
    let events = read.events(Position(100)).unwrap();
    assert_eq!(events.len(), all.len());
    for (i, ((stored, made), seq)) in events.iter().zip(all).zip(seqs(all)).enumerate() {
        assert_same(stored, &made.entry(seq));
        assert_eq!((stored.origin, stored.boot), (ORIGIN, BOOT));
        assert_eq!(stored.position, Position(100 + i as u64));
    }
}
