//! A sequence of sort keys with counts: how many members stand before a key, and which one stands at an index, in O(log n). Exploded lists
//! (by order key) and sorted sets (by score and member) are such sequences.
//!
//! ```text
//! level 2   head ────────────────────────────────▶ d ─────────────▶        n | 2 | d  -> members from d up to the next node
//! level 1   head ─────────▶ b ───────────────────▶ d ──────▶ f ───▶        n | 1 | b  -> likewise
//! members        a ─▶ a' ─▶ b ─▶ b' ─▶ c ─▶ c' ──▶ d ─▶ e ─▶ f ─▶ g        m | a      -> whatever the type puts there
//! ```
//! A skip list laid down as records (Pugh, *Skip lists: a probabilistic alternative to balanced trees*, 1990; the counts are his
//! "linear list operations"). The height of a key is a hash of it, so nothing is ever balanced and a copy of the records is a copy of the
//! list. What changes at the ends of a long list is kept in the root ([`Ends`]): the members in front of each level's first node, and the
//! count of its last ("open") one. So a push writes its member and the root, and reads nothing.
//!
//! ```text
//! ends: what the root keeps      find: walks, ranks, indexes      gap: what a removal leaves behind
//! ```
//! Invariants:
//! 1. a key of height h has a node at each of the levels 1 to h, and at no other;
//! 2. at each level, the head's count and those of all nodes add up to the number of members, each count being that of the
//!    members from its node (or the beginning) up to the next node of the level;
//! 3. the open node of a level, if there is one, is its last node and has no record;
//! 4. `first` and `last` are the keys of the first and the last member, cut to [`SHORT`] bytes, and no read goes beyond them: there
//!    may lie the tombstones of any number of members that were popped.

use bytes::Bytes;
use types::slot::hash48;
use types::txn::{Abort, HashKeyTxn, ValueId};

use crate::counted::ends::{Ends, Level};
use crate::elements::SortKey;
use crate::varint;

mod ends;
mod find;
mod gap;

/// A sequence at work: what its root keeps about it, and where its records are.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    value: ValueId,
    tags: Tags,
    bits: u32,
    ends: Ends,
}

/// First bytes of the sort keys of members and of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) member: u8,
    pub(crate) node: u8,
}

/// A member: its key and what the type put there.
pub(crate) type Member = (SortKey, Bytes);

/// One of the ends of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    First,
    Last,
}

/// Which node a key stands behind, at one level.
#[derive(Debug, Clone)]
enum Before {
    /// None: the head.
    Head,
    /// The open one.
    Open,
    /// One with a record.
    Node(SortKey, u64),
}

impl Counted {
    /// An empty sequence.
    pub(crate) fn new(value: ValueId, tags: Tags) -> Counted {
        Counted { value, tags, bits: BITS, ends: Ends::default() }
    }

    /// The sequence whose root kept `ends` (see [`Counted::encode`]), which is read off the front of the bytes.
    ///
    /// # Errors
    /// [`Abort::Storage`] if the bytes are no such record.
    pub(crate) fn decode(value: ValueId, tags: Tags, ends: &mut &[u8]) -> Result<Counted, Abort> {
        let ends = Ends::decode(ends).ok_or_else(damaged)?;
        Ok(Counted { value, tags, bits: BITS, ends })
    }

