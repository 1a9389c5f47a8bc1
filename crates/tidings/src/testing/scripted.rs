//! What if the store answered like this? A sink that follows a script and
//! remembers what it really holds.

use std::collections::VecDeque;
use std::time::Duration;

use crate::block::Block;
use crate::event::StoredEvent;
use crate::id::Position;
use crate::store::{Outcome, Placed, Reach, Sink, StoreError};
use crate::sync::{Arc, Condvar, Mutex};

/// How long [`ScriptedSink::wait_for_puts`] waits before it gives the test up.
const HANDSHAKE_MAX: Duration = Duration::from_mins(1);

/// How a [`ScriptedSink`] answers one put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Stores the block and says so.
    Stored,
    /// Fails, and has not stored it.
    NotStored,
    /// Fails without knowing, and has stored it.
    UnknownButStored,
    /// Fails without knowing, and has not stored it.
    UnknownNotStored,
    /// Has no space left.
    DiskFull,
    /// Will never take this block.
    Rejected,
    /// Says that other bytes stand under the block's name.
    Conflict,
    /// Does not return until [`ScriptedSink::release`], then stores it.
    Hang,
    /// Panics.
    Panic,
}

/// A [`Sink`] that answers from a script and then always the same. Clones share
/// everything.
#[derive(Clone, Debug)]
pub struct ScriptedSink {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    reach: Reach,
    play: Mutex<Play>,
    changed: Condvar,
}

#[derive(Debug)]
struct Play {
    script: VecDeque<Answer>,
    always: Answer,
    puts: usize,
    held: Vec<(Position, Block)>,
    next: Position,
    released: bool,
}

impl Default for ScriptedSink {
    fn default() -> ScriptedSink {
        ScriptedSink::new()
    }
}

impl ScriptedSink {
    /// A local sink that stores everything.
    pub fn new() -> ScriptedSink {
        ScriptedSink::with_reach(Reach::Local)
    }

    /// A remote sink that stores everything.
    pub fn remote() -> ScriptedSink {
        ScriptedSink::with_reach(Reach::Remote)
    }

    fn with_reach(reach: Reach) -> ScriptedSink {
        let play = Play {
            script: VecDeque::new(),
            always: Answer::Stored,
            puts: 0,
            held: Vec::new(),
            next: Position(0),
            released: false,
        };
        let inner = Inner { reach, play: Mutex::new(play), changed: Condvar::new() };
        ScriptedSink { inner: Arc::new(inner) }
    }

    /// Answers the next puts like this, one each.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.inner.play.lock().script.extend(answers);
    }

    /// Answers like this when the script is over; the probe answers alike.
    pub fn always(&self, answer: Answer) {
        self.inner.play.lock().always = answer;
    }

    /// Lets every put that hangs go on, now and later.
    pub fn release(&self) {
        self.inner.play.lock().released = true;
        self.inner.changed.notify_all();
    }

    /// How many puts have begun.
    pub fn puts(&self) -> usize {
        self.inner.play.lock().puts
    }

    /// Waits until so many puts have begun.
    ///
    /// # Panics
    ///
    /// They have not within a minute.
    #[track_caller]
    pub fn wait_for_puts(&self, puts: usize) {
        let mut play = self.inner.play.lock();
        while play.puts < puts {
            let before = play.puts;
            play = self.inner.changed.wait_timeout(play, HANDSHAKE_MAX);
            assert!(play.puts > before, "{} puts begun, {puts} expected", play.puts);
        }
    }

    /// The blocks it holds, in order of arrival.
    pub fn blocks(&self) -> Vec<Block> {
        self.inner.play.lock().held.iter().map(|(_, block)| block.clone()).collect()
    }

    /// The events it holds, in order of arrival.
    ///
    /// # Panics
    ///
    /// A block cannot be read: the queue has sealed a broken one.
    pub fn events(&self) -> Vec<StoredEvent> {
        let held = self.inner.play.lock().held.clone();
        let read = |(base, block): (Position, Block)| block.events(base).expect("a whole block");
        held.into_iter().flat_map(read).collect()
    }

    /// How many events it holds, without reading them.
    pub fn events_len(&self) -> u64 {
        let play = self.inner.play.lock();
        play.held.iter().map(|(_, block)| u64::from(block.header().count)).sum()
    }

    /// How many hold this sink, the caller included.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.inner)
    }

    fn answer(&self) -> Answer {
        let mut play = self.inner.play.lock();
        play.puts += 1;
        self.inner.changed.notify_all();
        let answer = play.script.pop_front().unwrap_or(play.always);
        while answer == Answer::Hang && !play.released {
            play = self.inner.changed.wait(play);
        }
        answer
    }

    fn failing(&self, outcome: Outcome) -> StoreError {
        StoreError::Io {
            doing: "write a block",
            store: self.describe(),
            cause: "as the script says".to_owned(),
            outcome,
        }
    }

    fn refused(&self, answer: Answer, block: &Block) -> Result<(), StoreError> {
        let (store, cause) = (self.describe(), "as the script says".to_owned());
        let header = block.header();
        Err(match answer {
            Answer::Stored | Answer::Hang => return Ok(()),
            Answer::NotStored => self.failing(Outcome::NotStored),
            Answer::UnknownButStored | Answer::UnknownNotStored => self.failing(Outcome::Unknown),
            Answer::DiskFull => StoreError::DiskFull { store, cause },
            Answer::Rejected => StoreError::Rejected { store, cause },
            Answer::Conflict => StoreError::Conflict {
                origin: header.runs[0].origin,
                boot: header.runs[0].boot,
                number: header.number.unwrap_or_default(),
            },
            Answer::Panic => panic!("as the script says"),
        })
    }
}

impl Play {
    /// As the contract of [`Sink::put`] says.
    fn store(&mut self, block: &Block) -> Placed {
        let name = |block: &Block| (block.header().runs.clone(), block.header().number);
        if let Some((base, held)) = self.held.iter().find(|(_, held)| name(held) == name(block)) {
            assert_eq!(held.bytes(), block.bytes(), "other bytes under the same name");
            return Placed { base: Some(*base), duplicate: true };
        }
        let base = self.next;
        self.next = base.plus(block.header().count.into());
        self.held.push((base, block.clone()));
        Placed { base: Some(base), duplicate: false }
    }
}

impl Sink for ScriptedSink {
    fn put(&self, block: &Block) -> Result<Placed, StoreError> {
        let answer = self.answer();
        if answer == Answer::UnknownButStored {
            self.inner.play.lock().store(block);
        }
        self.refused(answer, block)?;
        Ok(self.inner.play.lock().store(block))
    }

    fn probe(&self) -> Result<(), StoreError> {
        match self.inner.play.lock().always {
            Answer::NotStored | Answer::UnknownButStored | Answer::UnknownNotStored => {
                Err(self.failing(Outcome::NotStored))
            }
            Answer::DiskFull => Err(StoreError::DiskFull {
                store: self.describe(),
                cause: "as the script says".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn reach(&self) -> Reach {
        self.inner.reach
    }

    fn describe(&self) -> String {
        "a scripted sink".to_owned()
    }
}
