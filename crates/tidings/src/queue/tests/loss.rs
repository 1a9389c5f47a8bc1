//! Is the log told what is missing from it?

use super::*;
use crate::LOSS_RECORD_PERIOD;
use crate::event::LOSS_TYPE;
use crate::severity::Severity;
use crate::testing::Answer;

fn number(event: &Event, field: &str) -> u64 {
    event.fields().get(field).and_then(serde_json::Value::as_u64).unwrap()
}

#[test]
fn a_refusal_is_told_by_an_exact_snapshot_of_the_books() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(1), &sink);
    let _ = queue.client().add("a", "taken");
    let _ = queue.client().add("a", "refused");

    queue.settle();

    let record = &own_events(&sink)[0];
    let at = clock().now();
    assert_eq!((record.event_type(), record.severity()), (LOSS_TYPE, Severity::WARN));
    assert_eq!(record.member(), Some("web1"));
    assert_eq!(
        serde_json::to_string(record.fields()).unwrap(),
        format!(
            r#"{{"through":3,"since":1,"stored":0,"pending":2,"refused":{{"buffer_full":1}},"lost":{{}},"from":"{at}","to":"{at}"}}"#
        )
    );
    assert_books(&queue, "offered 3 = stored 2 + refused 1 (buffer_full 1) + lost 0 + pending 0");
}

#[test]
fn records_come_periodically_while_something_new_is_missing() {
    let (sink, clock) = (ScriptedSink::new(), clock());
    let queue = stepped(buffer_of(1).clock(clock.clone()), &sink);
    let mut offered = 0;
    for _ in 0..100 {
        let _ = queue.client().add("a", "taken");
        let _ = queue.client().add("a", "refused");
        offered += 2;
        queue.settle();
        clock.advance(LOSS_RECORD_PERIOD / 10);
    }
    for _ in 0..100 {
        queue.settle();
        clock.advance(LOSS_RECORD_PERIOD / 10);
    }

    let records = own_events(&sink);
    assert_eq!(records.len(), 11, "ten while it went on, one for the rest");
    for pair in records.windows(2) {
        assert_eq!(number(&pair[0], "through") + 1, number(&pair[1], "since"));
    }
    assert_eq!(queue.tally().offered, offered + 11);
}

#[test]
fn what_a_pause_cost_is_told_when_it_is_over() {
    let (sink, clock) = (ScriptedSink::new(), clock());
    let queue = stepped(buffer_of(9).clock(clock.clone()), &sink);
    let from = clock.now();
    queue.stop();
    let _ = queue.client().add("a", "refused");
    clock.advance(Duration::from_secs(3));

    queue.start().unwrap();
    queue.settle();

    let record = &own_events(&sink)[0];
    let to = from.after(Duration::from_secs(3));
    assert_eq!(record.fields().get("from"), Some(&from.to_string().into()));
    assert_eq!(record.fields().get("to"), Some(&to.to_string().into()));
}

#[test]
fn a_pause_that_cost_nothing_is_not_told() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);

    queue.stop();
    queue.start().unwrap();
    queue.settle();

    assert_eq!(sink.puts(), 0);
}

#[test]
fn what_is_the_senders_own_fault_is_counted_and_not_told() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    queue.client().add("a", "b").unwrap();
    let _ = queue.client().add("", "invalid");

    queue.settle();
    let report = queue.close();

    assert_eq!(report.tally.refused(crate::Refusal::Invalid), 1);
    assert_eq!(own_events(&sink)[0].event_type(), crate::CLOSED_TYPE);
}

#[test]
fn a_record_that_is_lost_itself_is_told_by_the_next() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(1), &sink);
    let _ = queue.client().add("a", "taken");
    let _ = queue.client().add("a", "refused");
    assert!(queue.seal(), "takes the event and makes the record");

    queue.stop();
    queue.start().unwrap();
    queue.settle();

    let records = own_events(&sink);
    assert_eq!(records.len(), 1);
    assert_eq!(number(&records[0], "since"), 1);
    assert_eq!(records[0].fields().get("lost"), Some(&serde_json::json!({"paused": 2})));
    assert!(queue.audit().is_exact());
}

#[test]
fn a_record_that_the_store_refuses_is_told_by_the_next() {
    let (sink, clock) = (ScriptedSink::new(), clock());
    sink.script([Answer::Rejected]);
    let queue = stepped(buffer_of(1).clock(clock.clone()), &sink);
    let _ = queue.client().add("a", "taken");
    let _ = queue.client().add("a", "refused");
    queue.settle();
    assert_eq!(own_events(&sink), [], "it was in the block that the store refused");

    clock.advance(LOSS_RECORD_PERIOD);
    queue.settle();

    let records = own_events(&sink);
    assert_eq!(records.len(), 1);
    assert_eq!((number(&records[0], "since"), number(&records[0], "through")), (1, 4));
    assert_eq!(records[0].fields().get("lost"), Some(&serde_json::json!({"rejected": 2})));
}

#[test]
fn a_record_under_way_is_not_made_twice() {
    let (sink, clock) = (ScriptedSink::new(), clock());
    sink.script([Answer::UnknownButStored]);
    let queue = stepped(buffer_of(1).clock(clock.clone()), &sink);
    let _ = queue.client().add("a", "taken");
    let _ = queue.client().add("a", "refused");
    queue.settle();
    clock.advance(2 * LOSS_RECORD_PERIOD);
    queue.settle();

    assert_eq!(own_events(&sink).len(), 1);
    assert_eq!(queue.tally().own, 1);
}
