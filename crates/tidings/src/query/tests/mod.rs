//! Do questions get the answers that a plain list of all events would give?

mod asked;
mod beyond;
mod crowd;
mod cuts;
mod damage;
mod follow;
mod groups;
mod hops;
mod model;
mod moving;
mod naive;
mod odd;
mod pages;
mod reading;
mod rolled;
mod sifted;
mod tallies;
mod words;
mod work;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::block::{Block, BlockBuilder, Entry};
use crate::clock::Clock;
use crate::event::{Event, SharedEvent};
use crate::id::{Boot, Position};
use crate::log::{Ack, LogOptions, Taken};
use crate::severity::Severity;
use crate::store::memory::MemoryStore;
use crate::store::{BlockStore, Sink};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn start() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn options() -> LogOptions {
    LogOptions { background: false, clock: Clock::by_hand(start()), ..LogOptions::default() }
}

fn log_with(options: &LogOptions) -> Log {
    Log::over(Arc::new(MemoryStore::new().unwrap()), options.clone()).unwrap()
}

fn empty_log() -> Log {
    log_with(&options())
}

#[track_caller]
fn append(log: &Log, events: Vec<Event>) -> Vec<EventId> {
    let id = |taken| match taken {
        Taken::Accepted { id, .. } => id,
        other => panic!("not accepted: {other:?}"),
    };
    log.append(events, Ack::Disk, false).unwrap().into_iter().map(id).collect()
}

/// Asks alone and as one of many: the answer is the same, unless a bound ends it.
#[track_caller]
fn ask(log: &Log, query: &Query) -> Page {
    let (page, shared) = (log.query(query).unwrap(), log.query_shared(query).unwrap());
    if query.work.events_max.is_none() {
        let same = shared.events.iter().zip(&page.events).all(|(a, b)| ***a == *b);
        assert!(same && shared.events.len() == page.events.len());
        assert_eq!((shared.matched, shared.total), (page.matched, page.total));
        assert_eq!((shared.next, shared.prev), (page.next, page.prev));
    }
    page
}

/// A block of another origin with the given events, received and added when told.
fn block_of(boot: u8, number: u64, first_seq: u64, events: &[(Event, Timestamp)]) -> Block {
    let mut builder =
        BlockBuilder::new(Origin::from_bytes([boot; 16]), Boot::from_bytes([boot; 8]));
    for (i, (event, received)) in events.iter().enumerate() {
        builder.push(&Entry {
            event_type: event.event_type(),
            message: event.message(),
            member: event.member().unwrap_or("queue"),
            severity: event.severity(),
            timestamp: event.timestamp().unwrap_or(*received),
            added: *received,
            received: *received,
            seq: first_seq + i as u64,
            source: event.source(),
            subject: event.subject(),
            key: event.key(),
            fields: Some(crate::block::EntryFields::Values(event.fields())),
            trace_id: event.trace_id(),
            span_id: event.span_id(),
        });
    }
    builder.seal(number, false).unwrap()
}

fn messages(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(|stored| stored.event.message()).collect()
}
