//! What does a person mean who types this into the search field?

use std::fmt;
use std::str::FromStr;

use super::QUERY_BYTES_MAX;
use super::expr::{Expr, Tree};
use super::lex::{self, Kind, Piece};
use super::terms::Terms;

/// What was typed, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What it asks for. As text it is what `read_as` says.
    pub expr: Expr,
    /// What could not be read as it was typed, from left to right, and was searched
    /// as text, cut off or passed over instead.
    pub problems: Vec<SyntaxError>,
}

/// Why a question does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct SyntaxError {
    /// Where, in characters, from 1.
    pub column: usize,
    /// What is wrong there, and what was expected.
    pub problem: String,
}

impl Expr {
    /// Reads `q` as a person may have typed it.
    ///
    /// Never fails, and takes time in proportion to the text. What does not parse is
    /// searched as text; [`Reading::problems`] names it. What is longer than
    /// [`QUERY_BYTES_MAX`], or comes after [`super::QUERY_TERMS_MAX`] terms, is cut
    /// off. White space alone asks for everything.
    pub fn read(q: &str) -> Reading {
        let whole = &q[..q.floor_char_boundary(QUERY_BYTES_MAX)];
        let (pieces, mut noted) = lex::pieces(whole);
        if whole.len() < q.len() {
            let problem = format!(
                "at most {QUERY_BYTES_MAX} bytes are read, these are {}: the rest is cut off",
                q.len()
            );
            noted.push((whole.len(), problem));
        }
        let mut parser = Parser { terms: Terms::new(&pieces), pieces: &pieces, at: 0 };
        let expr = Expr(parser.any());
        noted.append(&mut parser.terms.noted);
        noted.sort_by_key(|(at, _)| *at);
        let problems = noted
            .into_iter()
            .map(|(at, problem)| SyntaxError { column: whole[..at].chars().count() + 1, problem });
        Reading { expr, problems: problems.collect() }
    }

    /// Reads `q` as [`Expr::read`] does, and takes nothing that it does not
    /// understand.
    ///
    /// # Errors
    ///
    /// The first of its problems: a quote, a group or a regular expression that is
    /// not closed; a parenthesis, an operator or a name without what belongs to it;
    /// an empty phrase, group or value; a name that events do not have; a value that
    /// is no severity, number, id or trace where one is expected; a regular
    /// expression that does not compile; or more than a limit allows.
    pub fn parse(q: &str) -> Result<Expr, SyntaxError> {
        let Reading { expr, problems } = Expr::read(q);
        problems.into_iter().next().map_or(Ok(expr), Err)
    }
}

impl FromStr for Expr {
    type Err = SyntaxError;

    fn from_str(q: &str) -> Result<Expr, SyntaxError> {
        Expr::parse(q)
    }
}

impl fmt::Display for Reading {
    /// How it was understood.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

/// Goes over pieces whose parentheses and operators are all in their places.
struct Parser<'a> {
    terms: Terms,
    pieces: &'a [Piece<'a>],
    at: usize,
}

impl Parser<'_> {
    fn takes(&mut self, is_it: impl Fn(&Kind<'_>) -> bool) -> bool {
        let is = self.pieces.get(self.at).is_some_and(|piece| is_it(&piece.kind));
        self.at += usize::from(is);
        is
    }

    /// Sides of OR, up to the end of the group.
    fn any(&mut self) -> Tree {
        let mut sides = vec![self.all()];
        while self.takes(|kind| matches!(kind, Kind::Or)) {
            sides.push(self.all());
        }
        Tree::or(sides)
    }

    /// Terms one after the other, with AND or without.
    fn all(&mut self) -> Tree {
        let mut sides = Vec::new();
        loop {
            self.takes(|kind| matches!(kind, Kind::And));
            match self.pieces.get(self.at).map(|piece| &piece.kind) {
                None | Some(Kind::Or | Kind::Close) => return Tree::and(sides),
                Some(_) => sides.push(self.one()),
            }
        }
    }

    fn one(&mut self) -> Tree {
        let mut denied = false;
        while self.takes(|kind| matches!(kind, Kind::Not | Kind::Dash)) {
            denied = !denied;
        }
        let side = match self.pieces.get(self.at).map(|piece| (&piece.kind, piece.at)) {
            Some((Kind::Open, _)) => {
                self.at += 1;
                let group = self.any();
                self.takes(|kind| matches!(kind, Kind::Close));
                group
            }
            Some((Kind::Raw(raw, whole), at)) => {
                self.at += 1;
                self.terms.term(raw, whole, at)
            }
            Some((Kind::Text(text), _)) => {
                self.at += 1;
                Tree::text(text)
            }
            // Settled pieces have no operator here; if they had, it would be skipped.
            _ => {
                self.at += 1;
                Tree::default()
            }
        };
        if denied { Tree::not(side) } else { side }
    }
}
