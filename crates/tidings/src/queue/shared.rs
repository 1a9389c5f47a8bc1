//! Who may touch the gate when? The one lock, and who is woken by what.
//!
//! Order of locks: `threads` before `gate`; nothing else is taken under `gate`,
//! and no foreign code (sink, waker, logger) runs under either. Every wait is on
//! `gate`: the sealer for events, slots or time; workers for blocks or time;
//! `flush` and `close` for progress.

use std::time::Duration;

use super::buffer::Ring;
use super::builder::Settings;
use super::gate::{Gate, Swept, Take};
use super::jobs::{Job, Jobs, Pick, Settled};
use super::pace::Pace;
use super::spool::Spool;
use crate::clock::Clock;
use crate::id::{Boot, Origin};
use crate::store::{Placed, Reach, StoreError};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::tally::{LossReason, Refusal};

/// After sealing, the sealer rests this long before an event can wake it, so
/// that a flood pays for no wake-ups; half a buffer wakes it all the same.
pub(super) const SEALER_NAP: Duration = Duration::from_micros(100);
/// The longest that a thread of the queue sleeps without looking around.
pub(super) const THREAD_TICK: Duration = Duration::from_secs(10);

/// What the queue, its clients and its threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) member: Box<str>,
    pub(super) origin: Origin,
    pub(super) reach: Reach,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    /// The process that made or adopted the queue's threads.
    pub(super) pid: AtomicU32,
    gate: Mutex<Gate>,
    /// The largest event that would get in, for lesser and for urgent events, as
    /// of the last change: read without the lock, to build nothing for a refusal.
    pub(super) room: AtomicUsize,
    pub(super) room_urgent: AtomicUsize,
    /// Whether everything offered is refused because of a pause, as of the last
    /// change.
    discarding: AtomicBool,
    /// Refused for that without the lock, and not booked yet.
    refused_unbooked: AtomicU64,
    for_sealer: Condvar,
    for_workers: Condvar,
    progress: Condvar,
}

impl Shared {
    pub(super) fn new(
        member: String,
        settings: Settings,
        reach: Reach,
        origin: Origin,
        boot: Boot,
        spool: Option<&Spool>,
    ) -> Shared {
        let mut gate = new_gate(&settings, reach, boot);
        if let Some(spool) = spool {
            gate = gate.with_spool(!spool.is_empty());
        }
        let shared = Shared {
            member: member.into_boxed_str(),
            origin,
            reach,
            clock: settings.clock.clone(),
            settings,
            pid: AtomicU32::new(std::process::id()),
            room: AtomicUsize::new(0),
            room_urgent: AtomicUsize::new(0),
            discarding: AtomicBool::new(false),
            refused_unbooked: AtomicU64::new(0),
            gate: Mutex::new(gate),
            for_sealer: Condvar::new(),
            for_workers: Condvar::new(),
            progress: Condvar::new(),
        };
        shared.publish(&shared.gate());
        shared
    }

