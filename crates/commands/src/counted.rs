//! A sequence of keys with counts: how many members stand before a key, and which one stands at an index, in O(log n). Exploded lists
//! (by order key) and sorted sets (by score and member) are such sequences.
//!
//! ```text
//! root      front: a b c      tree: top page, height, number of keys, bounds      back: x y z
//!                                │
//! c | top                        │    3401     2973 ...                 keys below each child
//! p | top                        └─▶  · ──┐  m · ──┐ ...                 separators and children
//!                                         ▼        ▼
//! p | page                            d e f ..   m n o ..               leaves: the keys themselves
//!
//! tag | key       whatever the type puts there for a member, if it puts anything
//! ```
//! A B+ tree laid down as records of about a KiB (Comer, *The ubiquitous B-tree*, 1979), with the number of keys below each child. A search
//! gets a page of each level by its number and never walks. The first and the last few keys lie in the root: a push or a pop changes
//! nothing but the member's record and the root, until there are too many or none; then some keys go to the tree or come from it.
//!
//! ```text
//! keys: what a page holds      pages: their records      tree: changes and searches      find: walks, ranks, indexes
//! ```
//! Invariants:
//! 1. `front`, the tree's leaves and `back`, one after the other, are the keys in ascending order, each of them once;
//! 2. a child's count is the number of keys below it; its separator is above all keys before it, and not above its own;
//! 3. no page but an empty tree's is empty, and the top one is a leaf or has two children at least;
//! 4. no key of the tree is below its bound `low` or, cut to [`SHORT`] bytes, above `high`. Like the first and the last key they say how far
//!    a read of members' records may go: beyond them may lie the tombstones of any number of members that were popped.

use std::ops::Range;

use bytes::Bytes;
use types::txn::{Abort, HashKeyTxn, ValueId};

use crate::counted::keys::Keys;
use crate::counted::tree::{At, Tree, cut};
use crate::elements::SortKey;

mod find;
mod keys;
mod pages;
mod tree;

/// A sequence at work: what its root keeps about it, and where its records are.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    value: ValueId,
    tags: Tags,
    sizes: Sizes,
    front: Keys,
    tree: Tree,
    back: Keys,
}

/// First bytes of the sort keys of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags {
    /// What the type puts there for each member. `None`: nothing, the key says all.
    pub(crate) element: Option<u8>,
    pub(crate) page: u8,
    pub(crate) counts: u8,
}

/// How large things get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    /// Bytes of keys in a leaf.
    leaf: usize,
    /// Children of another page.
    children: usize,
    /// Bytes of keys at each end, in the root.
    end: usize,
}

/// A member: its key and what the type put there.
pub(crate) type Member = (SortKey, Bytes);

/// Is shown a member that goes, and may remove what else there is of it.
pub(crate) type Gone<'a> = dyn FnMut(&mut dyn HashKeyTxn, &[u8]) -> Result<(), Abort> + 'a;

/// One of the ends of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    First,
    Last,
}

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Front,
    Tree,
    Back,
}

impl Counted {
    /// An empty sequence.
    pub(crate) fn new(value: ValueId, tags: Tags) -> Counted {
        Counted { value, tags, sizes: SIZES, front: Keys::default(), tree: Tree::default(), back: Keys::default() }
    }

    /// The sequence whose root kept what [`Counted::encode`] wrote, which is read off the front of the bytes.
    ///
    /// # Errors
    /// [`Abort::Storage`] if the bytes are no such record.
    pub(crate) fn decode(value: ValueId, tags: Tags, bytes: &mut &[u8]) -> Result<Counted, Abort> {
        let mut decoded = || Some((Keys::decode(bytes)?, Keys::decode(bytes)?, Tree::decode(bytes)?));
        let (front, back, tree) = decoded().ok_or_else(damaged)?;
        match (front.last(), back.first()) {
            (Some(low), Some(high)) if low >= high => Err(damaged()),
            _ => Ok(Counted { value, tags, sizes: SIZES, front, tree, back }),
        }
    }

