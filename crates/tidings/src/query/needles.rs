//! Which texts must every match of a regular expression hold?
//!
//! `disk \d+ (full|failed)` needs `disk ` and one of `full` and `failed`. To look for
//! them in many texts at once is many times faster than to try the expression on each.

use std::borrow::Cow;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::rows::Rows;

/// Texts of one expression that are looked for, at most; what else it needs is left to
/// the expression itself.
const NEEDLES_MAX: usize = 16;
/// A shorter text is in every frame.
const NEEDLE_BYTES_MIN: usize = 2;

/// What must be there.
#[derive(Clone, Debug)]
pub(super) enum Needles {
    /// Nothing that could be looked for.
    Unknown,
    Text(regex::Regex),
    All(Vec<Needles>),
    Any(Vec<Needles>),
}

impl Needles {
    /// What an expression needs.
    pub(super) fn of(pattern: &str) -> Needles {
        regex_syntax::parse(pattern).map_or(Needles::Unknown, |hir| of(&hir, &mut 0))
    }

    /// The texts that may match, by those that hold a needle.
    pub(super) fn rows(&self, holding: &impl Fn(&regex::Regex) -> Rows) -> Rows {
        match self {
            Needles::Unknown => Rows::All,
            Needles::Text(text) => holding(text),
            Needles::All(all) => Rows::meeting(all.iter().map(|one| one.rows(holding))),
            Needles::Any(any) => Rows::joining(any.iter().map(|one| one.rows(holding))),
        }
    }

    fn is_unknown(&self) -> bool {
        matches!(self, Needles::Unknown)
    }
}

fn of(hir: &Hir, made: &mut usize) -> Needles {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => of_all(std::slice::from_ref(hir), made),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub, made),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => Needles::Unknown,
        HirKind::Capture(capture) => of(&capture.sub, made),
        HirKind::Concat(parts) => of_all(parts, made),
        HirKind::Alternation(sides) => {
            let any: Vec<Needles> = sides.iter().map(|side| of(side, made)).collect();
            let known = !any.iter().any(Needles::is_unknown);
            if known { Needles::Any(any) } else { Needles::Unknown }
        }
    }
}

/// Of parts that follow each other: letters side by side are one text.
fn of_all(parts: &[Hir], made: &mut usize) -> Needles {
    let (mut all, mut run) = (Vec::new(), Run::default());
    for part in parts {
        if let Some((text, any_case)) = letters(part) {
            run.text.push_str(&text);
            run.any_case |= any_case;
            continue;
        }
        all.push(std::mem::take(&mut run).needle(made));
        if !matches!(part.kind(), HirKind::Class(_) | HirKind::Literal(_)) {
            all.push(of(part, made));
        }
    }
    all.push(run.needle(made));
    all.retain(|needles| !needles.is_unknown());
    if all.is_empty() { Needles::Unknown } else { Needles::All(all) }
}

/// Letters, and whether they may stand in any case: more is found so than must be
/// there.
fn letters(hir: &Hir) -> Option<(Cow<'_, str>, bool)> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).ok().map(|text| (text.into(), false))
        }
        HirKind::Class(Class::Unicode(class)) => {
            let first = class.ranges().first()?.start();
            let mut folded = ClassUnicode::new([ClassUnicodeRange::new(first, first)]);
            folded.try_case_fold_simple().ok()?;
            (folded == *class).then(|| (first.to_string().into(), true))
        }
        _ => None,
    }
}

#[derive(Default)]
struct Run {
    text: String,
    any_case: bool,
}

impl Run {
    fn needle(self, made: &mut usize) -> Needles {
        if self.text.len() < NEEDLE_BYTES_MIN || *made >= NEEDLES_MAX {
            return Needles::Unknown;
        }
        *made += 1;
        let literal = regex::RegexBuilder::new(&regex::escape(&self.text))
            .case_insensitive(self.any_case)
            .build();
        literal.map_or(Needles::Unknown, Needles::Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn may_match(needles: &Needles, text: &str) -> bool {
        let holding = |needle: &regex::Regex| (0..needle.is_match(text).into()).collect();
        !needles.rows(&holding).is_none()
    }

    #[track_caller]
    fn assert_needs(pattern: &str, held: &[&str], lacking: &[&str]) {
        let needles = Needles::of(pattern);
        let may = |text: &&str| may_match(&needles, text);
        assert!(held.iter().all(may) && !lacking.iter().any(may), "{pattern}: {needles:?}");
    }

    #[test]
    fn what_every_match_must_hold_is_known() {
        assert_needs(r"disk \d+ (full|failed)", &["failed disk "], &["disk 7", "full"]);
        assert_needs(r"(?i)Straße", &["STRASSE straße", "STRAẞE"], &["strase"]);
        assert_needs(r"^(ab)+c*[de]fg?$", &["ab"], &["ba"]);
        assert_needs(r"a|bcd", &["", "x"], &[]);
        assert_needs(r"(abc)?|.*", &["", "x"], &[]);
    }

    #[test]
    fn of_very_many_alternatives_none_is_looked_for() {
        let pattern = (10..60).map(|n| format!("n{n}x")).collect::<Vec<_>>().join("|");

        assert!(may_match(&Needles::of(&pattern), ""));
    }

    proptest! {
        #[test]
        fn a_text_that_matches_holds_its_needles(
            pattern in r"(\(\?i\))?([abs\.]|\(ab\|sk?\)|\[as\]|\^|\$|\\b|(ab|sk)[+*?]?|\|){1,8}",
            text in "[abskABSKſ ]{0,12}",
        ) {
            if let Ok(regex) = regex::Regex::new(&pattern)
                && regex.is_match(&text)
            {
                prop_assert!(may_match(&Needles::of(&pattern), &text), "{} {}", pattern, text);
            }
        }
    }
}
