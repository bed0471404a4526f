//! Integers as text: Redis stores a string as a number if the number's text gives back exactly that string.

use bytes::Bytes;

/// The number whose decimal text is exactly `text`: no plus sign, no leading zeros, no `-0`.
pub(crate) fn canonical(text: &[u8]) -> Option<i64> {
    if text.len() > 20 {
        return None;
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [] => false,
        [b'0'] => text.len() == 1,
        [first, ..] => *first != b'0' && digits.iter().all(u8::is_ascii_digit),
    };
    if canonical { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// The decimal text of `number`.
pub(crate) fn text(number: i64) -> Bytes {
    Bytes::copy_from_slice(itoa::Buffer::new().format(number).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_of_a_number_is_a_number() {
        for number in [0, 1, -1, 10, 127, -128, i64::MAX, i64::MIN] {
            assert_eq!(canonical(&text(number)), Some(number));
        }
        for text in
            ["", "-", "+1", "01", "-0", "00", " 1", "1 ", "1a", "9223372036854775808", "-9223372036854775809", "184467440737095516150"]
        {
            assert_eq!(canonical(text.as_bytes()), None, "{text}");
        }
    }
}
