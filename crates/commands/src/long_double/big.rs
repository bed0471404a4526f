//! Natural numbers of any size, as far as reading and writing large floating point numbers needs them.

use std::cmp::Ordering;

/// A natural number: 32 bits per limb, the least first, none of them zero at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Big(Vec<u32>);

impl Big {
    /// The number with these decimal digits, the first one first.
    pub(super) fn from_digits(digits: &[u8]) -> Big {
        let mut big = Big(Vec::new());
        for chunk in digits.chunks(CHUNK) {
            let value = chunk.iter().fold(0, |value, &digit| value * 10 + u32::from(digit));
            big.multiply_add(10u32.pow(chunk.len() as u32), value);
        }
        big
    }

    /// Times `10^power`.
    pub(super) fn scale_by_ten(&mut self, power: usize) {
        for _ in 0..power / CHUNK {
            self.multiply_add(10u32.pow(CHUNK as u32), 0);
        }
        self.multiply_add(10u32.pow((power % CHUNK) as u32), 0);
    }

    /// `self / divisor` as `quotient * 2^shift`, with at least 65 bits in the quotient, and whether that is too little. Neither is zero.
    pub(super) fn divide(self, divisor: Big) -> (u128, bool, i32) {
        let shift = self.bits() - divisor.bits() - QUOTIENT_BITS;
        let (mut rest, mut step) = match shift {
            ..=0 => (self.shifted_left(shift.unsigned_abs()), divisor),
            1.. => (self, divisor.shifted_left(shift.unsigned_abs())),
        };
        step = step.shifted_left(QUOTIENT_BITS.unsigned_abs());
        let mut quotient = 0u128;
        for _ in 0..=QUOTIENT_BITS {
            quotient <<= 1;
            if rest.compare(&step) != Ordering::Less {
                rest.subtract(&step);
                quotient |= 1;
            }
            step.halve();
        }
        (quotient, !rest.0.is_empty(), shift)
    }

    /// Times `2^bits`.
    pub(super) fn shifted_left(&self, bits: u32) -> Big {
        let mut limbs = vec![0; (bits / 32) as usize];
        let mut carry = 0;
        for &limb in &self.0 {
            let wide = (u64::from(limb) << (bits % 32)) | carry;
            limbs.push(wide as u32);
            carry = wide >> 32;
        }
        limbs.push(carry as u32);
        Big(limbs).trimmed()
    }

    /// Its decimal digits.
    pub(super) fn to_decimal(&self) -> Vec<u8> {
        let mut limbs = self.clone();
        let mut chunks = Vec::new();
        while !limbs.0.is_empty() {
            let mut rest = 0u64;
            for limb in limbs.0.iter_mut().rev() {
                let wide = rest << 32 | u64::from(*limb);
                *limb = (wide / CHUNK_BASE) as u32;
                rest = wide % CHUNK_BASE;
            }
            limbs = limbs.trimmed();
            chunks.push(rest);
        }
        let mut text = format!("{}", chunks.pop().unwrap_or(0));
        for chunk in chunks.iter().rev() {
            text.push_str(&format!("{chunk:0width$}", width = CHUNK));
        }
        text.into_bytes()
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            let wide = u64::from(*limb) * u64::from(factor) + carry;
            *limb = wide as u32;
            carry = wide >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn bits(&self) -> i32 {
        self.0.last().map_or(0, |top| self.0.len() as i32 * 32 - top.leading_zeros() as i32)
    }

    fn compare(&self, other: &Big) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Takes away a number that is not larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = false;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let (value, first) = limb.overflowing_sub(other.0.get(index).copied().unwrap_or(0));
            let (value, second) = value.overflowing_sub(u32::from(borrow));
            (*limb, borrow) = (value, first || second);
        }
        assert!(!borrow, "subtracted a larger number");
        self.trim();
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for limb in self.0.iter_mut().rev() {
            (*limb, carry) = (*limb >> 1 | carry << 31, *limb & 1);
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn trimmed(mut self) -> Big {
        self.trim();
        self
    }
}

impl From<u64> for Big {
    fn from(value: u64) -> Big {
        Big(vec![value as u32, (value >> 32) as u32]).trimmed()
    }
}

/// Bits that a quotient has at least, less one: 64 for the mantissa and more than one to round by.
const QUOTIENT_BITS: i32 = 66;
/// Decimal digits that fit into a limb.
const CHUNK: usize = 9;
const CHUNK_BASE: u64 = 1_000_000_000;
