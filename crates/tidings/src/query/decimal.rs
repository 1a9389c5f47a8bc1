//! Which number is larger, to the last digit?
//!
//! Numbers are compared as they are written, digit by digit: neither 2^53 + 1 nor
//! 0.1 is what a double makes of it.

use std::cmp::Ordering;
use std::fmt;

/// An exponent past this is taken for this: no number is written in so many digits.
const EXPONENT_MAX: i64 = 1 << 40;

/// A number: its sign, its digits, and where its point stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// Without zeros at either end; none at all for zero.
    digits: Vec<u8>,
    /// How many digits stand before the point; negative for zeros behind it.
    point: i64,
}

impl Decimal {
    /// Reads digits with a sign, a point and an exponent, as JSON writes numbers;
    /// zeros in front do no harm. `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        if !is_digits(whole) {
            return None;
        }
        let all = || whole.bytes().chain(fraction.bytes());
        let leading = all().take_while(|digit| *digit == b'0').count();
        let mut digits: Vec<u8> = all().skip(leading).collect();
        let used = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        digits.truncate(used);
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, point: 0 });
        }
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        Some(Decimal { negative, digits, point: point + exponent })
    }

    /// As far from zero, whatever the sign.
    fn cmp_size(&self, other: &Decimal) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (false, false) => {
                self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits))
            }
            (empty, other_empty) => other_empty.cmp(&empty),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn exponent(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let size = digits.bytes().fold(0_i64, |size, digit| {
        size.saturating_mul(10).saturating_add(i64::from(digit.wrapping_sub(b'0')))
    });
    is_digits(digits).then(|| sign * size.min(EXPONENT_MAX))
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.cmp_size(other),
            (true, true) => other.cmp_size(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

/// Plain where that is short, otherwise with an exponent.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = String::from_utf8_lossy(&self.digits);
        let len = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        if self.negative {
            f.write_str("-")?;
        }
        match self.point {
            _ if digits.is_empty() => f.write_str("0"),
            point if point >= len && point <= 20 => {
                let zeros = usize::try_from(point - len).unwrap_or_default();
                write!(f, "{digits}{}", "0".repeat(zeros))
            }
            point if point > 0 && point < len => {
                let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or_default());
                write!(f, "{whole}.{fraction}")
            }
            point if (-6..=0).contains(&point) => {
                let zeros = usize::try_from(-point).unwrap_or_default();
                write!(f, "0.{}{digits}", "0".repeat(zeros))
            }
            point => write!(f, "{digits}e{}", point - len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn numbers_stand_in_their_order_to_the_last_digit() {
        let ascending = [
            "-1e30",
            "-9007199254740993",
            "-9007199254740992",
            "-1.5",
            "-0.001",
            "0",
            "1e-999999999999999999999",
            "0.1",
            "0.10000000000000000001",
            "1",
            "9.99",
            "10",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "1e400",
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(number(one).cmp(&number(other)), at.cmp(&other_at), "{one} {other}");
            }
        }
    }

    #[test]
    fn one_number_is_written_in_many_ways_and_printed_in_one() {
        for same in ["1500", "1500.0", "1.5e3", "1.5E+3", "01500", "150000e-2"] {
            assert_eq!(number(same).to_string(), "1500");
        }
        for zero in ["0", "-0", "0.0", "0e7"] {
            assert_eq!(number(zero).to_string(), "0");
        }
        for plain in ["-0.05", "1e300", "-1.25", "15e-12", "12345678901234567890.5"] {
            assert_eq!(number(plain).to_string(), plain);
        }
    }

    #[test]
    fn what_is_not_wholly_a_number_is_none() {
        for text in
            ["", "-", ".5", "5.", "1e", "1e+", "+1", " 1", "1x", "0x10", "NaN", "1.2.3", "１"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
