//! What are three machines made of, on one? Network namespaces with an address
//! each, joined by a bridge that stands in a namespace of its own: nothing of it
//! shows in this machine's network, and several runs can go on at once.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where namespaces have their names.
const NAMED: &str = "/run/netns";
/// Names begin so; the process that made them follows.
const OURS: &str = "tidings-test-";

/// Three hosts; dropping them removes them.
pub(crate) struct Hosts {
    /// Of the bridge.
    hub: String,
    pub(crate) all: [Host; 3],
}

/// One of them, cheap to clone.
#[derive(Clone)]
pub(crate) struct Host {
    name: String,
    hub: String,
    /// 1, 2 or 3.
    pub(crate) number: u8,
}

impl Hosts {
    /// `None`, said aloud, where namespaces cannot be made.
    pub(crate) fn make(test: &str) -> Option<Hosts> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        sweep();
        let run = MADE.fetch_add(1, Ordering::Relaxed);
        let name = |what: &str| format!("{OURS}{}-{run}-{what}", std::process::id());
        let hub = name("hub");
        let first = Command::new("ip").args(["netns", "add", &hub]).output();
        if !first.is_ok_and(|made| made.status.success()) {
            say(&format!("skipped: {test} needs root and ip, to make network namespaces\n"));
            return None;
        }
        let host = |number: u8| Host { name: name(&number.to_string()), hub: hub.clone(), number };
        let hosts = Hosts { hub: hub.clone(), all: [1, 2, 3].map(host) };
        ip(&hub, "link add name br0 type bridge");
        ip(&hub, "link set br0 up");
        for host in &hosts.all {
            host.plug_in();
        }
        Some(hosts)
    }
}

impl Host {
    fn plug_in(&self) {
        let Host { name, hub, number } = self;
        assert!(run("ip", &format!("netns add {name}")), "{name}");
        ip(hub, &format!("link add name v{number} type veth peer name eth0 netns {name}"));
        ip(hub, &format!("link set v{number} master br0 up"));
        ip(name, &format!("addr add {}/24 dev eth0", self.ip()));
        ip(name, "link set eth0 up");
        ip(name, "link set lo up");
    }

    pub(crate) fn ip(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.number)
    }

    /// Does it on this host: sockets that are opened and processes that are
    /// started meanwhile are of this host for as long as they live.
    pub(crate) fn inside<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        let done = std::thread::scope(|scope| {
            let enter = || {
                self.enter();
                what()
            };
            scope.spawn(enter).join()
        });
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// This thread is on this host from now on.
    pub(crate) fn enter(&self) {
        let door = File::open(Path::new(NAMED).join(&self.name)).unwrap();
        move_into_link_name_space(door.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    /// Pulls the cable, also of connections that are open.
    pub(crate) fn unplug(&self) {
        ip(&self.hub, &format!("link set v{} down", self.number));
    }

    pub(crate) fn plug(&self) {
        ip(&self.hub, &format!("link set v{} up", self.number));
    }

    /// What this host sends to that one vanishes, without a word.
    pub(crate) fn lose_what_goes_to(&self, other: &Host) {
        ip(&self.name, &format!("route add blackhole {}/32", other.ip()));
    }

    pub(crate) fn lose_nothing_more_to(&self, other: &Host) {
        ip(&self.name, &format!("route del blackhole {}/32", other.ip()));
    }

    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        (self.ip(), port).into()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in self.all.iter().map(|host| &host.name).chain([&self.hub]) {
            run("ip", &format!("netns del {name}"));
        }
    }
}

/// Removes what runs left that were killed before they could.
fn sweep() {
    let names = std::fs::read_dir(NAMED).into_iter().flatten().flatten();
    for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(pid) = name.strip_prefix(OURS).and_then(|rest| rest.split('-').next()) else {
            continue;
        };
        if !Path::new("/proc").join(pid).exists() {
            let left = Command::new("ip").args(["netns", "pids", &name]).output();
            let left = left.map(|left| left.stdout).unwrap_or_default();
            for pid in String::from_utf8_lossy(&left).split_whitespace() {
                run("kill", &format!("-KILL {pid}"));
            }
            run("ip", &format!("netns del {name}"));
        }
    }
}

/// `ip` in a namespace; it must succeed.
#[track_caller]
fn ip(name: &str, words: &str) {
    assert!(run("ip", &format!("-n {name} {words}")), "ip -n {name} {words}");
}

fn run(program: &str, words: &str) -> bool {
    Command::new(program).args(words.split(' ')).output().is_ok_and(|out| out.status.success())
}

/// Not `eprintln!`: nobody hears what a test that passes prints by it.
pub(crate) fn say(words: &str) {
    std::io::stderr().write_all(words.as_bytes()).unwrap();
}
