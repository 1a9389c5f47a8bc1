//! What did the code under test record? A recorder that keeps it in a list.

use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::{Boot, EventId};
use crate::queue::{Reason, Recorder, Refused};
use crate::sync::{Arc, Mutex};

/// Events that a [`FakeRecorder`] keeps at most.
const EVENTS_MAX: usize = 1_000_000;

/// A [`Recorder`] that takes every valid event, or refuses all of them for a
/// reason. Clones share the list.
///
/// ```
/// use tidings::Recorder;
/// use tidings::testing::FakeRecorder;
///
/// fn deploy(recorder: &dyn Recorder) {
///     let _ = recorder.add("deploy", "api rolled out");
/// }
///
/// let fake = FakeRecorder::new();
/// deploy(&fake);
/// assert_eq!(fake.events()[0].event_type(), "deploy");
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeRecorder {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    events: Vec<Event>,
    refusing: Option<Reason>,
}

impl FakeRecorder {
    /// One that takes everything valid.
    pub fn new() -> FakeRecorder {
        FakeRecorder::default()
    }

    /// Refuses everything from now on.
    pub fn refuse(&self, reason: Reason) {
        self.kept.lock().refusing = Some(reason);
    }

    /// What was recorded, in order.
    pub fn events(&self) -> Vec<Event> {
        self.kept.lock().events.clone()
    }
}

impl Recorder for FakeRecorder {
    fn record(&self, event: Event) -> Result<EventId, Refused> {
        let mut kept = self.kept.lock();
        let full = (kept.events.len() >= EVENTS_MAX).then_some(Reason::BufferFull);
        let invalid = || event.validate().err().map(Reason::of_invalid);
        if let Some(reason) = kept.refusing.clone().or(full).or_else(invalid) {
            return Err(Refused { reason, event: Box::new(event) });
        }
        kept.events.push(event);
        let boot = Boot::from_bytes([0; 8]);
        Ok(EventId::new(Timestamp::default(), boot, kept.events.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fields;

    #[test]
    fn a_fake_keeps_what_the_code_recorded() {
        let fake = FakeRecorder::new();
        let recorder: &dyn Recorder = &fake;

        recorder.add("Deploy", "api").unwrap();
        recorder.add_with_error_log("disk", Fields::new()).unwrap();

        let types: Vec<_> = fake.events().iter().map(|e| e.event_type().to_owned()).collect();
        assert_eq!(types, ["deploy", "error"]);
    }

    #[test]
    fn a_fake_can_play_a_full_queue() {
        let fake = FakeRecorder::new();
        fake.refuse(Reason::BufferFull);

        assert_eq!(fake.add("a", "b"), Err(Reason::BufferFull));
        assert_eq!(fake.events(), []);
    }
}
