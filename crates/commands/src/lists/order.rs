//! Order keys: what the elements of an exploded list are sorted by.
//!
//! ```text
//! 80 00 00 00 00 00 00 00            the first element that was pushed; others get 8-byte numbers above and below
//! 80 00 00 00 00 00 00 00 | 80       one that was inserted behind it
//! ```
//! Invariants: a key has at least 8 bytes; a longer one does not end with a zero byte, so that there is always a key between two.

use types::txn::Abort;

use crate::elements::SortKey;
use crate::lists::damaged;

/// The key of the only element.
pub(super) const MIDDLE: [u8; 8] = (1u64 << 63).to_be_bytes();

/// Longest key there may be: inserting at the same place again and again makes keys longer by one bit each time, until those around are
/// made anew. What the root keeps of a sequence is no longer either.
pub(super) const KEY_MAX: usize = 64;

/// Keys up to this long are left alone when those around a place are made anew.
pub(super) const KEY_SHORT: usize = 12;

/// The bytes of a key without those that say where it was inserted.
///
/// # Errors
/// As everything here: [`Abort::Storage`] for what is no order key.
fn base(key: &[u8]) -> Result<[u8; 8], Abort> {
    key.first_chunk().copied().ok_or_else(damaged)
}

/// A key above all that are not above `last`.
pub(super) fn above(last: &[u8]) -> Result<[u8; 8], Abort> {
    let number = u64::from_be_bytes(base(last)?);
    Ok(number.checked_add(1).ok_or_else(damaged)?.to_be_bytes())
}

/// A key below all that are not below `first`.
pub(super) fn below(first: &[u8]) -> Result<[u8; 8], Abort> {
    let number = u64::from_be_bytes(base(first)?);
    Ok(number.checked_sub(1).ok_or_else(damaged)?.to_be_bytes())
}

/// A key between two: the middle, cut to the bytes that it needs.
pub(super) fn between(low: &[u8], high: &[u8]) -> Result<SortKey, Abort> {
    let digit = |key: &[u8], at: usize| key.get(at).map_or(0, |&byte| u16::from(byte));
    let mut key = SortKey::new();
    let mut bounded = true;
    loop {
        let at = key.len();
        if low >= high || (bounded && at >= low.len().max(high.len())) {
            return Err(damaged());
        }
        let (from, to) = (digit(low, at), if bounded { digit(high, at) } else { 256 });
        if from + 1 < to {
            key.push(((from + to) / 2) as u8);
            if key.len() < MIDDLE.len() {
                key.resize(MIDDLE.len(), 0);
            }
            return Ok(key);
        }
        key.push(from as u8);
        bounded &= from >= to;
    }
}

/// `count` keys between two, as evenly as halving makes them.
pub(super) fn spread(low: &[u8], high: &[u8], count: usize) -> Result<Vec<SortKey>, Abort> {
    let mut keys = vec![SortKey::new(); count];
    halve(low, high, &mut keys)?;
    Ok(keys)
}

/// Recursion as deep as the logarithm of the number of keys.
fn halve(low: &[u8], high: &[u8], keys: &mut [SortKey]) -> Result<(), Abort> {
    let (left, rest) = keys.split_at_mut(keys.len() / 2);
    let Some((middle, right)) = rest.split_first_mut() else { return Ok(()) };
    *middle = between(low, high)?;
    halve(low, middle, left)?;
    halve(middle, high, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_between(low: &[u8], high: &[u8]) -> SortKey {
        let key = between(low, high).unwrap_or_else(|_| panic!("between {low:?} and {high:?}"));
        assert!(low < &key[..] && &key[..] < high, "{low:?} < {key:?} < {high:?}");
        assert!(key.len() == 8 || (key.len() > 8 && key.last() != Some(&0)), "{key:?}");
        key
    }

    #[test]
    fn there_is_a_key_between_any_two() {
        let numbers = [0, 1, 255, 256, 257, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX].map(u64::to_be_bytes);
        for (index, low) in numbers.iter().enumerate() {
            for high in &numbers[index + 1..] {
                let middle = check_between(low, high);
                let (lower, upper) = (check_between(low, &middle), check_between(&middle, high));
                check_between(&lower, &middle);
                check_between(&middle, &upper);
            }
        }
    }

    #[test]
    fn a_place_takes_hundreds_of_insertions_before_its_keys_are_too_long() {
        for towards in [0, 1, 2] {
            let (mut low, mut high) = (SortKey::from_slice(&MIDDLE), SortKey::from_slice(&above(&MIDDLE).unwrap_or_default()));
            for round in 0..400 {
                let key = check_between(&low, &high);
                assert!(key.len() <= KEY_MAX, "{} bytes after {round}", key.len());
                let up = if towards == 2 { round % 2 == 0 } else { towards == 1 };
                *(if up { &mut low } else { &mut high }) = key;
            }
        }
    }

    #[test]
    fn keys_that_are_spread_are_ordered_and_short() {
        let next = above(&MIDDLE).unwrap_or_default();
        for count in [0, 1, 2, 3, 255, 256, 257, 1000, 70_000] {
            let keys = spread(&MIDDLE, &next, count).unwrap_or_default();
            assert_eq!(keys.len(), count);
            let mut last = SortKey::from_slice(&MIDDLE);
            for key in keys {
                assert!(key > last && key.len() <= KEY_SHORT && key.last() != Some(&0), "{count}: {key:?}");
                last = key;
            }
            assert!(last[..] < next[..]);
        }
    }

    #[test]
    fn what_is_no_order_key_is_damage() {
        for result in [above(b"short"), above(&[255; 8]), below(&[0; 8])] {
            assert!(matches!(result, Err(Abort::Storage(_))));
        }
        assert!(between(&MIDDLE, &MIDDLE).is_err());
        assert!(between(b"a", b"a\0").is_err());
    }
}
