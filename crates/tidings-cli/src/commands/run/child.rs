//! How does a child run as if we were not there?
//!
//! Signals that are sent to us go to it. Those of the terminal (^C) reach its whole
//! process group, the child too, and are not sent twice. The child is reaped under
//! the same lock as it is signalled, so a signal never hits a stranger that got
//! its process id.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use super::stderr::{End, pass_through};

/// Signals that are passed on.
const PASSED_ON: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH];
/// How long the standard error may stay open after the child has ended, by a
/// grandchild in the background.
const STDERR_LINGER: Duration = Duration::from_secs(1);

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit code, unless a signal killed it.
    pub(super) exit_code: Option<i32>,
    /// The signal that killed it, else 0.
    pub(super) signal: i32,
    /// The end of what it wrote to its standard error.
    pub(super) stderr: String,
}

impl Ended {
    /// The exit code that says the same, as shells do.
    pub(super) fn code(&self) -> u8 {
        let code = self.exit_code.unwrap_or(128 + self.signal);
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

/// `SIGTERM`
pub(super) fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal)
        .map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// Signals that wait for a child to be passed on to.
pub(super) struct Signals(SignalsInfo<WithOrigin>);

impl Signals {
    /// Catches them from now on; those that were ignored when we were started
    /// (`nohup`) stay ignored, for the child too.
    pub(super) fn install() -> io::Result<Signals> {
        let ignored = ignored_signals();
        let caught = PASSED_ON.iter().filter(|signal| ignored & (1 << (**signal - 1)) == 0);
        SignalsInfo::<WithOrigin>::new(caught).map(Signals)
    }
}

/// The set of signals that this process ignores, as Linux tells it; none where
/// that is not to be had.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

/// A child that runs.
pub(super) struct Child {
    process: Arc<Mutex<Process>>,
    pid: Pid,
    stderr: Arc<Mutex<End>>,
    stderr_closed: Receiver<()>,
    signals: signal_hook::iterator::Handle,
    passing: JoinHandle<()>,
}

struct Process {
    child: std::process::Child,
    /// It has been waited for: its process id is free for others.
    reaped: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Child {
    /// Starts it with our input and output.
    ///
    /// # Errors
    ///
    /// It is not there, or cannot be started.
    pub(super) fn start(command: &[OsString], signals: Signals) -> io::Result<Child> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program).args(arguments).stderr(Stdio::piped()).spawn()?;
        let pipe = child.stderr.take();
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
        let process = Arc::new(Mutex::new(Process { child, reaped: false }));
        let end = Arc::new(Mutex::new(End::default()));
        let (closed, stderr_closed) = sync_channel(1);
        let kept = end.clone();
        // Detached on purpose: a grandchild may hold the pipe open for ever.
        named("stderr").spawn(move || {
            if let Some(pipe) = pipe {
                pass_through(pipe, io::stderr(), |push| push(&mut lock(&kept)));
            }
            let _ = closed.send(());
        })?;
        let handle = signals.0.handle();
        let signalled = process.clone();
        let passing = named("signals").spawn(move || pass_on(signals, pid, &signalled))?;
        Ok(Child { process, pid, stderr: end, stderr_closed, signals: handle, passing })
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// The system does not let us wait.
    pub(super) fn wait(self) -> io::Result<Ended> {
        // Waits without reaping, and without the lock that signals need.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = waitid(WaitId::Pid(self.pid), options) {
            if error != rustix::io::Errno::INTR {
                return Err(error.into());
            }
        }
        let status = {
            let mut process = lock(&self.process);
            process.reaped = true;
            process.child.wait()?
        };
        self.signals.close();
        let _ = self.passing.join();
        let _ = self.stderr_closed.recv_timeout(STDERR_LINGER);
        let stderr = lock(&self.stderr).text();
        Ok(Ended { exit_code: status.code(), signal: status.signal().unwrap_or(0), stderr })
    }
}

fn named(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned())
}

fn pass_on(mut signals: Signals, pid: Pid, process: &Mutex<Process>) {
    for origin in &mut signals.0 {
        let Some(signal) = Signal::from_named_raw(origin.signal).filter(|_| was_sent(&origin))
        else {
            continue;
        };
        let process = lock(process);
        if !process.reaped {
            // It may have ended on its own: then there is nobody to tell.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Whether somebody sent it to us alone. The kernel's own come from the terminal,
/// which has sent them to the child already.
fn was_sent(origin: &Origin) -> bool {
    // An alarm that was set before we were started comes from the kernel, to us alone.
    !matches!(origin.cause, Cause::Kernel) || origin.signal == SIGALRM
}
