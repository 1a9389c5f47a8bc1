//! How do bytes from outside read, without a socket? For the fuzz targets.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use tidings::{Event, Query, Timestamp};

use super::body::WholeBody;
use super::events::LIST_PARAMETERS;
use super::parameters::with_which_and_span;
use super::params::Params;
use super::problem::Problem;
use super::question::Asked;
use super::spoken;
use crate::protocols::text;

/// The question that a query string asks of a list.
///
/// # Errors
///
/// What a client would hear.
pub fn question(query: &str, now: Timestamp) -> Result<Query, Problem> {
    let params = Params::read(Some(query), &with_which_and_span(&LIST_PARAMETERS))?;
    Ok(Asked::read(&params, now)?.query)
}

/// A body as it was before it was encoded.
///
/// # Errors
///
/// What a client would hear.
pub fn decoded(bytes: Vec<u8>, encoding: &str) -> Result<Bytes, Problem> {
    let headers = headers([(header::CONTENT_ENCODING.as_str(), encoding)]);
    WholeBody::arrived(bytes.into(), &headers)?.decode().map(|(bytes, _)| bytes)
}

/// The event of a text: type, query, headers and body, as `/e/{type}` has them.
/// Headers that HTTP does not allow are left out.
///
/// # Errors
///
/// What a client would hear.
pub fn spoken_event<'a>(
    event_type: Option<&str>,
    query: &str,
    said: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
    now: Timestamp,
) -> Result<Event, Problem> {
    let params = Params::read(Some(query), &spoken::PARAMETERS)?;
    let path_type = event_type.map(str::to_owned);
    let template = spoken::template(now, path_type, &params, &headers(said))?;
    let message = text::read_whole(body).map_err(|bad| super::take::problem_of_body(&bad))?;
    Ok(spoken::with_message(&template, message))
}

fn headers<'a>(said: impl IntoIterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    let allowed = said.into_iter().filter_map(|(name, value)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    });
    allowed.collect()
}
