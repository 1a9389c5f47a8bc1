//! How is all that is kept read? Page by page, as of one moment.

use etcd_client::{GetOptions, GetResponse, KeyValue, ResponseHeader, SortOrder, SortTarget};

use super::errors::{Fault, Trouble};
use super::key::{Keys, Named};
use super::session::Session;
use super::watch::block_of;
use super::{FoundBlocks, Inner, Numbered, WatchFrom};
use crate::store::BlockName;

/// Keys of one page when values are read back; each is at most as large as etcd
/// takes a request, 1.5 MiB.
const PAGE_KEYS: u32 = 64;
/// Bytes of such a page that are read, at most.
pub const PAGE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The keys that begin alike, in their order, at the revision of the first page.
///
/// For each page etcd visits all keys up to the end that it is given, however few it
/// may answer with. So the next page is asked for up to where it will end if the boot
/// goes on, and up to the end of all only where that was not so.
#[derive(Debug)]
pub(super) struct Pages {
    keys: Keys,
    /// From where on; `None` after the last page.
    next: Option<Vec<u8>>,
    /// Where the next page is expected to end.
    near: Option<Vec<u8>>,
    end: Vec<u8>,
    at: Option<WatchFrom>,
}

impl Pages {
    /// Of all keys that begin so; it ends with a slash.
    pub(super) fn below(keys: Keys, prefix: String) -> Pages {
        let end = prefix_end(prefix.as_bytes());
        Pages { keys, next: Some(prefix.into_bytes()), near: None, end, at: None }
    }

    /// Of the blocks of a boot from this one on.
    pub(super) fn of_boot(keys: Keys, from: BlockName) -> Pages {
        let first = keys.event(from);
        let near = keys.beyond(first.as_bytes(), u64::from(PAGE_KEYS) - 1);
        let end = prefix_end(keys.boot(from).as_bytes());
        let (next, near) = (Some(first.into_bytes()), near.map(String::into_bytes));
        Pages { keys, next, near, end, at: None }
    }

    /// The next page, which may be empty; `None` after the last.
    pub(super) async fn next(&mut self, session: &Session) -> Result<Option<GetResponse>, Trouble> {
        let Some(from) = self.next.take() else { return Ok(None) };
        let options = GetOptions::new()
            .with_range(self.near.as_ref().unwrap_or(&self.end).clone())
            .with_limit(PAGE_KEYS.into())
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
        self.turn(page.kvs().last().map(KeyValue::key), page.kvs().len(), page.more());
        Ok(Some(page))
    }

    /// Moves on behind a page with so many keys and this last one.
    fn turn(&mut self, last: Option<&[u8]>, keys: usize, more: bool) {
        let near = self.near.take();
        let is_full = keys >= PAGE_KEYS as usize;
        match (last, near) {
            (Some(last), near) if more || (near.is_some() && is_full) => {
                self.near = self.keys.beyond(last, PAGE_KEYS.into()).map(String::into_bytes);
                // The first key after it.
                self.next = Some([last, &[0]].concat());
            }
            // The boot does not go on like that.
            (_, Some(near)) => self.next = Some(near),
            (_, None) => {}
        }
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
        let mut pages = Pages::below(self.keys.clone(), self.keys.events());
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

    /// The first blocks of a boot from this one on, or what stands in their place.
    pub(super) async fn read_boot(&self, from: BlockName) -> Result<Vec<Numbered>, Trouble> {
        let mut pages = Pages::of_boot(self.keys.clone(), from);
        while let Some(page) = pages.next(&self.session).await? {
            let named = page.kvs().iter().filter_map(|pair| match self.keys.read(pair.key()) {
                named @ Named::Block(name) => Some((name.number, block_of(named, pair))),
                _ => None,
            });
            let found: Vec<_> = named.collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::{Boot, Origin};
    use crate::store::BlockName;

    /// Reads pages of these keys as etcd answers, and says how many there were.
    fn read(there: &BTreeSet<Vec<u8>>) -> (Vec<Vec<u8>>, usize) {
        let mut pages = Pages::below(Keys::below("t"), "t/".to_owned());
        let (mut found, mut count) = (Vec::new(), 0);
        while let Some(from) = pages.next.take() {
            let end = pages.near.clone().unwrap_or(pages.end.clone());
            let range = there.range(from..end.max(b"t/".to_vec()));
            let page: Vec<Vec<u8>> = range.clone().take(PAGE_KEYS as usize).cloned().collect();
            let more = range.count() > page.len();
            pages.turn(page.last().map(Vec::as_slice), page.len(), more);
            found.extend(page);
            count += 1;
            assert!(count < 10_000, "it ends");
        }
        (found, count)
    }

    fn keys_of(boot: u8, numbers: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
        let (origin, boot) = (Origin::from_bytes([7; 16]), Boot::from_bytes([boot; 8]));
        let key = |number| Keys::below("t").event(BlockName { origin, boot, number });
        numbers.into_iter().map(|number| key(number).into_bytes()).collect()
    }

    #[test]
    fn every_key_is_read_once_and_in_order_whatever_stands_there() {
        let odd = |key: &str| vec![key.as_bytes().to_vec()];
        let beside = [keys_of(1, 1..=64), odd("t/event/nonsense"), odd("t/probe")].concat();
        let between: Vec<Vec<u8>> = keys_of(1, 60..70)
            .into_iter()
            .flat_map(|key| (0..40).map(move |i| [&key[..], format!("/{i}").as_bytes()].concat()))
            .collect();
        let cases = [
            vec![],
            keys_of(1, [1]),
            keys_of(1, 1..=64),
            keys_of(1, 1..=65),
            keys_of(1, 1..=1000),
            keys_of(1, (1..1000).filter(|number| number % 7 != 0)),
            keys_of(1, (1..100).map(|number| number * 1000)),
            keys_of(1, u64::MAX - 200..=u64::MAX),
            (0..200).flat_map(|boot| keys_of(boot, 1..=u64::from(boot))).collect(),
            beside,
            [keys_of(1, 1..=200), between].concat(),
        ];
        for (at, there) in cases.into_iter().enumerate() {
            let there: BTreeSet<Vec<u8>> = there.into_iter().collect();
            assert!(read(&there).0.iter().eq(&there), "case {at}");
        }
    }

    #[test]
    fn a_long_boot_takes_as_many_pages_as_it_fills_and_few_more() {
        let there: BTreeSet<Vec<u8>> = keys_of(1, 1..=6400).into_iter().collect();

        assert_eq!(read(&there).1, 102, "100 full ones, an empty one, and the end of all");
    }
}
