//! G8: pause and resume over a store that flaps and gives ambiguous answers:
//! nothing silent, nothing twice. A failure prints its seed; replay it with
//! `SEED_FIRST` set to that seed and `SEEDS` to 1.

use std::collections::HashSet;

use super::*;
use crate::pause::PauseReason;
use crate::queue::{Fate, RETRY_MAX, Receipt, WhenPaused};
use crate::testing::Answer;

const SEED_FIRST: u64 = 1;
const SEEDS: usize = if cfg!(feature = "soak") { 50_000 } else { 400 };
const ACTIONS: u32 = 120;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x >> 33) as usize % bound
    }
}

struct Run {
    random: Random,
    sink: ScriptedSink,
    clock: Clock,
    queue: SteppedQueue,
    receipts: Vec<Receipt>,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut random = Random(seed);
        let clock = clock();
        let sink = if random.below(2) == 0 { ScriptedSink::new() } else { ScriptedSink::remote() };
        let paused = if random.below(2) == 0 { WhenPaused::Discard } else { WhenPaused::Hold };
        let builder = Queue::builder()
            .buffer_events_max(1 + random.below(6))
            .workers(1 + random.below(3))
            .when_paused(paused)
            .max_event_age(Duration::from_secs([1, 5, 20, 60][random.below(4)]))
            .clock(clock.clone());
        let queue = stepped(builder, &sink);
        Run { random, sink, clock, queue, receipts: Vec::new() }
    }

    fn act(&mut self) {
        let reason = PauseReason::ALL[self.random.below(3)];
        match self.random.below(12) {
            0..=3 => {
                let event = Event::new("a", format!("{}", self.receipts.len()));
                self.receipts.push(self.queue.client().record_tracked(event));
            }
            4 | 5 => _ = self.queue.seal(),
            6 | 7 => _ = self.queue.put(),
            8 => self.queue.suspend(reason),
            9 => self.queue.resume(reason),
            10 => self.clock.advance(RETRY_MAX / [1, 2, 5, 9][self.random.below(4)]),
            _ => {
                let answer = self.answer();
                self.sink.script([answer]);
            }
        }
    }

    fn answer(&mut self) -> Answer {
        [
            Answer::NotStored,
            Answer::UnknownButStored,
            Answer::UnknownNotStored,
            Answer::DiskFull,
            Answer::Rejected,
        ][self.random.below(5)]
    }

    #[track_caller]
    fn check_end(&self, seed: u64) {
        let tally = self.queue.close().tally;
        assert!(tally.is_balanced() && tally.pending == 0, "seed {seed}: {tally}");
        let stored = self.sink.events();
        let names: HashSet<_> = stored.iter().map(|e| (e.origin, e.boot, e.seq)).collect();
        assert_eq!(names.len(), stored.len(), "seed {seed}: stored twice");
        let there: HashSet<_> = stored.iter().map(|e| e.event.message().to_owned()).collect();
        for (i, receipt) in self.receipts.iter().enumerate() {
            let is_there = there.contains(&i.to_string());
            match receipt.fate() {
                Some(Fate::Stored { .. }) => assert!(is_there, "seed {seed}: {i} is not there"),
                Some(Fate::Refused(_) | Fate::Lost(_)) => {
                    assert!(!is_there, "seed {seed}: {i} is there");
                }
                Some(Fate::Spooled | Fate::Unknown) => {}
                None => panic!("seed {seed}: nobody said what became of {i}"),
            }
        }
        let offered = self.receipts.len() as u64 + tally.own;
        assert_eq!(tally.offered, offered, "seed {seed}");
    }
}

#[test]
fn over_a_flapping_store_nothing_is_silent_and_nothing_comes_twice() {
    for seed in (SEED_FIRST..).take(SEEDS) {
        let mut run = Run::new(seed);
        for _ in 0..ACTIONS {
            run.act();
            let audit = run.queue.audit();
            assert!(audit.is_exact(), "seed {seed}: {audit:?}");
        }
        run.check_end(seed);
    }
}
