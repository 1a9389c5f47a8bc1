//! What if the process dies while it merges? Every event stands where it was said to
//! stand, once.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tidings::store::BlockStore;
use tidings::store::sqlite::{SqliteOptions, SqliteStore, inspect};
use tidings::testing::blocks::splitmix;
use tidings::{Ack, Event, Log, LogOptions, Position, Taken};

use crate::children::Running;

const ROUNDS: u64 = if cfg!(feature = "soak") { 1000 } else { 40 };
/// What decides when each one is killed; printed on failure, set it to replay.
const SEED: u64 = 1;
/// No child lives longer.
const LIFE_MAX: Duration = Duration::from_secs(30);

fn options() -> LogOptions {
    LogOptions { background: false, ..LogOptions::default() }
}

/// The child: appends a few events, says `position message` of each, merges some
/// neighbours, and so on until it is killed.
pub(crate) fn merge(dir: &Path, round: u64) {
    let log = Log::open_with(dir, options()).unwrap();
    let mut output = std::io::stdout().lock();
    let mut random = round;
    for number in 0_u64.. {
        let events = (0..=splitmix(&mut random) % 4).map(|i| format!("{round}:{number}:{i}"));
        let events: Vec<String> = events.collect();
        let taken = events.iter().map(|message| Event::new("deploy", message)).collect();
        let taken = log.append(taken, Ack::Disk, true).unwrap();
        for (message, taken) in events.iter().zip(taken) {
            let Taken::Accepted { position, .. } = taken else { panic!("{taken:?}") };
            writeln!(output, "{} {message}", position.unwrap().0).unwrap();
        }
        output.flush().unwrap();
        if number % 4 == 3 {
            let end = log.ends().unwrap().next.0;
            let from = Position(splitmix(&mut random) % end);
            let blocks = usize::try_from(splitmix(&mut random) % 30 + 2).unwrap();
            let merged = log.merge_neighbours(from, blocks).unwrap();
            writeln!(output, "merged {}", merged.unwrap_or_default().blocks).unwrap();
        }
    }
}

pub(crate) fn a_kill_while_blocks_are_merged_moves_and_loses_nothing() {
    println!("seed {SEED}");
    let dir = tempfile::tempdir().unwrap();
    let (mut state, mut said, mut merged) = (SEED, BTreeMap::new(), 0);
    for round in 1..=ROUNDS {
        let child = Running::start(&["merge", dir.path().to_str().unwrap(), &round.to_string()]);
        let mut lines = Vec::new();
        for _ in 0..splitmix(&mut state) % 120 {
            lines.push(child.lines().recv_timeout(LIFE_MAX).unwrap());
        }
        lines
            .extend(child.lines().recv_timeout(Duration::from_micros(splitmix(&mut state) % 9000)));
        lines.extend(child.kill());
        for line in lines {
            match line.split_once(' ').unwrap() {
                ("merged", blocks) => merged += blocks.parse::<u64>().unwrap(),
                (position, message) => {
                    said.insert(position.parse::<u64>().unwrap(), message.to_owned());
                }
            }
        }
        look(dir.path(), &said, &format!("seed {SEED}, round {round}"));
    }
    assert!(merged > 200, "{merged} merged blocks prove little");
}

/// What was said is there, where it was said to be, and no message is there twice.
fn look(dir: &Path, said: &BTreeMap<u64, String>, when: &str) {
    let store = SqliteStore::open(dir, SqliteOptions::default()).unwrap();
    assert_eq!(store.gaps().unwrap(), [], "{when}");
    let stored = store.blocks(Position(0)..Position(u64::MAX), usize::MAX).unwrap();
    let events = stored.into_iter().flat_map(|it| it.block.unwrap().events(it.base).unwrap());
    let deploys = events.filter(|event| event.event.event_type() == "deploy");
    let there: BTreeMap<u64, String> =
        deploys.map(|event| (event.position.0, event.event.message().to_owned())).collect();
    for (position, message) in said {
        assert_eq!(there.get(position), Some(message), "{when}: at {position}");
    }
    let mut messages: Vec<&String> = there.values().collect();
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), there.len(), "{when}: something is there twice");
    drop(store);
    let scratch = tempfile::tempdir().unwrap();
    let inspection = inspect(dir, scratch.path(), &mut |_| ()).unwrap();
    assert!(inspection.is_whole(), "{when}: {inspection:?}");
}
