//! The tree of a sequence: what its root keeps of it, changes to a leaf, searches.

use std::ops::ControlFlow;

use smallvec::{SmallVec, smallvec};
use types::txn::{Abort, HashKeyTxn};
use types::varint;

use crate::counted::keys::{Keys, separator};
use crate::counted::pages::{Child, Found, Inner, Raw, count};
use crate::counted::{Counted, SHORT, damaged};
use crate::elements::SortKey;

/// What the root keeps of the tree. Without keys there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tree {
    /// Number of keys.
    pub(super) len: u64,
    pub(super) top: u64,
    /// Levels of pages above the leaves.
    pub(super) height: u8,
    /// Number for the next new page.
    pub(super) next_page: u64,
    /// No key is below it.
    pub(super) low: SortKey,
    /// No key, cut to [`SHORT`] bytes, is above it.
    pub(super) high: SortKey,
}

/// A place between two keys.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'k> {
    First,
    Last,
    Before(&'k [u8]),
    After(&'k [u8]),
    /// With so many keys before it.
    Rank(u64),
}

/// Changes the keys of a leaf, given the index of the place that was looked for.
pub(super) type Edit<'e> = dyn FnMut(&mut Keys, usize) -> Result<(), Abort> + 'e;

/// What became of a page.
struct Edited {
    /// The pages that took its place; none if it was left without keys.
    parts: Parts,
    /// Bytes of a leaf, children of another page.
    fill: usize,
}

/// Pages with the separators in front of them; that of the first one is not used.
type Parts = SmallVec<[(SortKey, Child); 2]>;

impl Tree {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.len);
        if self.len > 0 {
            varint::put(out, self.top);
            out.push(self.height);
            varint::put(out, self.next_page);
            for key in [&self.low, &self.high] {
                varint::put(out, key.len() as u64);
                out.extend_from_slice(key);
            }
        }
    }

    /// Reads a tree off the front of the bytes; `None` if they are none.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Tree> {
        let mut tree = Tree { len: count(bytes)?, ..Tree::default() };
        if tree.len > 0 {
            tree.top = varint::take(bytes)?;
            let (&height, rest) = bytes.split_first().filter(|&(&height, _)| height <= HEIGHT_MAX)?;
            *bytes = rest;
            tree.height = height;
            tree.next_page = varint::take(bytes)?;
            for key in [&mut tree.low, &mut tree.high] {
                let len = usize::try_from(varint::take(bytes)?).ok().filter(|&len| len <= SHORT)?;
                let (bound, rest) = bytes.split_at_checked(len)?;
                *bytes = rest;
                *key = SortKey::from_slice(bound);
            }
        }
        Some(tree)
    }

    /// Whether all keys are above `key`.
    pub(super) fn is_above(&self, key: &[u8]) -> bool {
        self.len == 0 || *key < self.low[..]
    }

    /// Whether all keys are below `key`.
    pub(super) fn is_below(&self, key: &[u8]) -> bool {
        self.len == 0 || key[..key.len().min(SHORT)] > self.high[..]
    }
}

impl Inner {
    /// Puts other pages in a child's place.
    fn replace(&mut self, index: usize, parts: &Parts) {
        self.children.splice(index..=index, parts.iter().map(|(_, child)| *child));
        if parts.is_empty() {
            self.separators.take(index..index + 1);
            if index == 0 && !self.separators.is_empty() {
                self.separators.take(0..1);
                self.separators.insert(0, b"");
            }
        }
        for (nth, (separator, _)) in parts.iter().enumerate().skip(1) {
            self.separators.insert(index + nth, separator);
        }
    }

    /// Takes the children from an index on, and says what separates them from the others.
    fn split_off(&mut self, index: usize) -> (SortKey, Inner) {
        let mut separators = self.separators.take(index..self.separators.len());
        let first = separators.take(0..1);
        separators.insert(0, b"");
        let right = Inner { separators, children: self.children.split_off(index) };
        (first.first().map(SortKey::from_slice).unwrap_or_default(), right)
    }

    /// Puts the children of the page behind this one behind these.
    fn append(&mut self, separator: &[u8], mut higher: Inner) {
        higher.separators.take(0..1);
        self.separators.push(separator);
        self.separators.append(&higher.separators);
        self.children.append(&mut higher.children);
    }
}

impl Raw {
    /// The child in which a place is, and where there; between two children it is at the end of the one, or at the beginning of the other.
    fn child_at<'k>(&self, at: At<'k>, at_end: bool) -> Result<(Found, At<'k>), Abort> {
        let found = match at {
            At::First => self.child_at_end(false)?,
            At::Last => self.child_at_end(true)?,
            At::Before(key) | At::After(key) => self.child_of_key(key)?,
            At::Rank(rank) => {
                let found = self.child_of_rank(rank, at_end)?;
                let place = At::Rank(rank - found.before);
                return Ok((found, place));
            }
        };
        Ok((found, at))
    }
}

