//! Which letters are the same letter?

/// One letter for all that differ in case alone, as far as the `(?i)` of a regular
/// expression goes: what matches so, folds to the same. Some fold together that do
/// not match (the Turkish dotless i): an index may find too much, never too little.
pub(super) fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let upper = alone(c.to_uppercase()).unwrap_or(c);
    let lower = alone(upper.to_lowercase()).unwrap_or(upper);
    match lower {
        // Equal by the tables of folding, though each is its own upper case or has
        // one of several letters.
        '\u{1fd3}' => '\u{390}',
        '\u{1fe3}' => '\u{3b0}',
        '\u{fb05}' => '\u{fb06}',
        c => c,
    }
}

/// The only one, if there is only one.
fn alone(mut letters: impl Iterator<Item = char>) -> Option<char> {
    let first = letters.next()?;
    letters.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

    use super::*;

    fn same_by_regex(c: char) -> impl Iterator<Item = char> {
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
        class.try_case_fold_simple().unwrap();
        let ranges: Vec<_> = class.ranges().to_vec();
        ranges.into_iter().flat_map(|range| range.start()..=range.end())
    }

    #[test]
    fn every_letter_folds_as_regular_expressions_ignore_case() {
        let mut pairs = 0;
        for c in '\0'..=char::MAX {
            for other in same_by_regex(c).filter(|other| *other != c) {
                pairs += 1;
                assert_eq!(fold(c), fold(other), "{c:?} and {other:?}");
                assert_eq!(c.is_alphanumeric(), other.is_alphanumeric(), "{c:?} and {other:?}");
            }
        }
        assert!(pairs > 2000, "{pairs} pairs");
    }

    #[test]
    fn what_belongs_to_a_word_folds_to_what_belongs_to_a_word_and_stays_so() {
        for c in '\0'..=char::MAX {
            assert_eq!(fold(c).is_alphanumeric(), c.is_alphanumeric(), "{c:?}");
            assert_eq!(fold(fold(c)), fold(c), "{c:?}");
        }
    }
}
