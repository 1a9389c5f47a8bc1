//! Is it in the text? Words, phrases and regular expressions, all in linear time.

use super::{FilterError, QUERY_BYTES_MAX};

/// Bytes that a compiled regular expression may take, at most.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// A regular expression in linear time (the `regex` crate's syntax), with a bound
/// on its size.
#[derive(Clone, Debug)]
pub struct Regex(regex::Regex);

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
            .map(Regex)
            .map_err(|error| FilterError::new(problem_with(pattern, &error)))
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
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

/// One thing to look for in an event's text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TextTerm {
    /// A whole word or phrase; any case unless it has an upper-case letter.
    Word(String),
    /// `/re/`, over the message.
    Regex(Regex),
}

/// A word made ready to be found.
#[derive(Clone, Debug)]
pub(super) struct Word {
    text: String,
    literal: regex::Regex,
    /// Whether it begins and ends with what belongs to a word.
    bounded: (bool, bool),
}

impl Word {
    /// `None` for a word that is too long to be found anywhere.
    pub(super) fn new(word: &str) -> Option<Word> {
        let any_case = !word.chars().any(char::is_uppercase);
        let literal = regex::RegexBuilder::new(&regex::escape(word))
            .case_insensitive(any_case)
            .build()
            .ok()?;
        let inner = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let bounded = (inner(word.chars().next()), inner(word.chars().next_back()));
        Some(Word { text: word.to_owned(), literal, bounded })
    }

    /// The whole words that every text holds in which it is found.
    pub(super) fn whole_words(&self) -> impl Iterator<Item = &str> {
        self.text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        let mut from = 0;
        while let Some(found) = self.literal.find_at(text, from) {
            let before = text[..found.start()].chars().next_back();
            let after = text[found.end()..].chars().next();
            let free =
                |bounded: bool, c: Option<char>| !bounded || !c.is_some_and(char::is_alphanumeric);
            if free(self.bounded.0, before) && free(self.bounded.1, after) {
                return true;
            }
            let Some(first) = text[found.start()..].chars().next() else { return false };
            from = found.start() + first.len_utf8();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_found(word: &str, text: &str, wanted: bool) {
        assert_eq!(Word::new(word).unwrap().is_in(text), wanted, "{word:?} in {text:?}");
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
    fn a_regex_that_is_too_large_or_wrong_is_refused_in_one_line() {
        for pattern in ["(a", r"\p{L}{1000}{1000}", &"a".repeat(QUERY_BYTES_MAX + 1)] {
            let error = Regex::new(pattern).unwrap_err().to_string();
            assert!(error.contains("regular expression") && !error.contains('\n'), "{error}");
        }
        assert!(Regex::new("(a+)+$").unwrap().is_match("aaa"));
    }
}
