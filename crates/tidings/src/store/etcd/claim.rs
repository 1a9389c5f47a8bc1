//! Who may write the blocks of an origin? One process at a time: whoever holds
//! the claim, a key that lives as long as its holder shows signs of life.
//!
//! Every put compares the claim in its own transaction, so a process that was
//! stopped for a while and has lost its claim writes nothing when it wakes up. A
//! copy of a data directory that is started beside the original finds the claim
//! taken and is told by whom.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, Compare, CompareOp, KeyValue, PutOptions, Txn, TxnOp, TxnOpResponse};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::errors::{Fault, Trouble};
use super::key::Keys;
use super::options::ETCD_CALL_DEADLINE;
use super::session::Session;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};

/// How long a claim outlives its holder.
pub const CLAIM_LIFE: Duration = Duration::from_secs(15);
/// How often its holder shows that it lives.
const CLAIM_BEAT: Duration = Duration::from_secs(5);

/// What stands under a claim.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    boot: String,
    member: String,
    since: Timestamp,
}

/// What this store may write.
#[derive(Debug, Default)]
pub(super) struct Claims {
    // Held while a claim is made, so that many puts make it once.
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// The one lease of all our claims.
    lease: Option<i64>,
    /// The revisions at which they were made, which puts compare.
    origins: HashMap<Origin, (Boot, i64)>,
}

/// Who asks for a claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claimant<'a> {
    pub(super) origin: Origin,
    pub(super) boot: Boot,
    pub(super) member: &'a str,
    pub(super) now: Timestamp,
}

impl Claims {
    /// The revision of our claim; makes it if we have none.
    pub(super) async fn hold(
        self: &Arc<Claims>,
        session: &Arc<Session>,
        keys: &Keys,
        who: Claimant<'_>,
    ) -> Result<i64, Trouble> {
        let mut held = self.held.lock().await;
        if let Some((_, revision)) = held.origins.get(&who.origin) {
            return Ok(*revision);
        }
        let lease = if let Some(lease) = held.lease {
            lease
        } else {
            let lease = grant(session).await?;
            held.lease = Some(lease);
            let (claims, session) = (Arc::clone(self), Arc::clone(session));
            tokio::spawn(async move { claims.keep_alive(&session, lease).await });
            lease
        };
        let revision = claim(session, keys, who, lease).await?;
        held.origins.insert(who.origin, (who.boot, revision));
        Ok(revision)
    }

    /// Forgets a claim that etcd says is not ours any more.
    pub(super) async fn lost(&self, origin: Origin) {
        self.held.lock().await.origins.remove(&origin);
    }

    /// Forgets all claims, because the lease that they live by is gone.
    pub(super) async fn lost_all(&self) {
        *self.held.lock().await = Held::default();
    }

    /// Gives all claims back, so that the next process need not wait.
    pub(super) async fn give_back(&self, session: &Session) {
        let lease = {
            let mut held = self.held.lock().await;
            held.origins.clear();
            held.lease.take()
        };
        if let Some(lease) = lease {
            // If it fails the claims run out by themselves.
            let _ =
                session.call(|mut client| async move { client.lease_revoke(lease).await }).await;
        }
    }

    /// Shows signs of life until the lease is gone or given back.
    async fn keep_alive(&self, session: &Session, lease: i64) {
        loop {
            sleep(CLAIM_BEAT).await;
            if self.held.lock().await.lease != Some(lease) {
                return;
            }
            let beat = session.call(|client| beat(client, lease)).await;
            // An error says nothing about the lease: the next beat tries again.
            if let Ok(0) = beat {
                let mut held = self.held.lock().await;
                if held.lease == Some(lease) {
                    *held = Held::default();
                }
                return;
            }
        }
    }
}

async fn grant(session: &Session) -> Result<i64, Trouble> {
    let seconds = i64::try_from(CLAIM_LIFE.as_secs()).unwrap_or(i64::MAX);
    let granted =
        session.call(|mut client| async move { client.lease_grant(seconds, None).await }).await?;
    Ok(granted.id())
}

/// One sign of life; answers with the seconds left, 0 when the lease is gone.
async fn beat(mut client: Client, lease: i64) -> Result<i64, etcd_client::Error> {
    let (mut keeper, mut answers) = client.lease_keep_alive(lease).await?;
    keeper.keep_alive().await?;
    let answer = timeout(ETCD_CALL_DEADLINE, answers.message()).await;
    let answer = answer.map_err(|_| no_answer())??;
    answer.map(|answer| answer.ttl()).ok_or_else(no_answer)
}

fn no_answer() -> etcd_client::Error {
    etcd_client::Error::LeaseKeepAliveError("no answer".to_owned())
}

/// Makes the claim, unless another boot holds it.
async fn claim(
    session: &Session,
    keys: &Keys,
    who: Claimant<'_>,
    lease: i64,
) -> Result<i64, Trouble> {
    let key = keys.claim(who.origin);
    let holder =
        Holder { boot: who.boot.to_string(), member: who.member.to_owned(), since: who.now };
    // Writing to memory cannot fail.
    let value = serde_json::to_vec(&holder).unwrap_or_default();
    let when_free = Compare::create_revision(key.clone(), CompareOp::Equal, 0);
    let put = TxnOp::put(key.clone(), value, Some(PutOptions::new().with_lease(lease)));
    let txn = Txn::new().when([when_free]).and_then([put]).or_else([TxnOp::get(key.clone(), None)]);
    let done = session
        .call(|mut client| {
            let txn = txn.clone();
            async move { client.txn(txn).await }
        })
        .await?;
    if done.succeeded() {
        return Ok(done.header().map_or(0, etcd_client::ResponseHeader::revision));
    }
    let found = done.op_responses().into_iter().find_map(|answer| match answer {
        TxnOpResponse::Get(got) => got.kvs().first().cloned(),
        _ => None,
    });
    let Some(found) = found else {
        return Err(Trouble::new(Fault::Down, "the claim of the origin went away just now"));
    };
    // Our own, when the answer to an earlier attempt was lost.
    if found.lease() == lease {
        Ok(found.create_revision())
    } else {
        Err(taken(who.origin, &found))
    }
}

fn taken(origin: Origin, found: &KeyValue) -> Trouble {
    let holder: Option<Holder> = serde_json::from_slice(found.value()).ok();
    let by = holder.map_or_else(
        || "somebody".to_owned(),
        |Holder { boot, member, since }| format!("{member:?} (boot {boot}) since {since}"),
    );
    let seconds = CLAIM_LIFE.as_secs();
    let cause = format!(
        "origin {origin} is written by {by}: after a crash its claim ends within {seconds} s; \
         otherwise two processes run on copies of one data directory, and one must go"
    );
    Trouble::new(Fault::Claimed, cause)
}
