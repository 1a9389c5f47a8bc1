//! How does it end?

use super::*;
use crate::event::{CLOSED_TYPE, LOSS_TYPE};
use crate::pause::{PauseReason, State};
use crate::queue::{Fate, Reason, WhenPaused};
use crate::tally::LossReason;
use crate::testing::Answer;

fn last_flags(sink: &ScriptedSink) -> Vec<bool> {
    sink.blocks().iter().map(|block| block.header().last_of_boot).collect()
}

fn own_types(sink: &ScriptedSink) -> Vec<String> {
    own_events(sink).iter().map(|event| event.event_type().to_owned()).collect()
}

#[test]
fn what_waits_is_stored_and_the_last_block_says_that_it_is_the_last() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    queue.client().add("a", "1").unwrap();
    queue.settle();
    queue.client().add("a", "2").unwrap();

    let report = queue.close();

    assert!(report.settled);
    assert_eq!(report.to_string(), "offered 2 = stored 2 + refused 0 + lost 0 + pending 0");
    assert_eq!(last_flags(&sink), [false, true]);
    assert_eq!(queue.state(), State::Closed);
}

#[test]
fn a_boot_with_nothing_left_to_write_ends_with_its_books() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    queue.client().add("a", "1").unwrap();
    queue.settle();

    let report = queue.close();

    let closed = &own_events(&sink)[0];
    assert_eq!(closed.event_type(), CLOSED_TYPE);
    assert_eq!(
        serde_json::to_string(closed.fields()).unwrap(),
        r#"{"through":2,"since":1,"stored":1,"pending":1,"refused":{},"lost":{}}"#
    );
    assert_eq!((last_flags(&sink), report.stored()), (vec![false, true], 2));
}

#[test]
fn a_boot_in_which_something_went_missing_ends_with_a_loss_record() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    queue.client().add("a", "lost").unwrap();
    queue.stop();

    let report = queue.close();

    assert_eq!((own_types(&sink), last_flags(&sink)), (vec![LOSS_TYPE.to_owned()], vec![true]));
    assert_eq!((report.lost_total(), report.stored()), (1, 1));
}

#[test]
fn a_queue_that_was_never_used_leaves_no_trace() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);

    let report = queue.close();

    assert_eq!((sink.puts(), report.tally), (0, Tally::default()));
}

#[test]
fn what_was_told_before_is_told_again_at_the_end() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(1), &sink);
    queue.client().add("a", "taken").unwrap();
    let _ = queue.client().add("a", "refused");
    queue.settle();

    let _ = queue.close();

    assert_eq!(
        (own_types(&sink), last_flags(&sink)),
        (vec![LOSS_TYPE.to_owned(); 2], vec![false, true])
    );
}

#[test]
fn a_queue_that_was_never_started_counts_what_it_took_as_lost() {
    let sink = ScriptedSink::new();
    let queue = Queue::new("web1", sink.clone()).unwrap();
    queue.client().add("a", "b").unwrap();

    assert!(!queue.flush(LONG).settled, "returns at once");
    let report = queue.close(LONG);

    assert_eq!((report.lost(LossReason::Closed), sink.puts()), (1, 0));
}

#[test]
fn closing_is_the_last_chance_of_what_a_pause_held() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9).when_paused(WhenPaused::Hold), &sink);
    queue.client().add("a", "held").unwrap();
    queue.suspend(PauseReason::StoreDown);
    queue.stop();

    let report = queue.close();

    assert_eq!((messages(&sink), report.lost_total()), (vec!["held".to_owned()], 0));
}

#[test]
fn at_the_deadline_what_is_not_stored_is_lost_and_what_may_be_is_unknown() {
    for (answer, reason) in
        [(Answer::NotStored, LossReason::Closed), (Answer::UnknownButStored, LossReason::Unknown)]
    {
        let sink = ScriptedSink::new();
        sink.always(answer);
        let queue = stepped(buffer_of(9), &sink);
        let put = queue.client().record_tracked(Event::new("a", "put"));
        queue.settle();
        let waiting = queue.client().record_tracked(Event::new("a", "waits"));

        let report = queue.close();

        assert!(!report.settled);
        assert_eq!(report.pending(), 0);
        let expected = if reason == LossReason::Closed { (2, 0) } else { (1, 1) };
        assert_eq!((report.lost(LossReason::Closed), report.lost(LossReason::Unknown)), expected);
        assert_eq!(put.fate(), Some(Fate::of_loss(reason)));
        assert_eq!(waiting.fate(), Some(Fate::Lost(LossReason::Closed)));
    }
}

#[test]
fn a_closing_queue_takes_no_more() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    queue.begin_close();

    assert_eq!(queue.client().add("a", "late"), Err(Reason::Closed));
    assert!(queue.start().is_err());
    assert_eq!(queue.state(), State::Closed);
}

#[test]
fn pauses_of_a_closed_queue_change_nothing() {
    let queue = stepped(buffer_of(9), &ScriptedSink::new());
    queue.client().add("a", "b").unwrap();
    let report = queue.close();

    queue.stop();
    queue.resume(PauseReason::Manual);

    assert_eq!((queue.tally(), queue.state()), (report.tally, State::Closed));
    assert_eq!(queue.close().tally, report.tally);
}

#[test]
fn a_last_block_that_the_store_refuses_is_told_by_another() {
    let sink = ScriptedSink::new();
    sink.script([Answer::Rejected]);
    let queue = stepped(buffer_of(9), &sink);
    queue.client().add("a", "rejected").unwrap();

    let report = queue.close();

    assert_eq!(report.lost(LossReason::Rejected), 1);
    assert_eq!((own_types(&sink), last_flags(&sink)), (vec![LOSS_TYPE.to_owned()], vec![true]));
}

#[test]
fn a_failing_end_is_tried_until_the_deadline_and_never_claims_more_than_it_knows() {
    let (sink, clock) = (ScriptedSink::new(), clock());
    let queue = stepped(buffer_of(9).clock(clock.clone()), &sink);
    queue.client().add("a", "b").unwrap();
    sink.script([Answer::NotStored, Answer::NotStored]);
    queue.begin_close();
    for _ in 0..3 {
        queue.settle();
        clock.advance(crate::queue::RETRY_CLOSING_MAX);
    }

    assert!(queue.is_closed());
    assert_eq!((messages(&sink).len(), last_flags(&sink)), (1, vec![true]));
}
