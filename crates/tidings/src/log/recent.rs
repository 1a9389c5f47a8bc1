//! What was used last? A few things by a key, up to so many bytes.

use std::collections::VecDeque;

/// Things with their keys, the one used last in front.
#[derive(Debug)]
pub(super) struct Recent<K, T> {
    kept: VecDeque<(K, T, usize)>,
    bytes: usize,
    bytes_max: usize,
    count_max: usize,
}

impl<K: PartialEq, T> Recent<K, T> {
    pub(super) fn new(bytes_max: usize, count_max: usize) -> Recent<K, T> {
        Recent { kept: VecDeque::new(), bytes: 0, bytes_max, count_max }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&T> {
        let at = self.kept.iter().position(|(known, ..)| known == key)?;
        let found = self.kept.remove(at)?;
        self.kept.push_front(found);
        self.kept.front().map(|(_, found, _)| found)
    }

    /// Keeps it in the place of what has the key. What was not used for longest goes,
    /// be it this one.
    pub(super) fn put(&mut self, key: K, new: T, bytes: usize) {
        self.retain(|known| *known != key);
        self.bytes += bytes;
        self.kept.push_front((key, new, bytes));
        while self.bytes > self.bytes_max || self.kept.len() > self.count_max {
            let Some((.., bytes)) = self.kept.pop_back() else { break };
            self.bytes -= bytes;
        }
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&K) -> bool) {
        self.kept.retain(|(key, ..)| stays(key));
        self.bytes = self.kept.iter().map(|(.., bytes)| bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(recent: &mut Recent<char, i32>) -> String {
        ('a'..='d').filter(|key| recent.get(key).is_some()).collect()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut recent = Recent::new(10, 3);
        recent.put('a', 1, 4);
        recent.put('b', 2, 4);
        assert_eq!(recent.get(&'a'), Some(&1));

        recent.put('c', 3, 4);

        assert_eq!(there(&mut recent), "ac");
    }

    #[test]
    fn a_key_stands_for_the_newest_and_its_bytes_are_counted_once() {
        let mut recent = Recent::new(10, 3);
        recent.put('a', 1, 9);
        recent.put('a', 2, 5);
        recent.put('b', 3, 5);

        assert_eq!((recent.get(&'a').copied(), there(&mut recent)), (Some(2), "ab".to_owned()));
        recent.put('d', 4, 11);
        assert_eq!(there(&mut recent), "");
    }
}