    /// Appends what the root has to keep.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.ends.encode(out);
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
        self.ends.len
    }

    /// The first member's key, cut to [`SHORT`] bytes; empty if there is none.
    pub(crate) fn first(&self) -> &[u8] {
        &self.ends.first
    }

    /// The last member's key, cut to [`SHORT`] bytes; empty if there is none.
    pub(crate) fn last(&self) -> &[u8] {
        &self.ends.last
    }

    /// Puts something else there for a member that is in the sequence.
    pub(crate) fn replace(&self, txn: &mut dyn HashKeyTxn, key: &[u8], element: Bytes) {
        txn.put(self.value, &self.member(key), element);
    }

    /// Adds a member that is not in the sequence.
    pub(crate) fn insert(&mut self, txn: &mut dyn HashKeyTxn, key: &[u8], element: Bytes) -> Result<(), Abort> {
        let height = self.height(key);
        let at_start = self.ends.is_at_start(key);
        let at_end = self.ends.is_at_end(key);
        // Members from where the node begins that the key stands behind up to the key, and where that is on the level below.
        let mut distance = 0;
        let mut below: Option<Option<SortKey>> = None;
        for level in 1..=height.max(self.ends.levels.len()) {
            let is_new = level > self.ends.levels.len();
            if is_new {
                self.ends.levels.push(Level { head: self.ends.len, ..Level::default() });
            }
            let before = if is_new { Before::Head } else { self.before(txn, level, key)? };
            let count = self.count(level, &before) + 1;
            if level > height {
                self.set_count(txn, level, &before, count);
                continue;
            }
            let from = self.begin(level, &before);
            if at_end {
                distance = count - 1;
            } else if !at_start {
                distance = self.distance(txn, level, from.clone(), below, key, distance)?;
            }
            self.set_count(txn, level, &before, distance);
            self.add_node(txn, level, &before, key, count.checked_sub(distance).ok_or_else(damaged)?);
            below = Some(from);
        }
        txn.put(self.value, &self.member(key), element);
        self.ends.widen(key);
        self.ends.len += 1;
        Ok(())
    }

    /// Gives a member another key, which no member has. Unless one of the two keys has nodes, which one in many has, this looks for the
    /// place of the higher one at each level, and for that of the lower one only up to the level at which they stand behind the same node:
    /// there and above no count changes.
    pub(crate) fn change(&mut self, txn: &mut dyn HashKeyTxn, old: &[u8], new: &[u8], element: Bytes) -> Result<(), Abort> {
        if self.height(old) + self.height(new) > 0 {
            self.remove(txn, &[old])?;
            return self.insert(txn, new, element);
        }
        let (low, high) = if old < new { (old, new) } else { (new, old) };
        for level in 1..=self.ends.levels.len() {
            let of_high = self.before(txn, level, high)?;
            if self.begin(level, &of_high).is_none_or(|node| node[..] < *low) {
                break;
            }
            let of_low = self.before(txn, level, low)?;
            let (from, to) = if old < new { (of_low, of_high) } else { (of_high, of_low) };
            let less = self.count(level, &from).checked_sub(1).ok_or_else(damaged)?;
            let more = self.count(level, &to) + 1;
            self.set_count(txn, level, &from, less);
            self.set_count(txn, level, &to, more);
        }
        txn.delete(self.value, &self.member(old));
        txn.put(self.value, &self.member(new), element);
        self.ends.widen(new);
        self.mend_ends(txn, old, old)
    }

    /// Which node of `level` is the last one below `key`.
    fn before(&self, txn: &mut dyn HashKeyTxn, level: usize, key: &[u8]) -> Result<Before, Abort> {
        let at = &self.ends.levels[level - 1];
        if at.nodes == 0 || self.ends.is_at_start(key) {
            return Ok(Before::Head);
        }
        match &at.open {
            Some((open, _)) if **open < *key => return Ok(Before::Open),
            Some(_) if at.nodes == 1 => return Ok(Before::Head),
            _ => {}
        }
        Ok(self.last_below(txn, level, key)?.map_or(Before::Head, |(node, count)| Before::Node(node, count)))
    }

    fn count(&self, level: usize, before: &Before) -> u64 {
        let level = &self.ends.levels[level - 1];
        match before {
            Before::Head => level.head,
            Before::Open => level.open.as_ref().map_or(0, |(_, count)| *count),
            Before::Node(_, count) => *count,
        }
    }

    fn set_count(&mut self, txn: &mut dyn HashKeyTxn, level: usize, before: &Before, count: u64) {
        let at = &mut self.ends.levels[level - 1];
        match before {
            Before::Head => at.head = count,
            Before::Open => {
                if let Some(open) = &mut at.open {
                    open.1 = count;
                }
            }
            Before::Node(key, old) if *old != count => txn.put(self.value, &self.node(level, key), write_count(count)),
            Before::Node(..) => {}
        }
    }

    /// A node behind `before`.
    fn add_node(&mut self, txn: &mut dyn HashKeyTxn, level: usize, before: &Before, key: &[u8], count: u64) {
        let is_last = self.ends.levels[level - 1].nodes == 0 || matches!(before, Before::Open);
        let at = &mut self.ends.levels[level - 1];
        at.nodes += 1;
        if !is_last {
            txn.put(self.value, &self.node(level, key), write_count(count));
            return;
        }
        let open = (key.len() <= SHORT).then(|| (SortKey::from_slice(key), count));
        let is_open = open.is_some();
        if let Some((closed, count)) = std::mem::replace(&mut at.open, open) {
            txn.put(self.value, &self.node(level, &closed), write_count(count));
        }
        if !is_open {
            txn.put(self.value, &self.node(level, key), write_count(count));
        }
    }

    /// The key of a node; `None` for the head.
    fn begin(&self, level: usize, before: &Before) -> Option<SortKey> {
        match before {
            Before::Head => None,
            Before::Open => self.ends.levels[level - 1].open.as_ref().map(|(open, _)| open.clone()),
            Before::Node(node, _) => Some(node.clone()),
        }
    }

    fn height(&self, key: &[u8]) -> usize {
        height(key, self.bits)
    }

    fn member(&self, key: &[u8]) -> SortKey {
        joined(&[self.tags.member], key)
    }

    fn node(&self, level: usize, key: &[u8]) -> SortKey {
        joined(&self.level_prefix(level), key)
    }

    fn level_prefix(&self, level: usize) -> [u8; 2] {
        [self.tags.node, level as u8]
    }
}

/// The number of levels at which a key has a node: one key in `2^bits` of a level is at the next one, too.
fn height(key: &[u8], bits: u32) -> usize {
    let height = (hash48(key) | 1 << 47).trailing_zeros() / bits;
    (height as usize).min(LEVELS_MAX)
}

fn joined(prefix: &[u8], key: &[u8]) -> SortKey {
    let mut sort_key = SortKey::with_capacity(prefix.len() + key.len());
    sort_key.extend_from_slice(prefix);
    sort_key.extend_from_slice(key);
    sort_key
}

fn write_count(count: u64) -> Bytes {
    let mut record = Vec::with_capacity(4);
    varint::put(&mut record, count);
    record.into()
}

fn read_count(mut record: &[u8]) -> Result<u64, Abort> {
    ends::count(&mut record).filter(|_| record.is_empty()).ok_or_else(damaged)
}

#[cold]
fn damaged() -> Abort {
    Abort::Storage("a sequence's record in the store is damaged".to_owned())
}

/// See [`height`]: a search looks at some 32 nodes of each level, of which a million members have four; the highest one's counts are
/// mostly in the root. Sixteen would be fewer nodes to look at, and a level more to search and to write for each new member.
const BITS: u32 = 5;
/// Levels above that of the members: 32^6 is a thousand million.
const LEVELS_MAX: usize = 6;
/// Longest key that the root keeps whole.
const SHORT: usize = 64;

#[cfg(test)]
pub(crate) mod check;
#[cfg(test)]
mod tests;