impl Keys {
    pub(super) fn index_at(&self, at: At<'_>) -> usize {
        match at {
            At::First => 0,
            At::Last => self.len(),
            At::Before(key) => self.below(key, false),
            At::After(key) => self.below(key, true),
            At::Rank(rank) => usize::try_from(rank).map_or(self.len(), |rank| rank.min(self.len())),
        }
    }
}

impl Counted {
    /// Changes the keys of the leaf in which a place is.
    pub(super) fn edit(&mut self, txn: &mut dyn HashKeyTxn, at: At<'_>, edit: &mut Edit<'_>) -> Result<(), Abort> {
        let Edited { mut parts, fill } = if self.tree.len == 0 {
            let mut keys = Keys::default();
            edit(&mut keys, 0)?;
            Edited { parts: self.store_leaf(txn, None, keys, at), fill: 0 }
        } else {
            self.edit_page(txn, self.tree.top, self.tree.height, at, edit)?
        };
        let mut only_child = fill == 1 && parts.len() == 1 && self.tree.height > 0;
        while parts.len() > 1 {
            let mut top = Inner::default();
            for (separator, child) in parts {
                top.separators.push(if top.children.is_empty() { b"" } else { &separator });
                top.children.push(child);
            }
            self.tree.height += 1;
            parts = self.store_inner(txn, None, top, at);
        }
        let Some((_, top)) = parts.pop() else {
            self.tree = Tree::default();
            return Ok(());
        };
        (self.tree.top, self.tree.len) = (top.page, top.count);
        while only_child {
            let inner = self.inner(txn, self.tree.top)?;
            self.delete_inner(txn, self.tree.top);
            self.tree.top = inner.children.first().ok_or_else(damaged)?.page;
            self.tree.height -= 1;
            only_child = self.tree.height > 0 && self.inner(txn, self.tree.top)?.children.len() == 1;
        }
        Ok(())
    }

    fn edit_page(&mut self, txn: &mut dyn HashKeyTxn, page: u64, height: u8, at: At<'_>, edit: &mut Edit<'_>) -> Result<Edited, Abort> {
        if height == 0 {
            let mut keys = self.leaf(txn, page)?;
            let index = keys.index_at(at);
            edit(&mut keys, index)?;
            let fill = keys.size();
            return Ok(Edited { parts: self.store_leaf(txn, Some(page), keys, at), fill });
        }
        let raw = self.raw(txn, page)?;
        let (Found { index, child, .. }, place) = raw.child_at(at, false)?;
        let Edited { parts, fill } = self.edit_page(txn, child.page, height - 1, place, edit)?;
        let (siblings, keys) = raw.totals()?;
        let few = if height == 1 { self.sizes.leaf } else { self.sizes.children } / 4;
        let is_small = fill < few && siblings > 1;
        if let ([(_, new)], false) = (&parts[..], is_small) {
            // Nothing but a count changes.
            self.put_counts(txn, page, raw.with_count(index, new.count)?);
            let count = (keys + new.count).checked_sub(child.count).ok_or_else(damaged)?;
            return Ok(Edited { parts: smallvec![(SortKey::new(), Child { page, count })], fill: siblings });
        }
        let mut inner = raw.open()?;
        inner.replace(index, &parts);
        if parts.len() == 1 {
            self.merge(txn, &mut inner, index.saturating_sub(1), height - 1)?;
        }
        if inner.children.is_empty() {
            self.delete_inner(txn, page);
            return Ok(Edited { parts: Parts::new(), fill: 0 });
        }
        let fill = inner.children.len();
        Ok(Edited { parts: self.store_inner(txn, Some(page), inner, at), fill })
    }

    /// Makes one page of a child and the next one, if there is room.
    fn merge(&mut self, txn: &mut dyn HashKeyTxn, parent: &mut Inner, left: usize, height: u8) -> Result<(), Abort> {
        let (first, second) = (parent.children[left].page, parent.children[left + 1].page);
        if height == 0 {
            let mut keys = self.leaf(txn, first)?;
            keys.append(&self.leaf(txn, second)?);
            if keys.size() > self.sizes.leaf * 3 / 4 {
                return Ok(());
            }
            self.put_leaf(txn, first, &keys);
            self.delete_leaf(txn, second);
        } else {
            let mut inner = self.inner(txn, first)?;
            inner.append(parent.separators.get(left + 1).ok_or_else(damaged)?, self.inner(txn, second)?);
            if inner.children.len() > self.sizes.children * 3 / 4 || !self.fits(&inner) {
                return Ok(());
            }
            self.put_inner(txn, first, &inner);
            self.delete_inner(txn, second);
        }
        parent.separators.take(left + 1..left + 2);
        parent.children[left].count += parent.children.remove(left + 1).count;
        Ok(())
    }

