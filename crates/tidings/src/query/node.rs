//! Does an event hold to an expression? As far as it is known, or read to the end.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::decimal::Decimal;
use super::expr::{Compare, Label, Term, Tree};
use super::field::{field, is_in_fields, text_of};
use super::patterns::Matcher;
use super::row::Row;
use super::rows::Rows;
use super::text::{Name, Regex, Word};
use crate::block::FormatError;
use crate::event::Fields;
use crate::id::EventId;
use crate::log::mask_of;
use crate::severity::{SEVERITY_NUMBER_MAX, Severity};

/// An expression made ready to be asked of many events: only tests are denied, and
/// what is cheap to ask comes first.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Of nothing: everything.
    All(Vec<Node>),
    /// Of nothing: no event at all.
    Any(Vec<Node>),
    Test {
        test: Test,
        wanted: bool,
    },
}

/// What can be asked of an event.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// One bit a severity number: bit 0 is number 1.
    Severity(u32),
    Label(Label, Names),
    Id(EventId),
    /// Of the message.
    Regex(Regex),
    Message(Word),
    /// Of any text.
    Text(Word),
    Field(String, FieldTest),
    Trace(u128),
    Span(u64),
}

#[derive(Clone, Debug)]
pub(super) enum Names {
    Listed(Matcher),
    One(Name),
}

#[derive(Clone, Debug)]
pub(super) enum FieldTest {
    Is(Name),
    Number(Compare, Decimal),
}

impl Node {
    /// All of these, the cheapest first.
    pub(super) fn all(sides: Vec<Node>) -> Node {
        let flat = sides.into_iter().flat_map(|side| match side {
            Node::All(inner) => inner,
            other => vec![other],
        });
        let mut sides: Vec<Node> = flat.collect();
        sides.sort_by_key(Node::cost);
        Node::All(sides)
    }

    fn any(mut sides: Vec<Node>) -> Node {
        sides.sort_by_key(Node::cost);
        Node::Any(sides)
    }

    pub(super) fn test(test: Test) -> Node {
        Node::Test { test, wanted: true }
    }

    pub(super) fn of(tree: &Tree) -> Node {
        Node::wanting(tree, true)
    }

    /// Denial goes down to the tests: not all are any that are not.
    fn wanting(tree: &Tree, wanted: bool) -> Node {
        let sides = |sides: &[Tree]| sides.iter().map(|side| Node::wanting(side, wanted)).collect();
        match (tree, wanted) {
            (Tree::Not(inner), _) => Node::wanting(inner, !wanted),
            (Tree::And(all), true) | (Tree::Or(all), false) => Node::all(sides(all)),
            (Tree::Or(any), true) | (Tree::And(any), false) => Node::any(sides(any)),
            (Tree::Term(term), _) => match Test::of(term) {
                Some(test) => Node::Test { test, wanted },
                None if wanted => Node::Any(Vec::new()),
                None => Node::All(Vec::new()),
            },
        }
    }

    /// Which section of a block it takes to know: none, numbers, messages, all.
    fn cost(&self) -> u8 {
        match self {
            Node::All(sides) | Node::Any(sides) => {
                sides.iter().map(Node::cost).max().unwrap_or_default()
            }
            Node::Test { test, .. } => match test {
                Test::Severity(_) | Test::Label(Label::Type | Label::Member, _) => 0,
                Test::Label(Label::Source | Label::Subject, _) | Test::Id(_) => 1,
                Test::Regex(_) | Test::Message(_) => 2,
                Test::Text(_) => 3,
                Test::Field(..) | Test::Trace(_) | Test::Span(_) | Test::Label(Label::Key, _) => 4,
            },
        }
    }

    /// The answer, as far as tests are answered that say nothing of what is not
    /// known.
    pub(super) fn decide(&self, ask: &impl Fn(&Test) -> Option<bool>) -> Option<bool> {
        let (sides, end) = match self {
            Node::Test { test, wanted } => return ask(test).map(|found| found == *wanted),
            Node::All(sides) => (sides, false),
            Node::Any(sides) => (sides, true),
        };
        let mut all_known = true;
        for side in sides {
            match side.decide(ask) {
                Some(found) if found == end => return Some(end),
                Some(_) => {}
                None => all_known = false,
            }
        }
        all_known.then_some(!end)
    }

