//! Which physical database each logical one is, how many keys it holds, and the partition's counters.
//!
//! Part of a store's state (one record in the `meta` column family, replaced by every batch) and, as evaluation sees it, of the overlay.

use types::id::Decree;
use types::txn::{Database, KeyCount};

use crate::keys::Physical;
use crate::root::{Presence, Times};

/// Everything about a partition that is not a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Databases {
    /// Few: `databases 16` is what Redis ships with.
    mapped: Vec<Mapped>,
    next_physical: u32,
    /// The id the next exploded value gets.
    pub(crate) next_id: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) logical: Database,
    pub(crate) physical: Physical,
    pub(crate) count: KeyCount,
    /// Keys in the expiry index: those that expire, and those with something to do before.
    pub(crate) listed: u64,
}

impl Databases {
    pub(crate) fn new() -> Databases {
        Databases { mapped: Vec::new(), next_physical: 1, next_id: 1 }
    }

    /// Copies `other` into the memory of `self`.
    pub(crate) fn copy_from(&mut self, other: &Databases) {
        self.mapped.clone_from(&other.mapped);
        self.next_physical = other.next_physical;
        self.next_id = other.next_id;
    }

    /// The physical number the next database that is mapped gets; `None` once they are used up.
    pub(crate) fn next_physical(&self) -> Option<Physical> {
        (self.next_physical < u32::MAX).then_some(Physical(self.next_physical))
    }

    /// Gives `logical` the number [`Databases::next_physical`]; false if that is not `physical`, or it has one.
    pub(crate) fn map(&mut self, logical: Database, physical: Physical) -> bool {
        if self.next_physical() != Some(physical) || self.physical(logical).is_some() {
            return false;
        }
        self.next_physical += 1;
        self.mapped.push(Mapped { logical, physical, count: KeyCount::default(), listed: 0 });
        true
    }

    /// Forgets `logical` with all its keys; the number it had.
    pub(crate) fn unmap(&mut self, logical: Database) -> Option<Physical> {
        let index = self.mapped.iter().position(|m| m.logical == logical)?;
        Some(self.mapped.swap_remove(index).physical)
    }

    /// Makes each of two logical databases the other.
    pub(crate) fn swap(&mut self, a: Database, b: Database) {
        for mapped in &mut self.mapped {
            if mapped.logical == a {
                mapped.logical = b;
            } else if mapped.logical == b {
                mapped.logical = a;
            }
        }
    }

