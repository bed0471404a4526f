//! LZF, the compression of RDB strings.
//!
//! ```text
//!   000nnnnn                      n + 1 bytes follow as they are
//!   nnnooooo oooooooo             copy n + 2 bytes (n from 1 to 6) from o + 1 bytes back
//!   111ooooo nnnnnnnn oooooooo    copy n + 9 bytes from o + 1 bytes back
//! ```

use crate::error::Malformed;

/// The most bytes that one compressed byte can stand for: a copy of three bytes gives at most 264.
pub const RATIO_MAX: usize = COPY_MAX / 3;

const COPY_MAX: usize = 264;
const LITERALS_MAX: usize = 32;
const DISTANCE_MAX: usize = 1 << 13;
/// Most entries of the compressor's table of places, by hash: 64 KiB. Short inputs get a smaller one.
const PLACES_MAX: usize = 1 << 14;

/// Unpacks `compressed`, which gives exactly `len` bytes.
///
/// # Errors
/// [`Malformed::Lzf`] if it does not: `len` is not believed, only checked.
pub fn decompress(compressed: &[u8], len: usize) -> Result<Vec<u8>, Malformed> {
    if len == 0 || len > compressed.len().saturating_mul(RATIO_MAX) {
        return Err(Malformed::Lzf);
    }
    let mut output = Vec::with_capacity(len);
    let mut input = compressed;
    while let [control, rest @ ..] = input {
        input = rest;
        if *control < 0x20 {
            let literals = input.split_off(..usize::from(*control) + 1).ok_or(Malformed::Lzf)?;
            if literals.len() > len - output.len() {
                return Err(Malformed::Lzf);
            }
            output.extend_from_slice(literals);
        } else {
            let mut count = usize::from(control >> 5) + 2;
            if count == 9 {
                count += usize::from(*input.split_off_first().ok_or(Malformed::Lzf)?);
            }
            let low = *input.split_off_first().ok_or(Malformed::Lzf)?;
            let distance = (usize::from(control & 0x1F) << 8 | usize::from(low)) + 1;
            let start = output.len().checked_sub(distance).ok_or(Malformed::Lzf)?;
            if count > len - output.len() {
                return Err(Malformed::Lzf);
            }
            copy_within(&mut output, start, count);
        }
    }
    if output.len() == len { Ok(output) } else { Err(Malformed::Lzf) }
}

/// Appends `count` bytes from `start` on; what is appended can be part of what is copied.
fn copy_within(output: &mut Vec<u8>, start: usize, count: usize) {
    let end = output.len() + count;
    while output.len() < end {
        let available = (output.len() - start).min(end - output.len());
        output.extend_from_within(start..start + available);
    }
}

/// Packs `input` into at most `len_max` bytes; `None` if it does not get that small.
pub fn compress(input: &[u8], len_max: usize) -> Option<Vec<u8>> {
    let mut output = Vec::with_capacity(len_max.min(input.len()));
    let mut places = vec![u32::MAX; input.len().clamp(1, PLACES_MAX).next_power_of_two()];
    let mut literals_start = 0;
    let mut at = 0;
    while at < input.len() {
        match earlier(input, at, &mut places) {
            Some(place) => {
                put_literals(&mut output, &input[literals_start..at]);
                let same = input[place..].iter().zip(&input[at..]).take(COPY_MAX).take_while(|(one, other)| one == other).count();
                put_copy(&mut output, same, at - place);
                at += same;
                literals_start = at;
            }
            None => at += 1,
        }
        if output.len() + (at - literals_start) > len_max {
            return None;
        }
    }
    put_literals(&mut output, &input[literals_start..]);
    (output.len() <= len_max).then_some(output)
}

/// The last place before `at`, if near enough, at which the same three bytes are.
fn earlier(input: &[u8], at: usize, places: &mut [u32]) -> Option<usize> {
    let three = input.get(at..at + 3)?;
    let key = u32::from_le_bytes([three[0], three[1], three[2], 0]);
    let hash = (key.wrapping_mul(0x9E37_79B1) >> 16) as usize;
    let place = &mut places[hash & (places.len() - 1)];
    let before = std::mem::replace(place, u32::try_from(at).ok()?) as usize;
    (before < at && at - before <= DISTANCE_MAX && &input[before..before + 3] == three).then_some(before)
}

fn put_literals(output: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(LITERALS_MAX) {
        output.push((run.len() - 1) as u8);
        output.extend_from_slice(run);
    }
}

fn put_copy(output: &mut Vec<u8>, count: usize, distance: usize) {
    let [high, low] = ((distance - 1) as u16).to_be_bytes();
    match count - 2 {
        short @ 1..=6 => output.push((short as u8) << 5 | high),
        long => output.extend_from_slice(&[0xE0 | high, (long - 7) as u8]),
    }
    output.push(low);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_announced_is_checked() {
        let ten = b"\x00a\xe0\x00\x00";
        assert_eq!(decompress(ten, 10).as_deref(), Ok(&b"aaaaaaaaaa"[..]));
        for len in [0, 1, 9, 11, 400, usize::MAX] {
            assert_eq!(decompress(ten, len), Err(Malformed::Lzf), "{len}");
        }
        for damaged in [&b"\x01a"[..], b"\x20\x00", b"\x00a\x20\x01", b"\x00a\xe0\x00", b"\x00a\x20"] {
            assert_eq!(decompress(damaged, 4), Err(Malformed::Lzf), "{damaged:?}");
        }
    }

    #[test]
    fn repetition_is_what_gets_small() {
        let packed = compress(&[7; 100_000], 2000).expect("much smaller");
        assert_eq!(decompress(&packed, 100_000), Ok(vec![7; 100_000]));
        let noise: Vec<u8> = (0..1000u32).map(|n| (n.wrapping_mul(n).wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(compress(&noise, 500), None);
    }

    proptest! {
        #[test]
        fn what_was_packed_unpacks(
            words in prop::collection::vec(prop::collection::vec(0..6u8, 0..8), 1..4),
            order in prop::collection::vec(0..4usize, 1..600),
        ) {
            let input: Vec<u8> = order.iter().flat_map(|word| words[word % words.len()].clone()).collect();
            prop_assume!(!input.is_empty());
            let packed = compress(&input, usize::MAX).expect("no limit");
            prop_assert_eq!(decompress(&packed, input.len()), Ok(input));
        }

        #[test]
        fn damaged_bytes_are_refused_or_give_the_announced_length(bytes in prop::collection::vec(any::<u8>(), 0..60), len in 0..6000usize) {
            if let Ok(unpacked) = decompress(&bytes, len) {
                prop_assert_eq!(unpacked.len(), len);
            }
        }
    }
}
