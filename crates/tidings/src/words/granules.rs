//! In which granules does a word stand?
//!
//! Most words of a day stand in one granule, and some in nearly all: the code is
//! short for these.

use super::bits::{BitReader, BitWriter, rice_bits};

/// A set of granules, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Granules {
    bits: Vec<u64>,
    count: usize,
}

impl Granules {
    pub(super) fn none(count: usize) -> Granules {
        Granules { bits: vec![0; count.div_ceil(64)], count }
    }

    pub(super) fn all(count: usize) -> Granules {
        let mut all = Granules { bits: vec![u64::MAX; count.div_ceil(64)], count };
        if let (Some(last), 1..) = (all.bits.last_mut(), count % 64) {
            *last = (1 << (count % 64)) - 1;
        }
        all
    }

    pub(super) fn insert(&mut self, granule: usize) {
        self.bits[granule / 64] |= 1 << (granule % 64);
    }

    pub(super) fn contains(&self, granule: usize) -> bool {
        self.bits.get(granule / 64).is_some_and(|bits| bits >> (granule % 64) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bits.iter().all(|bits| *bits == 0)
    }

    pub(super) fn join(&mut self, other: &Granules) {
        self.bits.iter_mut().zip(&other.bits).for_each(|(bits, more)| *bits |= more);
    }

    pub(super) fn meet(&mut self, other: &Granules) {
        self.bits.iter_mut().zip(&other.bits).for_each(|(bits, more)| *bits &= more);
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.count).filter(|granule| self.contains(*granule))
    }
}

/// Words of so many of `granules` are said to stand in all: it costs a bit.
fn is_everywhere(found: usize, granules: usize) -> bool {
    found * 4 >= granules * 3
}

/// The lowest bits of the distance between two of `found` granules.
fn distance_bits(found: u64, granules: usize) -> u32 {
    (granules as u64 / found.max(1)).max(1).ilog2()
}

/// Writes where a word stands: ascending, at least one, each below `granules`.
///
/// `0` one granule; `10` few, as a count and distances; `110` one bit a granule;
/// `111` everywhere.
pub(super) fn put_set(out: &mut BitWriter, found: &[u16], granules: usize) {
    if let [one] = found {
        out.put(0, 1);
        return out.put_below(u64::from(*one), granules as u64);
    }
    if is_everywhere(found.len(), granules) {
        return out.put(0b111, 3);
    }
    let (count, low_bits) = (found.len() as u64, distance_bits(found.len() as u64, granules));
    let mut before = None;
    let distances = found.iter().map(move |granule| {
        let from = before.replace(*granule).map_or(0, |before| before + 1);
        u64::from(granule - from)
    });
    let bits: u64 = distances.clone().map(|distance| rice_bits(distance, low_bits)).sum();
    if bits + rice_bits(count - 2, 2) < granules as u64 {
        out.put(0b01, 2);
        out.put_rice(count - 2, 2);
        distances.for_each(|distance| out.put_rice(distance, low_bits));
    } else {
        out.put(0b011, 3);
        let mut rest = found.iter().peekable();
        for granule in 0..granules {
            let is_here = rest.next_if(|next| usize::from(**next) == granule).is_some();
            out.put(is_here.into(), 1);
        }
    }
}

/// Reads one set and gives `each` its granules. `None` if it is none.
pub(super) fn take_set(
    from: &mut BitReader<'_>,
    granules: usize,
    mut each: impl FnMut(usize),
) -> Option<()> {
    if from.take(1)? == 0 {
        each(usize::try_from(from.below(granules as u64)?).ok()?);
        return Some(());
    }
    if from.take(1)? == 0 {
        let count = from.rice(2)?.checked_add(2).filter(|count| *count <= granules as u64)?;
        let low_bits = distance_bits(count, granules);
        let mut next = 0;
        for _ in 0..count {
            let granule = from.rice(low_bits)?.checked_add(next)?;
            let granule = usize::try_from(granule).ok().filter(|it| *it < granules)?;
            each(granule);
            next = granule as u64 + 1;
        }
        return Some(());
    }
    let everywhere = from.take(1)? == 1;
    for granule in 0..granules {
        if everywhere || from.take(1)? == 1 {
            each(granule);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn assert_comes_back(found: &[u16], granules: usize) {
        let mut writer = BitWriter::default();
        put_set(&mut writer, found, granules);
        let bytes = writer.finish();
        let mut read = Granules::none(granules);
        take_set(&mut BitReader::new(&bytes), granules, |granule| read.insert(granule)).unwrap();

        let mut wanted = Granules::none(granules);
        for granule in found {
            wanted.insert(usize::from(*granule));
        }
        if found.len() > 1 && is_everywhere(found.len(), granules) {
            wanted = Granules::all(granules);
        }
        assert_eq!(read, wanted);
    }

    proptest! {
        #[test]
        fn sets_come_back(granules in 1_usize..700, picks in prop::collection::btree_set(0_u16..700, 1..200)) {
            let mut found: Vec<u16> = picks.into_iter().filter(|it| usize::from(*it) < granules).collect();
            if found.is_empty() {
                found.push(0);
            }
            assert_comes_back(&found, granules);
        }

        #[test]
        fn hostile_bits_are_no_granules_beyond_the_last(bytes in prop::collection::vec(any::<u8>(), 0..90)) {
            let mut reader = BitReader::new(&bytes);
            while take_set(&mut reader, 77, |granule| assert!(granule < 77)).is_some() {}
        }
    }

    #[test]
    fn one_granule_costs_a_bit_more_than_its_number_and_everywhere_three_bits() {
        let bits_of = |found: &[u16]| {
            let mut writer = BitWriter::default();
            (0..8).for_each(|_| put_set(&mut writer, found, 512));
            writer.finish().len()
        };

        assert_eq!(bits_of(&[7]), 10);
        assert_eq!(bits_of(&(0..400).collect::<Vec<_>>()), 3);
        assert_comes_back(&[0], 1);
    }
}
