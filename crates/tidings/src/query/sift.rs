//! Which events of a frame could a filter find?
//!
//! One look at all texts of a frame together is many times cheaper than one look at
//! each event, and it needs no more than the sections that the texts are in. "Not
//! these" is certain, "these" is not. Where nothing can be said, and where a section
//! is damaged, it may be any of them: reading the events tells.

use memchr::memmem;

use super::expr::Label;
use super::field::{has_digits_alone, is_like_a_number, may_be_in_json};
use super::needles::Needles;
use super::node::{FieldTest, Names, Test};
use super::rows::Rows;
use super::text::Word;
use crate::block::{FormatError, Naming, Sections, Tagged, Texts};

/// A frame that has not been read.
pub(super) struct Sift<'a> {
    pub(super) sections: &'a Sections<'a>,
    /// All types and members of its block, one after the other.
    pub(super) names: &'a str,
}

impl Sift<'_> {
    /// The events that may pass a test.
    pub(super) fn rows(&self, test: &Test) -> Rows {
        let rows = match test {
            Test::Regex(regex) => self.with_needles(regex.needles()),
            Test::Message(word) => self.with_message(word.finder()),
            Test::Text(word) => self.with_text(word),
            Test::Field(name, FieldTest::Is(value)) => self.with_field(name, value.only()),
            Test::Field(name, FieldTest::Number(..)) => self.with_field(name, None),
            Test::Label(Label::Type, names) => self.with_type(|name| names.matches(Some(name))),
            Test::Label(Label::Member, names) => self.with_member(|name| names.matches(Some(name))),
            Test::Label(Label::Source, names) => self.with_label(Naming::Sources, names),
            Test::Label(Label::Subject, names) => self.with_label(Naming::Subjects, names),
            Test::Label(Label::Key, _)
            | Test::Severity(_)
            | Test::Id(_)
            | Test::Trace(_)
            | Test::Span(_) => Ok(Rows::All),
        };
        rows.unwrap_or(Rows::All)
    }

    /// Those in one of whose texts the word may be, whichever text.
    fn with_text(&self, word: &Word) -> Result<Rows, FormatError> {
        let sections = self.sections;
        let finder = word.finder();
        let holds = |name: &str| finder.is_match(name);
        let mut rows = self.with_message(finder)?;
        if matches!(rows, Rows::All) {
            return Ok(rows);
        }
        if holds(self.names) {
            rows.join(self.with_type(holds)?);
            rows.join(self.with_member(holds)?);
        }
        for of in [Naming::Sources, Naming::Subjects] {
            let named = sections.names(of)?;
            if holds(named.joined()) {
                rows.join(self.with_name(of, holds, false)?);
            }
        }
        if !sections.joined_fields()?.iter().any(|part| may_be_in_json(word, part)) {
            return Ok(rows);
        }
        let fields = sections.fields()?;
        let mut found = if is_like_a_number(word) { Rows::All } else { with_match(fields, finder) };
        found.join(with_escapes(fields));
        rows.join(self.of_fields(&found)?);
        Ok(rows)
    }

    /// Those that may have a field of this name, of this value where it is compared as
    /// it stands.
    fn with_field(&self, name: &str, value: Option<&str>) -> Result<Rows, FormatError> {
        // Dots may lead into objects.
        let last = name.rsplit('.').next().unwrap_or(name);
        let may_hold = |json: &&str| json.contains('\\') || json.contains(last);
        if !self.sections.joined_fields()?.iter().any(may_hold) {
            return Ok(Rows::none());
        }
        let fields = self.sections.fields()?;
        let mut found = with_part(fields, last);
        let is_plain = |text: &&str| !text.starts_with(['{', '[']) && !has_digits_alone(text);
        if let Some(value) = value.filter(is_plain) {
            found.meet(with_part(fields, value));
        }
        found.join(with_escapes(fields));
        self.of_fields(&found)
    }

    fn with_message(&self, finder: &regex::Regex) -> Result<Rows, FormatError> {
        let found = self.messages_with(self.sections.joined_messages()?, finder)?;
        self.events_at(found)
    }

    fn with_needles(&self, needles: &Needles) -> Result<Rows, FormatError> {
        let parts = self.sections.joined_messages()?;
        let found = needles.rows(&|needle| {
            // What is damaged may hold anything.
            self.messages_with(parts, needle).unwrap_or(Rows::All)
        });
        self.events_at(found)
    }

    /// The messages in which something is found, by their place. Most frames have none.
    fn messages_with(&self, joined: [&str; 2], finder: &regex::Regex) -> Result<Rows, FormatError> {
        if !joined.iter().any(|part| finder.is_match(part)) {
            return Ok(Rows::none());
        }
        Ok(with_match(self.sections.messages()?, finder))
    }

    /// The events that have these fields.
    fn of_fields(&self, found: &Rows) -> Result<Rows, FormatError> {
        if found.is_none() {
            return Ok(Rows::none());
        }
        let having = self.sections.having_fields()?.enumerate();
        self.events_at(having.filter(|(i, _)| found.has(*i)).map(|(_, at)| at).collect())
    }

    /// The events whose texts stand at these places.
    fn events_at(&self, places: Rows) -> Result<Rows, FormatError> {
        if places.is_none() || matches!(places, Rows::All) {
            return Ok(places);
        }
        Ok(match self.sections.events_in_order()? {
            None => places,
            Some(order) => {
                let events = order.iter().zip(0..).filter(|(_, at)| places.has(*at));
                events.map(|(i, _)| *i as usize).collect()
            }
        })
    }

    fn with_type(&self, is_taken: impl Fn(&str) -> bool) -> Result<Rows, FormatError> {
        let Some(taken) = taken(&self.sections.header().types, is_taken) else {
            return Ok(Rows::none());
        };
        Ok(rows_where(self.sections.types()?, |index| taken[index]))
    }

    fn with_member(&self, is_taken: impl Fn(&str) -> bool) -> Result<Rows, FormatError> {
        let Some(taken) = taken(&self.sections.header().members, is_taken) else {
            return Ok(Rows::none());
        };
        Ok(rows_where(self.sections.members()?, |index| taken[index]))
    }

    fn with_label(&self, of: Naming, names: &Names) -> Result<Rows, FormatError> {
        self.with_name(of, |name| names.matches(Some(name)), names.matches(None))
    }

    fn with_name(
        &self,
        of: Naming,
        is_taken: impl Fn(&str) -> bool,
        takes_absent: bool,
    ) -> Result<Rows, FormatError> {
        let taken: Vec<bool> = self.sections.names(of)?.iter().map(is_taken).collect();
        if !takes_absent && !taken.contains(&true) {
            return Ok(Rows::none());
        }
        Ok(rows_where(self.sections.named(of)?, |index| {
            index.map_or(takes_absent, |index| taken[index])
        }))
    }
}

