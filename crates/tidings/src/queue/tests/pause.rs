//! What happens while nothing may be put?

use super::*;
use crate::component::Component;
use crate::pause::{PauseReason, State};
use crate::queue::{Fate, Reason, WhenPaused};
use crate::tally::{LossReason, Refusal};
use crate::testing::Answer;

#[test]
fn a_paused_queue_refuses_at_once_and_counts_what_waited_as_lost() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    let receipt = queue.client().record_tracked(Event::new("a", "b"));

    queue.stop();

    assert_eq!(queue.client().add("a", "b"), Err(Reason::Paused));
    assert_eq!(receipt.fate(), Some(Fate::Lost(LossReason::Paused)));
    queue.settle();
    assert_eq!(sink.puts(), 0);
    assert_books(
        &queue,
        "offered 2 = stored 0 + refused 1 (paused 1) + lost 1 (paused 1) + pending 0",
    );
}

#[test]
fn holding_keeps_what_waits_and_takes_more_while_there_is_room() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(2).when_paused(WhenPaused::Hold), &sink);
    queue.client().add("a", "1").unwrap();

    queue.stop();
    queue.client().add("a", "2").unwrap();
    assert_eq!(queue.client().add("a", "3"), Err(Reason::BufferFull));
    queue.settle();
    assert_eq!(sink.puts(), 0);

    queue.start().unwrap();
    queue.settle();
    assert_eq!(messages(&sink), ["1", "2"]);
}

#[test]
fn no_block_is_put_after_stop_whatever_step_it_had_reached() {
    // 0: in the buffer, 1: with the sealer, 2: sealed.
    for steps in 0..=2 {
        let sink = ScriptedSink::new();
        let queue = stepped(buffer_of(9), &sink);
        let receipt = queue.client().record_tracked(Event::new("a", "b"));
        (0..steps).for_each(|_| assert!(queue.seal(), "step {steps}"));

        queue.stop();
        queue.settle();

        assert_eq!(sink.puts(), 0, "after {steps} steps");
        assert_eq!(receipt.fate(), Some(Fate::Lost(LossReason::Paused)));
        assert_eq!(queue.audit().tally.lost(LossReason::Paused), 1);
        assert!(queue.audit().is_exact());
    }
}

#[test]
fn a_holding_queue_puts_nothing_while_paused_whatever_step_it_had_reached() {
    for steps in 0..=2 {
        let sink = ScriptedSink::new();
        let queue = stepped(buffer_of(9).when_paused(WhenPaused::Hold), &sink);
        let receipt = queue.client().record_tracked(Event::new("a", "b"));
        (0..steps).for_each(|_| assert!(queue.seal(), "step {steps}"));

        queue.stop();
        queue.settle();

        assert_eq!((sink.puts(), receipt.fate()), (0, None), "after {steps} steps");
        queue.start().unwrap();
        queue.settle();
        assert_eq!(messages(&sink), ["b"]);
    }
}

#[test]
fn a_block_of_unknown_outcome_outlives_a_discarding_pause_and_is_settled() {
    let sink = ScriptedSink::new();
    sink.script([Answer::UnknownButStored]);
    let queue = stepped(buffer_of(9), &sink);
    queue.client().add("a", "b").unwrap();
    queue.settle();

    queue.suspend(PauseReason::StoreDown);
    assert_books(&queue, "offered 1 = stored 0 + refused 0 + lost 0 + pending 1");
    queue.settle();
    assert_eq!(sink.puts(), 1);
    queue.resume(PauseReason::StoreDown);
    queue.settle();

    assert_books(&queue, "offered 1 = stored 1 + refused 0 + lost 0 + pending 0");
    assert_eq!(messages(&sink), ["b"]);
}

#[test]
fn a_failed_block_is_lost_to_a_discarding_pause_and_kept_by_a_holding_one() {
    for (when_paused, stored) in [(WhenPaused::Discard, 0), (WhenPaused::Hold, 1)] {
        let sink = ScriptedSink::new();
        sink.script([Answer::NotStored]);
        let queue = stepped(buffer_of(9).when_paused(when_paused.clone()), &sink);
        queue.client().add("a", "b").unwrap();
        queue.settle();

        queue.suspend(PauseReason::StoreDown);
        queue.resume(PauseReason::StoreDown);
        queue.settle();

        assert_eq!(messages(&sink).len(), stored, "{when_paused:?}");
        assert!(queue.audit().is_exact());
    }
}

#[test]
fn reasons_are_a_set_and_start_lifts_only_the_manual_one() {
    let queue = stepped(buffer_of(9), &ScriptedSink::new());
    let component: &dyn Component = &*queue;

    component.suspend(PauseReason::StoreDown);
    component.stop();
    component.start().unwrap();

    let State::Paused { reasons, .. } = queue.state() else { panic!("{:?}", queue.state()) };
    assert_eq!(reasons.iter().collect::<Vec<_>>(), [PauseReason::StoreDown]);
    component.resume(PauseReason::StoreDown).unwrap();
    assert_eq!(queue.state(), State::Running);
    assert_eq!(component.identify(), "event");
}

#[test]
fn a_pause_is_dated_from_its_first_reason() {
    let clock = clock();
    let queue = stepped(Queue::builder().clock(clock.clone()), &ScriptedSink::new());
    let since_first = clock.now();

    queue.stop();
    clock.advance(Duration::from_secs(5));
    queue.suspend(PauseReason::DiskFull);

    assert!(matches!(queue.state(), State::Paused { since, .. } if since == since_first));
}

#[test]
fn before_its_start_a_queue_holds_and_puts_nothing() {
    let sink = ScriptedSink::new();
    let queue = Queue::builder().clock(clock()).build("web1", sink.clone()).unwrap();

    queue.client().add("a", "early").unwrap();

    let manual = [PauseReason::Manual].into_iter().collect();
    assert!(matches!(queue.state(), State::Paused { reasons, .. } if reasons == manual));
    queue.start().unwrap();
    assert!(queue.flush(LONG).settled);
    assert_eq!(messages(&sink), ["early"]);
}

#[test]
fn a_stop_before_the_start_is_lifted_by_the_start() {
    let sink = ScriptedSink::new();
    let queue = Queue::new("web1", sink.clone()).unwrap();

    queue.stop();
    assert_eq!(queue.client().add("a", "b"), Err(Reason::Paused));
    queue.start().unwrap();

    assert_eq!(queue.state(), State::Running);
    queue.client().add("a", "c").unwrap();
    assert!(queue.flush(LONG).settled);
    assert_eq!(messages(&sink), ["c"]);
}

#[test]
fn stopping_twice_loses_nothing_twice() {
    let queue = stepped(buffer_of(9), &ScriptedSink::new());
    queue.client().add("a", "b").unwrap();

    queue.stop();
    queue.stop();

    assert_eq!(queue.tally().lost_total(), 1);
    assert_eq!(queue.tally().refused(Refusal::Paused), 0);
}
