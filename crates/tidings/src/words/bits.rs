//! How are numbers written that take less than a byte? One after the other, the
//! lowest bit first.

/// Bits of the longest number that is written at once.
const NUMBER_BITS_MAX: u32 = 56;

/// Appends numbers to bytes.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// What does not fill a byte yet.
    open: u64,
    open_bits: u32,
}

impl BitWriter {
    /// The lowest `bits` of `value`; the others are 0.
    pub(super) fn put(&mut self, value: u64, bits: u32) {
        debug_assert!(bits <= NUMBER_BITS_MAX && value >> bits == 0);
        self.open |= value << self.open_bits;
        self.open_bits += bits;
        while self.open_bits >= 8 {
            self.bytes.push(self.open.to_le_bytes()[0]);
            self.open >>= 8;
            self.open_bits -= 8;
        }
    }

    /// So many ones, and a zero.
    fn put_unary(&mut self, mut ones: u64) {
        while ones >= 32 {
            self.put(u64::from(u32::MAX), 32);
            ones -= 32;
        }
        self.put((1 << ones) - 1, u32::try_from(ones).unwrap_or(0) + 1);
    }

    /// Golomb's code for a divisor of 2 to the power of `low_bits`: short for what
    /// is not much larger.
    pub(super) fn put_rice(&mut self, value: u64, low_bits: u32) {
        self.put_unary(value >> low_bits);
        self.put(value & ((1 << low_bits) - 1), low_bits);
    }

    /// A number below `end`, all of them equally likely.
    pub(super) fn put_below(&mut self, value: u64, end: u64) {
        let (bits, short) = shape_below(end);
        if value < short {
            self.put(value, bits);
        } else {
            let long = value + short;
            self.put(long >> 1, bits);
            self.put(long & 1, 1);
        }
    }

    /// How many whole bytes all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + usize::from(self.open_bits > 0)
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.open_bits > 0 {
            self.bytes.push(self.open.to_le_bytes()[0]);
        }
        self.bytes
    }
}

/// Bits of [`BitWriter::put_rice`].
pub(super) fn rice_bits(value: u64, low_bits: u32) -> u64 {
    (value >> low_bits) + 1 + u64::from(low_bits)
}

/// Of numbers below `end`: how many bits the short ones have, and how many are
/// short; the others have one more.
fn shape_below(end: u64) -> (u32, u64) {
    let bits = end.max(1).ilog2();
    (bits, (2 << bits) - end.max(1))
}

/// Takes numbers from the front, never past the end: then there are none.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    /// At least [`NUMBER_BITS_MAX`] bits from here on; zeros past the end.
    fn window(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let all = rest.first_chunk().map_or_else(|| short(rest), |all| u64::from_le_bytes(*all));
        all >> (self.at % 8)
    }

    fn skip(&mut self, bits: u32) -> Option<()> {
        self.at += bits as usize;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    pub(super) fn take(&mut self, bits: u32) -> Option<u64> {
        debug_assert!(bits <= NUMBER_BITS_MAX);
        let value = self.window() & ((1 << bits) - 1);
        self.skip(bits)?;
        Some(value)
    }

    /// Whether nothing is left but the zeros that fill a byte.
    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.len() * 8 - self.at < 8 && self.window() == 0
    }

    fn unary(&mut self) -> Option<u64> {
        let mut ones = 0;
        loop {
            let run = self.window().trailing_ones().min(NUMBER_BITS_MAX);
            ones += u64::from(run);
            if run < NUMBER_BITS_MAX {
                self.skip(run + 1)?;
                return Some(ones);
            }
            self.skip(run)?;
        }
    }

    pub(super) fn rice(&mut self, low_bits: u32) -> Option<u64> {
        let high = self.unary()?;
        Some(high << low_bits | self.take(low_bits)?)
    }

    pub(super) fn below(&mut self, end: u64) -> Option<u64> {
        let (bits, short) = shape_below(end);
        let value = self.take(bits)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1 | self.take(1)?) - short)
    }
}

fn short(rest: &[u8]) -> u64 {
    let mut all = [0; 8];
    all[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(
            numbers in prop::collection::vec((0_u64..1 << 20, 0_u32..12, 1_u64..1 << 21), 0..60)
        ) {
            let mut writer = BitWriter::default();
            for (value, bits, end) in &numbers {
                writer.put(*value, 20);
                writer.put_rice(*value >> 8, *bits);
                writer.put_below(value % end, *end);
            }
            let bytes = writer.bytes();
            let written = writer.finish();
            prop_assert_eq!(bytes, written.len());
            let mut reader = BitReader::new(&written);
            for (value, bits, end) in &numbers {
                prop_assert_eq!(reader.take(20), Some(*value));
                prop_assert_eq!(reader.rice(*bits), Some(*value >> 8));
                prop_assert_eq!(reader.below(*end), Some(value % end));
            }
        }

        #[test]
        fn nothing_is_read_past_the_end(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let bits = bytes.len() * 8;
            let mut reader = BitReader::new(&bytes);
            for _ in 0..=bits {
                reader.take(1);
            }
            prop_assert_eq!(reader.take(1), None);
            prop_assert_eq!(BitReader::new(&[0xff; 9]).rice(3), None);
        }
    }

    #[test]
    fn numbers_below_an_end_take_as_few_bits_as_there_are() {
        let bits_of = |value, end| {
            let mut writer = BitWriter::default();
            (0..8).for_each(|_| writer.put_below(value, end));
            writer.finish().len()
        };

        assert_eq!((bits_of(511, 512), bits_of(0, 1)), (9, 0));
        assert_eq!((bits_of(0, 520), bits_of(519, 520)), (9, 10));
    }
}
