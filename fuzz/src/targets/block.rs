//! What is a block, if a peer or a bad disk wrote it?

use std::cmp::Ordering;

use tidings::block::{Block, BlockBuilder, Entry, Header, LATEST_FORMAT_VERSION};
use tidings::testing::blocks::sealed_over;
use tidings::{Position, StoredEvent};

const BASE: Position = Position(7);
const VERSIONS: [u8; LATEST_FORMAT_VERSION as usize] = [1, 2, 3, 4];

/// Two bytes: the length of the header, little end first; the header; the body.
/// As they are, and with checksums that fit, in every version.
pub(crate) fn block(data: &[u8]) -> bool {
    assert!(Block::parse(data).is_err(), "checksums were guessed");
    let Some((header, body)) = cut(data) else { return false };
    let read = VERSIONS.map(|version| reads(version, header, body));
    read.contains(&true)
}

fn reads(version: u8, header: &[u8], body: &[u8]) -> bool {
    let Ok(block) = Block::parse(sealed_over(version, header, body)) else { return false };
    let Ok(events) = block.events(BASE) else { return false };
    assert_eq!(events.len(), block.header().count as usize);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.position, BASE.plus(index as u64));
    }
    assert_reads_the_same_again(&block, &events);
    true
}

/// The header alone, as a store reads it at its start.
pub(crate) fn header(data: &[u8]) -> bool {
    VERSIONS.map(|version| reads_header(version, data)).contains(&true)
}

fn reads_header(version: u8, data: &[u8]) -> bool {
    let bytes = sealed_over(version, data, &[]);
    let Ok((header, head_bytes)) = Header::parse(&bytes) else { return false };
    assert_eq!(head_bytes, bytes.len());
    assert_eq!(header.count, counted(header.types.iter().map(|name| name.count)));
    assert_eq!(header.count, counted(header.members.iter().map(|name| name.count)));
    if let Some(minutes) = &header.minutes {
        assert_eq!(header.count, counted(minutes.iter().map(|cell| cell.count)));
    }
    let again = Header::parse(&sealed_over(version, data, b"body"));
    assert_eq!(again, Ok((header, head_bytes)), "a header does not depend on the body");
    true
}

fn counted(counts: impl Iterator<Item = u32>) -> u32 {
    counts.sum()
}

fn cut(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first_chunk::<2>()?;
    Some(rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len())))
}

/// What we write of events that we read is read as the same events, wherever our
/// builder writes such a block: one boot, numbers that grow.
fn assert_reads_the_same_again(block: &Block, events: &[StoredEvent]) {
    let header = block.header();
    let Some(number) = header.number else { return };
    let grows = events.is_sorted_by(|one, next| one.seq.cmp(&next.seq) == Ordering::Less);
    if header.runs.len() > 1 || !grows {
        return;
    }
    let mut builder = BlockBuilder::new(header.runs[0].origin, header.runs[0].boot);
    for event in events {
        builder.push(&entry_of(event));
    }
    let again = builder.seal(number, header.last_of_boot).expect("a block has an event");
    assert_eq!(again.events(BASE).as_deref(), Ok(events));
    assert_eq!(Block::parse(again.bytes()).as_ref(), Ok(&again));
}

fn entry_of(stored: &StoredEvent) -> Entry<'_> {
    let event = &stored.event;
    Entry {
        event_type: event.event_type(),
        message: event.message(),
        member: stored.member(),
        severity: event.severity(),
        timestamp: stored.timestamp,
        // The end of the span that the id stands for: its start is rounded down.
        added: stored.id.added().1.before(std::time::Duration::from_nanos(1)),
        received: stored.received,
        seq: stored.seq,
        source: event.source(),
        subject: event.subject(),
        key: event.key(),
        fields: Some(tidings::block::EntryFields::Values(event.fields())),
        trace_id: event.trace_id(),
        span_id: event.span_id(),
    }
}
