//! Is this the queue hearing itself?
//!
//! A host may feed its logs back into the queue. If the queue's own words, or
//! those of a sink working for it, came in that way, one failing put would log,
//! record, fail and log again for ever. So threads of the queue carry a mark, and
//! so does any thread while the queue logs on it: what is recorded under the mark
//! is refused as [`crate::Reason::Echo`], uncounted.

use std::cell::Cell;

thread_local! {
    static MARKED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is speaking for a queue.
#[inline]
pub(crate) fn is_echo() -> bool {
    MARKED.get()
}

/// Marks this thread until the value is dropped.
#[must_use]
pub(super) fn quiet() -> Quiet {
    Quiet { before: MARKED.replace(true) }
}

/// The mark on a thread.
#[derive(Debug)]
pub(super) struct Quiet {
    before: bool,
}

impl Drop for Quiet {
    fn drop(&mut self) {
        MARKED.set(self.before);
    }
}
