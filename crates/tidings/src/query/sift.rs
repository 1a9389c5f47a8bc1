//! Is there anything in a whole frame that a filter could find?
//!
//! One look at all texts of a frame together is many times cheaper than one look at
//! each event, and it needs no more than the sections that the texts are in. "Not in
//! there" is certain, "in there" is not: what was found may lie across two texts, or
//! belong to several events. Where nothing can be said, and where a section is
//! damaged, the answer is that it may be there: reading the events tells.

use super::node::{FieldTest, Test};
use super::text::Word;
use crate::block::{FormatError, Header, Sections};

/// A frame that has not been read, and the header of its block.
pub(super) struct Sift<'a> {
    pub(super) sections: &'a Sections<'a>,
    pub(super) header: &'a Header,
}

impl Sift<'_> {
    /// Whether no event of the frame can pass a test.
    pub(super) fn lacks(&self, test: &Test) -> bool {
        !match test {
            Test::Regex(regex) => {
                may(self.sections.joined_messages(), |all| regex.may_match_in(all))
            }
            Test::Message(word) => may(self.sections.joined_messages(), |all| word.may_be_in(all)),
            Test::Text(word) => self.may_hold(word),
            Test::Field(name, FieldTest::Is(value)) => self.may_have(name, value.only()),
            Test::Field(name, FieldTest::Number(..)) => self.may_have(name, None),
            Test::Severity(_) | Test::Label(..) | Test::Id(_) | Test::Trace(_) | Test::Span(_) => {
                true
            }
        }
    }

    /// Whether a text of an event may hold it, whichever text.
    fn may_hold(&self, word: &Word) -> bool {
        let holds = |text: &str| word.may_be_in(text);
        let is_like_a_number = word.pattern().parts().iter().all(|part| is_like_a_number(part));
        let mut names = self.header.types.iter().chain(&self.header.members);
        names.any(|tagged| holds(&tagged.name))
            || may(self.sections.joined_messages(), holds)
            || may(self.sections.joined_subjects(), holds)
            || may(self.sections.joined_sources(), holds)
            || may(self.sections.joined_fields(), |all| {
                is_like_a_number || has_escapes(all) || holds(all)
            })
    }

    /// Whether a field may have this name, and this value where it is compared as it
    /// stands.
    fn may_have(&self, name: &str, value: Option<&str>) -> bool {
        // Dots may lead into objects.
        let last = name.rsplit('.').next().unwrap_or(name);
        let is_plain = |text: &&str| !text.starts_with(['{', '[']) && !is_like_a_number(text);
        may(self.sections.joined_fields(), |all| {
            let has_value = || value.filter(is_plain).is_none_or(|value| all.contains(value));
            has_escapes(all) || (all.contains(last) && has_value())
        })
    }
}

fn may(read: Result<&str, FormatError>, holds: impl Fn(&str) -> bool) -> bool {
    read.map_or(true, holds)
}

/// Whether JSON spells some characters of its texts in another way.
fn has_escapes(json: &str) -> bool {
    json.contains('\\')
}

/// Whether it may be part of a number, which may be spelled in other ways.
fn is_like_a_number(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
}
