//! Does this event match? From what is cheapest to ask to what is dearest: the
//! index, the block's header, a frame's numbers, its messages, its details.

use serde_json::Value;

use super::patterns::{Matcher, Patterns};
use super::row::{FrameRow, Row, SharedRow};
use super::text::{Regex, TextTerm, Word};
use crate::block::{FormatError, Frame, Header};
use crate::event::Fields;
use crate::log::{SharedFrame, Slot, mask_of};
use crate::severity::Severity;

/// Which events are wanted. All conditions must hold; an empty condition holds
/// for every event.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Any of these, and none of the excluded: `deploy.*`, `!debug`.
    pub types: Patterns,
    /// As `types`.
    pub members: Patterns,
    /// As `types`.
    pub sources: Patterns,
    /// As `types`.
    pub subjects: Patterns,
    /// From the first severity to the second, both included; finer numbers count
    /// with their level.
    pub severity: Option<(Severity, Severity)>,
    /// Every one of these fields must have this value: text equals, other JSON
    /// values equal in their JSON form. A dotted name looks into objects.
    pub fields: Vec<(String, String)>,
    /// Each must be found in the message, type, subject, source, member or a
    /// field.
    pub text: Vec<TextTerm>,
    /// Must match the message (`list --grep`).
    pub grep: Option<Regex>,
}

impl Filter {
    /// Whether every event matches.
    pub fn is_empty(&self) -> bool {
        let names = [&self.types, &self.members, &self.sources, &self.subjects];
        names.iter().all(|patterns| patterns.is_empty())
            && self.severity.is_none()
            && self.fields.is_empty()
            && self.text.is_empty()
            && self.grep.is_none()
    }
}

/// A filter made ready to be asked of many events.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    types: Matcher,
    members: Matcher,
    sources: Matcher,
    subjects: Matcher,
    types_mask: u64,
    members_mask: u64,
    severities: u32,
    /// Regular expressions over the message.
    patterns: Vec<Regex>,
    words: Vec<Word>,
    /// A word that nothing can contain was asked for.
    hopeless: bool,
    fields: Vec<(String, String)>,
}

/// What a plan makes of one block's names.
pub(crate) struct BlockPlan<'a> {
    plan: &'a Plan,
    header: &'a Header,
    types: Vec<bool>,
    members: Vec<bool>,
}

impl Plan {
    pub(crate) fn new(filter: &Filter) -> Plan {
        let (mut patterns, mut words) = (Vec::new(), Vec::new());
        patterns.extend(filter.grep.clone());
        for term in &filter.text {
            match term {
                TextTerm::Regex(regex) => patterns.push(regex.clone()),
                TextTerm::Word(word) => words.push(Word::new(word)),
            }
        }
        let hopeless = words.iter().any(Option::is_none);
        let (types, members) = (Matcher::lower(&filter.types), Matcher::new(&filter.members));
        let mask = |matcher: &Matcher| matcher.exact().map_or(u64::MAX, mask_of);
        Plan {
            types_mask: mask(&types),
            members_mask: mask(&members),
            types,
            members,
            sources: Matcher::new(&filter.sources),
            subjects: Matcher::new(&filter.subjects),
            severities: filter.severity.map_or(u32::MAX, severity_bits),
            patterns,
            words: words.into_iter().flatten().collect(),
            hopeless,
            fields: filter.fields.clone(),
        }
    }

    /// Whether a block is worth opening, by the index alone.
    pub(crate) fn may_match(&self, slot: &Slot) -> bool {
        !self.hopeless
            && slot.severities & self.severities != 0
            && slot.types & self.types_mask != 0
            && slot.members & self.members_mask != 0
    }

    /// Whether more is asked for than headers know: all but types, members and
    /// severities.
    pub(super) fn looks_inside(&self) -> bool {
        self.hopeless
            || !self.sources.is_empty()
            || !self.subjects.is_empty()
            || !self.patterns.is_empty()
            || !self.words.is_empty()
            || !self.fields.is_empty()
    }

    /// Whether events of this type are wanted, as far as that goes.
    pub(super) fn takes_type(&self, name: &str) -> bool {
        self.types.matches(name)
    }

