//! Does this event match? From what is cheapest to ask to what is dearest: the
//! index, the block's header, a frame's numbers, its messages, its details.

use super::expr::{Expr, Label};
use super::needed::needed_words;
use super::node::{FieldTest, Names, Node, Test, bit_of, levels};
use super::patterns::{Matcher, Patterns};
use super::row::{FrameRow, Row, SharedRow};
use super::rows::Rows;
use super::sift::Sift;
use super::text::{Name, Regex};
use crate::block::{FormatError, Frame, FrameSummary, Header, Sections, Tagged};
use crate::log::{Part, Passage, SharedFrame, Slot};
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
    /// What was asked for in words: [`Expr::read`].
    pub expr: Expr,
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
            && self.expr.is_empty()
            && self.grep.is_none()
    }
}

/// A filter made ready to be asked of many events.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// All of the filter.
    root: Node,
    /// What headers do not answer.
    inside: Node,
    types_mask: u64,
    members_mask: u64,
    severities: u32,
}

/// What a plan makes of one block's names.
pub(crate) struct BlockPlan<'a> {
    plan: &'a Plan,
    types: Vec<bool>,
    members: Vec<bool>,
    /// Those that are wanted, as summaries of frames have them.
    bits: (u64, u64),
    /// Those that occur in the block.
    severities: u32,
    /// All types and members of the block, if what they hold may matter.
    names: String,
}

impl Plan {
    pub(crate) fn new(filter: &Filter) -> Plan {
        let root = root_of(filter);
        let sides = match &root {
            Node::All(sides) => sides.as_slice(),
            other => std::slice::from_ref(other),
        };
        let inside = sides.iter().filter(|side| !side.is_told_by_headers()).cloned();
        Plan {
            inside: Node::all(inside.collect()),
            types_mask: root.mask(Label::Type),
            members_mask: root.mask(Label::Member),
            severities: root.severities(),
            root,
        }
    }

    /// Whether a block is worth opening, by the index alone.
    pub(crate) fn may_match(&self, slot: &Slot) -> bool {
        slot.severities & self.severities != 0
            && slot.types & self.types_mask != 0
            && slot.members & self.members_mask != 0
    }

    /// Whether more is asked for than headers know: all but types, members and
    /// severities, each for itself.
    pub(super) fn looks_inside(&self) -> bool {
        !matches!(&self.inside, Node::All(sides) if sides.is_empty())
    }

    /// Whether events of this type are wanted, as far as that goes.
    pub(super) fn takes_type(&self, name: &str) -> bool {
        self.root.may_have(Label::Type, name)
    }

    /// Whether events of this member are wanted, as far as that goes.
    pub(super) fn takes_member(&self, name: &str) -> bool {
        self.root.may_have(Label::Member, name)
    }

    pub(super) fn takes_every_member(&self) -> bool {
        !self.root.asks_for(Label::Member)
    }

    /// Whether some types, members or severities are asked for and others are not.
    pub(super) fn takes_some_only(&self) -> bool {
        let named = [Label::Type, Label::Member].map(|label| self.root.asks_for(label));
        named.contains(&true) || !self.takes_every_severity()
    }

    /// A filter takes whole levels.
    pub(super) fn takes_severity(&self, severity: Severity) -> bool {
        self.severities & bit_of(severity) != 0
    }

    pub(super) fn takes_every_severity(&self) -> bool {
        Severity::LEVELS.into_iter().all(|level| self.takes_severity(level))
    }

