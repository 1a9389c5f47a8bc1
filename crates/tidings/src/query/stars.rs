//! Do these texts stand in another one after the other, with no white space between?

use std::iter;

use super::text::{Bounds, compiled};

/// Texts that were typed with stars between them, made ready to be found.
///
/// Of all places where the first few of them may end, only the earliest in each run
/// of characters without white space is kept: whatever can follow a later one can
/// follow it too. So each text is looked for once, from left to right.
#[derive(Clone, Debug)]
pub(super) struct Stars {
    first: Literal,
    between: Vec<Literal>,
    last: Literal,
    bounds: Bounds,
}

#[derive(Clone, Debug)]
struct Literal {
    literal: regex::Regex,
    has_white_space: bool,
}

/// Where a text was found: from, to.
type Place = (usize, usize);

impl Stars {
    /// `None` for fewer than two texts, or for one that is too long to be found.
    pub(super) fn new(texts: &[&str], any_case: bool, bounds: Bounds) -> Option<Stars> {
        let literal = |text: &&str| {
            let literal = compiled(&regex::escape(text), any_case)?;
            Some(Literal { literal, has_white_space: text.contains(char::is_whitespace) })
        };
        let mut literals = texts.iter().map(literal).collect::<Option<Vec<Literal>>>()?.into_iter();
        let (first, last) = (literals.next()?, literals.next_back()?);
        Some(Stars { first, between: literals.collect(), last, bounds })
    }

    /// The longest of the texts, which is probably the rarest.
    pub(super) fn longest(&self) -> &regex::Regex {
        let literals = iter::once(&self.first).chain(&self.between).chain(iter::once(&self.last));
        let literals = literals.map(|literal| &literal.literal);
        literals.max_by_key(|literal| literal.as_str().len()).unwrap_or(&self.first.literal)
    }

    pub(super) fn are_in(&self, text: &str) -> bool {
        let mut ends = self.first_ends(text);
        for literal in &self.between {
            ends = next_ends(literal, &ends, text);
        }
        self.ends_well(&ends, text)
    }

    fn first_ends(&self, text: &str) -> Vec<usize> {
        let (mut ends, mut from) = (Vec::new(), 0);
        while let Some((start, end)) = self.first.at_or_after(from, text) {
            from = one_further(start, text);
            if !self.bounds.may_begin(start, text) {
                continue;
            }
            keep(&mut ends, end, text);
            if !self.first.has_white_space {
                from = from.max(end_of_run(end, text));
            }
        }
        ends
    }

    /// Whether the last text follows one of these places.
    fn ends_well(&self, ends: &[usize], text: &str) -> bool {
        let Some(mut found) = ends.first().and_then(|end| self.last.at_or_after(*end, text)) else {
            return false;
        };
        for end in ends {
            let limit = end_of_run(*end, text);
            while found.0 <= limit {
                if found.0 >= *end && self.bounds.may_end(found.1, text) {
                    return true;
                }
                let from = one_further(found.0, text).max(*end);
                match self.last.at_or_after(from, text) {
                    Some(next) => found = next,
                    None => return false,
                }
            }
        }
        false
    }
}

/// The earliest ends of a text that follows one of these places.
fn next_ends(literal: &Literal, before: &[usize], text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut found: Option<Place> = None;
    for end in before {
        if found.is_none_or(|(start, _)| start < *end) {
            found = literal.at_or_after(*end, text);
        }
        let Some((start, last)) = found else { break };
        if start <= end_of_run(*end, text) {
            keep(&mut ends, last, text);
        }
    }
    ends
}

impl Literal {
    fn at_or_after(&self, from: usize, text: &str) -> Option<Place> {
        let found = self.literal.find_at(text, from)?;
        Some((found.start(), found.end()))
    }
}

/// Keeps a place that is in another run than the last one.
fn keep(ends: &mut Vec<usize>, end: usize, text: &str) {
    let same_run = ends.last().is_some_and(|last| end <= end_of_run(*last, text));
    if !same_run {
        ends.push(end);
    }
}

/// Where the characters end that are no white space.
fn end_of_run(from: usize, text: &str) -> usize {
    text[from..].find(char::is_whitespace).map_or(text.len(), |len| from + len)
}

fn one_further(at: usize, text: &str) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}
