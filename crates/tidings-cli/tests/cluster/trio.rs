//! What is a cluster of three? On each host a member of etcd, and a server that
//! shares its log through all of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tempfile::TempDir;
use tidings::testing::etcd::is_here;

use crate::etcd::Etcd;
use crate::hosts::{Host, Hosts, say};
use crate::patience::wait_until;
use crate::server::{Answer, Server, Stopped, request, tidings};

/// Where each server listens, on its own host.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8434);

/// Three machines that run; dropping it ends and removes them.
pub(crate) struct Trio {
    pub(crate) machines: Vec<Machine>,
    // After the machines, whose processes are in it.
    hosts: Hosts,
    /// A cluster has this computer for itself: three of them at once would test
    /// its processors.
    _turn: MutexGuard<'static, ()>,
}

/// How the machines of a cluster are set up.
#[derive(Clone, Copy, Default)]
pub(crate) struct Setup {
    /// More flags of every etcd.
    pub(crate) etcd_flags: &'static [&'static str],
    /// More flags of every `tidings serve`.
    pub(crate) flags: &'static [&'static str],
}

/// One of them.
pub(crate) struct Machine {
    pub(crate) host: Host,
    pub(crate) etcd: Etcd,
    server: Option<Server>,
    dir: TempDir,
    flags: Vec<String>,
    /// Further variables of its server's environment.
    pub(crate) env: Vec<(String, String)>,
}

impl Trio {
    /// `None`, said aloud, where there is no etcd or no right to make hosts.
    pub(crate) fn start(test: &str) -> Option<Trio> {
        Trio::with(test, Setup::default())
    }

    /// Starts one, and waits until each server takes events and etcd answers.
    pub(crate) fn with(test: &str, setup: Setup) -> Option<Trio> {
        let mut trio = Trio::without_servers(test, setup)?;
        trio.machines.iter_mut().for_each(Machine::start_server);
        Some(trio)
    }

    /// As [`Trio::with`], and the servers are not started yet.
    pub(crate) fn without_servers(test: &str, setup: Setup) -> Option<Trio> {
        static TURN: Mutex<()> = Mutex::new(());
        if !is_here(test) {
            return None;
        }
        // Whoever panicked has removed its hosts all the same.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let hosts = Hosts::make(test)?;
        let machines = hosts.all.iter().map(|host| Machine::new(host, &hosts, setup)).collect();
        let mut trio = Trio { machines, hosts, _turn: turn };
        trio.start_etcd([0, 1, 2]);
        Some(trio)
    }

    /// Starts these members of etcd, and waits until they serve.
    pub(crate) fn start_etcd(&mut self, which: impl IntoIterator<Item = usize>) {
        let which: Vec<usize> = which.into_iter().collect();
        for &i in &which {
            self.machines[i].etcd.start(&self.hosts.all);
        }
        self.wait_until_etcd_serves();
    }

    pub(crate) fn wait_until_etcd_serves(&self) {
        self.machines.iter().for_each(|machine| machine.etcd.wait_until_serving());
    }

    /// Which member of etcd leads.
    pub(crate) fn leader(&self) -> usize {
        let leads = |machine: &Machine| {
            let status = machine.etcd.status();
            status["leader"] == status["header"]["member_id"]
        };
        self.machines.iter().position(leads).expect("a leader")
    }
}

impl Machine {
    fn new(host: &Host, hosts: &Hosts, setup: Setup) -> Machine {
        let dir = TempDir::new().unwrap();
        let etcd = Etcd::new(host, dir.path(), setup.etcd_flags);
        // Its own member first.
        let mut others: Vec<Host> = hosts.all.to_vec();
        others.rotate_left(usize::from(host.number) - 1);
        let urls: Vec<String> = others.iter().map(Etcd::url_on).collect();
        let flags = ["--etcd".to_owned(), urls.join(",")].into_iter();
        let flags = flags.chain(setup.flags.iter().map(|flag| (*flag).to_owned())).collect();
        Machine { host: host.clone(), etcd, server: None, dir, flags, env: Vec::new() }
    }

    /// Its server's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Where its server may find a password.
    pub(crate) fn password_file(&self) -> PathBuf {
        self.dir.path().join("password")
    }

    pub(crate) fn name(&self) -> String {
        format!("m{}", self.host.number)
    }

    /// Starts its server, and waits until it takes events.
    pub(crate) fn start_server(&mut self) {
        let mut command = tidings();
        command
            .args(["serve", "--listen", &LISTEN.to_string(), "--member", &self.name(), "--data"])
            .arg(self.data())
            .args(&self.flags)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        self.server = Some(self.host.inside(|| Server::start_as(command)));
    }

    /// Ends its server as the loss of power would.
    pub(crate) fn kill_server(&mut self) {
        let server = self.server.take().unwrap();
        server.signal("KILL");
        server.wait();
    }

    /// Sends its server a signal: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        self.server.as_ref().unwrap().signal(name);
    }

    /// Of its server.
    pub(crate) fn pid(&self) -> u32 {
        self.server.as_ref().unwrap().pid()
    }

    /// SIGTERM, then waits for the end.
    pub(crate) fn stop_server(&mut self) -> Stopped {
        self.server.take().unwrap().stop()
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.host.inside(|| request(LISTEN, "GET", path, &[], b"")).expect("an answer")
    }

    /// Records an event of type `a` with this message.
    #[track_caller]
    pub(crate) fn record(&self, message: &str) -> Answer {
        let record = || request(LISTEN, "POST", "/e/a", &[], message.as_bytes());
        self.host.inside(record).expect("an answer")
    }

    /// A command of the program, to be run on a host against its server.
    pub(crate) fn tidings(args: &[&str]) -> Command {
        let mut command = tidings();
        command.args(args).env("TIDINGS_SERVER", format!("http://{LISTEN}"));
        command
    }

    /// Its events of type `a`, in the order of its lists, with all that is shown.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let path = "/api/v1/events?format=ndjson&order=asc&since=all&verbose=1&type=a";
        let text = self.get(path).text();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// `/api/v1/stats`.
    #[track_caller]
    pub(crate) fn stats(&self) -> Value {
        self.get("/api/v1/stats").json()
    }

    /// What 9volt's check says, with its status.
    #[track_caller]
    pub(crate) fn check(&self) -> (u16, String) {
        let answer = self.get("/status/check");
        (answer.status, answer.json()["status"].as_str().unwrap().to_owned())
    }

    /// Waits until its server says that its events go out and others' come in.
    #[track_caller]
    pub(crate) fn wait_until_plain_ok(&self) {
        let plain = (200, "OK".to_owned());
        wait_until(|| self.check() == plain, || format!("{}: {}", self.name(), self.stats()));
    }
}

/// Records these lines on the host that this thread is on.
pub(crate) fn record_here(lines: &str) -> std::io::Result<Answer> {
    let headers = [("Content-Type", "application/x-ndjson")];
    request(LISTEN, "POST", "/api/v1/events", &headers, lines.as_bytes())
}

impl Drop for Machine {
    fn drop(&mut self) {
        let Some(server) = self.server.take() else { return };
        if !std::thread::panicking() {
            return;
        }
        server.signal("KILL");
        let words = server.wait().stderr;
        let lines: Vec<&str> = words.lines().collect();
        let last = lines[lines.len().saturating_sub(40)..].join("\n");
        let name = self.name();
        say(&format!("--- the end of what {name}'s server said:\n{last}\n"));
        say(&format!("--- and its etcd:\n{}\n", self.etcd.last_words()));
    }
}
