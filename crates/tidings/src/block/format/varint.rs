//! How are numbers written? Unsigned ones as LEB128, signed ones zigzag before;
//! differences of instants wrap around, so that every pair of instants has one.

use super::FormatError;

/// Bytes of the longest varint of 64 bits.
const VARINT_BYTES_MAX: usize = 10;
/// Of eight bytes the bits that say that a number goes on.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

pub(super) fn put_len(out: &mut Vec<u8>, value: usize) {
    put_varint(out, value as u64);
}

/// The difference of two instants, signed.
pub(super) fn put_difference(out: &mut Vec<u8>, from: i64, to: i64) {
    put_signed(out, to.wrapping_sub(from));
}

pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Takes numbers and bytes from the front, never past the end.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub(super) fn remaining(&self) -> usize {
        self.0.len()
    }

    pub(super) fn take(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(FormatError::Missing { what })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(FormatError::Missing { what })?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, FormatError> {
        self.array(what).map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn varint(&mut self, what: &'static str) -> Result<u64, FormatError> {
        match self.0 {
            // Most are this short.
            [byte @ ..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(what),
        }
    }

    fn long_varint(&mut self, what: &'static str) -> Result<u64, FormatError> {
        if let Some((eight, _)) = self.0.split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*eight);
            let ends = !word & HIGH_BITS;
            if ends != 0 {
                // At most eight bytes, without a look at each: what follows its end
                // is cut off, and its groups of seven bits are pushed together.
                let bytes = ends.trailing_zeros() as usize / 8 + 1;
                self.0 = &self.0[bytes..];
                let word = word & (u64::MAX >> (64 - 8 * bytes)) & !HIGH_BITS;
                let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
                let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
                return Ok(word & 0x0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4);
            }
        }
        let mut value = 0;
        for (place, byte) in self.0.iter().take(VARINT_BYTES_MAX).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if place == VARINT_BYTES_MAX - 1 && bits > 1 {
                return Err(FormatError::Impossible { what, value: bits });
            }
            value |= bits << (7 * place);
            if *byte < 0x80 {
                self.0 = &self.0[place + 1..];
                return Ok(value);
            }
        }
        if self.0.len() < VARINT_BYTES_MAX {
            return Err(FormatError::Missing { what });
        }
        Err(FormatError::Impossible { what, value })
    }

    pub(super) fn signed(&mut self, what: &'static str) -> Result<i64, FormatError> {
        let value = self.varint(what)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// So many numbers, if each of them is a byte.
    pub(super) fn short(&mut self, count: usize) -> Option<&'a [u8]> {
        let (short, rest) = self.0.split_at_checked(count)?;
        let all = short.iter().fold(0, |all, byte| all | *byte);
        (all < 0x80).then(|| {
            self.0 = rest;
            short
        })
    }

    /// Passes over so many numbers without reading them.
    pub(super) fn pass(&mut self, count: usize, what: &'static str) -> Result<(), FormatError> {
        let mut left = count;
        while let Some((eight, rest)) = self.0.split_first_chunk::<8>() {
            let ends = (!u64::from_le_bytes(*eight) & HIGH_BITS).count_ones() as usize;
            if ends >= left {
                break;
            }
            left -= ends;
            self.0 = rest;
        }
        while left > 0 {
            left -= usize::from(self.byte(what)? < 0x80);
        }
        Ok(())
    }

    /// The instant that differs so from another one.
    pub(super) fn instant(&mut self, from: i64, what: &'static str) -> Result<i64, FormatError> {
        Ok(from.wrapping_add(self.signed(what)?))
    }

    /// A length or a count, at most `max`.
    pub(super) fn len(&mut self, max: usize, what: &'static str) -> Result<usize, FormatError> {
        let value = self.varint(what)?;
        match usize::try_from(value) {
            Ok(len) if len <= max => Ok(len),
            _ => Err(FormatError::Impossible { what, value }),
        }
    }

    /// A length or a count of at least 1, at most `max`.
    pub(super) fn some(&mut self, max: usize, what: &'static str) -> Result<usize, FormatError> {
        match self.len(max, what)? {
            0 => Err(FormatError::Impossible { what, value: 0 }),
            some => Ok(some),
        }
    }

    /// An index below `end`.
    pub(super) fn index(&mut self, end: usize, what: &'static str) -> Result<u32, FormatError> {
        let value = self.varint(what)?;
        match u32::try_from(value) {
            Ok(index) if value < end as u64 => Ok(index),
            _ => Err(FormatError::Impossible { what, value }),
        }
    }

    pub(super) fn text(
        &mut self,
        bytes: usize,
        what: &'static str,
    ) -> Result<&'a str, FormatError> {
        std::str::from_utf8(self.take(bytes, what)?)
            .map_err(|_| FormatError::BadText { what, expected: "UTF-8" })
    }

    /// Nothing may follow.
    pub(super) fn end(&self, what: &'static str) -> Result<(), FormatError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(FormatError::Impossible { what, value: left as u64 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back() {
        let powers = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        for value in powers.chain([u64::MAX]) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_signed(&mut out, value.cast_signed());
            // Whatever stands behind it.
            out.extend([0xff; 8]);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint("value"), Ok(value));
            assert_eq!(reader.signed("value"), Ok(value.cast_signed()));
            out.truncate(out.len() - 8);

            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint("value"), Ok(value));
            assert_eq!(reader.signed("value"), Ok(value.cast_signed()));
            assert_eq!(reader.end("rest"), Ok(()));
        }
    }

    #[test]
    fn numbers_are_passed_over_wherever_they_end() {
        for sizes in [[1; 20], [1 << 20; 20], std::array::from_fn(|i| 1_u64 << (i * 3))] {
            let mut out = Vec::new();
            for size in sizes {
                put_varint(&mut out, size);
            }
            for passed in 0..sizes.len() {
                let mut reader = Reader::new(&out);
                reader.pass(passed, "value").unwrap();
                assert_eq!(reader.varint("value"), Ok(sizes[passed]), "{passed} of {sizes:?}");
            }
            let error = Reader::new(&out).pass(sizes.len() + 1, "value").unwrap_err();
            assert_eq!(error, FormatError::Missing { what: "value" });
        }
    }

    #[test]
    fn numbers_of_more_than_64_bits_are_refused() {
        for bytes in [[0xff; 10], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
            let error = Reader::new(&bytes).varint("value").unwrap_err();

            assert!(matches!(error, FormatError::Impossible { what: "value", .. }), "{error}");
        }
    }

    #[test]
    fn the_difference_of_the_ends_of_time_comes_back() {
        for (from, to) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, i64::MIN), (-1, 1)] {
            let mut out = Vec::new();
            put_difference(&mut out, from, to);

            assert_eq!(Reader::new(&out).instant(from, "instant"), Ok(to));
        }
    }
}
