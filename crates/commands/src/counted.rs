//! A sequence of sort keys with counts: how many members stand before a key, and which one stands at an index, in O(log n). Exploded lists
//! (by order key) and sorted sets (by score and member) are such sequences.
//!
//! ```text
//! level 2   head ────────────────────────────────▶ d ─────────────▶        n | 2 | d  -> members from d up to the next node
//! level 1   head ─────────▶ b ───────────────────▶ d ──────▶ f ───▶        n | 1 | b  -> likewise
//! members        a ─▶ a' ─▶ b ─▶ b' ─▶ c ─▶ c' ──▶ d ─▶ e ─▶ f ─▶ g        m | a      -> whatever the type puts there
//! ```
//! A skip list laid down as records (Pugh, *Skip lists: a probabilistic alternative to balanced trees*, 1990; the counts are his
//! "linear list operations"). The height of a key is a hash of it, so nothing is ever balanced and a copy of the records is a copy of the list. What changes
//! at the ends of a long list is kept in the root ([`Ends`]): the members in front of each level's first node, and the count of its last
//! ("open") one. So a push writes its member and the root, and reads nothing.
//!
//! Invariants:
//! 1. a key of height h has a node at each of the levels 1 to h, and at no other;
//! 2. at each level, the head's count and those of all nodes add up to the number of members, each count being that of the
//!    members from its node (or the beginning) up to the next node of the level;
//! 3. the open node of a level, if there is one, is its last node and has no record;
//! 4. no member is below `first`, and cut to the same length none is above `last`; so that pops begin where members are and not at
//!    the tombstones of those that were.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use smallvec::SmallVec;
use types::slot::hash48;
use types::txn::{Abort, HashKeyTxn, SortKeys, ValueId, Visit};

use crate::elements::{self, SortKey};
use crate::varint;

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

/// What the root keeps of a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Ends {
    len: u64,
    first: SortKey,
    last: SortKey,
    /// Levels 1 and up; the highest one has a node.
    levels: SmallVec<[Level; 4]>,
}

