//! Does the log keep what it promises, whatever its store does?

mod append;
mod apply;
mod close;
mod faults;
mod keys;
mod peers;
mod retain;
mod scripted;
mod sharing;
mod suspend;
mod waiting;
mod words;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::block::{Block, BlockBuilder, Entry};
use crate::clock::Timestamp;
use crate::id::{EventId, Position};
use crate::query::{Found, Query};
use crate::severity::Severity;
use crate::store::memory::MemoryStore;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

pub(super) fn start() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// Options for a log that only a test moves.
pub(super) fn by_hand() -> LogOptions {
    LogOptions { background: false, clock: Clock::by_hand(start()), ..LogOptions::default() }
}

pub(super) fn log_over(store: &Arc<impl BlockStore + 'static>, options: &LogOptions) -> Log {
    Log::over(Arc::clone(store) as Arc<dyn BlockStore>, options.clone()).unwrap()
}

fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new().unwrap())
}

#[track_caller]
fn append(log: &Log, event: Event) -> Taken {
    log.append(vec![event], Ack::Disk, false).unwrap().remove(0)
}

#[track_caller]
fn id_of(taken: &Taken) -> EventId {
    match taken {
        Taken::Accepted { id, .. } => *id,
        other => panic!("not accepted: {other:?}"),
    }
}

#[track_caller]
fn messages(log: &Log) -> Vec<String> {
    let query = Query { order: crate::Order::Ascending, limit: 10_000, ..Query::default() };
    let page = log.query(&query).unwrap();
    page.events.into_iter().map(|stored| stored.event.message).collect()
}

#[track_caller]
fn assert_balanced(log: &Log) {
    let tally = log.tally();
    assert!(tally.is_balanced(), "{tally}");
}

/// Options for a log that other machines share.
fn shared() -> LogOptions {
    LogOptions { shared: true, ..by_hand() }
}

/// What waits to be published, in order.
fn waiting(log: &Log) -> Vec<Block> {
    let waiting = log.core().waiting(Position(0), u64::MAX).unwrap();
    waiting.into_iter().map(|waiting| waiting.block.unwrap()).collect()
}

/// Publishes all that waits in a log; what that would put where others see it.
fn published(log: &Log) -> Vec<Block> {
    let waiting = log.core().waiting(Position(0), u64::MAX).unwrap();
    let bases: Vec<Position> = waiting.iter().map(|waiting| waiting.base).collect();
    log.core().shared_out(&bases, &[], &[]).unwrap();
    waiting.into_iter().map(|waiting| waiting.block.unwrap()).collect()
}

/// A block as a queue in this process would put it.
fn foreign_block(boot: Boot, number: u64, received: Timestamp, messages: &[&str]) -> Block {
    let mut builder = BlockBuilder::new(Origin::from_bytes([9; 16]), boot);
    for (i, message) in messages.iter().enumerate() {
        builder.push(&Entry {
            event_type: "queued",
            message,
            member: "host",
            ..Entry::bare(received, number * 100 + i as u64)
        });
    }
    builder.seal(number, false).unwrap()
}
