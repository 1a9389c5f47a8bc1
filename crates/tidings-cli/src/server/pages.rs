//! How is a list sent? Page by page, each read when the client has taken the one
//! before, so that a long list costs no more memory than a short one.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tidings::block::FUTURE_SKEW_MAX;
use tidings::{Order, Page, Query, StoredEvent};

use super::app::App;
use super::events::{Format, Shown};
use super::limits::STREAM_PAGE_EVENTS;
use super::problem::Problem;
use super::question::Asked;
use super::unfold::{self, BrokenOff, Step};
use crate::protocols::text;
use crate::view::csv;

pub(super) const NDJSON: &str = "application/x-ndjson";

impl Format {
    fn media(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Ndjson => NDJSON,
            Format::Text => "text/plain; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// What stands before the first event.
    fn head(self) -> &'static [u8] {
        match self {
            Format::Json => b"{\"events\":[",
            Format::Ndjson | Format::Text => b"",
            Format::Csv => csv::HEADER.as_bytes(),
        }
    }
}

/// Answers a list.
///
/// # Errors
///
/// The log cannot be read.
pub(super) async fn answer(
    app: Arc<App>,
    asked: Asked,
    format: Format,
    verbose: bool,
) -> Result<Response, Problem> {
    let mut query = asked.query;
    // Lines go on to the end unless a limit is given; a document has one always.
    let endless = format != Format::Json && asked.limit.is_none();
    let left = if endless { usize::MAX } else { query.limit };
    if endless && query.order == Order::Ascending && query.until.is_none() {
        // Without an end, a reader slower than the producers would never arrive.
        query.until = Some(app.clock.now().after(FUTURE_SKEW_MAX));
    }
    let mut pages = Pages { app, query, left, sent: 0, format, verbose, ended: false, foot: None };
    // The first page comes before the status is sent: if it fails, it can be told.
    let first = pages.next(asked.read_as.as_deref()).await?;
    let body =
        if pages.ended { Body::from(first) } else { unfold::body((Some(first), pages), step) };
    Ok(([(header::CONTENT_TYPE, format.media())], body).into_response())
}

async fn step((first, mut pages): (Option<Bytes>, Pages)) -> Step<(Option<Bytes>, Pages)> {
    if let Some(first) = first {
        return Ok(Some((first, (None, pages))));
    }
    if pages.ended {
        return Ok(None);
    }
    if *pages.app.stopping.borrow() {
        return Err(BrokenOff("the server is stopping".to_owned()));
    }
    let page = pages.next(None).await.map_err(|problem| BrokenOff(problem.detail().to_owned()))?;
    Ok(Some((page, (None, pages))))
}

struct Pages {
    app: Arc<App>,
    query: Query,
    /// How many may still come.
    left: usize,
    sent: u64,
    format: Format,
    verbose: bool,
    ended: bool,
    foot: Option<Foot>,
}

/// What stands behind the events of a JSON document; the first page knows it.
struct Foot {
    prev: Option<String>,
    /// As JSON.
    coverage: String,
    matched: Option<u64>,
    total: Option<u64>,
    read_as: Option<String>,
    from_the_start: bool,
}

impl Pages {
    async fn next(&mut self, read_as: Option<&str>) -> Result<Bytes, Problem> {
        let from_the_start = self.query.cursor.is_none();
        self.query.limit = self.left.min(STREAM_PAGE_EVENTS);
        let page = self.app.read(|log| log.query(&self.query)).await?;
        self.query.count_exactly = false;
        self.left -= page.events.len().min(self.left);
        self.ended = self.left == 0 || page.next.is_none();
        self.query.cursor = page.next;
        let mut bytes = Vec::with_capacity(page.events.len() * 256);
        if self.foot.is_none() {
            bytes.extend_from_slice(self.format.head());
            self.foot = Some(Foot::of(&page, read_as, from_the_start));
        }
        for event in &page.events {
            self.write(&mut bytes, event);
            self.sent += 1;
        }
        if self.format == Format::Json && self.ended {
            self.write_foot(&mut bytes);
        }
        Ok(bytes.into())
    }

    fn write(&self, bytes: &mut Vec<u8>, event: &StoredEvent) {
        match self.format {
            Format::Json => {
                if self.sent > 0 {
                    bytes.push(b',');
                }
                // Writing to memory cannot fail, and events always serialise.
                let _ = serde_json::to_writer(bytes, &Shown(event, self.verbose));
            }
            Format::Ndjson => write_line(bytes, event, self.verbose),
            Format::Csv => bytes.extend_from_slice(csv::row(event).as_bytes()),
            Format::Text => {
                let mut line = String::new();
                text::write_line(&mut line, event);
                bytes.extend_from_slice(line.as_bytes());
            }
        }
    }

    fn write_foot(&self, bytes: &mut Vec<u8>) {
        let Some(foot) = &self.foot else { return };
        let next = self.query.cursor.map(|cursor| cursor.to_string());
        // Whoever has seen the list from its start to its end has counted it.
        let counted = (foot.from_the_start && next.is_none()).then_some(self.sent);
        let page = json!({"next": next, "prev": foot.prev});
        let matched = json!(foot.matched.or(counted));
        let (total, read_as) = (json!(foot.total), json!(foot.read_as));
        let coverage = &foot.coverage;
        let text = format!(
            "],\"page\":{page},\"coverage\":{coverage},\"matched\":{matched},\"total\":{total},\
             \"read_as\":{read_as}}}"
        );
        bytes.extend_from_slice(text.as_bytes());
    }
}

impl Foot {
    fn of(page: &Page, read_as: Option<&str>, from_the_start: bool) -> Foot {
        Foot {
            prev: page.prev.map(|cursor| cursor.to_string()),
            coverage: serde_json::to_string(&page.coverage).unwrap_or_default(),
            matched: page.matched,
            total: page.total,
            read_as: read_as.map(str::to_owned),
            from_the_start,
        }
    }
}

/// Adds an event as a line of JSON.
pub(super) fn write_line(bytes: &mut Vec<u8>, event: &StoredEvent, verbose: bool) {
    // Writing to memory cannot fail, and events always serialise.
    let _ = serde_json::to_writer(&mut *bytes, &Shown(event, verbose));
    bytes.push(b'\n');
}
