//! Drops what flushed databases and ended values left behind, when compactions come across it.
//!
//! A record may go only when no state this store can fall back to maps its database: what is applied but not flushed is lost in a crash,
//! and with a log that is not synced the mutation that emptied the database may be lost as well. So a number is dead from the moment
//! the decree that unmapped it is *flushed*, not from when it is applied.

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use rocksdb::CompactionDecision;
use rocksdb::compaction_filter::CompactionFilter;
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};
use types::id::Decree;

use crate::databases::Databases;
use crate::garbage::Garbage;
use crate::keys::{ElementKey, Physical, RootKey, parse_expire_key};

/// The physical databases whose records have to be kept. Shared with RocksDB's threads.
#[derive(Clone)]
pub(crate) struct Kept {
    numbers: Arc<Mutex<Numbers>>,
    readers: Arc<AtomicUsize>,
    /// The values that have ended.
    pub(crate) garbage: Garbage,
    /// Records that compactions have dropped.
    pub(crate) dropped: Arc<Dropped>,
}

/// How many records compactions have dropped since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    pub(crate) roots: AtomicU64,
    pub(crate) elements: AtomicU64,
}

/// Held by a reader while it may look at several records of one state: nothing more dies meanwhile.
pub(crate) struct Reading(Arc<AtomicUsize>);

#[derive(Clone)]
struct Numbers {
    /// Numbers from here on are not given yet, as far as this copy knows: kept.
    next: Physical,
    live: Vec<Physical>,
    /// Unmapped by a decree that may not be flushed yet.
    dying: Vec<(Decree, Physical)>,
    /// Died since all was compacted last, as far as is known: a restart forgets them.
    dead: Vec<Physical>,
}

impl Kept {
    /// Nothing goes until [`Kept::reset`] says what the store holds.
    pub(crate) fn everything() -> Kept {
        let numbers = Numbers { next: Physical(0), live: Vec::new(), dying: Vec::new(), dead: Vec::new() };
        Kept { numbers: Arc::new(Mutex::new(numbers)), readers: Arc::default(), garbage: Garbage::default(), dropped: Arc::default() }
    }

    /// What a store that was just opened maps: all of it is flushed.
    pub(crate) fn reset(&self, databases: &Databases) {
        let mut numbers = self.numbers.lock();
        numbers.live = databases.mapped().iter().map(|m| m.physical).collect();
        numbers.dying.clear();
        numbers.dead.clear();
        numbers.next = databases.next_physical().unwrap_or(Physical(u32::MAX));
    }

    pub(crate) fn mapped(&self, physical: Physical) {
        let mut numbers = self.numbers.lock();
        numbers.live.push(physical);
        numbers.next = numbers.next.max(Physical(physical.0.saturating_add(1)));
    }

    pub(crate) fn unmapped(&self, physical: Physical, by: Decree) {
        let mut numbers = self.numbers.lock();
        numbers.live.retain(|&p| p != physical);
        numbers.dying.push((by, physical));
    }

    /// Everything through `durable` is flushed.
    pub(crate) fn flushed(&self, durable: Decree) {
        let mut numbers = self.numbers.lock();
        // A reader that comes later finds the databases unmapped; those that are here are short, and the next call is soon.
        if self.readers.load(Ordering::SeqCst) == 0 {
            let dead = numbers.dying.extract_if(.., |&mut (by, _)| by <= durable).map(|(_, physical)| physical).collect::<Vec<_>>();
            numbers.dead.extend(dead);
            self.garbage.flushed(durable);
        }
    }

    /// To be held from before a reader looks at the mapping until its last read.
    pub(crate) fn reading(&self) -> Reading {
        self.readers.fetch_add(1, Ordering::SeqCst);
        Reading(self.readers.clone())
    }

    /// The databases that died and were not compacted away since.
    pub(crate) fn dead(&self) -> Vec<Physical> {
        self.numbers.lock().dead.clone()
    }