/// What the root keeps of one level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Level {
    /// Members before its first node.
    head: u64,
    /// Number of nodes, the open one included.
    nodes: u64,
    /// Its last node and that one's count, if the key is short.
    open: Option<(SortKey, u64)>,
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

    /// Number of members.
    pub(crate) fn len(&self) -> u64 {
        self.ends.len
    }

    /// Not above any member; empty if nothing is known.
    pub(crate) fn first(&self) -> &[u8] {
        &self.ends.first
    }

    /// Cut to its length, no member's key is above it.
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
        let at_start = self.ends.len == 0 || *key < self.ends.first[..];
        let at_end = self.ends.len > 0 && cut(key) > self.ends.last;
        // Members from where the node begins that the key stands behind up to the key, and where that is on the level below.
        let mut distance = 0;
        let mut below: Option<Option<SortKey>> = None;
        for level in 1..=height.max(self.ends.levels.len()) {
            let is_new = level > self.ends.levels.len();
            if is_new {
                self.ends.levels.push(Level { head: self.ends.len, ..Level::default() });
            }
            let before = if at_start || is_new { Before::Head } else { self.before(txn, level, key)? };
            if level > height {
                let count = self.count(level, &before) + 1;
                self.set_count(txn, level, &before, count);
                continue;
            }
            let from = self.begin(level, &before);
            if at_end {
                distance = self.count(level, &before);
            } else if !at_start {
                distance = self.distance(txn, level, from.clone(), below, key, distance)?;
            }
            let count = (self.count(level, &before) + 1).checked_sub(distance).ok_or_else(damaged)?;
            self.set_count(txn, level, &before, distance);
            self.add_node(txn, level, &before, key, count);
            below = Some(from);
        }
        txn.put(self.value, &self.member(key), element);
        if at_start {
            self.ends.first = cut(key);
        }
        if self.ends.len == 0 || cut(key) > self.ends.last {
            self.ends.last = cut(key);
        }
        self.ends.len += 1;
        Ok(())
    }

    /// Removes members, which have to be in the sequence, in order and without others between them.
    pub(crate) fn remove(&mut self, txn: &mut dyn HashKeyTxn, keys: &[&[u8]]) -> Result<(), Abort> {
        self.remove_run(txn, keys, None)
    }

    /// Removes up to `count` members of one end and shows them, the outermost first; answers their number. The member that then
    /// stands at that end is known, so that the next one that is put before it may have a key that was used already.
    pub(crate) fn drain(
        &mut self,
        txn: &mut dyn HashKeyTxn,
        end: End,
        count: usize,
        seen: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<usize, Abort> {
        if count == 0 {
            return Ok(0);
        }
        let mut keys: Vec<SortKey> = Vec::new();
        let mut next = None;
        self.walk(txn, Bound::Unbounded, Bound::Unbounded, end == End::Last, &mut |key, element| {
            if keys.len() == count {
                next = Some(cut(key));
                return ControlFlow::Break(());
            }
            keys.push(SortKey::from_slice(key));
            seen(key, element);
            ControlFlow::Continue(())
        })?;
        if end == End::Last {
            keys.reverse();
        }
        let run: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        self.remove_run(txn, &run, Some(end))?;
        match (next, end) {
            (Some(next), End::First) => self.ends.first = next,
            (Some(next), End::Last) => self.ends.last = next,
            (None, _) => {}
        }
        Ok(keys.len())
    }

    /// Up to `count` members of one end, the outermost first.
    pub(crate) fn peek(&self, txn: &mut dyn HashKeyTxn, end: End, count: usize) -> Result<Vec<Member>, Abort> {
        let mut found = Vec::new();
        if count > 0 {
            let reverse = end == End::Last;
            self.walk(txn, Bound::Unbounded, Bound::Unbounded, reverse, &mut |key, element| {
                found.push((SortKey::from_slice(key), Bytes::copy_from_slice(element)));
                if found.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        }
        Ok(found)
    }

    /// Shows the members between two bounds, in order or in reverse.
    pub(crate) fn walk(
        &self,
        txn: &mut dyn HashKeyTxn,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Abort> {
        // What was popped lies outside of both ends.
        let first = &self.ends.first[..];
        let from = match from {
            Bound::Included(key) | Bound::Excluded(key) if key >= first => from.map(|key| self.member(key)),
            _ => Bound::Included(self.member(first)),
        };
        let past_last = elements::after_prefix(&self.member(&self.ends.last));
        let to = match (to.map(|key| self.member(key)), past_last) {
            (Bound::Included(key) | Bound::Excluded(key), Some(past)) if key >= past => Bound::Excluded(past),
            (Bound::Unbounded, Some(past)) => Bound::Excluded(past),
            (to, _) => to,
        };
        let keys = SortKeys { from: from.as_ref().map(|key| &key[..]), to: to.as_ref().map(|key| &key[..]), reverse };
        txn.range(self.value, &keys, &mut |sort_key, element| visit(&sort_key[1..], element))
    }

    /// Number of members below `key`, which need not be one.
    #[cfg(test)]
    pub(crate) fn rank(&self, txn: &mut dyn HashKeyTxn, key: &[u8]) -> Result<u64, Abort> {
        if self.ends.len == 0 || *key <= self.ends.first[..] {
            return Ok(0);
        }
        if cut(key) > self.ends.last {
            return Ok(self.ends.len);
        }
        let mut rank = 0;
        let mut at: Option<SortKey> = None;
        for level in (1..=self.ends.levels.len()).rev() {
            let mut pending = if at.is_none() { self.ends.levels[level - 1].head } else { 0 };
            self.nodes(txn, level, at.clone(), Some(key), &mut |node, count| {
                rank += pending;
                pending = count;
                at = Some(SortKey::from_slice(node));
                ControlFlow::Continue(())
            })?;
        }
        let from = at.as_ref().map_or(Bound::Unbounded, |at| Bound::Included(&at[..]));
        self.walk(txn, from, Bound::Excluded(key), false, &mut |_, _| {
            rank += 1;
            ControlFlow::Continue(())
        })?;
        Ok(rank)
    }

    /// The member with `index` members below it.
    pub(crate) fn select(&self, txn: &mut dyn HashKeyTxn, index: u64) -> Result<Option<Member>, Abort> {
        if index >= self.ends.len {
            return Ok(None);
        }
        // Close to the end it is quicker to count back.
        if self.ends.len - index <= NEAR {
            let back = (self.ends.len - index) as usize;
            return Ok(self.peek(txn, End::Last, back)?.pop());
        }
        let mut left = index;
        let mut at: Option<SortKey> = None;
        if index > NEAR {
            for level in (1..=self.ends.levels.len()).rev() {
                let mut current = if at.is_none() { Some(self.ends.levels[level - 1].head) } else { None };
                self.nodes(txn, level, at.clone(), None, &mut |node, count| {
                    if let Some(passed) = current {
                        if left < passed {
                            return ControlFlow::Break(());
                        }
                        left -= passed;
                    }
                    at = Some(SortKey::from_slice(node));
                    current = Some(count);
                    ControlFlow::Continue(())
                })?;
            }
        }
        let mut found = None;
        let from = at.as_ref().map_or(Bound::Unbounded, |at| Bound::Included(&at[..]));
        self.walk(txn, from, Bound::Unbounded, false, &mut |key, element| {
            if left > 0 {
                left -= 1;
                return ControlFlow::Continue(());
            }
            found = Some((SortKey::from_slice(key), Bytes::copy_from_slice(element)));
            ControlFlow::Break(())
        })?;
        found.map_or_else(|| Err(damaged()), |found| Ok(Some(found)))
    }

    /// Removes members that stand next to each other; `end` says that they reach to that end.
    fn remove_run(&mut self, txn: &mut dyn HashKeyTxn, keys: &[&[u8]], end: Option<End>) -> Result<(), Abort> {
        let (Some(&first), Some(&last)) = (keys.first(), keys.last()) else { return Ok(()) };
        let removed = keys.len() as u64;
        for level in 1..=self.ends.levels.len() {
            let before = if end == Some(End::First) { Before::Head } else { self.before(txn, level, first)? };
            let mut count = self.count(level, &before);
            let mut open_gone = false;
            let bits = self.bits;
            for key in keys.iter().filter(|key| height(key, bits) >= level) {
                count += match self.ends.levels[level - 1].open.take_if(|(open, _)| open[..] == **key) {
                    Some((_, count)) => {
                        open_gone = true;
                        count
                    }
                    None => {
                        let node = self.node(level, key);
                        let record = txn.get(self.value, &node)?.ok_or_else(damaged)?;
                        txn.delete(self.value, &node);
                        read_count(&record)?
                    }
                };
                self.ends.levels[level - 1].nodes -= 1;
            }
            let count = count.checked_sub(removed).ok_or_else(damaged)?;
            match before {
                // The last node that is left is open again.
                Before::Node(key, _) if open_gone && key.len() <= SHORT => {
                    txn.delete(self.value, &self.node(level, &key));
                    self.ends.levels[level - 1].open = Some((key, count));
                }
                before => self.set_count(txn, level, &before, count),
            }
        }
        while self.ends.levels.last().is_some_and(|level| level.nodes == 0) {
            self.ends.levels.pop();
        }
        for key in keys {
            txn.delete(self.value, &self.member(key));
        }
        self.ends.len = self.ends.len.checked_sub(removed).ok_or_else(damaged)?;
        match end {
            Some(End::First) => self.ends.first = cut(last),
            Some(End::Last) => self.ends.last = cut(first),
            None => {}
        }
        Ok(())
    }

    /// Which node of `level` is the last one below `key`.
    fn before(&self, txn: &mut dyn HashKeyTxn, level: usize, key: &[u8]) -> Result<Before, Abort> {
        let at = &self.ends.levels[level - 1];
        if at.nodes == 0 {
            return Ok(Before::Head);
        }
        match &at.open {
            Some((open, _)) if **open < *key => return Ok(Before::Open),
            Some(_) if at.nodes == 1 => return Ok(Before::Head),
            _ => {}
        }
        let (from, to) = (self.node(level, b""), self.node(level, key));
        let found = elements::collect(txn, self.value, &SortKeys::between(&from, &to).reversed(), 1)?;
        match found.first() {
            None => Ok(Before::Head),
            Some((node, record)) => Ok(Before::Node(SortKey::from_slice(&node[2..]), read_count(record)?)),
        }
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
        let at = &mut self.ends.levels[level - 1];
        let is_last = at.nodes == 0 || matches!(before, Before::Open);
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

    /// Members from the node `from` of a level up to `key`, given where the node before `key` begins on the level below and how many
    /// members it is from there.
    fn distance(
        &self,
        txn: &mut dyn HashKeyTxn,
        level: usize,
        from: Option<SortKey>,
        below: Option<Option<SortKey>>,
        key: &[u8],
        distance: u64,
    ) -> Result<u64, Abort> {
        let Some(until) = below else {
            let mut members = 0;
            let from = from.as_ref().map_or(Bound::Unbounded, |from| Bound::Included(&from[..]));
            self.walk(txn, from, Bound::Excluded(key), false, &mut |_, _| {
                members += 1;
                ControlFlow::Continue(())
            })?;
            return Ok(members);
        };
        if from == until {
            return Ok(distance);
        }
        // The level below has its new node already, which changed no count of those in front of `until`.
        let lower = level - 1;
        let mut total = if from.is_none() { self.ends.levels[lower - 1].head } else { 0 };
        self.nodes(txn, lower, from, until.as_deref(), &mut |node, count| {
            if until.as_deref() == Some(node) {
                return ControlFlow::Break(());
            }
            total += count;
            ControlFlow::Continue(())
        })?;
        Ok(total + distance)
    }

    /// Shows the nodes of a level from one (or the beginning) through `to` (or the end), the open one included.
    fn nodes(
        &self,
        txn: &mut dyn HashKeyTxn,
        level: usize,
        from: Option<SortKey>,
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], u64) -> ControlFlow<()>,
    ) -> Result<(), Abort> {
        let at = &self.ends.levels[level - 1];
        let mut enough = false;
        let mut bad = false;
        let is_open = |key: &Option<SortKey>| at.open.as_ref().is_some_and(|(open, _)| key.as_ref() == Some(open));
        if !is_open(&from) && at.nodes > u64::from(at.open.is_some()) {
            let begin = self.node(level, from.as_deref().unwrap_or_default());
            let end = match to {
                Some(to) => Some(self.node(level, to)),
                None => elements::after_prefix(&[self.tags.node, level as u8]),
            };
            let upper = match (&end, to) {
                (Some(end), Some(_)) => Bound::Included(&end[..]),
                (Some(end), None) => Bound::Excluded(&end[..]),
                (None, _) => Bound::Unbounded,
            };
            txn.range(self.value, &SortKeys { from: Bound::Included(&begin), to: upper, reverse: false }, &mut |node, record| {
                let Ok(count) = read_count(record) else {
                    bad = true;
                    return ControlFlow::Break(());
                };
                let seen = visit(&node[2..], count);
                enough = seen.is_break();
                seen
            })?;
        }
        if bad {
            return Err(damaged());
        }
        if let Some((open, count)) = &at.open
            && !enough
            && to.is_none_or(|to| **open <= *to)
        {
            let _ = visit(open, *count);
        }
        Ok(())
    }

    fn height(&self, key: &[u8]) -> usize {
        height(key, self.bits)
    }

    fn member(&self, key: &[u8]) -> SortKey {
        let mut sort_key = SortKey::from_slice(&[self.tags.member]);
        sort_key.extend_from_slice(key);
        sort_key
    }

    fn node(&self, level: usize, key: &[u8]) -> SortKey {
        let mut sort_key = SortKey::from_slice(&[self.tags.node, level as u8]);
        sort_key.extend_from_slice(key);
        sort_key
    }
}

impl Ends {
    fn encode(&self, out: &mut Vec<u8>) {
        let key = |out: &mut Vec<u8>, key: &[u8]| {
            varint::put(out, key.len() as u64);
            out.extend_from_slice(key);
        };
        varint::put(out, self.len);
        key(out, &self.first);
        key(out, &self.last);
        out.push(self.levels.len() as u8);
        for level in &self.levels {
            varint::put(out, level.head);
            varint::put(out, level.nodes << 1 | u64::from(level.open.is_some()));
            if let Some((open, count)) = &level.open {
                key(out, open);
                varint::put(out, *count);
            }
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Ends> {
        let key = |bytes: &mut &[u8]| {
            let len = usize::try_from(varint::take(bytes)?).ok()?;
            let (key, rest) = bytes.split_at_checked(len)?;
            *bytes = rest;
            Some(SortKey::from_slice(key))
        };
        let len = varint::take(bytes)?;
        let (first, last) = (key(bytes)?, key(bytes)?);
        let (&levels, rest) = bytes.split_first()?;
        *bytes = rest;
        if usize::from(levels) > LEVELS_MAX {
            return None;
        }
        let mut ends = Ends { len, first, last, levels: SmallVec::new() };
        for _ in 0..levels {
            let head = varint::take(bytes)?;
            let nodes = varint::take(bytes)?;
            let open = if nodes & 1 == 1 { Some((key(bytes)?, varint::take(bytes)?)) } else { None };
            ends.levels.push(Level { head, nodes: nodes >> 1, open });
        }
        Some(ends)
    }
}

/// The number of levels at which a key has a node: one key in `2^bits` of a level is at the next one, too.
fn height(key: &[u8], bits: u32) -> usize {
    let height = (hash48(key) | 1 << 47).trailing_zeros() / bits;
    (height as usize).min(LEVELS_MAX)
}

/// As much of a key as the root keeps.
fn cut(key: &[u8]) -> SortKey {
    SortKey::from_slice(&key[..key.len().min(SHORT)])
}

fn write_count(count: u64) -> Bytes {
    let mut record = Vec::with_capacity(4);
    varint::put(&mut record, count);
    record.into()
}

fn read_count(mut record: &[u8]) -> Result<u64, Abort> {
    varint::take(&mut record).filter(|_| record.is_empty()).ok_or_else(damaged)
}

#[cold]
fn damaged() -> Abort {
    Abort::Storage("a sequence's record in the store is damaged".to_owned())
}

/// See [`height`]: a walk on one level is about 32 steps.
const BITS: u32 = 6;
/// Levels above that of the members: 64^5 is a thousand million.
const LEVELS_MAX: usize = 5;
/// Longest key that the root keeps whole.
const SHORT: usize = 64;
/// So many members from an end are counted one by one.
const NEAR: u64 = 32;

#[cfg(test)]
mod tests;
