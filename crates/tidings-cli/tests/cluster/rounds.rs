//! G9, G10: whatever happens to etcd, to the network and to the servers, what was
//! acknowledged is found, once and in order, by all.

use std::ops::Range;
use std::time::Duration;

use tidings::testing::blocks::splitmix;

use crate::faults::{Fault, QUOTA, Which};
use crate::patience::pause;
use crate::trio::{Setup, Trio};
use crate::truth::assert_one_truth;
use crate::writers::Writers;

/// Each decides the rounds of a cluster; on failure it is printed: let this range
/// hold nothing else to replay it.
const SEEDS: Range<u64> = if cfg!(feature = "soak") { 6..21 } else { 6..7 };
/// Rounds of a cluster, not too many: after every one the whole log is read.
const ROUNDS: u64 = if cfg!(feature = "soak") { 20 } else { 2 };
/// How much longer than [`LASTS`] one that is drawn may last.
const LONGER_MILLIS: u64 = if cfg!(feature = "soak") { 20_000 } else { 1000 };
/// How long a fault lasts at least.
const LASTS: Duration = Duration::from_millis(1500);
/// Events that each producer gets acknowledged at least in each part of a round.
const EVENTS: usize = 20;
const SETUP: Setup = Setup { etcd_flags: &[QUOTA], flags: &[] };

/// One after the other on the same machines; after each the truth is told.
#[expect(clippy::print_stdout, reason = "a test that fails shows it")]
fn live_through(trio: &mut Trio, name: &str, faults: impl IntoIterator<Item = (Fault, Duration)>) {
    let mut acknowledged = vec![Vec::new(); 3];
    for (round, (fault, lasts)) in faults.into_iter().enumerate() {
        println!("{name}, round {round}: {fault:?} for {lasts:?}");
        let writers = Writers::start(trio, &round.to_string());
        writers.go_on(&[0, 1, 2], EVENTS);
        fault.strike(trio, || {
            writers.go_on(&fault.taking(), EVENTS);
            pause(lasts);
        });
        writers.go_on(&[0, 1, 2], EVENTS);
        for (all, more) in acknowledged.iter_mut().zip(writers.end()) {
            all.extend(more);
        }
        trio.wait_until_etcd_serves();
        assert_one_truth(trio, &acknowledged);
    }
}

#[test]
fn whatever_happens_to_the_cluster_all_tell_the_same_afterwards() {
    let test = "whatever_happens_to_the_cluster_all_tell_the_same_afterwards";
    let Some(mut trio) = Trio::with(test, SETUP) else { return };
    let written = [
        Fault::EtcdDies(Which::Leader),
        Fault::EtcdHangs(Which::Quorum),
        Fault::Full,
        Fault::AllDie,
    ];

    live_through(&mut trio, "written", written.map(|fault| (fault, LASTS)));
}

#[test]
fn whatever_is_drawn_all_tell_the_same_afterwards() {
    for seed in SEEDS {
        let Some(mut trio) = Trio::with("whatever_is_drawn_…", SETUP) else { return };
        let mut state = seed;
        let drawn = (0..ROUNDS).map(|_| {
            let fault = Fault::drawn(splitmix(&mut state));
            let longer = Duration::from_millis(splitmix(&mut state) % LONGER_MILLIS);
            (fault, LASTS + longer)
        });
        live_through(&mut trio, &format!("seed {seed}"), drawn);
    }
}
