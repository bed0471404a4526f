//! Ids of entries: a time in milliseconds and a number within it, how clients write them, and what they mean in ranges.

use std::fmt::{self, Display};

use resp::number::parse_integer;

use crate::program::Stop;

/// The id of an entry. Ordered by time, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Id {
    /// Milliseconds since 1970, unless the client chose otherwise.
    pub(crate) ms: u64,
    /// The number within the millisecond.
    pub(crate) seq: u64,
}

/// The id that an XADD asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewId {
    /// `*`: the next one.
    Auto,
    /// `ms-*`: the next one within this millisecond.
    Within(u64),
    /// This one.
    Given(Id),
}

impl Id {
    /// The smallest id. No entry has it: it stands for "before all entries" and "none".
    pub(crate) const MIN: Id = Id { ms: 0, seq: 0 };
    /// The greatest id.
    pub(crate) const MAX: Id = Id { ms: u64::MAX, seq: u64::MAX };

    /// The id behind this one; `None` behind the greatest.
    pub(super) fn next(self) -> Option<Id> {
        Id::from_number(self.number().checked_add(1)?)
    }

    /// The id before this one; `None` before the smallest.
    pub(super) fn previous(self) -> Option<Id> {
        Id::from_number(self.number().checked_sub(1)?)
    }

    /// 16 bytes whose order is that of ids.
    pub(super) fn to_bytes(self) -> [u8; Id::LEN] {
        self.number().to_be_bytes()
    }

    /// What [`Id::to_bytes`] gave.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Id> {
        Id::from_number(u128::from_be_bytes(bytes.try_into().ok()?))
    }

    /// Reads `ms-seq`, or `ms`, which gets `seq`. Neither `-` nor `+`.
    pub(super) fn parse(text: &[u8], seq: u64) -> Option<Id> {
        match split(text)? {
            (ms, None) => Some(Id { ms: parse_unsigned(ms)?, seq }),
            (ms, Some(seq)) => Some(Id { ms: parse_unsigned(ms)?, seq: parse_unsigned(seq)? }),
        }
    }

    /// As [`Id::parse`]; `-` and `+` are the smallest and the greatest id.
    pub(super) fn parse_bound(text: &[u8], seq: u64) -> Option<Id> {
        match text {
            b"-" => Some(Id::MIN),
            b"+" => Some(Id::MAX),
            text => Id::parse(text, seq),
        }
    }

    fn number(self) -> u128 {
        (u128::from(self.ms) << 64) | u128::from(self.seq)
    }

    fn from_number(number: u128) -> Option<Id> {
        Some(Id { ms: (number >> 64) as u64, seq: number as u64 })
    }

    const LEN: usize = 16;
}

impl Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl NewId {
    /// Reads `*`, `ms-*`, `ms-seq` or `ms`.
    pub(super) fn parse(text: &[u8]) -> Option<NewId> {
        match (text, split(text)?) {
            (b"*", _) => Some(NewId::Auto),
            (_, (ms, Some(b"*"))) => Some(NewId::Within(parse_unsigned(ms)?)),
            _ => Id::parse(text, 0).map(NewId::Given),
        }
    }
}

/// An id that is neither `-` nor `+`; without a number it gets 0.
pub(super) fn strict(text: &[u8]) -> Result<Id, Stop> {
    Id::parse(text, 0).ok_or(Stop::refused(INVALID))
}

/// The first id of a range that begins with this argument: `-`, an id, or `(` and an id that is not part of it.
pub(super) fn start(text: &[u8]) -> Result<Id, Stop> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => strict(id)?.next().ok_or(Stop::refused("ERR invalid start ID for the interval")),
        id => Id::parse_bound(id, 0).ok_or(Stop::refused(INVALID)),
    }
}

/// The last id of a range that ends with this argument: `+`, an id (without a number: the last of its millisecond), or `(` and an id that
/// is not part of it.
pub(super) fn end(text: &[u8]) -> Result<Id, Stop> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => {
            let id = Id::parse(id, u64::MAX).ok_or(Stop::refused(INVALID))?;
            id.previous().ok_or(Stop::refused("ERR invalid end ID for the interval"))
        }
        id => Id::parse_bound(id, u64::MAX).ok_or(Stop::refused(INVALID)),
    }
}

/// Redis' text for what is not an id.
pub(super) const INVALID: &str = "ERR Invalid stream ID specified as stream command argument";

/// The parts before and behind the first `-`. As in Redis, text ends at a zero byte and is not an id where it is longer than 127 bytes.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > 127 {
        return None;
    }
    let text = text.split(|&byte| byte == 0).next()?;
    match text.iter().position(|&byte| byte == b'-') {
        Some(dash) => Some((&text[..dash], Some(&text[dash + 1..]))),
        None => Some((text, None)),
    }
}

/// An unsigned number by the rules of Redis' `string2ull`: negative integers are refused; what is not written as Redis writes integers is
/// read as C's `strtoull` does: white space and a sign in front, leading zeros, and a `-` that wraps around.
fn parse_unsigned(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse_integer(text) {
        return u64::try_from(number).ok();
    }
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let id = |ms, seq| Some(Id { ms, seq });
        for (text, expected) in [
            (&b"1-2"[..], id(1, 2)),
            (b"1", id(1, 7)),
            (b"0", id(0, 7)),
            (b"18446744073709551615-18446744073709551615", id(u64::MAX, u64::MAX)),
            (b"18446744073709551616-0", None),
            (b"01-002", id(1, 2)),
            (b" 1-+2", id(1, 2)),
            (b"1--2", None),
            (b"1--02", id(1, 2u64.wrapping_neg())),
            (b"1-2\0-x", id(1, 2)),
            (b"-1", None),
            (b"1-", None),
            (b"", None),
            (b"-", None),
            (b"+", None),
            (b"*", None),
            (b"1-*", None),
            (b"1-2-3", None),
            (b"1 -2", None),
        ] {
            assert_eq!(Id::parse(text, 7), expected, "{}", text.escape_ascii());
        }
        assert_eq!(Id::parse(&[b'0'; 127], 0), id(0, 0));
        assert_eq!(Id::parse(&[b'0'; 128], 0), None);
        assert_eq!(NewId::parse(b"*"), Some(NewId::Auto));
        assert_eq!(NewId::parse(b"5-*"), Some(NewId::Within(5)));
        assert_eq!(NewId::parse(b"-*"), None);
        assert_eq!(NewId::parse(b"5-**"), None);
        assert_eq!(NewId::parse(b"5"), Some(NewId::Given(Id { ms: 5, seq: 0 })));
    }

    #[test]
    fn neighbours_carry_over_into_the_milliseconds() {
        let id = |ms, seq| Id { ms, seq };
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(id(2, 0).previous(), Some(id(1, u64::MAX)));
        assert_eq!(Id::MAX.next(), None);
        assert_eq!(Id::MIN.previous(), None);
        assert!(id(1, u64::MAX).to_bytes() < id(2, 0).to_bytes());
        assert_eq!(Id::from_bytes(&id(3, 4).to_bytes()), Some(id(3, 4)));
        assert_eq!(Id::from_bytes(b"short"), None);
    }
}
