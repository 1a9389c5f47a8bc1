//! Where does one piece of a question end and the next begin?
//!
//! One pass from left to right. What is not what it begins like is text, and a
//! problem is noted.

use super::expr::{Compare, is_of_field_name};
use super::pattern::Pattern;
use super::settle::settle;

/// Words, phrases, conditions and groups of one `q`, at most; the rest is cut off.
pub const QUERY_TERMS_MAX: usize = 256;

/// A problem, and the byte where it begins.
pub(super) type Noted = (usize, String);

/// A piece of a question.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    pub(super) kind: Kind<'a>,
    /// The byte where it begins.
    pub(super) at: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Kind<'a> {
    Open,
    Close,
    And,
    Or,
    Not,
    /// `-` in front of what is not wanted.
    Dash,
    /// As it stands, searched as text.
    Text(&'a str),
    /// A condition that looks right so far, and as it stands.
    Raw(Raw<'a>, &'a str),
}

/// A condition, before it is known whether its name and its value go together.
#[derive(Clone, Debug)]
pub(super) struct Raw<'a> {
    pub(super) of: Option<(Of<'a>, Sign)>,
    pub(super) value: Value<'a>,
}

/// What a condition is about.
#[derive(Clone, Debug)]
pub(super) enum Of<'a> {
    Name(&'a str),
    Field(String),
}

/// What stands between a name and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Colon,
    Compare(Compare),
}

#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// Without quotes; never empty.
    Bare(&'a str),
    /// In quotes, with stars before, between and after them.
    Quoted(Pattern),
    /// Between slashes; never empty.
    Regex(String),
}

