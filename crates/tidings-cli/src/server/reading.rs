//! How was `q` understood? What every answer to a question with words says.

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue};
use serde::Serialize;
use tidings::query::SyntaxError;
use tidings::{Expr, Reading};

use super::limits::{READ_AS_HEADER_BYTES_MAX, READ_PROBLEMS_MAX};
use super::params::{Params, cut, invalid};
use super::problem::{Kind, Problem};
use super::question::at_most;

/// The part of an answer that says how `q` was understood.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ReadAs {
    /// In the same grammar; nothing when `q` was not given.
    pub(super) read_as: Option<String>,
    /// What could not be read as it was typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    read_problems: Vec<ReadProblem>,
}

const NAME: HeaderName = HeaderName::from_static("tidings-q");

impl ReadAs {
    /// The same for answers that have no room for it: a dictionary of structured
    /// fields (RFC 9651). `read-as` is left out when it is too long for a header,
    /// `column` is that of the first problem. `None` when `q` was not given.
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let read_as = displayed(self.read_as.as_ref()?);
        let mut text = format!("problems={}", self.read_problems.len());
        // Writing to a string cannot fail.
        if let Some(first) = self.read_problems.first() {
            let _ = write!(text, ", column={}", first.column);
        }
        if read_as.len() <= READ_AS_HEADER_BYTES_MAX {
            let _ = write!(text, ", read-as={read_as}");
        }
        Some((NAME, HeaderValue::try_from(text).ok()?))
    }
}

/// A display string, `%"…"`: what ASCII does not show, quotes and percent signs are
/// percent-encoded.
fn displayed(text: &str) -> String {
    let mut out = String::from("%\"");
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if !matches!(byte, b'%' | b'"') => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

#[derive(Clone, Debug, Serialize)]
struct ReadProblem {
    column: usize,
    problem: String,
}

impl From<SyntaxError> for ReadProblem {
    fn from(SyntaxError { column, problem }: SyntaxError) -> ReadProblem {
        ReadProblem { column, problem }
    }
}

/// Reads `q`, forgiving unless `qmode` says otherwise.
///
/// # Errors
///
/// 422 for what is too long, or another `qmode`; 400 with the column for
/// what does not parse in `qmode=strict`.
pub(super) fn read(params: &Params) -> Result<(Expr, ReadAs), Problem> {
    let strict = match params.one("qmode")? {
        None | Some("forgiving") => false,
        Some("strict") => true,
        Some(other) => {
            let problem = format!("is {:?}, not strict or forgiving", cut(other));
            return Err(invalid("qmode", &problem));
        }
    };
    let Some(q) = params.one("q")? else { return Ok((Expr::default(), ReadAs::default())) };
    at_most("q", q)?;
    let Reading { expr, problems } = Expr::read(q);
    if let Some(first) = problems.first().filter(|_| strict) {
        let problem = Problem::new(Kind::BadQuery, format!("q does not parse: {first}"));
        return Err(problem.with("parameter", "q").with("column", first.column));
    }
    let read_as = Some(expr.to_string());
    let told = problems.into_iter().take(READ_PROBLEMS_MAX).map(ReadProblem::from);
    Ok((expr, ReadAs { read_as, read_problems: told.collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(q: &str) -> Option<String> {
        let params = Params::read(Some(&format!("q={q}")), &["q", "qmode"]).ok()?;
        let (_, read_as) = read(&params).ok()?;
        Some(read_as.header()?.1.to_str().ok()?.to_owned())
    }

    #[test]
    fn a_header_says_how_words_were_read_in_ascii() {
        assert_eq!(told("a+b").as_deref(), Some(r#"problems=0, read-as=%"a AND b""#));
        let odd = told("gr%C3%B6%C3%9Fe+(%25").unwrap();
        assert_eq!(
            odd,
            r#"problems=1, column=7, read-as=%"gr%c3%b6%c3%9fe AND %22(%22 AND %22%25%22""#
        );
        assert!(ReadAs::default().header().is_none());
    }

    #[test]
    fn what_is_too_long_for_a_header_is_left_out() {
        assert_eq!(told(&"%C3%B6".repeat(2000)).as_deref(), Some("problems=0"));
    }
}
