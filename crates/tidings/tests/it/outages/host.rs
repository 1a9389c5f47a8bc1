//! A program that uses tidings: a log over a store, a queue over either, a part of
//! its own, all under overwatch; nothing moves by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidings::store::{BlockStore, Sink};
use tidings::testing::SteppedQueue;
use tidings::{
    Ack, AppendError, Clock, Component, ComponentError, Event, Log, LogOptions, Overwatch,
    OverwatchOptions, PauseReason, Query, Queue, State, Taken, WhenPaused,
};

const SECOND: Duration = Duration::from_secs(1);

/// What the components were told, in order.
type Told = Arc<Mutex<Vec<String>>>;

/// Writes down what a component is told, and passes it on.
struct Ear {
    name: &'static str,
    told: Told,
    inner: Option<Arc<dyn Component>>,
}

impl Ear {
    fn hear(&self, what: &str) {
        self.told.lock().unwrap().push(format!("{} {what}", self.name));
    }
}

impl Component for Ear {
    fn start(&self) -> Result<(), ComponentError> {
        self.inner.as_ref().map_or(Ok(()), |inner| inner.start())
    }

    fn stop(&self) {
        self.inner.iter().for_each(|inner| inner.stop());
    }

    fn identify(&self) -> &str {
        self.name
    }

    fn suspend(&self, reason: PauseReason) {
        self.hear(&format!("rests: {}", reason.name()));
        self.inner.iter().for_each(|inner| inner.suspend(reason));
    }

    fn change_reason(&self, was: PauseReason, is: PauseReason) {
        self.hear(&format!("rests on: {}", is.name()));
        self.inner.iter().for_each(|inner| inner.change_reason(was, is));
    }

    fn resume(&self, reason: PauseReason) -> Result<(), ComponentError> {
        self.hear("goes on");
        self.inner.as_ref().map_or(Ok(()), |inner| inner.resume(reason))
    }
}

/// A queue without threads, as a component.
struct Stepped(Arc<SteppedQueue>);

impl Component for Stepped {
    fn start(&self) -> Result<(), ComponentError> {
        Component::start(&**self.0)
    }

    fn stop(&self) {
        self.0.stop();
    }

    fn identify(&self) -> &str {
        self.0.identify()
    }

    fn suspend(&self, reason: PauseReason) {
        Component::suspend(&**self.0, reason);
    }

    fn change_reason(&self, was: PauseReason, is: PauseReason) {
        self.0.change_reason(was, is);
    }

    fn resume(&self, reason: PauseReason) -> Result<(), ComponentError> {
        Component::resume(&**self.0, reason)
    }
}

/// What the queue puts into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Log,
    /// The store, which nobody else writes to: the log takes nothing.
    Store,
}

pub(super) struct Host {
    pub(super) clock: Clock,
    pub(super) log: Log,
    pub(super) queue: Arc<SteppedQueue>,
    pub(super) overwatch: Overwatch,
    told: Told,
}

impl Host {
    /// Its parts rest in this order: `part`, `queue`, `log`.
    pub(super) fn over<S: BlockStore + 'static>(
        store: &Arc<S>,
        options: LogOptions,
        over: Over,
    ) -> Host {
        let clock = options.clock.clone();
        let log = Log::over(Arc::clone(store) as Arc<dyn BlockStore>, options).unwrap();
        let sink: Arc<dyn Sink> = match over {
            Over::Log => Arc::new(log.clone()),
            Over::Store => Arc::clone(store) as Arc<dyn Sink>,
        };
        let queue = Queue::builder().when_paused(WhenPaused::Hold).clock(clock.clone());
        let queue = Arc::new(queue.build_stepped("web1", sink).unwrap());
        let told = Told::default();
        let ear = |name, inner| -> Arc<dyn Component> {
            Arc::new(Ear { name, told: Arc::clone(&told), inner })
        };
        let components = vec![
            ear("part", None),
            ear("queue", Some(Arc::new(Stepped(Arc::clone(&queue))))),
            ear("log", Some(Arc::new(log.clone()))),
        ];
        let watching = OverwatchOptions { clock: clock.clone(), ..OverwatchOptions::default() };
        let sink = Arc::clone(store) as Arc<dyn Sink>;
        let overwatch = Overwatch::with_options(sink, components, watching);
        Host { clock, log, queue, overwatch, told }
    }

    /// So many seconds, each with a probe, a decision and all work that is due; in
    /// each the books balance and the log answers.
    pub(super) fn seconds(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(SECOND);
            self.overwatch.probe();
            self.overwatch.step();
            let _ = self.log.maintain();
            self.queue.settle();
            self.assert_well_kept();
        }
    }

    #[track_caller]
    pub(super) fn assert_well_kept(&self) {
        assert!(self.log.tally().is_balanced(), "{}", self.log.tally());
        assert!(self.queue.audit().is_exact(), "{:?}", self.queue.audit());
        self.log.query(&Query::default()).unwrap();
    }

    /// Offers an event to the queue; says whether it was taken.
    pub(super) fn record(&self, message: &str) -> bool {
        self.queue.client().add("q", message).is_ok()
    }

    pub(super) fn append(&self, message: &str) -> Result<Vec<Taken>, AppendError> {
        self.log.append(vec![Event::new("a", message)], Ack::Disk, false)
    }

    /// What the components were told since the last call.
    pub(super) fn take_told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// Why queue and log rest.
    pub(super) fn reasons(&self) -> (Vec<PauseReason>, Vec<PauseReason>) {
        (reasons(self.queue.state()), reasons(self.log.state()))
    }

    #[track_caller]
    pub(super) fn assert_all_is_well(&self) {
        assert!(self.overwatch.health().is_ok(), "{:?}", self.overwatch);
        assert_eq!((self.queue.state(), self.log.state()), (State::Running, State::Running));
        assert_eq!((self.queue.tally().pending, self.log.tally().pending), (0, 0));
    }

    /// The messages of this type, oldest first.
    pub(super) fn messages(&self, of: &str) -> Vec<String> {
        let query = Query { limit: usize::MAX, ..Query::default() };
        let events = self.log.query(&query).unwrap().events.into_iter().rev();
        let of_type = events.filter(|stored| stored.event.event_type() == of);
        of_type.map(|stored| stored.event.message().to_owned()).collect()
    }
}

fn reasons(state: State) -> Vec<PauseReason> {
    match state {
        State::Paused { reasons, .. } => reasons.iter().collect(),
        _ => Vec::new(),
    }
}
