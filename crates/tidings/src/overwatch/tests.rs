use std::time::Duration;

use super::*;
use crate::block::Block;
use crate::clock::Timestamp;
use crate::component::ComponentError;
use crate::pause::PauseSet;
use crate::store::{Outcome, Placed, Reach, StoreError};

/// A store whose probes answer as the test says, and hang when it says so.
#[derive(Default)]
struct TestStore {
    fault: Mutex<Option<PauseReason>>,
    hanging: Mutex<bool>,
    released: Condvar,
}

impl TestStore {
    fn fail(&self, reason: PauseReason) {
        *self.fault.lock() = Some(reason);
    }

    fn recover(&self) {
        *self.fault.lock() = None;
    }

    fn hang(&self, hang: bool) {
        *self.hanging.lock() = hang;
        self.released.notify_all();
    }
}

impl Sink for TestStore {
    fn put(&self, _block: &Block) -> Result<Placed, StoreError> {
        Err(StoreError::Closed { store: self.describe() })
    }

    fn probe(&self) -> Result<(), StoreError> {
        let mut hanging = self.hanging.lock();
        while *hanging {
            hanging = self.released.wait(hanging);
        }
        let (store, cause) = (self.describe(), "told so".to_owned());
        match *self.fault.lock() {
            None => Ok(()),
            Some(PauseReason::DiskFull) => Err(StoreError::DiskFull { store, cause }),
            Some(_) => {
                let outcome = Outcome::NotStored;
                Err(StoreError::Io { doing: "probe", store, cause, outcome })
            }
        }
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }

    fn describe(&self) -> String {
        "a test's store".to_owned()
    }
}

/// A component that keeps reasons apart and writes down what it is told.
#[derive(Default)]
struct Part {
    name: &'static str,
    reasons: Mutex<PauseSet>,
    told: Arc<Mutex<Vec<String>>>,
    refuses_to_start: Mutex<bool>,
}

impl Component for Part {
    fn start(&self) -> Result<(), ComponentError> {
        self.resume(PauseReason::Manual)
    }

    fn stop(&self) {
        self.suspend(PauseReason::Manual);
    }

    fn identify(&self) -> &str {
        self.name
    }

    fn suspend(&self, reason: PauseReason) {
        self.reasons.lock().insert(reason);
        self.told.lock().push(format!("{} rests: {}", self.name, reason.name()));
    }

    fn change_reason(&self, was: PauseReason, is: PauseReason) {
        let mut reasons = self.reasons.lock();
        assert!(reasons.remove(was), "suspended for {was} before");
        reasons.insert(is);
        self.told.lock().push(format!("{} rests on: {}", self.name, is.name()));
    }

    fn resume(&self, reason: PauseReason) -> Result<(), ComponentError> {
        if *self.refuses_to_start.lock() {
            return Err("not yet".into());
        }
        self.reasons.lock().remove(reason);
        self.told.lock().push(format!("{} resumes: {}", self.name, reason.name()));
        Ok(())
    }
}

struct Scene {
    store: Arc<TestStore>,
    parts: [Arc<Part>; 2],
    told: Arc<Mutex<Vec<String>>>,
    clock: Clock,
    overwatch: Overwatch,
}

impl Scene {
    fn new() -> Scene {
        let store = Arc::new(TestStore::default());
        let told = Arc::new(Mutex::new(Vec::new()));
        let part = |name| Arc::new(Part { name, told: Arc::clone(&told), ..Part::default() });
        let parts = [part("first"), part("second")];
        let clock = Clock::by_hand(Timestamp::from_nanos(0));
        let options = OverwatchOptions { clock: clock.clone(), ..OverwatchOptions::default() };
        let components: Vec<Arc<dyn Component>> =
            parts.iter().map(|part| Arc::clone(part) as Arc<dyn Component>).collect();
        let overwatch = Overwatch::with_options(store.clone(), components, options);
        Scene { store, parts, told, clock, overwatch }
    }