    /// Writes a leaf, as several if it is too large: where keys come in order, at an end, with pages that are full.
    fn store_leaf(&mut self, txn: &mut dyn HashKeyTxn, page: Option<u64>, mut keys: Keys, at: At<'_>) -> Parts {
        let mut parts = Parts::new();
        if let (Some(page), true) = (page, keys.is_empty()) {
            self.delete_leaf(txn, page);
            return parts;
        }
        let mut before = SortKey::new();
        let mut page = page.unwrap_or_else(|| self.new_page());
        while !keys.is_empty() {
            let full = self.sizes.leaf * 7 / 8;
            let from_begin = keys.within(full, false).max(1);
            let cut = match at {
                _ if keys.size() <= self.sizes.leaf => keys.len(),
                // As much as fits goes to the last of the pages, if the rest fits into one.
                At::First => match keys.len() - keys.within(full, true).max(1) {
                    rest if 0 < rest && rest <= from_begin => rest,
                    _ => from_begin,
                },
                At::Last => from_begin,
                _ => from_begin.min(keys.within(keys.size() / 2, false).max(1)),
            };
            let left = keys.take(0..cut);
            self.put_leaf(txn, page, &left);
            parts.push((before, Child { page, count: left.len() as u64 }));
            before = match (left.last(), keys.first()) {
                (Some(low), Some(high)) => SortKey::from_slice(separator(low, high)),
                _ => break,
            };
            page = self.new_page();
        }
        parts
    }

    fn store_inner(&mut self, txn: &mut dyn HashKeyTxn, page: Option<u64>, mut inner: Inner, at: At<'_>) -> Parts {
        let mut parts = Parts::new();
        let mut before = SortKey::new();
        let mut page = page.unwrap_or_else(|| self.new_page());
        while !self.fits(&inner) {
            let (separator, right) = inner.split_off(self.cut_of(&inner, at));
            self.put_inner(txn, page, &inner);
            parts.push((before, Child { page, count: inner.count() }));
            (before, inner, page) = (separator, right, self.new_page());
        }
        self.put_inner(txn, page, &inner);
        parts.push((before, Child { page, count: inner.count() }));
        parts
    }

    /// How many children stay where there are too many for one page: likewise.
    fn cut_of(&self, inner: &Inner, at: At<'_>) -> usize {
        let (len, most) = (inner.children.len(), (self.sizes.children * 7 / 8).max(1));
        let room = |at_end| most.min(inner.separators.within(SEPARATORS_MAX, at_end).max(FEW));
        let from_begin = room(false).min(len - 1);
        match at {
            At::First => match len - room(true).min(len - 1) {
                rest if rest <= from_begin => rest,
                _ => from_begin,
            },
            At::Last => from_begin,
            _ => from_begin.min(len / 2),
        }
    }

    fn fits(&self, inner: &Inner) -> bool {
        let len = inner.children.len();
        len <= self.sizes.children && (len <= FEW || inner.separators.size() <= SEPARATORS_MAX)
    }

    fn new_page(&mut self) -> u64 {
        self.tree.next_page += 1;
        self.tree.next_page - 1
    }

    /// Number of keys of the tree below `key`.
    pub(super) fn rank_in_tree(&self, txn: &mut dyn HashKeyTxn, key: &[u8]) -> Result<u64, Abort> {
        let (mut page, mut before) = (self.tree.top, 0);
        for _ in 0..self.tree.height {
            let found = self.raw(txn, page)?.child_of_key(key)?;
            before += found.before;
            page = found.child.page;
        }
        Ok(before + self.leaf(txn, page)?.below(key, false) as u64)
    }

    /// Shows the keys of the tree from a place on, upwards or downwards, until `visit` has seen enough.
    pub(super) fn walk_tree(
        &self,
        txn: &mut dyn HashKeyTxn,
        at: At<'_>,
        reverse: bool,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Abort> {
        match self.tree.len {
            0 => Ok(ControlFlow::Continue(())),
            _ => self.walk_page(txn, self.tree.top, self.tree.height, at, reverse, visit),
        }
    }

    fn walk_page(
        &self,
        txn: &mut dyn HashKeyTxn,
        page: u64,
        height: u8,
        at: At<'_>,
        reverse: bool,
        visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Abort> {
        if height == 0 {
            let keys = self.leaf(txn, page)?;
            return Ok(keys.walk(keys.index_at(at), reverse, visit));
        }
        let raw = self.raw(txn, page)?;
        let (Found { index, child, .. }, place) = raw.child_at(at, reverse)?;
        if self.walk_page(txn, child.page, height - 1, place, reverse, visit)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let inner = raw.open()?;
        let (at, behind) = match reverse {
            true => (At::Last, &inner.children[..index]),
            false => (At::First, &inner.children[index + 1..]),
        };
        for nth in 0..behind.len() {
            let child = behind[if reverse { behind.len() - 1 - nth } else { nth }];
            if self.walk_page(txn, child.page, height - 1, at, reverse, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// As much of a key as the root keeps.
pub(super) fn cut(key: &[u8]) -> SortKey {
    SortKey::from_slice(&key[..key.len().min(SHORT)])
}

/// More levels than any tree has: pages other than the top have at least two children, mostly more than sixty.
const HEIGHT_MAX: u8 = 24;
/// Bytes of separators in a page of more than a few: those of long keys may be long.
const SEPARATORS_MAX: usize = 16 << 10;
/// So many children are on one page however long their separators are.
const FEW: usize = 3;
