//! How does a world do an action, and what does the model hear of it?

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidings::store::memory::MemoryStore;
use tidings::store::{Outcome, Sink};
use tidings::testing::{Fault, FaultyStore, SteppedQueue};
use tidings::{
    Ack, AppendError, Clock, Event, EventId, Log, LogOptions, MESSAGE_BYTES_MAX, PauseReason,
    Query, Queue, Reason, Refusal, Severity, State, Taken, Timestamp, WhenPaused,
};

use super::model::Promise;
use super::{Action, Books, Kind, Shape};

/// No close waits: nothing of a world moves by itself.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

pub(super) struct World {
    pub(super) shape: Shape,
    pub(super) store: Arc<FaultyStore<MemoryStore>>,
    clock: Clock,
    log: Option<(Log, Books)>,
    queue: Option<(SteppedQueue, Books)>,
    /// The boots that are over.
    pub(super) over: Vec<Books>,
    next_text: u64,
    /// What is surely stored under each key, since the clock was last set.
    keyed: HashMap<String, (EventId, Event, Timestamp)>,
}

pub(super) fn start() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// Nothing expires, so that everything found can be held against the model.
pub(super) fn log_options(clock: &Clock) -> LogOptions {
    LogOptions {
        background: false,
        retention: Duration::MAX,
        clock: clock.clone(),
        ..LogOptions::default()
    }
}

impl World {
    pub(super) fn new(shape: Shape) -> World {
        let store = FaultyStore::new(MemoryStore::new().unwrap());
        // Only a log brings a latched store back.
        let store = if shape.log { store } else { store.that_never_latches() };
        let mut world = World {
            shape,
            store: Arc::new(store),
            clock: Clock::by_hand(start()),
            log: None,
            queue: None,
            over: Vec::new(),
            next_text: 0,
            keyed: HashMap::new(),
        };
        world.boot();
        world
    }

    fn boot(&mut self) {
        let mut sink: Arc<dyn Sink> = Arc::clone(&self.store) as Arc<dyn Sink>;
        if self.shape.log {
            let log = Log::over(Arc::clone(&self.store) as _, log_options(&self.clock)).unwrap();
            sink = Arc::new(log.clone());
            let books = Books::new(log.origin(), log.boot());
            self.log = Some((log, books));
        }
        if self.shape.queue {
            let paused =
                if self.shape.holds_when_paused { WhenPaused::Hold } else { WhenPaused::Discard };
            let queue = Queue::builder()
                .buffer_events_max(self.shape.buffer_events)
                .when_paused(paused)
                .max_event_age(self.shape.event_age)
                .clock(self.clock.clone())
                .build_stepped("web1", sink)
                .unwrap();
            let books = Books::new(queue.origin(), queue.boot());
            self.queue = Some((queue, books));
        }
    }

    pub(super) fn act(&mut self, action: &Action) {
        match action {
            Action::FailOnce(nth, fault) => self.store.fail_at(*nth, *fault),
            Action::FailForEver(nth, fault) => self.store.fail_from(*nth, *fault),
            Action::FailRead(nth) => self.store.fail_read_at(*nth),
            Action::Repair => self.store.release(),
            Action::Wait(span) => self.clock.advance(*span),
            Action::JumpHours(hours) => {
                let span = Duration::from_hours(hours.unsigned_abs().into());
                let now = self.clock.now();
                self.clock.set_wall(if *hours < 0 { now.before(span) } else { now.after(span) });
                self.keyed.clear();
            }
            Action::Restart => self.restart(),
            Action::Crash => self.crash(),
            _ => {
                self.act_on_queue(action);
                self.act_on_log(action);
            }
        }
        self.check();
    }

    fn act_on_queue(&mut self, action: &Action) {
        let Some((queue, _)) = &self.queue else { return };
        match action {
            Action::Record { kind, tracked } => self.record(*kind, *tracked),
            Action::Seal => _ = queue.seal(),
            Action::Put => {
                let paused = matches!(queue.state(), State::Paused { .. });
                let before = queue.audit().puts_started;
                queue.put();
                assert!(!paused || queue.audit().puts_started == before, "a put while paused");
            }
            Action::Settle => queue.settle(),
            Action::PauseQueue(reason) => queue.suspend(*reason),
            Action::ResumeQueue(reason) => queue.resume(*reason),
            _ => {}
        }
    }

