//! How does a host get its member of etcd? One that can be killed, stopped and
//! started again with what it had.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tidings::testing::etcd::EtcdRelease;

use crate::hosts::Host;
use crate::patience::wait_until;
use crate::server::signal;

/// Where clients reach it.
const CLIENTS: u16 = 2379;
/// Where the other members reach it.
const PEERS: u16 = 2380;

/// One of three; dropping it kills it.
pub(crate) struct Etcd {
    host: Host,
    dir: PathBuf,
    flags: Vec<String>,
    child: Option<Child>,
    /// Started before, so that the cluster is there already.
    joined: bool,
}

impl Etcd {
    /// Not started yet; its data and its log are kept here.
    pub(crate) fn new(host: &Host, dir: &Path, flags: &[&str]) -> Etcd {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Etcd { host: host.clone(), dir: dir.to_owned(), flags, child: None, joined: false }
    }

    /// Starts it, beside the members on these hosts; it may take a while until it
    /// answers.
    pub(crate) fn start(&mut self, all: &[Host]) {
        let peer = |host: &Host| format!("http://{}", host.address(PEERS));
        let members: Vec<String> =
            all.iter().map(|host| format!("m{}={}", host.number, peer(host))).collect();
        let (client, own) = (self.url(), peer(&self.host));
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(EtcdRelease::Packaged.program("etcd").unwrap());
        command
            .args(["--name", &format!("m{}", self.host.number), "--data-dir"])
            .arg(self.dir.join("etcd"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &own, "--initial-advertise-peer-urls", &own])
            .args(["--initial-cluster", &members.join(",")])
            .args(["--initial-cluster-state", if self.joined { "existing" } else { "new" }])
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.joined = true;
        self.child = Some(self.host.inside(|| command.spawn().unwrap()));
    }

    /// Waits until it serves: one that is killed before it has written its first
    /// entries never answers again.
    pub(crate) fn wait_until_serving(&self) {
        let serves = || {
            let args = ["endpoint", "health", "--command-timeout=2s"];
            self.try_ctl(&args).is_ok()
        };
        wait_until(serves, || format!("etcd {}: {}", self.host.number, self.last_words()));
    }

    fn url(&self) -> String {
        Etcd::url_on(&self.host)
    }

    /// Where the member on this host is reached.
    pub(crate) fn url_on(host: &Host) -> String {
        format!("http://{}", host.address(CLIENTS))
    }

    fn log(&self) -> PathBuf {
        self.dir.join("etcd.log")
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Runs `etcdctl` against it and answers with what it printed.
    #[track_caller]
    pub(crate) fn ctl(&self, args: &[&str]) -> String {
        self.try_ctl(args).unwrap_or_else(|words| panic!("etcdctl {args:?}: {words}"))
    }

    /// As [`Etcd::ctl`], where it may fail.
    pub(crate) fn try_ctl(&self, args: &[&str]) -> Result<String, String> {
        self.control(args, b"")
    }

    /// Puts any bytes under a key.
    pub(crate) fn try_put(&self, key: &str, value: &[u8]) -> Result<String, String> {
        self.control(&["put", key], value)
    }

    fn control(&self, args: &[&str], input: &[u8]) -> Result<String, String> {
        let mut command = Command::new(EtcdRelease::Packaged.program("etcdctl").unwrap());
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.url()]).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.host.inside(|| command.spawn().unwrap());
        // One that fails at once need not have read it.
        let _ = child.stdin.take().unwrap().write_all(input);
        let out = child.wait_with_output().unwrap();
        let words = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if out.status.success() { Ok(words(out.stdout)) } else { Err(words(out.stderr)) }
    }

    /// What it says of itself.
    #[track_caller]
    pub(crate) fn status(&self) -> serde_json::Value {
        let told = self.ctl(&["endpoint", "status", "-w", "json"]);
        serde_json::from_str::<serde_json::Value>(&told).unwrap()[0]["Status"].clone()
    }

    /// Every sync of its disk takes long, until what is returned is dropped.
    pub(crate) fn slow_down(&self) -> Slow {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-p", &pid, "-e", "trace=fdatasync"]);
        strace.args(["-e", "inject=fdatasync:delay_enter=300000"]);
        Slow(strace.stderr(Stdio::null()).spawn().expect("strace"))
    }

    /// Sends a signal: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.as_ref().unwrap().id(), name);
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What makes a disk slow.
pub(crate) struct Slow(Child);

impl Drop for Slow {
    fn drop(&mut self) {
        // Not killed: what it has stopped would stay so.
        signal(self.0.id(), "INT");
        let _ = self.0.wait();
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}
