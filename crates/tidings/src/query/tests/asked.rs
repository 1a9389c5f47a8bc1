//! Random expressions, and what an event answers to them, written so plainly that it
//! is right.

use super::super::decimal::Decimal;
use super::super::expr::{Compare, Label, Term, Tree};
use super::super::pattern::Pattern;
use super::naive::pick;
use super::*;
use crate::event::Fields;

const TEXTS: [&str; 23] = [
    "disk",
    "full",
    "Deploy",
    "deploy",
    "out",
    "db1",
    "error",
    "91%",
    "404",
    "dis*",
    "*ul*",
    "*",
    "disk full",
    "r*t",
    "12*8-*2",
    "de*0*",
    "OR",
    "rolled out",
    "zinc",
    "cobalt",
    "Argon",
    "*disk-0017",
    "nowhere",
];
const NAMES: [&str; 14] = [
    "deploy.api",
    "deploy.*",
    "*",
    "db1",
    "DB1",
    "Web",
    "web",
    "*e*",
    "cron",
    "api",
    "disk",
    "4*4",
    "none",
    "",
];
const NUMBERS: [&str; 10] = [
    "0",
    "1",
    "-1.5",
    "0.1",
    "0.10000001",
    "12",
    "9007199254740992",
    "9007199254740993",
    "1e3",
    "404",
];

/// Fields of many kinds of values.
pub(super) fn fields(dice: &mut fastrand::Rng) -> Fields {
    let json = match dice.u8(0..7) {
        0 => r#"{"took": 9007199254740993, "note": "Disk"}"#,
        1 => r#"{"took": 0.1, "http": {"code": 404, "path": "/disk/full"}}"#,
        2 => r#"{"took": "12", "version": null}"#,
        3 => r#"{"took": "12ms", "http": {"code": "404"}}"#,
        4 => r#"{"took": -1.5e0, "http.code": 1000, "http": {"code": 1}}"#,
        5 => r#"{"took": 18446744073709551615, "list": ["full", {"error": true}]}"#,
        _ => r#"{"deploy": "", "took": [1]}"#,
    };
    serde_json::from_str(json).unwrap()
}

/// A random expression that can be printed and read.
pub(super) fn expr(dice: &mut fastrand::Rng) -> Expr {
    let mut regexes = 3;
    Expr(tree(dice, 3, &mut regexes))
}

fn tree(dice: &mut fastrand::Rng, depth: u32, regexes: &mut u32) -> Tree {
    let mut sides = |dice: &mut fastrand::Rng| -> Vec<Tree> {
        (0..dice.usize(1..4)).map(|_| tree(dice, depth - 1, regexes)).collect()
    };
    match dice.u8(0..8) {
        0 | 1 if depth > 0 => Tree::and(sides(dice)),
        2 | 3 if depth > 0 => Tree::or(sides(dice)),
        4 if depth > 0 => Tree::not(tree(dice, depth - 1, regexes)),
        _ => Tree::Term(term(dice, regexes)),
    }
}

fn term(dice: &mut fastrand::Rng, regexes: &mut u32) -> Term {
    let field = |dice: &mut fastrand::Rng| {
        pick(dice, &["took", "version", "note", "http.code", "http", "none", "a \"b:c"]).to_owned()
    };
    let compare = |dice: &mut fastrand::Rng| {
        use Compare::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        pick(dice, &[Less, LessOrEqual, Equal, GreaterOrEqual, Greater])
    };
    match dice.u8(0..10) {
        0 if *regexes > 0 => {
            *regexes -= 1;
            Term::Regex(Regex::new(pick(dice, &["full|out", "[Dd]isk", "a/b", "^$"])).unwrap())
        }
        1 => Term::Message(text(dice)),
        2 | 3 => {
            use Label::{Key, Member, Source, Subject, Type};
            let label = pick(dice, &[Type, Type, Member, Member, Source, Subject, Key]);
            let name = Pattern::starred(pick(dice, &NAMES));
            Term::Label(label, if label == Type { name.lower_cased() } else { name })
        }
        4 => {
            let level = pick(dice, &[Severity::INFO, Severity::WARN, Severity::ERROR]);
            Term::Severity(compare(dice), level)
        }
        5 => {
            let value = pick(dice, &["1", "Disk", "disk", "*", "40*", "12", "null", "[1]", "d\\"]);
            Term::Field(field(dice), Pattern::starred(value))
        }
        6 => {
            let number = Decimal::parse(pick(dice, &NUMBERS)).unwrap();
            Term::Number(field(dice), compare(dice), number)
        }
        7 => match dice.u8(0..6) {
            0 => Term::Id("019aab3c-7d2e-7c41-9a3b-1f2e00000001".parse().unwrap()),
            1 => Term::Trace(dice.u128(6..8)),
            2 => Term::Span(dice.u64(8..10)),
            _ => Term::Text(text(dice)),
        },
        _ => Term::Text(text(dice)),
    }
}