    /// One probe and one decision a second, for so many seconds.
    fn seconds(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.overwatch.probe();
            self.overwatch.step();
        }
    }

    #[track_caller]
    fn assert_told(&self, wanted: &[&str]) {
        assert_eq!(*self.told.lock(), wanted);
        self.told.lock().clear();
    }
}

#[test]
fn a_failing_store_suspends_every_component_once() {
    let scene = Scene::new();
    scene.store.fail(PauseReason::StoreDown);

    scene.seconds(5);

    scene.assert_told(&["first rests: store_down", "second rests: store_down"]);
    assert!(matches!(scene.overwatch.health(), Health::Failing { .. }));
}

#[test]
fn components_resume_in_the_opposite_order_after_the_quiet_period() {
    let scene = Scene::new();
    scene.store.fail(PauseReason::StoreDown);
    scene.seconds(1);
    scene.told.lock().clear();
    scene.store.recover();

    scene.seconds(10);
    scene.assert_told(&[]);
    assert!(matches!(scene.overwatch.health(), Health::Recovering { .. }));

    scene.seconds(1);
    scene.assert_told(&["second resumes: store_down", "first resumes: store_down"]);
    assert_eq!(scene.overwatch.health(), Health::Ok);
}

#[test]
fn a_store_that_flaps_is_not_trusted_before_it_is_quiet() {
    let scene = Scene::new();
    for _ in 0..5 {
        scene.store.fail(PauseReason::StoreDown);
        scene.seconds(2);
        scene.store.recover();
        scene.seconds(9);
    }

    scene.assert_told(&["first rests: store_down", "second rests: store_down"]);
}

#[test]
fn a_new_reason_takes_the_place_of_the_old() {
    let scene = Scene::new();
    scene.store.fail(PauseReason::StoreDown);
    scene.seconds(1);
    scene.told.lock().clear();

    scene.store.fail(PauseReason::DiskFull);
    scene.seconds(1);

    scene.assert_told(&["first rests on: disk_full", "second rests on: disk_full"]);
}

#[test]
fn a_pause_by_hand_outlives_the_recovery_of_the_store() {
    let scene = Scene::new();
    scene.parts[0].stop();
    scene.store.fail(PauseReason::StoreDown);
    scene.seconds(1);
    scene.store.recover();

    scene.seconds(12);

    let left: Vec<_> = scene.parts[0].reasons.lock().iter().collect();
    assert_eq!(left, [PauseReason::Manual]);
    assert!(scene.overwatch.health().is_ok());
}

#[test]
fn a_component_that_will_not_start_is_tried_again() {
    let scene = Scene::new();
    scene.store.fail(PauseReason::StoreDown);
    scene.seconds(1);
    scene.store.recover();
    *scene.parts[0].refuses_to_start.lock() = true;
    scene.seconds(12);
    assert!(!scene.overwatch.health().is_ok());

    *scene.parts[0].refuses_to_start.lock() = false;
    scene.seconds(1);

    assert!(scene.overwatch.health().is_ok());
}

/// The first to go on was never told to rest again.
#[test]
fn a_store_that_fails_while_a_component_will_not_start_stops_the_others_again() {
    let scene = Scene::new();
    scene.store.fail(PauseReason::StoreDown);
    scene.seconds(1);
    scene.store.recover();
    *scene.parts[0].refuses_to_start.lock() = true;
    scene.seconds(11);
    scene.told.lock().clear();

    scene.store.fail(PauseReason::DiskFull);
    scene.seconds(2);
    scene.assert_told(&["first rests on: disk_full", "second rests: disk_full"]);

    scene.store.recover();
    *scene.parts[0].refuses_to_start.lock() = false;
    scene.seconds(12);
    scene.assert_told(&["second resumes: disk_full", "first resumes: disk_full"]);
    assert!(scene.parts.iter().all(|part| part.reasons.lock().is_empty()));
}

