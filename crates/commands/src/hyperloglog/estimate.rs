//! From registers to a cardinality.
//!
//! The estimator is that of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284), section 4.
//! Its sums are taken in Redis' order, so that the number is the same.

use crate::hyperloglog::pattern::{REGISTERS, VALUE_MAX};

/// How many registers have each value. The values above [`VALUE_MAX`] are those of damaged registers.
pub(super) type Histogram = [u32; 64];

/// Cardinality, as the integer that a reply holds. Registers that no elements lead to can have one that is beyond all numbers: as in Redis
/// (on x86-64) it is the least one then.
pub(super) fn cardinality(histogram: &Histogram) -> i64 {
    let m = REGISTERS as f64;
    let count = |value: u8| f64::from(histogram[usize::from(value)]);
    let mut z = m * tau((m - count(VALUE_MAX)) / m);
    for value in (1..VALUE_MAX).rev() {
        z += count(value);
        z *= 0.5;
    }
    z += m * sigma(count(0) / m);
    let estimate = (HALF_BY_LN_2 * m * m / z).round();
    if estimate < i64::MAX as f64 { estimate as i64 } else { i64::MIN }
}

/// `x + sum of x^(2^k) * 2^(k-1)` over `k >= 1`.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// `(1 - x - sum of (1 - x^(2^-k))^2 * 2^-k) / 3` over `k >= 1`.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// `0.5 / ln 2`, which the sum is to be multiplied by where there are many registers.
const HALF_BY_LN_2: f64 = 0.721_347_520_444_481_7;
