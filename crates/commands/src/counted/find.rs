//! Walks over the members of a sequence, and searches: the rank of a key, the member at an index.

use std::ops::{Bound, ControlFlow, Range};

use bytes::Bytes;
use types::txn::{Abort, HashKeyTxn, SortKeys, Visit};

use crate::counted::ends::{Ends, cut};
use crate::counted::{Counted, End, Member, SHORT, damaged, joined, read_count};
use crate::elements::{self, SortKey};

impl Counted {
    /// Shows the members between two bounds, in order or in reverse.
    pub(crate) fn walk(
        &self,
        txn: &mut dyn HashKeyTxn,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Abort> {
        self.range(txn, &[self.tags.member], from, to, reverse, visit)
    }

    /// Shows the members with these indexes, which have to be there, in order or in reverse, until `visit` has seen enough.
    pub(crate) fn walk_ranks(
        &self,
        txn: &mut dyn HashKeyTxn,
        ranks: Range<u64>,
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Abort> {
        if ranks.is_empty() {
            return Ok(());
        }
        let behind = self.ends.len.checked_sub(ranks.end).ok_or_else(damaged)?;
        let (start, mut skip) = match reverse {
            false => self.locate(txn, ranks.start)?,
            true if behind <= NEAR => (None, behind),
            true => (Some(self.key_at(txn, ranks.end - 1)?), 0),
        };
        let start = start.as_ref().map_or(Bound::Unbounded, |key| Bound::Included(&key[..]));
        let (from, to) = if reverse { (Bound::Unbounded, start) } else { (start, Bound::Unbounded) };
        let (mut left, mut enough) = (ranks.end - ranks.start, false);
        self.walk(txn, from, to, reverse, &mut |key, element| {
            if skip > 0 {
                skip -= 1;
                return ControlFlow::Continue(());
            }
            left -= 1;
            enough = visit(key, element).is_break() || left == 0;
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if enough { Ok(()) } else { Err(damaged()) }
    }

    /// Number of members below `key`, which need not be one.
    pub(crate) fn rank(&self, txn: &mut dyn HashKeyTxn, key: &[u8]) -> Result<u64, Abort> {
        let Ends { len, levels, .. } = &self.ends;
        if self.ends.is_at_start(key) {
            return Ok(0);
        }
        if self.ends.is_at_end(key) {
            return Ok(*len);
        }
        let (mut rank, mut at) = (0u64, None);
        for (above, ends) in levels.iter().enumerate().rev() {
            let level = above + 1;
            if let Some((open, count)) = &ends.open
                && **open <= *key
            {
                rank = len.checked_sub(*count).ok_or_else(damaged)?;
                at = Some(open.clone());
                continue;
            }
            let mut pending = if at.is_none() { ends.head } else { 0 };
            self.nodes(txn, level, at.clone(), Some(key), &mut |node, count| {
                rank = rank.saturating_add(pending);
                pending = count;
                step_to(&mut at, node);
                ControlFlow::Continue(())
            })?;
        }
        let from = at.as_ref().map_or(Bound::Unbounded, |at| Bound::Included(&at[..]));
        self.walk(txn, from, Bound::Excluded(key), false, &mut |_, _| {
            rank = rank.saturating_add(1);
            ControlFlow::Continue(())
        })?;
        Ok(rank)
    }

    /// The member with `index` members below it.
    pub(crate) fn select(&self, txn: &mut dyn HashKeyTxn, index: u64) -> Result<Option<Member>, Abort> {
        let Some(behind) = self.ends.len.checked_sub(index).filter(|&behind| behind > 0) else { return Ok(None) };
        let mut found = None;
        // Close to the end it is quicker to count back.
        self.walk_ranks(txn, index..index + 1, behind <= NEAR, &mut |key, element| {
            found = Some((SortKey::from_slice(key), Bytes::copy_from_slice(element)));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// The key of the member with `index` members below it, which has to be there.
    pub(super) fn key_at(&self, txn: &mut dyn HashKeyTxn, index: u64) -> Result<SortKey, Abort> {
        Ok(self.select(txn, index)?.ok_or_else(damaged)?.0)
    }

    /// What the root keeps of the key of the first or the last member, found where the ends say that they are. There has to be one.
    pub(super) fn outermost(&self, txn: &mut dyn HashKeyTxn, end: End) -> Result<SortKey, Abort> {
        let mut found = None;
        self.walk(txn, Bound::Unbounded, Bound::Unbounded, end == End::Last, &mut |key, _| {
            found = Some(cut(key));
            ControlFlow::Break(())
        })?;
        found.ok_or_else(damaged)
    }

    /// The last node with a record below `key`, and its count.
    pub(super) fn last_below(&self, txn: &mut dyn HashKeyTxn, level: usize, key: &[u8]) -> Result<Option<(SortKey, u64)>, Abort> {
        let mut found = None;
        self.range(txn, &self.level_prefix(level), Bound::Unbounded, Bound::Excluded(key), true, &mut |node, record| {
            found = Some(read_count(record).map(|count| (SortKey::from_slice(node), count)));
            ControlFlow::Break(())
        })?;
        found.transpose()
    }

    /// Members from the node `from` of a level up to `key`, given where the node before `key` begins on the level below and how many
    /// members it is from there.
    pub(super) fn distance(
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
            total = total.saturating_add(count);
            ControlFlow::Continue(())
        })?;
        Ok(total.saturating_add(distance))
    }

    /// Where a member at or before the one at `index` is (`None`: at the beginning), and how many members lie between.
    fn locate(&self, txn: &mut dyn HashKeyTxn, index: u64) -> Result<(Option<SortKey>, u64), Abort> {
        let (mut at, mut left) = (None, index);
        if index <= NEAR {
            return Ok((at, left));
        }
        for (above, ends) in self.ends.levels.iter().enumerate().rev() {
            let level = above + 1;
            if let Some((open, count)) = &ends.open {
                let before = self.ends.len.checked_sub(*count).ok_or_else(damaged)?;
                if index >= before {
                    (at, left) = (Some(open.clone()), index - before);
                    continue;
                }
            }
            let mut current = at.is_none().then_some(ends.head);
            if current.is_some_and(|passed| left < passed) {
                continue;
            }
            self.nodes(txn, level, at.clone(), None, &mut |node, count| {
                if let Some(passed) = current {
                    if left < passed {
                        return ControlFlow::Break(());
                    }
                    left -= passed;
                }
                step_to(&mut at, node);
                current = Some(count);
                ControlFlow::Continue(())
            })?;
        }
        Ok((at, left))
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
        let mut outcome = Ok(());
        let is_open = |key: &Option<SortKey>| at.open.as_ref().is_some_and(|(open, _)| key.as_ref() == Some(open));
        if !is_open(&from) && at.nodes > u64::from(at.open.is_some()) {
            let from = from.as_ref().map_or(Bound::Unbounded, |from| Bound::Included(&from[..]));
            let to = to.map_or(Bound::Unbounded, Bound::Included);
            self.range(txn, &self.level_prefix(level), from, to, false, &mut |node, record| match read_count(record) {
                Ok(count) => {
                    let seen = visit(node, count);
                    enough = seen.is_break();
                    seen
                }
                Err(abort) => {
                    outcome = Err(abort);
                    ControlFlow::Break(())
                }
            })?;
        }
        outcome?;
        if let Some((open, count)) = &at.open
            && !enough
            && to.is_none_or(|to| **open <= *to)
        {
            let _ = visit(open, *count);
        }
        Ok(())
    }

    /// Shows the records whose sort keys are `prefix` and a key that lies between two bounds and not outside of the ends.
    fn range(
        &self,
        txn: &mut dyn HashKeyTxn,
        prefix: &[u8],
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Abort> {
        let Ends { len, first, last, .. } = &self.ends;
        if *len == 0 {
            return Ok(());
        }
        let from = match from {
            Bound::Included(key) | Bound::Excluded(key) if *key >= first[..] => from,
            _ => Bound::Included(&first[..]),
        };
        let from = from.map(|key| joined(prefix, key));
        let to = match to {
            Bound::Included(key) | Bound::Excluded(key) if !self.ends.is_at_end(key) => to.map(|key| joined(prefix, key)),
            _ => {
                let last_key = joined(prefix, last);
                match elements::after_prefix(&last_key) {
                    Some(after) if last.len() == SHORT => Bound::Excluded(after),
                    _ => Bound::Included(last_key),
                }
            }
        };
        let keys = SortKeys { from: from.as_ref().map(|key| &key[..]), to: to.as_ref().map(|key| &key[..]), reverse };
        if keys.is_empty() {
            return Ok(());
        }
        txn.range(self.value, &keys, &mut |sort_key, element| visit(&sort_key[prefix.len()..], element))
    }
}

fn step_to(at: &mut Option<SortKey>, node: &[u8]) {
    let at = at.get_or_insert_default();
    at.clear();
    at.extend_from_slice(node);
}

/// So many members from an end are counted one by one: in less time than a search takes.
const NEAR: u64 = 32;
