//! How does one block get in? One transaction: the key is free, and the claim is
//! ours. A presence needs only the claim.

use etcd_client::{Compare, CompareOp, PutOptions, Txn, TxnOp, TxnOpResponse, TxnResponse};

use super::claim::Claimant;
use super::errors::{Fault, Trouble};
use super::presence::Presence;
use super::{Inner, value};
use crate::block::Header;
use crate::clock::Timestamp;
use crate::id::{Boot, Origin};
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

/// One write on its way.
#[derive(Debug)]
pub(super) struct Put {
    what: What,
    origin: Origin,
    boot: Boot,
    member: String,
    value: Vec<u8>,
    sent: Sent,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// Stands for ever, under a key that must be free.
    Block { name: BlockName, received: Timestamp },
    /// Takes the place of the one before.
    Presence,
}

/// What one attempt found.
enum Attempt {
    Ended(Ended),
    ClaimLost,
}

impl Put {
    pub(super) fn of_block(name: BlockName, header: &Header, value: Vec<u8>) -> Put {
        let member = header.members.first().map(|member| member.name.clone()).unwrap_or_default();
        let what = What::Block { name, received: header.received.1 };
        let BlockName { origin, boot, .. } = name;
        Put { what, origin, boot, member, value, sent: Sent::default() }
    }

    pub(super) fn of_presence(presence: &Presence, value: Vec<u8>) -> Put {
        let Presence { origin, boot, member, .. } = presence;
        let (origin, boot, member) = (*origin, *boot, member.clone());
        Put { what: What::Presence, origin, boot, member, value, sent: Sent::default() }
    }

    pub(super) fn sent(&self) -> Sent {
        self.sent.clone()
    }

    pub(super) async fn run(self, store: &Inner) -> Result<Ended, Trouble> {
        let now = store.options.clock.now();
        for _ in 0..ATTEMPTS_MAX {
            let claim = self.claim(store).await?;
            let lease = match self.what {
                What::Block { received, .. } => store.leases.take(&store.session, received).await?,
                What::Presence => store.leases.borrow(&store.session, now).await?,
            };
            match self.attempt(store, claim, lease).await {
                Ok(Attempt::Ended(ended)) => return Ok(ended),
                Ok(Attempt::ClaimLost) => store.claims.lost(self.origin).await,
                Err(trouble) if trouble.fault == Fault::Lease => store.leases.forget(lease).await,
                Err(trouble) => return Err(trouble),
            }
        }
        Err(run_out())
    }

    /// Holds the claim of the origin that the write is of; its revision.
    pub(super) async fn claim(&self, store: &Inner) -> Result<i64, Trouble> {
        let now = store.options.clock.now();
        let who = Claimant { origin: self.origin, boot: self.boot, member: &self.member, now };
        for _ in 0..ATTEMPTS_MAX {
            match store.claims.hold(&store.session, &store.keys, who).await {
                Err(trouble) if trouble.fault == Fault::Lease => store.claims.lost_all().await,
                held => return held,
            }
        }
        Err(run_out())
    }

    async fn attempt(&self, store: &Inner, claim: i64, lease: i64) -> Result<Attempt, Trouble> {
        let claim_key = store.keys.claim(self.origin);
        let ours = Compare::create_revision(claim_key, CompareOp::Equal, claim);
        let options = PutOptions::new().with_lease(lease);
        let put = |key: String| TxnOp::put(key, self.value.clone(), Some(options));
        let txn = match self.what {
            What::Block { name, .. } => {
                let key = store.keys.event(name);
                let free = Compare::create_revision(key.clone(), CompareOp::Equal, 0);
                let txn = Txn::new().when([free, ours]).and_then([put(key.clone())]);
                txn.or_else([TxnOp::get(key, None)])
            }
            What::Presence => {
                Txn::new().when([ours]).and_then([put(store.keys.member(self.origin))])
            }
        };
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
        match (self.what, found) {
            (What::Block { name, .. }, Some(found)) => {
                let same = value::are_same_block(name, &found, &self.value);
                Attempt::Ended(if same { Ended::Duplicate } else { Ended::Conflict })
            }
            // No key is in the way, so it was the claim that is not ours.
            _ => Attempt::ClaimLost,
        }
    }
}

fn run_out() -> Trouble {
    Trouble::new(Fault::Down, "claims or leases run out as fast as they are made")
}
