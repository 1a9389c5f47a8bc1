//! Which parentheses and operators are what they look like?
//!
//! A parenthesis without a partner is text, and so is an operator with nothing to
//! join or to deny; a problem is noted. What is left can be parsed without fail.

use super::lex::{Kind, Noted, Piece};

/// Groups within each other in one `q`, at most; those within are read as text.
pub const QUERY_DEPTH_MAX: usize = 32;

/// Makes text of all that is not what it looks like.
pub(super) fn settle<'a>(
    text: &'a str,
    pieces: Vec<Piece<'a>>,
    noted: Vec<Noted>,
) -> (Vec<Piece<'a>>, Vec<Noted>) {
    let mut settling = Settling { text, pieces, noted };
    settling.groups();
    settling.operators();
    (settling.pieces, settling.noted)
}

struct Settling<'a> {
    text: &'a str,
    pieces: Vec<Piece<'a>>,
    noted: Vec<Noted>,
}

impl<'a> Settling<'a> {
    fn note(&mut self, at: usize, problem: impl Into<String>) {
        self.noted.push((at, problem.into()));
    }

    /// Parentheses without a partner, around nothing, or too deep are text. A closing
    /// one without a partner never became a piece.
    fn groups(&mut self) {
        let mut open: Vec<usize> = Vec::new();
        for index in 0..self.pieces.len() {
            match self.pieces[index].kind {
                Kind::Open => open.push(index),
                Kind::Close => {
                    if let Some(begin) = open.pop() {
                        self.group(begin, index, open.len());
                    }
                }
                _ => {}
            }
        }
        for begin in open {
            let at = self.pieces[begin].at;
            self.note(at, "this group is not closed: expected a closing parenthesis");
            self.as_text(begin, "(");
        }
        self.pieces.retain(|piece| !matches!(piece.kind, Kind::Text("")));
    }

    fn group(&mut self, begin: usize, end: usize, depth: usize) {
        let (from, to) = (self.pieces[begin].at, self.pieces[end].at);
        if begin + 1 == end {
            self.note(from, "there is nothing in this group: expected a term");
            let text = self.text;
            self.as_text(begin, &text[from..=to]);
            // All of it is searched for as one.
            self.pieces[end].kind = Kind::Text("");
        } else if depth >= QUERY_DEPTH_MAX {
            let problem = format!("at most {QUERY_DEPTH_MAX} groups may stand within each other");
            self.note(from, problem);
            self.as_text(begin, "(");
            self.as_text(end, ")");
        }
    }

    /// A parenthesis becomes text, and so does the dash that would deny it.
    fn as_text(&mut self, index: usize, text: &'a str) {
        self.pieces[index].kind = Kind::Text(text);
        let before = index.checked_sub(1).map(|before| &mut self.pieces[before]);
        if let Some(dash) = before.filter(|piece| matches!(piece.kind, Kind::Dash)) {
            dash.kind = Kind::Text("-");
        }
    }

    /// From the right to the left: what an operator joins is settled before it.
    fn operators(&mut self) {
        for index in (0..self.pieces.len()).rev() {
            let at = self.pieces[index].at;
            let before = index.checked_sub(1).map(|before| &self.pieces[before].kind);
            let next = self.pieces.get(index + 1).filter(|next| next.kind.begins_side());
            let joins = next.is_some() && before.is_some_and(Kind::ends_side);
            let (word, stands) = match self.pieces[index].kind {
                Kind::Or => ("OR", joins),
                Kind::And => ("AND", joins),
                Kind::Not => ("NOT", next.is_some()),
                Kind::Dash => ("-", next.is_some_and(|next| next.at == at + 1)),
                _ => continue,
            };
            if !stands {
                let sides =
                    if matches!(word, "OR" | "AND") { "on either side of" } else { "after" };
                let problem = format!("expected a term {sides} {word}, or quotes around it");
                self.note(at, problem);
                self.pieces[index].kind = Kind::Text(word);
            }
        }
    }
}

impl Kind<'_> {
    /// Whether a side of an operator may begin with it.
    fn begins_side(&self) -> bool {
        !matches!(self, Kind::Close | Kind::And | Kind::Or)
    }

    /// Whether a side of an operator may end with it.
    fn ends_side(&self) -> bool {
        matches!(self, Kind::Close | Kind::Text(_) | Kind::Raw(..))
    }
}