/// Takes a question apart into pieces that can be parsed without fail.
pub(super) fn pieces(text: &str) -> (Vec<Piece<'_>>, Vec<Noted>) {
    let mut lexer = Lexer { text, at: 0, open: 0, taken: 0, pieces: Vec::new(), noted: Vec::new() };
    lexer.run();
    settle(text, lexer.pieces, lexer.noted)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Groups that are open here.
    open: usize,
    /// Terms and groups so far.
    taken: usize,
    pieces: Vec<Piece<'a>>,
    noted: Vec<Noted>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        loop {
            let rest = self.rest(self.at);
            self.at += rest.len() - rest.trim_start().len();
            let Some(first) = self.rest(self.at).chars().next() else { return };
            if first == ')' && self.open > 0 {
                self.open -= 1;
                self.take(Kind::Close, 1);
                continue;
            }
            if let Some((operator, len)) = self.operator(first) {
                self.take(operator, len);
                continue;
            }
            if self.taken == QUERY_TERMS_MAX {
                let problem = format!(
                    "more than {QUERY_TERMS_MAX} terms and groups: the rest is cut off; ask for less at once"
                );
                self.note(self.at, problem);
                return;
            }
            self.taken += 1;
            if first == '(' {
                self.open += 1;
                self.take(Kind::Open, 1);
            } else {
                self.word();
            }
        }
    }

    fn rest(&self, at: usize) -> &'a str {
        &self.text[at..]
    }

    fn take(&mut self, kind: Kind<'a>, len: usize) {
        self.pieces.push(Piece { kind, at: self.at });
        self.at += len;
    }

    fn note(&mut self, at: usize, problem: impl Into<String>) {
        self.noted.push((at, problem.into()));
    }

    /// Whether what is before this place may end there.
    fn ends(&self, at: usize) -> bool {
        match self.rest(at).chars().next() {
            None => true,
            Some(')') => self.open > 0,
            Some(c) => c.is_whitespace(),
        }
    }

    fn operator(&self, first: char) -> Option<(Kind<'a>, usize)> {
        let rest = self.rest(self.at);
        if first == '-' {
            // An arrow, a range and an option with two dashes are texts.
            let begins = |c: char| c.is_alphanumeric() || "\"(/*_.".contains(c);
            return rest[1..].starts_with(begins).then_some((Kind::Dash, 1));
        }
        let words = [("OR", Kind::Or), ("AND", Kind::And), ("NOT", Kind::Not)];
        words.into_iter().find_map(|(word, kind)| {
            let after = self.at + word.len();
            let whole =
                rest.starts_with(word) && (self.ends(after) || self.rest(after).starts_with('('));
            whole.then_some((kind, word.len()))
        })
    }

    /// A word, a phrase, a regular expression or a condition.
    fn word(&mut self) {
        let begin = self.at;
        let head = self.head();
        let (of, value_at) = match head {
            Some((of, sign, after)) => (Some((of, sign)), after),
            None => (None, begin),
        };
        let named = match &of {
            Some((Of::Name(name), _)) => Some(*name),
            Some((Of::Field(_), _)) => Some("fields"),
            None => None,
        };
        let found = self.value(value_at, matches!(named, None | Some("message")));
        let (value, end) = match found {
            Ok(found) => found,
            Err(problem) => {
                self.note(value_at, problem);
                return self.text_until(self.bare_end(begin));
            }
        };
        self.at = end;
        let whole = &self.text[begin..end];
        let empty = match &value {
            Value::Bare(text) => text.is_empty(),
            Value::Quoted(pattern) => named.is_none() && pattern.clone().trimmed().is_empty(),
            Value::Regex(_) => false,
        };
        if let (None, Value::Quoted(_), true) = (&of, &value, empty) {
            // Nobody means the quotes: they are there before what comes between them.
            return self.note(begin, "there is nothing between these quotes: expected a text");
        }
        self.at = begin;
        match (of, empty) {
            (Some((Of::Name(name), _)), _) if !NAMES.contains(&name) => {
                self.note_unknown(begin, name, whole);
                self.text_until(end);
            }
            (Some(_), true) => {
                self.note(end, format!("expected a value after {whole}"));
                self.text_until(end);
            }
            (of, _) => {
                if let Value::Bare(_) = value {
                    self.note_stray(value_at, end);
                }
                self.take(Kind::Raw(Raw { of, value }, whole), end - begin);
            }
        }
    }

    fn text_until(&mut self, end: usize) {
        let text = &self.text[self.at..end];
        self.take(Kind::Text(text), text.len());
    }

    /// A name that is none: but much that is pasted into a search looks like one.
    fn note_unknown(&mut self, at: usize, name: &str, whole: &str) {
        let after = whole[name.len()..].trim_start_matches([':', '=', '<', '>']);
        if !after.is_empty() && !whole[name.len()..].starts_with("://") {
            let problem = format!(
                "{name} is no name of an event: expected {NAMES_TOLD}, or fields.{name} for a field, or quotes around a text"
            );
            self.note(at, problem);
        }
    }

    /// A name and a sign, and where the value begins.
    fn head(&self) -> Option<(Of<'a>, Sign, usize)> {
        let rest = self.rest(self.at);
        let field = rest.strip_prefix("fields.").or_else(|| rest.strip_prefix("field."));
        let (of, after) = if let Some(name) = field {
            field_name(name)?
        } else {
            let end = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let looks = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.ends_with(|c: char| c.is_ascii_alphanumeric());
            (looks.then_some(Of::Name(name))?, after)
        };
        let signs = [
            (":", Sign::Colon),
            (">=", Sign::Compare(Compare::GreaterOrEqual)),
            ("<=", Sign::Compare(Compare::LessOrEqual)),
            (">", Sign::Compare(Compare::Greater)),
            ("<", Sign::Compare(Compare::Less)),
            ("=", Sign::Compare(Compare::Equal)),
        ];
        let (written, sign) = signs.into_iter().find(|(written, _)| after.starts_with(written))?;
        Some((of, sign, self.text.len() - after.len() + written.len()))
    }

    /// A value and where it ends.
    fn value(&self, at: usize, may_match: bool) -> Result<(Value<'a>, usize), String> {
        let rest = self.rest(at);
        if rest.trim_start_matches('*').starts_with('"') {
            return self.quoted(at).map(|(pattern, end)| (Value::Quoted(pattern), end));
        }
        // A lone slash is a slash.
        if may_match && rest.starts_with('/') && !self.ends(at + 1) {
            return self.regex(at).map(|(regex, end)| (Value::Regex(regex), end));
        }
        let end = self.bare_end(at);
        Ok((Value::Bare(&self.text[at..end]), end))
    }

    /// A parenthesis that closes neither a group nor one in the same run.
    fn note_stray(&mut self, from: usize, to: usize) {
        let mut within = 0_usize;
        let run = self.text[from..to].char_indices();
        let stray = run.filter(|(_, c)| matches!(c, '(' | ')')).find(|(_, c)| {
            let stray = *c == ')' && within == 0;
            within = if *c == '(' { within + 1 } else { within.saturating_sub(1) };
            stray
        });
        if let Some((offset, _)) = stray {
            self.note(from + offset, "this parenthesis closes no group: expected quotes around it");
        }
    }

    /// Where the run of characters ends in which parentheses that belong together
    /// are characters like any other.
    fn bare_end(&self, at: usize) -> usize {
        let mut within = 0_usize;
        for (offset, c) in self.rest(at).char_indices() {
            match c {
                '(' => within += 1,
                ')' if within > 0 => within -= 1,
                ')' if self.open > 0 => return at + offset,
                c if c.is_whitespace() => return at + offset,
                _ => {}
            }
        }
        self.text.len()
    }

    /// Quotes with stars around them; a backslash takes the meaning of the quote or
    /// the backslash after it.
    fn quoted(&self, at: usize) -> Result<(Pattern, usize), String> {
        let (mut parts, mut part) = (Vec::new(), String::new());
        let (mut inside, mut had_quotes) = (false, false);
        let mut chars = self.rest(at).char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            match (inside, c) {
                (true, '\\') if matches!(chars.peek(), Some((_, '"' | '\\'))) => {
                    part.extend(chars.next().map(|(_, escaped)| escaped));
                }
                (true, '"') => inside = false,
                (true, c) => part.push(c),
                (false, '*') => {
                    parts.push(std::mem::take(&mut part));
                    had_quotes = false;
                }
                (false, '"') if !had_quotes => (inside, had_quotes) = (true, true),
                (false, _) if self.ends(at + offset) => {
                    parts.push(part);
                    return Ok((Pattern::of_parts(parts), at + offset));
                }
                (false, _) => {
                    return Err("expected a space after these quotes, or quotes around all of it"
                        .to_owned());
                }
            }
        }
        if inside {
            return Err("expected a closing quote: it is not closed".to_owned());
        }
        parts.push(part);
        Ok((Pattern::of_parts(parts), self.text.len()))
    }

    /// What stands between two slashes; a backslash makes a slash part of it.
    fn regex(&self, at: usize) -> Result<(String, usize), String> {
        let mut content = String::new();
        let mut escaped = false;
        for (offset, c) in self.rest(at + 1).char_indices() {
            let after = at + 1 + offset + 1;
            if c == '/' && !escaped {
                return match (content.is_empty(), self.ends(after)) {
                    (false, true) => Ok((content, after)),
                    _ => Err("expected a regular expression between two slashes and then a space, or quotes around a text".to_owned()),
                };
            }
            if c == '/' {
                content.pop();
            }
            escaped = c == '\\' && !escaped;
            content.push(c);
        }
        Err("expected a slash at the end of the regular expression, or quotes around a text"
            .to_owned())
    }
}

/// The names of an event's parts, and their other names.
const NAMES: [&str; 13] = [
    "type", "member", "memberid", "source", "subject", "severity", "message", "key", "id", "trace",
    "trace_id", "span", "span_id",
];
const NAMES_TOLD: &str = "type, member, source, subject, severity, message, key, id, trace or span";

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The name of a field, in quotes or not, and what follows it.
fn field_name<'a>(text: &str) -> Option<(Of<'a>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !is_of_field_name(c)).unwrap_or(text.len());
        return (end > 0).then(|| (Of::Field(text[..end].to_owned()), &text[end..]));
    };
    let (mut name, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '"' if !escaped => {
                return (!name.is_empty()).then(|| (Of::Field(name), &quoted[at + 1..]));
            }
            '"' | '\\' if escaped => {
                name.pop();
                name.push(c);
                escaped = false;
            }
            c => {
                escaped = c == '\\';
                name.push(c);
            }
        }
    }
    None
}
