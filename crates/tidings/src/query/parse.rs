//! What does a person mean who types this into the search field?

use super::QUERY_BYTES_MAX;
use super::text::{Regex, TextTerm};

/// Regular expressions of one `q`, at most: each may take milliseconds to compile
/// and [`super::REGEX_BYTES_MAX`], and hundreds of them fit into [`QUERY_BYTES_MAX`].
pub const QUERY_REGEXES_MAX: usize = 8;

/// Reads `q`: words and "phrases", all of which must be found, and `/re/`.
/// Never fails; what does not parse is searched as text, and so is every regular
/// expression after [`QUERY_REGEXES_MAX`]; what is longer than
/// [`QUERY_BYTES_MAX`] is cut. The second value says how the text was understood.
pub fn parse_q(q: &str) -> (Vec<TextTerm>, String) {
    let whole = &q[..q.floor_char_boundary(QUERY_BYTES_MAX)];
    let (mut terms, mut read_as) = (Vec::new(), Vec::new());
    let mut regexes_left = QUERY_REGEXES_MAX;
    let mut rest = whole.trim_start();
    while !rest.is_empty() {
        let (term, words, after) = next_term(rest, &mut regexes_left);
        terms.extend(term);
        read_as.extend(words);
        rest = after.trim_start();
    }
    let mut read_as = read_as.join(" AND ");
    if whole.len() < q.len() {
        read_as.push_str(" (the rest was cut off)");
    }
    (terms, read_as)
}

/// The next term, how it was read, and what follows it.
fn next_term<'a>(
    text: &'a str,
    regexes_left: &mut usize,
) -> (Option<TextTerm>, Option<String>, &'a str) {
    if let Some((phrase, after)) = delimited(text, '"') {
        return match phrase.trim() {
            "" => (None, None, after),
            phrase => (Some(TextTerm::Word(phrase.to_owned())), Some(quoted(phrase)), after),
        };
    }
    if let Some((pattern, after)) = delimited(text, '/') {
        // One that does not compile has cost as much as one that does.
        let tried = regexes_left.checked_sub(1).map(|left| {
            *regexes_left = left;
            Regex::new(&pattern)
        });
        return match tried {
            Some(Ok(regex)) => (Some(TextTerm::Regex(regex)), Some(format!("/{pattern}/")), after),
            Some(Err(_)) | None => as_text(&format!("/{pattern}/"), after),
        };
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let odd = word.starts_with(['"', '/']) && word.len() > 1;
    if odd { as_text(word, after) } else { plain(word, after) }
}

fn plain<'a>(word: &str, after: &'a str) -> (Option<TextTerm>, Option<String>, &'a str) {
    (Some(TextTerm::Word(word.to_owned())), Some(quoted(word)), after)
}

fn as_text<'a>(word: &str, after: &'a str) -> (Option<TextTerm>, Option<String>, &'a str) {
    let read = format!("{} (as text)", quoted(word));
    (Some(TextTerm::Word(word.to_owned())), Some(read), after)
}

fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

/// What stands between a mark and its next occurrence without a backslash, with
/// the backslash before a mark taken away; only if the end of a word follows.
fn delimited(text: &str, mark: char) -> Option<(String, &str)> {
    let inner = text.strip_prefix(mark)?;
    let mut content = String::new();
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        if c == mark && !escaped {
            let after = &inner[at + c.len_utf8()..];
            let ends = after.chars().next().is_none_or(char::is_whitespace);
            return (ends && (mark == '"' || !content.is_empty())).then_some((content, after));
        }
        if c == mark {
            content.pop();
        }
        escaped = c == '\\' && !escaped;
        content.push(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_read(q: &str, terms: usize, read_as: &str) {
        let (found, read) = parse_q(q);
        assert_eq!((found.len(), read.as_str()), (terms, read_as), "{q}");
    }

    #[test]
    fn words_phrases_and_patterns_are_told_apart() {
        assert_read("", 0, "");
        assert_read("  disk   full ", 2, r#""disk" AND "full""#);
        assert_read(r#""disk full" now"#, 2, r#""disk full" AND "now""#);
        assert_read(r"/di.k \d+/ x", 2, r#"/di.k \d+/ AND "x""#);
        assert_read(r"/a\/b/", 1, "/a/b/");
        assert_read(r#""say \"hi\"""#, 1, r#""say "hi"""#);
        assert_read(r#""""#, 0, "");
    }

    #[test]
    fn what_does_not_parse_is_searched_as_text() {
        assert_read("/(a/", 1, r#""/(a/" (as text)"#);
        assert_read("/var/log", 1, r#""/var/log" (as text)"#);
        assert_read("/", 1, r#""/""#);
        assert_read(r#""open end"#, 2, r#"""open" (as text) AND "end""#);
    }

    #[test]
    fn a_query_that_is_too_long_is_cut_and_says_so() {
        let (_, read) = parse_q(&"é ".repeat(QUERY_BYTES_MAX));

        assert!(read.ends_with("(the rest was cut off)"));
    }

    /// Found by fuzzing: 450 of them, each near its limit in size, took seconds
    /// and hundreds of megabytes for one request.
    #[test]
    fn more_regular_expressions_than_a_query_may_have_are_searched_as_text() {
        let (terms, read) = parse_q(&"/a.b/ ".repeat(450));

        let regexes = terms.iter().filter(|term| matches!(term, TextTerm::Regex(_))).count();
        assert_eq!((terms.len(), regexes), (450, QUERY_REGEXES_MAX));
        assert!(read.ends_with(r#""/a.b/" (as text)"#), "{read}");
    }
}
