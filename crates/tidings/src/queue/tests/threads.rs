//! What do threads, runtimes and forks add?

use super::*;
use crate::pause::State;
use crate::queue::{Client, Fate, Reason};
use crate::tally::{LossReason, Refusal};
use crate::testing::Answer;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

fn started(sink: &ScriptedSink) -> Queue {
    let queue = Queue::new("web1", sink.clone()).unwrap();
    queue.start().unwrap();
    queue
}

/// G1: a store that never answers, and a clock that stands still.
#[test]
fn add_returns_at_once_while_the_store_never_answers() {
    let sink = ScriptedSink::new();
    sink.always(Answer::Hang);
    let queue = Queue::builder().clock(clock()).build("web1", sink.clone()).unwrap();
    queue.start().unwrap();
    let client = queue.client();
    client.add("a", "hangs").unwrap();
    sink.wait_for_puts(1);

    let answers: Vec<_> = (0..10_000).map(|_| client.add("a", "b")).collect();

    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(taken, crate::BUFFER_LEN);
    assert!(answers[taken..].iter().all(|answer| *answer == Err(Reason::BufferFull)));
    let tally = queue.tally();
    assert_balanced(&tally);
    assert_eq!(tally.refused(Refusal::BufferFull), 10_000 - crate::BUFFER_LEN as u64);
    assert_eq!(sink.puts(), 1);
    sink.release();
}

#[test]
fn what_many_threads_add_is_stored_once() {
    let sink = ScriptedSink::new();
    let queue = started(&sink);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let client = queue.client();
            std::thread::spawn(move || {
                (0..1000).filter(|_| client.add("a", "b").is_ok()).count() as u64
            })
        })
        .collect();
    let taken: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();

    let report = queue.close(LONG);

    assert_balanced(&report.tally);
    assert_eq!(report.stored(), taken + report.tally.own);
    assert_eq!(sink.events_len(), report.stored());
    let mut seqs: Vec<_> = sink.events().iter().map(|stored| stored.seq).collect();
    seqs.dedup();
    assert_eq!(seqs.len() as u64, report.stored());
}

#[test]
fn close_returns_although_a_put_hangs_and_a_late_answer_changes_nothing() {
    let sink = ScriptedSink::new();
    sink.always(Answer::Hang);
    let queue = started(&sink);
    let receipt = queue.client().record_tracked(Event::new("a", "hangs"));
    sink.wait_for_puts(1);
    queue.client().add("a", "waits").unwrap();

    let report = queue.close(Duration::from_millis(10));

    assert_eq!(report.lost(LossReason::Unknown), 1);
    assert_eq!(report.lost(LossReason::Closed), 1);
    assert_eq!(receipt.wait(LONG), Some(Fate::Unknown));
    sink.release();
    while sink.events_len() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(queue.close(LONG).tally, report.tally);
}

#[test]
fn flush_waits_for_what_was_taken_before_and_gives_up_in_time() {
    let sink = ScriptedSink::new();
    sink.always(Answer::Hang);
    let queue = started(&sink);
    queue.client().add("a", "b").unwrap();

    assert!(!queue.flush(Duration::from_millis(1)).settled);
    sink.release();
    let report = queue.flush(LONG);

    assert!(report.settled);
    assert_eq!((report.stored(), report.pending()), (1, 0));
}

#[test]
fn a_sink_that_panics_costs_neither_the_worker_nor_the_event() {
    let sink = ScriptedSink::new();
    sink.script([Answer::Panic]);
    let queue = started(&sink);
    queue.client().add("a", "b").unwrap();

    assert!(queue.flush(LONG).settled);

    assert_eq!((sink.puts(), messages(&sink)), (2, vec!["b".to_owned()]));
}

#[test]
fn nothing_deadlocks_inside_a_current_thread_runtime() {
    let sink = ScriptedSink::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

    runtime.block_on(async {
        let queue = started(&sink);
        let receipt = queue.client().record_tracked(Event::new("a", "awaited"));
        assert!(matches!(receipt.await, Fate::Stored { .. }));
        let receipt = queue.client().record_tracked(Event::new("a", "waited for"));
        assert!(matches!(receipt.wait(LONG), Some(Fate::Stored { .. })));
        queue.client().add("a", "flushed").unwrap();
        assert!(queue.flush(LONG).settled);
        queue.client().add("a", "closed").unwrap();
        assert_eq!(queue.close(LONG).lost_total(), 0);
    });

    assert_eq!(messages(&sink).len(), 4);
}

