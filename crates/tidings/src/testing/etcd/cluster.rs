//! What if some of the members fail? Three of them on loopback, each of which can be
//! killed, frozen and brought back.

use super::{EtcdMember, EtcdRelease, free_ports, peer_url};
use crate::store::etcd::{EtcdOptions, EtcdStore};

/// How often it is asked who leads before a test has failed.
const LEADER_QUESTIONS: usize = 200;

/// Three members, named by their index. Its methods panic where something cannot be
/// done.
///
/// ```no_run
/// use tidings::testing::etcd::EtcdCluster;
///
/// let mut cluster = EtcdCluster::start();
/// let store = cluster.store();
/// cluster.kill(cluster.leader());
/// ```
#[derive(Debug)]
pub struct EtcdCluster {
    members: [EtcdMember; 3],
    frozen: [bool; 3],
}

impl EtcdCluster {
    /// Starts three members, and waits until all serve.
    pub fn start() -> EtcdCluster {
        EtcdCluster::with(&[])
    }

    /// With more flags of etcd's for each.
    pub fn with(flags: &[&str]) -> EtcdCluster {
        let ports = free_ports::<3>();
        let named = ports.iter().enumerate();
        let all: Vec<String> = named.map(|(i, at)| format!("m{i}={}", peer_url(*at))).collect();
        let all = all.join(",");
        let member = |i: usize| {
            let name = format!("m{i}");
            EtcdMember::named(name, EtcdRelease::Packaged, ports[i], all.clone(), flags)
        };
        let mut cluster = EtcdCluster { members: [0, 1, 2].map(member), frozen: [false; 3] };
        cluster.run_all();
        cluster
    }

    /// The options of a store that knows all three, in the order of their indices.
    pub fn options(&self) -> EtcdOptions {
        EtcdOptions::new(self.members.iter().map(EtcdMember::url))
    }

    /// The options of a store that knows all three, this one first: it speaks to this
    /// one as long as that answers.
    pub fn options_at(&self, index: usize) -> EtcdOptions {
        let mut options = self.options();
        options.endpoints.rotate_left(index);
        options
    }

    /// A store that knows all three.
    pub fn store(&self) -> EtcdStore {
        EtcdStore::connect(self.options()).expect("good options")
    }

    /// A store that knows all three, this one first.
    pub fn store_at(&self, index: usize) -> EtcdStore {
        EtcdStore::connect(self.options_at(index)).expect("good options")
    }

    /// One member.
    pub fn member(&self, index: usize) -> &EtcdMember {
        &self.members[index]
    }

    /// The index of the member that leads; waits for one.
    #[track_caller]
    pub fn leader(&self) -> usize {
        let found = (0..LEADER_QUESTIONS).find_map(|_| {
            let awake = (0..3).filter(|i| self.members[*i].runs() && !self.frozen[*i]);
            awake.into_iter().find(|i| self.members[*i].leads())
        });
        found.expect("somebody leads")
    }

    /// The index of a member that does not lead.
    #[track_caller]
    pub fn follower(&self) -> usize {
        (self.leader() + 1) % 3
    }

    /// Kills one as `kill -9` does.
    pub fn kill(&mut self, index: usize) {
        self.members[index].kill();
        self.frozen[index] = false;
    }

    /// Brings one back with what it has kept, and waits until it serves; that needs
    /// another one that runs.
    pub fn run(&mut self, index: usize) {
        self.members[index].run();
    }

    /// Kills all as `kill -9` does.
    pub fn kill_all(&mut self) {
        (0..3).for_each(|index| self.kill(index));
    }

    /// Brings all back that do not run, and waits until they serve.
    pub fn run_all(&mut self) {
        let mut gone: Vec<&mut EtcdMember> =
            self.members.iter_mut().filter(|member| !member.runs()).collect();
        for member in &mut gone {
            member.launch();
        }
        for member in gone {
            member.await_serving();
        }
    }

    /// Stops one in the middle of whatever it does: it keeps its connections and
    /// answers nothing.
    pub fn freeze(&mut self, index: usize) {
        self.members[index].signal("-STOP");
        self.frozen[index] = true;
    }

    /// Lets a frozen one go on.
    pub fn thaw(&mut self, index: usize) {
        self.members[index].signal("-CONT");
        self.frozen[index] = false;
    }

    /// Lets all go on that are frozen, brings all back that do not run, and waits
    /// until they serve.
    pub fn heal(&mut self) {
        for index in 0..self.members.len() {
            if self.frozen[index] {
                self.thaw(index);
            }
        }
        self.run_all();
    }
}

impl EtcdMember {
    /// Whether it says of itself that it leads.
    fn leads(&self) -> bool {
        let said = self.ctl(&["endpoint", "status", "-w", "json"]);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
        let status = &said[0]["Status"];
        let own = &status["header"]["member_id"];
        own.is_u64() && *own == status["leader"]
    }
}
