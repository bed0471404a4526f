//! Walks over the members of a sequence, and searches: the rank of a key, the member at an index.

use std::ops::{Bound, ControlFlow, Range};

use types::txn::{Abort, HashKeyTxn, SortKeys, Visit};

use crate::counted::tree::At;
use crate::counted::{Counted, Member, SHORT, damaged, tagged};
use crate::elements::{self, SortKey};

impl Counted {
    /// Shows the members between two bounds, in order or in reverse, until `visit` has seen enough.
    pub(crate) fn walk(
        &self,
        txn: &mut dyn HashKeyTxn,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Abort> {
        if let Some(tag) = self.tags.element {
            return self.walk_elements(txn, tag, from, to, reverse, visit);
        }
        let at = match (reverse, if reverse { to } else { from }) {
            (false, Bound::Unbounded) => At::First,
            (true, Bound::Unbounded) => At::Last,
            (false, Bound::Included(key)) | (true, Bound::Excluded(key)) => At::Before(key),
            (false, Bound::Excluded(key)) | (true, Bound::Included(key)) => At::After(key),
        };
        let end = if reverse { from } else { to };
        self.walk_from(txn, at, reverse, &mut |key| {
            let inside = match (reverse, end) {
                (_, Bound::Unbounded) => true,
                (false, Bound::Included(end)) => *key <= *end,
                (false, Bound::Excluded(end)) => *key < *end,
                (true, Bound::Included(end)) => *key >= *end,
                (true, Bound::Excluded(end)) => *key > *end,
            };
            if inside { visit(key, b"") } else { ControlFlow::Break(()) }
        })
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
        if ranks.end > self.len() {
            return Err(damaged());
        }
        let (mut left, mut enough) = (ranks.end - ranks.start, false);
        let mut show = |key: &[u8], element: &[u8]| {
            left -= 1;
            enough = visit(key, element).is_break() || left == 0;
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match self.tags.element {
            None => {
                let at = At::Rank(if reverse { ranks.end } else { ranks.start });
                self.walk_from(txn, at, reverse, &mut |key| show(key, b""))?;
            }
            Some(tag) if reverse => {
                let end = self.key_at(txn, ranks.end - 1)?;
                self.walk_elements(txn, tag, Bound::Unbounded, Bound::Included(&end), true, &mut show)?;
            }
            Some(tag) => {
                let start = self.key_at(txn, ranks.start)?;
                self.walk_elements(txn, tag, Bound::Included(&start), Bound::Unbounded, false, &mut show)?;
            }
        }
        if enough { Ok(()) } else { Err(damaged()) }
    }

    /// Number of members below `key`, which need not be one.
    pub(crate) fn rank(&self, txn: &mut dyn HashKeyTxn, key: &[u8]) -> Result<u64, Abort> {
        let front = self.front.below(key, false);
        if front < self.front.len() || self.tree.is_above(key) {
            return Ok(front as u64 + if self.tree.len == 0 { self.back.below(key, false) as u64 } else { 0 });
        }
        if self.tree.is_below(key) {
            return Ok(front as u64 + self.tree.len + self.back.below(key, false) as u64);
        }
        Ok(front as u64 + self.rank_in_tree(txn, key)?)
    }

    /// The member with `index` members below it.
    pub(crate) fn select(&self, txn: &mut dyn HashKeyTxn, index: u64) -> Result<Option<Member>, Abort> {
        if index >= self.len() {
            return Ok(None);
        }
        let key = self.key_at(txn, index)?;
        let element = self.element(txn, &key)?;
        Ok(Some((key, element)))
    }

    /// The key of the member with `index` members below it, which has to be there.
    pub(super) fn key_at(&self, txn: &mut dyn HashKeyTxn, index: u64) -> Result<SortKey, Abort> {
        let mut found = None;
        self.walk_from(txn, At::Rank(index), false, &mut |key| {
            found = Some(SortKey::from_slice(key));
            ControlFlow::Break(())
        })?;
        found.ok_or_else(damaged)
    }

    /// Shows the keys from a place on, upwards or downwards, until `visit` has seen enough.
    fn walk_from(
        &self,
        txn: &mut dyn HashKeyTxn,
        at: At<'_>,
        reverse: bool,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Abort> {
        let (front, tree) = (self.front.len() as u64, self.tree.len);
        // Where the place is in the tree and in what is behind it.
        let (in_tree, in_back) = match at {
            At::Rank(rank) => (At::Rank(rank.saturating_sub(front)), At::Rank(rank.saturating_sub(front + tree))),
            at => (at, at),
        };
        // A place outside of the tree is not looked for there.
        let passes_tree = match in_tree {
            At::Before(key) | At::After(key) if reverse => !self.tree.is_above(key),
            At::Before(key) | At::After(key) => !self.tree.is_below(key),
            At::Rank(rank) if reverse => rank > 0,
            At::Rank(rank) => rank < tree,
            At::First | At::Last => true,
        };
        let (outer, outer_at, inner, inner_at) =
            if reverse { (&self.back, in_back, &self.front, at) } else { (&self.front, at, &self.back, in_back) };
        if outer.walk(outer.index_at(outer_at), reverse, visit).is_break() {
            return Ok(());
        }
        if passes_tree && self.walk_tree(txn, in_tree, reverse, visit)?.is_break() {
            return Ok(());
        }
        let _ = inner.walk(inner.index_at(inner_at), reverse, visit);
        Ok(())
    }

    /// Shows members between two bounds with their elements. No read goes beyond the ends.
    fn walk_elements(
        &self,
        txn: &mut dyn HashKeyTxn,
        tag: u8,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), Abort> {
        if self.len() == 0 {
            return Ok(());
        }
        let (first, last) = (self.first(), self.last());
        let with_tag = |key: &[u8]| tagged(tag, key);
        let from = match from {
            Bound::Included(key) | Bound::Excluded(key) if *key >= *first => from,
            _ => Bound::Included(first),
        };
        let from = from.map(with_tag);
        let to = match to {
            Bound::Included(key) | Bound::Excluded(key) if key[..key.len().min(SHORT)] <= *last => to.map(with_tag),
            _ => {
                let last_key = with_tag(last);
                match elements::after_prefix(&last_key) {
                    Some(after) if last.len() >= SHORT => Bound::Excluded(after),
                    _ => Bound::Included(last_key),
                }
            }
        };
        let keys = SortKeys { from: from.as_ref().map(|key| &key[..]), to: to.as_ref().map(|key| &key[..]), reverse };
        if keys.is_empty() {
            return Ok(());
        }
        txn.range(self.value, &keys, &mut |sort_key, element| visit(&sort_key[1..], element))
    }
}
