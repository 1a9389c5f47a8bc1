//! What does the server say about one event?

use serde::Deserialize;
use serde_json::value::RawValue;
use tidings::{EventId, Fields, Severity, Timestamp};

/// One event as the server sent it, and what we read in it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The server's own words.
    pub raw: Box<RawValue>,
    /// What they mean.
    pub event: RowEvent,
}

impl Row {
    /// Reads one event.
    ///
    /// # Errors
    ///
    /// It is not one.
    pub fn read(raw: Box<RawValue>) -> Result<Row, serde_json::Error> {
        Ok(Row { event: serde_json::from_str(raw.get())?, raw })
    }
}

/// What is shown of an event. Origin, boot, seq and position are there when the
/// verbose form was asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct RowEvent {
    /// Its name.
    pub id: String,
    /// What kind of event.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What happened.
    #[serde(default)]
    pub message: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Who claims to have recorded it.
    #[serde(default)]
    pub memberid: String,
    /// How bad it is, as a word.
    pub severity: String,
    /// How bad it is, when a number says more.
    pub severity_number: Option<u64>,
    /// The component that spoke.
    pub source: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// The caller's own id.
    pub key: Option<String>,
    /// What else the producer said.
    #[serde(default)]
    pub fields: Fields,
    /// W3C trace id.
    pub trace_id: Option<String>,
    /// W3C span id.
    pub span_id: Option<String>,
    /// When the first durable tidings took it.
    pub received: Option<Timestamp>,
    /// Who really took it.
    pub origin: Option<String>,
    /// Which start of the origin.
    pub boot: Option<String>,
    /// The how-manieth of that boot.
    pub seq: Option<u64>,
    /// Where it stands in the server's log.
    pub position: Option<u64>,
    /// The events that it stands for in a collapsed list, itself among them.
    pub collapsed: Option<Collapsed>,
}

/// Events of one type whose messages differ in their numbers only.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Collapsed {
    /// How many.
    pub count: u64,
    /// The earliest.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
    /// How many members they are from.
    pub members: u64,
}

impl RowEvent {
    /// How bad it is; a word nobody knows informs.
    pub fn level(&self) -> Severity {
        self.severity.parse().unwrap_or(Severity::INFO)
    }

    /// How many events it stands for.
    pub fn count(&self) -> u64 {
        self.collapsed.map_or(1, |group| group.count)
    }

    /// Its name, if it is one.
    pub fn id(&self) -> Option<EventId> {
        self.id.parse().ok()
    }
}
