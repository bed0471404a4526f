//! Intsets: sets of integers, sorted.
//!
//! ```text
//!   bytes of an integer (4: 2, 4 or 8) | integers (4) | integer..        all little endian
//! ```

use crate::error::Malformed;

const HEADER_LEN: usize = 8;

/// The integers of an intset, ascending.
///
/// # Errors
/// [`Malformed::Intset`] if `bytes` are not a whole intset, or its integers do not ascend.
pub fn read(bytes: &[u8]) -> Result<Vec<i64>, Malformed> {
    let Some((header, integers)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Err(Malformed::Intset);
    };
    let [w0, w1, w2, w3, c0, c1, c2, c3] = *header;
    let width = match u32::from_le_bytes([w0, w1, w2, w3]) {
        width @ (2 | 4 | 8) => width as usize,
        _ => return Err(Malformed::Intset),
    };
    let count = u32::from_le_bytes([c0, c1, c2, c3]) as usize;
    if integers.len() % width != 0 || integers.len() / width != count {
        return Err(Malformed::Intset);
    }
    let integers: Vec<i64> = integers.chunks_exact(width).map(integer).collect();
    if integers.is_sorted_by(|one, next| one < next) { Ok(integers) } else { Err(Malformed::Intset) }
}

/// The intset of integers that ascend. At most `u32::MAX` of them.
pub fn write(integers: &[i64]) -> Vec<u8> {
    let fits = |bits: u32| integers.iter().all(|integer| (integer << (64 - bits)) >> (64 - bits) == *integer);
    let width: u32 = if fits(16) {
        2
    } else if fits(32) {
        4
    } else {
        8
    };
    let mut bytes = Vec::with_capacity(HEADER_LEN + integers.len() * width as usize);
    bytes.extend_from_slice(&width.to_le_bytes());
    bytes.extend_from_slice(&(integers.len() as u32).to_le_bytes());
    integers.iter().for_each(|integer| bytes.extend_from_slice(&integer.to_le_bytes()[..width as usize]));
    bytes
}

fn integer(bytes: &[u8]) -> i64 {
    let mut high = [0; 8];
    high[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_le_bytes(high) >> (64 - 8 * bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_as_wide_as_the_widest() {
        assert_eq!(write(&[-1, 2]), b"\x02\0\0\0\x02\0\0\0\xff\xff\x02\x00");
        assert_eq!(write(&[0, 1 << 15]).len(), 16);
        assert_eq!(write(&[0, 1 << 31]).len(), 24);
    }

    #[test]
    fn what_is_not_whole_or_not_in_order_is_refused() {
        let damaged: [&[u8]; 6] = [
            b"\x02\0\0\0\x01\0\0",
            b"\x03\0\0\0\x00\0\0\0",
            b"\x02\0\0\0\x02\0\0\0\x01\x00",
            b"\x02\0\0\0\x01\0\0\0\x01\x00\x00",
            b"\x02\0\0\0\x02\0\0\0\x02\x00\x01\x00",
            b"\x02\0\0\0\x02\0\0\0\x01\x00\x01\x00",
        ];
        for bytes in damaged {
            assert_eq!(read(bytes), Err(Malformed::Intset), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn integers_come_back(bits in 1..63u32, integers in prop::collection::btree_set(any::<i64>(), 0..30)) {
            let integers: std::collections::BTreeSet<i64> = integers.into_iter().map(|integer| integer >> bits).collect();
            let integers: Vec<i64> = integers.into_iter().collect();
            prop_assert_eq!(read(&write(&integers)), Ok(integers));
        }
    }
}
