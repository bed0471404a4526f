//! The arithmetic of INCRBYFLOAT: the 80-bit `long double` of x86, in which Redis adds.
//!
//! Rust has no such type, and with doubles 3 + 1.1 would be 4.09999999999999964. A number is `mantissa * 2^exponent` with a mantissa
//! of 64 bits; reading, adding and rounding are exact and to the nearest (ties to even), so every reply is the one Redis gives.
//!
//! Invariant: a finite number that is not zero has the highest bit of its mantissa set, unless its exponent is the least one.

use std::cmp::Ordering;

use crate::long_double::big::Big;

mod big;

/// An 80-bit floating point number. Not-a-number does not exist: what would be one has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LongDouble {
    /// `mantissa * 2^exponent`.
    Finite { negative: bool, mantissa: u64, exponent: i32 },
    /// Larger than everything, or smaller.
    Infinite,
}

impl LongDouble {
    pub(crate) const ZERO: LongDouble = LongDouble::Finite { negative: false, mantissa: 0, exponent: EXPONENT_MIN };

    /// Reads a decimal number: sign, digits, point, exponent; `inf` and `infinity`. What is out of range is not a number, as in Redis.
    pub(crate) fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= TEXT_MAX {
            return None;
        }
        let (negative, text) = match text {
            [b'-', text @ ..] => (true, text),
            [b'+', text @ ..] => (false, text),
            text => (false, text),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble::Infinite);
        }
        let Decimal { digits, exponent } = Decimal::parse(text)?;
        let leading = digits.len() as i64 + exponent; // the value lies below 10^leading, and not a tenth below
        if digits.is_empty() {
            return Some(LongDouble::Finite { negative, mantissa: 0, exponent: EXPONENT_MIN });
        }
        if !(DECIMAL_MIN..=DECIMAL_MAX).contains(&leading) {
            return None;
        }
        let mut numerator = Big::from_digits(&digits);
        let mut denominator = Big::from_digits(&[1]);
        if exponent >= 0 { &mut numerator } else { &mut denominator }.scale_by_ten(exponent.unsigned_abs() as usize);
        let (quotient, rest, shift) = numerator.divide(denominator);
        // An infinity here is out of range, and so is a zero that had digits.
        match LongDouble::round(negative, quotient, shift, rest)? {
            LongDouble::Finite { mantissa: 0, .. } => None,
            number => Some(number),
        }
    }

    /// The sum; `None`, if it is too large.
    pub(crate) fn plus(self, other: LongDouble) -> Option<LongDouble> {
        let (
            LongDouble::Finite { negative, mantissa, exponent },
            LongDouble::Finite { negative: other_negative, mantissa: other_mantissa, exponent: other_exponent },
        ) = (self, other)
        else {
            return None;
        };
        if exponent < other_exponent {
            return other.plus(self);
        }
        if mantissa == 0 {
            return Some(other);
        }
        // Both in units of 2^unit. What the smaller one loses is remembered in its lowest bit, far below where the sum is rounded.
        let distance = (exponent - other_exponent) as u32;
        let raised = distance.min(ROOM);
        let unit = exponent - raised as i32;
        let large = u128::from(mantissa) << raised;
        let lowered = distance - raised;
        let small = u128::from(other_mantissa.checked_shr(lowered).unwrap_or(0));
        let lost = other_mantissa != 0 && other_mantissa.trailing_zeros() < lowered;
        let small = small | u128::from(lost);
        let (negative, sum) = match (negative == other_negative, large.cmp(&small)) {
            (true, _) => (negative, large + small),
            (false, Ordering::Equal) => (false, 0),
            (false, Ordering::Greater) => (negative, large - small),
            (false, Ordering::Less) => (other_negative, small - large),
        };
        LongDouble::round(negative, sum, unit, false)
    }

    /// The number with 17 digits behind the point, less the zeros at its end: Redis' format for people.
    pub(crate) fn to_text(self) -> Vec<u8> {
        let LongDouble::Finite { negative, mantissa, exponent } = self else { return b"inf".to_vec() };
        let mut text = Vec::new();
        if exponent >= 0 {
            text = Big::from(mantissa).shifted_left(exponent as u32).to_decimal();
        } else {
            let scaled = halve_even(u128::from(mantissa) * FRACTION, exponent.unsigned_abs());
            text.extend_from_slice(itoa::Buffer::new().format(scaled / FRACTION).as_bytes());
            let fraction = format!(".{:0width$}", scaled % FRACTION, width = FRACTION_DIGITS);
            text.extend_from_slice(fraction.trim_end_matches('0').trim_end_matches('.').as_bytes());
        }
        if negative && text != b"0" {
            text.insert(0, b'-');
        }
        text
    }

    /// The nearest number to `value * 2^exponent`, of which `more` says that it is a little larger. `None`, if there is none.
    fn round(negative: bool, value: u128, exponent: i32, more: bool) -> Option<LongDouble> {
        if value == 0 {
            return Some(LongDouble::Finite { negative, mantissa: 0, exponent: EXPONENT_MIN });
        }
        let bits = 128 - value.leading_zeros() as i32;
        let drop = (bits - 64).max(EXPONENT_MIN - exponent);
        let (mut mantissa, mut exponent) = match drop {
            ..=0 => (value << drop.unsigned_abs(), exponent + drop),
            1.. => {
                let value = if more { value | 1 } else { value }; // dropped bits are there: the lowest is not the deciding one
                (halve_even(value, drop.unsigned_abs()), exponent + drop)
            }
        };
        if mantissa == 1 << 64 {
            (mantissa, exponent) = (1 << 63, exponent + 1);
        }
        let mantissa = u64::try_from(mantissa).expect("rounded to 64 bits");
        let top = exponent + 64 - mantissa.leading_zeros() as i32;
        (top <= TOP_MAX).then_some(LongDouble::Finite { negative, mantissa, exponent })
    }
}

