//! G7: is damage found, named and confined?
//!
//! Flips, zeroes, cuts, swaps and deletes bytes of a small log, its WAL and its
//! tail mark. Then everything is read. What comes back must be what went in, byte
//! for byte and at its place; what does not come back must be told as a gap.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tidings::block::Block;
use tidings::store::sqlite::{Inspection, SqliteOptions, SqliteStore, inspect};
use tidings::store::{Batch, BlockStore};
use tidings::testing::Blocks;
use tidings::testing::blocks::splitmix;
use tidings::{Position, StoredEvent};

/// Places that are damaged, one a trial.
const TRIALS: usize = if cfg!(feature = "soak") { 50_000 } else { 2000 };
/// Seeds of trials run from here; replay one by setting `TRIALS` to 1 and this to
/// the seed that was printed.
const FIRST_SEED: u64 = 1;
/// Opening may fail when the very schema or the root of a table is hit, or when
/// bytes are cut out; never more often than this share of the trials.
const REFUSED_PERCENT_MAX: usize = 10;
/// The trials would prove nothing if they did not hurt.
const TOLD_PERCENT_MIN: usize = 30;

fn options() -> SqliteOptions {
    SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() }
}

/// A log as a crash left it: half of it in the store file, half in the WAL, with a
/// mark at its end.
struct Original {
    files: BTreeMap<&'static str, Vec<u8>>,
    events: BTreeMap<u64, StoredEvent>,
}

impl Original {
    fn build() -> Original {
        let dir = tempfile::tempdir().unwrap();
        let mut blocks = Blocks::new(7);
        let sent: Vec<Block> = (0..36).map(|i| blocks.with_text(1 + i * 3 % 40, 60)).collect();
        for half in sent.chunks(18) {
            let store = SqliteStore::open(dir.path(), options()).unwrap();
            for blocks in half.chunks(3) {
                store.append(&Batch { blocks, keys: &[], outbox: false, notes: &[] }).unwrap();
            }
            if store.ends().unwrap().blocks < 36 {
                continue;
            }
            let events = everything(&store).0;
            let mut files = BTreeMap::new();
            for name in ["log.sqlite", "log.sqlite-wal"] {
                files.insert(name, fs::read(dir.path().join(name)).unwrap());
            }
            store.close().unwrap();
            files.insert("tail", fs::read(dir.path().join("tail")).unwrap());
            return Original { files, events };
        }
        unreachable!("the second half makes 36 blocks")
    }
}

/// All events that can be read, and what was said about the rest.
fn everything(store: &SqliteStore) -> (BTreeMap<u64, StoredEvent>, Vec<String>) {
    let (mut events, mut told) = (BTreeMap::new(), Vec::new());
    let heads = match store.heads(Position(0), 1000) {
        Ok(heads) => heads,
        Err(error) => return (events, vec![error.to_string()]),
    };
    for head in heads {
        let block = match (head.header, store.read(head.base)) {
            (Err(damage), _) => Err(damage.to_string()),
            (_, Err(error)) => Err(error.to_string()),
            (_, Ok(None)) => Err("vanished".to_owned()),
            (_, Ok(Some(block))) => Ok(block),
        };
        match block.and_then(|it| it.events(head.base).map_err(|error| error.to_string())) {
            Ok(read) => events.extend(read.into_iter().map(|event| (event.position.0, event))),
            Err(text) => told.push(text),
        }
    }
    (events, told)
}

/// One way to damage a file.
#[derive(Debug)]
struct Damage {
    file: &'static str,
    kind: &'static str,
    at: usize,
    other: usize,
    bytes: usize,
}

impl Damage {
    fn drawn(seed: u64, original: &Original) -> Damage {
        let mut state = seed;
        let mut below = |limit: usize| {
            usize::try_from(splitmix(&mut state) % (limit.max(1) as u64)).unwrap_or(0)
        };
        let file =
            ["log.sqlite", "log.sqlite", "log.sqlite-wal", "log.sqlite-wal", "tail"][below(5)];
        let kind = ["flip", "flip", "zero", "cut", "swap", "delete"][below(6)];
        let len = original.files[file].len();
        let bytes = [1, 16, 512, 4096][below(4)];
        let (mut at, mut other) = (below(len), below(len));
        if bytes == 4096 {
            (at, other) = (at / 4096 * 4096, other / 4096 * 4096);
        }
        Damage { file, kind, at, other, bytes }
    }