    /// Locks, and books what was refused without the lock.
    #[inline]
    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        let mut gate = self.gate.lock();
        if self.refused_unbooked.load(Ordering::Relaxed) > 0 {
            let refused = self.refused_unbooked.swap(0, Ordering::Relaxed);
            gate.refuse(Refusal::Paused, refused, || self.clock.now());
        }
        gate
    }

    /// Refuses without the lock while the queue discards: an atomic counts, and
    /// whoever locks next books it. Says whether it did.
    ///
    /// The first one after each booking takes the lock to have its time noted; and
    /// to book itself if the pause is over by then, for nobody might lock again.
    #[inline]
    pub(super) fn refuse_paused(&self) -> bool {
        if !self.discarding.load(Ordering::Relaxed) {
            return false;
        }
        if self.refused_unbooked.fetch_add(1, Ordering::Relaxed) == 0 {
            let mut gate = self.gate.lock();
            if gate.discards_offers() {
                gate.misses.note(|| self.clock.now());
            } else {
                drop(gate);
                drop(self.gate());
            }
        }
        true
    }

    /// Says aloud what would get in; after every change, under the lock.
    #[inline]
    pub(super) fn publish(&self, gate: &Gate) {
        self.discarding.store(gate.discards_offers(), Ordering::Relaxed);
        let (room, room_urgent) = gate.rooms();
        self.room.store(room, Ordering::Relaxed);
        self.room_urgent.store(room_urgent, Ordering::Relaxed);
    }

    /// Waits, if it may, until the sealer has something to do.
    pub(super) fn take(&self, ring: &mut Ring, may_wait: bool) -> Take {
        let mut napped = false;
        let mut gate = self.gate();
        loop {
            let (now, mono) = (self.clock.now(), self.clock.monotonic());
            let wait = match gate.take(ring, now, mono) {
                Take::Wait(wait) if may_wait => wait,
                other => {
                    self.publish(&gate);
                    drop(gate);
                    if matches!(other, Take::Done) {
                        self.progressed();
                        self.wake_workers();
                    }
                    return other;
                }
            };
            let drained = gate.is_drained();
            let nap = drained && !napped;
            gate.wake_at = match (drained, nap) {
                (true, true) => (self.settings.buffer_events_max / 2).max(1),
                (true, false) => 1,
                (false, _) => gate.wake_at_waiting(),
            };
            napped = true;
            let longest = if nap { SEALER_NAP } else { THREAD_TICK };
            let longest = wait.unwrap_or(longest).min(longest);
            gate = self.for_sealer.wait_timeout(gate, longest);
        }
    }

    /// Waits, if it may, for a slot for the events held since `epoch`; says
    /// whether they end the boot, or as what they were lost meanwhile.
    pub(super) fn slot(&self, epoch: u64, may_wait: bool) -> Slot {
        let mut gate = self.gate();
        loop {
            if let Some(reason) = gate.lost_since(epoch) {
                return Slot::Lost(reason);
            }
            if gate.has_chore(self.clock.monotonic()) {
                return Slot::Spool;
            }
            if gate.jobs.has_slot() {
                return Slot::Free { ends_here: gate.ends_here() };
            }
            if !may_wait {
                return Slot::None;
            }
            gate.note_waiting(self.clock.monotonic());
            gate = self.for_sealer.wait_timeout(gate, THREAD_TICK);
        }
    }

    /// Hands a sealed block over.
    pub(super) fn submit(&self, job: Job, epoch: u64, next_seq: u64) {
        let lost = self.gate().submit(job, epoch, next_seq);
        match lost {
            None => self.wake_worker(),
            Some((job, reason)) => job.settle_lost(reason),
        }
    }

    /// Waits, if it may, until there is a block to put.
    pub(super) fn pick(&self, may_wait: bool) -> Pick {
        let mut gate = self.gate();
        loop {
            match gate.pick(self.clock.monotonic()) {
                Pick::Wait(wait) if may_wait => {
                    let wait = wait.unwrap_or(THREAD_TICK).min(THREAD_TICK);
                    gate = self.for_workers.wait_timeout(gate, wait);
                }
                pick => {
                    // The one who leaves passes the word on: what is left may
                    // have been this thread's to wait for.
                    let others_wait = gate.jobs.any_waiting();
                    drop(gate);
                    if others_wait {
                        self.wake_worker();
                    }
                    return pick;
                }
            }
        }
    }

    /// Books what a put has come to.
    pub(super) fn settle(&self, number: u64, put: &Result<Placed, StoreError>) -> Settled {
        let (now, mono) = (self.clock.now(), self.clock.monotonic());
        let settled = self.gate().settle(number, put, now, mono);
        if matches!(settled, Settled::Stored { .. } | Settled::Lost { .. }) {
            self.progressed();
            self.wake_sealer();
        } else if matches!(settled, Settled::Again { .. }) {
            // It may be the sealer's now, to carry it into the spool.
            self.wake_sealer();
        }
        settled
    }

    /// Waits until `done` or the deadline on the system's monotonic clock.
    pub(super) fn wait_until(&self, deadline: Duration, done: impl Fn(&Gate) -> bool) -> bool {
        let clock = Clock::system();
        let mut gate = self.gate();
        loop {
            if done(&gate) {
                return true;
            }
            let left = deadline.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return false;
            }
            gate = self.progress.wait_timeout(gate, left);
        }
    }

    /// Changes the gate and sweeps out what the change lost; says how much.
    pub(super) fn sweep(&self, change: impl FnOnce(&mut Gate, &mut Swept)) -> u64 {
        let mut swept = Swept::with_room(&self.settings);
        let mut gate = self.gate();
        change(&mut gate, &mut swept);
        self.publish(&gate);
        drop(gate);
        let events = swept.events;
        swept.settle();
        self.wake_all();
        events
    }

    /// Changes the gate in a way that concerns everybody.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gate = self.gate();
        let changed = change(&mut gate);
        self.publish(&gate);
        drop(gate);
        self.wake_all();
        changed
    }

    pub(super) fn wake_all(&self) {
        self.wake_sealer();
        self.wake_workers();
        self.progressed();
    }

    pub(super) fn progressed(&self) {
        self.progress.notify_all();
    }

    pub(super) fn wake_sealer(&self) {
        self.for_sealer.notify_all();
    }

    fn wake_worker(&self) {
        self.for_workers.notify_one();
    }

    fn wake_workers(&self) {
        self.for_workers.notify_all();
    }

    /// Whether this process is a fork of the one that started the queue: its
    /// threads and its events are the other's. Starts the books afresh then.
    pub(super) fn adopt_if_forked(&self) -> bool {
        let pid = std::process::id();
        if self.pid.swap(pid, Ordering::SeqCst) == pid {
            return false;
        }
        // Two processes must not name events alike. Without random bytes the boot
        // differs at least by the process.
        let boot = Boot::random().unwrap_or_else(|_| {
            let old = u64::from_be_bytes(self.gate().boot.to_bytes());
            Boot::from_bytes((old ^ u64::from(pid).rotate_left(32)).to_be_bytes())
        });
        let fresh = new_gate(&self.settings, self.reach, boot);
        let old = std::mem::replace(&mut *self.gate(), fresh);
        self.publish(&self.gate());
        drop(old);
        true
    }
}

/// Whether the sealer may hand a block over.
#[derive(Debug)]
pub(super) enum Slot {
    Free {
        ends_here: bool,
    },
    Lost(LossReason),
    /// See to the spool first.
    Spool,
    None,
}

/// How many puts may be in flight, each by a thread of its own.
pub(super) fn slots(settings: &Settings, reach: Reach) -> usize {
    match reach {
        Reach::Local => 1,
        Reach::Remote => settings.workers,
    }
}

fn new_gate(settings: &Settings, reach: Reach, boot: Boot) -> Gate {
    let pace = match reach {
        Reach::Local => Pace::none(),
        Reach::Remote => Pace::new(settings.workers, settings.worker_sleep),
    };
    Gate::new(boot, settings, Jobs::new(slots(settings, reach), settings.max_event_age, pace))
}
