//! G8 with a spool: a sink that flaps, a spool that fails, and a process that is
//! killed at any step: nothing silent, nothing twice, nothing spooled lost, and
//! each boot in its order. A failure prints its seed; replay it with `SEED_FIRST`
//! set to that seed and `SEEDS` to 1.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::pause::PauseReason;
use crate::queue::{Fate, RETRY_MAX, Receipt};
use crate::store::BlockStore;
use crate::store::memory::MemoryStore;
use crate::testing::blocks::splitmix;
use crate::testing::{Answer, Fault, FaultyStore};

const SEED_FIRST: u64 = 1;
const SEEDS: usize = if cfg!(feature = "soak") { 50_000 } else { 400 };
const ACTIONS: u32 = 150;

struct Run {
    random: u64,
    ordered: bool,
    sink: ScriptedSink,
    spool: Arc<FaultyStore<MemoryStore>>,
    clock: Clock,
    queue: SteppedQueue,
    receipts: Vec<Receipt>,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut random = seed;
        let ordered = splitmix(&mut random).is_multiple_of(2);
        let sink = if ordered { ScriptedSink::new() } else { ScriptedSink::remote() };
        let spool = Arc::new(FaultyStore::new(MemoryStore::new().unwrap()));
        let clock = clock();
        let queue = started(&sink, &spool, &clock);
        Run { random, ordered, sink, spool, clock, queue, receipts: Vec::new() }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(splitmix(&mut self.random) >> 33).unwrap() % bound
    }

    fn act(&mut self) {
        let reason = PauseReason::ALL[self.below(3)];
        match self.below(40) {
            0..=11 => {
                let event = Event::new("a", format!("{}", self.receipts.len()));
                self.receipts.push(self.queue.client().record_tracked(event));
            }
            12..=18 => _ = self.queue.seal(),
            19..=25 => _ = self.queue.put(),
            26 | 27 => self.queue.suspend(reason),
            28..=30 => self.queue.resume(reason),
            31..=33 => {
                let part = [1, 2, 5, 90][self.below(4)];
                self.clock.advance(RETRY_MAX / part);
            }
            34 | 35 => {
                let bad = [Answer::NotStored, Answer::UnknownButStored, Answer::UnknownNotStored];
                let answer = bad[self.below(3)];
                self.sink.script([answer]);
            }
            36 => self.fail_the_spool(),
            37 => self.spool.release(),
            _ => self.die(),
        }
    }

    fn fail_the_spool(&mut self) {
        let faults =
            [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone, Fault::DiskFull];
        let fault = faults[self.below(4)];
        self.spool.fail_at(1, fault);
    }

    /// Rarely, and without a word: what was in memory is gone.
    fn die(&mut self) {
        if self.below(4) > 0 {
            return;
        }
        self.restart();
    }

    fn restart(&mut self) {
        self.spool.release();
        let next = started(&self.sink, &self.spool, &self.clock);
        std::mem::forget(std::mem::replace(&mut self.queue, next));
    }

    /// The sink and the spool recover, and the last queue empties the spool.
    fn recover(&mut self) {
        self.spool.release();
        for reason in PauseReason::ALL {
            self.queue.resume(reason);
        }
        // Answers that the script still has, latches and rests: all end with time.
        for _ in 0..200 {
            self.clock.advance(RETRY_MAX);
            self.queue.settle();
        }
    }

    #[track_caller]
    fn check_end(&mut self, seed: u64) {
        self.recover();
        let (boot, tally) = (self.queue.boot(), self.queue.close().tally);
        assert!(tally.is_balanced() && tally.pending == tally.spooled, "seed {seed}: {tally}");
        // The last block may have met an answer that the script still had.
        assert!(tally.spooled <= 1, "seed {seed}: {tally}");
        self.restart();
        self.recover();
        assert_eq!(self.spool.inner().ends().unwrap().events, 0, "seed {seed}: still spooled");
        let stored = self.sink.events();
        let names: HashSet<_> = stored.iter().map(|e| (e.origin, e.boot, e.seq)).collect();
        assert_eq!(names.len(), stored.len(), "seed {seed}: stored twice");
        let mut last = HashMap::new();
        for event in stored.iter().filter(|_| self.ordered) {
            let before = last.insert(event.boot, event.seq).unwrap_or(0);
            assert!(before < event.seq, "seed {seed}: {} after {before}", event.seq);
        }
        let mine = stored.iter().filter(|e| e.boot == boot).count() as u64;
        assert!(mine >= tally.stored, "seed {seed}: {mine} are there, {tally}");
        self.check_receipts(seed, &stored);
    }

    #[track_caller]
    fn check_receipts(&self, seed: u64, stored: &[StoredEvent]) {
        let there: HashSet<_> = stored.iter().map(|e| e.event.message().to_owned()).collect();
        for (i, receipt) in self.receipts.iter().enumerate() {
            let is_there = there.contains(&i.to_string());
            match receipt.fate() {
                Some(Fate::Stored { .. } | Fate::Spooled) => {
                    assert!(is_there, "seed {seed}: {i} is not there");
                }
                Some(Fate::Refused(_) | Fate::Lost(_)) => {
                    assert!(!is_there, "seed {seed}: {i} is there");
                }
                // In memory when the process was killed.
                None | Some(Fate::Unknown) => {}
            }
        }
    }
}

fn started(
    sink: &ScriptedSink,
    spool: &Arc<FaultyStore<MemoryStore>>,
    clock: &Clock,
) -> SteppedQueue {
    let spool = Arc::clone(spool);
    let builder = Queue::builder().buffer_events_max(5).workers(3).clock(clock.clone());
    builder.build_stepped_over("web1", Arc::new(sink.clone()), spool).unwrap()
}

#[test]
fn over_a_flapping_store_and_a_failing_spool_nothing_is_silent_and_nothing_comes_twice() {
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