#[test]
fn drop_stores_what_waits() {
    let sink = ScriptedSink::new();
    let queue = started(&sink);
    for _ in 0..100 {
        queue.client().add("a", "b").unwrap();
    }

    drop(queue);

    assert_eq!(messages(&sink).len(), 100);
}

#[test]
fn a_second_start_starts_nothing_twice() {
    let sink = ScriptedSink::new();
    let queue = started(&sink);

    queue.stop();
    queue.start().unwrap();
    queue.start().unwrap();

    assert_eq!(queue.state(), State::Running);
    assert_eq!(queue.core().threads_len(), 2, "a sealer and the one worker of a local sink");
}

#[test]
fn a_closed_queue_lets_go_of_its_store() {
    let sink = ScriptedSink::new();
    let queue = started(&sink);
    let _client = queue.client();

    assert!(queue.close(LONG).settled);

    assert_eq!(sink.holders(), 1, "only this test holds it");
}

#[test]
fn a_forked_child_starts_with_books_of_its_own() {
    let sink = ScriptedSink::new();
    let queue = stepped(buffer_of(9), &sink);
    let parent = queue.boot();
    queue.client().add("a", "the parent stores this").unwrap();

    queue.pretend_fork();

    assert!(matches!(queue.state(), State::Paused { .. }));
    assert_eq!(queue.tally(), Tally::default());
    assert_ne!(queue.boot(), parent);
    queue.start().unwrap();
    assert_eq!(queue.state(), State::Running);
}

/// A host's layer that records every line of every target: the worst there is.
struct RecordsEverything(Client);

impl<S: tracing::Subscriber> Layer<S> for RecordsEverything {
    fn on_event(&self, line: &tracing::Event<'_>, _: Context<'_, S>) {
        let _ = self.0.add("line", line.metadata().target());
    }
}

#[test]
fn own_words_never_come_back_as_events() {
    let sink = ScriptedSink::new();
    sink.always(Answer::NotStored);
    let queue = stepped(buffer_of(9), &sink);
    let layer = RecordsEverything(queue.client());
    let subscriber = tracing_subscriber::registry().with(layer);

    tracing::subscriber::with_default(subscriber, || {
        tracing::error!(target: "host", "recorded by the layer");
        queue.settle(); // the put fails, and the worker warns
        queue.stop(); // and this is logged with the loss
        queue.start().unwrap();
        let _ = queue.client().add_with_error_log("recorded once", crate::Fields::new());
    });

    assert!(sink.puts() > 0);
    assert_eq!(queue.tally().offered - queue.tally().own, 2);
}

/// A sink at work for the queue logs on a thread of the queue.
#[test]
fn a_thread_of_the_queue_records_nothing() {
    struct Recording(ScriptedSink, std::sync::OnceLock<Client>);
    impl crate::store::Sink for Recording {
        fn put(
            &self,
            block: &crate::block::Block,
        ) -> Result<crate::store::Placed, crate::store::StoreError> {
            assert_eq!(self.1.get().unwrap().add("a", "echo"), Err(Reason::Echo));
            self.0.put(block)
        }
        fn probe(&self) -> Result<(), crate::store::StoreError> {
            self.0.probe()
        }
        fn reach(&self) -> crate::store::Reach {
            self.0.reach()
        }
        fn describe(&self) -> String {
            self.0.describe()
        }
    }
    let sink = ScriptedSink::new();
    let recording = Arc::new(Recording(sink.clone(), std::sync::OnceLock::new()));
    let queue = Queue::new("web1", Arc::clone(&recording)).unwrap();
    recording.1.set(queue.client()).unwrap();
    queue.start().unwrap();
    queue.client().add("a", "b").unwrap();

    assert!(queue.flush(LONG).settled);

    assert_eq!((sink.puts(), queue.tally().offered), (1, 1));
}
