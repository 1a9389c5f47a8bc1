//! Which process is measured? One that serves on a port of its own, stopped when
//! it is no longer needed.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tidings::Clock;

use super::{bare, wire};
use crate::machine;

/// A server in a process of its own.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process until `/readyz` answered 200.
    pub(crate) start: Duration,
}

impl Server {
    /// The release program over a data directory, as soon as it is ready.
    pub(crate) fn tidings(data: &Path) -> io::Result<Server> {
        Server::tidings_with(data, &[])
    }

    /// The same with more flags.
    pub(crate) fn tidings_with(data: &Path, flags: &[&str]) -> io::Result<Server> {
        let mut command = Command::new(program()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(flags);
        let mut server = Server::start(&mut command)?;
        while wire::status(server.address, "/readyz")? != 200 {
            std::thread::yield_now();
        }
        server.start = Clock::system().monotonic().saturating_sub(server.start);
        Ok(server)
    }

    /// The one that parses and stores nothing.
    pub(crate) fn bare() -> io::Result<Server> {
        Server::start(Command::new(std::env::current_exe()?).arg(bare::CHILD))
    }

    fn start(command: &mut Command) -> io::Result<Server> {
        let start = Clock::system().monotonic();
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let words = child.stderr.take().map(BufReader::new);
        let mut words = words.ok_or_else(|| io::Error::other("no stderr"))?.lines();
        let address = words.by_ref().find_map(|line| address_in(&line.ok()?));
        // Somebody has to read what it says, or it would wait for that at last.
        std::thread::spawn(move || words.for_each(drop));
        match address {
            Some(address) => Ok(Server { child, address, start }),
            None => Err(io::Error::other(format!("{command:?} does not listen"))),
        }
    }

    /// Processor seconds of all its threads so far, to a hundredth.
    pub(crate) fn cpu(&self) -> f64 {
        machine::cpu_of(self.child.id())
    }

    pub(crate) fn resident_bytes(&self) -> f64 {
        machine::resident_bytes_of(self.child.id()) as f64
    }

    /// The most it has occupied so far.
    pub(crate) fn resident_bytes_peak(&self) -> f64 {
        machine::resident_bytes_peak_of(self.child.id()) as f64
    }

    /// Stops it as an operator does, and waits for its end.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status()?;
        let ended = self.child.wait()?;
        if asked.success() && ended.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("a server did not stop cleanly: {ended}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Most have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Beside this program.
fn program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("tidings");
    if path.is_file() {
        return Ok(path);
    }
    let hint = "is not built: run ./x bench, or cargo build --release -p tidings-cli";
    Err(io::Error::other(format!("{} {hint}", path.display())))
}

fn address_in(line: &str) -> Option<SocketAddr> {
    line.split_once("listens on http://")?.1.trim_end_matches('/').parse().ok()
}
