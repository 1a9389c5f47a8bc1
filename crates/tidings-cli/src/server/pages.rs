//! How is a list sent? Page by page, each read when the client has taken the one
//! before, so that a long list costs no more memory than a short one.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tidings::block::FUTURE_SKEW_MAX;
use tidings::query::PageCursor;
use tidings::{Coverage, Order, Query};

use super::app::App;
use super::events::Format;
use super::limits::STREAM_PAGE_EVENTS;
use super::pieces::{self, Before, Entry, Groups, Piece};
use super::problem::Problem;
use super::question::Asked;
use super::reach;
use super::reading::ReadAs;
use super::unfold::{self, BrokenOff, Step};
use crate::protocols::text;
use crate::view::csv;

pub(super) const NDJSON: &str = "application/x-ndjson";

/// What an event usually takes, and what stands behind them.
const ENTRY_BYTES: usize = 400;
const FOOT_BYTES: usize = 1024;

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
        // Without an end, a reader slower than the producers would never arrive. What
        // another member with a fast clock received stands as far ahead once more.
        query.until = Some(app.clock.now().after(2 * FUTURE_SKEW_MAX));
    }
    let shape = Shape { format, verbose, collapse: asked.collapse };
    let mut pages =
        Pages { app, query, left, sent: 0, shape, ended: false, foot: None, reach: None };
    // As with the coverage: only a document has a place where it could be told.
    let read_as = asked.read_as.header().filter(|_| format != Format::Json);
    // The first page comes before the status is sent: if it fails, it can be told.
    let first = pages.next(asked.read_as).await?;
    // Only a document has room for it at its end.
    let reach = pages.reach.take().filter(|_| format != Format::Json);
    let body =
        if pages.ended { Body::from(first) } else { unfold::body((Some(first), pages), step) };
    let mut answer = ([(header::CONTENT_TYPE, format.media())], body).into_response();
    answer.headers_mut().extend(reach.into_iter().chain(read_as));
    Ok(answer)
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
    let page = pages
        .next(ReadAs::default())
        .await
        .map_err(|problem| BrokenOff(problem.detail().to_owned()))?;
    Ok(Some((page, (None, pages))))
}

struct Pages {
    app: Arc<App>,
    query: Query,
    /// How many may still come.
    left: usize,
    sent: u64,
    shape: Shape,
    ended: bool,
    foot: Option<Foot>,
    /// Of the first page, said in a header.
    reach: Option<(HeaderName, HeaderValue)>,
}

/// How the list looks.
#[derive(Clone, Copy)]
struct Shape {
    format: Format,
    verbose: bool,
    collapse: bool,
}

/// What stands behind the events of a JSON document; the first page knows it.
struct Foot {
    prev: Option<PageCursor>,
    matched: Option<u64>,
    total: Option<u64>,
    groups: Option<Groups>,
    read_as: ReadAs,
    before: Before,
    from_the_start: bool,
}

impl Pages {
    async fn next(&mut self, read_as: ReadAs) -> Result<Bytes, Problem> {
        let from_the_start = self.query.cursor.is_none();
        self.query.limit = self.left.min(STREAM_PAGE_EVENTS);
        let piece = pieces::read(&self.app, &self.query, self.shape.collapse).await?;
        let mut bytes = Vec::with_capacity(piece.entries.len() * ENTRY_BYTES + FOOT_BYTES);
        if self.foot.is_none() {
            bytes.extend_from_slice(self.shape.format.head());
            // Only a document has a place where it could be told.
            let empty = self.shape.format == Format::Json
                && piece.entries.is_empty()
                && !piece.is_cut_short();
            let before = if empty && from_the_start {
                pieces::last_match_before(&self.app, &self.query).await?
            } else {
                Before::default()
            };
            let Piece { prev, matched, total, groups, .. } = piece;
            let foot = Foot { prev, matched, total, groups, read_as, before, from_the_start };
            self.foot = Some(foot);
            self.reach = Some(reach::header(&piece.coverage));
        }
        self.query.count_exactly = false;
        self.left -= piece.entries.len().min(self.left);
        // Whoever reads lines can be kept waiting; a document says where to go on.
        let is_cut = self.shape.format == Format::Json && piece.is_cut_short();
        self.ended = self.left == 0 || piece.next.is_none() || is_cut;
        self.query.cursor = piece.next;
        for entry in &piece.entries {
            self.write(&mut bytes, entry);
            self.sent += 1;
        }
        if self.shape.format == Format::Json && self.ended {
            self.write_foot(&mut bytes, &piece.coverage);
        }
        Ok(bytes.into())
    }

    fn write(&self, bytes: &mut Vec<u8>, entry: &Entry) {
        match self.shape.format {
            Format::Json => {
                if self.sent > 0 {
                    bytes.push(b',');
                }
                entry.write_json(bytes, self.shape.verbose);
            }
            Format::Ndjson => {
                entry.write_json(bytes, self.shape.verbose);
                bytes.push(b'\n');
            }
            Format::Csv => bytes.extend_from_slice(csv::row(&**entry.event).as_bytes()),
            Format::Text => {
                let mut line = String::new();
                let times = entry.collapsed.map_or(1, |group| group.count);
                text::write_line(&mut line, &entry.event, times);
                bytes.extend_from_slice(line.as_bytes());
            }
        }
    }

    /// The coverage is that of the last piece: what was found damaged on the way
    /// there is told in it.
    fn write_foot(&self, bytes: &mut Vec<u8>, coverage: &Coverage) {
        let Some(foot) = &self.foot else { return };
        let text = |cursor: PageCursor| cursor.to_string();
        let next = self.query.cursor.map(text);
        // Whoever has seen the list from its start to its end has counted it.
        let counted = (foot.from_the_start && next.is_none()).then_some(self.sent);
        let end = End {
            page: Cursors { next, prev: foot.prev.map(text) },
            coverage,
            matched: foot.matched.or(counted),
            total: foot.total,
            groups: foot.groups,
            read_as: &foot.read_as,
            before: &foot.before,
        };
        // Names and numbers always serialise.
        let object = serde_json::to_string(&end).unwrap_or_default();
        bytes.extend_from_slice(b"],");
        bytes.extend_from_slice(object.trim_start_matches('{').as_bytes());
    }
}

/// The members of a document behind its events, in the order in which people
/// read them.
#[derive(Serialize)]
struct End<'a> {
    page: Cursors,
    coverage: &'a Coverage,
    matched: Option<u64>,
    total: Option<u64>,
    #[serde(flatten)]
    groups: Option<Groups>,
    #[serde(flatten)]
    read_as: &'a ReadAs,
    #[serde(flatten)]
    before: &'a Before,
}

#[derive(Serialize)]
struct Cursors {
    next: Option<String>,
    prev: Option<String>,
}