fn text(dice: &mut fastrand::Rng) -> Pattern {
    Pattern::starred(pick(dice, &TEXTS))
}

/// Whether an event is asked for.
pub(super) fn holds(tree: &Tree, stored: &StoredEvent) -> bool {
    match tree {
        Tree::And(sides) => sides.iter().all(|side| holds(side, stored)),
        Tree::Or(sides) => sides.iter().any(|side| holds(side, stored)),
        Tree::Not(side) => !holds(side, stored),
        Tree::Term(term) => has(term, stored),
    }
}

fn has(term: &Term, stored: &StoredEvent) -> bool {
    let event = &stored.event;
    match term {
        Term::Text(pattern) => texts(event).iter().any(|text| stands_in(pattern, text)),
        Term::Message(pattern) => stands_in(pattern, event.message()),
        Term::Regex(regex) => regex.is_match(event.message()),
        Term::Label(label, pattern) => {
            let name = match label {
                Label::Type => Some(event.event_type()),
                Label::Member => Some(stored.member()),
                Label::Source => event.source(),
                Label::Subject => event.subject(),
                Label::Key => event.key(),
            };
            name.is_some_and(|name| is_whole(pattern, name))
        }
        Term::Severity(compare, level) => compare.holds(&event.severity().level(), level),
        Term::Field(name, pattern) => {
            value(event, name).is_some_and(|value| is_whole(pattern, &value))
        }
        Term::Number(name, compare, number) => value(event, name)
            .and_then(|value| scaled(&value))
            .is_some_and(|value| compare.holds(&value, &scaled(&number.to_string()).unwrap())),
        Term::Id(id) => stored.id == *id,
        Term::Trace(id) => event.trace_id() == Some(*id),
        Term::Span(id) => event.span_id() == Some(*id),
    }
}

/// In units of 10^-9: enough for the numbers of these tests.
fn scaled(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let (whole, fraction) = (whole.parse::<i128>().ok()?, format!("{fraction:0<9}"));
    Some(sign * (whole * 1_000_000_000 + fraction.parse::<i128>().ok()?))
}

fn value(event: &Event, name: &str) -> Option<String> {
    let found = match (event.fields().get(name), name.split_once('.')) {
        (Some(found), _) => found,
        (None, Some((outer, inner))) => event.fields().get(outer)?.get(inner)?,
        (None, None) => return None,
    };
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
}

/// All texts of an event that words are looked for in.
fn texts(event: &Event) -> Vec<String> {
    fn values(value: &serde_json::Value, texts: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => texts.push(text.clone()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| values(item, texts)),
            serde_json::Value::Object(names) => names.iter().for_each(|(name, value)| {
                texts.push(name.clone());
                values(value, texts);
            }),
            other => texts.push(other.to_string()),
        }
    }
    let mut all = vec![event.message().to_owned(), event.event_type().to_owned()];
    all.extend(
        [event.member(), event.source(), event.subject()].into_iter().flatten().map(str::to_owned),
    );
    for (name, value) in event.fields() {
        all.push(name.to_owned());
        values(value, &mut all);
    }
    all
}

/// Somewhere in a text, with a word's end on either side that has no star.
fn stands_in(pattern: &Pattern, text: &str) -> bool {
    let (parts, text) = folded(pattern, text);
    let inner = |at: Option<&char>| at.is_some_and(|c| c.is_alphanumeric());
    let begins = |from: usize| {
        let before = from.checked_sub(1).and_then(|at| text.get(at));
        !inner(parts[0].first()) || !inner(before)
    };
    let ends = |to: usize| !inner(parts[parts.len() - 1].last()) || !inner(text.get(to));
    (0..=text.len())
        .any(|from| begins(from) && is_like(&parts, &text, from, |c| !c.is_whitespace(), &ends))
}

fn is_whole(pattern: &Pattern, name: &str) -> bool {
    let (parts, text) = folded(pattern, name);
    is_like(&parts, &text, 0, |_| true, &|to| to == text.len())
}

fn folded(pattern: &Pattern, text: &str) -> (Vec<Vec<char>>, Vec<char>) {
    let folded = |c: char| if pattern.is_any_case() { c.to_ascii_lowercase() } else { c };
    let parts = pattern.parts().iter().map(|part| part.chars().map(folded).collect()).collect();
    (parts, text.chars().map(folded).collect())
}

/// Whether the first part stands here, and the others after it with stars between.
fn is_like(
    parts: &[Vec<char>],
    text: &[char],
    at: usize,
    star: fn(char) -> bool,
    ends: &impl Fn(usize) -> bool,
) -> bool {
    if !text[at..].starts_with(&parts[0]) {
        return false;
    }
    let after = at + parts[0].len();
    if parts.len() == 1 {
        return ends(after);
    }
    let skipped = text[after..].iter().take_while(|c| star(**c)).count();
    (after..=after + skipped).any(|next| is_like(&parts[1..], text, next, star, ends))
}
