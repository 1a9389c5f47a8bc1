//! Is it in the text? Words, phrases and regular expressions, all in linear time.

use super::needles::Needles;
use super::pattern::Pattern;
use super::stars::Stars;
use super::{FilterError, QUERY_BYTES_MAX};

/// Bytes that a compiled regular expression may take, at most.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// A regular expression in linear time (the `regex` crate's syntax), with a bound
/// on its size.
#[derive(Clone, Debug)]
pub struct Regex {
    regex: regex::Regex,
    needles: Needles,
}

impl Regex {
    /// Compiles it.
    ///
    /// # Errors
    ///
    /// It does not parse, is longer than [`QUERY_BYTES_MAX`], or is larger than
    /// [`REGEX_BYTES_MAX`] when compiled.
    pub fn new(pattern: &str) -> Result<Regex, FilterError> {
        if pattern.len() > QUERY_BYTES_MAX {
            let problem = format!(
                "a regular expression of {} bytes, at most {QUERY_BYTES_MAX} are taken",
                pattern.len()
            );
            return Err(FilterError::new(problem));
        }
        regex::RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
            .map(|regex| Regex { needles: Needles::of(pattern), regex })
            .map_err(|error| FilterError::new(problem_with(pattern, &error)))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// What every text that matches holds.
    pub(super) fn needles(&self) -> &Needles {
        &self.needles
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn problem_with(pattern: &str, error: &regex::Error) -> String {
    let shown: String = pattern.chars().take(80).collect();
    match error {
        regex::Error::CompiledTooBig(limit) => {
            format!(
                "the regular expression {shown:?} takes more than {limit} bytes: write a shorter one"
            )
        }
        other => {
            // The engine draws a picture over several lines; the last one says why.
            let text = other.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("the regular expression {shown:?} does not parse: {why}")
        }
    }
}

/// As they were written.
impl PartialEq for Regex {
    fn eq(&self, other: &Regex) -> bool {
        self.as_str() == other.as_str()
    }
}

/// Which ends of a text have to be ends of words: those that begin or end with what
/// belongs to one, and have no star.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    begins: bool,
    ends: bool,
}

impl Bounds {
    fn of(pattern: &Pattern) -> Bounds {
        let inner = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let parts = pattern.parts();
        let first = parts.first().and_then(|part| part.chars().next());
        let last = parts.last().and_then(|part| part.chars().next_back());
        Bounds { begins: inner(first), ends: inner(last) }
    }

    /// Whether what begins here does not go on from before.
    pub(super) fn may_begin(self, at: usize, text: &str) -> bool {
        !self.begins || !text[..at].chars().next_back().is_some_and(char::is_alphanumeric)
    }

    /// Whether what ends here does not go on.
    pub(super) fn may_end(self, at: usize, text: &str) -> bool {
        !self.ends || !text[at..].chars().next().is_some_and(char::is_alphanumeric)
    }
}

/// A text made ready to be found in others, as a whole word or phrase.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pattern: Pattern,
    finder: Finder,
}

#[derive(Clone, Debug)]
enum Finder {
    Literal(regex::Regex, Bounds),
    Stars(Stars),
}

impl Word {
    /// Any case unless it has an upper-case letter; a star stands for any run of
    /// characters that are no white space. `None` for a text that is too long to be
    /// found anywhere.
    pub(super) fn new(pattern: &Pattern) -> Option<Word> {
        let (bounds, any_case) = (Bounds::of(pattern), pattern.is_any_case());
        let parts = pattern.parts().iter().map(String::as_str);
        let texts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let finder = if let [] | [_] = texts.as_slice() {
            Finder::Literal(compiled(&regex::escape(&texts.concat()), any_case)?, bounds)
        } else {
            Finder::Stars(Stars::new(&texts, any_case, bounds)?)
        };
        Some(Word { pattern: pattern.clone(), finder })
    }

    /// Finds what stands in every text that it is in, be it in the middle of a word.
    pub(super) fn finder(&self) -> &regex::Regex {
        match &self.finder {
            Finder::Literal(literal, _) => literal,
            Finder::Stars(stars) => stars.longest(),
        }
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        match &self.finder {
            Finder::Literal(literal, bounds) => is_free_in(literal, *bounds, text),
            Finder::Stars(stars) => stars.are_in(text),
        }
    }

    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }
}

fn is_free_in(literal: &regex::Regex, bounds: Bounds, text: &str) -> bool {
    let mut from = 0;
    while let Some(found) = literal.find_at(text, from) {
        if bounds.may_begin(found.start(), text) && bounds.may_end(found.end(), text) {
            return true;
        }
        let rest = &text[found.start()..];
        let inside = |c: char| c.is_alphanumeric();
        // No other place in the same word is better.
        let passed = if bounds.begins { rest.find(|c| !inside(c)) } else { None };
        let Some(first) = rest.chars().next() else { return false };
        from = found.start() + passed.unwrap_or(0).max(first.len_utf8());
    }
    false
}

/// A text made ready to be compared with whole names and values.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pattern: Pattern,
    same: Same,
}

#[derive(Clone, Debug)]
enum Same {
    AsItStands(String),
    /// As the expression, which is faster told for ASCII.
    InAnyCase(String, regex::Regex),
    Starred(regex::Regex),
}

impl Name {
    /// A text that is compared as it stands.
    pub(super) fn exact(text: &str) -> Name {
        Name { pattern: Pattern::literal(text), same: Same::AsItStands(text.to_owned()) }
    }

