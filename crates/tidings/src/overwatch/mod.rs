//! Who stops and starts whom when the store fails?
//!
//! Overwatch probes a store. A probe that fails, or that does not come back
//! within its deadline, suspends every component with the reason; after the store
//! has answered for a quiet period, they are resumed in the opposite order.

mod health;
mod watch;

use std::time::Duration;

use crate::clock::Clock;
use crate::component::Component;
use crate::jitter::Jitter;
use crate::pause::PauseReason;
use crate::store::Sink;
use crate::sync::{Arc, Condvar, Mutex, spawn, thread};

pub use health::Health;
use watch::{Order, Seen, Watch};

/// How long the store must answer before components are resumed, by default.
pub const QUIET_PERIOD: Duration = Duration::from_secs(10);
/// How often the store is probed, by default. Each time up to a quarter sooner, by
/// chance, so that many members do not ask one store at the same moment.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// By which part of the interval a probe may come sooner.
const PROBE_JITTER_PART: u32 = 4;
/// How long a probe may take before the store counts as down, by default.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(3);

/// When overwatch probes and how long it waits. All must be longer than zero.
#[derive(Clone, Debug)]
pub struct OverwatchOptions {
    /// How long the store must answer before components are resumed.
    pub quiet_period: Duration,
    /// How often the store is probed.
    pub probe_interval: Duration,
    /// How long a probe may take before the store counts as down.
    pub probe_deadline: Duration,
    /// Reads the time.
    pub clock: Clock,
}

impl Default for OverwatchOptions {
    fn default() -> OverwatchOptions {
        OverwatchOptions {
            quiet_period: QUIET_PERIOD,
            probe_interval: PROBE_INTERVAL,
            probe_deadline: PROBE_DEADLINE,
            clock: Clock::system(),
        }
    }
}

/// Watches a store, and suspends and resumes what depends on it.
///
/// The store is the one at the bottom, also when a log over it is among the
/// components. Components are suspended in the order in which they are given and
/// resumed in the opposite one: what feeds others comes first. What a component
/// found out by itself and what a person told it stay as they are.
///
/// ```
/// use std::sync::Arc;
/// use tidings::store::memory::MemoryStore;
/// use tidings::{Component, Log, LogOptions, Overwatch, Queue};
///
/// let store = Arc::new(MemoryStore::new()?);
/// let log = Log::over(store.clone(), LogOptions::default())?;
/// let queue = Arc::new(Queue::new("web1", log.clone())?);
/// queue.start()?;
///
/// let components: Vec<Arc<dyn Component>> = vec![queue, Arc::new(log)];
/// let overwatch = Overwatch::new(store, components);
/// overwatch.start()?;
/// assert!(overwatch.health().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it stops the watching and leaves the components as they are.
pub struct Overwatch {
    inner: Arc<Inner>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

struct Inner {
    store: Arc<dyn Sink>,
    components: Vec<Arc<dyn Component>>,
    options: OverwatchOptions,
    // Guards what is known of the store. Never held while a probe or a component
    // runs, so `health` answers at once whatever hangs.
    watch: Mutex<Watch>,
    // Guards the hand-over between the thread that probes and the one that
    // decides. Taken before `watch`, never after it.
    probe: Mutex<Probe>,
    changed: Condvar,
    // How many components rest: the first so many. Held while they are told, and
    // taken by nobody else but `step`.
    resting: Mutex<usize>,
}

/// Where the one probe stands.
#[derive(Debug, Default)]
struct Probe {
    wanted: bool,
    running_since: Option<Duration>,
    seen: Option<Seen>,
    /// Counts starts and stops: threads of another watch than this one end.
    watch: u64,
}

impl Overwatch {
    /// Watches this store for these components, with the default times. Nothing
    /// happens before [`Overwatch::start`].
    pub fn new(store: Arc<dyn Sink>, components: Vec<Arc<dyn Component>>) -> Overwatch {
        Overwatch::with_options(store, components, OverwatchOptions::default())
    }

    /// As [`Overwatch::new`], with other times.
    pub fn with_options(
        store: Arc<dyn Sink>,
        components: Vec<Arc<dyn Component>>,
        options: OverwatchOptions,
    ) -> Overwatch {
        let watch = Watch::new(options.quiet_period);
        let inner = Inner {
            store,
            components,
            options,
            watch: Mutex::new(watch),
            probe: Mutex::default(),
            changed: Condvar::new(),
            resting: Mutex::new(0),
        };
        Overwatch { inner: Arc::new(inner), threads: Mutex::default() }
    }

    /// Starts watching. Called again while it watches, it does nothing.
    ///
    /// # Errors
    ///
    /// The operating system has no threads to give.
    pub fn start(&self) -> std::io::Result<()> {
        let mut threads = self.threads.lock();
        if !threads.is_empty() {
            return Ok(());
        }
        let watch = self.inner.next_watch();
        let prober = Arc::clone(&self.inner);
        threads.push(spawn("tidings-probe", move || while prober.probe_once(watch) {})?);
        let decider = Arc::clone(&self.inner);
        threads.push(spawn("tidings-overwatch", move || {
            let (mut jitter, interval) = (Jitter::random(), decider.options.probe_interval);
            while decider.rest(watch, jitter.shorten(interval, PROBE_JITTER_PART)) {
                decider.step();
            }
        })?);
        Ok(())
    }

