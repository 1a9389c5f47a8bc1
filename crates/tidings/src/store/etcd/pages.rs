//! How is all that is kept read? Page by page, as of one moment.

use etcd_client::{GetOptions, GetResponse, KeyValue, ResponseHeader, SortOrder, SortTarget};

use super::errors::{Fault, Trouble};
use super::session::Session;
use super::watch::block_of;
use super::{FoundBlocks, Inner, WatchFrom};

/// Keys of one page when values are read back; each is at most as large as etcd
/// takes a request, 1.5 MiB.
const PAGE_KEYS: i64 = 64;
/// Bytes of such a page that are read, at most.
pub const PAGE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The keys that begin alike, in their order, at the revision of the first page.
#[derive(Debug)]
pub(super) struct Pages {
    next: Option<Vec<u8>>,
    end: Vec<u8>,
    at: Option<WatchFrom>,
}

impl Pages {
    /// Of all keys that begin so; it ends with a slash.
    pub(super) fn below(prefix: String) -> Pages {
        let end = prefix_end(prefix.as_bytes());
        Pages { next: Some(prefix.into_bytes()), end, at: None }
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self, session: &Session) -> Result<Option<GetResponse>, Trouble> {
        let Some(from) = self.next.take() else { return Ok(None) };
        let options = GetOptions::new()
            .with_range(self.end.clone())
            .with_limit(PAGE_KEYS)
            .with_revision(self.at.map_or(0, |at| at.revision))
            .with_sort(SortTarget::Key, SortOrder::Ascend);
        let page = session.call(|client| {
            let (from, options) = (from.clone(), options.clone());
            let mut keys = client.kv_client().max_decoding_message_size(PAGE_BYTES_MAX);
            async move { keys.get(from, Some(options)).await }
        });
        let page = page.await?;
        let at = WatchFrom::of(page.header())?;
        let began = *self.at.get_or_insert(at);
        if began.cluster != at.cluster {
            return Err(Trouble::new(Fault::Down, "another cluster answers than before"));
        }
        self.next = page.kvs().last().filter(|_| page.more()).map(|last| {
            // The first key after it.
            [last.key(), &[0]].concat()
        });
        Ok(Some(page))
    }

    /// As of which moment; `None` before the first page.
    pub(super) fn at(&self) -> Option<WatchFrom> {
        self.at
    }
}

impl WatchFrom {
    pub(super) fn of(header: Option<&ResponseHeader>) -> Result<WatchFrom, Trouble> {
        let nameless = || Trouble::new(Fault::NotEtcd, "an answer without a header");
        let header = header.ok_or_else(nameless)?;
        Ok(WatchFrom { cluster: header.cluster_id(), revision: header.revision() })
    }
}

impl Inner {
    pub(super) async fn read_all(&self) -> Result<FoundBlocks, Trouble> {
        let mut found = FoundBlocks::default();
        let mut pages = Pages::below(self.keys.events());
        while let Some(page) = pages.next(&self.session).await? {
            for pair in page.kvs() {
                match block_of(self.keys.read(pair.key()), pair) {
                    Ok(block) => found.blocks.push(block),
                    Err(cause) => found.odd.push((name_of(pair), cause)),
                }
            }
        }
        Ok(found)
    }
}

/// A key as people read it.
pub(super) fn name_of(pair: &KeyValue) -> String {
    String::from_utf8_lossy(pair.key()).into_owned()
}

/// The first key after all that begin so.
fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    // A prefix ends with a slash, which has a successor.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}