    /// Whether events of this member are wanted, as far as that goes.
    pub(super) fn takes_member(&self, name: &str) -> bool {
        self.members.matches(name)
    }

    pub(super) fn takes_every_member(&self) -> bool {
        self.members.is_empty()
    }

    /// A filter takes whole levels.
    pub(super) fn takes_severity(&self, severity: Severity) -> bool {
        self.severities & bit_of(severity) != 0
    }

    pub(super) fn takes_every_severity(&self) -> bool {
        Severity::LEVELS.into_iter().all(|level| self.takes_severity(level))
    }

    /// Whether a block is worth reading, by its header.
    pub(crate) fn for_block<'a>(&'a self, header: &'a Header) -> Option<BlockPlan<'a>> {
        let types: Vec<bool> = header.types.iter().map(|t| self.types.matches(&t.name)).collect();
        let members: Vec<bool> =
            header.members.iter().map(|m| self.members.matches(&m.name)).collect();
        let some = types.contains(&true) && members.contains(&true);
        some.then_some(BlockPlan { plan: self, header, types, members })
    }

    /// Whether an event matches, wherever it is read from. Rows of a block are asked
    /// through [`Plan::for_block`], which looks at its names once.
    ///
    /// # Errors
    ///
    /// A section that the answer depends on is damaged.
    #[allow(dead_code, reason = "followers of decoded events will ask")]
    pub(super) fn matches(&self, row: &impl Row) -> Result<bool, FormatError> {
        let by_numbers = !self.hopeless
            && self.severities & bit_of(row.severity()) != 0
            && self.types.matches(row.event_type())
            && self.members.matches(row.member());
        Ok(by_numbers && self.looks_right(row)?)
    }

    /// Words that an event must hold to match: of each inner list at least one, as a
    /// whole word in any case, somewhere in its message, type, member, source,
    /// subject, or in a name or a value of its fields. Empty: nothing can be said.
    #[allow(dead_code, reason = "the index of words will ask")]
    pub(crate) fn needed_words(&self) -> Vec<Vec<String>> {
        let mut needed: Vec<Vec<String>> = Vec::new();
        for word in &self.words {
            needed.extend(word.whole_words().map(|word| vec![word.to_owned()]));
        }
        needed
    }

    /// All that the numbers of an event do not say.
    fn looks_right(&self, row: &impl Row) -> Result<bool, FormatError> {
        if !self.sources.is_empty() && !self.sources.matches_some(row.source()) {
            return Ok(false);
        }
        if !self.subjects.is_empty() && !self.subjects.matches_some(row.subject()) {
            return Ok(false);
        }
        if !self.patterns.is_empty() {
            let message = row.message()?;
            if !self.patterns.iter().all(|pattern| pattern.is_match(message)) {
                return Ok(false);
            }
        }
        Ok(self.fields_match(row)? && self.words_match(row)?)
    }

    fn fields_match(&self, row: &impl Row) -> Result<bool, FormatError> {
        if self.fields.is_empty() {
            return Ok(true);
        }
        let fields = row.fields()?;
        Ok(self.fields.iter().all(|(name, value)| has_value(&fields, name, value)))
    }

    fn words_match(&self, row: &impl Row) -> Result<bool, FormatError> {
        if self.words.is_empty() {
            return Ok(true);
        }
        let texts = [
            Some(row.message()?),
            Some(row.event_type()),
            row.subject(),
            row.source(),
            Some(row.member()),
        ];
        let near = |word: &Word| texts.iter().flatten().any(|text| word.is_in(text));
        let mut far = self.words.iter().filter(|word| !near(word)).peekable();
        if far.peek().is_none() {
            return Ok(true);
        }
        let fields = row.fields()?;
        Ok(far.all(|word| {
            fields.iter().any(|(name, value)| word.is_in(name) || is_in_value(word, value))
        }))
    }
}

