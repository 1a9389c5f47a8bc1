//! G4 for the store: what was acknowledged is there after the process was killed,
//! whole and once, also when it was killed while recovering.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tidings::Position;
use tidings::block::Block;
use tidings::store::sqlite::{SqliteOptions, SqliteStore};
use tidings::store::{Batch, BlockStore, Note, WordRows};
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
/// The note that says what was taken.
const NOTE: &str = "taken";
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
        let placed = store.append(&Batch { blocks: &batch, keys: &[], outbox: true, notes: &[] });
        let mut base = placed.unwrap();
        for block in &batch {
            writeln!(output, "{} {}", block.header().number.unwrap(), base.0).unwrap();
            base = base.plus(u64::from(block.header().count));
        }
        output.flush().unwrap();
    }
}

/// Parts of the words that a child keeps, each of them the same as the head.
const WORD_PARTS: usize = 20;

/// The child: takes batches of this round's boot until it is killed, each with a
/// note of the last number in it, and keeps words of all that is there.
pub(crate) fn take(dir: &Path, round: u64) {
    let store = SqliteStore::open(dir, options()).unwrap();
    let mut blocks = Blocks::new(round);
    let mut output = std::io::stdout().lock();
    loop {
        let batch: Vec<Block> = (0..3).map(|_| blocks.with_text(1, 200)).collect();
        let value = [round.to_be_bytes(), blocks.made().to_be_bytes()].concat();
        let notes = [Note { name: NOTE, value: &value }];
        store.take(&Batch { blocks: &batch, notes: &notes, ..Batch::default() }).unwrap();
        let parts = vec![value.repeat(200); WORD_PARTS];
        let range = Position(0)..store.ends().unwrap().next;
        store.keep_words(&WordRows { range, head: &parts[0], parts: &parts }).unwrap();
        writeln!(output, "{}", blocks.made()).unwrap();
        output.flush().unwrap();
    }
}

/// A block that a child said was durable.
pub(crate) struct Acknowledged {
    round: u64,
    number: u64,
    base: Position,
}

impl Acknowledged {
    /// What the child of this round said in one line.
    pub(crate) fn heard(round: u64, line: &str) -> Acknowledged {
        let (number, base) = line.split_once(' ').unwrap();
        let (number, base) = (number.parse().unwrap(), Position(base.parse().unwrap()));
        Acknowledged { round, number, base }
    }
}

pub(crate) fn what_was_acknowledged_survives_kill_9() {
    println!("seed {SEED}");
    let dir = tempfile::tempdir().unwrap();
    let (mut state, mut acknowledged) = (SEED, Vec::new());
    for round in 1..=ROUNDS {
        let said = life("append", dir.path(), round, &mut state);
        acknowledged.extend(said.iter().map(|line| Acknowledged::heard(round, line)));
        if round % LOOK_EVERY == 0 {
            look(dir.path(), &acknowledged, &format!("seed {SEED}, round {round}"));
        }
    }
    assert!(acknowledged.len() > 500, "{} blocks prove little", acknowledged.len());
}

/// One child from its start to its violent end, at a random moment: some die while
/// they open the store, some after some blocks.
fn life(role: &str, dir: &Path, round: u64, state: &mut u64) -> Vec<String> {
    let child = Running::start(&[role, dir.to_str().unwrap(), &round.to_string()]);
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

/// Everything acknowledged must be there, and nothing twice. `when` is told on
/// failure.
pub(crate) fn look(dir: &Path, acknowledged: &[Acknowledged], when: &str) {
    let store = SqliteStore::open(dir, options()).unwrap();
    assert_eq!(store.gaps().unwrap(), [], "{when}");
    assert_eq!(missing(&store, acknowledged), [""; 0], "{when}");
    assert_names_once(&store, when);
}

/// Names those blocks that are not, whole, where they were said to be, or do not
/// wait in the outbox there.
fn missing(store: &SqliteStore, acknowledged: &[Acknowledged]) -> Vec<String> {
    let mut made = (0, Blocks::new(0));
    let mut missing = Vec::new();
    for said in acknowledged {
        if made.0 != said.round {
            made = (said.round, Blocks::new(said.round));
        }
        let mut block = None;
        while made.1.made() < said.number {
            let next = made.1.made() + 1;
            block = Some(made.1.with_text(sized(next), 200));
        }
        let found = store.read(said.base).ok().flatten();
        let waits = store.outbox(said.base, 1).is_ok_and(|first| first == [said.base]);
        if !waits || found.as_ref().map(Block::bytes) != block.as_ref().map(Block::bytes) {
            missing.push(format!("block {} of round {} at {}", said.number, said.round, said.base));
        }
    }
    missing
}

pub(crate) fn a_note_and_the_blocks_taken_with_it_survive_kill_9_together() {
    println!("seed {SEED}");
    let dir = tempfile::tempdir().unwrap();
    let (mut state, mut taken) = (SEED, 0);
    for round in 1..=ROUNDS / 4 {
        let said = life("take", dir.path(), round, &mut state);
        let said: u64 = said.last().map_or(0, |number| number.parse().unwrap());
        let store = SqliteStore::open(dir.path(), options()).unwrap();
        let noted = store.recall(NOTE).unwrap().unwrap_or_default();
        let (of, number) = noted.split_at(noted.len() / 2);
        let number = if of == round.to_be_bytes() { number } else { &[0; 8] };
        let number = u64::from_be_bytes(number.try_into().unwrap());
        let ends = store.ends().unwrap();
        assert_words_are_whole(&store, &format!("seed {SEED}, round {round}"));
        assert!(number >= said, "seed {SEED}, round {round}: {said} was acknowledged");
        assert_eq!(ends.events, taken + number, "seed {SEED}, round {round}");
        taken = ends.events;
    }
    assert!(taken > 200, "{taken} blocks prove little");
}

/// Of those of several writes, the parts of one are there: all of them.
fn assert_words_are_whole(store: &SqliteStore, when: &str) {
    let heads = store.words().unwrap();
    assert!(heads.len() <= 1, "{when}: {} segments stand in one place", heads.len());
    for head in heads {
        for number in 0..WORD_PARTS {
            assert!(
                store.word_part(Position(0), number).unwrap().as_ref() == Some(&head),
                "{when}"
            );
        }
        assert_eq!(store.word_part(Position(0), WORD_PARTS).unwrap(), None, "{when}");
    }
}

/// How many of these blocks are lost, in a directory that may be lost itself.
pub(crate) fn lost(dir: &Path, acknowledged: &[Acknowledged]) -> usize {
    match SqliteStore::open(dir, options()) {
        Ok(store) => missing(&store, acknowledged).len(),
        Err(_) => acknowledged.len(),
    }
}

fn assert_names_once(store: &SqliteStore, when: &str) {
    let (mut names, mut from) = (HashSet::new(), Position(0));
    loop {
        let heads = store.heads(from, 500).unwrap();
        let Some(last) = heads.last() else { break };
        from = last.base.plus(last.count);
        for head in heads {
            let header = head.header.unwrap();
            let name = (header.runs[0].boot, header.number);
            assert!(names.insert(name), "{when}: {name:?} is there twice");
        }
    }
    assert_eq!(from, store.ends().unwrap().next);
}