    fn act_on_log(&mut self, action: &Action) {
        let Some((log, _)) = &self.log else { return };
        match action {
            Action::Append { kinds, queued, strict } => {
                let events = kinds.iter().map(|kind| self.event(*kind)).collect();
                self.append(events, kinds, *queued, *strict);
            }
            Action::AppendKeyed { key, text, queued } => self.append_keyed(*key, *text, *queued),
            Action::Maintain => _ = log.maintain(),
            Action::PauseLog(reason) => log.suspend(*reason),
            Action::ResumeLog(reason) => log.resume(*reason),
            _ => {}
        }
    }

    /// An event whose text no other has.
    fn event(&mut self, kind: Kind) -> Event {
        self.next_text += 1;
        let text = format!("event {}", self.next_text);
        match kind {
            Kind::Plain => Event::new("plain", text).with_field("number", self.next_text),
            Kind::Urgent => Event::new("urgent", text).with_severity(Severity::ERROR),
            Kind::Reserved => Event::new("tidings.lost", text),
            Kind::TooLarge => Event::new("large", text + &"x".repeat(MESSAGE_BYTES_MAX)),
        }
    }

    fn record(&mut self, kind: Kind, tracked: bool) {
        let event = self.event(kind);
        let Some((queue, books)) = &mut self.queue else { return };
        if tracked {
            let receipt = queue.client().record_tracked(event.clone());
            match (receipt.id(), receipt.fate()) {
                (Some(id), _) => {
                    books.took(id, event.clone(), Promise::Open);
                    books.receipts.push((event, receipt));
                }
                (None, Some(tidings::Fate::Refused(reason))) => note_refused(books, &reason, event),
                other => panic!("neither taken nor refused: {other:?}"),
            }
            return;
        }
        match queue.client().record(event.clone()) {
            Ok(id) => books.took(id, event, Promise::Open),
            Err(refused) => {
                assert_eq!(*refused.event, event, "what is handed back is what was offered");
                note_refused(books, &refused.reason, event);
            }
        }
    }