/// Which of these names are taken; `None`: none of them.
fn taken(names: &[Tagged], is_taken: impl Fn(&str) -> bool) -> Option<Vec<bool>> {
    let taken: Vec<bool> = names.iter().map(|tagged| is_taken(&tagged.name)).collect();
    taken.contains(&true).then_some(taken)
}

fn rows_where<T>(column: impl Iterator<Item = T>, is_taken: impl Fn(T) -> bool) -> Rows {
    column.enumerate().filter_map(|(i, value)| is_taken(value).then_some(i)).collect()
}

/// Where something is found in a text, at a place or behind it: from, to.
type Found = Option<(usize, usize)>;

fn with_match(texts: &Texts, finder: &regex::Regex) -> Rows {
    if finder.as_str().is_empty() {
        return Rows::All;
    }
    let find = |text: &str, from: usize| {
        finder.find_at(text, from).map(|found| (found.start(), found.end()))
    };
    among(texts, find).collect()
}

/// The texts that hold what is looked for, each once. It is not found across two.
fn among(texts: &Texts, find: impl Fn(&str, usize) -> Found) -> impl Iterator<Item = usize> {
    let (joined, mut from) = (texts.joined(), 0);
    std::iter::from_fn(move || {
        loop {
            let (start, end) = find(joined, from)?;
            let (i, end_of_text) = texts.holding(start)?;
            if end <= end_of_text {
                from = end_of_text;
                return Some(i);
            }
            from = joined.ceil_char_boundary(start + 1);
        }
    })
}

fn with_part(texts: &Texts, part: &str) -> Rows {
    if part.is_empty() {
        return Rows::All;
    }
    let finder = memmem::Finder::new(part);
    let find = |text: &str, from: usize| {
        let start = from + finder.find(&text.as_bytes()[from..])?;
        Some((start, start + part.len()))
    };
    among(texts, find).collect()
}

/// Those in which JSON may spell some characters in another way.
fn with_escapes(json: &Texts) -> Rows {
    with_part(json, "\\")
}
