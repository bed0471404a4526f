//! The pages of a sequence's tree as records.
//!
//! ```text
//! p | page   leaf     number of keys | keys, each: bytes shared with the one before, own bytes, bytes
//! p | page   inner    number of children | for each: separator as a key, page
//! c | page   inner    keys below each child
//! ```
//! All numbers are LEB128. The separator of a child is above all keys of the children before it, and not above its own keys; that of the
//! first one is empty. What is above the leaves changes with every key, but only its counts do, which is why they have records of their own.

use bytes::Bytes;
use types::txn::{Abort, HashKeyTxn};
use types::varint;

use crate::counted::keys::{Keys, put_key};
use crate::counted::{Counted, damaged};
use crate::elements::SortKey;

/// A page that is no leaf.
#[derive(Debug, Clone, Default)]
pub(super) struct Inner {
    pub(super) separators: Keys,
    pub(super) children: Vec<Child>,
}

/// A page below another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) page: u64,
    /// Keys in and below it.
    pub(super) count: u64,
}

/// A page that is no leaf, as its records are: to find one child needs no more.
pub(super) struct Raw {
    separators: Bytes,
    counts: Bytes,
}

/// A child that was looked for.
pub(super) struct Found {
    pub(super) index: usize,
    pub(super) child: Child,
    /// Keys below the children before it.
    pub(super) before: u64,
}

impl Raw {
    /// The last child whose separator is not above `key`.
    pub(super) fn child_of_key(&self, key: &[u8]) -> Result<Found, Abort> {
        let mut children = Children::new(&self.separators).ok_or_else(damaged)?;
        // As much of the key as the last separator begins with.
        let mut matched = 0;
        let mut found: Option<(usize, u64)> = None;
        while let Some((index, Entry { shared, own, page })) = children.next().ok_or_else(damaged)? {
            if found.is_some() && shared != matched {
                // It differs from the last separator, which is below the key, behind or before the place where that one differs from the key.
                if shared < matched {
                    break;
                }
            } else {
                let rest = key.get(matched..).ok_or_else(damaged)?;
                let same = own.iter().zip(rest).take_while(|(a, b)| a == b).count();
                if own.get(same).is_some_and(|own| rest.get(same).is_none_or(|key| own > key)) {
                    break;
                }
                matched += same;
            }
            found = Some((index, page));
        }
        let (index, page) = found.ok_or_else(damaged)?;
        let (before, count) = self.count_of(index).ok_or_else(damaged)?;
        Ok(Found { index, child: Child { page, count }, before })
    }

    /// The child that has the key with so many before it; or, with `at_end`, the one that ends there.
    pub(super) fn child_of_rank(&self, rank: u64, at_end: bool) -> Result<Found, Abort> {
        let (mut rest, mut index, mut before) = (&self.counts[..], 0, 0);
        loop {
            let count = count(&mut rest).ok_or_else(damaged)?;
            if rest.is_empty() || rank < before + count || (at_end && rank == before + count) {
                return Ok(Found { index, child: Child { page: self.page_of(index).ok_or_else(damaged)?, count }, before });
            }
            (index, before) = (index + 1, before + count);
        }
    }

    /// The first or the last child.
    pub(super) fn child_at_end(&self, last: bool) -> Result<Found, Abort> {
        self.child_of_rank(if last { u64::MAX } else { 0 }, !last)
    }

    /// Number of children, and of keys below them.
    pub(super) fn totals(&self) -> Result<(usize, u64), Abort> {
        let (mut rest, mut children, mut keys) = (&self.counts[..], 0, 0);
        while !rest.is_empty() {
            keys += count(&mut rest).ok_or_else(damaged)?;
            children += 1;
        }
        Ok((children, keys))
    }

    /// The counts with another one for a child.
    pub(super) fn with_count(&self, index: usize, new: u64) -> Result<Bytes, Abort> {
        let mut rest = &self.counts[..];
        for _ in 0..index {
            count(&mut rest).ok_or_else(damaged)?;
        }
        let mut counts = Vec::with_capacity(self.counts.len() + 1);
        counts.extend_from_slice(&self.counts[..self.counts.len() - rest.len()]);
        varint::put(&mut counts, new);
        count(&mut rest).ok_or_else(damaged)?;
        counts.extend_from_slice(rest);
        Ok(counts.into())
    }

    /// All of it, to be changed.
    pub(super) fn open(&self) -> Result<Inner, Abort> {
        let whole = || {
            let (mut separators, mut counts) = (&self.separators[..], &self.counts[..]);
            let len = usize::try_from(varint::take(&mut separators)?).ok().filter(|&len| 0 < len && len <= separators.len())?;
            let mut inner = Inner { separators: Keys::default(), children: Vec::with_capacity(len) };
            for _ in 0..len {
                inner.separators.take_key(&mut separators)?;
                inner.children.push(Child { page: varint::take(&mut separators)?, count: count(&mut counts)? });
            }
            (separators.is_empty() && counts.is_empty()).then_some(inner)
        };
        whole().ok_or_else(damaged)
    }

