//! Do a name and a value go together, and what do they ask for?

use super::decimal::Decimal;
use super::expr::{Compare, Label, Term, Tree};
use super::lex::{Kind, Noted, Of, Piece, QUERY_TERMS_MAX, Raw, Sign, Value};
use super::pattern::{Pattern, QUERY_STARS_MAX};
use super::text::Regex;
use crate::severity::Severity;

/// Regular expressions of one `q`, at most: each may take milliseconds to compile and
/// [`super::REGEX_BYTES_MAX`].
pub const QUERY_REGEXES_MAX: usize = 8;

/// Makes terms, as long as the limits of one question allow.
pub(super) struct Terms {
    regexes_left: usize,
    /// Terms that lists may have beyond one each.
    spare: usize,
    pub(super) noted: Vec<Noted>,
}

/// A condition that means something, or what is wrong with it.
type Read = Result<Tree, String>;

impl Terms {
    /// For a question of these pieces.
    pub(super) fn new(pieces: &[Piece<'_>]) -> Terms {
        let terms =
            |piece: &&Piece<'_>| matches!(piece.kind, Kind::Open | Kind::Text(_) | Kind::Raw(..));
        Terms {
            regexes_left: QUERY_REGEXES_MAX,
            spare: QUERY_TERMS_MAX.saturating_sub(pieces.iter().filter(terms).count()),
            noted: Vec::new(),
        }
    }

    /// What a condition asks for; if it means nothing, for the text `whole` as it
    /// stands.
    pub(super) fn term(&mut self, raw: &Raw<'_>, whole: &str, at: usize) -> Tree {
        let read = match &raw.of {
            None => self.text(&raw.value, Term::Text),
            Some((Of::Field(name), sign)) => field(name, *sign, &raw.value),
            Some((Of::Name(name), sign)) => self.named(name, *sign, &raw.value),
        };
        read.unwrap_or_else(|problem| {
            self.noted.push((at, problem));
            Tree::text(whole)
        })
    }

    fn named(&mut self, name: &str, sign: Sign, value: &Value<'_>) -> Read {
        if name == "severity" {
            return self.severity(sign, value);
        }
        if !matches!(sign, Sign::Colon | Sign::Compare(Compare::Equal)) {
            return Err(format!("{name} is not compared: expected {name}: and a value"));
        }
        let label = match name {
            "message" => return self.text(value, Term::Message),
            "type" => Label::Type,
            "member" | "memberid" => Label::Member,
            "source" => Label::Source,
            "subject" => Label::Subject,
            "key" => Label::Key,
            _ => return identity(name, value),
        };
        self.label(label, value)
    }

    /// A text anywhere or in the message, or a regular expression.
    fn text(&mut self, value: &Value<'_>, term: impl Fn(Pattern) -> Term) -> Read {
        if let Value::Regex(pattern) = value {
            self.take_regex()?;
            let regex = Regex::new(pattern).map_err(|error| error.problem)?;
            return Ok(Tree::Term(Term::Regex(regex)));
        }
        let pattern = pattern(value)?.trimmed();
        if pattern.is_empty() {
            return Err("expected a text between the quotes".to_owned());
        }
        Ok(Tree::Term(term(pattern)))
    }

    fn take_regex(&mut self) -> Result<(), String> {
        self.regexes_left = self.regexes_left.checked_sub(1).ok_or_else(|| {
            format!("at most {QUERY_REGEXES_MAX} regular expressions may stand in one question")
        })?;
        Ok(())
    }

    /// A name, or several with commas in between; `!` leaves one out.
    fn label(&mut self, label: Label, value: &Value<'_>) -> Read {
        let one = |value: &Value<'_>| {
            let pattern = pattern(value)?;
            let pattern = if label == Label::Type { pattern.lower_cased() } else { pattern };
            Ok(Tree::Term(Term::Label(label, pattern)))
        };
        let Value::Bare(list) = value else { return one(value) };
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        for element in self.elements(list)? {
            match element.strip_prefix('!') {
                None => wanted.push(one(&Value::Bare(element))?),
                Some("") => return Err(empty_element(list)),
                Some(name) => unwanted.push(Tree::not(one(&Value::Bare(name))?)),
            }
        }
        if !wanted.is_empty() {
            unwanted.insert(0, Tree::or(wanted));
        }
        Ok(Tree::and(unwanted))
    }

