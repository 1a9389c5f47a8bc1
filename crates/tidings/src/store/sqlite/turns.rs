//! Whose turn is it to write, and does it ever end?
//!
//! One thread writes at a time. Whoever only wants to know whether writing works
//! need not queue up behind the others: that the turn under way ends is answer
//! enough, and that it does not end is one too.

use std::ops::{Deref, DerefMut};

use super::write::Writer;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The writer, and how many turns with it have ended.
#[derive(Debug)]
pub(super) struct Turns {
    writer: Mutex<Writer>,
    ends: Ends,
}

/// A leaf in the order of locks.
#[derive(Debug, Default)]
struct Ends {
    count: Mutex<u64>,
    changed: Condvar,
}

/// A turn with the writer; dropping it ends it.
pub(super) struct Turn<'a> {
    // In this order: who is told of the end must find the writer free.
    writer: MutexGuard<'a, Writer>,
    _end: End<'a>,
}

struct End<'a>(&'a Ends);

impl Turns {
    pub(super) fn new(writer: Writer) -> Turns {
        Turns { writer: Mutex::new(writer), ends: Ends::default() }
    }

    /// Waits for a turn.
    pub(super) fn lock(&self) -> Turn<'_> {
        Turn { writer: self.writer.lock(), _end: End(&self.ends) }
    }

    /// A turn, if nobody has one; else `None` once the one under way has ended.
    pub(super) fn lock_or_wait(&self) -> Option<Turn<'_>> {
        // Before the look: a turn that ends between the two is not missed.
        let before = *self.ends.count.lock();
        if let Some(writer) = self.writer.try_lock() {
            return Some(Turn { writer, _end: End(&self.ends) });
        }
        let mut count = self.ends.count.lock();
        while *count == before {
            count = self.ends.changed.wait(count);
        }
        None
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        *self.0.count.lock() += 1;
        self.0.changed.notify_all();
    }
}

impl Deref for Turn<'_> {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        &self.writer
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }
}