    /// Counts a root that replaces `old`, or the end of `old`; false if the database is not mapped or has no such key.
    pub(crate) fn count_change(&mut self, physical: Physical, old: Presence, new: Presence) -> bool {
        let Some(mapped) = self.mapped.iter_mut().find(|m| m.physical == physical) else { return false };
        let step = |total: u64, before: bool, after: bool| (total + u64::from(after)).checked_sub(u64::from(before));
        let keys = step(mapped.count.keys, old != Presence::Absent, new != Presence::Absent);
        let has = |has: fn(Times) -> bool| (has(old.times()), has(new.times()));
        let (before, after) = has(|times| times.expire.is_some());
        let expires = step(mapped.count.expires, before, after);
        let (before, after) = has(|times| times.sweep_at().is_some());
        let listed = step(mapped.listed, before, after);
        match (keys, listed, expires) {
            (Some(keys), Some(listed), Some(expires)) if expires <= listed && listed <= keys => {
                (mapped.count, mapped.listed) = (KeyCount { keys, expires }, listed);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn physical(&self, logical: Database) -> Option<Physical> {
        self.mapped.iter().find(|m| m.logical == logical).map(|m| m.physical)
    }

    pub(crate) fn logical(&self, physical: Physical) -> Option<Database> {
        self.mapped.iter().find(|m| m.physical == physical).map(|m| m.logical)
    }

    pub(crate) fn count(&self, logical: Database) -> KeyCount {
        self.mapped.iter().find(|m| m.logical == logical).map_or_else(KeyCount::default, |m| m.count)
    }

    pub(crate) fn mapped(&self) -> &[Mapped] {
        &self.mapped
    }

    /// The logical databases that hold keys, in order.
    pub(crate) fn in_use(&self) -> Vec<Database> {
        let mut in_use: Vec<Database> = self.mapped.iter().filter(|m| m.count.keys > 0).map(|m| m.logical).collect();
        in_use.sort_unstable();
        in_use
    }

    /// Appends the `meta` record of a store that has applied `applied`.
    pub(crate) fn encode(&self, applied: Decree, out: &mut Vec<u8>) {
        out.extend_from_slice(&applied.0.to_be_bytes());
        out.extend_from_slice(&self.next_physical.to_be_bytes());
        out.extend_from_slice(&self.next_id.to_be_bytes());
        for mapped in &self.mapped {
            out.extend_from_slice(&mapped.logical.0.to_be_bytes());
            out.extend_from_slice(&mapped.physical.0.to_be_bytes());
            out.extend_from_slice(&mapped.count.keys.to_be_bytes());
            out.extend_from_slice(&mapped.count.expires.to_be_bytes());
            out.extend_from_slice(&mapped.listed.to_be_bytes());
        }
    }

    /// The inverse of [`Databases::encode`]; `None` if it is no such record.
    pub(crate) fn decode(record: &[u8]) -> Option<(Decree, Databases)> {
        let (applied, rest) = record.split_first_chunk::<8>()?;
        let (next_physical, rest) = rest.split_first_chunk::<4>()?;
        let (next_id, rest) = rest.split_first_chunk::<8>()?;
        let (entries, []) = rest.as_chunks::<MAPPED>() else { return None };
        let next_physical = u32::from_be_bytes(*next_physical);
        let mapped: Vec<Mapped> = entries.iter().map(decode_mapped).collect::<Option<_>>()?;
        if mapped.iter().any(|m| m.physical.0 >= next_physical) {
            return None;
        }
        let databases = Databases { mapped, next_physical, next_id: u64::from_be_bytes(*next_id) };
        Some((Decree(u64::from_be_bytes(*applied)), databases))
    }
}

fn decode_mapped(entry: &[u8; MAPPED]) -> Option<Mapped> {
    let (logical, rest) = entry.split_first_chunk::<2>()?;
    let (physical, rest) = rest.split_first_chunk::<4>()?;
    let (keys, rest) = rest.split_first_chunk::<8>()?;
    let (expires, rest) = rest.split_first_chunk::<8>()?;
    let (listed, _) = rest.split_first_chunk::<8>()?;
    Some(Mapped {
        logical: Database(u16::from_be_bytes(*logical)),
        physical: Physical(u32::from_be_bytes(*physical)),
        count: KeyCount { keys: u64::from_be_bytes(*keys), expires: u64::from_be_bytes(*expires) },
        listed: u64::from_be_bytes(*listed),
    })
}

/// Bytes of a database in the record.
const MAPPED: usize = 2 + 4 + 8 + 8 + 8;

#[cfg(test)]
mod tests {
    use types::time::UnixMs;

    use super::*;

    #[test]
    fn the_record_comes_back_and_damage_is_seen() {
        let mut databases = Databases::new();
        assert!(databases.map(Database(3), Physical(1)));
        assert!(databases.map(Database(0), Physical(2)));
        assert!(!databases.map(Database(1), Physical(2)), "a number is given once");
        assert!(databases.count_change(Physical(2), Presence::Absent, Presence::Present(Times::default())));
        databases.next_id = 77;
        let mut record = Vec::new();
        databases.encode(Decree(9), &mut record);
        assert_eq!(Databases::decode(&record), Some((Decree(9), databases.clone())));
        assert_eq!(Databases::decode(&record[..record.len() - 1]), None);
        assert_eq!(databases.in_use(), [Database(0)]);
        assert_eq!(databases.unmap(Database(3)), Some(Physical(1)));
        assert!(databases.map(Database(3), Physical(3)), "and never again");
    }

    #[test]
    fn what_expires_and_what_has_something_to_do_is_counted() {
        let mut databases = Databases::new();
        assert!(databases.map(Database(0), Physical(1)));
        let mut change = |old, new| {
            assert!(databases.count_change(Physical(1), old, new));
            let mapped = databases.mapped()[0];
            (mapped.count.keys, mapped.count.expires, mapped.listed)
        };
        let present = |expire: Option<i64>, due: Option<i64>| Presence::Present(Times { expire: expire.map(UnixMs), due: due.map(UnixMs) });
        assert_eq!(change(Presence::Absent, present(None, Some(1))), (1, 0, 1));
        assert_eq!(change(present(None, Some(1)), present(Some(2), Some(1))), (1, 1, 1));
        assert_eq!(change(present(Some(2), Some(1)), present(Some(2), None)), (1, 1, 1));
        assert_eq!(change(present(Some(2), None), Presence::Absent), (0, 0, 0));
    }

    #[test]
    fn counting_below_zero_is_refused() {
        let mut databases = Databases::new();
        assert!(databases.map(Database(0), Physical(1)));
        assert!(!databases.count_change(Physical(1), Presence::Present(Times::default()), Presence::Absent));
        assert!(!databases.count_change(Physical(2), Presence::Absent, Presence::Absent));
        assert_eq!(databases.count(Database(0)), KeyCount::default());
    }
}
