//! What does a question ask for, and how is it written down?

use std::fmt;

use super::decimal::Decimal;
use super::pattern::{Pattern, quoted};
use super::settle::QUERY_DEPTH_MAX;
use super::text::Regex;
use crate::id::EventId;
use crate::severity::Severity;

/// What `q` asks for: words, phrases, patterns and conditions on named parts of an
/// event, joined by AND, OR and NOT.
///
/// It is made by [`Expr::read`], which never fails, or by [`Expr::parse`], which
/// does, so its size is bounded: by [`super::QUERY_BYTES_MAX`],
/// [`super::QUERY_TERMS_MAX`], [`super::QUERY_DEPTH_MAX`],
/// [`super::QUERY_REGEXES_MAX`] and [`super::QUERY_STARS_MAX`].
///
/// It prints as it was understood, in the grammar that it is read from: what is
/// printed reads as the same expression, unless it has become longer than
/// [`super::QUERY_BYTES_MAX`]. The default asks for everything, and prints as
/// nothing.
///
/// ```
/// use tidings::query::Expr;
///
/// let expr = Expr::parse("disk (type:deploy.*,error OR severity>=warn) -test")?;
///
/// let read_as = "disk AND (type:deploy.* OR type:error OR severity>=warn) AND -test";
/// assert_eq!(expr.to_string(), read_as);
/// assert_eq!(Expr::parse(read_as)?, expr);
/// # Ok::<(), tidings::query::SyntaxError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expr(pub(super) Tree);

impl Expr {
    /// Whether every event is asked for.
    pub fn is_empty(&self) -> bool {
        self.0 == Tree::default()
    }
}

/// An expression. Made by the functions below alone: an AND or an OR has at least
/// two sides, none of which is of its own kind, and nothing is negated twice. An AND
/// of nothing asks for everything and stands alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Term(Term),
    Not(Box<Tree>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::And(Vec::new())
    }
}

impl Tree {
    /// All of these.
    pub(super) fn and(sides: Vec<Tree>) -> Tree {
        let flat = sides.into_iter().flat_map(|side| match side {
            Tree::And(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Tree::And)
    }

    /// Any of these.
    pub(super) fn or(sides: Vec<Tree>) -> Tree {
        let flat = sides.into_iter().flat_map(|side| match side {
            Tree::Or(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Tree::Or)
    }

    /// Not this.
    pub(super) fn not(side: Tree) -> Tree {
        match side {
            Tree::Not(inner) => *inner,
            other => Tree::Not(Box::new(other)),
        }
    }

    /// A text, anywhere.
    pub(super) fn text(text: &str) -> Tree {
        Tree::Term(Term::Text(Pattern::literal(text)))
    }
}

fn one_or(mut sides: Vec<Tree>, many: impl Fn(Vec<Tree>) -> Tree) -> Tree {
    match sides.pop() {
        Some(only) if sides.is_empty() => only,
        Some(last) => {
            sides.push(last);
            many(sides)
        }
        None => many(sides),
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    /// Somewhere in the event's texts, beginning and ending where words do.
    Text(Pattern),
    /// The same in its message.
    Message(Pattern),
    /// Matches its message.
    Regex(Regex),
    /// The whole of a name.
    Label(Label, Pattern),
    Severity(Compare, Severity),
    /// The whole of a field's value.
    Field(String, Pattern),
    /// A field's value is such a number.
    Number(String, Compare, Decimal),
    Id(EventId),
    Trace(u128),
    Span(u64),
}

/// A part of an event that is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Type,
    Member,
    Source,
    Subject,
    Key,
}

impl Label {
    pub(super) fn name(self) -> &'static str {
        match self {
            Label::Type => "type",
            Label::Member => "member",
            Label::Source => "source",
            Label::Subject => "subject",
            Label::Key => "key",
        }
    }
}

/// How a value stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Compare {
    pub(super) fn holds<T: Ord>(self, one: &T, other: &T) -> bool {
        match self {
            Compare::Less => one < other,
            Compare::LessOrEqual => one <= other,
            Compare::Equal => one == other,
            Compare::GreaterOrEqual => one >= other,
            Compare::Greater => one > other,
        }
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Compare::Less => "<",
            Compare::LessOrEqual => "<=",
            Compare::Equal => "=",
            Compare::GreaterOrEqual => ">=",
            Compare::Greater => ">",
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // AND binds tighter than OR; its parentheses only help the reader, so they
        // are left out of what they would make too deep to be read again.
        let clear = depth(&self.0, true) <= QUERY_DEPTH_MAX;
        print(&self.0, clear, f)
    }
}

/// How many groups stand within each other in print.
fn depth(tree: &Tree, clear: bool) -> usize {
    let deepest = |sides: &[Tree], grouped: fn(&Tree, bool) -> bool| {
        sides
            .iter()
            .map(|side| depth(side, clear) + usize::from(grouped(side, clear)))
            .max()
            .unwrap_or_default()
    };
    match tree {
        Tree::Term(_) => 0,
        Tree::Not(inner) => depth(inner, clear) + usize::from(is_joined(inner)),
        Tree::And(sides) => deepest(sides, |side, _| is_joined(side)),
        Tree::Or(sides) => deepest(sides, |side, clear| clear && is_joined(side)),
    }
}

fn is_joined(tree: &Tree) -> bool {
    matches!(tree, Tree::And(_) | Tree::Or(_))
}

fn print(tree: &Tree, clear: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match tree {
        Tree::Term(term) => write!(f, "{term}"),
        Tree::Not(inner) => {
            f.write_str("-")?;
            side(inner, is_joined(inner), clear, f)
        }
        Tree::And(sides) => joined(sides, " AND ", true, clear, f),
        Tree::Or(sides) => joined(sides, " OR ", clear, clear, f),
    }
}

fn joined(
    sides: &[Tree],
    by: &str,
    grouped: bool,
    clear: bool,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (at, one) in sides.iter().enumerate() {
        if at > 0 {
            f.write_str(by)?;
        }
        side(one, grouped && is_joined(one), clear, f)?;
    }
    Ok(())
}

fn side(tree: &Tree, grouped: bool, clear: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !grouped {
        return print(tree, clear, f);
    }
    f.write_str("(")?;
    print(tree, clear, f)?;
    f.write_str(")")
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Text(pattern) => write!(f, "{pattern}"),
            Term::Message(pattern) => write!(f, "message:{pattern}"),
            Term::Regex(regex) => write!(f, "/{}/", regex.as_str().replace('/', r"\/")),
            Term::Label(label, pattern) => write!(f, "{}:{pattern}", label.name()),
            Term::Severity(compare, severity) => write!(f, "severity{}{severity}", compare.sign()),
            Term::Field(name, pattern) => {
                field_name(f, name)?;
                write!(f, ":{pattern}")
            }
            Term::Number(name, compare, number) => {
                field_name(f, name)?;
                write!(f, "{}{number}", compare.sign())
            }
            Term::Id(id) => write!(f, "id:{id}"),
            Term::Trace(id) => write!(f, "trace:{id:032x}"),
            Term::Span(id) => write!(f, "span:{id:016x}"),
        }
    }
}

fn field_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    f.write_str("fields.")?;
    if name.chars().all(is_of_field_name) { f.write_str(name) } else { quoted(f, name) }
}

/// Whether it may stand in the name of a field without quotes.
pub(super) fn is_of_field_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '/' | '$')
}
