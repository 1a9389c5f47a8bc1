//! What can a store be filled with? Blocks of one boot, the same for the same
//! seed.

use std::fmt::Write;

use crate::block::{Block, BlockBuilder, Entry};
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
use crate::severity::Severity;

/// The first event's time: 2026-11-22T10:00:00Z. Each event is a second later.
pub const START: Timestamp = Timestamp::from_nanos(1_795_341_600_000_000_000);
const SECOND_NANOS: i64 = 1_000_000_000;

/// Makes blocks of one boot, numbered from 1 without holes.
#[derive(Debug)]
pub struct Blocks {
    builder: BlockBuilder,
    number: u64,
    seq: u64,
    random: u64,
}

impl Blocks {
    /// Blocks of the origin and boot that this seed stands for.
    pub fn new(seed: u64) -> Blocks {
        let mut origin = [0x6f; 16];
        origin[..8].copy_from_slice(&seed.to_be_bytes());
        let (origin, boot) = (Origin::from_bytes(origin), Boot::from_bytes(seed.to_be_bytes()));
        Blocks { builder: BlockBuilder::new(origin, boot), number: 0, seq: 0, random: seed }
    }

    /// The next block, with this many small events, at least 1.
    pub fn of(&mut self, events: u64) -> Block {
        self.with_text(events, 16)
    }

    /// The next block, with this many events, at least 1, whose messages have
    /// about this many bytes that do not compress well.
    pub fn with_text(&mut self, events: u64, message_bytes: usize) -> Block {
        self.number += 1;
        for _ in 0..events.max(1) {
            self.seq += 1;
            let nanos = i64::try_from(self.seq).unwrap_or(i64::MAX).saturating_mul(SECOND_NANOS);
            let at = Timestamp::from_nanos(START.as_nanos().saturating_add(nanos));
            let message = self.noise(message_bytes);
            self.builder.push(&Entry {
                event_type: if self.seq.is_multiple_of(2) { "deploy" } else { "disk.high" },
                message: &message,
                member: "db1",
                severity: Severity::INFO,
                timestamp: at,
                added: at,
                received: at,
                seq: self.seq,
                source: None,
                subject: None,
                key: None,
                fields: None,
                trace_id: None,
                span_id: None,
            });
        }
        let sealed = self.builder.seal(self.number, false);
        sealed.expect("events were pushed")
    }

    /// How many blocks were made; also the number of the last one.
    pub fn made(&self) -> u64 {
        self.number
    }

    fn noise(&mut self, bytes: usize) -> String {
        let mut text = format!("{:x} ", self.seq);
        while text.len() < bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{:016x}", splitmix(&mut self.random));
        }
        text.truncate(bytes.max(1));
        text
    }
}

/// The next number of a sequence that a seed repeats (SplitMix64).
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
