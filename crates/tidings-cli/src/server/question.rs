//! What is asked? From query parameters to a question for the log.

use jiff::tz::TimeZone;
use tidings::query::{PageCursor, Patterns, QUERY_BYTES_MAX, Regex};
use tidings::{Filter, Order, Query, Severity, Timestamp};

use super::limits::{LIST_EVENTS_DEFAULT, LIST_EVENTS_MAX};
use super::params::{Params, cut, invalid};
use super::problem::{Kind, Problem};
use super::reading::{self, ReadAs};
use crate::times::{list_since, parse_time};

/// Which events, and how `q` was understood.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) filter: Filter,
    pub(super) read_as: ReadAs,
}

impl Wanted {
    /// Reads the filter.
    ///
    /// # Errors
    ///
    /// A value breaks a rule; 422 names its parameter. 400 for a `q` that does not
    /// parse in strict mode.
    pub(super) fn read(params: &Params) -> Result<Wanted, Problem> {
        let severity = params.one("severity")?.map(severities).transpose()?;
        let grep = params.one("grep")?.map(pattern).transpose()?;
        let (expr, read_as) = reading::read(params)?;
        let filter = Filter {
            types: patterns(params, "type")?,
            members: patterns(params, "member")?,
            sources: patterns(params, "source")?,
            subjects: patterns(params, "subject")?,
            severity,
            fields: params.fields().map(|(name, value)| (name.into(), value.into())).collect(),
            expr,
            grep,
        };
        Ok(Wanted { filter, read_as })
    }
}

fn patterns(params: &Params, name: &str) -> Result<Patterns, Problem> {
    let mut patterns = Patterns::default();
    for list in params.all(name) {
        at_most(name, list)?;
        patterns.add(list).map_err(|error| invalid(name, &format!("is no pattern: {error}")))?;
    }
    Ok(patterns)
}

/// `warn`: that or worse; `warn..error`: from the one to the other.
fn severities(text: &str) -> Result<(Severity, Severity), Problem> {
    let read = |word: &str, default: Severity| match word.trim() {
        "" => Ok(default),
        word => word.parse::<Severity>().map_err(|e| invalid("severity", &format!("is an {e}"))),
    };
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (read(from, Severity::TRACE)?, read(to, Severity::FATAL)?),
        None if text.trim().is_empty() => return Err(invalid("severity", "is empty")),
        None => (read(text, Severity::TRACE)?, Severity::FATAL),
    };
    if from > to {
        return Err(invalid("severity", "goes from the worse to the better: turn it around"));
    }
    Ok((from, to))
}

fn pattern(text: &str) -> Result<Regex, Problem> {
    at_most("grep", text)?;
    Regex::new(text).map_err(|error| invalid("grep", &format!("is no pattern: {error}")))
}

pub(super) fn at_most(name: &str, value: &str) -> Result<(), Problem> {
    if value.len() <= QUERY_BYTES_MAX {
        return Ok(());
    }
    let problem = format!("has {} bytes, at most {QUERY_BYTES_MAX} are read", value.len());
    Err(invalid(name, &problem).with("limit", QUERY_BYTES_MAX))
}

/// A time of a query: without a zone in UTC; `all` is the beginning.
///
/// # Errors
///
/// It is not a time.
pub(super) fn time(
    params: &Params,
    name: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = params.one(name)? else { return Ok(None) };
    match parse_time(text, now, &TimeZone::UTC) {
        Ok(at) => Ok(Some(at)),
        Err(error) => Err(invalid(name, &format!("is {error}"))),
    }
}

/// Which events from when to when, and how `q` was understood.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) filter: Filter,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) read_as: ReadAs,
}

impl About {
    /// Reads the filter and the window; without `since` that begins 24 h before
    /// its end.
    ///
    /// # Errors
    ///
    /// A value breaks a rule; 422 names its parameter. 400 for a `q` that does not
    /// parse in strict mode.
    pub(super) fn read(params: &Params, now: Timestamp) -> Result<About, Problem> {
        let Wanted { filter, read_as } = Wanted::read(params)?;
        let until = time(params, "until", now)?;
        let since = match params.one("since")? {
            Some("all") => None,
            Some(_) => time(params, "since", now)?,
            None => Some(list_since(until, now)),
        };
        if let (Some(from), Some(to)) = (since, until)
            && from > to
        {
            return Err(invalid("since", &format!("({from}) is after until ({to})")));
        }
        Ok(About { filter, since, until, read_as })
    }
}

/// A question for a list, and whether its limit was given.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) limit: Option<usize>,
    /// Events that say the same stand in one place.
    pub(super) collapse: bool,
    pub(super) read_as: ReadAs,
}

impl Asked {
    /// Reads a list's parameters.
    ///
    /// # Errors
    ///
    /// 422 names the parameter whose value breaks a rule; 400 a cursor that
    /// cannot be used here, or a `q` that does not parse in strict mode.
    pub(super) fn read(params: &Params, now: Timestamp) -> Result<Asked, Problem> {
        let About { filter, since, until, read_as } = About::read(params, now)?;
        let limit = params.one("limit")?.map(limit).transpose()?;
        let count_exactly = match params.one("count")? {
            None => false,
            Some("exact") => true,
            Some(other) => {
                return Err(invalid("count", &format!("is {:?}, not exact", cut(other))));
            }
        };
        let query = Query {
            filter,
            since,
            until,
            order: order(params)?,
            limit: limit.unwrap_or(LIST_EVENTS_DEFAULT),
            cursor: cursor(params)?,
            count_exactly,
            ..Query::default()
        };
        Ok(Asked { query, limit, collapse: params.switch("collapse")?, read_as })
    }
}

fn limit(text: &str) -> Result<usize, Problem> {
    if let Ok(limit @ 1..=LIST_EVENTS_MAX) = text.parse::<usize>() {
        return Ok(limit);
    }
    let problem =
        format!("is {:?}; it may be a whole number from 1 to {LIST_EVENTS_MAX}", cut(text));
    Err(invalid("limit", &problem).with("limit", LIST_EVENTS_MAX))
}

fn order(params: &Params) -> Result<Order, Problem> {
    match params.one("order")? {
        None | Some("desc") => Ok(Order::Descending),
        Some("asc") => Ok(Order::Ascending),
        Some(other) => Err(invalid("order", &format!("is {:?}, not asc or desc", cut(other)))),
    }
}

fn cursor(params: &Params) -> Result<Option<PageCursor>, Problem> {
    let (name, text) = match (params.one("after")?, params.one("before")?) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(invalid("after", "and before are both given; a page has one cursor"));
        }
        (Some(text), None) => ("after", text),
        (None, Some(text)) => ("before", text),
    };
    text.parse().map(Some).map_err(|error: tidings::query::BadCursor| {
        Problem::new(Kind::BadCursor, error.to_string()).with("parameter", name)
    })
}
