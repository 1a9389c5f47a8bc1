//! What can happen to a cluster?

use std::time::Duration;

use proptest::prelude::*;
use tidings::PauseReason;
use tidings::testing::{Answer, Fault};

/// Members of a cluster.
pub(super) const MEMBERS: usize = 3;
/// How far a member's clock is off, at most, in seconds: under five minutes, so
/// that nobody's times are corrected and lists have one order.
pub(super) const SKEW_SECONDS: i64 = 120;
/// The same where times are corrected.
pub(super) const LARGE_SKEW_SECONDS: i64 = 100_000;

/// What happens; the first number says to which member.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// So many events are offered; `queued` asks for no promise.
    Append {
        member: usize,
        events: usize,
        queued: bool,
    },
    /// One event under one of few keys, the same whoever offers it.
    AppendKeyed {
        member: usize,
        key: u8,
    },
    /// A queue in the member's process puts a block.
    Put {
        member: usize,
        events: u64,
    },
    Publish(usize),
    Apply(usize),
    Maintain(usize),
    /// Time goes on, for everybody.
    Wait(Duration),
    /// A clock is set, so many seconds off the right time.
    Skew {
        member: usize,
        seconds: i64,
    },
    /// A later write of the member's store fails, once.
    FailOnce(usize, u64, Fault),
    /// And all after it.
    FailForEver(usize, u64, Fault),
    FailRead(usize, u64),
    Repair(usize),
    /// The member's next put into the commons is answered so.
    Answer(usize, Answer),
    /// The commons are out of the member's reach.
    Cut(usize),
    Heal(usize),
    /// Whoever watches the commons, or the store, says that they are away; or a
    /// person does.
    Pause {
        member: usize,
        of: Part,
        reason: PauseReason,
    },
    Resume {
        member: usize,
        of: Part,
        reason: PauseReason,
    },
    /// The commons forget their history.
    Compact,
    /// Somebody writes what is no block where the member's next publication belongs.
    Scribble(usize),
    /// A member that is not among these publishes, and perhaps one of its
    /// publications never comes.
    Stranger {
        events: u64,
        skips: bool,
    },
    /// It stops in good order, and is started again.
    Restart(usize),
    /// Its process dies, and is started again.
    Crash(usize),
    /// A copy is made of what it has stored.
    Backup(usize),
    /// It dies, and goes on with the copy.
    Restore(usize),
}

/// A part of a member that can be paused by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Log,
    Cluster,
}

fn part() -> impl Strategy<Value = Part> {
    prop::sample::select(vec![Part::Log, Part::Cluster])
}

fn reason() -> impl Strategy<Value = PauseReason> {
    prop::sample::select(vec![PauseReason::StoreDown, PauseReason::StoreFull, PauseReason::Manual])
}

fn fault() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::NotStored,
        Fault::UnknownButDone,
        Fault::UnknownNotDone,
        Fault::DiskFull,
    ])
}

fn answer() -> impl Strategy<Value = Answer> {
    prop::sample::select(vec![
        Answer::NotStored,
        Answer::UnknownButStored,
        Answer::UnknownNotStored,
        Answer::DiskFull,
        Answer::Rejected,
    ])
}

pub(super) fn action(skew_seconds: i64) -> impl Strategy<Value = Action> {
    let wait = prop::sample::select(vec![1_u64, 100, 1_000, 1_000, 5_000, 11_000]);
    let m = || 0..MEMBERS;
    prop_oneof![
        12 => (m(), 1..4_usize, prop::bool::weighted(0.2))
            .prop_map(|(member, events, queued)| Action::Append { member, events, queued }),
        3 => (m(), 0..4_u8).prop_map(|(member, key)| Action::AppendKeyed { member, key }),
        2 => (m(), 1..4_u64).prop_map(|(member, events)| Action::Put { member, events }),
        12 => m().prop_map(Action::Publish),
        12 => m().prop_map(Action::Apply),
        4 => m().prop_map(Action::Maintain),
        8 => wait.prop_map(|millis| Action::Wait(Duration::from_millis(millis))),
        1 => (m(), -skew_seconds..=skew_seconds)
            .prop_map(|(member, seconds)| Action::Skew { member, seconds }),
        3 => (m(), 1..4_u64, fault()).prop_map(|(m, nth, fault)| Action::FailOnce(m, nth, fault)),
        1 => (m(), 1..4_u64, fault())
            .prop_map(|(m, nth, fault)| Action::FailForEver(m, nth, fault)),
        1 => (m(), 1..4_u64).prop_map(|(m, nth)| Action::FailRead(m, nth)),
        3 => m().prop_map(Action::Repair),
        4 => (m(), answer()).prop_map(|(m, answer)| Action::Answer(m, answer)),
        2 => m().prop_map(Action::Cut),
        3 => m().prop_map(Action::Heal),
        1 => (m(), part(), reason())
            .prop_map(|(member, of, reason)| Action::Pause { member, of, reason }),
        2 => (m(), part(), reason())
            .prop_map(|(member, of, reason)| Action::Resume { member, of, reason }),
        1 => Just(Action::Compact),
        1 => m().prop_map(Action::Scribble),
        2 => (1..4_u64, prop::bool::weighted(0.3))
            .prop_map(|(events, skips)| Action::Stranger { events, skips }),
        1 => m().prop_map(Action::Restart),
        2 => m().prop_map(Action::Crash),
        1 => m().prop_map(Action::Backup),
        1 => m().prop_map(Action::Restore),
    ]
}