    /// Nothing is left of these databases.
    pub(crate) fn compacted(&self, databases: &[Physical]) {
        self.numbers.lock().dead.retain(|database| !databases.contains(database));
    }

    /// What compactions of root records ask.
    pub(crate) fn root_filter(&self) -> Factory {
        Factory { kept: self.clone(), owner: |key| RootKey::parse(key).map(|k| (k.database, 0)), name: c"pegasus.root" }
    }

    /// What compactions of elements ask.
    pub(crate) fn element_filter(&self) -> Factory {
        Factory { kept: self.clone(), owner: |key| ElementKey::parse(key).map(|k| (k.database, k.id)), name: c"pegasus.element" }
    }

    /// What compactions of the expiry index ask.
    pub(crate) fn expire_filter(&self) -> Factory {
        Factory { kept: self.clone(), owner: |key| parse_expire_key(key).map(|(_, k)| (k.database, 0)), name: c"pegasus.expire" }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Numbers {
    fn keep(&self, physical: Physical) -> bool {
        physical >= self.next || self.live.contains(&physical) || self.dying.iter().any(|&(_, p)| p == physical)
    }
}

/// Makes a filter for each compaction.
pub(crate) struct Factory {
    kept: Kept,
    owner: Owner,
    name: &'static CStr,
}

/// The database of a key, and the value's id if it is an element's.
type Owner = fn(&[u8]) -> Option<(Physical, u64)>;

/// The filter of one compaction: the numbers as they were at its start. What is mapped later lies in none of its files.
pub(crate) struct Filter {
    numbers: Numbers,
    garbage: Garbage,
    dropped: Arc<Dropped>,
    owner: Owner,
    /// The value met last and whether it is dead: its elements stand together.
    last: (u64, bool),
    name: &'static CStr,
}

impl CompactionFilterFactory for Factory {
    type Filter = Filter;

    fn create(&mut self, _context: CompactionFilterContext) -> Filter {
        let numbers = self.kept.numbers.lock().clone();
        let (garbage, dropped) = (self.kept.garbage.clone(), self.kept.dropped.clone());
        Filter { numbers, garbage, dropped, owner: self.owner, last: (0, false), name: self.name }
    }

    fn name(&self) -> &CStr {
        self.name
    }
}

impl CompactionFilter for Filter {
    fn filter(&mut self, _level: u32, key: &[u8], _value: &[u8]) -> CompactionDecision {
        // A key we cannot read is kept: damage is for the reader to see, not for a compaction to tidy away.
        let Some((physical, id)) = (self.owner)(key) else { return CompactionDecision::Keep };
        if id != self.last.0 {
            self.last = (id, self.garbage.holds(id));
        }
        if self.numbers.keep(physical) && !self.last.1 {
            return CompactionDecision::Keep;
        }
        let counter = if id == 0 { &self.dropped.roots } else { &self.dropped.elements };
        counter.fetch_add(1, Ordering::Relaxed);
        CompactionDecision::Remove
    }

    fn name(&self) -> &CStr {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use types::txn::Database;

    use super::*;

    #[test]
    fn a_number_dies_when_its_end_is_flushed() {
        let kept = Kept::everything();
        let keep = |n| kept.numbers.lock().keep(Physical(n));
        assert!(keep(1), "nothing goes before the store has said what it holds");
        let mut databases = Databases::new();
        for logical in 0..3 {
            assert!(databases.map(Database(logical), Physical(u32::from(logical) + 1)));
        }
        databases.unmap(Database(1));
        kept.reset(&databases);
        assert!(keep(1) && !keep(2) && keep(3) && keep(4));
        kept.unmapped(Physical(1), Decree(10));
        kept.mapped(Physical(4));
        kept.flushed(Decree(9));
        assert!(keep(1) && keep(4) && keep(5));
        let reading = kept.reading();
        kept.flushed(Decree(10));
        assert!(keep(1), "a reader may be looking at it");
        drop(reading);
        kept.flushed(Decree(10));
        assert!(!keep(1) && keep(3) && keep(4));
    }
}
