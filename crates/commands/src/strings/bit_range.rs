//! The range of BITCOUNT and BITPOS: bytes or bits, both ends inclusive, negative ones counted from the end.

use crate::program::{Program, Stop};

/// A range as a client says it.
pub(super) struct BitRange {
    /// Its ends.
    pub(super) start: i64,
    /// Without one it is the string's.
    pub(super) end: Option<i64>,
    bits: bool,
}

/// A range of bits that a string has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bits {
    /// The first one.
    pub(super) first: u64,
    /// The last one; not before the first.
    pub(super) last: u64,
}

impl BitRange {
    /// All of a string.
    pub(super) const ALL: BitRange = BitRange { start: 0, end: None, bits: false };

    /// Reads the unit, argument `index`, if there is one; `start` and `end` are read by the caller, whose order they have.
    pub(super) fn unit_at(p: &Program<'_>, index: usize) -> Result<bool, Stop> {
        match p.args().get(index) {
            None => Ok(false),
            Some(unit) if unit.eq_ignore_ascii_case(b"byte") => Ok(false),
            Some(unit) if unit.eq_ignore_ascii_case(b"bit") => Ok(true),
            Some(_) => Err(Stop::syntax()),
        }
    }

    /// A range of bytes, or of bits.
    pub(super) fn new(start: i64, end: Option<i64>, bits: bool) -> BitRange {
        BitRange { start, end, bits }
    }

    /// Its bits in a string of `len` bytes; `None` if there are none.
    pub(super) fn of(&self, len: u64) -> Option<Bits> {
        let total = if self.bits { len * 8 } else { len } as i64;
        let from_start = |index: i64| if index < 0 { total.saturating_add(index).max(0) } else { index };
        let start = from_start(self.start);
        let end = self.end.map_or(total - 1, from_start).min(total - 1);
        if start > end {
            return None;
        }
        let (start, end) = (start as u64, end as u64);
        Some(if self.bits { Bits { first: start, last: end } } else { Bits { first: start * 8, last: end * 8 + 7 } })
    }
}

impl Bits {
    /// The bytes they lie in: first and last.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.first / 8, self.last / 8)
    }

    /// What a byte keeps of its bits.
    pub(super) fn mask(&self, byte: u64) -> u8 {
        let mut mask = u8::MAX;
        if byte == self.first / 8 {
            mask &= u8::MAX >> (self.first % 8);
        }
        if byte == self.last / 8 {
            mask &= u8::MAX << (7 - self.last % 8);
        }
        mask
    }
}
