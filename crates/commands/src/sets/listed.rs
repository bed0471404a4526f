//! Members one after another in a row of bytes, in the order in which they came: `length as LEB128 | member, ...`.

use std::ops::Range;

/// Whether `value` is `count` members and nothing else.
pub(super) fn is_whole(value: &[u8], count: u64) -> bool {
    let (mut at, mut members) = (0, 0);
    while at < value.len() {
        let Some(member) = next(value, at) else { return false };
        at = member.end;
        members += 1;
    }
    members == count
}

/// Where the members are. Ends early if `value` is not whole.
pub(super) fn places(value: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let member = next(value, at)?;
        at = member.end;
        Some(member)
    })
}

/// The members.
pub(super) fn iter(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    places(value).map(|place| &value[place])
}

/// Whether `member` is there.
pub(super) fn contains(value: &[u8], member: &[u8]) -> bool {
    iter(value).any(|other| other == member)
}

/// Appends a member.
pub(super) fn push(value: &mut Vec<u8>, member: &[u8]) {
    let mut len = member.len();
    while len >= 0x80 {
        value.push(len as u8 | 0x80);
        len >>= 7;
    }
    value.push(len as u8);
    value.extend_from_slice(member);
}

/// Takes out the member at `place`, which [`places`] gave.
pub(super) fn remove(value: &mut Vec<u8>, place: Range<usize>) {
    value.drain(place.start - length_bytes(place.len())..place.end);
}

/// The member whose length begins at `at`; `None` at the end and where bytes are missing.
fn next(value: &[u8], at: usize) -> Option<Range<usize>> {
    let (mut len, mut shift, mut at) = (0usize, 0, at);
    loop {
        let byte = *value.get(at)?;
        at += 1;
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
        if shift > LENGTH_SHIFT_MAX {
            return None;
        }
    }
    let end = at.checked_add(len)?;
    (end <= value.len()).then_some(at..end)
}

fn length_bytes(len: usize) -> usize {
    let bits = (usize::BITS - len.leading_zeros()).max(1) as usize;
    bits.div_ceil(7)
}

/// Lengths have five bytes at most: more than any request can carry.
const LENGTH_SHIFT_MAX: u32 = 28;
