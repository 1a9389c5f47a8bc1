use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::id::{Boot, EventId, Origin};
use crate::severity::Severity;

/// An entry that owns its texts.
#[derive(Clone, Debug)]
struct Made {
    event_type: String,
    message: String,
    member: String,
    severity: u8,
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
            times: [1_763_808_357_077_124_279; 3],
            seq_step: 1,
            source: None,
            subject: None,
            key: None,
            fields: None,
            trace_id: None,
            span_id: None,
        }
    }

    fn entry(&self, seq: u64) -> Entry<'_> {
        let [timestamp, added, received] = self.times.map(Timestamp::from_nanos);
        Entry {
            event_type: &self.event_type,
            message: &self.message,
            member: &self.member,
            severity: Severity::from_number(self.severity.into()).unwrap(),
            timestamp,
            added,
            received,
            seq,
            source: self.source.as_deref(),
            subject: self.subject.as_deref(),
            key: self.key.as_deref(),
            fields: self.fields.as_ref(),
            trace_id: self.trace_id,
            span_id: self.span_id,
        }
    }
}

fn builder() -> BlockBuilder {
    BlockBuilder::new(Origin::from_bytes([7; 16]), Boot::from_bytes([9; 8]))
}

fn block_of(made: &[Made]) -> Block {
    let mut builder = builder();
    let mut seq = 0;
    for made in made {
        seq += made.seq_step;
        builder.push(&made.entry(seq));
    }
    builder.seal(1, false).unwrap()
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
    assert_eq!(event.fields(), entry.fields.unwrap_or(&Fields::new()));
    assert_eq!(event.trace_id(), entry.trace_id);
    assert_eq!(event.span_id(), entry.span_id);
    assert_eq!((stored.timestamp, stored.received), (entry.timestamp, entry.received));
    assert_eq!(stored.seq, entry.seq);
    assert_eq!(stored.id, EventId::new(entry.added, stored.boot, entry.seq));
}

#[test]
fn one_event_comes_back_and_stays_small() {
    let made = Made::simple(&"disk /var/lib/etcd is 91% full, 12 GB left ".repeat(3)[..110]);

    let block = block_of(std::slice::from_ref(&made));

    assert!(block.bytes().len() < 260, "{} bytes", block.bytes().len());
    let read = Block::parse(block.bytes()).unwrap();
    assert_eq!(read.header(), block.header());
    let events = read.events(Position(5)).unwrap();
    assert_same(&events[0], &made.entry(1));
    assert_eq!(events[0].position, Position(5));
}

#[test]
fn a_thousand_events_come_back() {
    let made: Vec<Made> = (0..1000)
        .map(|i| Made { times: [i * 1000; 3], ..Made::simple(&format!("number {i}")) })
        .collect();

    let block = block_of(&made);

    let events = Block::parse(block.bytes()).unwrap().events(Position(0)).unwrap();
    for (i, (stored, made)) in events.iter().zip(&made).enumerate() {
        assert_same(stored, &made.entry(i as u64 + 1));
    }
    assert_eq!(events.len(), 1000);
    assert_eq!(block.frames(), 2);
}