    /// The elements of a list, none of them empty.
    fn elements<'a>(&mut self, list: &'a str) -> Result<Vec<&'a str>, String> {
        let elements: Vec<&str> = list.split(',').collect();
        if elements.contains(&"") {
            return Err(empty_element(list));
        }
        let more = elements.len() - 1;
        self.spare = self.spare.checked_sub(more).ok_or_else(|| {
            format!(
                "a list of {}: at most {QUERY_TERMS_MAX} terms may stand in one question",
                more + 1
            )
        })?;
        Ok(elements)
    }

    /// Whole levels: those that are listed, a range, or all on one side.
    fn severity(&mut self, sign: Sign, value: &Value<'_>) -> Read {
        let text = match value {
            Value::Bare(text) => *text,
            Value::Quoted(pattern) => pattern.exact().unwrap_or("*"),
            Value::Regex(_) => "/",
        };
        let read = |word: &str| match word.parse::<Severity>() {
            Ok(severity) => Ok(severity.level()),
            Err(error) => Err(format!("expected a severity: {error}")),
        };
        let term = |compare, word: &str| Ok(Tree::Term(Term::Severity(compare, read(word)?)));
        match (sign, text.split_once("..")) {
            (Sign::Compare(compare), None) if compare != Compare::Equal => term(compare, text),
            (Sign::Compare(compare), Some(_)) if compare != Compare::Equal => {
                Err("expected one severity to compare with, or severity: and a range".to_owned())
            }
            (_, Some(("", to))) => term(Compare::LessOrEqual, to),
            (_, Some((from, ""))) => term(Compare::GreaterOrEqual, from),
            (_, Some((from, to))) if read(from)? > read(to)? => {
                Err(format!("{from}..{to} goes from the worse to the better: turn it around"))
            }
            (_, Some((from, to))) => Ok(Tree::and(vec![
                term(Compare::GreaterOrEqual, from)?,
                term(Compare::LessOrEqual, to)?,
            ])),
            (_, None) => {
                let elements = self.elements(text)?;
                let sides = elements.into_iter().map(|word| term(Compare::Equal, word));
                Ok(Tree::or(sides.collect::<Result<_, String>>()?))
            }
        }
    }
}

/// A text as it is, or a number by its value.
fn field(name: &str, sign: Sign, value: &Value<'_>) -> Read {
    let number = match value {
        Value::Bare(text) => Decimal::parse(text),
        _ => None,
    };
    let name = name.to_owned();
    match (sign, number) {
        (Sign::Compare(compare), Some(number)) => {
            Ok(Tree::Term(Term::Number(name, compare, number)))
        }
        (Sign::Colon | Sign::Compare(Compare::Equal), _) => {
            Ok(Tree::Term(Term::Field(name, pattern(value)?)))
        }
        (Sign::Compare(compare), None) => {
            Err(format!("expected a number after fields.{name}{}", compare.sign()))
        }
    }
}

fn pattern(value: &Value<'_>) -> Result<Pattern, String> {
    let pattern = match value {
        Value::Bare(text) => Pattern::starred(text),
        Value::Quoted(pattern) => pattern.clone(),
        Value::Regex(_) => return Err("expected a text, not a regular expression".to_owned()),
    };
    if pattern.stars() > QUERY_STARS_MAX {
        return Err(format!(
            "a text of {} stars, expected at most {QUERY_STARS_MAX}",
            pattern.stars()
        ));
    }
    Ok(pattern)
}

fn empty_element(list: &str) -> String {
    let shown: String = list.chars().take(80).collect();
    format!("an element of {shown:?} is empty: expected names with commas in between")
}

/// What names one event, or a trace of several.
fn identity(name: &str, value: &Value<'_>) -> Read {
    let pattern = pattern(value)?;
    let text = pattern.exact().unwrap_or("*");
    let hex = |digits: usize| {
        let is_hex = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = u128::from_str_radix(text, 16).ok().filter(|_| is_hex);
        id.ok_or_else(|| format!("expected {digits} hexadecimal digits after {name}:"))
    };
    let term = match name {
        "id" => Term::Id(text.parse().map_err(|error| format!("expected an id: {error}"))?),
        "trace" | "trace_id" => Term::Trace(hex(32)?),
        _ => Term::Span(u64::try_from(hex(16)?).unwrap_or_default()),
    };
    Ok(Tree::Term(term))
}