    /// A star stands for any run of characters. `None` for a text that is too long to
    /// be found anywhere.
    pub(super) fn new(pattern: &Pattern, any_case: bool) -> Option<Name> {
        let text = format!(r"\A{}\z", escaped(pattern).join("(?s:.)*"));
        let same = match pattern.exact() {
            Some(exact) if !any_case || !exact.contains(has_case) => {
                Same::AsItStands(exact.to_owned())
            }
            Some(exact) => Same::InAnyCase(exact.to_owned(), compiled(&text, true)?),
            None => Same::Starred(compiled(&text, any_case)?),
        };
        Some(Name { pattern: pattern.clone(), same })
    }

    /// The one name that it is, where case matters.
    pub(super) fn only(&self) -> Option<&str> {
        match &self.same {
            Same::AsItStands(exact) => Some(exact),
            _ => None,
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        match &self.same {
            Same::AsItStands(exact) => exact == name,
            // Some letters that are not ASCII have one that is as their other case.
            Same::InAnyCase(exact, _) if exact.is_ascii() && name.is_ascii() => {
                exact.eq_ignore_ascii_case(name)
            }
            Same::InAnyCase(_, regex) | Same::Starred(regex) => regex.is_match(name),
        }
    }

    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }
}

/// Whether it may have another case.
fn has_case(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphabetic()
}

fn escaped(pattern: &Pattern) -> Vec<String> {
    pattern.parts().iter().map(|part| regex::escape(part)).collect()
}

pub(super) fn compiled(regex: &str, any_case: bool) -> Option<regex::Regex> {
    regex::RegexBuilder::new(regex).case_insensitive(any_case).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_found(word: &str, text: &str, wanted: bool) {
        let found = Word::new(&Pattern::starred(word)).unwrap().is_in(text);
        assert_eq!(found, wanted, "{word:?} in {text:?}");
    }

    #[test]
    fn words_are_whole() {
        assert_found("disk", "disk", true);
        assert_found("disk", "the disk_full", true);
        assert_found("disk", "disks, diskette, (disk)", true);
        assert_found("disk", "disks, diskette", false);
        assert_found("91%", "disk 91% full", true);
        assert_found("full disk", "a full disk!", true);
        assert_found("größe", "die Größe.", true);
        assert_found("", "x", true);
    }

    #[test]
    fn case_matters_only_to_words_that_have_an_upper_case_letter() {
        assert_found("disk", "DISK", true);
        assert_found("Disk", "disk", false);
        assert_found("Disk", "Disk", true);
    }

    #[test]
    fn a_star_inside_a_text_stands_for_what_is_no_white_space() {
        assert_found("conn*", "the connection", true);
        assert_found("conn*", "reconnect", false);
        assert_found("*nect", "reconnect", true);
        assert_found("*nec*", "reconnect", true);
        assert_found("Conn*", "connect", false);
        assert_found("conn*refused", "conn=10.0.0.1:refused!", true);
        assert_found("conn*refused", "conn was refused", false);
        assert_found("conn*refused", "xconn-refused", false);
        assert_found("conn*refused", "conn-refuseds", false);
        assert_found("conn*refused", "conn-refuseds-refused", true);
        assert_found("a*b*c", "xa-b a-b-c", true);
        assert_found("a*b*c", "a-b -c", false);
        assert_found("a*a", "a", false);
        assert_found("*a*a*", "xaax", true);
        assert_found("a*b c*d", "a1b c2d", true);
        assert_found("a*b c*d", "a b c d", false);
        assert_found("é*é", "É-é", true);
        assert_found("a*b", &format!("{}b", "a".repeat(99)), true);
        assert_found("*", "", true);
    }

    #[test]
    fn the_longest_texts_can_be_found() {
        for text in ["é", "k", "ſ", "*x", "."] {
            let pattern = Pattern::starred(&text.repeat(QUERY_BYTES_MAX / text.len()));
            let few = Pattern::of_parts(pattern.parts().iter().take(17).cloned().collect());
            assert!(Word::new(&few).is_some() && Name::new(&few, true).is_some(), "{text}");
        }
    }

    #[track_caller]
    fn assert_is(pattern: &str, name: &str, wanted: bool) {
        let pattern = Pattern::starred(pattern);
        let found = Name::new(&pattern, pattern.is_any_case()).unwrap().is(name);
        assert_eq!(found, wanted, "{pattern} {name}");
    }

    #[test]
    fn names_are_compared_whole() {
        assert_is("db1", "DB1", true);
        assert_is("Db1", "db1", false);
        assert_is("db", "db1", false);
        assert_is("db*", "db 1\n", true);
        assert_is("*", "", true);
        assert_is("a*b*c", "A-b-b-C", true);
        assert_is("a.c", "abc", false);
        assert_is("k", "\u{212a}", true);
        assert_is("größe", "GRÖSSE", false);
        assert_is("größe", "GRÖßE", true);
    }

    #[test]
    fn a_regex_that_is_too_large_or_wrong_is_refused_in_one_line() {
        for pattern in ["(a", r"\p{L}{1000}{1000}", &"a".repeat(QUERY_BYTES_MAX + 1)] {
            let error = Regex::new(pattern).unwrap_err().to_string();
            assert!(error.contains("regular expression") && !error.contains('\n'), "{error}");
        }
        assert!(Regex::new("(a+)+$").unwrap().is_match("aaa"));
    }
}