    /// Whether a block is worth reading, by its header.
    pub(crate) fn for_block(&self, header: &Header) -> Option<BlockPlan<'_>> {
        let may_have = |label, names: &[Tagged]| -> Vec<bool> {
            names.iter().map(|tagged| self.root.may_have(label, &tagged.name)).collect()
        };
        let types = may_have(Label::Type, &header.types);
        let members = may_have(Label::Member, &header.members);
        let some = types.contains(&true) && members.contains(&true);
        if !some {
            return None;
        }
        let mut names = String::new();
        if self.looks_inside() {
            let all = header.types.iter().chain(&header.members);
            all.for_each(|tagged| names.extend([&tagged.name, "\n"]));
        }
        let bits = |wanted: &[bool]| {
            let wanted = wanted.iter().enumerate().filter(|(_, wanted)| **wanted);
            wanted.fold(0, |bits, (index, _)| bits | FrameSummary::bit_of(index))
        };
        let (bits, severities) = ((bits(&types), bits(&members)), header.severities);
        Some(BlockPlan { plan: self, types, members, bits, severities, names })
    }

    /// The plan for a passage, if it is not of the block that was planned for: another
    /// has come in its place.
    #[expect(clippy::option_option, reason = "the new block may hold no match")]
    pub(super) fn renewed(&self, part: &Part, passage: &Passage) -> Option<Option<BlockPlan<'_>>> {
        let is_same = passage.part.outline == part.outline;
        (!is_same).then(|| self.for_block(passage.part.header()))
    }

    /// Whether an event matches, wherever it is read from. Rows of a block are asked
    /// through [`Plan::for_block`], which looks at its names once.
    ///
    /// # Errors
    ///
    /// A section that the answer depends on is damaged.
    #[allow(dead_code, reason = "only tests ask for decoded events")]
    pub(super) fn matches(&self, row: &impl Row) -> Result<bool, FormatError> {
        self.root.matches(row)
    }

    /// Words that an event must hold to match: of each inner list at least one, as a
    /// whole word in any case, somewhere in its message, type, member, source,
    /// subject, or in a name or a value of its fields. Empty: nothing can be said.
    pub(crate) fn needed_words(&self) -> Vec<Vec<String>> {
        needed_words(&self.root)
    }
}

/// All conditions of a filter.
fn root_of(filter: &Filter) -> Node {
    let mut all = Vec::new();
    let lists = [
        (Label::Type, Matcher::lower(&filter.types)),
        (Label::Member, Matcher::new(&filter.members)),
        (Label::Source, Matcher::new(&filter.sources)),
        (Label::Subject, Matcher::new(&filter.subjects)),
    ];
    for (label, matcher) in lists {
        if !matcher.is_empty() {
            all.push(Node::test(Test::Label(label, Names::Listed(matcher))));
        }
    }
    all.extend(filter.severity.map(|(from, to)| {
        let range = from.level()..=to.level();
        Node::test(Test::Severity(levels(|level| range.contains(&level))))
    }));
    all.extend(filter.fields.iter().map(|(name, value)| {
        let value = FieldTest::Is(Name::exact(value));
        Node::test(Test::Field(name.clone(), value))
    }));
    all.extend(filter.grep.iter().map(|regex| Node::test(Test::Regex(regex.clone()))));
    all.push(Node::of(&filter.expr.0));
    Node::all(all)
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
        self.severities & !self.plan.severities == 0
    }

    /// Whether a frame is worth opening, by what its block says of it.
    pub(super) fn may_match_frame(&self, summary: Option<&FrameSummary>) -> bool {
        let (types, members) = self.bits;
        summary.is_none_or(|summary| {
            summary.severities & self.plan.severities != 0
                && summary.types & types != 0
                && summary.members & members != 0
        })
    }

    /// The events of a frame that may match, by a look at all of its texts together.
    pub(super) fn rows(&self, sections: &Sections<'_>) -> Rows {
        self.plan.inside.rows(&|test| Sift { sections, names: &self.names }.rows(test))
    }

    pub(crate) fn matches(&self, frame: &Frame<'_>, i: usize) -> Result<bool, FormatError> {
        let row = FrameRow { frame, i };
        Ok(self.takes_numbers(frame, i) && self.plan.inside.matches(&row)?)
    }

    /// The same, of a frame that others read too.
    pub(super) fn matches_shared(
        &self,
        shared: &SharedFrame,
        i: usize,
    ) -> Result<bool, FormatError> {
        let frame = shared.frame()?;
        let row = SharedRow { row: FrameRow { frame, i }, shared };
        Ok(self.takes_numbers(frame, i) && self.plan.inside.matches(&row)?)
    }

    /// As far as types, members and severities go, which is cheapest to ask.
    pub(super) fn takes_numbers(&self, frame: &Frame<'_>, i: usize) -> bool {
        self.types[frame.type_index(i)]
            && self.members[frame.member_index(i)]
            && self.plan.severities & bit_of(frame.severity(i)) != 0
    }
}
