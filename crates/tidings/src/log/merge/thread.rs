//! Who merges, and indexes words? A thread of its own, which rests three times as long
//! as it works.

use std::sync::Arc;
use std::time::Duration;

use super::super::core::Core;
use crate::clock::Clock;
use crate::sync::{self, Condvar, Mutex, thread::JoinHandle};

/// How often it looks whether there is something to merge.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// How long it leaves a store alone that has failed.
const FAILED_REST: Duration = Duration::from_secs(5);
/// How much longer than its last step it rests.
const REST_FACTOR: u32 = 3;
/// How long it rests at least and at most between two steps.
const REST_MIN: Duration = Duration::from_millis(1);
const REST_MAX: Duration = Duration::from_secs(2);

/// What the thread is told, and tells; a leaf in the order of locks.
#[derive(Debug, Default)]
pub(in crate::log) struct Bell {
    state: Mutex<Told>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Told {
    stop: bool,
    runs: bool,
}

impl Bell {
    /// Tells the thread to end.
    pub(in crate::log) fn stop(&self) {
        self.state.lock().stop = true;
        self.changed.notify_all();
    }

    /// Waits until the thread has ended; says whether it has.
    pub(in crate::log) fn wait_for_end(&self, deadline: Duration) -> bool {
        self.wait(deadline, |told| !told.runs)
    }

    /// Rests; says whether it is time to end.
    fn rest(&self, period: Duration) -> bool {
        self.wait(period, |told| told.stop)
    }

    fn wait(&self, period: Duration, until: impl Fn(&Told) -> bool) -> bool {
        let clock = Clock::system();
        let end = clock.monotonic().saturating_add(period);
        let mut told = self.state.lock();
        while !until(&told) {
            let left = end.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return false;
            }
            told = self.changed.wait_timeout(told, left);
        }
        true
    }

    fn set_runs(&self, runs: bool) {
        self.state.lock().runs = runs;
        self.changed.notify_all();
    }
}

impl Core {
    /// One step, and how long to rest after it.
    fn merge_and_rest(&self) -> Duration {
        let clock = Clock::system();
        let began = clock.monotonic();
        match self.merge_step() {
            // What is merged is read with less effort.
            Ok(None) => match self.index_step() {
                Ok(false) => return LOOK_PERIOD,
                Ok(true) => {}
                Err(error) => {
                    tracing::debug!(%error, "words were not put into their index, will try again");
                    return FAILED_REST;
                }
            },
            Ok(Some(_)) => {}
            Err(error) => {
                tracing::debug!(%error, "merging failed, will try again");
                return FAILED_REST;
            }
        }
        let took = clock.monotonic().saturating_sub(began);
        (took * REST_FACTOR).clamp(REST_MIN, REST_MAX)
    }
}

/// Starts the thread.
pub(in crate::log) fn start(core: &Arc<Core>) -> std::io::Result<JoinHandle<()>> {
    core.merging.bell.set_runs(true);
    let merging = Arc::clone(core);
    let thread = sync::spawn("tidings-merge", move || {
        let mut rest = LOOK_PERIOD;
        while !merging.merging.bell.rest(rest) && merging.is_open() {
            rest = merging.merge_and_rest();
        }
        merging.merging.bell.set_runs(false);
    });
    thread.inspect_err(|_| core.merging.bell.set_runs(false))
}
