//! What does the query string say? Strictly: an unknown name is an error.

use std::fmt::Write;

use super::problem::{Kind, Problem};

/// The parameters of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

/// Stands for `field.<name>` in a list of known parameters.
pub(super) const FIELD: &str = "field.*";

impl Params {
    /// Reads a query string. Names and values are percent-decoded once, `+` is a
    /// space.
    ///
    /// # Errors
    ///
    /// A percent sign without two digits, bytes that are not UTF-8, or a name
    /// that is not among `known`.
    pub(super) fn read(query: Option<&str>, known: &[&str]) -> Result<Params, Problem> {
        let mut pairs = Vec::new();
        for part in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name, true)?, decode(value, true)?);
            if !is_known(&name, known) {
                return Err(unknown(&name, known));
            }
            pairs.push((name, value));
        }
        Ok(Params(pairs))
    }

    /// The value of a parameter that may be given once.
    ///
    /// # Errors
    ///
    /// It is given twice.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(invalid(name, "is given more than once")),
        }
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on: `1`, `true`, `yes`, or nothing after its name.
    ///
    /// # Errors
    ///
    /// Neither that nor `0`, `false`, `no`.
    pub(super) fn switch(&self, name: &str) -> Result<bool, Problem> {
        match self.one(name)? {
            None | Some("0" | "false" | "no") => Ok(false),
            Some("" | "1" | "true" | "yes") => Ok(true),
            Some(other) => Err(invalid(name, &format!("is {:?}, not 1 or 0", cut(other)))),
        }
    }

    /// Names and values of `field.<name>` parameters.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("field.")?, value.as_str())))
    }
}

/// A parameter whose value breaks a rule: 422 with its name.
pub(super) fn invalid(name: &str, problem: &str) -> Problem {
    Problem::new(Kind::Invalid, format!("{name} {problem}")).with("parameter", name)
}

fn is_known(name: &str, known: &[&str]) -> bool {
    let field = name.strip_prefix("field.").is_some_and(|field| !field.is_empty());
    known.contains(&name) || (field && known.contains(&FIELD))
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let nearest = known
        .iter()
        .map(|known| (distance(name, known), *known))
        .filter(|(distance, known)| *distance <= 2 || known.starts_with(name))
        .min();
    let mut detail = format!("there is no parameter {:?} here", cut(name));
    // Writing to a string cannot fail.
    let mut problem_hint = None;
    if let Some((_, nearest)) = nearest {
        let _ = write!(detail, "; did you mean {nearest}?");
        problem_hint = Some(nearest);
    } else {
        let _ = write!(detail, "; there are {}", known.join(", "));
    }
    let problem = Problem::new(Kind::UnknownParameter, detail).with("parameter", cut(name));
    match problem_hint {
        Some(nearest) => problem.with("suggestion", nearest),
        None => problem,
    }
}

/// How many letters to change, add or drop (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Decodes percent signs once; `plus` also turns `+` into a space.
///
/// # Errors
///
/// A percent sign without two hexadecimal digits, or bytes that are not UTF-8.
pub(super) fn decode(text: &str, plus: bool) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'%' => {
                let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits
                    .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(byte) = byte else {
                    return Err(malformed("a % without two hexadecimal digits", text));
                };
                bytes.push(byte);
                rest = &tail[2..];
            }
            b'+' if plus => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map_err(|_| malformed("bytes that are not UTF-8", text))
}

fn malformed(what: &str, text: &str) -> Problem {
    Problem::new(Kind::Malformed, format!("the URL has {what} in {:?}", cut(text)))
}

/// Enough of a value to recognise it by.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded_once() {
        let params = Params::read(Some("q=a%2520b+c&field.k%20x=%26"), &["q", FIELD]).unwrap();

        assert_eq!(params.one("q").unwrap(), Some("a%20b c"));
        assert_eq!(params.fields().collect::<Vec<_>>(), [("k x", "&")]);
    }

    #[test]
    fn an_unknown_name_is_named_with_the_one_that_was_meant() {
        let problem =
            Params::read(Some("sever=warn"), &["severity", "since", "member"]).unwrap_err();
        assert!(problem.detail().contains("did you mean severity?"), "{}", problem.detail());

        let problem = Params::read(Some("xyz=1"), &["severity", "since"]).unwrap_err();
        assert_eq!(problem.kind(), Kind::UnknownParameter);
        assert!(problem.detail().contains("there are severity, since"), "{}", problem.detail());
    }

    #[test]
    fn what_does_not_decode_is_malformed() {
        for query in ["q=%zz", "q=%4", "q=%ff", "%ff=1"] {
            let problem = Params::read(Some(query), &["q"]).unwrap_err();
            assert_eq!(problem.kind(), Kind::Malformed, "{query}");
        }
    }

    #[test]
    fn a_value_that_may_stand_once_is_refused_twice() {
        let params = Params::read(Some("limit=1&limit=2"), &["limit"]).unwrap();

        assert_eq!(params.one("limit").unwrap_err().kind(), Kind::Invalid);
    }
}