    fn apply(&self, contents: &mut Vec<u8>) {
        let end = (self.at + self.bytes).min(contents.len());
        match self.kind {
            "flip" => contents[self.at] ^= 1 << (self.other % 8),
            "zero" => contents[self.at..end].fill(0),
            "cut" => contents.truncate(self.at),
            "delete" => drop(contents.drain(self.at..end)),
            _ => {
                for i in 0..end - self.at {
                    let other = (self.other + i) % contents.len();
                    contents.swap(self.at + i, other);
                }
            }
        }
    }
}

/// A directory in memory where there is one: a trial syncs a dozen times.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

fn lay_out(original: &Original, damage: &Damage, dir: &Path) {
    let _ = fs::remove_dir_all(dir);
    fs::create_dir(dir).unwrap();
    for (name, contents) in &original.files {
        let mut contents = contents.clone();
        if *name == damage.file {
            damage.apply(&mut contents);
        }
        fs::write(dir.join(name), contents).unwrap();
    }
}

/// What became of a trial.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// The log could not be opened.
    Refused,
    /// Something is missing, and was told.
    Told,
    /// Everything is there: the damage hit nothing that counts.
    Whole,
}

fn trial(original: &Original, seed: u64, dir: &Path) -> Fate {
    let damage = Damage::drawn(seed, original);
    lay_out(original, &damage, dir);
    let store = match SqliteStore::open(dir, options()) {
        Ok(store) => store,
        Err(error) => {
            assert!(damage.file != "tail", "seed {seed}: {damage:?}: {error}");
            assert!(error.to_string().contains("log.sqlite"), "seed {seed}: {damage:?}: {error}");
            return Fate::Refused;
        }
    };
    let (events, told) = everything(&store);
    for (position, event) in &events {
        let sent = original.events.get(position);
        assert!(sent == Some(event), "seed {seed}: {damage:?}: {position} reads {event:?}");
    }
    let gaps = store.gaps().unwrap();
    for position in original.events.keys().filter(|position| !events.contains_key(position)) {
        let told = gaps.iter().any(|gap| gap.range.contains(&Position(*position)));
        assert!(told, "seed {seed}: {damage:?}: {position} is missing, gaps are {gaps:?}");
    }
    assert!(told.is_empty() || !gaps.is_empty(), "seed {seed}: {damage:?}: {told:?}");
    if events.len() < original.events.len() { Fate::Told } else { Fate::Whole }
}

#[test]
fn damage_is_found_named_and_confined() {
    let (original, scratch) = (Original::build(), scratch());
    let fates: Vec<Fate> = std::thread::scope(|scope| {
        let run = |part: u64| {
            let (original, dir) = (&original, scratch.path().join(part.to_string()));
            let seeds = (FIRST_SEED..).take(TRIALS).filter(move |seed| seed % 4 == part);
            scope.spawn(move || seeds.map(|seed| trial(original, seed, &dir)).collect::<Vec<_>>())
        };
        let parts: Vec<_> = (0..4).map(run).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });

    let share = |fate| fates.iter().filter(|it| **it == fate).count() * 100 / fates.len();
    assert!(share(Fate::Refused) <= REFUSED_PERCENT_MAX, "{} %", share(Fate::Refused));
    assert!(share(Fate::Told) >= TOLD_PERCENT_MIN, "{} %", share(Fate::Told));
}

#[test]
fn inspecting_a_damaged_log_says_what_is_missing_and_changes_nothing() {
    let (original, scratch) = (Original::build(), scratch());
    let dir = scratch.path().join("data");
    for seed in (FIRST_SEED..).take(TRIALS / 20) {
        let damage = Damage::drawn(seed, &original);
        lay_out(&original, &damage, &dir);
        let before: Vec<_> =
            original.files.keys().map(|name| fs::read(dir.join(name)).unwrap()).collect();

        let seen = inspect(&dir, scratch.path(), &mut |_| {});

        let after: Vec<_> =
            original.files.keys().map(|name| fs::read(dir.join(name)).unwrap()).collect();
        assert!(before == after, "seed {seed}: {damage:?} was changed");
        let whole = seen.as_ref().is_ok_and(Inspection::is_whole);
        let all = seen.is_ok_and(|seen| seen.events == original.events.len() as u64);
        assert!(all || !whole, "seed {seed}: {damage:?} is not told");
    }
}
