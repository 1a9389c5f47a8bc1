//! Which texts does a text with stars stand for?

use std::fmt;

/// Stars of one text with stars, at most: each is one more thing to look for.
pub const QUERY_STARS_MAX: usize = 16;

/// A text in which a star stands for any run of characters: what comes before,
/// between and after its stars. Runs of stars are one star.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// One more than there are stars; only the first and the last may be empty.
    parts: Vec<String>,
}

impl Pattern {
    /// A text without stars, whatever it holds.
    pub(super) fn literal(text: &str) -> Pattern {
        Pattern { parts: vec![text.to_owned()] }
    }

    /// A text in which every `*` is a star.
    pub(super) fn starred(text: &str) -> Pattern {
        Pattern::of_parts(text.split('*').map(str::to_owned).collect())
    }

    /// What comes before, between and after stars.
    pub(super) fn of_parts(parts: Vec<String>) -> Pattern {
        let last = parts.len().saturating_sub(1);
        let inner = |(at, part): &(usize, String)| *at == 0 || *at == last || !part.is_empty();
        let parts = parts.into_iter().enumerate().filter(inner).map(|(_, part)| part).collect();
        Pattern { parts }
    }

    /// The same in lower case, for names that are kept so.
    pub(super) fn lower_cased(&self) -> Pattern {
        Pattern { parts: self.parts.iter().map(|part| part.to_lowercase()).collect() }
    }

    /// The same without white space around it.
    pub(super) fn trimmed(mut self) -> Pattern {
        if let Some(first) = self.parts.first_mut() {
            *first = first.trim_start().to_owned();
        }
        if let Some(last) = self.parts.last_mut() {
            *last = last.trim_end().to_owned();
        }
        self
    }

    pub(super) fn parts(&self) -> &[String] {
        &self.parts
    }

    pub(super) fn stars(&self) -> usize {
        self.parts.len() - 1
    }

    /// Whether there is neither a text nor a star.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.iter().all(String::is_empty) && self.stars() == 0
    }

    /// The one text that it stands for, in whatever case.
    pub(super) fn exact(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether one of these characters is in its texts.
    pub(super) fn has_any(&self, chars: &[char]) -> bool {
        self.parts.iter().any(|part| part.contains(chars))
    }

    /// Case matters to a text that has an upper-case letter.
    pub(super) fn is_any_case(&self) -> bool {
        !self.parts.iter().any(|part| part.chars().any(char::is_uppercase))
    }

    /// The words that stand whole in every text it stands for.
    pub(super) fn whole_words(&self) -> Vec<&str> {
        let mut words = Vec::new();
        let last = self.parts.len() - 1;
        for (at, part) in self.parts.iter().enumerate() {
            let mut runs: Vec<&str> = part.split(|c: char| !c.is_alphanumeric()).collect();
            // What touches a star may go on beyond it.
            if at < last {
                runs.pop();
            }
            let from = usize::from(at > 0).min(runs.len());
            words.extend(runs.drain(from..).filter(|run| !run.is_empty()));
        }
        words
    }
}

/// As it is typed: as it stands where nothing in it could be read as anything else,
/// otherwise in quotes, with its stars outside of them.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = is_plain(&self.parts);
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_str("*")?;
            }
            match () {
                () if plain => f.write_str(part)?,
                () if part.is_empty() && self.stars() > 0 => {}
                () => quoted(f, part)?,
            }
        }
        Ok(())
    }
}

fn is_plain(parts: &[String]) -> bool {
    let usual = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '%' | '@' | '+');
    let begins = match parts.first().and_then(|part| part.chars().next()) {
        Some(first) => first.is_alphanumeric(),
        None => parts.len() > 1,
    };
    let keyword = matches!(parts, [only] if matches!(only.as_str(), "OR" | "AND" | "NOT"));
    begins && !keyword && parts.iter().all(|part| part.chars().all(usual))
}

/// Between quotes, with a backslash before what would end it.
pub(super) fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_read_as_anything_else_is_quoted() {
        let cases = [
            ("disk", "disk"),
            ("conn*", "conn*"),
            ("a**b", "a*b"),
            ("**", "*"),
            ("OR", r#""OR""#),
            ("OR*", "OR*"),
            ("a:b*", r#""a:b"*"#),
            ("*a b*c", r#"*"a b"*"c""#),
            (r#"a"\b"#, r#""a\"\\b""#),
            ("-a", r#""-a""#),
            ("", r#""""#),
        ];
        for (text, printed) in cases {
            assert_eq!(Pattern::starred(text).to_string(), printed);
        }
        assert_eq!(Pattern::literal("a*b").to_string(), r#""a*b""#);
    }

    #[test]
    fn words_that_touch_a_star_may_go_on() {
        let words = |text| Pattern::starred(text).whole_words().join(" ");

        assert_eq!(words("disk full-91%"), "disk full 91");
        assert_eq!(words("conn*"), "");
        assert_eq!(words("10.0.conn*ed by.x*"), "10 0 by");
        assert_eq!(words("*a b*"), "");
        assert_eq!(words("*-a b-*"), "a b");
    }
}
