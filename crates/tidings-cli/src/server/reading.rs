//! How was `q` understood? What every answer to a question with words says.

use serde::Serialize;
use tidings::query::SyntaxError;
use tidings::{Expr, Reading};

use super::limits::READ_PROBLEMS_MAX;
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
