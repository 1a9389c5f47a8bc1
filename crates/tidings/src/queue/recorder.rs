//! Who can record? Anything a host may want to fake.

use super::echo;
use super::reason::{Reason, Refused};
use crate::event::{Event, Fields};
use crate::id::EventId;

/// Records events. [`crate::Client`] is the real one; hosts take
/// `&dyn Recorder` where their tests want a fake (`testing::FakeRecorder`).
pub trait Recorder: Send + Sync {
    /// Offers an event and returns at once.
    ///
    /// # Errors
    ///
    /// The event is handed back with the reason why it was not taken.
    fn record(&self, event: Event) -> Result<EventId, Refused>;

    /// Offers an event of a type, which is lower-cased, and a message.
    ///
    /// # Errors
    ///
    /// Why it was not taken.
    fn add(&self, event_type: &str, message: &str) -> Result<EventId, Reason> {
        self.record(Event::new(event_type, message)).map_err(|refused| refused.reason)
    }

    /// Offers several events, each for itself; one answer per event, in order.
    fn record_all(&self, events: Vec<Event>) -> Vec<Result<EventId, Refused>> {
        events.into_iter().map(|event| self.record(event)).collect()
    }

    /// Logs through `tracing`, then records the same as an event.
    ///
    /// The type decides the level: `error` is an error, `warning` a warning, all
    /// else informs. The log line has the target [`LOG_TARGET`], the type as
    /// `event.type` and the fields as `fields`, in their order; the event has the
    /// message unchanged and the fields as fields. The line is logged also when
    /// the event is not taken.
    ///
    /// # Errors
    ///
    /// Why it was not taken.
    fn add_with_log(
        &self,
        event_type: &str,
        message: &str,
        fields: Fields,
    ) -> Result<EventId, Reason> {
        let event = Event::new(event_type, message).with_fields(fields);
        log(&event);
        self.record(event).map_err(|refused| refused.reason)
    }

    /// [`Recorder::add_with_log`] with the type `error`.
    ///
    /// # Errors
    ///
    /// Why it was not taken.
    fn add_with_error_log(&self, message: &str, fields: Fields) -> Result<EventId, Reason> {
        self.add_with_log("error", message, fields)
    }
}

/// The target of the lines that [`Recorder::add_with_log`] logs.
pub const LOG_TARGET: &str = "tidings::event";

/// Fields as JSON in the producer's order, written only if somebody listens.
struct InOrder<'a>(&'a Fields);

impl std::fmt::Display for InOrder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| std::fmt::Error)?)
    }
}

fn log(event: &Event) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: LOG_TARGET,
                {
                    "event.type" = event.event_type(),
                    fields = (!event.fields().is_empty())
                        .then(|| tracing::field::display(InOrder(event.fields()))),
                },
                "{}",
                event.message()
            )
        };
    }
    // A host's own layer that records every line would record this twice.
    let _quiet = echo::quiet();
    match event.event_type() {
        "error" => line!(error),
        "warning" => line!(warn),
        _ => line!(info),
    }
}
