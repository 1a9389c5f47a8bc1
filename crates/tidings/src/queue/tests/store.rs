//! What becomes of a block when the store fails?

use super::*;
use crate::queue::{Fate, RETRY_FIRST, RETRY_MAX};
use crate::tally::LossReason;
use crate::testing::Answer;

/// A queue whose one event meets these answers, one put each, with time for
/// every rest in between.
fn after(answers: &[Answer], builder: QueueBuilder) -> (SteppedQueue, ScriptedSink, Clock) {
    let (sink, clock) = (ScriptedSink::new(), clock());
    sink.script(answers.iter().copied());
    let queue = stepped(builder.clock(clock.clone()), &sink);
    queue.client().add("a", "b").unwrap();
    for _ in answers {
        queue.settle();
        clock.advance(RETRY_MAX);
    }
    (queue, sink, clock)
}

#[test]
fn a_failed_block_is_put_again_until_it_is_stored() {
    let answers = [Answer::NotStored, Answer::DiskFull, Answer::NotStored, Answer::Stored];

    let (queue, sink, _) = after(&answers, buffer_of(9));

    assert_eq!((sink.puts(), messages(&sink)), (4, vec!["b".to_owned()]));
    assert_books(&queue, "offered 1 = stored 1 + refused 0 + lost 0 + pending 0");
}

#[test]
fn an_unknown_outcome_is_settled_by_the_same_bytes() {
    for unknown in [Answer::UnknownButStored, Answer::UnknownNotStored] {
        // The sink panics if other bytes come under the same name.
        let (queue, sink, _) = after(&[unknown, unknown, Answer::Stored], buffer_of(9));

        assert_eq!(messages(&sink), ["b"], "{unknown:?}");
        assert_books(&queue, "offered 1 = stored 1 + refused 0 + lost 0 + pending 0");
    }
}

#[test]
fn rests_grow_and_stay_bounded() {
    let (sink, clock) = (ScriptedSink::new(), clock());
    sink.always(Answer::NotStored);
    let queue = stepped(buffer_of(9).clock(clock.clone()), &sink);
    queue.client().add("a", "b").unwrap();
    queue.settle();

    let mut rests = Vec::new();
    for _ in 0..12 {
        let before = clock.monotonic();
        while !queue.put() {
            clock.advance(Duration::from_millis(1));
        }
        rests.push(clock.monotonic().saturating_sub(before));
    }

    assert!(rests[0] >= RETRY_FIRST / 2 && rests[0] <= RETRY_FIRST, "{rests:?}");
    assert!(rests[11] >= RETRY_MAX / 2 && rests[11] <= RETRY_MAX, "{rests:?}");
}

#[test]
fn a_block_that_the_store_refuses_for_good_is_lost_at_once() {
    for (answer, puts) in [(Answer::Rejected, 1), (Answer::Conflict, 1)] {
        let (queue, sink, _) = after(&[answer], buffer_of(9));

        assert_eq!(queue.tally().lost(LossReason::Rejected), 1);
        assert!(sink.puts() >= puts);
        assert_eq!(messages(&sink), [] as [String; 0]);
    }
}

#[test]
fn a_refusal_after_an_unknown_outcome_leaves_it_unknown() {
    let (queue, _, _) = after(&[Answer::UnknownButStored, Answer::Rejected], buffer_of(9));

    assert_eq!(queue.tally().lost(LossReason::Unknown), 1);
}

#[test]
fn events_that_grow_too_old_are_given_up() {
    let age = Duration::from_mins(1);
    for (answer, reason) in
        [(Answer::NotStored, LossReason::TooOld), (Answer::UnknownNotStored, LossReason::Unknown)]
    {
        let (queue, sink, clock) = after(&[answer], buffer_of(9).max_event_age(age));
        sink.always(answer);

        clock.advance(age);
        queue.put();

        assert_eq!(queue.tally().lost(reason), 1, "{answer:?}");
        assert!(queue.audit().is_exact());
    }
}

#[test]
fn a_jump_of_the_time_of_day_makes_nothing_old() {
    let answers = [Answer::NotStored];
    let (queue, sink, clock) = after(&answers, buffer_of(9).max_event_age(Duration::from_mins(1)));

    clock.set_wall(Timestamp::MAX);
    sink.script([Answer::NotStored]);
    queue.settle();

    assert_eq!((sink.puts(), queue.tally().pending), (2, 1));
}

#[test]
fn one_event_waiting_makes_a_block_at_once_and_many_make_big_ones() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(10_000), &sink);
    queue.client().add("a", "alone").unwrap();
    queue.settle();
    for _ in 0..5000 {
        queue.client().add("a", "together").unwrap();
    }
    queue.settle();

    let counts: Vec<_> = sink.blocks().iter().map(|block| block.header().count).collect();
    assert_eq!(counts, [1, 4096, 904]);
}

#[test]
fn blocks_are_numbered_densely_and_sequences_go_on() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(2), &sink);
    for _ in 0..3 {
        let _ = queue.client().add("a", "taken");
        let _ = queue.client().add("a", "taken");
        let _ = queue.client().add("a", "refused");
        queue.settle();
    }

    let numbers: Vec<_> = sink.blocks().iter().map(|block| block.header().number).collect();
    let seqs: Vec<_> = sink.events().iter().map(|stored| stored.seq).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3)]);
    // 3, 7 and 10 were refused; 4 is the record of the first refusal.
    assert_eq!(seqs, [1, 2, 4, 5, 6, 8, 9]);
}

#[test]
fn a_remote_store_gets_as_many_puts_in_flight_as_there_are_workers() {
    let sink = ScriptedSink::remote();
    let queue = stepped(buffer_of(9).workers(2).worker_sleep(Duration::ZERO), &sink);
    for _ in 0..3 {
        queue.client().add("a", "b").unwrap();
        while queue.seal() {}
    }

    // Two slots: the third event waits in the buffer for the first put.
    assert!(queue.put());
    assert!(queue.put());
    assert!(!queue.put());
    queue.settle();
    assert_eq!(messages(&sink).len(), 3);
}

#[test]
fn a_remote_store_is_written_to_at_the_pace() {
    let (sink, clock) = (ScriptedSink::remote(), clock());
    let queue = stepped(buffer_of(99).workers(2).clock(clock.clone()), &sink);
    let mut puts = 0;
    for _ in 0..40 {
        let _ = queue.client().add("a", "b");
        queue.settle();
        clock.advance(Duration::from_millis(25));
        puts = sink.puts();
    }

    // Two workers that rest 500 ms: a burst of 2, then 4 a second for a second.
    assert!((5..=6).contains(&puts), "{puts}");
}

#[test]
fn receipts_of_lost_blocks_say_so() {
    let sink = ScriptedSink::new();
    sink.script([Answer::Rejected]);
    let queue = stepped(buffer_of(9), &sink);

    let receipt = queue.client().record_tracked(Event::new("a", "b"));
    queue.settle();

    assert_eq!(receipt.fate(), Some(Fate::Lost(LossReason::Rejected)));
}