impl BlockPlan<'_> {
    /// Whether events of the header's type at this index are wanted.
    pub(super) fn takes_type(&self, index: usize) -> bool {
        self.types[index]
    }

    /// Whether events of the header's member at this index are wanted.
    pub(super) fn takes_member(&self, index: usize) -> bool {
        self.members[index]
    }

    pub(super) fn takes_every_type(&self) -> bool {
        self.types.iter().all(|taken| *taken)
    }

    pub(super) fn takes_every_member(&self) -> bool {
        self.members.iter().all(|taken| *taken)
    }

    /// A filter takes whole levels.
    pub(super) fn takes_severity(&self, severity: Severity) -> bool {
        self.plan.takes_severity(severity)
    }

    pub(super) fn takes_every_severity(&self) -> bool {
        self.header.severities & !self.plan.severities == 0
    }

    pub(crate) fn matches(&self, frame: &Frame<'_>, i: usize) -> Result<bool, FormatError> {
        let row = FrameRow { header: self.header, frame, i };
        Ok(self.takes_numbers(frame, i) && self.plan.looks_right(&row)?)
    }

    /// The same, of a frame that others read too.
    pub(super) fn matches_shared(
        &self,
        shared: &SharedFrame,
        i: usize,
    ) -> Result<bool, FormatError> {
        let frame = shared.frame()?;
        let row = SharedRow { row: FrameRow { header: self.header, frame, i }, shared };
        Ok(self.takes_numbers(frame, i) && self.plan.looks_right(&row)?)
    }

    fn takes_numbers(&self, frame: &Frame<'_>, i: usize) -> bool {
        self.types[frame.type_index(i)]
            && self.members[frame.member_index(i)]
            && self.plan.severities & bit_of(frame.severity(i)) != 0
    }
}

pub(super) fn fields_of(frame: &Frame<'_>, i: usize) -> Result<Fields, FormatError> {
    // Text that is no JSON is damage, and told when the event itself is read.
    Ok(frame.fields_json(i)?.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default())
}

fn is_in_value(word: &Word, value: &Value) -> bool {
    match value {
        Value::String(text) => word.is_in(text),
        Value::Array(items) => items.iter().any(|item| is_in_value(word, item)),
        Value::Object(names) => {
            names.iter().any(|(name, value)| word.is_in(name) || is_in_value(word, value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => word.is_in(&value.to_string()),
    }
}

/// The field of this name. A name that is there as it is goes before one that its
/// dots lead to.
pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        within(fields.get(first)?, rest)
    })
}

/// Whether the field of this name has this value.
fn has_value(fields: &Fields, name: &str, wanted: &str) -> bool {
    field(fields, name).is_some_and(|value| match value {
        Value::String(text) => text == wanted,
        other => other.to_string().eq(wanted),
    })
}

fn within<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        within(value.get(first)?, rest)
    })
}

fn bit_of(severity: Severity) -> u32 {
    1 << (severity.number() - 1)
}

/// All numbers of the levels from the first to the second.
fn severity_bits((from, to): (Severity, Severity)) -> u32 {
    let (first, last) = (from.level().number(), to.level().number() + 3);
    (first..=last).fold(0, |bits, number| bits | 1 << (number - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name_and_by_path() {
        let fields: Fields =
            serde_json::from_str(r#"{"a":{"b":{"c":"x"},"b.d":2},"a.e":true,"n":1.50,"l":[1]}"#)
                .unwrap();

        let cases = [
            ("a.b.c", "x", true),
            ("a.b.d", "2", true),
            ("a.e", "true", true),
            ("n", "1.5", true),
            ("l", "[1]", true),
            ("a.b", r#"{"c":"x"}"#, true),
            ("a.b.c", "X", false),
            ("missing", "", false),
        ];
        for (name, value, wanted) in cases {
            assert_eq!(has_value(&fields, name, value), wanted, "{name}={value}");
        }
    }

    #[test]
    fn a_range_of_severities_takes_in_whole_levels() {
        let bits = severity_bits((Severity::WARN, Severity::ERROR));

        let numbers: Vec<u32> = (1..=24).filter(|n| bits & 1 << (n - 1) != 0).collect();
        assert_eq!(numbers, (13..=20).collect::<Vec<_>>());
        assert_eq!(severity_bits((Severity::FATAL, Severity::WARN)), 0);
    }
}
