//! `GET /api/v1/histogram`: how many events were there, and when?

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use tidings::query::{By, HISTOGRAM_STEPS_MAX, HistogramQuery, QueryError, Series};
use tidings::{Coverage, Timestamp};

use super::app::App;
use super::parameters::{Span, Which, with_which_and_span};
use super::params::{Params, cut, invalid};
use super::problem::Problem;
use super::question::About;
use super::reading::ReadAs;
use crate::times::{format_span, parse_span};

const OWN_PARAMETERS: [&str; 2] = ["step", "by"];

/// Counts events in steps of time.
#[utoipa::path(
    get,
    path = "/api/v1/histogram",
    tag = "ask",
    params(
        Which,
        Span,
        ("step" = Option<String>, Query, description = "`auto` (default) or a span of whole seconds: `30s`, `10m`, `1h`"),
        ("by" = Option<String>, Query, description = "`severity` (default), `type` or `member`"),
    ),
    responses(
        (status = 200, description = "`{step, since, until, by, series: [{name, total, counts}], matched, coverage, read_as}`; `step` in seconds", body = serde_json::Value),
        (status = 400, description = "An unknown parameter, or a `q` that does not parse in strict mode"),
        (status = 422, description = "A value breaks a rule; its parameter is named. Too many steps: `smallest_step` would do")
    )
)]
pub(super) async fn histogram(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Answer>, Problem> {
    let params = Params::read(uri.query(), &with_which_and_span(&OWN_PARAMETERS))?;
    let (name, by) = by(&params)?;
    let step = step(&params)?;
    let About { filter, since, until, read_as } = About::read(&params, app.clock.now())?;
    let counted = app.read(move |log, work| {
        match log.histogram(&HistogramQuery { filter, since, until, step, by, work: work.clone() })
        {
            Err(QueryError::TooManySteps { steps, cure, .. }) => Ok(Err(too_many(steps, cure))),
            answer => answer.map(Ok),
        }
    });
    let histogram = counted.await??;
    Ok(Json(Answer {
        step: histogram.step.as_secs(),
        since: histogram.since,
        until: histogram.until,
        by: name,
        series: histogram.series.into_iter().map(Counted::from).collect(),
        matched: histogram.matched,
        coverage: histogram.coverage,
        read_as,
    }))
}

fn by(params: &Params) -> Result<(&'static str, By), Problem> {
    match params.one("by")? {
        None | Some("severity") => Ok(("severity", By::Severity)),
        Some("type") => Ok(("type", By::Type)),
        Some("member") => Ok(("member", By::Member)),
        Some(other) => {
            Err(invalid("by", &format!("is {:?}, not severity, type or member", cut(other))))
        }
    }
}

/// `None` is the step that suits the span.
fn step(params: &Params) -> Result<Option<Duration>, Problem> {
    let Some(text) = params.one("step")?.filter(|text| *text != "auto") else { return Ok(None) };
    let step =
        parse_span(text).map_err(|error| invalid("step", &format!("is {error}, or auto")))?;
    if step.as_secs() == 0 || step.subsec_nanos() > 0 {
        let problem = format!("is {:?}; it may be whole seconds, at least 1s, or auto", cut(text));
        return Err(invalid("step", &problem));
    }
    Ok(Some(step))
}

fn too_many(steps: u64, smallest: Duration) -> Problem {
    let problem = format!(
        "makes {steps} steps of this span, at most {HISTOGRAM_STEPS_MAX} are counted; {} or more \
         would do",
        format_span(smallest)
    );
    invalid("step", &problem)
        .with("limit", HISTOGRAM_STEPS_MAX)
        .with("smallest_step", smallest.as_secs())
}

/// The answer, in the order in which people read it.
#[derive(Serialize)]
pub(super) struct Answer {
    /// Seconds.
    step: u64,
    since: Timestamp,
    until: Timestamp,
    by: &'static str,
    series: Vec<Counted>,
    matched: u64,
    coverage: Coverage,
    #[serde(flatten)]
    read_as: ReadAs,
}

#[derive(Serialize)]
struct Counted {
    name: String,
    /// All that have no series of their own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    other: bool,
    total: u64,
    counts: Vec<u64>,
}

impl From<Series> for Counted {
    fn from(series: Series) -> Counted {
        let Series { name, other, total, counts } = series;
        Counted { name, other, total, counts }
    }
}
