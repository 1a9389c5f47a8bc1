//! What does a frame say, event by event?

use std::sync::OnceLock;

use super::columns::Numbers;
use super::header::{FrameSummary, Header};
use super::sections::{Naming, Sections};
use super::{Entry, EntryFields, FormatError, grouping, list_time};
use crate::clock::Timestamp;
use crate::event::{Event, Fields, StoredEvent};
use crate::id::{Boot, EventId, Origin, Position};
use crate::severity::Severity;

/// Some hundred events of a block, read section by section.
///
/// The numbers are there from the start; messages and details are verified and
/// decompressed once, when the first of them is asked for. Events are counted from
/// 0 within the frame; an index past [`Frame::len`] panics.
#[derive(Debug)]
pub struct Frame<'a> {
    sections: Sections<'a>,
    numbers: Numbers,
    /// Where the texts of each event stand, if not in the order of the events.
    places: OnceLock<Vec<u32>>,
}

impl<'a> Frame<'a> {
    pub(super) fn of(sections: Sections<'a>, numbers: Numbers) -> Result<Frame<'a>, FormatError> {
        let frame = Frame { sections, numbers, places: OnceLock::new() };
        frame.check_listed()?;
        frame.check_summary()?;
        Ok(frame)
    }

    fn check_summary(&self) -> Result<(), FormatError> {
        let Some(said) = &self.sections.directory_entry().summary else { return Ok(()) };
        let found = FrameSummary::of(&self.numbers);
        let what = "summary of a frame";
        if found == *said {
            return Ok(());
        }
        Err(FormatError::Impossible { what, value: self.sections.index() as u64 })
    }

    /// The directory is believed without opening frames: it must be right.
    fn check_listed(&self) -> Result<(), FormatError> {
        let (first, last) = self.sections.directory_entry().listed;
        let outside = (0..self.len()).map(|i| self.listed(i)).find(|at| *at < first || *at > last);
        outside.map_or(Ok(()), |at| {
            let value = at.as_nanos().cast_unsigned();
            Err(FormatError::Impossible { what: "list time", value })
        })
    }

    /// Its columns of numbers.
    pub(super) fn into_numbers(self) -> Numbers {
        self.numbers
    }

    /// How many events it has, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// When the event happened.
    pub fn timestamp(&self, i: usize) -> Timestamp {
        Timestamp::from_nanos(self.numbers.timestamps[i])
    }

    /// When the first durable tidings took it.
    pub fn received(&self, i: usize) -> Timestamp {
        Timestamp::from_nanos(self.numbers.received[i])
    }

    /// The time at which it stands in lists: [`list_time`].
    pub fn listed(&self, i: usize) -> Timestamp {
        list_time(self.timestamp(i), self.received(i))
    }

    /// When `add` took it; its id is made of it.
    pub fn added(&self, i: usize) -> Timestamp {
        Timestamp::from_nanos(self.numbers.added[i])
    }

    /// Its name in URLs.
    pub fn id(&self, i: usize) -> EventId {
        let (_, boot, seq) = self.name(i);
        EventId::new(self.added(i), boot, seq)
    }

    /// How bad it is.
    pub fn severity(&self, i: usize) -> Severity {
        self.numbers.severities[i]
    }

    /// Index into the header's types.
    pub fn type_index(&self, i: usize) -> usize {
        self.numbers.types[i] as usize
    }

    /// Index into the header's members.
    pub fn member_index(&self, i: usize) -> usize {
        self.numbers.members[i] as usize
    }

    /// Index into the header's runs.
    pub(super) fn run_index(&self, i: usize) -> usize {
        self.numbers.runs[i] as usize
    }

    /// What names it for ever: who took it, in which start, as the how-manieth.
    pub fn name(&self, i: usize) -> (Origin, Boot, u64) {
        let run = &self.sections.of.outline.header.runs[self.numbers.runs[i] as usize];
        (run.origin, run.boot, self.numbers.seqs[i])
    }

    /// The component that spoke.
    pub fn source(&self, i: usize) -> Option<&str> {
        self.numbers.sources.get(i)
    }

    /// What it is about.
    pub fn subject(&self, i: usize) -> Option<&str> {
        self.numbers.subjects.get(i)
    }

    /// Index of its source or its subject among those of the frame.
    pub(crate) fn named(&self, of: Naming, i: usize) -> Option<usize> {
        self.numbers.named(of).places[i].checked_sub(1).map(|index| index as usize)
    }

    /// The source or subject of this index.
    pub(crate) fn name_at(&self, of: Naming, index: usize) -> &str {
        self.numbers.named(of).names.get(index)
    }

    /// The header of its block.
    pub(crate) fn header(&self) -> &Header {
        self.sections.header()
    }

    /// Every source and subject that one of its events has.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.numbers.sources.names.iter().chain(self.numbers.subjects.names.iter())
    }

