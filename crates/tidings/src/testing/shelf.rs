//! What if several members shared nothing but this process' memory? Commons
//! without an etcd, whose faults a test chooses.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Answer;
use crate::block::Block;
use crate::clock::Clock;
use crate::cluster::{Commons, Watching};
use crate::id::{Boot, Origin};
use crate::store::etcd::{BadValue, EtcdStatus, Numbered, Presence, Seen, WatchFrom};
use crate::store::{Outcome, Placed, Reach, Sink, StoreError};
use crate::sync::{Arc, Condvar, Mutex};

const NAME: &str = "a shelf";
/// Publications that are read at once: few, so that a test reads several times.
const PUBLISHED_PAGE: usize = 2;

/// Origin, boot and number of a publication.
pub type ShelfKey = (Origin, Boot, u64);

/// What members share. Clones share everything.
#[derive(Clone, Debug)]
pub struct Shelf {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    cluster: u64,
    revision: i64,
    compacted: i64,
    blocks: BTreeMap<ShelfKey, (Value, i64)>,
    presences: BTreeMap<Origin, (Presence, i64)>,
    history: Vec<(i64, Change)>,
    puts: u64,
}

#[derive(Clone, Debug)]
enum Value {
    Block(Block),
    Odd(BadValue),
}

#[derive(Clone, Debug)]
enum Change {
    Put(ShelfKey, Value),
    Show(Box<Presence>),
}

/// One member's way to the shelf, with faults of its own.
#[derive(Debug)]
pub struct ShelfMember {
    shelf: Shelf,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Debug, Default)]
struct Faults {
    answers: VecDeque<Answer>,
    cut_since: Option<Duration>,
}

impl Shelf {
    /// An empty one.
    pub fn new(clock: Clock) -> Shelf {
        let state = State {
            cluster: 1,
            revision: 1,
            compacted: 0,
            blocks: BTreeMap::new(),
            presences: BTreeMap::new(),
            history: Vec::new(),
            puts: 0,
        };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Shelf { inner: Arc::new(Inner { clock, state, changed }) }
    }

    /// A member's way to it.
    pub fn member(&self) -> Arc<ShelfMember> {
        Arc::new(ShelfMember { shelf: self.clone(), faults: Arc::default() })
    }

    /// Every publication, in the order of its keys.
    pub fn blocks(&self) -> Vec<Block> {
        let state = self.inner.state.lock();
        let blocks = state.blocks.values().filter_map(|(value, _)| match value {
            Value::Block(block) => Some(block.clone()),
            Value::Odd(_) => None,
        });
        blocks.collect()
    }

    /// The last presence of a member.
    pub fn presence(&self, origin: Origin) -> Option<Presence> {
        self.inner.state.lock().presences.get(&origin).map(|(presence, _)| presence.clone())
    }

    /// Publications put so far, attempts that failed included.
    pub fn puts(&self) -> u64 {
        self.inner.state.lock().puts
    }

    /// The revision of the last change.
    pub fn revision(&self) -> i64 {
        self.inner.state.lock().revision
    }

    /// Forgets the history: watches that would go on from before now list anew.
    pub fn compact(&self) {
        self.change(|state| {
            state.compacted = state.revision;
            state.history.clear();
        });
    }

    /// A key goes, as when its lease has run out or somebody deletes it.
    pub fn delete(&self, key: ShelfKey) {
        self.change(|state| {
            state.revision += 1;
            state.blocks.remove(&key);
        });
    }

    /// Somebody else writes here, over whatever stands there: a block, or what is
    /// none.
    pub fn scribble(&self, key: ShelfKey, value: Result<Block, BadValue>) {
        let value = value.map_or_else(Value::Odd, Value::Block);
        self.change(|state| {
            let overwrites = state.blocks.contains_key(&key);
            let value = if overwrites { Value::Odd(BadValue::Overwritten) } else { value };
            state.put(key, value);
        });
    }

