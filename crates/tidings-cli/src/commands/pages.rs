//! How is a long list read? Page by page, each after the cursor of the one before.

use tidings::query::CUT_SHORT;

use crate::client::answers::Page;
use crate::client::{Client, Params};
use crate::exit::Failure;

/// Events that one call asks for, at most.
const PAGE_EVENTS_MAX: usize = 1000;

/// The pages of one list. The first is asked for even if no event is wanted: it
/// tells what the log can answer for.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    client: &'a Client,
    params: Params,
    after: Option<String>,
    /// How many events are still wanted.
    left: usize,
    ended: bool,
}

impl<'a> Pages<'a> {
    /// A list of at most `limit` events, after a page cursor if there is one.
    pub(super) fn new(
        client: &'a Client,
        params: Params,
        after: Option<String>,
        limit: usize,
    ) -> Pages<'a> {
        Pages { client, params, after, left: limit, ended: false }
    }

    fn page(&mut self) -> Result<Page, Failure> {
        let mut params = self.params.clone();
        let limit = self.left.clamp(1, PAGE_EVENTS_MAX);
        params.push(("limit".to_owned(), limit.to_string()));
        params.extend(self.after.take().map(|cursor| ("after".to_owned(), cursor)));
        let mut page = self.client.list(&params)?;
        page.rows.truncate(self.left);
        self.left -= page.rows.len();
        self.after = page.next.clone().filter(|_| self.left > 0);
        self.ended = self.after.is_none();
        if !self.ended {
            // The next page looks at what this one was not allowed to.
            page.whole.coverage.gaps.retain(|gap| gap.reason != CUT_SHORT);
        }
        Ok(page)
    }

    /// The next page that has an event, or the last.
    fn page_of_some(&mut self) -> Result<Page, Failure> {
        loop {
            let page = self.page()?;
            if self.ended || !page.rows.is_empty() {
                return Ok(page);
            }
        }
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Page, Failure>;

    fn next(&mut self) -> Option<Result<Page, Failure>> {
        if self.ended {
            return None;
        }
        let page = self.page_of_some();
        self.ended |= page.is_err();
        Some(page)
    }
}
