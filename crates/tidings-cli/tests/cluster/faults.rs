//! What goes wrong, and how does it end?

use crate::etcd::Etcd;
use crate::patience::wait_until;
use crate::trio::{Machine, Trio};

/// Space that every etcd has: little, so that it is soon full.
const QUOTA_BYTES: usize = 24 * 1024 * 1024;
/// The flag that says so.
pub(crate) const QUOTA: &str = "--quota-backend-bytes=25165824";
/// Somebody else's value.
const JUNK_BYTES: usize = 1_000_000;

/// Something that happens to a cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// These members of etcd die, and start again.
    EtcdDies(Which),
    /// These members of etcd stand still for a while.
    EtcdHangs(Which),
    /// The disk under the leader of etcd is slow.
    SlowDisk,
    /// Somebody pulls the cable of this machine.
    Unplugged(usize),
    /// What the others send to this machine vanishes.
    BlackHole(usize),
    /// This server dies, and starts again.
    ServerDies(usize),
    /// This server stands still for a while.
    ServerHangs(usize),
    /// All servers and all members of etcd die at once, as in a loss of power.
    AllDie,
    /// The history of etcd is forgotten while this machine cannot read it.
    Compacted(usize),
    /// Somebody else fills etcd, and an operator makes room.
    Full,
}

/// Members of etcd.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    Leader,
    Follower,
    Quorum,
    All,
}

impl Fault {
    /// One of them, whatever number was thrown.
    pub(crate) fn drawn(dice: u64) -> Fault {
        let machine = usize::try_from(dice / 1000 % 3).unwrap_or(0);
        let which = [Which::Leader, Which::Follower, Which::Quorum, Which::All];
        let which = which[usize::try_from(dice / 3000 % 4).unwrap_or(0)];
        match dice % 10 {
            0 => Fault::EtcdDies(which),
            1 => Fault::EtcdHangs(which),
            2 => Fault::Unplugged(machine),
            3 => Fault::BlackHole(machine),
            4 => Fault::ServerDies(machine),
            5 => Fault::ServerHangs(machine),
            6 => Fault::Compacted(machine),
            7 => Fault::Full,
            8 => Fault::SlowDisk,
            _ => Fault::AllDie,
        }
    }

    /// Machines whose servers take events meanwhile.
    pub(crate) fn taking(self) -> Vec<usize> {
        match self {
            Fault::ServerDies(gone) | Fault::ServerHangs(gone) => others(gone).to_vec(),
            _ => vec![0, 1, 2],
        }
    }

    /// Lets it happen, does this meanwhile, and ends it.
    pub(crate) fn strike(self, trio: &mut Trio, meanwhile: impl Fn()) {
        match self {
            Fault::EtcdDies(which) => {
                let which = which.of(trio);
                for &i in &which {
                    trio.machines[i].etcd.kill();
                }
                meanwhile();
                trio.start_etcd(which);
            }
            Fault::EtcdHangs(which) => {
                let which = which.of(trio);
                let signal = |name| which.iter().for_each(|&i| trio.machines[i].etcd.signal(name));
                signal("STOP");
                meanwhile();
                signal("CONT");
            }
            Fault::SlowDisk => {
                let slow = trio.machines[trio.leader()].etcd.slow_down();
                meanwhile();
                drop(slow);
            }
            Fault::Unplugged(i) => {
                trio.machines[i].host.unplug();
                meanwhile();
                trio.machines[i].host.plug();
            }
            Fault::BlackHole(i) => {
                let host = |i: usize| &trio.machines[i].host;
                for other in others(i) {
                    host(other).lose_what_goes_to(host(i));
                }
                meanwhile();
                for other in others(i) {
                    host(other).lose_nothing_more_to(host(i));
                }
            }
            Fault::ServerDies(i) => {
                trio.machines[i].kill_server();
                meanwhile();
                trio.machines[i].start_server();
            }
            Fault::ServerHangs(i) => {
                trio.machines[i].signal("STOP");
                meanwhile();
                trio.machines[i].signal("CONT");
            }
            Fault::AllDie => all_die(trio, meanwhile),
            Fault::Compacted(i) => {
                trio.machines[i].host.unplug();
                meanwhile();
                compact(&trio.machines[others(i)[0]].etcd);
                trio.machines[i].host.plug();
            }
            Fault::Full => {
                fill(trio);
                meanwhile();
                make_room(trio);
            }
        }
    }
}

impl Which {
    fn of(self, trio: &Trio) -> Vec<usize> {
        let leader = trio.leader();
        match self {
            Which::Leader => vec![leader],
            Which::Follower => vec![others(leader)[0]],
            Which::Quorum => vec![leader, others(leader)[0]],
            Which::All => vec![0, 1, 2],
        }
    }
}

fn others(i: usize) -> [usize; 2] {
    [(i + 1) % 3, (i + 2) % 3]
}

fn all_die(trio: &mut Trio, meanwhile: impl Fn()) {
    for machine in &mut trio.machines {
        machine.etcd.kill();
        machine.kill_server();
    }
    // They come back before etcd does.
    trio.machines.iter_mut().for_each(Machine::start_server);
    meanwhile();
    trio.start_etcd([0, 1, 2]);
}

fn compact(etcd: &Etcd) {
    // The leader may be the one that is away.
    etcd.wait_until_serving();
    etcd.ctl(&["compact", "--physical", &etcd.status()["header"]["revision"].to_string()]);
}

/// Puts until there is no space, and waits until every server says so.
fn fill(trio: &Trio) {
    let (etcd, junk) = (&trio.machines[0].etcd, vec![b'x'; JUNK_BYTES]);
    let full = (0..2 * QUOTA_BYTES / JUNK_BYTES)
        .find_map(|n| etcd.try_put(&format!("junk/{n}"), &junk).err());
    let words = full.expect("more than the quota fits");
    assert!(words.contains("database space exceeded"), "{words}");
    for machine in &trio.machines {
        let told = || machine.check() == (500, "etcd is full".to_owned());
        wait_until(told, || format!("{:?}", machine.check()));
    }
}

/// What docs/operations.md tells an operator to do.
fn make_room(trio: &Trio) {
    let etcd = &trio.machines[0].etcd;
    etcd.ctl(&["del", "--prefix", "junk/"]);
    compact(etcd);
    for machine in &trio.machines {
        machine.etcd.ctl(&["defrag", "--command-timeout=30s"]);
    }
    etcd.ctl(&["alarm", "disarm"]);
}
