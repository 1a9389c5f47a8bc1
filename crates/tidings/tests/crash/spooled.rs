//! What if a process is killed whose store is away, and that spools? Everything it
//! said was stored or spooled reaches the store, once and in order.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidings::block::Block;
use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::store::{BlockStore, Outcome, Placed, Reach, Sink, StoreError};
use tidings::testing::blocks::splitmix;
use tidings::{Event, Fate, PauseReason, Position, Queue, Receipt, WhenPaused};

use crate::children::Running;

const ROUNDS: u64 = if cfg!(feature = "soak") { 2000 } else { 60 };
const SEED: u64 = 1;
/// Events that are recorded before their receipts are waited for.
const BURST: u64 = 4;
/// No child takes longer to say the next line.
const LINE_MAX: Duration = Duration::from_secs(30);
/// Ends every wait of a test that has gone wrong.
const LONG: Duration = Duration::from_mins(1);

/// A store that is away for some puts and there for the next ones.
struct Flapping {
    store: SqliteStore,
    puts: AtomicU64,
}

impl Flapping {
    fn in_dir(dir: &Path) -> Flapping {
        let options = SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() };
        let store = SqliteStore::open(&dir.join("store"), options).unwrap();
        Flapping { store, puts: AtomicU64::new(0) }
    }
}

impl Sink for Flapping {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        let outcome = match self.puts.fetch_add(1, Ordering::SeqCst) % 7 {
            2 => Outcome::NotStored,
            4 => {
                self.store.put(block)?;
                Outcome::Unknown
            }
            _ => return self.store.put(block),
        };
        let (store, cause) = (self.describe(), "it flaps".to_owned());
        Err(StoreError::Io { doing: "write a block", store, cause, outcome })
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.store.probe()
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }

    fn describe(&self) -> String {
        "flapping".to_owned()
    }
}

fn queue(dir: &Path, sink: impl Sink + 'static) -> Queue {
    let spool = WhenPaused::Spool(dir.join("spool"));
    let queue = Queue::builder().when_paused(spool).build("web1", sink).unwrap();
    queue.start().unwrap();
    queue
}

/// The child: records in bursts until it is killed, pausing and going on, and says
/// what it was told is stored or spooled.
pub(crate) fn record(dir: &Path, round: u64) {
    let queue = queue(dir, Flapping::in_dir(dir));
    let (client, mut output) = (queue.client(), std::io::stdout().lock());
    for burst in 0.. {
        if burst % 5 == 1 {
            queue.suspend(PauseReason::StoreDown);
        } else if burst % 5 == 3 {
            queue.resume(PauseReason::StoreDown);
        }
        let texts = (0..BURST).map(|i| format!("{round}/{}", burst * BURST + i));
        let receipts: Vec<(String, Receipt)> = texts
            .map(|text| (text.clone(), client.record_tracked(Event::new("a", text))))
            .collect();
        for (text, receipt) in receipts {
            match receipt.wait(LONG) {
                Some(Fate::Stored { .. } | Fate::Spooled) => writeln!(output, "{text}").unwrap(),
                fate => panic!("{text}: {fate:?}"),
            }
        }
        output.flush().unwrap();
    }
}

pub(crate) fn what_was_spooled_before_a_kill_is_stored_once_and_in_order() {
    println!("seed {SEED}");
    let dir = tempfile::tempdir().unwrap();
    let (mut random, mut said) = (SEED, Vec::new());
    for round in 1..=ROUNDS {
        said.extend(life(dir.path(), round, &mut random));
    }
    let sink = Arc::new(Flapping::in_dir(dir.path()));
    let last = queue(dir.path(), Arc::clone(&sink));
    // A store that flaps makes a close give up; each one leaves less behind.
    let mut left = last.backlog().unwrap().blocks;
    let _ = last.close(LONG);
    while left > 0 {
        let next = queue(dir.path(), Arc::clone(&sink));
        left = next.backlog().unwrap().blocks;
        let _ = next.close(LONG);
    }
    assert_all_once_in_order(&sink.store, &said);
    assert!(said.len() > 300, "{} events prove little", said.len());
}

/// One child from its start to its violent end, at a random moment.
fn life(dir: &Path, round: u64, random: &mut u64) -> Vec<String> {
    let child = Running::start(&["spool", dir.to_str().unwrap(), &round.to_string()]);
    let mut said = Vec::new();
    for _ in 0..splitmix(random) % 30 {
        said.push(child.lines().recv_timeout(LINE_MAX).unwrap());
    }
    let moment = Duration::from_micros(splitmix(random) % 20_000);
    said.extend(child.lines().recv_timeout(moment));
    said.extend(child.kill());
    said
}

fn assert_all_once_in_order(store: &SqliteStore, said: &[String]) {
    let heads = store.heads(Position(0), usize::MAX).unwrap();
    let (mut found, mut last) = (HashSet::new(), BTreeMap::new());
    for head in heads {
        for stored in store.read(head.base).unwrap().unwrap().events(head.base).unwrap() {
            let before = last.insert(stored.boot.to_bytes(), stored.seq).unwrap_or(0);
            assert!(before < stored.seq, "{} of {} after {before}", stored.seq, stored.boot);
            let own = stored.event.is_reserved();
            assert!(own || found.insert(stored.event.message().to_owned()), "{stored:?} twice");
        }
    }
    let missing: Vec<&String> = said.iter().filter(|text| !found.contains(*text)).collect();
    assert!(missing.is_empty(), "{missing:?} of {} are missing", said.len());
}
