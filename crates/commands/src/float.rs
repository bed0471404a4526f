//! Doubles as arguments: what C's `strtod` reads, since that is what Redis hands scores, weights and bounds to.
//!
//! Decimal numbers, hexadecimal ones (`0x1.8p3`), `inf` and `infinity` in any case, each with an optional sign. The whole text has to be
//! the number. Not-a-number is never a value. Rounding is to the nearest double, ties to even.

/// A score, an increment or a weight. As in Redis, a number that is too large, or so small that it would be 0, is not one.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    let Number { value, exact_range } = Number::read(text)?;
    exact_range.then_some(value)
}

/// A bound of a range of scores. Redis is more generous here: white space in front, an empty text for 0, infinities for what is too
/// large, and nothing behind a zero byte is looked at.
pub(crate) fn parse_bound(text: &[u8]) -> Option<f64> {
    Number::read_generously(text).map(|number| number.value)
}

/// What SORT compares: as generous as bounds are, but for numbers that are too large or too small.
pub(crate) fn parse_weight(text: &[u8]) -> Option<f64> {
    let Number { value, exact_range } = Number::read_generously(text)?;
    exact_range.then_some(value)
}

/// What was read.
struct Number {
    value: f64,
    /// Whether it did not become infinite or zero for want of range.
    exact_range: bool,
}

impl Number {
    fn read_generously(text: &[u8]) -> Option<Number> {
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        if text.is_empty() {
            return Some(Number { value: 0.0, exact_range: true });
        }
        let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
        Number::read(&text[start..])
    }

    fn read(text: &[u8]) -> Option<Number> {
        let (negative, magnitude) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let number = match magnitude {
            [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
            word if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") => {
                Number { value: f64::INFINITY, exact_range: true }
            }
            digits => decimal(digits)?,
        };
        Some(Number { value: if negative { -number.value } else { number.value }, ..number })
    }
}

fn decimal(digits: &[u8]) -> Option<Number> {
    // Rust reads the same decimal numbers as C; this keeps words and second signs from it.
    if !digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) || matches!(digits, [b'+' | b'-', ..]) {
        return None;
    }
    let value: f64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let mantissa = digits.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let is_zero = mantissa.iter().all(|byte| matches!(byte, b'0' | b'.'));
    Some(Number { value, exact_range: value.is_finite() && (value != 0.0 || is_zero) })
}

/// What stands behind `0x`.
fn hexadecimal(text: &[u8]) -> Option<Number> {
    let (digits, exponent) = match text.iter().position(|byte| matches!(byte, b'p' | b'P')) {
        Some(at) => (&text[..at], binary_exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (mut mantissa, mut exponent, mut rest) = (0u64, exponent, false);
    let (mut any, mut fraction) = (false, false);
    for &byte in digits {
        if byte == b'.' && !fraction {
            fraction = true;
            continue;
        }
        let digit = u64::from((byte as char).to_digit(16)?);
        any = true;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            exponent -= if fraction { 4 } else { 0 };
        } else {
            rest |= digit != 0;
            exponent += if fraction { 0 } else { 4 };
        }
    }
    any.then(|| rounded(mantissa, rest, exponent))
}

fn binary_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Far beyond what a mantissa of any length that fits a request makes up for.
    let magnitude = digits.iter().fold(0i64, |number, byte| (number * 10 + i64::from(byte - b'0')).min(1 << 40));
    Some(if negative { -magnitude } else { magnitude })
}

/// The double nearest to `mantissa * 2^exponent`, and a little more if there is a `rest`.
fn rounded(mantissa: u64, rest: bool, exponent: i64) -> Number {
    if mantissa == 0 {
        return Number { value: 0.0, exact_range: true };
    }
    let shift = mantissa.leading_zeros();
    let (mantissa, exponent) = (mantissa << shift, exponent - i64::from(shift));
    let highest = exponent + 63; // the power of two of the highest bit
    if highest > 1023 {
        return Number { value: f64::INFINITY, exact_range: false };
    }
    // Doubles have 53 bits, and fewer below 2^-1022.
    let Some(bits) = u32::try_from((highest + 1075).min(53)).ok() else { return Number { value: 0.0, exact_range: false } };
    let dropped = 64 - bits;
    let kept = mantissa.checked_shr(dropped).unwrap_or(0);
    let tail = mantissa.checked_shl(bits).unwrap_or(0);
    let half = 1 << 63;
    let up = tail > half || tail == half && (rest || kept & 1 == 1);
    let value = (kept + u64::from(up)) as f64 * power_of_two(exponent + i64::from(dropped));
    Number { value, exact_range: value.is_finite() && value != 0.0 }
}

/// `2^exponent`, which a double can hold: between -1074 and 1023.
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(if exponent < -1022 { 1 << (exponent + 1074) } else { ((exponent + 1023) as u64) << 52 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As redis-server 7.0.15 takes them: `ZADD k <text> m`, then ZSCORE.
    #[test]
    fn scores_are_what_strtod_reads() {
        for (text, value) in [
            ("0", 0.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("+5", 5.0),
            ("-5e3", -5000.0),
            ("1E+2", 100.0),
            ("4.9e-324", 5e-324),
            ("0e999999", 0.0),
            ("0x10", 16.0),
            ("-0X.8p1", -1.0),
            ("0x1.8p+3", 12.0),
            ("0x1p-1074", 5e-324),
            ("0x1.fffffffffffff7p0", 2.0f64.next_down()),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000000001p0", 1.0f64.next_up()),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x0.00000000000000000000000000000001p128", 1.0),
            ("0x100000000000000000000000000000000p-128", 1.0),
            ("0x1.8p-1074", 1e-323),
            ("0x1.1p-1075", 5e-324),
            ("inf", f64::INFINITY),
            ("+INF", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
        for text in [
            "",
            " 1",
            "1 ",
            "nan",
            "-nan",
            "1e400",
            "-1e400",
            "1e-400",
            "0x",
            "0x.",
            "0xg",
            "0x1p",
            "0x1p+",
            "0x1p-1075",
            "0x1p1024",
            "0x1p5000",
            "0x1.fffffffffffff8p1023",
            "0x1p-99999999999999999999",
            ".",
            "+-5",
            "--5",
            "1e",
            "1e+",
            "1.5.5",
            "0x1.1.1",
            "infin",
            "1_0",
            "1\0",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    /// As redis-server 7.0.15 takes them: `ZCOUNT k <text> +inf`.
    #[test]
    fn bounds_are_read_more_generously() {
        for (text, value) in [
            ("", 0.0),
            (" \t\r1", 1.0),
            ("1e400", f64::INFINITY),
            ("-0x1p5000", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("2\0x", 2.0),
            ("\0", 0.0),
        ] {
            assert_eq!(parse_bound(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in ["nan", "1 ", " ", "(1", "-", "+", "x"] {
            assert_eq!(parse_bound(text.as_bytes()), None, "{text:?}");
        }
    }
}