    /// Keys below the children before this one, and below it.
    fn count_of(&self, index: usize) -> Option<(u64, u64)> {
        let (mut rest, mut before) = (&self.counts[..], 0);
        for _ in 0..index {
            before += count(&mut rest)?;
        }
        Some((before, count(&mut rest)?))
    }

    fn page_of(&self, index: usize) -> Option<u64> {
        let mut children = Children::new(&self.separators)?;
        loop {
            let (at, entry) = children.next()??;
            if at == index {
                return Some(entry.page);
            }
        }
    }
}

/// Goes through the separators of a page.
struct Children<'r> {
    index: usize,
    left: u64,
    rest: &'r [u8],
}

/// A child as it is written: what its separator shares with the one before, the rest of it, the page.
struct Entry<'r> {
    shared: usize,
    own: &'r [u8],
    page: u64,
}

impl<'r> Children<'r> {
    fn new(record: &'r [u8]) -> Option<Children<'r>> {
        let mut rest = record;
        Some(Children { index: 0, left: varint::take(&mut rest)?, rest })
    }

    /// The next child and its index. `Some(None)` at the end, `None` for damage.
    fn next(&mut self) -> Option<Option<(usize, Entry<'r>)>> {
        if self.left == 0 {
            return Some(None);
        }
        let mut number = || varint::take(&mut self.rest).and_then(|number| usize::try_from(number).ok());
        let (shared, own) = (number()?, number()?);
        let (own, rest) = self.rest.split_at_checked(own)?;
        self.rest = rest;
        let page = varint::take(&mut self.rest)?;
        self.left -= 1;
        self.index += 1;
        Some(Some((self.index - 1, Entry { shared, own, page })))
    }
}

impl Inner {
    /// Keys below it.
    pub(super) fn count(&self) -> u64 {
        self.children.iter().map(|child| child.count).sum()
    }
}

impl Counted {
    pub(super) fn leaf(&self, txn: &mut dyn HashKeyTxn, page: u64) -> Result<Keys, Abort> {
        let record = self.page(txn, self.tags.page, page)?;
        let mut rest = &record[..];
        Keys::decode(&mut rest).filter(|keys| rest.is_empty() && !keys.is_empty()).ok_or_else(damaged)
    }

    pub(super) fn raw(&self, txn: &mut dyn HashKeyTxn, page: u64) -> Result<Raw, Abort> {
        Ok(Raw { separators: self.page(txn, self.tags.page, page)?, counts: self.page(txn, self.tags.counts, page)? })
    }

    pub(super) fn inner(&self, txn: &mut dyn HashKeyTxn, page: u64) -> Result<Inner, Abort> {
        self.raw(txn, page)?.open()
    }

    pub(super) fn put_counts(&self, txn: &mut dyn HashKeyTxn, page: u64, counts: Bytes) {
        txn.put(self.value, &sort_key(self.tags.counts, page), counts);
    }

    pub(super) fn put_leaf(&self, txn: &mut dyn HashKeyTxn, page: u64, keys: &Keys) {
        let mut record = Vec::with_capacity(keys.size() + 2);
        keys.encode(&mut record);
        txn.put(self.value, &sort_key(self.tags.page, page), record.into());
    }

    pub(super) fn put_inner(&self, txn: &mut dyn HashKeyTxn, page: u64, inner: &Inner) {
        let mut counts = Vec::with_capacity(2 * inner.children.len());
        for child in &inner.children {
            varint::put(&mut counts, child.count);
        }
        self.put_counts(txn, page, counts.into());
        let mut record = Vec::with_capacity(inner.separators.size() + 4 * inner.children.len());
        varint::put(&mut record, inner.children.len() as u64);
        let mut last: &[u8] = b"";
        for (separator, child) in inner.separators.iter().zip(&inner.children) {
            put_key(&mut record, last, separator);
            varint::put(&mut record, child.page);
            last = separator;
        }
        txn.put(self.value, &sort_key(self.tags.page, page), record.into());
    }

    pub(super) fn delete_leaf(&self, txn: &mut dyn HashKeyTxn, page: u64) {
        txn.delete(self.value, &sort_key(self.tags.page, page));
    }

    pub(super) fn delete_inner(&self, txn: &mut dyn HashKeyTxn, page: u64) {
        txn.delete(self.value, &sort_key(self.tags.page, page));
        txn.delete(self.value, &sort_key(self.tags.counts, page));
    }

    fn page(&self, txn: &mut dyn HashKeyTxn, tag: u8, page: u64) -> Result<Bytes, Abort> {
        txn.get(self.value, &sort_key(tag, page))?.ok_or_else(damaged)
    }
}

/// Reads a number of keys off the front of the bytes; so small that the counts of a page can be added without a look.
pub(super) fn count(bytes: &mut &[u8]) -> Option<u64> {
    varint::take(bytes).filter(|&count| count < 1 << 48)
}

pub(super) fn sort_key(tag: u8, page: u64) -> SortKey {
    // Seven bits a byte, like the numbers in the records.
    let (mut sort_key, mut left) = (SortKey::from_slice(&[tag]), page);
    while left >= 0x80 {
        sort_key.push(left as u8 | 0x80);
        left >>= 7;
    }
    sort_key.push(left as u8);
    sort_key
}
