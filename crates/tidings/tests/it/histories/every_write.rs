//! G6 over the store's double: one workload, and a fault at every write of it.

use std::time::Duration;

use tidings::testing::Fault;
use tidings::{PauseReason, RETRY_MAX, State};

use super::actions::FAULTS;
use super::{Action, Kind, Shape, World};

/// More writes than the workload has.
const WRITES_MAX: u64 = 100;

fn shapes() -> [Shape; 3] {
    let shape = |log, queue| Shape {
        log,
        queue,
        buffer_events: 4,
        holds_when_paused: true,
        event_age: Duration::from_hours(24),
    };
    [shape(true, false), shape(true, true), shape(false, true)]
}

/// A bit of everything that writes, with losses on the way.
fn workload() -> Vec<Action> {
    let append = |queued, strict| {
        let kinds = vec![Kind::Plain, Kind::Reserved, Kind::Plain];
        Action::Append { kinds, queued, strict }
    };
    let mut actions = Vec::new();
    for round in 0..5_u8 {
        actions.extend((0..3).map(|i| Action::Record { kind: Kind::Plain, tracked: i == 0 }));
        actions.extend([Action::Settle, append(false, false), append(true, false)]);
        actions.push(Action::AppendKeyed { key: round % 2, text: round / 4, queued: false });
        actions.extend([Action::Maintain, append(false, true)]);
        // A buffer that overflows, for a loss record.
        actions.extend((0..6).map(|_| Action::Record { kind: Kind::Plain, tracked: true }));
        actions.extend([Action::Wait(RETRY_MAX), Action::Settle, Action::Maintain]);
        actions.push(Action::Wait(Duration::from_mins(6)));
    }
    // What fails for ever is met again: the write before it may need no room.
    actions.push(append(false, false));
    actions
}

/// The writes of the workload when nothing fails.
fn writes_of(shape: &Shape) -> u64 {
    let mut world = World::new(shape.clone());
    world.store.fail_at(WRITES_MAX, Fault::NotStored);
    for action in workload() {
        world.act(&action);
    }
    let writes = world.store.writes();
    assert!((10..WRITES_MAX).contains(&writes), "{writes} writes prove little, or are cut");
    world.finish();
    writes
}

/// Runs the workload with every fault at every write, set by `fail`, and then does
/// what a claim needs.
#[expect(clippy::print_stdout, reason = "a failure names its run")]
fn at_every_write(fail: fn(&World, u64, Fault), then: impl Fn(&mut World, Fault)) {
    for shape in shapes() {
        for fault in FAULTS {
            for nth in 1..=writes_of(&shape) {
                let parts = (shape.log, shape.queue);
                println!("(log, queue) {parts:?}, {fault:?} at write {nth}");
                let mut world = World::new(shape.clone());
                fail(&world, nth, fault);
                for action in workload() {
                    world.act(&action);
                }
                assert!(world.store.writes() >= nth, "the fault was never met");
                then(&mut world, fault);
                world.finish();
            }
        }
    }
}

#[test]
fn a_fault_at_any_write_once_loses_nothing_that_was_acknowledged() {
    at_every_write(|world, nth, fault| world.store.fail_at(nth, fault), |_, _| ());
}

#[test]
fn a_fault_for_ever_pauses_the_log_with_a_reason_until_it_is_repaired() {
    at_every_write(
        |world, nth, fault| world.store.fail_from(nth, fault),
        |world, fault| {
            let why = match fault {
                Fault::DiskFull => PauseReason::DiskFull,
                _ => PauseReason::StoreDown,
            };
            let state = world.log_state();
            let said =
                |state| matches!(state, State::Paused { reasons, .. } if reasons.contains(why));
            assert!(state.is_none_or(said), "{state:?}");
        },
    );
}

#[test]
fn a_crash_while_a_fault_lasts_loses_nothing_that_was_acknowledged() {
    at_every_write(
        |world, nth, fault| world.store.fail_from(nth, fault),
        |world, _| world.act(&Action::Crash),
    );
}