    /// Becomes another shelf, and empty.
    pub fn wipe(&self) {
        self.change(|state| {
            state.cluster += 1;
            (state.revision, state.compacted) = (1, 0);
            state.blocks.clear();
            state.presences.clear();
            state.history.clear();
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.inner.state.lock());
        self.inner.changed.notify_all();
        done
    }
}

impl State {
    fn put(&mut self, key: ShelfKey, value: Value) {
        self.revision += 1;
        self.blocks.insert(key, (value.clone(), self.revision));
        self.history.push((self.revision, Change::Put(key, value)));
    }
}

impl ShelfMember {
    /// How its next puts are answered; after them all are stored.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.faults.lock().answers.extend(answers);
    }

    /// From now on all puts are stored.
    pub fn store_all(&self) {
        self.faults.lock().answers.clear();
    }

    /// Cuts it off: every call fails at once, and its watches are silent.
    pub fn cut(&self) {
        self.faults.lock().cut_since = Some(self.shelf.inner.clock.monotonic());
    }

    /// Lets it back.
    pub fn heal(&self) {
        self.faults.lock().cut_since = None;
        self.shelf.inner.changed.notify_all();
    }

    fn reach(&self, doing: &'static str) -> Result<(), StoreError> {
        match self.faults.lock().cut_since {
            None => Ok(()),
            Some(_) => Err(failed(doing, Outcome::NotStored)),
        }
    }
}

fn failed(doing: &'static str, outcome: Outcome) -> StoreError {
    StoreError::Io { doing, store: NAME.to_owned(), cause: "as the test says".to_owned(), outcome }
}

impl Sink for ShelfMember {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        self.reach("write a block")?;
        let answer = self.faults.lock().answers.pop_front().unwrap_or(Answer::Stored);
        let run = block.header().runs[0];
        let number = block.header().number.ok_or_else(|| StoreError::Rejected {
            store: NAME.to_owned(),
            cause: "a merged block has no key".to_owned(),
        })?;
        let key = (run.origin, run.boot, number);
        let conflict = StoreError::Conflict { origin: run.origin, boot: run.boot, number };
        let unknown = || failed("write a block", Outcome::Unknown);
        self.shelf.change(|state| {
            state.puts += 1;
            let stores = matches!(answer, Answer::Stored | Answer::UnknownButStored);
            let duplicate = match state.blocks.get(&key) {
                Some((Value::Block(there), _)) if there == block => true,
                Some(_) if stores => return Err(conflict),
                None if stores => {
                    state.put(key, Value::Block(block.clone()));
                    false
                }
                _ => false,
            };
            match answer {
                Answer::Stored => Ok(Placed { base: None, duplicate }),
                Answer::UnknownButStored | Answer::UnknownNotStored => Err(unknown()),
                Answer::DiskFull => Err(StoreError::Full {
                    store: NAME.to_owned(),
                    cause: "as the test says".to_owned(),
                    outcome: Outcome::NotStored,
                }),
                Answer::Rejected => Err(StoreError::Rejected {
                    store: NAME.to_owned(),
                    cause: "as the test says".to_owned(),
                }),
                Answer::Conflict => {
                    Err(StoreError::Conflict { origin: key.0, boot: key.1, number })
                }
                _ => Err(failed("write a block", Outcome::NotStored)),
            }
        })
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.reach("read")
    }

    fn reach(&self) -> Reach {
        Reach::Remote
    }

    fn describe(&self) -> String {
        NAME.to_owned()
    }
}

impl Commons for ShelfMember {
    fn show(&self, presence: &Presence) -> Result<(), StoreError> {
        self.reach("show a presence")?;
        self.shelf.change(|state| {
            state.revision += 1;
            let revision = state.revision;
            state.presences.insert(presence.origin, (presence.clone(), revision));
            state.history.push((revision, Change::Show(Box::new(presence.clone()))));
        });
        Ok(())
    }

    fn published(&self, of: &Block, from: u64) -> Result<Vec<Numbered>, StoreError> {
        self.reach("read what is published")?;
        let run = of.header().runs[0];
        let state = self.shelf.inner.state.lock();
        let boot = state.blocks.range((run.origin, run.boot, from)..);
        let boot =
            boot.take_while(|((origin, boot, _), _)| (*origin, *boot) == (run.origin, run.boot));
        let page = boot.take(PUBLISHED_PAGE).map(|((.., number), (value, _))| match value {
            Value::Block(block) => (*number, Ok(block.clone())),
            Value::Odd(cause) => (*number, Err(cause.clone())),
        });
        Ok(page.collect())
    }

