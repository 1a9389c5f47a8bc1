//! What do the sections of a frame say, before its events are looked at one by one?

use std::borrow::Cow;
use std::sync::OnceLock;

use super::columns::{Details, Named, Numbers, Texts};
use super::format::{self, FrameEntry, Section};
use super::frame::Frame;
use super::{Excerpt, FormatError, Header, Outline, grouping};

/// The sections of a frame. Each is verified and decompressed once, when somebody
/// asks for it.
#[derive(Debug)]
pub(crate) struct Sections<'a> {
    pub(super) of: Cow<'a, Excerpt>,
    index: usize,
    /// What was decompressed for a look, and may be read whole.
    bytes: [OnceLock<Vec<u8>>; 3],
    names: OnceLock<[Texts; 2]>,
    numbers: OnceLock<Numbers>,
    messages: Texted<Texts>,
    details: Texted<Details>,
    /// In which order the texts stand, if not in that of the events.
    order: OnceLock<Vec<u32>>,
}

/// What is in a section of texts.
#[derive(Debug)]
struct Texted<T> {
    /// Of the first part.
    head: OnceLock<T>,
    all: OnceLock<T>,
}

impl<T> Texted<T> {
    fn new() -> Texted<T> {
        Texted { head: OnceLock::new(), all: OnceLock::new() }
    }
}

/// Names that a frame has a list of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Sources,
    Subjects,
}

impl<'a> Sections<'a> {
    pub(super) fn new(of: Cow<'a, Excerpt>, index: usize) -> Sections<'a> {
        Sections {
            of,
            index,
            bytes: Default::default(),
            names: OnceLock::new(),
            numbers: OnceLock::new(),
            messages: Texted::new(),
            details: Texted::new(),
            order: OnceLock::new(),
        }
    }

    /// The frame, with what was read of it so far.
    ///
    /// # Errors
    ///
    /// The frame's numbers are damaged.
    pub(crate) fn into_frame(mut self) -> Result<Frame<'a>, FormatError> {
        let numbers = match self.numbers.take() {
            Some(numbers) => numbers,
            None => self.read_numbers()?,
        };
        self.bytes = Default::default();
        Frame::of(self, numbers)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.of.outline.header
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.directory_entry().count
    }

    /// What happened, in the order in which texts stand.
    ///
    /// # Errors
    ///
    /// It is damaged, as in all that follow.
    pub(crate) fn messages(&self) -> Result<&Texts, FormatError> {
        self.all(Section::Messages, &self.messages, format::read_messages)
    }

    /// All messages, one after the other in the order in which they stand, in two parts.
    /// To look for something in them costs less than to read them.
    pub(crate) fn joined_messages(&self) -> Result<[&str; 2], FormatError> {
        self.joined(Section::Messages, format::joined_messages)
    }

    /// The same of the fields as JSON.
    pub(crate) fn joined_fields(&self) -> Result<[&str; 2], FormatError> {
        self.joined(Section::Details, format::joined_fields)
    }

    /// The fields of those events that have any, as JSON objects, in the order in which
    /// texts stand.
    pub(crate) fn fields(&self) -> Result<&Texts, FormatError> {
        self.details().map(|details| &details.fields.names)
    }

    /// The places of texts whose events have fields, in the order of
    /// [`Sections::fields`].
    pub(crate) fn having_fields(&self) -> Result<impl Iterator<Item = usize>, FormatError> {
        let places = self.details()?.fields.places.iter().enumerate();
        Ok(places.filter(|(_, place)| **place > 0).map(|(at, _)| at))
    }

    /// Which event has the texts that stand at a place.
    pub(crate) fn events_in_order(&self) -> Result<Option<&[u32]>, FormatError> {
        if self.directory_entry().head_events == 0 {
            return Ok(None);
        }
        if let Some(order) = self.order.get() {
            return Ok(Some(order));
        }
        let order = grouping::order_of(&self.numbers()?.types);
        Ok(Some(self.order.get_or_init(|| order)))
    }

    /// The message whose place is this; all are read if it is not in the first part.
    pub(super) fn message_at(&self, place: usize) -> Result<&str, FormatError> {
        let head = self.head(place, Section::Messages, &self.messages, format::read_messages)?;
        Ok(head.map_or_else(|| self.messages(), Ok)?.get(place))
    }