    /// What happened.
    ///
    /// # Errors
    ///
    /// The frame's messages are damaged.
    pub fn message(&self, i: usize) -> Result<&str, FormatError> {
        self.sections.message_at(self.place(i))
    }

    /// The caller's own id.
    ///
    /// # Errors
    ///
    /// The frame's details are damaged.
    pub fn key(&self, i: usize) -> Result<Option<&str>, FormatError> {
        let place = self.place(i);
        Ok(self.sections.details_at(place)?.keys.get(place))
    }

    /// The fields as JSON text in the producer's order, `None` when there are
    /// none. That it is JSON is checked by [`Frame::event`].
    ///
    /// # Errors
    ///
    /// The frame's details are damaged.
    pub fn fields_json(&self, i: usize) -> Result<Option<&str>, FormatError> {
        let place = self.place(i);
        Ok(self.sections.details_at(place)?.fields.get(place))
    }

    /// W3C trace id and span id.
    ///
    /// # Errors
    ///
    /// The frame's details are damaged.
    pub fn trace(&self, i: usize) -> Result<(Option<u128>, Option<u64>), FormatError> {
        let place = self.place(i);
        let details = self.sections.details_at(place)?;
        Ok((details.trace_id(place), details.span_id(place)))
    }

    #[cfg(test)]
    pub(super) fn sections(&self) -> &Sections<'a> {
        &self.sections
    }

    /// Where the texts of an event stand.
    fn place(&self, i: usize) -> usize {
        if self.sections.directory_entry().head_events == 0 {
            return i;
        }
        let types = &self.numbers.types;
        let places = self.places.get_or_init(|| grouping::places_in(&grouping::order_of(types)));
        places[i] as usize
    }

    /// Reads the messages of these events at once, all if one of them is not in the first
    /// part.
    ///
    /// # Errors
    ///
    /// The frame's messages are damaged.
    pub(crate) fn read_messages_of(
        &self,
        events: impl IntoIterator<Item = usize>,
    ) -> Result<(), FormatError> {
        if self.need_all(events) { self.sections.messages().map(drop) } else { Ok(()) }
    }

    /// The same for what else is told of them.
    ///
    /// # Errors
    ///
    /// The frame's details are damaged.
    pub(crate) fn read_details_of(
        &self,
        events: impl IntoIterator<Item = usize>,
    ) -> Result<(), FormatError> {
        if self.need_all(events) { self.sections.details().map(drop) } else { Ok(()) }
    }

    fn need_all(&self, events: impl IntoIterator<Item = usize>) -> bool {
        let head_events = self.sections.directory_entry().head_events;
        events.into_iter().any(|i| self.place(i) >= head_events)
    }

    /// The event as it was pushed, borrowed.
    ///
    /// # Errors
    ///
    /// The frame's messages or details are damaged.
    #[allow(dead_code, reason = "only joining asks")]
    pub(crate) fn entry(&self, i: usize) -> Result<Entry<'_>, FormatError> {
        let header = &self.sections.of.outline.header;
        let (trace_id, span_id) = self.trace(i)?;
        Ok(Entry {
            event_type: &header.types[self.type_index(i)].name,
            message: self.message(i)?,
            member: &header.members[self.member_index(i)].name,
            severity: self.severity(i),
            timestamp: self.timestamp(i),
            added: self.added(i),
            received: self.received(i),
            seq: self.numbers.seqs[i],
            source: self.source(i),
            subject: self.subject(i),
            key: self.key(i)?,
            fields: self.fields_json(i)?.map(EntryFields::Json),
            trace_id,
            span_id,
        })
    }

    /// The whole event, as it was pushed; the block's first event stands at `base`.
    ///
    /// # Errors
    ///
    /// The frame's messages or details are damaged.
    pub fn event(&self, i: usize, base: Position) -> Result<StoredEvent, FormatError> {
        let header = &self.sections.of.outline.header;
        let (origin, boot, seq) = self.name(i);
        let (trace_id, span_id) = self.trace(i)?;
        let timestamp = self.timestamp(i);
        let event = Event {
            event_type: header.types[self.type_index(i)].name.clone(),
            message: self.message(i)?.to_owned(),
            timestamp: Some(timestamp),
            member: Some(header.members[self.member_index(i)].name.clone()),
            severity: self.severity(i),
            source: self.source(i).map(str::to_owned),
            subject: self.subject(i).map(str::to_owned),
            key: self.key(i)?.map(str::to_owned),
            fields: self.fields(i)?,
            trace_id,
            span_id,
        };
        let position = base.plus((self.sections.directory_entry().start + i) as u64);
        let (id, received) = (self.id(i), self.received(i));
        Ok(StoredEvent { event, id, timestamp, received, origin, boot, seq, position })
    }

    fn fields(&self, i: usize) -> Result<Fields, FormatError> {
        let Some(json) = self.fields_json(i)? else { return Ok(Fields::new()) };
        Fields::stored(json)
            .map_err(|_| FormatError::BadText { what: "fields", expected: "a JSON object" })
    }
}
