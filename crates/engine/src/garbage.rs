//! Values that nobody can reach any more and whose elements are still on the disk.
//!
//! ```text
//!   root goes, or names other elements ──apply──▶ dying ──flushed, no reader──▶ dead ──compacted──▶ forgotten
//!                       │                                                        ▲
//!                       ╰── one record in `meta`, in the same batch ────open─────╯
//! ```
//! An element may be dropped only when no state this store can fall back to has a root that names it; so, as with databases
//! ([`crate::filter`]), a value is dead from the moment its end is *flushed*. Ids are never given twice, and what died stays dead.
//! The records make it known after a restart; they go when a compaction has been over all of the value's elements. When that is, is each
//! member's own affair: members that agree about everything else may differ in what garbage they still hold.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::RwLock;
use types::id::Decree;
use types::varint;

use crate::keys::{ELEMENT_PREFIX, ElementKey};

/// What a store knows of its garbage. A clone shares it.
#[derive(Clone, Default)]
pub(crate) struct Garbage(Arc<RwLock<Inner>>);

#[derive(Default)]
struct Inner {
    /// Applied, not known to be flushed.
    dying: VecDeque<(Decree, Orphan)>,
    /// By id.
    dead: HashMap<u64, Orphan>,
    /// Elements of all dead values, as their roots counted them.
    elements: u64,
}

/// A value without a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) value: ElementKey,
    /// About how many elements it has.
    pub(crate) count: u64,
}

impl Garbage {
    /// A value's end was applied.
    pub(crate) fn dies(&self, orphan: Orphan, by: Decree) {
        self.0.write().dying.push_back((by, orphan));
    }

    /// Values whose end was flushed before the store was opened.
    pub(crate) fn is_dead(&self, orphan: Orphan) {
        self.0.write().bury(orphan);
    }

    /// Everything through `durable` is flushed, and no reader is older.
    pub(crate) fn flushed(&self, durable: Decree) {
        if self.0.read().dying.front().is_none_or(|(by, _)| *by > durable) {
            return;
        }
        let mut inner = self.0.write();
        while let Some((_, orphan)) = inner.dying.pop_front_if(|(by, _)| *by <= durable) {
            inner.bury(orphan);
        }
    }

    /// Whether the elements under this id may be dropped.
    pub(crate) fn holds(&self, id: u64) -> bool {
        self.0.read().dead.contains_key(&id)
    }

    /// Dead values and their elements.
    pub(crate) fn size(&self) -> (usize, u64) {
        let inner = self.0.read();
        (inner.dead.len(), inner.elements)
    }

    /// Dead values at this moment, in the order of their elements' keys.
    pub(crate) fn dead(&self) -> Vec<Orphan> {
        let mut dead: Vec<Orphan> = self.0.read().dead.values().copied().collect();
        dead.sort_unstable_by_key(|orphan| orphan.value.prefix());
        dead
    }

    /// None of the elements of this value is left.
    pub(crate) fn forget(&self, orphan: &Orphan) {
        let mut inner = self.0.write();
        if inner.dead.remove(&orphan.value.id).is_some() {
            inner.elements -= orphan.count;
        }
    }
}

impl Inner {
    fn bury(&mut self, orphan: Orphan) {
        if self.dead.insert(orphan.value.id, orphan).is_none() {
            self.elements += orphan.count;
        }
    }
}

impl Orphan {
    /// The key of its record in `meta`.
    pub(crate) fn key(&self) -> [u8; RECORDS.len() + ELEMENT_PREFIX] {
        let mut key = [0; RECORDS.len() + ELEMENT_PREFIX];
        key[..RECORDS.len()].copy_from_slice(RECORDS);
        key[RECORDS.len()..].copy_from_slice(&self.value.prefix());
        key
    }

    /// Its record in `meta`.
    pub(crate) fn record(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(10);
        varint::put(&mut record, self.count);
        record
    }

    /// The inverse of both; `None` if they are no such record.
    pub(crate) fn parse(key: &[u8], mut record: &[u8]) -> Option<Orphan> {
        let value = key.strip_prefix(RECORDS).filter(|prefix| prefix.len() == ELEMENT_PREFIX).and_then(ElementKey::parse)?;
        let count = varint::take(&mut record)?;
        record.is_empty().then_some(Orphan { value, count })
    }
}

/// What the keys of the records in `meta` begin with.
pub(crate) const RECORDS: &[u8] = b"garbage/";

#[cfg(test)]
mod tests {
    use types::slot::Slot;

    use super::*;
    use crate::keys::Physical;

    fn orphan(id: u64, count: u64) -> Orphan {
        Orphan { value: ElementKey { slot: Slot::of(b"k"), database: Physical(3), id }, count }
    }

    #[test]
    fn a_value_is_dead_once_its_end_is_flushed() {
        let garbage = Garbage::default();
        garbage.dies(orphan(1, 10), Decree(5));
        garbage.dies(orphan(2, 20), Decree(7));
        garbage.flushed(Decree(4));
        assert!(!garbage.holds(1));
        garbage.flushed(Decree(6));
        assert!(garbage.holds(1) && !garbage.holds(2));
        garbage.flushed(Decree(7));
        garbage.is_dead(orphan(2, 20));
        assert_eq!((garbage.size(), garbage.dead()), ((2, 30), vec![orphan(1, 10), orphan(2, 20)]));
        garbage.forget(&orphan(1, 10));
        garbage.forget(&orphan(1, 10));
        assert_eq!(garbage.size(), (1, 20));
    }

    #[test]
    fn records_come_back_and_others_are_none() {
        let orphan = orphan(7, 1_000_000);
        assert_eq!(Orphan::parse(&orphan.key(), &orphan.record()), Some(orphan));
        assert_eq!(Orphan::parse(b"state", &orphan.record()), None);
        assert_eq!(Orphan::parse(&orphan.key()[..20], &orphan.record()), None);
        assert_eq!(Orphan::parse(&orphan.key(), b""), None);
    }
}
