//! Who hears of it when the gate's lock is free again?
//!
//! Nothing is told under the lock: wakers may run code of any runtime, and a
//! thread that wakes up to a lock that is held goes back to sleep. What has to be
//! told is collected in the [`Gate`] and told by whoever lets go of the lock, so
//! nobody can forget it.

use std::ops::{Deref, DerefMut};
use std::task::Waker;
use std::time::Duration;

use super::gate::{Gate, Keeper};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The gate's lock, and those who sleep until something behind it changes.
#[derive(Debug)]
pub(super) struct Door {
    gate: Mutex<Gate>,
    /// Threads that wait for a free desk, free keys, or another state.
    turn: Condvar,
    /// The log's own thread waits for something that only it will store.
    work: Condvar,
}

/// What somebody has to hear.
#[derive(Debug)]
pub(super) struct News {
    /// Of those who wait for their events.
    pub(super) wakers: Vec<Waker>,
    /// Something that threads sleep for may be there.
    pub(super) turn: bool,
    /// There is work for the log's own thread.
    pub(super) work: bool,
}

impl News {
    fn is_none(&self) -> bool {
        self.wakers.is_empty() && !self.turn && !self.work
    }
}

impl Door {
    pub(super) fn new(gate: Gate) -> Door {
        Door { gate: Mutex::new(gate), turn: Condvar::new(), work: Condvar::new() }
    }

    pub(super) fn lock(&self) -> Held<'_> {
        Held { door: self, gate: Some(self.gate.lock()) }
    }

    fn tell(&self, news: News) {
        news.wakers.into_iter().for_each(Waker::wake);
        if news.turn {
            self.turn.notify_all();
        }
        if news.work {
            self.work.notify_all();
        }
    }
}

/// The gate, locked. Whoever drops it tells the news.
#[derive(Debug)]
pub(super) struct Held<'a> {
    door: &'a Door,
    /// There until it is dropped or waits.
    gate: Option<MutexGuard<'a, Gate>>,
}

impl<'a> Held<'a> {
    /// Sleeps until something has changed; wakes may be spurious.
    pub(super) fn wait_for_turn(self) -> Held<'a> {
        self.sleep(|door, gate| door.turn.wait(gate))
    }

    /// As [`Held::wait_for_turn`], at most `timeout`.
    pub(super) fn wait_for_turn_at_most(self, timeout: Duration) -> Held<'a> {
        self.sleep(|door, gate| door.turn.wait_timeout(gate, timeout))
    }

    /// The log's own thread sleeps until there is work for it, at most `timeout`.
    pub(super) fn wait_for_work(self, timeout: Duration) -> Held<'a> {
        self.sleep(|door, mut gate| {
            gate.keeper = Keeper::Asleep;
            let mut gate = door.work.wait_timeout(gate, timeout);
            gate.keeper = Keeper::Awake;
            gate
        })
    }

    /// Tells the news instead, if there is any: whoever hears it may change things.
    fn sleep(
        mut self,
        sleep: impl FnOnce(&'a Door, MutexGuard<'a, Gate>) -> MutexGuard<'a, Gate>,
    ) -> Held<'a> {
        let door = self.door;
        if let Some(mut gate) = self.gate.take() {
            let news = gate.take_news();
            if news.is_none() {
                return Held { door, gate: Some(sleep(door, gate)) };
            }
            drop(gate);
            door.tell(news);
        }
        door.lock()
    }
}

impl Deref for Held<'_> {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        self.gate.as_deref().expect("the gate is held until this is dropped")
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Gate {
        self.gate.as_deref_mut().expect("the gate is held until this is dropped")
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(mut gate) = self.gate.take() {
            let news = gate.take_news();
            drop(gate);
            self.door.tell(news);
        }
    }
}
