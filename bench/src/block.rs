//! What does a block cost, in processor time and in bytes? Beside the same events
//! as NDJSON text, plain and through zstd-1.

use tidings::block::{Block, BlockBuilder, Entry, EntryFields};
use tidings::{Boot, Event, Origin, Position, Timestamp};

use crate::events::{Events, ndjson};
use crate::measure::{cpu_seconds, median, short, table};

/// Events of one round, in blocks of different sizes.
const EVENTS: usize = 65_536;
const BLOCK_EVENTS: [usize; 4] = [1, 100, 1000, 4096];

pub(crate) fn report() -> String {
    let events: Vec<Event> = Events::new().take(EVENTS).collect();
    let mut rows = Vec::new();
    for size in BLOCK_EVENTS {
        rows.push(of_blocks(&events, size));
        rows.push(of_text(&events, size));
    }
    let head = [
        "events, so many together",
        "bytes/event",
        "encode, events/CPU-s",
        "encode, CPU-µs/event",
        "decode whole, events/CPU-s",
        "decode numbers, events/CPU-s",
    ];
    let raw = ndjson(&events).len() as f64 / EVENTS as f64;
    format!(
        "{EVENTS} events of {raw:.0} bytes as NDJSON, one thread, processor time.\n\n{}",
        table(&head, &rows)
    )
}

fn of_blocks(events: &[Event], size: usize) -> Vec<String> {
    let blocks = encode(events, size);
    let bytes: usize = blocks.iter().map(|block| block.bytes().len()).sum();
    let encoding = median(|| cpu_seconds(|| drop(encode(events, size))));
    let whole = median(|| {
        cpu_seconds(|| {
            for block in &blocks {
                let read = parsed(block).events(Position(0));
                assert!(read.is_ok_and(|read| !read.is_empty()));
            }
        })
    });
    let numbers = median(|| {
        cpu_seconds(|| {
            for block in &blocks {
                let block = parsed(block);
                let frames = (0..block.frames()).map(|frame| block.frame(frame));
                assert!(
                    frames.map(|frame| frame.map_or(0, |frame| frame.len())).sum::<usize>() > 0
                );
            }
        })
    });
    row(&format!("{size}: block"), bytes, encoding, whole, Some(numbers))
}

fn row(what: &str, bytes: usize, encoding: f64, whole: f64, numbers: Option<f64>) -> Vec<String> {
    let events = EVENTS as f64;
    vec![
        what.to_owned(),
        short(bytes as f64 / events),
        short(events / encoding),
        short(encoding / events * 1e6),
        short(events / whole),
        numbers.map_or_else(|| "–".to_owned(), |seconds| short(events / seconds)),
    ]
}

fn parsed(block: &Block) -> Block {
    Block::parse(block.bytes()).expect("a block that was just made")
}

pub(crate) fn encode(events: &[Event], size: usize) -> Vec<Block> {
    let mut builder = BlockBuilder::new(Origin::from_bytes([1; 16]), Boot::from_bytes([2; 8]));
    let mut blocks = Vec::with_capacity(events.len() / size + 1);
    let mut seq = 0;
    for chunk in events.chunks(size) {
        for event in chunk {
            seq += 1;
            builder.push(&entry(event, seq));
        }
        blocks.extend(builder.seal(blocks.len() as u64 + 1, false));
    }
    blocks
}

/// As a queue seals them: added when they happened, received a little later.
pub(crate) fn entry(event: &Event, seq: u64) -> Entry<'_> {
    let timestamp = event.timestamp().unwrap_or_default();
    Entry {
        event_type: event.event_type(),
        message: event.message(),
        member: event.member().unwrap_or_default(),
        severity: event.severity(),
        timestamp,
        added: timestamp,
        received: Timestamp::from_nanos(timestamp.as_nanos() / 1_000_000_000 * 1_000_000_000),
        seq,
        source: event.source(),
        subject: event.subject(),
        key: event.key(),
        fields: Some(EntryFields::Values(event.fields())),
        trace_id: event.trace_id(),
        span_id: event.span_id(),
    }
}

/// The same as text: made, compressed by zstd-1, decompressed, parsed.
fn of_text(events: &[Event], size: usize) -> Vec<String> {
    let compress = || -> Vec<Vec<u8>> {
        let mut zstd = zstd::bulk::Compressor::new(1).expect("memory for zstd");
        let chunks = events.chunks(size).map(ndjson);
        chunks.map(|text| zstd.compress(&text).expect("text compresses")).collect()
    };
    let texts = compress();
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let encoding = median(|| cpu_seconds(|| drop(compress())));
    let whole = median(|| {
        cpu_seconds(|| {
            let mut zstd = zstd::bulk::Decompressor::new().expect("memory for zstd");
            for text in &texts {
                let text = zstd.decompress(text, size * 4096).expect("what was compressed");
                let lines = serde_json::Deserializer::from_slice(&text).into_iter::<Event>();
                assert!(lines.flatten().count() > 0);
            }
        })
    });
    row(&format!("{size}: NDJSON, zstd-1"), bytes, encoding, whole, None)
}
