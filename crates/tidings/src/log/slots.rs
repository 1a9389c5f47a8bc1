//! Where do the slots lie, when some in the midst of a million become one?
//!
//! In one slice, with room before it: whatever goes moves the shorter side. So merging
//! at either end of a long history moves the few that are merged, not the many that
//! are still to be.

use std::ops::{Deref, DerefMut, Range};

use super::index::Slot;

/// Fewer slots without use than this are not worth giving back.
const SPARE_MIN: usize = 1024;

/// Slots in order of position; as a slice, but for what changes how many they are.
#[derive(Debug, Default)]
pub(super) struct Slots {
    all: Vec<Slot>,
    /// Those before it are no longer in use.
    start: usize,
}

impl Deref for Slots {
    type Target = [Slot];

    fn deref(&self) -> &[Slot] {
        &self.all[self.start..]
    }
}

impl DerefMut for Slots {
    fn deref_mut(&mut self) -> &mut [Slot] {
        &mut self.all[self.start..]
    }
}

impl Slots {
    pub(super) fn insert(&mut self, at: usize, slot: Slot) {
        self.all.insert(self.start + at, slot);
    }

    /// Puts one slot in the place of these, or between its neighbours if there are
    /// none.
    pub(super) fn replace(&mut self, gone: Range<usize>, slot: Slot) {
        let Some(fewer) = gone.len().checked_sub(1) else {
            return self.insert(gone.start, slot);
        };
        let (before, behind) = (gone.start, self.len() - gone.end);
        let (from, to) = (self.start + gone.start, self.start + gone.end);
        if before < behind {
            self.all.copy_within(self.start..from, self.start + fewer);
            self.all[to - 1] = slot;
            self.start += fewer;
        } else {
            self.all[from] = slot;
            self.all.copy_within(to.., from + 1);
            self.all.truncate(from + 1 + behind);
        }
        self.give_back();
    }

    pub(super) fn retain(&mut self, stays: impl FnMut(&Slot) -> bool) {
        self.all.drain(..self.start);
        self.start = 0;
        self.all.retain(stays);
        self.give_back();
    }

    /// Gives memory back, once so much is without use that moving the others is
    /// little beside what made it so.
    fn give_back(&mut self) {
        let used = self.len().max(SPARE_MIN);
        if self.start > used {
            self.all.drain(..self.start);
            self.start = 0;
        }
        if self.start == 0 && self.all.capacity() / 4 > used {
            self.all.shrink_to(used * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::Position;

    fn slot(base: u64) -> Slot {
        let at = Timestamp::from_nanos(0);
        Slot::made(Position(base), 1, (at, at))
    }

    fn bases(slots: &[Slot]) -> Vec<u64> {
        slots.iter().map(|slot| slot.base.0).collect()
    }

    #[test]
    fn they_are_what_a_vector_would_hold_wherever_some_become_one() {
        for seed in 0..100 {
            let mut dice = fastrand::Rng::with_seed(seed);
            let mut plain: Vec<u64> = (0..dice.u64(1..20_000)).map(|i| i * 2).collect();
            let mut slots = Slots::default();
            plain.iter().enumerate().for_each(|(at, base)| slots.insert(at, slot(*base)));
            for _ in 0..40 {
                let from = dice.usize(0..=plain.len());
                let to = dice.usize(from..=plain.len().min(from + 3000));
                let base = dice.u64(..);
                slots.replace(from..to, slot(base));
                plain.splice(from..to, [base]);
                let odd = dice.u64(1..50);
                slots.retain(|slot| slot.base.0 % 50 != odd);
                plain.retain(|base| base % 50 != odd);

                assert_eq!(bases(&slots), plain, "replay: seed {seed}");
            }
        }
    }

    #[test]
    fn the_room_of_those_that_became_one_is_given_back() {
        let mut slots = Slots::default();
        (0..100_000).for_each(|base| slots.insert(slots.len(), slot(base)));

        for (merged, base) in (0..25).zip((0..).step_by(4000)) {
            slots.replace(merged..merged + 4000, slot(base));
        }

        assert_eq!(slots.len(), 25);
        assert!(slots.all.capacity() <= 4 * SPARE_MIN, "{}", slots.all.capacity());
    }
}
