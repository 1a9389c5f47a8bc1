//! When does etcd forget a block? With its lease: one for many blocks of the same
//! stretch of time.
//!
//! A lease for each key would cost several times the CPU, and one lease for all
//! slows every put down by the keys it has. Leases are never revoked: that would
//! take other blocks along, and stalls etcd.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::errors::Trouble;
use super::session::Session;
use crate::clock::{Clock, Timestamp};

/// Keys that one lease is given, at most.
pub const LEASE_KEYS_MAX: u32 = 1000;
/// With so many keys on a lease the next one is granted already.
const LEASE_KEYS_AHEAD: u32 = 900;
/// Stretches of `received` that have leases of their own, in one retention.
const BUCKETS: u32 = 24;
const BUCKET_SHORTEST: Duration = Duration::from_secs(10);
/// How much longer than promised a lease runs: etcd's clock is not ours.
pub const LEASE_PADDING: Duration = Duration::from_mins(1);

/// The leases that are in use.
#[derive(Debug)]
pub(super) struct Leases {
    retention: Duration,
    bucket: Duration,
    clock: Clock,
    // Held while a lease is granted, so that many puts that need one grant one.
    pool: Mutex<BTreeMap<i64, Bucket>>,
}

/// The leases of one stretch of time.
#[derive(Debug, Default)]
struct Bucket {
    current: Option<Lease>,
    spare: Option<i64>,
}

#[derive(Debug)]
struct Lease {
    id: i64,
    keys: u32,
}

impl Bucket {
    fn take(&mut self) -> Option<i64> {
        if self.current.as_ref().is_none_or(|lease| lease.keys >= LEASE_KEYS_MAX) {
            self.current = self.spare.take().map(|id| Lease { id, keys: 0 });
        }
        let lease = self.current.as_mut()?;
        lease.keys += 1;
        Some(lease.id)
    }

    fn borrow(&mut self) -> Option<i64> {
        if self.current.is_none() {
            self.current = self.spare.take().map(|id| Lease { id, keys: 0 });
        }
        self.current.as_ref().map(|lease| lease.id)
    }

    /// Whether the next lease is to be granted now, by whoever took the last key.
    fn runs_out(&self) -> bool {
        let keys = self.current.as_ref().map_or(0, |lease| lease.keys);
        self.spare.is_none() && keys == LEASE_KEYS_AHEAD
    }

    fn forget(&mut self, id: i64) {
        self.current.take_if(|lease| lease.id == id);
        self.spare.take_if(|spare| *spare == id);
    }
}

impl Leases {
    pub(super) fn new(retention: Duration, clock: Clock) -> Leases {
        let bucket = (retention / BUCKETS).max(BUCKET_SHORTEST);
        Leases { retention, bucket, clock, pool: Mutex::default() }
    }

    /// A lease for one more key, of a block that was received then.
    pub(super) async fn take(
        self: &Arc<Leases>,
        session: &Arc<Session>,
        received: Timestamp,
    ) -> Result<i64, Trouble> {
        self.choose(session, received, Bucket::take).await
    }

    /// A lease for a key that is written again and again: it counts for nothing.
    pub(super) async fn borrow(
        self: &Arc<Leases>,
        session: &Arc<Session>,
        now: Timestamp,
    ) -> Result<i64, Trouble> {
        self.choose(session, now, Bucket::borrow).await
    }

    async fn choose(
        self: &Arc<Leases>,
        session: &Arc<Session>,
        received: Timestamp,
        choice: fn(&mut Bucket) -> Option<i64>,
    ) -> Result<i64, Trouble> {
        let number = self.bucket_of(received);
        let mut pool = self.pool.lock().await;
        let oldest = self.bucket_of(self.clock.now().before(self.retention));
        pool.retain(|other, _| *other >= oldest || *other == number);
        let bucket = pool.entry(number).or_default();
        let id = if let Some(id) = choice(bucket) {
            id
        } else {
            bucket.spare = Some(self.grant(session, number).await?);
            // What was put there is taken.
            choice(bucket).unwrap_or_default()
        };
        if bucket.runs_out() {
            let (leases, session) = (Arc::clone(self), Arc::clone(session));
            tokio::spawn(async move { leases.grant_ahead(&session, number).await });
        }
        Ok(id)
    }

    /// Takes a lease that etcd does not know any more out of use.
    pub(super) async fn forget(&self, id: i64) {
        self.pool.lock().await.values_mut().for_each(|bucket| bucket.forget(id));
    }

    async fn grant_ahead(&self, session: &Session, number: i64) {
        // If it fails, whoever needs the lease tries again and tells.
        if let Ok(id) = self.grant(session, number).await {
            self.pool.lock().await.entry(number).or_default().spare.get_or_insert(id);
        }
    }

    async fn grant(&self, session: &Session, number: i64) -> Result<i64, Trouble> {
        let seconds = self.seconds(number);
        let granted = session
            .call(|mut client| async move { client.lease_grant(seconds, None).await })
            .await?;
        Ok(granted.id())
    }

    /// How long a lease of this stretch must run from now on.
    fn seconds(&self, number: i64) -> i64 {
        let end = number.saturating_add(1).saturating_mul(nanos(self.bucket));
        let end = Timestamp::from_nanos(end).after(self.retention);
        let left = end.since(self.clock.now()) + LEASE_PADDING;
        i64::try_from(left.as_secs()).unwrap_or(i64::MAX)
    }

    fn bucket_of(&self, received: Timestamp) -> i64 {
        received.as_nanos().div_euclid(nanos(self.bucket))
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn leases_at(now: Timestamp) -> Leases {
        Leases::new(24 * HOUR, Clock::by_hand(now))
    }

    #[test]
    fn a_lease_outlives_the_retention_of_the_last_block_of_its_stretch() {
        let start = Timestamp::from_nanos(1000 * nanos(HOUR));
        for (now, hours) in [(start, 25), (start.after(HOUR), 24), (start.after(30 * HOUR), 0)] {
            let leases = leases_at(now);
            let left = leases.seconds(leases.bucket_of(start));
            assert_eq!(left, hours * 3600 + 60, "{now}");
        }
    }

    #[test]
    fn a_lease_takes_so_many_keys_and_then_the_next_one_does() {
        let mut bucket = Bucket { current: None, spare: Some(1) };
        let taken: Vec<Option<i64>> = (0..LEASE_KEYS_MAX).map(|_| bucket.take()).collect();
        assert!(taken.iter().all(|id| *id == Some(1)));

        assert_eq!(bucket.take(), None);
        bucket.spare = Some(2);
        assert_eq!(bucket.take(), Some(2));
    }

    #[test]
    fn the_next_lease_is_asked_for_once_and_ahead() {
        let mut bucket = Bucket { current: None, spare: Some(1) };
        let asked = (0..LEASE_KEYS_MAX).filter(|_| {
            bucket.take();
            bucket.runs_out()
        });
        assert_eq!(asked.count(), 1);
    }

    #[test]
    fn a_borrowed_lease_keeps_its_room() {
        let mut bucket = Bucket { current: None, spare: Some(1) };
        for _ in 0..2 * LEASE_KEYS_MAX {
            assert_eq!(bucket.borrow(), Some(1));
        }
        assert_eq!(bucket.take(), Some(1));
    }

    #[test]
    fn a_forgotten_lease_is_not_used_again() {
        let mut bucket = Bucket { current: Some(Lease { id: 1, keys: 3 }), spare: Some(2) };
        bucket.forget(1);
        assert_eq!(bucket.take(), Some(2));
        bucket.forget(2);
        assert_eq!(bucket.take(), None);
    }
}
