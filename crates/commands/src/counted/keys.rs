//! Keys in ascending order, in one buffer: what a page holds.

use std::ops::{ControlFlow, Range};

use types::varint;

/// Some keys in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    /// Where each key ends in `bytes`.
    ends: Vec<usize>,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes that they take at most when encoded, give or take what lengths of long keys take.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + 2 * self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        self.bytes.get(self.start(index)..*self.ends.get(index)?)
    }

    pub(super) fn first(&self) -> Option<&[u8]> {
        self.get(0)
    }

    pub(super) fn last(&self) -> Option<&[u8]> {
        self.get(self.len().checked_sub(1)?)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        (0..self.len()).map(|index| &self.bytes[self.start(index)..self.ends[index]])
    }

    /// Shows the keys from an index on, or those before it from the last to the first, until `visit` has seen enough.
    pub(super) fn walk(&self, index: usize, reverse: bool, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        match reverse {
            true => self.iter().take(index).rev().try_for_each(visit),
            false => self.iter().skip(index).try_for_each(visit),
        }
    }

    /// Number of keys below `key`, or with `through` those up to and with it.
    pub(super) fn below(&self, key: &[u8], through: bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let other = &self.bytes[self.start(middle)..self.ends[middle]];
            if *other < *key || (through && *other == *key) { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub(super) fn insert(&mut self, index: usize, key: &[u8]) {
        let start = self.start(index);
        self.bytes.splice(start..start, key.iter().copied());
        self.ends.insert(index, start);
        for end in &mut self.ends[index..] {
            *end += key.len();
        }
    }

    pub(super) fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    /// Takes keys out.
    pub(super) fn take(&mut self, range: Range<usize>) -> Keys {
        let bytes = self.start(range.start)..self.start(range.end);
        let taken = Keys {
            bytes: self.bytes[bytes.clone()].to_vec(),
            ends: self.ends[range.clone()].iter().map(|end| end - bytes.start).collect(),
        };
        self.ends.drain(range.clone());
        for end in &mut self.ends[range.start..] {
            *end -= bytes.len();
        }
        self.bytes.drain(bytes);
        taken
    }

    /// Puts keys that are all above these behind them.
    pub(super) fn append(&mut self, higher: &Keys) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&higher.bytes);
        self.ends.extend(higher.ends.iter().map(|end| start + end));
    }

    /// How many keys at the beginning, or at the end, have at most `size` bytes together.
    pub(super) fn within(&self, size: usize, at_end: bool) -> usize {
        let (mut left, mut count) = (size, 0);
        while count < self.len() {
            let index = if at_end { self.len() - 1 - count } else { count };
            let Some(rest) = left.checked_sub(self.ends[index] - self.start(index) + 2) else { break };
            (left, count) = (rest, count + 1);
        }
        count
    }

    /// Appends the keys, each without what it shares with the one before.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.len() as u64);
        let mut last: &[u8] = b"";
        for key in self.iter() {
            put_key(out, last, key);
            last = key;
        }
    }

    /// Reads keys off the front of the bytes; `None` if there are none.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Keys> {
        let count = usize::try_from(varint::take(bytes)?).ok().filter(|&count| count <= bytes.len())?;
        let mut keys = Keys { bytes: Vec::with_capacity(2 * bytes.len()), ends: Vec::with_capacity(count) };
        for _ in 0..count {
            keys.take_key(bytes)?;
        }
        Some(keys)
    }

    /// Reads one more key off the front of the bytes, which has to be above the others.
    pub(super) fn take_key(&mut self, bytes: &mut &[u8]) -> Option<()> {
        let mut number = || usize::try_from(varint::take(bytes)?).ok();
        let (shared, own) = (number()?, number()?);
        let (own, rest) = bytes.split_at_checked(own)?;
        *bytes = rest;
        let last = self.start(self.len().saturating_sub(1))..self.bytes.len();
        if shared > last.len() || (!self.is_empty() && own <= &self.bytes[last.start + shared..]) {
            return None;
        }
        self.bytes.extend_from_within(last.start..last.start + shared);
        self.bytes.extend_from_slice(own);
        self.ends.push(self.bytes.len());
        Some(())
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

/// Appends a key without what it shares with the one before.
pub(super) fn put_key(out: &mut Vec<u8>, last: &[u8], key: &[u8]) {
    let shared = last.iter().zip(key).take_while(|(a, b)| a == b).count();
    varint::put(out, shared as u64);
    varint::put(out, (key.len() - shared) as u64);
    out.extend_from_slice(&key[shared..]);
}

/// The shortest key above `low` that is not above `high`.
pub(super) fn separator<'k>(low: &[u8], high: &'k [u8]) -> &'k [u8] {
    let shared = low.iter().zip(high).take_while(|(a, b)| a == b).count();
    &high[..high.len().min(shared + 1)]
}
