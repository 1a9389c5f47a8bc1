//! Who else is here? The only door to locks, atomics and threads.
//!
//! Under the feature `shuttle` the same names are Shuttle's, so that the queue's
//! core can be run under many thousand interleavings; std primitives used past
//! this door would stay unexplored.

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::{sync, thread};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::{sync, thread};

pub(crate) use self::sync::atomic;
pub(crate) use self::sync::{Arc, Weak};
pub(crate) use self::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake};
use std::time::Duration;

/// A lock that a panic elsewhere cannot poison: what it guards is only ever
/// changed by code that leaves it whole.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(sync::PoisonError::into_inner)
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(sync::PoisonError::into_inner)
    }

    /// `None` while somebody else has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(sync::TryLockError::WouldBlock) => None,
        }
    }
}

/// Many readers or one writer; not poisoned either.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> RwLock<T> {
        RwLock(sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(sync::PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(sync::PoisonError::into_inner)
    }
}

/// Waits for another thread's word.
///
/// A word that nobody waits for costs no system call. So what sleepers wait for may
/// only be changed under the lock that they sleep with: whoever changed it then sees
/// that they sleep, or they see the change.
#[derive(Debug, Default)]
pub(crate) struct Condvar {
    told: sync::Condvar,
    /// Grows under that lock.
    sleepers: atomic::AtomicUsize,
}

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar::default()
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.sleep(|told| told.wait(guard).unwrap_or_else(sync::PoisonError::into_inner))
    }

    /// Waits at most `timeout`; wakes may be spurious, so callers loop.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        let wait = |told: &sync::Condvar| told.wait_timeout(guard, timeout);
        self.sleep(|told| wait(told).unwrap_or_else(sync::PoisonError::into_inner).0)
    }

    fn sleep<T>(&self, wait: impl FnOnce(&sync::Condvar) -> T) -> T {
        self.sleepers.fetch_add(1, atomic::Ordering::Relaxed);
        let woken = wait(&self.told);
        self.sleepers.fetch_sub(1, atomic::Ordering::Relaxed);
        woken
    }

    fn has_sleepers(&self) -> bool {
        self.sleepers.load(atomic::Ordering::Relaxed) > 0
    }

    pub(crate) fn notify_one(&self) {
        if self.has_sleepers() {
            self.told.notify_one();
        }
    }

    pub(crate) fn notify_all(&self) {
        if self.has_sleepers() {
            self.told.notify_all();
        }
    }
}

/// Places that are taken without waiting, or not at all.
#[derive(Debug)]
pub(crate) struct Seats(atomic::AtomicUsize);

impl Seats {
    pub(crate) fn new(free: usize) -> Seats {
        Seats(atomic::AtomicUsize::new(free))
    }

    /// `None` while all are taken.
    pub(crate) fn try_take(&self) -> Option<Seat<'_>> {
        let less = |free: usize| free.checked_sub(1);
        let relaxed = atomic::Ordering::Relaxed;
        self.0.fetch_update(relaxed, relaxed, less).ok().map(|_| Seat(self))
    }
}

/// A place that is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat<'a>(&'a Seats);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, atomic::Ordering::Relaxed);
    }
}

/// How many threads can really run at the same time.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Starts a thread that carries a name in debuggers and panics.
///
/// # Errors
///
/// The operating system has no thread to give.
pub(crate) fn spawn<F>(name: &str, body: F) -> std::io::Result<thread::JoinHandle<()>>
where
    F: FnOnce() + Send + 'static,
{
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

/// Runs a future to its end on this thread, which sleeps while the future waits.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let sleep = std::sync::Arc::new(Sleep::default());
    let waker = std::sync::Arc::clone(&sleep).into();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        sleep.until_woken();
    }
}

/// A thread that sleeps until it is woken.
#[derive(Debug, Default)]
struct Sleep {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Sleep {
    fn until_woken(&self) {
        let mut is_woken = self.is_woken.lock();
        while !std::mem::take(&mut *is_woken) {
            is_woken = self.woken.wait(is_woken);
        }
    }
}

impl Wake for Sleep {
    fn wake(self: std::sync::Arc<Self>) {
        *self.is_woken.lock() = true;
        self.woken.notify_one();
    }
}
