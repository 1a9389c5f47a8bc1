//! Who reads ahead while an answer is gathered? One thread, and others of the
//! machine's cores when there is much to read.
//!
//! Jobs stand in a line. Whoever is free does the first that nobody has taken,
//! without a lock; what came of them is gathered by the thread that asked, in the
//! order of the line. So the answer is the same whoever did what, and what was read
//! and waits to be gathered is bounded.

use std::collections::{BTreeMap, VecDeque};
use std::iter;

use crate::sync::{Condvar, Mutex, Seats, thread};

/// Jobs that are done alone before others help: so many are done sooner than a thread
/// starts.
const ALONE_JOBS_MAX: usize = 2;
/// Jobs in the line that are not gathered, at most.
const LINE_JOBS_MAX: usize = 4;

/// Does all jobs, on this thread and, if there are many, on as many others as there
/// are seats, and gathers what came of them in their order.
///
/// # Errors
///
/// The first failure among `jobs`; what came before it is not all gathered then.
pub(super) fn in_order<J: Send, D: Send, E>(
    seats: &Seats,
    mut jobs: impl Iterator<Item = Result<J, E>>,
    work: impl Fn(J) -> D + Sync,
    mut gather: impl FnMut(D),
) -> Result<(), E> {
    for job in jobs.by_ref().take(ALONE_JOBS_MAX) {
        gather(work(job?));
    }
    let Some(first) = jobs.next() else { return Ok(()) };
    let line = Line { desk: Mutex::new(Desk::default()), moved: Condvar::new() };
    thread::scope(|scope| {
        while let Some(seat) = seats.try_take() {
            scope.spawn(|| {
                line.help(&work);
                drop(seat);
            });
        }
        // However this ends, nobody waits for more.
        let _end = End(&line);
        line.lead(iter::once(first).chain(jobs), &work, gather)
    })
}

struct Desk<J, D> {
    /// What nobody has taken, by its number in the line.
    waiting: VecDeque<(usize, J)>,
    /// What came of jobs that are not gathered, by their number.
    done: BTreeMap<usize, D>,
    /// Nothing more will come.
    ended: bool,
    /// Somebody panicked over a job, of which nothing will come.
    lost: bool,
}

impl<J, D> Default for Desk<J, D> {
    fn default() -> Desk<J, D> {
        Desk { waiting: VecDeque::new(), done: BTreeMap::new(), ended: false, lost: false }
    }
}

struct Line<J, D> {
    desk: Mutex<Desk<J, D>>,
    /// Something on the desk is another. Goes with `desk`.
    moved: Condvar,
}

/// What there is to do for the thread that gathers.
enum Next<J, D> {
    Gather(D),
    Work(usize, J),
    /// The whole question ends with the panic of another thread.
    Nothing,
}

impl<J, D> Line<J, D> {
    fn lead<E>(
        &self,
        mut jobs: impl Iterator<Item = Result<J, E>>,
        work: &impl Fn(J) -> D,
        mut gather: impl FnMut(D),
    ) -> Result<(), E> {
        let (mut put, mut gathered) = (0, 0);
        loop {
            while put - gathered < LINE_JOBS_MAX
                && let Some(job) = jobs.next()
            {
                self.put(put, job?);
                put += 1;
            }
            if put == gathered {
                return Ok(());
            }
            match self.next(gathered) {
                Next::Gather(done) => {
                    gather(done);
                    gathered += 1;
                }
                Next::Work(number, job) => self.lay_down(number, work(job)),
                Next::Nothing => return Ok(()),
            }
        }
    }

    fn put(&self, number: usize, job: J) {
        self.desk.lock().waiting.push_back((number, job));
        self.moved.notify_all();
    }

    /// What came of the job with this number, or a job to do meanwhile.
    fn next(&self, number: usize) -> Next<J, D> {
        let mut desk = self.desk.lock();
        loop {
            if let Some(done) = desk.done.remove(&number) {
                return Next::Gather(done);
            }
            if let Some((number, job)) = desk.waiting.pop_front() {
                return Next::Work(number, job);
            }
            if desk.lost {
                return Next::Nothing;
            }
            desk = self.moved.wait(desk);
        }
    }

    fn lay_down(&self, number: usize, done: D) {
        self.desk.lock().done.insert(number, done);
        self.moved.notify_all();
    }

