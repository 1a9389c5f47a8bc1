//! Who wakes up when, and what if he has gone?

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};

use super::scripted::{Act, Scripted};
use super::*;

type Work = Box<dyn FnOnce() + Send>;
type Answer = Result<Vec<Taken>, AppendError>;

/// An append as a task that this test polls by hand.
struct Task<'a> {
    future: Pin<Box<dyn Future<Output = Answer> + 'a>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'a> Task<'a> {
    fn new(log: &'a Log, message: &str) -> Task<'a> {
        Task::with(log, message, |work| work())
    }

    fn with(log: &'a Log, message: &str, hand_over: impl Fn(Work) + 'a) -> Task<'a> {
        Task::of(log, Event::new("a", message), hand_over)
    }

    fn of(log: &'a Log, event: Event, hand_over: impl Fn(Work) + 'a) -> Task<'a> {
        let events = vec![event];
        let future = Box::pin(log.append_async(events, Ack::Disk, false, hand_over));
        Task { future, wakes: Arc::default() }
    }

    fn poll(&mut self) -> Poll<Answer> {
        let waker = Arc::clone(&self.wakes).into();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    #[track_caller]
    fn sleeps(mut self) -> Task<'a> {
        assert!(self.poll().is_pending());
        self
    }

    #[track_caller]
    fn assert_stored(&mut self) {
        let poll = self.poll();
        assert!(matches!(&poll, Poll::Ready(Ok(_))), "{poll:?}");
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }
}

/// Tasks that came while a commit ran, which has ended now.
fn behind_a_commit<'a, const N: usize>(
    store: &Arc<Scripted>,
    log: &'a Log,
    messages: [&str; N],
) -> [Task<'a>; N] {
    store.will(&[Act::Waits]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| append(log, Event::new("a", "first")));
        store.wait_for_waiting(1);
        let tasks = messages.map(|message| Task::new(log, message).sleeps());
        store.open();
        first.join().unwrap();
        tasks
    })
}

#[test]
fn one_of_those_who_wait_is_called_to_commit_and_the_others_sleep_until_it_is_done() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    let [mut one, mut two, mut three] = behind_a_commit(&store, &log, ["1", "2", "3"]);
    assert_eq!([one.wakes(), two.wakes(), three.wakes()], [1, 0, 0]);

    one.assert_stored();

    assert_eq!([one.wakes(), two.wakes(), three.wakes()], [1, 1, 1]);
    two.assert_stored();
    three.assert_stored();
    assert_eq!(store.batches(), [1, 3], "the three shared a commit");
}

#[test]
fn whoever_is_called_and_goes_away_leaves_the_turn_to_the_next() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    let [one, mut two] = behind_a_commit(&store, &log, ["1", "2"]);
    assert_eq!((one.wakes(), two.wakes()), (1, 0));

    drop(one);

    assert_eq!(two.wakes(), 1);
    two.assert_stored();
    assert_eq!(messages(&log), ["first", "1", "2"]);
    assert_balanced(&log);
}

#[test]
fn whoever_comes_before_the_one_that_was_called_commits_for_both() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    let [mut called] = behind_a_commit(&store, &log, ["1"]);

    append(&log, Event::new("a", "2"));

    called.assert_stored();
    assert_eq!(messages(&log), ["first", "1", "2"]);
}

#[test]
fn events_of_a_dropped_append_are_stored_all_the_same() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());

    drop(behind_a_commit(&store, &log, ["1"]));

    assert_eq!(log.tally().pending, 1);
    log.maintain().unwrap();
    assert_eq!(messages(&log), ["first", "1"]);
    assert_balanced(&log);
}

#[test]
fn the_logs_own_thread_stores_what_a_dropped_append_left() {
    let store = Scripted::new();
    let log = log_over(&store, &LogOptions::default());

    drop(behind_a_commit(&store, &log, ["1"]));

    while log.tally().pending > 0 {
        std::thread::yield_now();
    }
    assert_eq!(log.tally().stored, 2);
}

#[test]
fn those_who_sleep_hear_of_a_pause() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    let [mut one, mut two] = behind_a_commit(&store, &log, ["1", "2"]);

    log.suspend(PauseReason::DiskFull);

    assert_eq!((one.wakes(), two.wakes()), (1, 1));
    for task in [&mut one, &mut two] {
        assert!(matches!(task.poll(), Poll::Ready(Err(AppendError::Paused(_)))));
    }
    let lost = log.tally().lost(crate::tally::LossReason::StoreFailed);
    assert_eq!(lost, 2);
    assert_balanced(&log);
}

#[test]
fn a_turn_that_cannot_be_run_is_given_back() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    let mut task = Task::with(&log, "1", |_| panic!("no thread to block on"));

    assert!(catch_unwind(AssertUnwindSafe(|| task.poll())).is_err());
    assert_eq!(log.tally().pending, 1);
    drop(task);

    append(&log, Event::new("a", "2"));
    assert_eq!(messages(&log), ["1", "2"]);
    assert_balanced(&log);
}

#[test]
fn a_turn_that_is_thrown_away_goes_to_whoever_sleeps() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    let is_stopping = AtomicUsize::new(1);
    let or_drop = |work: Work| {
        if is_stopping.load(Ordering::SeqCst) == 0 {
            work();
        }
    };
    let mut task = Task::with(&log, "1", or_drop).sleeps();
    assert_eq!(task.wakes(), 1, "it is called again, and does not spin");

    is_stopping.store(0, Ordering::SeqCst);

    task.assert_stored();
    assert_eq!(messages(&log), ["1"]);
}

#[test]
fn whoever_goes_away_while_his_write_hangs_is_stored_once_it_goes_on() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    store.will(&[Act::Waits]);
    std::thread::scope(|scope| {
        let hand_over = |work: Work| _ = scope.spawn(work);
        drop(Task::with(&log, "plain", hand_over).sleeps());
        store.wait_for_waiting(1);
        let mut keyed = Task::of(&log, Event::new("a", "keyed").with_key("k"), hand_over);
        assert!(keyed.poll().is_pending());
        drop(keyed);
        store.open();
    });

    log.maintain().unwrap();
    assert_eq!(messages(&log), ["plain", "keyed"]);
    assert_balanced(&log);
}

#[test]
fn keys_and_many_events_are_looked_at_where_blocking_is_allowed() {
    let store = Scripted::new();
    let log = log_over(&store, &by_hand());
    let many = (0..1001).map(|i| Event::new("a", i.to_string())).collect();
    for (events, taken_before) in [
        (vec![Event::new("a", "plain")], 1),
        (vec![Event::new("a", "keyed").with_key("k")], 0),
        (many, 0),
    ] {
        let handed_over = AtomicUsize::new(0);
        let looked_at = |work: Work| {
            handed_over.fetch_add(1, Ordering::SeqCst);
            assert_eq!(log.tally().pending, taken_before);
            work();
        };
        let taken = crate::sync::block_on(log.append_async(events, Ack::Disk, false, looked_at));

        assert!(taken.is_ok());
        assert_eq!(handed_over.load(Ordering::SeqCst), 1, "all that blocks in one go");
    }
}