    fn append(&mut self, events: Vec<Event>, kinds: &[Kind], queued: bool, strict: bool) {
        let Some((log, books)) = &mut self.log else { return };
        let ack = if queued { Ack::Queued } else { Ack::Disk };
        match log.append(events.clone(), ack, strict) {
            Ok(answers) => {
                assert_eq!(answers.len(), events.len());
                for (event, taken) in events.into_iter().zip(answers) {
                    note_taken(books, event, &taken, queued);
                }
            }
            Err(AppendError::Paused(_)) => {
                for event in events {
                    books.refused(Refusal::Paused, event);
                }
            }
            Err(AppendError::Store(error)) => {
                let may_be_there = error.outcome() == Outcome::Unknown;
                for (event, kind) in events.into_iter().zip(kinds) {
                    match kind {
                        Kind::Reserved => books.refused(Refusal::Invalid, event),
                        Kind::TooLarge => books.refused(Refusal::TooLarge, event),
                        _ => books.failed(event, may_be_there),
                    }
                }
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn append_keyed(&mut self, key: u8, text: u8, queued: bool) {
        let Some((log, books)) = &mut self.log else { return };
        let key = format!("key {key}");
        let event = Event::new("keyed", format!("{key}, text {text}")).with_key(&key);
        let ack = if queued { Ack::Queued } else { Ack::Disk };
        let window = log.options().dedupe_window;
        let known = self.keyed.get(&key).filter(|(_, _, at)| *at > self.clock.now().before(window));
        match log.append(vec![event.clone()], ack, false).map(|mut taken| taken.remove(0)) {
            Ok(Taken::Accepted { id, duplicate: true, .. }) => {
                assert!(known.is_none_or(|(first, text, _)| *first == id && *text == event));
            }
            Ok(Taken::KeyConflict { id }) => {
                assert!(known.is_none_or(|(first, text, _)| *first == id && *text != event));
                books.refused(Refusal::KeyConflict, event);
                // Its text may well be there under an earlier or later id.
                books.absent.pop();
            }
            Ok(taken) => {
                assert!(known.is_none(), "stored twice: {known:?}, then {taken:?}");
                note_taken(books, event.clone(), &taken, queued);
                if let (Taken::Accepted { id, received, .. }, false) = (taken, queued) {
                    self.keyed.insert(key, (id, event, received));
                }
            }
            Err(AppendError::Paused(_)) => {
                books.refused(Refusal::Paused, event);
                books.absent.pop();
            }
            Err(AppendError::Store(_)) => books.failed(event, true),
            Err(error) => panic!("{error}"),
        }
    }

    fn check(&mut self) {
        if let Some((queue, books)) = &mut self.queue {
            let audit = queue.audit();
            assert!(audit.is_exact(), "{audit:?}");
            books.check(audit.tally);
        }
        if let Some((log, books)) = &mut self.log {
            books.check(log.tally());
        }
    }

    fn restart(&mut self) {
        if let Some((queue, mut books)) = self.queue.take() {
            books.check(queue.close().tally);
            self.retire(books, true);
        }
        if let Some((log, mut books)) = self.log.take() {
            books.check(log.close(CLOSE_DEADLINE));
            self.retire(books, true);
        }
        self.reopen();
    }

    fn crash(&mut self) {
        // What would be written while the halves are taken down is not.
        self.store.fail_from(1, Fault::NotStored);
        if let Some((queue, books)) = self.queue.take() {
            let _ = queue.end();
            self.retire(books, false);
        }
        if let Some((log, books)) = self.log.take() {
            log.close(Duration::ZERO);
            self.retire(books, false);
        }
        self.store.release();
        self.reopen();
    }

    fn retire(&mut self, mut books: Books, closed: bool) {
        books.closed = closed;
        assert!(!closed || books.tally.pending == 0, "{}", books.tally);
        self.over.push(books);
    }

    fn reopen(&mut self) {
        self.store.inner().reopen();
        self.store.fail_read_at(0);
        // The next process knows nothing of a latch.
        let _ = self.store.probe();
        self.boot();
    }

    /// Lifts what a person or a test has broken, and lets everything come to
    /// rest: then all is running, and nothing is pending.
    pub(super) fn heal(&mut self) {
        self.store.release();
        self.store.fail_read_at(0);
        for _ in 0..3 {
            if let Some((log, _)) = &self.log {
                let _ = log.maintain();
                // Lifts only what was said: what the store caused, the log lifts by
                // itself.
                for reason in PauseReason::ALL {
                    log.resume(reason);
                }
            }
            if let Some((queue, _)) = &self.queue {
                for reason in PauseReason::ALL {
                    queue.resume(reason);
                }
                queue.settle();
            }
            // Long enough for the next try and the next loss record.
            self.clock.advance(tidings::RETRY_MAX.max(tidings::LOSS_RECORD_PERIOD));
            self.check();
        }
        self.assert_at_rest();
        let books = self.log.iter().map(|(_, books)| books);
        super::found::check_told(&*self.store, books.chain(self.queue.iter().map(|(_, b)| b)));
    }

    #[track_caller]
    fn assert_at_rest(&self) {
        if let Some((log, books)) = &self.log {
            assert_eq!((log.state(), books.tally.pending), (State::Running, 0));
            let query = Query { limit: usize::MAX, ..Query::default() };
            let listed = log.query(&query).unwrap().events;
            let mut positions: Vec<u64> = listed.iter().map(|stored| stored.position.0).collect();
            positions.sort_unstable();
            let all: Vec<u64> = (0..log.ends().unwrap().next.0).collect();
            assert_eq!(positions, all, "a log lists what its store holds");
        }
        if let Some((queue, books)) = &self.queue {
            assert_eq!((queue.state(), books.tally.pending), (State::Running, 0));
        }
    }

    /// What the log does, if there is one.
    pub(super) fn log_state(&self) -> Option<State> {
        self.log.as_ref().map(|(log, _)| log.state())
    }

    /// Comes to rest, closes all, and holds what the store has against the model.
    pub(super) fn finish(mut self) {
        self.heal();
        self.restart();
        // The boot that was just opened has written nothing.
        self.restart();
        super::found::check(&self, &self.clock);
    }
}

fn note_refused(books: &mut Books, reason: &Reason, event: Event) {
    books.refused(reason.refusal().unwrap(), event);
}

fn note_taken(books: &mut Books, event: Event, taken: &Taken, queued: bool) {
    match taken {
        Taken::Accepted { id, position, duplicate, .. } => {
            assert!(!duplicate && position.is_none() == queued, "{taken:?}");
            books.took(*id, event, if queued { Promise::Open } else { Promise::There });
        }
        Taken::Invalid(invalid) if invalid.is_too_large() => {
            books.refused(Refusal::TooLarge, event);
        }
        Taken::Invalid(_) | Taken::NotTaken => books.refused(Refusal::Invalid, event),
        Taken::KeyConflict { .. } => panic!("{taken:?} without a key"),
    }
}
