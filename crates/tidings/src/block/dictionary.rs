//! Which names occurred, and as which index? Without an allocation per name.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::columns::Texts;
use super::header::Tagged;

/// Names in order of first appearance.
#[derive(Clone, Debug, Default)]
pub(super) struct Dictionary {
    names: Texts,
    /// Hash of a name (keyed at random, names come from outside) to its index.
    indices: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    hasher: RandomState,
    /// Events often come in runs of one name.
    latest: Option<u32>,
}

/// Takes a hash for what it is, instead of hashing it once more.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only hashes come here, through `write_u64`.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Dictionary {
    /// The index of a name, which is now there.
    pub(super) fn index(&mut self, name: &str) -> u32 {
        if let Some(latest) = self.latest.filter(|latest| self.name(*latest) == name) {
            return latest;
        }
        let hash = self.hasher.hash_one(name);
        let index = match self.indices.get(&hash) {
            Some(index) if self.name(*index) == name => *index,
            // Two names with one hash: once in 2^64.
            Some(_) => self.find(name).unwrap_or_else(|| self.add(name)),
            None => {
                let index = self.add(name);
                self.indices.insert(hash, index);
                index
            }
        };
        self.latest = Some(index);
        index
    }

    fn name(&self, index: u32) -> &str {
        self.names.get(index as usize)
    }

    fn find(&self, name: &str) -> Option<u32> {
        let place = self.names.iter().position(|known| known == name)?;
        u32::try_from(place).ok()
    }

    fn add(&mut self, name: &str) -> u32 {
        let index = u32::try_from(self.names.len());
        self.names.push(name);
        index.expect("a block has far fewer names than 2^32")
    }

    pub(super) fn names(&self) -> &Texts {
        &self.names
    }

    /// Hands the names over to a column, for which it takes back the column's
    /// memory.
    pub(super) fn names_into(&mut self, column: &mut Texts) {
        std::mem::swap(&mut self.names, column);
        self.clear();
    }

    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.indices.clear();
        self.latest = None;
    }
}

/// A dictionary that counts.
#[derive(Debug, Default)]
pub(super) struct Counted {
    names: Dictionary,
    counts: Vec<u32>,
}

impl Counted {
    pub(super) fn count(&mut self, name: &str) -> u32 {
        self.add(name, 1)
    }

    /// Takes in a name that so many events have.
    pub(super) fn add(&mut self, name: &str, count: u32) -> u32 {
        let index = self.names.index(name);
        let place = index as usize;
        if place == self.counts.len() {
            self.counts.push(0);
        }
        self.counts[place] += count;
        index
    }

    pub(super) fn tagged(&self) -> Vec<Tagged> {
        let names = self.names.names().iter().zip(&self.counts);
        names.map(|(name, count)| Tagged { name: name.to_owned(), count: *count }).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.counts.clear();
    }
}
