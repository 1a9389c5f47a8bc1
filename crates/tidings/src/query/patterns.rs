//! Which names are wanted, and which are not?

use super::{FilterError, QUERY_BYTES_MAX};

/// Patterns of one kind in a filter, at most.
pub const PATTERNS_MAX: usize = 100;

/// Names with `*` for any run of characters; `!` in front excludes. Lower case
/// for types; members, sources and subjects as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Patterns {
    /// Adds a comma separated list such as `deploy.*,error,!deploy.test`.
    ///
    /// # Errors
    ///
    /// An element is empty or longer than [`QUERY_BYTES_MAX`], or there are more
    /// than [`PATTERNS_MAX`]; then nothing of the list is added.
    pub fn add(&mut self, list: &str) -> Result<(), FilterError> {
        let mut wanted = self.clone();
        for element in list.split(',').map(str::trim) {
            let (name, into) = match element.strip_prefix('!') {
                Some(name) => (name, &mut wanted.exclude),
                None => (element, &mut wanted.include),
            };
            if name.is_empty() {
                return Err(FilterError::new(format!(
                    "an element of {} is empty: write names with commas in between, such as deploy.*,!deploy.test",
                    quoted(list)
                )));
            }
            if name.len() > QUERY_BYTES_MAX {
                let problem = format!(
                    "a pattern of {} bytes, at most {QUERY_BYTES_MAX} are taken",
                    name.len()
                );
                return Err(FilterError::new(problem));
            }
            into.push(name.to_owned());
        }
        let count = wanted.include.len() + wanted.exclude.len();
        if count > PATTERNS_MAX {
            return Err(FilterError::new(format!(
                "{count} patterns, at most {PATTERNS_MAX} are taken"
            )));
        }
        *self = wanted;
        Ok(())
    }

    /// Whether anything goes.
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }
}

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// Patterns made ready to match.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    include: Vec<Glob>,
    exclude: Vec<Glob>,
}

impl Matcher {
    pub(super) fn new(patterns: &Patterns) -> Matcher {
        let globs = |list: &[String]| list.iter().map(|text| Glob::new(text)).collect();
        Matcher { include: globs(&patterns.include), exclude: globs(&patterns.exclude) }
    }

    /// For names that are kept in lower case.
    pub(super) fn lower(patterns: &Patterns) -> Matcher {
        let lower = |list: &[String]| list.iter().map(|text| text.to_lowercase()).collect();
        Matcher::new(&Patterns {
            include: lower(&patterns.include),
            exclude: lower(&patterns.exclude),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|glob| glob.matches(name)))
            && !self.exclude.iter().any(|glob| glob.matches(name))
    }

    /// As `matches`, for a name that may be absent: it is wanted only when
    /// nothing else is asked for by name.
    pub(super) fn matches_some(&self, name: Option<&str>) -> bool {
        name.map_or(self.include.is_empty(), |name| self.matches(name))
    }

    /// The wanted names when they can be listed.
    pub(super) fn exact(&self) -> Option<impl Iterator<Item = &str>> {
        let listed = !self.include.is_empty() && self.include.iter().all(|g| g.middle.is_none());
        listed.then(|| self.include.iter().map(|glob| glob.start.as_str()))
    }
}

/// A name with stars: what it starts with, and after the first star what comes in
/// between and how it ends.
#[derive(Clone, Debug)]
struct Glob {
    start: String,
    middle: Option<(Vec<String>, String)>,
}

impl Glob {
    fn new(text: &str) -> Glob {
        let mut parts = text.split('*').map(str::to_owned);
        let start = parts.next().unwrap_or_default();
        let mut rest: Vec<String> = parts.collect();
        let middle = rest.pop().map(|end| (rest, end));
        Glob { start, middle }
    }

    fn matches(&self, name: &str) -> bool {
        let Some((middle, end)) = &self.middle else { return name == self.start };
        let Some(mut rest) = name.strip_prefix(self.start.as_str()) else { return false };
        // The leftmost place of each part leaves the most for what follows.
        for part in middle {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(end.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(list: &str) -> Matcher {
        let mut patterns = Patterns::default();
        patterns.add(list).unwrap();
        Matcher::new(&patterns)
    }

    #[test]
    fn stars_stand_for_any_run_of_characters() {
        let cases = [
            ("deploy.*", "deploy.", true),
            ("deploy.*", "deploy", false),
            ("*", "", true),
            ("*.failed", "a.b.failed", true),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("a.b", "aXb", false),
            ("**", "x", true),
        ];
        for (pattern, name, wanted) in cases {
            assert_eq!(patterns(pattern).matches(name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn exclusion_wins_and_alone_lets_all_else_through() {
        let matcher = patterns("deploy.*, error ,!deploy.test");
        let names = ["deploy.api", "deploy.test", "error", "x"].map(|n| matcher.matches(n));
        assert_eq!(names, [true, false, true, false]);

        assert!(patterns("!debug").matches("x"));
        assert!(patterns("!debug").matches_some(None));
        assert!(!patterns("api").matches_some(None));
    }

    #[test]
    fn empty_elements_and_too_many_are_refused_whole() {
        let mut patterns = Patterns::default();
        for list in
            ["", "a,", "!", "a,,b", &"x,".repeat(200), &vec!["x"; PATTERNS_MAX + 1].join(",")]
        {
            assert!(patterns.add(list).is_err(), "{list}");
        }
        assert!(patterns.is_empty());
        patterns.add(&vec!["x"; PATTERNS_MAX].join(",")).unwrap();
    }
}