    /// Stops watching; components stay as they are. Does not wait for a probe
    /// that hangs.
    pub fn stop(&self) {
        self.inner.next_watch();
        // Not joined: a probe may hang for as long as its store does, and both
        // threads only hold what they share with this handle.
        self.threads.lock().clear();
    }

    /// What is known of the store right now. Answers at once.
    pub fn health(&self) -> Health {
        self.inner.watch.lock().health()
    }

    /// Decides once on what the last probe saw, and asks for the next one. The
    /// thread started by [`Overwatch::start`] does nothing else.
    #[cfg(any(test, feature = "testing"))]
    pub fn step(&self) {
        self.inner.step();
    }

    /// Runs one probe here and now, as the probing thread would.
    #[cfg(any(test, feature = "testing"))]
    pub fn probe(&self) {
        let mut probe = self.inner.probe.lock();
        probe.wanted = true;
        let watch = probe.watch;
        drop(probe);
        self.inner.probe_once(watch);
    }
}

impl Drop for Overwatch {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Overwatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overwatch")
            .field("store", &self.inner.store.describe())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Ends the watch that is on, if any, and numbers the next.
    fn next_watch(&self) -> u64 {
        let mut probe = self.probe.lock();
        probe.watch += 1;
        self.changed.notify_all();
        probe.watch
    }

    /// Waits until a probe is wanted and runs it; false when the watch is over.
    fn probe_once(&self, watch: u64) -> bool {
        let mut probe = self.probe.lock();
        while !probe.wanted && probe.watch == watch {
            probe = self.changed.wait(probe);
        }
        if probe.watch != watch {
            return false;
        }
        probe.wanted = false;
        probe.running_since = Some(self.options.clock.monotonic());
        drop(probe);

        let seen = match self.store.probe() {
            Ok(()) => Seen::Answering,
            Err(error) => Seen::Failing {
                reason: error.pause().unwrap_or(PauseReason::StoreDown),
                cause: error.to_string(),
            },
        };

        let mut probe = self.probe.lock();
        probe.running_since = None;
        probe.seen = Some(seen);
        true
    }

    /// Waits so long; false when the watch is over.
    fn rest(&self, watch: u64, span: Duration) -> bool {
        let until = self.options.clock.monotonic() + span;
        let mut probe = self.probe.lock();
        loop {
            let left = until.saturating_sub(self.options.clock.monotonic());
            if probe.watch != watch || left.is_zero() {
                return probe.watch == watch;
            }
            probe = self.changed.wait_timeout(probe, left);
        }
    }

    fn step(&self) {
        let Some(seen) = self.look() else { return };
        let (now, at) = (self.options.clock.monotonic(), self.options.clock.now());
        let order = self.watch.lock().observe(seen, now, at);
        match order {
            Order::Nothing => {}
            Order::Suspend { reason, instead_of } => self.suspend(reason, instead_of),
            Order::Resume(reason) => {
                let resumed = self.resume(reason);
                self.watch.lock().resumed(resumed);
            }
        }
    }

    /// What the probe says, if it has said anything since the last look; asks for
    /// the next one unless one is under way.
    fn look(&self) -> Option<Seen> {
        let mut probe = self.probe.lock();
        if let Some(since) = probe.running_since {
            let waited = self.options.clock.monotonic().saturating_sub(since);
            let hangs = waited >= self.options.probe_deadline;
            return hangs.then_some(Seen::Hanging { waited });
        }
        probe.wanted = true;
        self.changed.notify_all();
        probe.seen.take()
    }

    /// Suspends those that run; those that rest already go on resting, for another
    /// reason than before if it has changed.
    fn suspend(&self, reason: PauseReason, instead_of: Option<PauseReason>) {
        let mut resting = self.resting.lock();
        for (i, component) in self.components.iter().enumerate() {
            match instead_of {
                Some(old) if i < *resting && old != reason => component.change_reason(old, reason),
                Some(_) if i < *resting => {}
                _ => component.suspend(reason),
            }
        }
        *resting = self.components.len();
        drop(resting);
        if let Health::Failing { cause, .. } = self.watch.lock().health() {
            let reason = reason.name();
            tracing::warn!(store = %self.store.describe(), reason, %cause, "store fails, components suspended");
        }
    }

    /// Resumes in the opposite order of suspending, as far as they start; false if
    /// one does not.
    fn resume(&self, reason: PauseReason) -> bool {
        let mut resting = self.resting.lock();
        while let Some(last) = resting.checked_sub(1) {
            let component = &self.components[last];
            if let Err(error) = component.resume(reason) {
                tracing::warn!(component = component.identify(), %error, "component does not start, will try again");
                return false;
            }
            *resting = last;
        }
        tracing::info!(store = %self.store.describe(), "store answers again, components resumed");
        true
    }
}

#[cfg(test)]
mod tests;