    /// Appends what the root has to keep.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.front.encode(out);
        self.back.encode(out);
        self.tree.encode(out);
    }

    /// Where its records are.
    pub(crate) fn value(&self) -> ValueId {
        self.value
    }

    /// The same sequence where its records were copied to.
    pub(crate) fn moved(self, value: ValueId) -> Counted {
        Counted { value, ..self }
    }

    /// Number of members.
    pub(crate) fn len(&self) -> u64 {
        self.front.len() as u64 + self.tree.len + self.back.len() as u64
    }

    /// A key that no member's is below: the first one, or something close to it, cut to [`SHORT`] bytes; empty if there is none.
    pub(crate) fn first(&self) -> &[u8] {
        let low = (self.tree.len > 0).then_some(&self.tree.low[..]);
        self.front.first().or(low).or(self.back.first()).unwrap_or_default()
    }

    /// A key that no member's, cut to [`SHORT`] bytes, is above; likewise.
    pub(crate) fn last(&self) -> &[u8] {
        let high = (self.tree.len > 0).then_some(&self.tree.high[..]);
        self.back.last().or(high).or(self.front.last()).unwrap_or_default()
    }

    /// Puts something else there for a member that is in the sequence.
    pub(crate) fn replace(&self, txn: &mut dyn HashKeyTxn, key: &[u8], element: Bytes) {
        if let Some(tag) = self.tags.element {
            txn.put(self.value, &tagged(tag, key), element);
        }
    }

    /// Adds a member that is not in the sequence.
    pub(crate) fn insert(&mut self, txn: &mut dyn HashKeyTxn, key: &[u8], element: Bytes) -> Result<(), Abort> {
        self.replace(txn, key, element);
        self.link(txn, key)
    }

    /// Gives a member another key, which no member has.
    pub(crate) fn change(&mut self, txn: &mut dyn HashKeyTxn, old: &[u8], new: &[u8], element: Bytes) -> Result<(), Abort> {
        self.delete_element(txn, old);
        self.replace(txn, new, element);
        if self.part_of(old) != Part::Tree || self.part_of(new) != Part::Tree {
            self.unlink(txn, old)?;
            return self.link(txn, new);
        }
        let mut is_done = false;
        self.edit(txn, At::Before(old), &mut |keys, index| {
            take_one(keys, index, old)?;
            // Where both stand on one page, that is all.
            is_done = keys.first().is_some_and(|first| first < new) && keys.last().is_some_and(|last| new < last);
            if is_done {
                keys.insert(keys.below(new, false), new);
            }
            Ok(())
        })?;
        if is_done { Ok(()) } else { self.link(txn, new) }
    }

    /// Removes members, which have to be in the sequence, in order and without others between them.
    pub(crate) fn remove(&mut self, txn: &mut dyn HashKeyTxn, keys: &[&[u8]]) -> Result<(), Abort> {
        match keys {
            [] => Ok(()),
            [key] => {
                self.delete_element(txn, key);
                self.unlink(txn, key)
            }
            [first, ..] => {
                let from = self.rank(txn, first)?;
                let mut left = keys.iter();
                while left.len() > 0 {
                    let taken = self.take_at(txn, from, left.len() as u64)?;
                    for (key, expected) in taken.iter().zip(&mut left) {
                        if *key != **expected {
                            return Err(damaged());
                        }
                        self.delete_element(txn, key);
                    }
                }
                Ok(())
            }
        }
    }

    /// Removes `count` members of one end, or all if there are fewer, and shows them with their elements, the outermost first.
    pub(crate) fn drain(
        &mut self,
        txn: &mut dyn HashKeyTxn,
        end: End,
        count: u64,
        seen: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Abort> {
        let mut left = count.min(self.len());
        while left > 0 {
            let keys = self.take_outermost(txn, end, left)?;
            left = left.checked_sub(keys.len() as u64).ok_or_else(damaged)?;
            let count = keys.len();
            for nth in 0..count {
                let key = keys.get(if end == End::First { nth } else { count - 1 - nth }).ok_or_else(damaged)?;
                seen(key, &self.element(txn, key)?);
                self.delete_element(txn, key);
            }
        }
        Ok(())
    }

    /// Removes the members with these indexes, which have to be there, in no particular order.
    pub(crate) fn remove_ranks(&mut self, txn: &mut dyn HashKeyTxn, ranks: Range<u64>, gone: &mut Gone<'_>) -> Result<(), Abort> {
        let mut left = ranks.end.saturating_sub(ranks.start);
        let to_end = self.len().checked_sub(ranks.end).ok_or_else(damaged)? == 0;
        while left > 0 {
            let keys = match ranks.start {
                0 => self.take_outermost(txn, End::First, left)?,
                _ if to_end => self.take_outermost(txn, End::Last, left)?,
                rank => self.take_at(txn, rank, left)?,
            };
            left = left.checked_sub(keys.len() as u64).ok_or_else(damaged)?;
            for key in keys.iter() {
                self.delete_element(txn, key);
                gone(txn, key)?;
            }
        }
        Ok(())
    }

    /// Takes keys from an index on out of the sequence: one in any case, and at most so many.
    fn take_at(&mut self, txn: &mut dyn HashKeyTxn, rank: u64, most: u64) -> Result<Keys, Abort> {
        let front = self.front.len() as u64;
        if rank < front {
            return take_from(&mut self.front, rank as usize, most);
        }
        let rank = rank - front;
        if let Some(rank) = rank.checked_sub(self.tree.len) {
            return take_from(&mut self.back, usize::try_from(rank).map_err(|_| damaged())?, most);
        }
        let mut taken = Keys::default();
        self.edit(txn, At::Rank(rank), &mut |keys, index| {
            taken = take_from(keys, index, most)?;
            Ok(())
        })?;
        Ok(taken)
    }

    /// Takes keys at an end out of the sequence, which is not empty: one in any case, and at most so many.
    fn take_outermost(&mut self, txn: &mut dyn HashKeyTxn, end: End, most: u64) -> Result<Keys, Abort> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if self.tree.len > 0 && self.outermost(end).is_empty() {
            self.refill(txn, end, most)?;
        }
        let keys = match end {
            End::First if self.front.is_empty() => &mut self.back,
            End::First => &mut self.front,
            End::Last if self.back.is_empty() => &mut self.front,
            End::Last => &mut self.back,
        };
        let count = keys.len().min(most);
        match (count, end) {
            (0, _) => Err(damaged()),
            (_, End::First) => Ok(keys.take(0..count)),
            (_, End::Last) => Ok(keys.take(keys.len() - count..keys.len())),
        }
    }

    /// Moves keys from the tree, which has some, to an end that has none: more than one, and as many as are wanted if one leaf has them.
    fn refill(&mut self, txn: &mut dyn HashKeyTxn, end: End, wanted: usize) -> Result<(), Abort> {
        let (mut taken, room) = (Keys::default(), self.sizes.end / 2);
        let at_end = end == End::Last;
        self.edit(txn, if at_end { At::Last } else { At::First }, &mut |keys, _| {
            let count = keys.within(room, at_end).max(wanted).min(keys.len());
            taken = keys.take(if at_end { keys.len() - count..keys.len() } else { 0..count });
            Ok(())
        })?;
        let (bound, innermost, outermost) = match end {
            End::First => (&mut self.tree.low, taken.last(), &mut self.front),
            End::Last => (&mut self.tree.high, taken.first(), &mut self.back),
        };
        if self.tree.len > 0 {
            *bound = innermost.map(cut).unwrap_or_default();
        }
        *outermost = taken;
        Ok(())
    }

    fn outermost(&self, end: End) -> &Keys {
        if end == End::First { &self.front } else { &self.back }
    }

    /// Adds a key to the keys.
    fn link(&mut self, txn: &mut dyn HashKeyTxn, key: &[u8]) -> Result<(), Abort> {
        match self.part_of(key) {
            Part::Tree if self.tree.is_above(key) => self.front.push(key),
            Part::Tree if self.tree.is_below(key) => self.back.insert(0, key),
            Part::Tree => {
                return self.edit(txn, At::Before(key), &mut |keys, index| {
                    keys.insert(index, key);
                    Ok(())
                });
            }
            Part::Front => self.front.insert(self.front.below(key, false), key),
            Part::Back => self.back.insert(self.back.below(key, false), key),
        }
        self.spill(txn)
    }

    /// Takes a key out of the keys.
    fn unlink(&mut self, txn: &mut dyn HashKeyTxn, key: &[u8]) -> Result<(), Abort> {
        match self.part_of(key) {
            Part::Tree if self.tree.len == 0 => Err(damaged()),
            Part::Tree => self.edit(txn, At::Before(key), &mut |keys, index| take_one(keys, index, key)),
            Part::Front => {
                let index = self.front.below(key, false);
                take_one(&mut self.front, index, key)
            }
            Part::Back => {
                let index = self.back.below(key, false);
                take_one(&mut self.back, index, key)
            }
        }
    }

    /// Where a key is, if it is a member's.
    fn part_of(&self, key: &[u8]) -> Part {
        if self.front.last().is_some_and(|last| key <= last) {
            Part::Front
        } else if self.back.first().is_some_and(|first| key >= first) {
            Part::Back
        } else {
            Part::Tree
        }
    }

    /// Moves the inner keys of an end that has too many to the tree.
    fn spill(&mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        for end in [End::First, End::Last] {
            let at_end = end == End::Last;
            if self.outermost(end).size() <= self.sizes.end {
                continue;
            }
            let keys = if at_end { &mut self.back } else { &mut self.front };
            let kept = keys.within(self.sizes.end / 2, at_end);
            let moved = keys.take(if at_end { 0..keys.len() - kept } else { kept..keys.len() });
            let was_empty = self.tree.len == 0;
            self.edit(txn, if at_end { At::Last } else { At::First }, &mut |keys, _| {
                let old = std::mem::take(keys);
                let (low, high) = if at_end { (&old, &moved) } else { (&moved, &old) };
                keys.append(low);
                keys.append(high);
                Ok(())
            })?;
            if let (true, Some(last)) = (at_end || was_empty, moved.last()) {
                self.tree.high = cut(last);
            }
            if let (true, Some(first)) = (!at_end || was_empty, moved.first()) {
                self.tree.low = cut(first);
            }
        }
        Ok(())
    }

    fn delete_element(&self, txn: &mut dyn HashKeyTxn, key: &[u8]) {
        if let Some(tag) = self.tags.element {
            txn.delete(self.value, &tagged(tag, key));
        }
    }

    /// What the type put there for a member.
    fn element(&self, txn: &mut dyn HashKeyTxn, key: &[u8]) -> Result<Bytes, Abort> {
        let Some(tag) = self.tags.element else { return Ok(Bytes::new()) };
        txn.get(self.value, &tagged(tag, key))?.ok_or_else(damaged)
    }
}

