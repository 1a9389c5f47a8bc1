//! What if the log takes nothing, or ends in the middle?

use super::*;

#[test]
fn a_log_that_takes_nothing_holds_the_applier_and_nothing_is_lost() {
    let desk = Desk::new();
    desk.step();
    desk.log.suspend(PauseReason::Manual);
    for number in 1..200 {
        desk.publish(number, &[number]);
        desk.step();
    }
    assert!(desk.theirs().is_empty());
    let held = |desk: &Desk| {
        let applier = desk.cluster.shared.applier.lock();
        let applier = applier.as_ref().unwrap();
        (applier.order.held_bytes(), applier.batch.blocks().len())
    };
    assert_eq!(held(&desk), (0, 1), "what was read before it was refused, and no more");

    desk.log.resume(PauseReason::Manual);
    while desk.theirs().len() < 199 {
        desk.step();
    }
    assert_eq!(desk.theirs(), (1..200).collect::<Vec<_>>());
}

/// Whatever write fails, in whichever way, and the process is killed then: all is
/// there once when it was started again.
#[test]
fn killed_at_any_write_everything_is_there_once_afterwards() {
    for fault in [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone] {
        for nth in 1..12 {
            let desk = Desk::new();
            desk.store.fail_from(nth, fault);
            let mut seqs = 0;
            for number in (1..40).filter(|number| *number != 20) {
                seqs += 2;
                desk.publish(number, &[seqs - 1, seqs]);
                desk.watch_for(u32::from(number % 3 == 0));
            }
            let desk = desk.killed();
            desk.publish(40, &[seqs + 1]);
            desk.watch_for(13);

            assert_eq!(desk.theirs(), (1..=seqs + 1).collect::<Vec<_>>(), "{fault:?} at {nth}");
            assert_eq!(desk.reasons(), BTreeSet::from(["hole"]), "{fault:?} at {nth}");
        }
    }
}

/// Without a kill, too: the same batch is given again until the store has it.
#[test]
fn an_unknown_outcome_is_settled_by_the_same_batch() {
    for fault in [Fault::NotStored, Fault::UnknownButDone, Fault::UnknownNotDone] {
        let desk = Desk::new();
        desk.publish(1, &[1]);
        desk.step();
        desk.store.fail_at(1, fault);
        desk.publish_at(2, &[2], START.after(DAY));
        desk.step();
        assert_eq!(desk.status().applied.blocks, 1, "{fault:?}");
        desk.clock.advance(SECOND);
        desk.log.maintain().unwrap();
        desk.step();

        assert_eq!(desk.theirs(), [1, 2], "{fault:?}");
        assert_eq!(desk.status().applied.blocks, 2, "{fault:?}");
    }
}
