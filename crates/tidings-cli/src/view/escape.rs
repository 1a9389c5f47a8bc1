//! What must a terminal never be sent? Messages are hostile until they are escaped.
//!
//! Control characters move the cursor, change titles and clear screens; bidi
//! overrides show one text as another; line ends forge lines; piles of combining
//! marks cover their neighbours. All are shown as `\n`, `\x1b`, `\u{202e}`. Text
//! without any of them is left as it is, backslashes too: `-o json` is the form
//! that tells `\n` and a line end apart.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

use regex::Regex;

/// Combining marks on one letter, at most; real writing needs three.
const MARKS_MAX: usize = 4;

/// A text without anything that a terminal obeys, on one line.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_hostile(c) || marks > MARKS_MAX => push_code(&mut shown, c),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

fn push_code(shown: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a string cannot fail.
    let _ = match code {
        0..=0xff => write!(shown, "\\x{code:02x}"),
        _ => write!(shown, "\\u{{{code:x}}}"),
    };
}

/// The same JSON with everything hostile in its texts as `\u001b`: another
/// spelling of the same value.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_hostile) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hostile(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Control characters of both sets, and what changes the direction of text or
/// ends a line.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
}

fn is_mark(c: char) -> bool {
    static MARK: OnceLock<Option<Regex>> = OnceLock::new();
    if c < '\u{300}' {
        return false;
    }
    let mark = MARK.get_or_init(|| Regex::new(r"\p{M}").ok());
    mark.as_ref().is_some_and(|mark| mark.is_match(c.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_terminal_obeys_is_shown_instead() {
        assert_eq!(escaped("\x1b[2J\x07\0"), r"\x1b[2J\x07\x00");
        assert_eq!(escaped("a\nb\r\tc\x7f"), r"a\nb\r\tc\x7f");
        assert_eq!(escaped("\u{9b}31m"), r"\x9b31m");
        assert_eq!(escaped("\u{2028}x\u{85}"), r"\u{2028}x\x85");
    }

    #[test]
    fn nothing_turns_the_direction_of_text() {
        let turning = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for c in turning.chain(['\u{200e}', '\u{200f}', '\u{61c}']) {
            let shown = escaped(&format!("a{c}b")).into_owned();
            assert_eq!(shown, format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }

    #[test]
    fn writing_of_people_is_left_alone() {
        for text in ["disk 91% on C:\\new", "Zürich", "日本語", "e\u{301}", "👩\u{200d}🚀", "नमस्ते"]
        {
            assert_eq!(escaped(text), text);
        }
    }

    #[test]
    fn piles_of_marks_are_cut_down() {
        let shown = escaped(&format!("e{}", "\u{301}".repeat(10_000))).into_owned();

        assert_eq!(shown.matches('\u{301}').count(), MARKS_MAX);
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let json = "{\"a\":\"\u{202e}\u{9b}x\u{7f}\"}";

        let shown = escaped_json(json);

        assert_eq!(shown, r#"{"a":"\u202e\u009bx\u007f"}"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&shown), value(json));
    }
}
