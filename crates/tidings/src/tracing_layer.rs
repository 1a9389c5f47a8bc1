//! Which log lines are events? A layer that records those a host chooses.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::event::{Event, Fields};
use crate::queue::Recorder;
use crate::severity::Severity;

/// The field of a log line that makes it an event, whatever its level, and gives
/// the event its type.
pub const TYPE_FIELD: &str = "event.type";

/// A layer that records log lines as events: those at warn and worse, and those
/// with a field [`TYPE_FIELD`] at any level.
///
/// The message becomes the message, the target the source, other fields become
/// fields in their order. Without [`TYPE_FIELD`] the type is `error`, `warning` or
/// the level's name. Lines of tidings itself (targets `tidings` and `tidings::…`)
/// are never recorded. What the recorder refuses is counted there.
///
/// ```
/// use tidings::testing::FakeRecorder;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let recorder = FakeRecorder::new();
/// let subscriber = tracing_subscriber::registry().with(tidings::layer(recorder.clone()));
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::info!("event.type" = "deploy", version = "1.42", "api rolled out");
///     tracing::info!("just a line");
/// });
/// assert_eq!(recorder.events().len(), 1);
/// ```
pub fn layer<R: Recorder + 'static>(recorder: R) -> EventLayer<R> {
    EventLayer { recorder, least: Some(Severity::WARN) }
}

/// Records log lines as events; made by [`layer`].
#[derive(Clone, Debug)]
pub struct EventLayer<R> {
    recorder: R,
    least: Option<Severity>,
}

impl<R> EventLayer<R> {
    /// Records lines of this severity and worse. Default: [`Severity::WARN`].
    #[must_use]
    pub fn with_least(mut self, least: Severity) -> EventLayer<R> {
        self.least = Some(least);
        self
    }

    /// Records only lines that have a field [`TYPE_FIELD`].
    #[must_use]
    pub fn typed_only(mut self) -> EventLayer<R> {
        self.least = None;
        self
    }
}

fn severity_of(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::ERROR,
        Level::WARN => Severity::WARN,
        Level::INFO => Severity::INFO,
        Level::DEBUG => Severity::DEBUG,
        Level::TRACE => Severity::TRACE,
    }
}

fn type_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Whether tidings itself speaks.
fn is_own(target: &str) -> bool {
    target.strip_prefix("tidings").is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl<R, S> Layer<S> for EventLayer<R>
where
    R: Recorder + 'static,
    S: Subscriber,
{
    fn on_event(&self, line: &tracing::Event<'_>, _context: Context<'_, S>) {
        let metadata = line.metadata();
        if is_own(metadata.target()) {
            return;
        }
        let severity = severity_of(*metadata.level());
        let by_level = self.least.is_some_and(|least| severity >= least);
        if !by_level && metadata.fields().field(TYPE_FIELD).is_none() {
            return;
        }
        let mut seen = Seen::default();
        line.record(&mut seen);
        if !by_level && seen.event_type.is_none() {
            return;
        }
        let event_type = seen.event_type.as_deref().unwrap_or(type_of(*metadata.level()));
        let event = Event::new(event_type, seen.message)
            .with_severity(severity)
            .with_source(metadata.target())
            .with_fields(seen.fields);
        // A refusal is in the books of the recorder: there is nobody to tell here.
        let _ = self.recorder.record(event);
    }
}

/// What a line says.
#[derive(Default)]
struct Seen {
    event_type: Option<String>,
    message: String,
    fields: Fields,
}

impl Seen {
    fn value(&mut self, field: &Field, value: serde_json::Value) {
        match (field.name(), value) {
            (TYPE_FIELD, serde_json::Value::String(text)) => self.event_type = Some(text),
            (TYPE_FIELD, other) => self.event_type = Some(other.to_string()),
            ("message", serde_json::Value::String(text)) => self.message = text,
            (name, value) => self.fields.insert(name, value),
        }
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.value(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.value(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.value(field, value.to_string().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeRecorder;
    use tracing_subscriber::layer::SubscriberExt;

    fn recorded(
        configure: impl FnOnce(EventLayer<FakeRecorder>) -> EventLayer<FakeRecorder>,
        speak: impl FnOnce(),
    ) -> Vec<Event> {
        let recorder = FakeRecorder::new();
        let layer = configure(layer(recorder.clone()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), speak);
        recorder.events()
    }

    #[test]
    fn warnings_and_errors_are_events_by_default() {
        let events = recorded(
            |layer| layer,
            || {
                tracing::info!(target: "host", "not this");
                tracing::warn!(target: "host", disk = 91, "disk is filling");
                tracing::error!(target: "host", "disk is full");
            },
        );

        assert_eq!(events.len(), 2);
        assert_eq!(events[0].event_type(), "warning");
        assert_eq!(events[0].message(), "disk is filling");
        assert_eq!(events[0].source(), Some("host"));
        assert_eq!(events[0].fields().get("disk"), Some(&91.into()));
        assert_eq!(events[1].severity(), Severity::ERROR);
    }

    #[test]
    fn a_type_makes_an_event_of_any_line_and_fields_keep_their_order() {
        let events = recorded(EventLayer::typed_only, || {
            tracing::debug!(target: "host", { "event.type" = "Deploy", z = 1.5, a = true }, "api");
            tracing::error!(target: "host", "untyped");
        });

        assert_eq!(events.len(), 1);
        assert_eq!(events[0].event_type(), "deploy");
        assert_eq!(events[0].severity(), Severity::DEBUG);
        assert_eq!(serde_json::to_string(events[0].fields()).unwrap(), r#"{"z":1.5,"a":true}"#);
    }

    #[test]
    fn the_least_severity_can_be_chosen() {
        let events = recorded(
            |layer| layer.with_least(Severity::ERROR),
            || tracing::warn!(target: "host", "not this"),
        );

        assert_eq!(events, []);
    }

    #[test]
    fn what_tidings_says_of_itself_is_no_event() {
        let events = recorded(
            |layer| layer.with_least(Severity::TRACE),
            || {
                tracing::error!(target: "tidings", "no");
                tracing::error!(target: "tidings::queue", "no");
                tracing::error!(target: "tidingsbridge", "yes");
            },
        );

        assert_eq!(events.len(), 1);
        assert_eq!(events[0].source(), Some("tidingsbridge"));
    }
}