    /// Does jobs until no more will come.
    fn help(&self, work: &impl Fn(J) -> D) {
        while let Some((number, job)) = self.take() {
            let lost = Lost(self);
            let done = work(job);
            std::mem::forget(lost);
            self.lay_down(number, done);
        }
    }

    fn take(&self) -> Option<(usize, J)> {
        let mut desk = self.desk.lock();
        loop {
            if desk.ended {
                return None;
            }
            if let Some(first) = desk.waiting.pop_front() {
                return Some(first);
            }
            desk = self.moved.wait(desk);
        }
    }
}

/// Dropped when no more jobs come.
struct End<'a, J, D>(&'a Line<J, D>);

impl<J, D> Drop for End<'_, J, D> {
    fn drop(&mut self) {
        self.0.desk.lock().ended = true;
        self.0.moved.notify_all();
    }
}

/// Dropped when work panics.
struct Lost<'a, J, D>(&'a Line<J, D>);

impl<J, D> Drop for Lost<'_, J, D> {
    fn drop(&mut self) {
        self.0.desk.lock().lost = true;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn squares_of(count: u64, helpers: usize) -> Vec<u64> {
        let jobs = (0..count).map(Ok::<_, Infallible>);
        let mut squares = Vec::new();
        let Ok(()) = in_order(&Seats::new(helpers), jobs, |n| n * n, |square| squares.push(square));
        squares
    }

    #[test]
    fn what_came_of_jobs_is_gathered_in_their_order_whoever_did_them() {
        for count in [0, 1, 8, 9, 10, 24, 25, 2000] {
            let squares: Vec<u64> = (0..count).map(|n| n * n).collect();

            for helpers in [0, 1, 3] {
                assert_eq!(squares_of(count, helpers), squares, "{count} jobs, {helpers} helpers");
            }
        }
    }

    #[test]
    fn a_job_that_cannot_be_had_ends_the_line() {
        let jobs = (0..100).map(|n| if n < 50 { Ok(n) } else { Err(n) });
        let mut gathered = Vec::new();

        let ended = in_order(&Seats::new(1), jobs, |n| n, |n| gathered.push(n));

        assert_eq!(ended, Err(50));
        assert!(gathered.iter().copied().eq(0..gathered.len()), "{gathered:?}");
    }

    #[test]
    fn others_help_and_what_waits_is_bounded() {
        use crate::sync::atomic::{AtomicUsize, Ordering};
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let most = AtomicUsize::new(0);
        let helper_seen = Condvar::new();
        let is_helped = Mutex::new(false);
        let leader = thread::current().id();
        let jobs = (0..200).map(|_| {
            begun.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(())
        });
        let work = |()| {
            let mut is_helped = is_helped.lock();
            if thread::current().id() == leader {
                // Past those that are done alone, it waits for the other to do one.
                while !*is_helped && begun.load(Ordering::Relaxed) > ALONE_JOBS_MAX {
                    is_helped = helper_seen.wait(is_helped);
                }
            } else {
                *is_helped = true;
                helper_seen.notify_all();
            }
        };
        let gather = |()| {
            let ahead = begun.load(Ordering::Relaxed) - ended.fetch_add(1, Ordering::Relaxed);
            most.fetch_max(ahead, Ordering::Relaxed);
        };

        let Ok(()) = in_order(&Seats::new(1), jobs, work, gather);

        assert!(*is_helped.lock());
        assert!(most.into_inner() <= LINE_JOBS_MAX + 1);
    }

    #[test]
    fn a_panic_over_a_job_is_not_waited_for() {
        let leader = thread::current().id();
        let jobs = (0..100).map(Ok::<_, Infallible>);
        let (done, told) = (Mutex::new(false), Condvar::new());
        let work = |_| {
            if thread::current().id() != leader {
                *done.lock() = true;
                told.notify_all();
                panic!("as planned");
            }
        };
        let mut gathered = 0;
        let gather = |()| {
            gathered += 1;
            let mut done = done.lock();
            while gathered == ALONE_JOBS_MAX + 1 && !*done {
                done = told.wait(done);
            }
        };

        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            in_order(&Seats::new(1), jobs, work, gather)
        }));

        assert!(ended.is_err());
    }
}
