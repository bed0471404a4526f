//! A small sorted set, whole in its key's root.
//!
//! ```text
//! value      entry*, in the order of places
//! entry      length of the place, varint | place: score, 8 bytes | member
//! ```
//! Invariant: entries are sorted by place, and no two have the same member.

use std::ops::Range;

use bytes::Bytes;
use types::txn::Abort;
use types::varint;

use crate::sorted_sets::place::{self, Place, SCORE, damaged};

/// The members of a small sorted set, sorted. What is added lies beside the bytes that were read, until [`Inline::encode`] joins them.
#[derive(Debug, Default)]
pub(super) struct Inline {
    bytes: Bytes,
    added: Vec<u8>,
    entries: Vec<Entry>,
    /// Length of the longest member that was ever in it.
    longest: usize,
}

/// Where a place lies: in `bytes`, or behind them in `added`.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    end: usize,
}

impl Inline {
    /// # Errors
    /// [`Abort::Storage`], if the bytes are not those of `count` entries.
    pub(super) fn decode(bytes: Bytes, count: u64) -> Result<Inline, Abort> {
        let mut inline = Inline { entries: Vec::with_capacity(usize::try_from(count).unwrap_or(0).min(bytes.len())), ..Inline::default() };
        let mut rest = &bytes[..];
        let mut before: &[u8] = &[];
        while !rest.is_empty() {
            let len = varint::take(&mut rest).and_then(|len| usize::try_from(len).ok()).ok_or_else(damaged)?;
            let (place, behind) = rest.split_at_checked(len).ok_or_else(damaged)?;
            place::split(place)?;
            if before >= place {
                return Err(damaged());
            }
            let start = bytes.len() - rest.len();
            inline.push(Entry { start, end: start + len });
            (before, rest) = (place, behind);
        }
        if inline.len() != count {
            return Err(damaged());
        }
        inline.bytes = bytes;
        Ok(inline)
    }

    /// The root's value.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + self.added.len() + 2 * self.entries.len());
        for &entry in &self.entries {
            let place = self.bytes_of(entry);
            varint::put(&mut out, place.len() as u64);
            out.extend_from_slice(place);
        }
        out
    }

    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Length of the longest member that it has or had.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Bytes that it holds, those of removed members included.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.added.len()
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        let place = self.places().find(|place| &place[SCORE..] == member)?;
        place.first_chunk().and_then(|score| place::decode(*score))
    }

    /// How many places lie before this one.
    pub(super) fn before(&self, place: &[u8]) -> u64 {
        self.entries.partition_point(|&entry| self.bytes_of(entry) < place) as u64
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, place: &Place) {
        let at = self.before(place) as usize;
        let start = self.size();
        self.added.extend_from_slice(place);
        let entry = Entry { start, end: start + place.len() };
        self.entries.insert(at, entry);
        self.longest = self.longest.max(place.len() - SCORE);
    }

    /// Removes the places with these ranks, which have to be there.
    pub(super) fn remove(&mut self, ranks: Range<u64>) {
        self.entries.drain(ranks.start as usize..ranks.end as usize);
    }

    /// The places with these ranks, as far as they are there.
    pub(super) fn ranks(&self, ranks: Range<u64>) -> impl DoubleEndedIterator<Item = &[u8]> {
        let len = self.entries.len();
        let index = |rank: u64| usize::try_from(rank).unwrap_or(len).min(len);
        self.entries[index(ranks.start).min(index(ranks.end))..index(ranks.end)].iter().map(|&entry| self.bytes_of(entry))
    }

    /// All places in order.
    pub(super) fn places(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.entries.iter().map(|&entry| self.bytes_of(entry))
    }

    fn push(&mut self, entry: Entry) {
        self.longest = self.longest.max(entry.end - entry.start - SCORE);
        self.entries.push(entry);
    }

    fn bytes_of(&self, Entry { start, end }: Entry) -> &[u8] {
        match start.checked_sub(self.bytes.len()) {
            None => &self.bytes[start..end],
            Some(start) => &self.added[start..end - self.bytes.len()],
        }
    }
}
