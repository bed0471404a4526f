//! Sorted integers in a row of bytes: `width | integer, ...`.
//!
//! The width is that of the widest integer there ever was: 1, 2, 4 or 8 bytes. Integers are big-endian two's complement and ascend.
//! No integers are no bytes.

/// Whether `value` can be `count` integers. Its order is not looked at: a wrong one makes wrong answers, no more.
pub(super) fn is_whole(value: &[u8], count: u64) -> bool {
    match value {
        [] => count == 0,
        [width @ (1 | 2 | 4 | 8), rest @ ..] => u64::from(*width).checked_mul(count) == Some(rest.len() as u64),
        _ => false,
    }
}

/// How many there are.
pub(super) fn len(value: &[u8]) -> usize {
    value.first().map_or(0, |&width| (value.len() - 1) / usize::from(width))
}

/// The integer at `index`.
///
/// # Panics
/// If there is none.
pub(super) fn at(value: &[u8], index: usize) -> i64 {
    let width = usize::from(value[0]);
    let bytes = &value[1 + index * width..][..width];
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { u8::MAX };
    let mut whole = [sign; 8];
    whole[8 - width..].copy_from_slice(bytes);
    i64::from_be_bytes(whole)
}

/// Where `number` is, or where it belongs.
pub(super) fn search(value: &[u8], number: i64) -> Result<usize, usize> {
    let (mut low, mut high) = (0, len(value));
    while low < high {
        let middle = low.midpoint(high);
        match at(value, middle).cmp(&number) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Equal => return Ok(middle),
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Err(low)
}

/// Puts `number` in front of the one at `index`.
pub(super) fn insert(value: &mut Vec<u8>, index: usize, number: i64) {
    let width = width_of(number);
    if value.is_empty() {
        value.push(width);
    }
    if width > value[0] {
        *value = widened(value, width);
    }
    let width = usize::from(value[0]);
    let place = 1 + index * width;
    value.splice(place..place, number.to_be_bytes()[8 - width..].iter().copied());
}

/// Takes out the integer at `index`.
pub(super) fn remove(value: &mut Vec<u8>, index: usize) {
    let width = usize::from(value[0]);
    let place = 1 + index * width;
    value.drain(place..place + width);
}

/// These integers, which ascend.
pub(super) fn of(numbers: &[i64]) -> Vec<u8> {
    let Some(width) = numbers.iter().map(|&number| width_of(number)).max() else { return Vec::new() };
    let mut value = Vec::with_capacity(1 + numbers.len() * usize::from(width));
    value.push(width);
    for number in numbers {
        value.extend_from_slice(&number.to_be_bytes()[8 - usize::from(width)..]);
    }
    value
}

fn widened(value: &[u8], width: u8) -> Vec<u8> {
    let mut wide = Vec::with_capacity(1 + (len(value) + 1) * usize::from(width));
    wide.push(width);
    for index in 0..len(value) {
        wide.extend_from_slice(&at(value, index).to_be_bytes()[8 - usize::from(width)..]);
    }
    wide
}

fn width_of(number: i64) -> u8 {
    if i8::try_from(number).is_ok() {
        1
    } else if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}
