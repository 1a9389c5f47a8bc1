//! `GET /api/v1/facets`: which values are there, and how often?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use tidings::Coverage;
use tidings::query::{FACET_TOP, Facet, FacetOf, FacetQuery, FacetValue};

use super::app::App;
use super::limits::{FACET_TOP_MAX, FACETS_MAX};
use super::parameters::{Span, Which, with_which_and_span};
use super::params::{Params, cut, invalid};
use super::problem::Problem;
use super::question::About;
use super::reading::ReadAs;

const OWN_PARAMETERS: [&str; 2] = ["of", "top"];

/// Counts the values of types, members, severities, sources, subjects and fields.
#[utoipa::path(
    get,
    path = "/api/v1/facets",
    tag = "ask",
    params(
        Which,
        Span,
        ("of" = Option<String>, Query, description = "Comma separated: `type`, `member`, `severity` (these by default), `source`, `subject`, `field.<name>`; at most 8"),
        ("top" = Option<u32>, Query, description = "So many values of each, the most frequent first: 1 to 1,000, 20 by default"),
    ),
    responses(
        (status = 200, description = "`{facets: [{of, values: [{value, count}], other, distinct, absent}], matched, coverage, read_as}`", body = serde_json::Value),
        (status = 400, description = "An unknown parameter, or a `q` that does not parse in strict mode"),
        (status = 422, description = "A value breaks a rule; its parameter is named")
    )
)]
pub(super) async fn facets(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Answer>, Problem> {
    let params = Params::read(uri.query(), &with_which_and_span(&OWN_PARAMETERS))?;
    let of = of(&params)?;
    let top = params.one("top")?.map_or(Ok(FACET_TOP), top)?;
    let About { filter, since, until, read_as } = About::read(&params, app.clock.now())?;
    let found = app
        .read(move |log, work| {
            let work = work.clone();
            log.facets(&FacetQuery { filter, since, until, of, top, work })
        })
        .await?;
    Ok(Json(Answer {
        facets: found.facets.into_iter().map(Told::from).collect(),
        matched: found.matched,
        coverage: found.coverage,
        read_as,
    }))
}

fn of(params: &Params) -> Result<Vec<FacetOf>, Problem> {
    let mut all = Vec::new();
    for word in params.all("of").flat_map(|list| list.split(',')).map(str::trim) {
        let of = facet(word)?;
        if all.contains(&of) {
            return Err(invalid("of", &format!("names {:?} twice", cut(word))));
        }
        if all.len() == FACETS_MAX {
            let problem = format!("names more than {FACETS_MAX}");
            return Err(invalid("of", &problem).with("limit", FACETS_MAX));
        }
        all.push(of);
    }
    Ok(if all.is_empty() { FacetQuery::default().of } else { all })
}

fn facet(word: &str) -> Result<FacetOf, Problem> {
    match word {
        "type" => Ok(FacetOf::Type),
        "member" => Ok(FacetOf::Member),
        "severity" => Ok(FacetOf::Severity),
        "source" => Ok(FacetOf::Source),
        "subject" => Ok(FacetOf::Subject),
        _ => {
            let field = word.strip_prefix("field.").filter(|name| !name.is_empty());
            let known = "type, member, severity, source, subject or field.<name>";
            let unknown = || invalid("of", &format!("names {:?}, not {known}", cut(word)));
            field.map(|name| FacetOf::Field(name.to_owned())).ok_or_else(unknown)
        }
    }
}

/// As it is asked for.
fn name_of(of: &FacetOf) -> String {
    match of {
        FacetOf::Type => "type".to_owned(),
        FacetOf::Member => "member".to_owned(),
        FacetOf::Severity => "severity".to_owned(),
        FacetOf::Source => "source".to_owned(),
        FacetOf::Subject => "subject".to_owned(),
        FacetOf::Field(name) => format!("field.{name}"),
    }
}

fn top(text: &str) -> Result<usize, Problem> {
    if let Ok(top @ 1..=FACET_TOP_MAX) = text.parse() {
        return Ok(top);
    }
    let problem = format!("is {:?}; it may be a whole number from 1 to {FACET_TOP_MAX}", cut(text));
    Err(invalid("top", &problem).with("limit", FACET_TOP_MAX))
}

/// The answer, in the order in which people read it.
#[derive(Serialize)]
pub(super) struct Answer {
    facets: Vec<Told>,
    matched: u64,
    coverage: Coverage,
    #[serde(flatten)]
    read_as: ReadAs,
}

#[derive(Serialize)]
struct Told {
    of: String,
    values: Vec<Value>,
    /// Events with a value that is not among these.
    other: u64,
    distinct: u64,
    /// Events without any.
    absent: u64,
    /// There are more distinct values than can be told apart.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

#[derive(Serialize)]
struct Value {
    value: String,
    count: u64,
}

impl From<Facet> for Told {
    fn from(facet: Facet) -> Told {
        let value = |FacetValue { value, count }| Value { value, count };
        Told {
            of: name_of(&facet.of),
            values: facet.values.into_iter().map(value).collect(),
            other: facet.other,
            distinct: facet.distinct,
            absent: facet.absent,
            truncated: facet.truncated,
        }
    }
}