/// Decimal digits without zeros at the start, and the power of ten of the last one.
struct Decimal {
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &[u8]) -> Option<Decimal> {
        let (mantissa, exponent) = match text.iter().position(|b| b.eq_ignore_ascii_case(&b'e')) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let point = mantissa.iter().position(|&b| b == b'.').unwrap_or(mantissa.len());
        let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
        if whole.is_empty() && fraction.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
            return None;
        }
        let digits = whole.iter().chain(fraction).map(|b| b - b'0').skip_while(|&digit| digit == 0).collect();
        Some(Decimal { digits, exponent: exponent - fraction.len() as i64 })
    }
}

/// The exponent, cut to what is out of range anyway.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value: i64, b| (value * 10 + i64::from(b - b'0')).min(1_000_000));
    Some(if negative { -value } else { value })
}

/// `value / 2^bits`, rounded to the nearest, ties to even.
fn halve_even(value: u128, bits: u32) -> u128 {
    if bits == 0 {
        return value;
    }
    if bits > 128 {
        return 0;
    }
    let floor = value.checked_shr(bits).unwrap_or(0);
    let half = 1u128 << (bits - 1);
    let rest = if bits == 128 { value } else { value & ((half << 1) - 1) };
    match rest.cmp(&half) {
        Ordering::Less => floor,
        Ordering::Equal => floor + (floor & 1),
        Ordering::Greater => floor + 1,
    }
}

/// How far the larger of two numbers is raised before they are added: two mantissas of 64 bits and a carry stay below 128 bits.
const ROOM: u32 = 62;
/// Exponent of the smallest number there is.
const EXPONENT_MIN: i32 = -16_445;
/// Every number is below two to this.
const TOP_MAX: i32 = 16_384;
/// Powers of ten outside these are out of range for sure.
const DECIMAL_MIN: i64 = -4_960;
const DECIMAL_MAX: i64 = 4_940;
/// Redis reads no longer number.
const TEXT_MAX: usize = 5 * 1024;
const FRACTION_DIGITS: usize = 17;
const FRACTION: u128 = 10u128.pow(FRACTION_DIGITS as u32);

#[cfg(test)]
mod tests;
