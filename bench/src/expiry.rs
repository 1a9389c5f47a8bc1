//! Does a put wait while etcd lets go of what was put a lease ago? The slowest puts
//! while nothing expires, and while leases full of keys do, in the same run.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tidings::Clock;
use tidings::store::Sink;
use tidings::store::etcd::{EtcdStore, LEASE_KEYS_MAX, LEASE_PADDING};
use tidings::testing::Blocks;
use tidings::testing::etcd::EtcdMember;

use crate::measure::{middle, short, table};

/// Keys that expire, in leases as full as they get.
const KEYS: usize = 5 * LEASE_KEYS_MAX as usize;
/// Between two puts that are measured.
const PAUSE: Duration = Duration::from_millis(5);
/// Nothing expires from the last of the keys until so long before their leases end.
const MARGIN: Duration = Duration::from_secs(5);
/// How long after the end of their leases the last of the keys has gone for sure.
const AFTER: Duration = Duration::from_secs(20);

pub(crate) fn report() -> String {
    let member = EtcdMember::with(&["--quota-backend-bytes=8589934592"]);
    // What is older than its retention gets a lease of nothing but the padding.
    let mut options = member.options();
    options.retention = Duration::from_secs(1);
    let store = EtcdStore::connect(options).expect("a store over etcd");
    let (_awake, rest) = sync_channel::<()>(1); // nobody sends: it only rests
    let (clock, mut blocks) = (Clock::system(), Blocks::new(1));
    let mut put = || {
        let block = blocks.of(1);
        let began = clock.monotonic();
        store.put(&block).expect("etcd takes it");
        clock.monotonic().saturating_sub(began).as_secs_f64() * 1000.0
    };
    let first = clock.monotonic();
    for _ in 0..KEYS {
        put();
    }
    let last = clock.monotonic();
    let mut during = |until: Duration| {
        let mut took = Vec::new();
        while clock.monotonic() < until {
            took.push(put());
            let _ = rest.recv_timeout(PAUSE);
        }
        took
    };
    let quiet = during((first + LEASE_PADDING).saturating_sub(MARGIN));
    let expiring = during(last + LEASE_PADDING + AFTER);
    let left = store.blocks().expect("etcd answers").blocks.len();
    let gone = KEYS + quiet.len() + expiring.len() - left;
    assert!(gone >= KEYS, "{gone} keys have expired, {KEYS} should have");
    let rows = [row("nothing expires", quiet), row("leases expire", expiring)];
    let heads = ["ms a put, one event each", "puts", "median", "99 %", "slowest"];
    format!(
        "{KEYS} keys in full leases, then a put every {} ms: while nothing expires, and while they do ({gone} keys went).\n\n{}",
        PAUSE.as_millis(),
        table(&heads, &rows)
    )
}

fn row(name: &str, mut took: Vec<f64>) -> Vec<String> {
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took.get((took.len() * part / 100).min(took.len() - 1)).copied();
    let [late, slowest] = [at(99), at(100)].map(|ms| short(ms.unwrap_or(f64::NAN)));
    vec![name.to_owned(), took.len().to_string(), short(middle(took)), late, slowest]
}
