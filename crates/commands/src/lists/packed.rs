//! A list that lies whole in its root: `varint length | bytes` for each element, in order.

use std::ops::Range;

use types::txn::Abort;
use types::varint;

use crate::lists::damaged;

/// Where the elements of a packed list stand in it.
pub(super) struct Entries<'a> {
    packed: &'a [u8],
    at: usize,
}

/// One element's place.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// With its length.
    pub(super) record: Range<usize>,
    /// Without.
    pub(super) element: Range<usize>,
}

/// The elements, in order.
pub(super) fn entries(packed: &[u8]) -> Entries<'_> {
    Entries { packed, at: 0 }
}

/// The places of all elements.
///
/// # Errors
/// [`Abort::Storage`] if the bytes are no packed list.
pub(super) fn places(packed: &[u8]) -> Result<Vec<Entry>, Abort> {
    entries(packed).collect()
}

/// Appends an element.
pub(super) fn append(out: &mut Vec<u8>, element: &[u8]) {
    varint::put(out, element.len() as u64);
    out.extend_from_slice(element);
}

/// How many bytes an element takes here.
pub(super) fn size(len: usize) -> u64 {
    let digits = (usize::BITS - (len | 1).leading_zeros()).div_ceil(7);
    u64::from(digits) + len as u64
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Abort>;

    fn next(&mut self) -> Option<Result<Entry, Abort>> {
        let mut rest = self.packed.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let len = varint::take(&mut rest).and_then(|len| usize::try_from(len).ok()).filter(|&len| len <= rest.len());
        let Some(len) = len else {
            self.at = self.packed.len();
            return Some(Err(damaged()));
        };
        let begin = self.packed.len() - rest.len();
        self.at = begin + len;
        Some(Ok(Entry { record: start..self.at, element: begin..self.at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_take_the_bytes_that_their_size_says() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 1 << 21] {
            let mut packed = Vec::new();
            append(&mut packed, &vec![7; len]);
            assert_eq!(packed.len() as u64, size(len), "{len}");
        }
    }

    #[test]
    fn bytes_that_are_cut_are_damage() {
        let mut packed = Vec::new();
        append(&mut packed, b"first");
        append(&mut packed, b"second");
        assert_eq!(places(&packed).ok().map(|all| all.len()), Some(2));
        for len in (1..packed.len()).filter(|&len| len != 6) {
            assert!(matches!(places(&packed[..len]), Err(Abort::Storage(_))), "{len}");
        }
    }
}
