//! G4 for the store: what was acknowledged is there after the process was killed,
//! whole and once, also when it was killed while recovering.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tidings::Position;
use tidings::block::Block;
use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::store::{Batch, BlockStore};
use tidings::testing::Blocks;
use tidings::testing::blocks::splitmix;

use crate::children::Running;

/// Processes that are killed.
const ROUNDS: u64 = if cfg!(feature = "soak") { 2000 } else { 100 };
/// What decides when each one is killed; printed on failure, set it to replay.
const SEED: u64 = 1;
/// Every so many rounds the parent recovers and looks; in between the next child
/// recovers, and may be killed at it.
const LOOK_EVERY: u64 = 4;
/// No child lives longer.
const LIFE_MAX: Duration = Duration::from_secs(30);

fn options() -> SqliteOptions {
    SqliteOptions { ballast_bytes: 64 * 1024, ..SqliteOptions::default() }
}

fn sized(number: u64) -> u64 {
    1 + number * 7 % 23
}

/// The child: appends batches of this round's boot until it is killed, saying
/// `number base` only after the store has said that the block is durable.
pub(crate) fn append(dir: &Path, round: u64) {
    let store = SqliteStore::open(dir, options()).unwrap();
    let mut blocks = Blocks::new(round);
    let mut output = std::io::stdout().lock();
    loop {
        let batch: Vec<Block> = (0..=blocks.made() % 3)
            .map(|_| {
                let next = blocks.made() + 1;
                blocks.with_text(sized(next), 200)
            })
            .collect();
        let placed = store.append(&Batch { blocks: &batch, keys: &[], outbox: true });
        let mut base = placed.unwrap();
        for block in &batch {
            writeln!(output, "{} {}", block.header().number.unwrap(), base.0).unwrap();
            base = base.plus(u64::from(block.header().count));
        }
        output.flush().unwrap();
    }
}

/// A block that a child said was durable.
struct Acknowledged {
    round: u64,
    number: u64,
    base: Position,
}

pub(crate) fn what_was_acknowledged_survives_kill_9() {
    println!("seed {SEED}");
    let dir = tempfile::tempdir().unwrap();
    let (mut state, mut acknowledged) = (SEED, Vec::new());
    for round in 1..=ROUNDS {
        for line in life(dir.path(), round, &mut state) {
            let (number, base) = line.split_once(' ').unwrap();
            let (number, base) = (number.parse().unwrap(), Position(base.parse().unwrap()));
            acknowledged.push(Acknowledged { round, number, base });
        }
        if round % LOOK_EVERY == 0 {
            look(dir.path(), round, &acknowledged);
        }
    }
    assert!(acknowledged.len() > 500, "{} blocks prove little", acknowledged.len());
}

/// One child from its start to its violent end, at a random moment: some die while
/// they open the store, some after some blocks.
fn life(dir: &Path, round: u64, state: &mut u64) -> Vec<String> {
    let child = Running::start(&["append", dir.to_str().unwrap(), &round.to_string()]);
    let mut said = Vec::new();
    let lines = if splitmix(state).is_multiple_of(3) { 0 } else { splitmix(state) % 40 };
    for _ in 0..lines {
        said.push(child.lines().recv_timeout(LIFE_MAX).unwrap());
    }
    let moment = Duration::from_micros(splitmix(state) % 20_000);
    said.extend(child.lines().recv_timeout(moment));
    said.extend(child.kill());
    said
}

/// Everything acknowledged must be there, and nothing twice.
fn look(dir: &Path, round: u64, acknowledged: &[Acknowledged]) {
    let store = SqliteStore::open(dir, options()).unwrap();
    assert_eq!(store.gaps().unwrap(), [], "seed {SEED}, round {round}");
    let mut made = (0, Blocks::new(0));
    for said in acknowledged {
        if made.0 != said.round {
            made = (said.round, Blocks::new(said.round));
        }
        let mut block = None;
        while made.1.made() < said.number {
            let next = made.1.made() + 1;
            block = Some(made.1.with_text(sized(next), 200));
        }
        let found = store.read(said.base).unwrap();
        let found = found.as_ref().map(Block::bytes);
        let name = format!("seed {SEED}, round {}, block {}", said.round, said.number);
        assert!(found == block.as_ref().map(Block::bytes), "{name} is not at {}", said.base);
    }
    assert_names_once(&store, round);
}

fn assert_names_once(store: &SqliteStore, round: u64) {
    let (mut names, mut from) = (HashSet::new(), Position(0));
    loop {
        let heads = store.heads(from, 500).unwrap();
        let Some(last) = heads.last() else { break };
        from = last.base.plus(last.count);
        for head in heads {
            let header = head.header.unwrap();
            let name = (header.runs[0].boot, header.number);
            assert!(names.insert(name), "seed {SEED}, round {round}: {name:?} is there twice");
        }
    }
    assert_eq!(from, store.ends().unwrap().next);
}
