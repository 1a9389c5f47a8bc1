//! How many columns does a text take on a terminal?
//!
//! Wide characters take two, combining marks none. Texts are measured after they
//! were escaped: what a terminal obeys has no width.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The columns that an escaped text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// The text, and spaces up to so many columns.
pub fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(self::columns(text));
    format!("{text}{}", " ".repeat(missing))
}

/// As much of a text as fits into so many columns, with `…` for the rest.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if self::columns(text) <= columns {
        return Cow::Borrowed(text);
    }
    let (mut taken, mut end) = (0, 0);
    for (at, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        // One column is the ellipsis's.
        if taken >= columns {
            break;
        }
        end = at + c.len_utf8();
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns_and_marks_none() {
        assert_eq!(["db1", "日本", "e\u{301}", "Zürich"].map(columns), [3, 4, 1, 6]);
        assert_eq!(padded("日本", 6), "日本  ");
        assert_eq!(padded("longer", 3), "longer");
    }

    #[test]
    fn a_cut_text_takes_no_more_than_it_may() {
        assert_eq!(cut("deploy", 6), "deploy");
        assert_eq!(cut("deploy", 5), "depl…");
        assert_eq!(cut("日本語", 5), "日本…");
        // A wide character does not fit into half of itself.
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("ab", 1), "…");
        for columns in 1..8 {
            let cut = cut("a日b本c", columns).into_owned();
            assert!(self::columns(&cut) <= columns, "{cut}");
        }
    }
}
