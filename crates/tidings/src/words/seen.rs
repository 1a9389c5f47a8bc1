//! Has this word been met since?

/// A set of hashes that is emptied often.
#[derive(Debug)]
pub(super) struct Seen {
    /// A power of two, at most half full; 0 stands for no hash.
    slots: Vec<u64>,
    hashes: Vec<u64>,
}

const SLOTS: usize = 4096;

impl Seen {
    pub(super) fn new() -> Seen {
        Seen { slots: vec![0; SLOTS], hashes: Vec::new() }
    }

    pub(super) fn insert(&mut self, hash: u64) {
        // The hash of some word is 0: it shares the place of another.
        let hash = hash.max(1);
        if place(&mut self.slots, hash) {
            self.hashes.push(hash);
            if self.hashes.len() * 2 > self.slots.len() {
                self.grow();
            }
        }
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for hash in &self.hashes {
            place(&mut self.slots, *hash);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// All of them, in the order in which they came; then there are none.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = u64> + '_ {
        if self.slots.len() > SLOTS {
            self.slots = vec![0; SLOTS];
        } else {
            self.slots.fill(0);
        }
        self.hashes.drain(..)
    }
}

/// Whether it was not there.
fn place(slots: &mut [u64], hash: u64) -> bool {
    let mask = slots.len() - 1;
    // The low bits: the high ones order the index.
    let mut at = usize::try_from(hash & mask as u64).unwrap_or(0);
    loop {
        if slots[at] == hash {
            return false;
        }
        if slots[at] == 0 {
            slots[at] = hash;
            return true;
        }
        at = (at + 1) & mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hash_is_given_once_until_it_is_drained() {
        let mut seen = Seen::new();
        for round in 0..2 {
            for hash in (0..10_000_u64).chain(0..10_000) {
                seen.insert(hash << 20 | hash << 50);
            }
            assert_eq!((seen.len(), seen.drain().count(), round), (10_000, 10_000, round));
        }
    }
}
