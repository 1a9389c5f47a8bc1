//! What do the sections of a frame say, before its events are looked at one by one?

use std::borrow::Cow;
use std::sync::OnceLock;

use super::columns::{Details, Numbers, Texts};
use super::format::{self, FrameEntry, Section};
use super::frame::Frame;
use super::{Block, FormatError};

/// The sections of a frame. Each is verified and decompressed once, when somebody
/// asks for it.
#[derive(Debug)]
pub(crate) struct Sections<'a> {
    pub(super) block: Cow<'a, Block>,
    index: usize,
    numbers: OnceLock<Numbers>,
    messages: OnceLock<Texts>,
    details: OnceLock<Details>,
}

impl<'a> Sections<'a> {
    pub(super) fn new(block: Cow<'a, Block>, index: usize) -> Sections<'a> {
        let (numbers, messages, details) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Sections { block, index, numbers, messages, details }
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
        Frame::of(self, numbers)
    }

    /// All messages, one after the other without anything in between.
    ///
    /// # Errors
    ///
    /// They are damaged, as in all that follow.
    pub(crate) fn joined_messages(&self) -> Result<&str, FormatError> {
        self.messages().map(Texts::joined)
    }

    /// All fields as JSON objects, one after the other.
    pub(crate) fn joined_fields(&self) -> Result<&str, FormatError> {
        self.details().map(|details| details.fields.joined())
    }

    /// All sources that occur, one after the other.
    pub(crate) fn joined_sources(&self) -> Result<&str, FormatError> {
        self.numbers().map(|numbers| numbers.sources.names.joined())
    }

    /// All subjects that occur, one after the other.
    pub(crate) fn joined_subjects(&self) -> Result<&str, FormatError> {
        self.numbers().map(|numbers| numbers.subjects.names.joined())
    }

    /// Which frame it is, from 0.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn directory_entry(&self) -> &FrameEntry {
        &self.block.directory.frames[self.index]
    }

    fn numbers(&self) -> Result<&Numbers, FormatError> {
        if let Some(numbers) = self.numbers.get() {
            return Ok(numbers);
        }
        let numbers = self.read_numbers()?;
        Ok(self.numbers.get_or_init(|| numbers))
    }

    fn read_numbers(&self) -> Result<Numbers, FormatError> {
        let (header, directory) = (&self.block.header, &self.block.directory);
        let bytes = self.open(Section::Numbers)?;
        format::read_numbers(&bytes, self.directory_entry().count, header, directory)
    }

    pub(super) fn messages(&self) -> Result<&Texts, FormatError> {
        if let Some(messages) = self.messages.get() {
            return Ok(messages);
        }
        let count = self.directory_entry().count;
        let messages = format::read_messages(&self.open(Section::Messages)?, count)?;
        Ok(self.messages.get_or_init(|| messages))
    }

    pub(super) fn details(&self) -> Result<&Details, FormatError> {
        if let Some(details) = self.details.get() {
            return Ok(details);
        }
        let count = self.directory_entry().count;
        let details = format::read_details(&self.open(Section::Details)?, count)?;
        Ok(self.details.get_or_init(|| details))
    }

    fn open(&self, section: Section) -> Result<Cow<'_, [u8]>, FormatError> {
        let body = &self.block.bytes[self.block.directory.head_bytes..];
        format::open(body, self.index, section, &self.directory_entry().sections[section as usize])
    }
}
