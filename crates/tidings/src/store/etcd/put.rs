//! How does one block get in? One transaction: the key is free, and the claim is
//! ours.

use etcd_client::{Compare, CompareOp, PutOptions, Txn, TxnOp, TxnOpResponse, TxnResponse};

use super::claim::Claimant;
use super::errors::{Fault, Trouble};
use super::{Inner, value};
use crate::block::Header;
use crate::clock::Timestamp;
use crate::store::BlockName;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};

/// Attempts of one put: a claim may have run out, and then a lease.
const ATTEMPTS_MAX: u32 = 4;

/// How a put ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Stored,
    Duplicate,
    Conflict,
}

/// Whether a request left that may store the block.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One block on its way.
#[derive(Debug)]
pub(super) struct Put {
    name: BlockName,
    member: String,
    received: Timestamp,
    value: Vec<u8>,
    sent: Sent,
}

/// What one attempt found.
enum Attempt {
    Ended(Ended),
    ClaimLost,
}

impl Put {
    pub(super) fn new(name: BlockName, header: &Header, value: Vec<u8>) -> Put {
        let member = header.members.first().map(|member| member.name.clone()).unwrap_or_default();
        Put { name, member, received: header.received.1, value, sent: Sent::default() }
    }

    pub(super) fn sent(&self) -> Sent {
        self.sent.clone()
    }

    pub(super) async fn run(self, store: &Inner) -> Result<Ended, Trouble> {
        let who = Claimant {
            origin: self.name.origin,
            boot: self.name.boot,
            member: &self.member,
            now: store.options.clock.now(),
        };
        for _ in 0..ATTEMPTS_MAX {
            let claim = match store.claims.hold(&store.session, &store.keys, who).await {
                Err(trouble) if trouble.fault == Fault::Lease => {
                    store.claims.lost_all().await;
                    continue;
                }
                held => held?,
            };
            let lease = store.leases.take(&store.session, self.received).await?;
            match self.attempt(store, claim, lease).await {
                Ok(Attempt::Ended(ended)) => return Ok(ended),
                Ok(Attempt::ClaimLost) => store.claims.lost(self.name.origin).await,
                Err(trouble) if trouble.fault == Fault::Lease => store.leases.forget(lease).await,
                Err(trouble) => return Err(trouble),
            }
        }
        Err(Trouble::new(Fault::Down, "claims or leases run out as fast as they are made"))
    }

    async fn attempt(&self, store: &Inner, claim: i64, lease: i64) -> Result<Attempt, Trouble> {
        let key = store.keys.event(self.name);
        let claim_key = store.keys.claim(self.name.origin);
        let free = Compare::create_revision(key.clone(), CompareOp::Equal, 0);
        let ours = Compare::create_revision(claim_key, CompareOp::Equal, claim);
        let options = PutOptions::new().with_lease(lease);
        let txn = Txn::new()
            .when([free, ours])
            .and_then([TxnOp::put(key.clone(), self.value.clone(), Some(options))])
            .or_else([TxnOp::get(key, None)]);
        self.sent.0.store(true, Ordering::Relaxed);
        let done = store.session.call(|mut client| {
            let txn = txn.clone();
            async move { client.txn(txn).await }
        });
        Ok(self.judge(&done.await?))
    }

    fn judge(&self, done: &TxnResponse) -> Attempt {
        if done.succeeded() {
            return Attempt::Ended(Ended::Stored);
        }
        let found = done.op_responses().into_iter().find_map(|answer| match answer {
            TxnOpResponse::Get(got) => got.kvs().first().map(|pair| pair.value().to_vec()),
            _ => None,
        });
        match found {
            // The key is free, so it was the claim that is not ours.
            None => Attempt::ClaimLost,
            Some(found) if value::are_same_block(&found, &self.value) => {
                Attempt::Ended(Ended::Duplicate)
            }
            Some(_) => Attempt::Ended(Ended::Conflict),
        }
    }
}
