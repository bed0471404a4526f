//! The order of a large sorted set: a skip list of records in which every jump knows how many members it passes.
//!
//! ```text
//! level 2   ''(7) ───────────────────────────────▶ d(4)
//! level 1   ''(2) ──────────▶ b(2) ──────────────▶ d(4)                  r | 1 | place  ->  members from here up to the next one, varint
//! level 0              a  aa  b    c               d    e    f    g      r | 0 | place  ->  nothing
//! ```
//! Each level has its records in order, so a search looks at a few of each: one in 16 members of a level, chosen by chance, stands on
//! the next one, too. `''` is a record without a place, in front of all members.
//!
//! Invariants: what stands on a level stands on all below; the counts of every level above 0 add up to the number of members. `first` and
//! `last` are the places at the ends: no read goes beyond them, where removed members may have left much to step over.

use std::ops::{Bound, ControlFlow, Range};

use bytes::Bytes;
use smallvec::SmallVec;
use types::txn::{Abort, HashKeyTxn, SortKeys, ValueId};

use crate::elements::{self, STEP, SortKey};
use crate::sorted_sets::place::{Place, damaged};
use crate::varint;

/// The order of the members of one value.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// Whose elements its records are.
    pub(super) value: ValueId,
    /// Levels above 0.
    pub(super) levels: u8,
    /// Members.
    pub(super) count: u64,
    /// Place of the first member; empty if there is none.
    pub(super) first: Place,
    /// Place of the last member; empty if there is none.
    pub(super) last: Place,
}

/// A record of a level above 0: its place (empty: the one in front of all members) and how many members it counts.
type Node = (Place, u64);

/// A node on the way down to a place, and how many members come before it.
struct Step {
    node: Node,
    before: u64,
}

impl Index {
    /// An index without members.
    pub(super) fn new(value: ValueId) -> Index {
        Index { value, levels: 0, count: 0, first: Place::new(), last: Place::new() }
    }

    /// Number of members before a place, which need not be there.
    pub(super) fn before(&self, txn: &mut dyn HashKeyTxn, place: &[u8]) -> Result<u64, Abort> {
        if self.count == 0 || place <= &self.first[..] {
            return Ok(0);
        }
        if place > &self.last[..] {
            return Ok(self.count);
        }
        Ok(self.path(txn, place)?.1)
    }