/// Takes keys from an index on, at most so many; there is one.
fn take_from(keys: &mut Keys, index: usize, most: u64) -> Result<Keys, Abort> {
    let there = keys.len().checked_sub(index).filter(|&there| there > 0).ok_or_else(damaged)?;
    let count = usize::try_from(most).map_or(there, |most| there.min(most));
    Ok(keys.take(index..index + count))
}

/// Takes the key at an index, which has to be this one.
fn take_one(keys: &mut Keys, index: usize, key: &[u8]) -> Result<(), Abort> {
    if keys.get(index) != Some(key) {
        return Err(damaged());
    }
    keys.take(index..index + 1);
    Ok(())
}

fn tagged(tag: u8, key: &[u8]) -> SortKey {
    let mut sort_key = SortKey::with_capacity(1 + key.len());
    sort_key.push(tag);
    sort_key.extend_from_slice(key);
    sort_key
}

#[cold]
fn damaged() -> Abort {
    Abort::Storage("a sequence's record in the store is damaged".to_owned())
}

/// A search gets a page and its counts on each level, a change writes a leaf and the counts above it: a million members of 16 bytes are
/// three levels.
const SIZES: Sizes = Sizes { leaf: 768, children: 384, end: 384 };
/// Longest bound that the root keeps whole.
const SHORT: usize = 64;

#[cfg(test)]
pub(crate) mod check;
#[cfg(test)]
mod tests;