    /// The events of a frame that may match, by those that may pass a test. What is
    /// cheap to ask comes first, and what changes nothing any more is not asked.
    pub(super) fn rows(&self, ask: &impl Fn(&Test) -> Rows) -> Rows {
        match self {
            Node::All(sides) => Rows::meeting(sides.iter().map(|side| side.rows(ask))),
            Node::Any(sides) => Rows::joining(sides.iter().map(|side| side.rows(ask))),
            Node::Test { test, wanted: true } => ask(test),
            Node::Test { wanted: false, .. } => Rows::All,
        }
    }

    /// Whether events of this name may match.
    pub(super) fn may_have(&self, label: Label, name: &str) -> bool {
        let ask = |test: &Test| match test {
            Test::Label(of, names) if *of == label => Some(names.matches(Some(name))),
            _ => None,
        };
        self.decide(&ask) != Some(false)
    }

    /// The severity numbers that may match, one bit each.
    pub(super) fn severities(&self) -> u32 {
        (0..SEVERITY_NUMBER_MAX).map(|at| 1_u32 << at).fold(0, |bits, bit| {
            let ask = |test: &Test| match test {
                Test::Severity(wanted) => Some(wanted & bit != 0),
                _ => None,
            };
            if self.decide(&ask) == Some(false) { bits } else { bits | bit }
        })
    }

    /// The marks in the index of names that may match; all where names cannot be
    /// listed.
    pub(super) fn mask(&self, label: Label) -> u64 {
        match self {
            Node::All(sides) => sides.iter().fold(u64::MAX, |mask, side| mask & side.mask(label)),
            Node::Any(sides) => sides.iter().fold(0, |mask, side| mask | side.mask(label)),
            Node::Test { test: Test::Label(of, names), wanted: true } if *of == label => {
                names.listed().map_or(u64::MAX, |names| mask_of(names.into_iter()))
            }
            Node::Test { .. } => u64::MAX,
        }
    }

    /// Whether headers answer it: it asks for one of types, members and severities.
    pub(super) fn is_told_by_headers(&self) -> bool {
        let mut kinds = 0_u8;
        self.for_each(&mut |test| {
            kinds |= match test {
                Test::Label(Label::Type, _) => 1,
                Test::Label(Label::Member, _) => 2,
                Test::Severity(_) => 4,
                _ => 8,
            };
        });
        matches!(kinds, 1 | 2 | 4)
    }

    /// Whether it depends on names of this kind.
    pub(super) fn asks_for(&self, label: Label) -> bool {
        let mut asks = false;
        self.for_each(&mut |test| asks |= matches!(test, Test::Label(of, _) if *of == label));
        asks
    }

    fn for_each(&self, seen: &mut impl FnMut(&Test)) {
        match self {
            Node::All(sides) | Node::Any(sides) => {
                for side in sides {
                    side.for_each(seen);
                }
            }
            Node::Test { test, .. } => seen(test),
        }
    }

    /// Whether an event matches.
    ///
    /// # Errors
    ///
    /// A section that the answer depends on is damaged.
    pub(super) fn matches(&self, row: &impl Row) -> Result<bool, FormatError> {
        self.holds(&Facts { row, fields: OnceCell::new() })
    }

    fn holds<R: Row>(&self, facts: &Facts<'_, R>) -> Result<bool, FormatError> {
        let (sides, end) = match self {
            Node::Test { test, wanted } => return Ok(test.holds(facts)? == *wanted),
            Node::All(sides) => (sides, false),
            Node::Any(sides) => (sides, true),
        };
        for side in sides {
            if side.holds(facts)? == end {
                return Ok(end);
            }
        }
        Ok(!end)
    }
}

impl Names {
    pub(super) fn matches(&self, name: Option<&str>) -> bool {
        match self {
            Names::Listed(matcher) => matcher.matches_some(name),
            Names::One(one) => name.is_some_and(|name| one.is(name)),
        }
    }

    /// The wanted names when they can be listed.
    pub(super) fn listed(&self) -> Option<Vec<&str>> {
        match self {
            Names::Listed(matcher) => matcher.exact().map(Iterator::collect),
            Names::One(one) => one.only().map(|name| vec![name]),
        }
    }
}

