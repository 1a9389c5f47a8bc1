//! How is etcd? What the member that we speak to says of itself and of its
//! cluster.

use super::errors::Trouble;
use super::{Inner, WatchFrom};

/// What a member says of itself and of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EtcdStatus {
    /// The id of the cluster.
    pub cluster: u64,
    /// The last revision that the member has.
    pub revision: i64,
    /// Bytes of its database file; etcd's quota bounds these.
    pub bytes: u64,
    /// Bytes of them that are in use: as many it would have after `defrag`.
    pub bytes_in_use: u64,
    /// Whether the cluster has a leader.
    pub has_leader: bool,
    /// Members of the cluster.
    pub members: usize,
    /// The member's version, `3.4.23`.
    pub version: String,
    /// What is wrong, in etcd's words: `NOSPACE`, `CORRUPT`.
    pub alarms: Vec<String>,
}

impl Inner {
    pub(super) async fn status(&self) -> Result<EtcdStatus, Trouble> {
        let said = self.session.call(|mut client| async move {
            Ok((client.status().await?, client.member_list().await?))
        });
        let (status, list) = said.await?;
        let WatchFrom { cluster, revision } = WatchFrom::of(status.header())?;
        Ok(EtcdStatus {
            cluster,
            revision,
            bytes: u64::try_from(status.db_size()).unwrap_or_default(),
            bytes_in_use: u64::try_from(status.raft_used_db_size()).unwrap_or_default(),
            has_leader: status.leader() != 0,
            members: list.members().len(),
            version: status.version().to_owned(),
            alarms: alarms_of(status.errors()),
        })
    }
}

/// Of `memberID:10276657743932975437 alarm:NOSPACE ` the last word, once each.
fn alarms_of(errors: &[String]) -> Vec<String> {
    let mut alarms: Vec<String> = errors
        .iter()
        .filter_map(|error| error.split_once("alarm:"))
        .map(|(_, name)| name.trim().to_owned())
        .collect();
    alarms.sort_unstable();
    alarms.dedup();
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_named_once_however_many_members_have_it() {
        let said = ["memberID:1 alarm:NOSPACE ", "memberID:2 alarm:NOSPACE ", "etcdserver: x"];

        assert_eq!(alarms_of(&said.map(str::to_owned)), ["NOSPACE"]);
        assert_eq!(alarms_of(&[]), Vec::<String>::new());
    }
}
