//! What can happen to a world?

use std::time::Duration;

use proptest::prelude::*;
use tidings::PauseReason;
use tidings::testing::Fault;

/// Which parts a world has, and how they are set up.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) log: bool,
    pub(super) queue: bool,
    pub(super) buffer_events: usize,
    pub(super) holds_when_paused: bool,
    pub(super) event_age: Duration,
}

/// What kind of event is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Has a claim to the places that are kept for warnings.
    Urgent,
    /// Of a type that is reserved: refused, whoever offers it.
    Reserved,
    /// Over the limit for messages.
    TooLarge,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Offers to the queue.
    Record {
        kind: Kind,
        tracked: bool,
    },
    /// One step of the sealer.
    Seal,
    /// One step of a worker.
    Put,
    /// All steps that need no time.
    Settle,
    PauseQueue(PauseReason),
    ResumeQueue(PauseReason),
    /// Offers to the log.
    Append {
        kinds: Vec<Kind>,
        queued: bool,
        strict: bool,
    },
    /// Offers to the log under one of few keys, with one of two texts.
    AppendKeyed {
        key: u8,
        text: u8,
        queued: bool,
    },
    Maintain,
    PauseLog(PauseReason),
    ResumeLog(PauseReason),
    /// A later write fails, once.
    FailOnce(u64, Fault),
    /// A later write fails, and all after it.
    FailForEver(u64, Fault),
    /// A later read fails, once.
    FailRead(u64),
    Repair,
    /// Time goes on.
    Wait(Duration),
    /// Somebody sets the time of day, forwards or backwards by hours.
    JumpHours(i8),
    /// Everything is closed, and started again.
    Restart,
    /// The process dies, and is started again.
    Crash,
}

/// Faults that end when the store is repaired.
pub(super) const FAULTS: [Fault; 4] =
    [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone, Fault::DiskFull];

/// Of a log with a queue over it.
pub(super) fn shape() -> impl Strategy<Value = Shape> {
    (1..6_usize, any::<bool>(), prop::sample::select(vec![5_u64, 60, 86_400])).prop_map(
        |(buffer_events, holds_when_paused, age)| Shape {
            log: true,
            queue: true,
            buffer_events,
            holds_when_paused,
            event_age: Duration::from_secs(age),
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        12 => Just(Kind::Plain),
        3 => Just(Kind::Urgent),
        1 => Just(Kind::Reserved),
        1 => Just(Kind::TooLarge),
    ]
}

fn reason() -> impl Strategy<Value = PauseReason> {
    prop::sample::select(PauseReason::ALL.to_vec())
}

fn fault() -> impl Strategy<Value = Fault> {
    prop::sample::select([&FAULTS[..], &[Fault::Rejected]].concat())
}

pub(super) fn action() -> impl Strategy<Value = Action> {
    let wait = prop::sample::select(vec![1_u64, 50, 200, 1_000, 5_000, 11_000, 700_000]);
    prop_oneof![
        10 => (kind(), any::<bool>()).prop_map(|(kind, tracked)| Action::Record { kind, tracked }),
        4 => Just(Action::Seal),
        4 => Just(Action::Put),
        2 => Just(Action::Settle),
        1 => reason().prop_map(Action::PauseQueue),
        2 => reason().prop_map(Action::ResumeQueue),
        7 => (prop::collection::vec(kind(), 1..4), any::<bool>(), any::<bool>())
            .prop_map(|(kinds, queued, strict)| Action::Append { kinds, queued, strict }),
        3 => (0..3_u8, 0..2_u8, any::<bool>())
            .prop_map(|(key, text, queued)| Action::AppendKeyed { key, text, queued }),
        6 => Just(Action::Maintain),
        1 => reason().prop_map(Action::PauseLog),
        2 => reason().prop_map(Action::ResumeLog),
        3 => (1..4_u64, fault()).prop_map(|(nth, fault)| Action::FailOnce(nth, fault)),
        1 => (1..4_u64, fault()).prop_map(|(nth, fault)| Action::FailForEver(nth, fault)),
        1 => (1..3_u64).prop_map(Action::FailRead),
        3 => Just(Action::Repair),
        6 => wait.prop_map(|millis| Action::Wait(Duration::from_millis(millis))),
        1 => (-30..30_i8).prop_map(Action::JumpHours),
        1 => Just(Action::Restart),
        1 => Just(Action::Crash),
    ]
}