    /// The details among which are those whose place is this.
    pub(super) fn details_at(&self, place: usize) -> Result<&Details, FormatError> {
        let head = self.head(place, Section::Details, &self.details, format::read_details)?;
        head.map_or_else(|| self.details(), Ok)
    }

    fn all<'s, T: Default>(
        &'s self,
        section: Section,
        texted: &'s Texted<T>,
        read: impl Fn(&mut T, &[u8], usize) -> Result<(), FormatError>,
    ) -> Result<&'s T, FormatError> {
        if let Some(all) = texted.all.get() {
            return Ok(all);
        }
        let bytes = self.opened(section)?;
        let mut all = T::default();
        for (part, count) in self.parts(section, &bytes) {
            read(&mut all, part, count)?;
        }
        Ok(texted.all.get_or_init(|| all))
    }

    fn joined<'s>(
        &'s self,
        section: Section,
        join: impl Fn(&'s [u8], usize) -> Result<&'s str, FormatError>,
    ) -> Result<[&'s str; 2], FormatError> {
        let mut joined = [""; 2];
        let parts = self.parts(section, self.bytes_of(section)?);
        for (joined, (part, count)) in joined.iter_mut().zip(parts) {
            *joined = join(part, count)?;
        }
        Ok(joined)
    }

    /// The parts of a section of texts, and how many events each is of.
    fn parts<'b>(
        &self,
        section: Section,
        bytes: &'b [u8],
    ) -> impl Iterator<Item = (&'b [u8], usize)> + use<'b> {
        let entry = self.directory_entry();
        let (head, rest) = bytes.split_at(entry.sections[section as usize].head.raw_bytes);
        let head = (entry.head_events > 0).then_some((head, entry.head_events));
        head.into_iter().chain([(rest, entry.count - entry.head_events)])
    }

    /// The first part, if this place is in it and not all was read already.
    fn head<'s, T: Default>(
        &'s self,
        place: usize,
        section: Section,
        texted: &'s Texted<T>,
        read: impl Fn(&mut T, &[u8], usize) -> Result<(), FormatError>,
    ) -> Result<Option<&'s T>, FormatError> {
        let entry = self.directory_entry();
        if place >= entry.head_events || texted.all.get().is_some() {
            return Ok(None);
        }
        if let Some(head) = texted.head.get() {
            return Ok(Some(head));
        }
        let of_section = &entry.sections[section as usize];
        let bytes = format::open_head(self.of.body(), self.index, section, of_section)?;
        let mut head = T::default();
        read(&mut head, &bytes, entry.head_events)?;
        Ok(Some(texted.head.get_or_init(|| head)))
    }

    /// The names that occur.
    pub(crate) fn names(&self, of: Naming) -> Result<&Texts, FormatError> {
        if let Some(numbers) = self.numbers.get() {
            return Ok(&numbers.named(of).names);
        }
        if self.names.get().is_none() {
            let bytes = self.bytes_of(Section::Numbers)?;
            let names = format::read_names(bytes, self.len(), self.header())?;
            self.names.get_or_init(|| names);
        }
        let [sources, subjects] = self.names.get_or_init(Default::default);
        Ok(match of {
            Naming::Sources => sources,
            Naming::Subjects => subjects,
        })
    }

    /// For each event the index of its name, if it has one.
    pub(crate) fn named(
        &self,
        of: Naming,
    ) -> Result<impl Iterator<Item = Option<usize>>, FormatError> {
        let places = self.numbers()?.named(of).places.iter();
        Ok(places.map(|place| place.checked_sub(1).map(|index| index as usize)))
    }

    /// For each event the index of its type in the header.
    pub(crate) fn types(&self) -> Result<impl Iterator<Item = usize>, FormatError> {
        Ok(self.numbers()?.types.iter().map(|index| *index as usize))
    }

    /// For each event the index of its member in the header.
    pub(crate) fn members(&self) -> Result<impl Iterator<Item = usize>, FormatError> {
        Ok(self.numbers()?.members.iter().map(|index| *index as usize))
    }

    /// Which frame it is, from 0.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn directory_entry(&self) -> &FrameEntry {
        &self.of.outline.directory.frames[self.index]
    }

    fn numbers(&self) -> Result<&Numbers, FormatError> {
        if let Some(numbers) = self.numbers.get() {
            return Ok(numbers);
        }
        let numbers = self.read_numbers()?;
        Ok(self.numbers.get_or_init(|| numbers))
    }

    fn read_numbers(&self) -> Result<Numbers, FormatError> {
        let Outline { header, directory } = &self.of.outline;
        format::read_numbers(&self.opened(Section::Numbers)?, self.len(), header, directory)
    }

    /// The bytes of a section, which are kept for whoever reads it.
    fn bytes_of(&self, section: Section) -> Result<&[u8], FormatError> {
        let kept = &self.bytes[section as usize];
        if let Some(bytes) = kept.get() {
            return Ok(bytes);
        }
        let bytes = self.open(section)?.into_owned();
        Ok(kept.get_or_init(|| bytes))
    }

    /// The same for whoever reads it now.
    fn opened(&self, section: Section) -> Result<Cow<'_, [u8]>, FormatError> {
        let kept = self.bytes[section as usize].get();
        kept.map_or_else(|| self.open(section), |bytes| Ok(Cow::Borrowed(bytes)))
    }

    pub(super) fn details(&self) -> Result<&Details, FormatError> {
        self.all(Section::Details, &self.details, format::read_details)
    }

    fn open(&self, section: Section) -> Result<Cow<'_, [u8]>, FormatError> {
        format::open(
            self.of.body(),
            self.index,
            section,
            &self.directory_entry().sections[section as usize],
        )
    }
}