impl Test {
    /// `None` for what no event can have.
    fn of(term: &Term) -> Option<Test> {
        let name = |pattern, case: bool| Name::new(pattern, case);
        Some(match term {
            Term::Text(pattern) => Test::Text(Word::new(pattern)?),
            Term::Message(pattern) => Test::Message(Word::new(pattern)?),
            Term::Regex(regex) => Test::Regex(regex.clone()),
            Term::Label(label, pattern) => {
                // Types are in lower case on both sides.
                let any_case = *label != Label::Type && pattern.is_any_case();
                Test::Label(*label, Names::One(name(pattern, any_case)?))
            }
            Term::Severity(compare, severity) => {
                Test::Severity(levels(|level| compare.holds(&level, &severity.level())))
            }
            Term::Field(field, pattern) => {
                let value = name(pattern, pattern.is_any_case())?;
                Test::Field(field.clone(), FieldTest::Is(value))
            }
            Term::Number(field, compare, number) => {
                Test::Field(field.clone(), FieldTest::Number(*compare, number.clone()))
            }
            Term::Id(id) => Test::Id(*id),
            Term::Trace(id) => Test::Trace(*id),
            Term::Span(id) => Test::Span(*id),
        })
    }

    fn holds<R: Row>(&self, facts: &Facts<'_, R>) -> Result<bool, FormatError> {
        let row = facts.row;
        Ok(match self {
            Test::Severity(bits) => bits & bit_of(row.severity()) != 0,
            Test::Label(label, names) => names.matches(match label {
                Label::Type => Some(row.event_type()),
                Label::Member => Some(row.member()),
                Label::Source => row.source(),
                Label::Subject => row.subject(),
                Label::Key => row.key()?,
            }),
            Test::Id(id) => row.id() == *id,
            Test::Regex(regex) => regex.is_match(row.message()?),
            Test::Message(word) => word.is_in(row.message()?),
            Test::Text(word) => {
                word.is_in(row.message()?)
                    || word.is_in(row.event_type())
                    || row.subject().is_some_and(|text| word.is_in(text))
                    || row.source().is_some_and(|text| word.is_in(text))
                    || word.is_in(row.member())
                    || (row.may_hold_in_fields(word)? && is_in_fields(word, facts.fields()?))
            }
            Test::Field(name, test) => {
                field(facts.fields()?, name).is_some_and(|value| test.holds(&text_of(value)))
            }
            Test::Trace(id) => row.trace()?.0 == Some(*id),
            Test::Span(id) => row.trace()?.1 == Some(*id),
        })
    }
}

impl FieldTest {
    fn holds(&self, value: &str) -> bool {
        match self {
            FieldTest::Is(name) => name.is(value),
            // A text that is wholly a number is one: flags of a command line and
            // `key=value` lines have no other way to give one.
            FieldTest::Number(compare, number) => {
                Decimal::parse(value).is_some_and(|value| compare.holds(&value, number))
            }
        }
    }
}

/// An event whose fields are read at most once, when they are asked for.
struct Facts<'a, R> {
    row: &'a R,
    fields: OnceCell<Cow<'a, Fields>>,
}

impl<R: Row> Facts<'_, R> {
    fn fields(&self) -> Result<&Fields, FormatError> {
        if let Some(fields) = self.fields.get() {
            return Ok(fields);
        }
        let fields = self.row.fields()?;
        Ok(self.fields.get_or_init(|| fields))
    }
}

pub(super) fn bit_of(severity: Severity) -> u32 {
    1 << (severity.number() - 1)
}

/// All numbers of these levels.
pub(super) fn levels(wanted: impl Fn(Severity) -> bool) -> u32 {
    let all = (1..=u64::from(SEVERITY_NUMBER_MAX)).filter_map(Severity::from_number);
    let wanted = all.filter(|severity| wanted(severity.level()));
    wanted.fold(0, |bits, severity| bits | bit_of(severity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_take_in_all_their_numbers() {
        let bits = levels(|level| (Severity::WARN..=Severity::ERROR).contains(&level));

        let numbers: Vec<u32> = (1..=24).filter(|n| bits & 1 << (n - 1) != 0).collect();
        assert_eq!(numbers, (13..=20).collect::<Vec<_>>());
    }
}
