//! What do the sections of a frame say, before its events are looked at one by one?

use std::borrow::Cow;
use std::sync::OnceLock;

use super::columns::{Details, Named, Numbers, Texts};
use super::format::{self, FrameEntry, Section};
use super::frame::Frame;
use super::{Excerpt, FormatError, Header};

/// The sections of a frame. Each is verified and decompressed once, when somebody
/// asks for it.
#[derive(Debug)]
pub(crate) struct Sections<'a> {
    pub(super) of: Cow<'a, Excerpt>,
    index: usize,
    /// The bytes of the numbers, once somebody has asked for their names.
    numbers_bytes: OnceLock<Vec<u8>>,
    names: OnceLock<[Texts; 2]>,
    numbers: OnceLock<Numbers>,
    messages: OnceLock<Texts>,
    details: OnceLock<Details>,
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
            numbers_bytes: OnceLock::new(),
            names: OnceLock::new(),
            numbers: OnceLock::new(),
            messages: OnceLock::new(),
            details: OnceLock::new(),
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
        self.numbers_bytes.take();
        Frame::of(self, numbers)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.of.outline.header
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.directory_entry().count
    }

    /// What happened, event by event.
    ///
    /// # Errors
    ///
    /// It is damaged, as in all that follow.
    pub(crate) fn messages(&self) -> Result<&Texts, FormatError> {
        if let Some(messages) = self.messages.get() {
            return Ok(messages);
        }
        let messages = format::read_messages(&self.open(Section::Messages)?, self.len())?;
        Ok(self.messages.get_or_init(|| messages))
    }

    /// The fields of those events that have any, as JSON objects.
    pub(crate) fn fields(&self) -> Result<&Texts, FormatError> {
        self.details().map(|details| &details.fields.names)
    }

    /// Which events have fields, in the order of [`Sections::fields`].
    pub(crate) fn having_fields(&self) -> Result<impl Iterator<Item = usize>, FormatError> {
        let places = self.details()?.fields.places.iter().enumerate();
        Ok(places.filter(|(_, place)| **place > 0).map(|(i, _)| i))
    }

    /// The names that occur.
    pub(crate) fn names(&self, of: Naming) -> Result<&Texts, FormatError> {
        if let Some(numbers) = self.numbers.get() {
            return Ok(&numbers.named(of).names);
        }
        if self.names.get().is_none() {
            let names = format::read_names(self.numbers_bytes()?, self.len(), self.header())?;
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
        let read = |bytes: &[u8]| {
            format::read_numbers(
                bytes,
                self.len(),
                &self.of.outline.header,
                &self.of.outline.directory,
            )
        };
        match self.numbers_bytes.get() {
            Some(bytes) => read(bytes),
            None => read(&self.open(Section::Numbers)?),
        }
    }

    fn numbers_bytes(&self) -> Result<&[u8], FormatError> {
        if let Some(bytes) = self.numbers_bytes.get() {
            return Ok(bytes);
        }
        let bytes = self.open(Section::Numbers)?.into_owned();
        Ok(self.numbers_bytes.get_or_init(|| bytes))
    }

    pub(super) fn details(&self) -> Result<&Details, FormatError> {
        if let Some(details) = self.details.get() {
            return Ok(details);
        }
        let details = format::read_details(&self.open(Section::Details)?, self.len())?;
        Ok(self.details.get_or_init(|| details))
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
