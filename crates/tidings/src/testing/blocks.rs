//! What can a store be filled with? Blocks of one boot, the same for the same
//! seed.

use std::fmt::Write;

use crate::block::{Block, BlockBuilder, Entry, Gathered};
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};

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
        let boot = Boot::from_bytes(seed.to_be_bytes());
        Blocks { random: seed, ..Blocks::of_boot(Origin::from_bytes(origin), boot) }
    }

    /// Blocks of this origin and boot.
    pub fn of_boot(origin: Origin, boot: Boot) -> Blocks {
        Blocks { builder: BlockBuilder::new(origin, boot), number: 0, seq: 0, random: 0 }
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
                ..Entry::bare(at, self.seq)
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

/// The block that has the events of all of these, in their order, as a log merges
/// them; `None` if one block may not hold them, or one of them is damaged.
pub fn merged(blocks: &[Block]) -> Option<Block> {
    let mut gathered = Gathered::default();
    if !blocks.iter().all(|block| gathered.push(block) == Ok(true)) {
        return None;
    }
    gathered.merged()
}

/// The bytes of a block of this version, this header and this body, with checksums that fit,
/// whatever they are: what only a hostile writer makes. The body is what follows
/// the header; neither has the prefix that every block begins with.
pub fn sealed_over(version: u8, header: &[u8], body: &[u8]) -> Vec<u8> {
    Block::sealed_over(version, header, body)
}

/// Header and body of a block: what [`sealed_over`] puts together again.
pub fn taken_apart(block: &Block) -> (&[u8], &[u8]) {
    block.taken_apart()
}

/// The next number of a sequence that a seed repeats (SplitMix64).
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{FORMAT_VERSION, GROUPED_FORMAT_VERSION};

    #[test]
    fn a_block_that_was_taken_apart_is_the_same_when_it_is_sealed_again() {
        let block = Blocks::new(7).with_text(700, 300);

        let (header, body) = taken_apart(&block);

        assert_eq!(sealed_over(GROUPED_FORMAT_VERSION, header, body), block.bytes());
    }

    #[test]
    fn wrong_bytes_get_checksums_that_fit() {
        let block = Blocks::new(7).of(3);
        let (header, body) = taken_apart(&block);
        let mut changed = body.to_vec();
        // The last letter of the last message.
        let last = changed.iter().rposition(u8::is_ascii_hexdigit).unwrap();
        changed[last] = b'!';

        let block = Block::parse(sealed_over(FORMAT_VERSION, header, &changed)).unwrap();

        assert!(block.events(crate::Position(0)).unwrap()[2].event.message().ends_with('!'));
    }
}
