//! Numbers as Redis reads and writes them.

use std::ops::Deref;

/// Reads a decimal integer by the rules of Redis' `string2ll`: an optional `-`, digits without leading zeros, nothing else.
/// So `+1`, `01`, `-0`, ` 1` and the empty string are not integers.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude = 0u64; // 19 digits always fit
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Writes a double the way Redis has since 7.2 (`d2string` over `fpconv_dtoa`): the shortest text that reads back as the same double,
/// whole numbers below 2^62 without an exponent, `inf`, `-inf`, `nan`, `-0`, exponents as `1e+300` and `1e-7`.
///
/// Redis' digits come from Grisu2, which misses the shortest text for about one double in two hundred (2 million compared with
/// fpconv, 2026); ours never do. Both read back as the same double.
pub fn format_double(value: f64) -> DoubleText {
    let mut text = DoubleText { bytes: [0; DOUBLE_MAX], len: 0 };
    if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 {
        text.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() <= WHOLE_MAX && value.trunc() == value {
        text.push(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        text.push_shortest(value);
    }
    text
}

/// A double as text. Owns its bytes: formatting allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; DOUBLE_MAX],
    len: usize,
}

impl Deref for DoubleText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl AsRef<[u8]> for DoubleText {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl DoubleText {
    fn push(&mut self, text: &[u8]) {
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    fn push_zeros(&mut self, count: usize) {
        self.push(&[b'0'; DOUBLE_MAX][..count]);
    }

    /// Lays out the shortest digits of a finite double that is not zero, as `emit_digits` of fpconv does.
    fn push_shortest(&mut self, value: f64) {
        let Decimal { digits, len, exponent } = Decimal::shortest(value.abs());
        let digits = &digits[..len];
        if value < 0.0 {
            self.push(b"-");
        }
        let scale = exponent + len as i32 - 1; // the exponent, were there one digit before the point
        if exponent >= 0 && scale < len as i32 + 7 {
            self.push(digits);
            self.push_zeros(exponent as usize);
        } else if exponent < 0 && (exponent > -7 || scale.abs() < 4) {
            let point = len as i32 + exponent; // digits before the point
            if point <= 0 {
                self.push(b"0.");
                self.push_zeros(point.unsigned_abs() as usize);
                self.push(digits);
            } else {
                self.push(&digits[..point as usize]);
                self.push(b".");
                self.push(&digits[point as usize..]);
            }
        } else {
            self.push(&digits[..1]);
            if len > 1 {
                self.push(b".");
                self.push(&digits[1..]);
            }
            self.push(if scale < 0 { b"e-" } else { b"e+" });
            self.push(itoa::Buffer::new().format(scale.unsigned_abs()).as_bytes());
        }
    }
}

/// `digits * 10^exponent`, no zeros at either end of the digits.
struct Decimal {
    digits: [u8; DIGITS_MAX],
    len: usize,
    exponent: i32,
}

impl Decimal {
    /// The fewest digits that read back as `value`, which is finite and above zero. ryu finds them but offers them only as text.
    fn shortest(value: f64) -> Decimal {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value);
        let (mantissa, written) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut decimal = Decimal { digits: [0; DIGITS_MAX], len: 0, exponent: written.parse().expect("ryu writes exponents in decimal") };
        decimal.exponent -= fraction.len() as i32;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if decimal.len > 0 || digit != b'0' {
                decimal.digits[decimal.len] = digit;
                decimal.len += 1;
            }
        }
        while decimal.len > 1 && decimal.digits[decimal.len - 1] == b'0' {
            decimal.len -= 1;
            decimal.exponent += 1;
        }
        decimal
    }
}

/// Whole doubles up to here are written as integers: `LLONG_MAX / 2` as a double, the bound of Redis' `double2ll`.
const WHOLE_MAX: f64 = 4_611_686_018_427_387_904.0;
/// ryu writes at most 24 bytes.
const DIGITS_MAX: usize = 24;
/// The longest text is a sign and 24 digits (17 and 7 zeros), or a sign, 17 digits, a point and `e-308`.
const DOUBLE_MAX: usize = 32;