    fn watch(&self, after: Option<WatchFrom>) -> Box<dyn Watching> {
        Box::new(ShelfWatch {
            shelf: self.shelf.clone(),
            faults: Arc::clone(&self.faults),
            at: after,
            listed: VecDeque::new(),
            heard: None,
        })
    }

    fn status(&self) -> Result<EtcdStatus, StoreError> {
        self.reach("ask how it is")?;
        let state = self.shelf.inner.state.lock();
        let bytes_of = |value: &Value| match value {
            Value::Block(block) => block.bytes().len() as u64,
            Value::Odd(_) => 0,
        };
        let bytes = state.blocks.values().map(|(value, _)| bytes_of(value)).sum();
        Ok(EtcdStatus {
            cluster: state.cluster,
            revision: state.revision,
            bytes,
            bytes_in_use: bytes,
            has_leader: true,
            members: 1,
            version: "0.0.0".to_owned(),
            alarms: Vec::new(),
        })
    }
}

/// A watch over a shelf.
struct ShelfWatch {
    shelf: Shelf,
    faults: Arc<Mutex<Faults>>,
    at: Option<WatchFrom>,
    listed: VecDeque<Seen>,
    heard: Option<Duration>,
}

impl ShelfWatch {
    /// What is there already.
    fn ready(&mut self, state: &State) -> Option<Seen> {
        if let Some(seen) = self.listed.pop_front() {
            if let Seen::Listed { at } = &seen {
                self.at = Some(*at);
            }
            return Some(seen);
        }
        let goes_on = self.at.filter(|at| {
            let known = state.compacted <= at.revision && at.revision <= state.revision;
            at.cluster == state.cluster && known
        });
        let Some(at) = goes_on else {
            self.list(state);
            return Some(Seen::Listing);
        };
        let next = state.history.partition_point(|(revision, _)| *revision <= at.revision);
        let (revision, change) = state.history.get(next)?;
        self.at = Some(WatchFrom { revision: *revision, ..at });
        Some(match change {
            Change::Put(key, value) => seen(*key, value, *revision),
            Change::Show(presence) => {
                Seen::Presence { presence: (**presence).clone(), revision: *revision }
            }
        })
    }

    fn list(&mut self, state: &State) {
        let blocks = state.blocks.iter();
        self.listed = blocks.map(|(key, (value, at))| seen(*key, value, *at)).collect();
        self.listed.extend(state.presences.values().map(|(presence, revision)| Seen::Presence {
            presence: presence.clone(),
            revision: *revision,
        }));
        let at = WatchFrom { cluster: state.cluster, revision: state.revision };
        self.listed.push_back(Seen::Listed { at });
    }
}

fn seen((origin, boot, number): ShelfKey, value: &Value, revision: i64) -> Seen {
    match value {
        Value::Block(block) => Seen::Block { block: block.clone(), revision },
        Value::Odd(cause) => {
            // As etcd's keys read.
            let key = format!("tidings/event/{origin}/{boot}/{number:020}");
            Seen::Odd { key, cause: cause.clone(), revision }
        }
    }
}

impl Watching for ShelfWatch {
    fn next(&mut self, wait: Duration) -> Option<Seen> {
        let inner = Arc::clone(&self.shelf.inner);
        // Waiting takes real time, also when a test moves the clock.
        let clock = Clock::system();
        let until = clock.monotonic().saturating_add(wait);
        let mut state = inner.state.lock();
        loop {
            if self.faults.lock().cut_since.is_none() {
                self.heard = Some(inner.clock.monotonic());
                if let Some(seen) = self.ready(&state) {
                    return Some(seen);
                }
            }
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return None;
            }
            state = inner.changed.wait_timeout(state, left);
        }
    }

    fn silent_for(&self) -> Option<Duration> {
        Some(self.shelf.inner.clock.monotonic().saturating_sub(self.heard?))
    }
}