impl Numbers {
    pub(super) fn named(&self, of: Naming) -> &Named {
        match of {
            Naming::Sources => &self.sources,
            Naming::Subjects => &self.subjects,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{BlockBuilder, Entry, EntryFields};
    use crate::clock::Timestamp;
    use crate::id::{Boot, Origin, Position};

    /// The event that has a type of its own.
    const RARE: usize = 300;

    #[test]
    fn texts_of_a_rare_type_are_read_without_the_rest_and_are_the_same_with_it() {
        let mut builder = BlockBuilder::new(Origin::from_bytes([1; 16]), Boot::from_bytes([2; 8]));
        for (i, seq) in (0..500).zip(1..) {
            let (message, fields) = (format!("message {i}"), format!("{{\"i\":{i}}}"));
            builder.push(&Entry {
                event_type: if i == RARE { "rare" } else { ["often", "more"][i % 2] },
                message: &message,
                key: (i % 3 == 0).then_some(message.as_str()),
                fields: (i % 2 == 0).then_some(EntryFields::Json(&fields)),
                span_id: (i == RARE || i > 400).then_some(i as u64),
                ..Entry::bare(Timestamp::from_nanos(5), seq)
            });
        }
        let block = builder.seal(1, false).unwrap();

        let (alone, whole) = (block.frame(0).unwrap(), block.frame(0).unwrap());
        whole.read_messages_of(0..whole.len()).unwrap();
        whole.read_details_of(0..whole.len()).unwrap();
        let rare = alone.event(RARE, Position(0)).unwrap();

        assert_eq!(rare, whole.event(RARE, Position(0)).unwrap());
        assert_eq!((rare.event.message(), rare.event.span_id()), ("message 300", Some(300)));
        let read_whole = |frame: &Frame<'_>| {
            let Sections { messages, details, .. } = frame.sections();
            (messages.all.get().is_some(), details.all.get().is_some())
        };
        assert_eq!([read_whole(&alone), read_whole(&whole)], [(false, false), (true, true)]);
        let looked_at = block.excerpt().sections(0);
        let joined = [looked_at.joined_messages().unwrap(), looked_at.joined_fields().unwrap()];
        let read = [looked_at.messages().unwrap().joined(), looked_at.fields().unwrap().joined()];
        assert_eq!(joined.map(|parts| parts.concat()), read);
        for i in 0..whole.len() {
            let event = whole.event(i, Position(0)).unwrap().event;
            assert_eq!(event.message(), format!("message {i}"));
            assert_eq!(event.key(), (i % 3 == 0).then(|| event.message()));
            assert_eq!(event.fields().len(), usize::from(i % 2 == 0));
        }
    }
}