    /// Shows the places with these ranks, which have to be there, upwards or downwards.
    pub(super) fn walk(
        &self,
        txn: &mut dyn HashKeyTxn,
        ranks: Range<u64>,
        reverse: bool,
        show: &mut dyn FnMut(&[u8]) -> Result<(), Abort>,
    ) -> Result<(), Abort> {
        let mut left = ranks.end.saturating_sub(ranks.start);
        if left == 0 {
            return Ok(());
        }
        if ranks.end > self.count {
            return Err(damaged());
        }
        let (start, mut skip) = match reverse {
            false if ranks.start <= NEAR => (self.first.clone(), ranks.start),
            false => self.locate(txn, ranks.start)?,
            true if self.count - ranks.end <= NEAR => (self.last.clone(), self.count - ranks.end),
            true => (self.place_at(txn, ranks.end - 1)?, 0),
        };
        let (start, first, last) = (key(0, &start), key(0, &self.first), key(0, &self.last));
        let (from, to) = if reverse { (&first, &start) } else { (&start, &last) };
        let mut outcome = Ok(());
        let keys = SortKeys { from: Bound::Included(from), to: Bound::Included(to), reverse };
        txn.range(self.value, &keys, &mut |sort_key, _| {
            if skip > 0 {
                skip -= 1;
                return ControlFlow::Continue(());
            }
            outcome = sort_key.get(HEAD..).ok_or_else(damaged).and_then(&mut *show);
            left -= 1;
            if left > 0 && outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome?;
        if left == 0 { Ok(()) } else { Err(damaged()) }
    }

    /// Adds a place that is not there, on a level that chance decides.
    pub(super) fn insert(&mut self, txn: &mut dyn HashKeyTxn, place: &Place) -> Result<(), Abort> {
        // Each four zero bits are one chance in 16.
        let height = (txn.random().trailing_zeros() / 4) as u8;
        self.insert_at(txn, place, height.min(self.levels + 1).min(LEVELS_MAX))
    }

    /// Removes a place that is there; answers its level.
    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, place: &Place) -> Result<u8, Abort> {
        let mut height = 0;
        for level in 1..=self.levels {
            let (at, count) = self.floor(txn, level, Bound::Included(place))?;
            if at == *place {
                height = level;
                txn.delete(self.value, &key(level, place));
                let (before, more) = self.floor(txn, level, Bound::Excluded(place))?;
                self.set(txn, level, &before, sum(more, count)?.checked_sub(1))?;
            } else {
                self.set(txn, level, &at, count.checked_sub(1))?;
            }
        }
        txn.delete(self.value, &key(0, place));
        self.count = self.count.checked_sub(1).ok_or_else(damaged)?;
        self.find_ends(txn, place, place)?;
        Ok(height)
    }

    /// Moves a member from one place to another. It stays on its level; of most members only the two places are written, and the counts
    /// of jumps that pass one of them only.
    pub(super) fn change(&mut self, txn: &mut dyn HashKeyTxn, old: &Place, new: &Place) -> Result<(), Abort> {
        if self.levels > 0 && self.floor(txn, 1, Bound::Included(old))?.0 == *old {
            let height = self.remove(txn, old)?;
            return self.insert_at(txn, new, height);
        }
        for level in 1..=self.levels {
            let (from, from_count) = self.floor(txn, level, Bound::Included(old))?;
            let (to, to_count) = self.floor(txn, level, Bound::Included(new))?;
            if from != to {
                self.set(txn, level, &from, from_count.checked_sub(1))?;
                self.set(txn, level, &to, to_count.checked_add(1))?;
            }
        }
        txn.delete(self.value, &key(0, old));
        txn.put(self.value, &key(0, new), Bytes::new());
        if self.count == 1 {
            (self.first, self.last) = (new.clone(), new.clone());
            return Ok(());
        }
        self.widen(new);
        self.find_ends(txn, old, old)
    }

    /// Removes the places with these ranks, which have to be there and are not all; shows each of them to somebody who removes the rest
    /// of the member.
    pub(super) fn remove_ranks(
        &mut self,
        txn: &mut dyn HashKeyTxn,
        ranks: Range<u64>,
        show: &mut dyn FnMut(&mut dyn HashKeyTxn, &[u8]) -> Result<(), Abort>,
    ) -> Result<(), Abort> {
        let removed = ranks.end - ranks.start;
        let lowest = if ranks.start == 0 { self.first.clone() } else { self.place_at(txn, ranks.start)? };
        let (last, mut left, mut highest) = (key(0, &self.last), removed, key(0, &lowest));
        let mut from = Bound::Included(key(0, &lowest));
        while left > 0 {
            let keys = SortKeys { from: from.as_ref().map(|key| &key[..]), to: Bound::Included(&last), reverse: false };
            let found = elements::collect(txn, self.value, &keys, usize::try_from(left).unwrap_or(STEP).min(STEP))?;
            for (sort_key, _) in &found {
                txn.delete(self.value, sort_key);
                show(txn, sort_key.get(HEAD..).ok_or_else(damaged)?)?;
            }
            left -= found.len() as u64;
            highest = found.into_iter().next_back().ok_or_else(damaged)?.0;
            from = Bound::Excluded(highest.clone());
        }
        let highest = Place::from_slice(&highest[HEAD..]);
        for level in 1..=self.levels {
            let (at, count) = self.floor(txn, level, Bound::Excluded(&lowest))?;
            let passed = self.remove_nodes(txn, level, &lowest, &highest)?;
            self.set(txn, level, &at, sum(count, passed)?.checked_sub(removed))?;
        }
        self.count = self.count.checked_sub(removed).ok_or_else(damaged)?;
        self.find_ends(txn, &lowest, &highest)
    }

    fn insert_at(&mut self, txn: &mut dyn HashKeyTxn, place: &Place, height: u8) -> Result<(), Abort> {
        for level in self.levels + 1..=height {
            self.set(txn, level, &[], Some(self.count))?;
            self.levels = level;
        }
        if height == 0 {
            for level in 1..=self.levels {
                let (at, count) = self.floor(txn, level, Bound::Included(place))?;
                self.set(txn, level, &at, count.checked_add(1))?;
            }
        } else {
            let (path, rank) = self.path(txn, place)?;
            for (level, Step { node: (at, count), before }) in (1..=self.levels).rev().zip(path) {
                if level > height {
                    self.set(txn, level, &at, count.checked_add(1))?;
                } else {
                    let passed = rank - before;
                    self.set(txn, level, &at, Some(passed))?;
                    self.set(txn, level, place, sum(count, 1)?.checked_sub(passed))?;
                }
            }
        }
        txn.put(self.value, &key(0, place), Bytes::new());
        self.count += 1;
        self.widen(place);
        Ok(())
    }

    /// The last node of each level at or before a place, from the highest level down, and the number of members before the place.
    fn path(&self, txn: &mut dyn HashKeyTxn, place: &[u8]) -> Result<(SmallVec<[Step; 6]>, u64), Abort> {
        let (mut path, mut at, mut before) = (SmallVec::new(), Place::new(), 0);
        for level in (1..=self.levels).rev() {
            let mut node: Option<Node> = None;
            self.nodes(txn, level, &at, Some(place), &mut |place, count| {
                before = sum(before, node.as_ref().map_or(0, |node| node.1))?;
                node = Some((Place::from_slice(place), count));
                Ok(ControlFlow::Continue(()))
            })?;
            let node = node.ok_or_else(damaged)?;
            at.clone_from(&node.0);
            path.push(Step { node, before });
        }
        let mut rank = before;
        if self.count > 0 {
            let from = key(0, if at.is_empty() { &self.first } else { &at });
            txn.range(self.value, &SortKeys::between(&from, &key(0, place)), &mut |_, _| {
                rank += 1;
                ControlFlow::Continue(())
            })?;
        }
        Ok((path, rank))
    }

    /// The place of a member at or before the one with this rank, and how many members lie between.
    fn locate(&self, txn: &mut dyn HashKeyTxn, rank: u64) -> Result<(Place, u64), Abort> {
        let (mut at, mut skip) = (Place::new(), rank);
        for level in (1..=self.levels).rev() {
            let mut found = None;
            self.nodes(txn, level, &at, None, &mut |place, count| {
                if skip < count {
                    found = Some(Place::from_slice(place));
                    return Ok(ControlFlow::Break(()));
                }
                skip -= count;
                Ok(ControlFlow::Continue(()))
            })?;
            at = found.ok_or_else(damaged)?;
        }
        Ok((if at.is_empty() { self.first.clone() } else { at }, skip))
    }

    /// The place with this rank.
    fn place_at(&self, txn: &mut dyn HashKeyTxn, rank: u64) -> Result<Place, Abort> {
        let mut found = Place::new();
        let from_end = self.count.saturating_sub(rank + 1) <= NEAR;
        self.walk(txn, rank..rank + 1, from_end, &mut |place| {
            found = Place::from_slice(place);
            Ok(())
        })?;
        Ok(found)
    }

    /// Shows the nodes of a level from the one at `from` (empty: the one in front of all members), up to `to`.
    fn nodes(
        &self,
        txn: &mut dyn HashKeyTxn,
        level: u8,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], u64) -> Result<ControlFlow<()>, Abort>,
    ) -> Result<(), Abort> {
        if from.is_empty() {
            let count = self.front(txn, level)?;
            if visit(&[], count)?.is_break() || self.count == 0 {
                return Ok(());
            }
        }
        let from = key(level, if from.is_empty() { &self.first } else { from });
        let to = key(level, to.filter(|&to| to < &self.last[..]).unwrap_or(&self.last));
        let mut outcome = Ok(());
        let keys = SortKeys { from: Bound::Included(&from), to: Bound::Included(&to), reverse: false };
        if keys.is_empty() {
            return Ok(());
        }
        txn.range(
            self.value,
            &keys,
            &mut |sort_key, element| match node(sort_key, element).and_then(|(place, count)| visit(place, count)) {
                Ok(flow) => flow,
                Err(abort) => {
                    outcome = Err(abort);
                    ControlFlow::Break(())
                }
            },
        )?;
        outcome
    }

    /// The last node of a level at or before (or only before) a place.
    fn floor(&self, txn: &mut dyn HashKeyTxn, level: u8, place: Bound<&Place>) -> Result<Node, Abort> {
        let (from, to) = (key(level, &self.first), place.map(|place| key(level, place)));
        let keys = SortKeys { from: Bound::Included(&from), to: to.as_ref().map(|key| &key[..]), reverse: true };
        if self.count > 0 && !keys.is_empty() {
            let mut found = None;
            txn.range(self.value, &keys, &mut |sort_key, element| {
                found = Some(node(sort_key, element).map(|(place, count)| (Place::from_slice(place), count)));
                ControlFlow::Break(())
            })?;
            if let Some(found) = found {
                return found;
            }
        }
        Ok((Place::new(), self.front(txn, level)?))
    }

    /// What the node in front of all members of a level counts.
    fn front(&self, txn: &mut dyn HashKeyTxn, level: u8) -> Result<u64, Abort> {
        let front = txn.get(self.value, &key(level, &[]))?.ok_or_else(damaged)?;
        node(&key(level, &[]), &front).map(|(_, count)| count)
    }

    fn set(&self, txn: &mut dyn HashKeyTxn, level: u8, place: &[u8], count: Option<u64>) -> Result<(), Abort> {
        let mut element = Vec::with_capacity(5);
        varint::put(&mut element, count.ok_or_else(damaged)?);
        txn.put(self.value, &key(level, place), element.into());
        Ok(())
    }

    /// Removes the nodes of a level from one place to another, both included; answers what they counted.
    fn remove_nodes(&self, txn: &mut dyn HashKeyTxn, level: u8, lowest: &[u8], highest: &[u8]) -> Result<u64, Abort> {
        let (to, mut from, mut passed) = (key(level, highest), Bound::Included(key(level, lowest)), 0);
        loop {
            let keys = SortKeys { from: from.as_ref().map(|key| &key[..]), to: Bound::Included(&to), reverse: false };
            if keys.is_empty() {
                return Ok(passed);
            }
            let mut found = elements::collect(txn, self.value, &keys, STEP)?;
            for (sort_key, element) in &found {
                passed = sum(passed, node(sort_key, element)?.1)?;
                txn.delete(self.value, sort_key);
            }
            match found.pop() {
                Some((last, _)) if found.len() + 1 == STEP => from = Bound::Excluded(last),
                _ => return Ok(passed),
            }
        }
    }

    /// A place that is now there.
    fn widen(&mut self, place: &Place) {
        if self.first.is_empty() || *place < self.first {
            self.first.clone_from(place);
        }
        if *place > self.last {
            self.last.clone_from(place);
        }
    }

    /// The members between two places, both included, are gone: were they the first or the last ones?
    fn find_ends(&mut self, txn: &mut dyn HashKeyTxn, lowest: &Place, highest: &Place) -> Result<(), Abort> {
        if self.count == 0 {
            (self.first, self.last) = (Place::new(), Place::new());
            return Ok(());
        }
        let (first, last) = (key(0, &self.first), key(0, &self.last));
        if *lowest == self.first {
            let behind = key(0, highest);
            let keys = SortKeys { from: Bound::Excluded(&behind), to: Bound::Included(&last), reverse: false };
            self.first = self.end(txn, &keys)?;
        }
        if *highest == self.last {
            let before = key(0, lowest);
            let keys = SortKeys { from: Bound::Included(&first), to: Bound::Excluded(&before), reverse: true };
            self.last = self.end(txn, &keys)?;
        }
        Ok(())
    }

    fn end(&self, txn: &mut dyn HashKeyTxn, keys: &SortKeys<'_>) -> Result<Place, Abort> {
        let found = elements::collect(txn, self.value, keys, 1)?;
        let (sort_key, _) = found.first().ok_or_else(damaged)?;
        Ok(Place::from_slice(sort_key.get(HEAD..).ok_or_else(damaged)?))
    }
}

fn key(level: u8, place: &[u8]) -> SortKey {
    let mut key = SortKey::with_capacity(HEAD + place.len());
    key.extend_from_slice(&[FAMILY, level]);
    key.extend_from_slice(place);
    key
}

/// Place and count of a record above level 0.
fn node<'a>(sort_key: &'a [u8], element: &[u8]) -> Result<(&'a [u8], u64), Abort> {
    let mut rest = element;
    let count = varint::take(&mut rest).filter(|_| rest.is_empty()).ok_or_else(damaged)?;
    Ok((sort_key.get(HEAD..).ok_or_else(damaged)?, count))
}

fn sum(a: u64, b: u64) -> Result<u64, Abort> {
    a.checked_add(b).ok_or_else(damaged)
}

/// First byte of the sort keys of an index.
pub(super) const FAMILY: u8 = b'r';
/// Bytes of a sort key in front of the place: family and level.
pub(super) const HEAD: usize = 2;
/// So many members are passed one by one from an end in less time than a search takes: 64 of 0.3 us against a few of 5 us and 16 members.
const NEAR: u64 = 64;
/// With one member in 16 on the next level, a member in 2^48 would stand higher.
const LEVELS_MAX: u8 = 12;