#[test]
fn a_component_that_goes_on_already_is_not_told_again_when_another_does_not() {
    let scene = Scene::new();
    scene.store.fail(PauseReason::StoreDown);
    scene.seconds(1);
    scene.store.recover();
    *scene.parts[0].refuses_to_start.lock() = true;
    scene.told.lock().clear();

    scene.seconds(14);

    scene.assert_told(&["second resumes: store_down"]);
}

#[test]
fn a_probe_that_hangs_counts_as_a_store_that_is_down() {
    let scene = Scene::new();
    scene.store.hang(true);
    scene.overwatch.start().unwrap();

    // The real threads run on the hand-moved clock: each look at the health is
    // a moment later, until the deadline of the probe is past.
    let mut health = scene.overwatch.health();
    while health.is_ok() {
        scene.clock.advance(Duration::from_millis(100));
        scene.overwatch.step();
        health = scene.overwatch.health();
    }

    scene.store.hang(false);
    match health {
        Health::Failing { reason: PauseReason::StoreDown, cause, answers: false, .. } => {
            assert!(cause.contains("no answer"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
}

/// A component that knows nothing of reasons.
struct Plain(Mutex<Vec<&'static str>>);

impl Component for Plain {
    fn start(&self) -> Result<(), ComponentError> {
        self.0.lock().push("start");
        Ok(())
    }

    fn stop(&self) {
        self.0.lock().push("stop");
    }

    fn identify(&self) -> &'static str {
        "plain"
    }
}

#[test]
fn a_component_without_reasons_is_not_started_when_only_the_reason_changes() {
    let (store, plain) = (Arc::new(TestStore::default()), Arc::new(Plain(Mutex::default())));
    let clock = Clock::by_hand(Timestamp::from_nanos(0));
    let options = OverwatchOptions { clock: clock.clone(), ..OverwatchOptions::default() };
    let overwatch = Overwatch::with_options(store.clone(), vec![plain.clone()], options);
    let see = |seconds: u64| {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            overwatch.probe();
            overwatch.step();
        }
    };

    store.fail(PauseReason::StoreDown);
    see(2);
    store.fail(PauseReason::DiskFull);
    see(2);
    store.recover();
    see(12);

    assert_eq!(*plain.0.lock(), ["stop", "start"]);
}

#[test]
fn a_queue_is_suspended_with_the_reason_and_resumed_but_never_started_by_hand() {
    let clock = Clock::by_hand(Timestamp::from_nanos(0));
    let store = Arc::new(TestStore::default());
    let queue = crate::Queue::builder().clock(clock.clone()).build("web1", store.clone()).unwrap();
    let queue = Arc::new(queue);
    let options = OverwatchOptions { clock: clock.clone(), ..OverwatchOptions::default() };
    let overwatch = Overwatch::with_options(store.clone(), vec![queue.clone()], options);
    queue.start().unwrap();
    let see = |seconds: u64| {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            overwatch.probe();
            overwatch.step();
        }
    };
    let reasons = || match queue.state() {
        crate::State::Paused { reasons, .. } => reasons.iter().collect(),
        _ => vec![],
    };

    store.fail(PauseReason::DiskFull);
    see(1);
    assert_eq!(reasons(), [PauseReason::DiskFull]);
    queue.stop();
    store.recover();
    see(12);

    assert_eq!(reasons(), [PauseReason::Manual]);
}

#[test]
fn watching_again_leaves_no_thread_of_the_first_watch() {
    let scene = Scene::new();
    scene.overwatch.start().unwrap();
    let first = scene.overwatch.inner.probe.lock().watch;

    scene.overwatch.stop();
    scene.overwatch.start().unwrap();

    assert!(!scene.overwatch.inner.probe_once(first));
    assert!(!scene.overwatch.inner.rest(first, PROBE_INTERVAL));
}
