//! Roots and elements that were read lately, by physical key: a look in a hash table where RocksDB would search its skip lists.
//!
//! ```text
//!   reader:  get ── miss ──▶ RocksDB ──▶ insert, if nothing was applied since
//!   apply:   hide the keys of the batch ──▶ RocksDB write ──▶ settle those that were there
//! ```
//! Invariant: what [`Rows::get`] returns is what RocksDB held at some moment of the call. While a batch is being applied its keys are not here, and
//! a reader that looked at RocksDB before may not put back what it saw: `insert` asks, under the lock that `hide` takes, whether the store
//! has changed since.
//!
//! Bounded by a budget that all stores of the process share; what was not asked for since the hand of the clock came by goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hashbrown::HashTable;
use parking_lot::Mutex;
use types::root::Root;
use types::slot::hash48;

use crate::keys::Key;

/// The cached rows of one store.
pub(crate) struct Rows {
    shards: [Mutex<Shard>; SHARDS],
    budget: Arc<Budget>,
}

/// Bytes of all stores' rows.
pub(crate) struct Budget {
    used: AtomicUsize,
    max: usize,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Budget {
        Budget { used: AtomicUsize::new(0), max }
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Shard {
    index: HashTable<u32>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    hand: usize,
}

struct Entry {
    hash: u64,
    key: Key,
    row: Row,
    /// Asked for since the hand came by.
    used: bool,
}

/// What may be kept.
#[derive(Debug, Clone)]
pub(crate) enum Row {
    Root(Root),
    Element(Bytes),
}

impl Row {
    /// Bytes of its value.
    fn len(&self) -> usize {
        match self {
            Row::Root(root) => root.value.len(),
            Row::Element(element) => element.len(),
        }
    }
}

/// A kind of row. Keys of different kinds are different even where their bytes are the same.
pub(crate) trait Kept: Clone {
    /// The hash of a physical key of this kind.
    fn hash(key: &[u8]) -> u64;
    fn len(&self) -> usize;
    fn of(row: &Row) -> Option<&Self>;
    fn into_row(self) -> Row;
}

impl Kept for Root {
    /// The place in a root's key is a hash already; multiplied, so that its low bits depend on all of it.
    fn hash(key: &[u8]) -> u64 {
        spread(key.first_chunk::<8>().map_or(0, |place| u64::from_be_bytes(*place)))
    }

    fn len(&self) -> usize {
        self.value.len()
    }

    fn of(row: &Row) -> Option<&Root> {
        if let Row::Root(root) = row { Some(root) } else { None }
    }

    fn into_row(self) -> Row {
        Row::Root(self)
    }
}

impl Kept for Bytes {
    fn hash(key: &[u8]) -> u64 {
        spread(hash48(key))
    }

    fn len(&self) -> usize {
        Bytes::len(self)
    }

    fn of(row: &Row) -> Option<&Bytes> {
        if let Row::Element(element) = row { Some(element) } else { None }
    }

    fn into_row(self) -> Row {
        Row::Element(self)
    }
}

impl Rows {
    pub(crate) fn new(budget: Arc<Budget>) -> Rows {
        Rows { shards: Default::default(), budget }
    }

    /// The row of `key`, if it is here.
    pub(crate) fn get<R: Kept>(&self, key: &[u8]) -> Option<R> {
        let hash = R::hash(key);
        let mut shard = self.shard(hash).lock();
        let at = shard.find::<R>(hash, key)?;
        let entry = shard.entries[at as usize].as_mut()?;
        entry.used = true;
        R::of(&entry.row).cloned()
    }

    /// Remembers what was read, if `unchanged` says that it still holds.
    pub(crate) fn insert<R: Kept>(&self, key: &[u8], row: &R, unchanged: impl FnOnce() -> bool) {
        if row.len() > VALUE_MAX {
            return;
        }
        let hash = R::hash(key);
        let mut shard = self.shard(hash).lock();
        if unchanged() && shard.find::<R>(hash, key).is_none() {
            self.put(&mut shard, hash, key, row.clone().into_row());
        }
    }

    /// Takes a key that is about to change out of sight; whether it was here.
    pub(crate) fn hide<R: Kept>(&self, key: &[u8]) -> bool {
        let hash = R::hash(key);
        let mut shard = self.shard(hash).lock();
        let Some(entry) = shard.take::<R>(hash, key) else { return false };
        self.budget.used.fetch_sub(entry.weight(), Ordering::Relaxed);
        true
    }

    /// Brings a key that was hidden back with its new row. Only from the one who applies.
    pub(crate) fn settle<R: Kept>(&self, key: &[u8], row: R) {
        if row.len() <= VALUE_MAX {
            let hash = R::hash(key);
            self.put(&mut self.shard(hash).lock(), hash, key, row.into_row());
        }
    }

    fn put(&self, shard: &mut Shard, hash: u64, key: &[u8], row: Row) {
        let entry = Entry { hash, key: Key::from_slice(key), row, used: false };
        let weight = entry.weight();
        let used = self.budget.used.fetch_add(weight, Ordering::Relaxed) + weight;
        if used > self.budget.max {
            let freed = shard.evict(used - self.budget.max.min(used));
            self.budget.used.fetch_sub(freed, Ordering::Relaxed);
        }
        shard.put(entry);
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // Not the bits that the table inside goes by.
        &self.shards[(hash >> 20) as usize % SHARDS]
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        let weight: usize = self.shards.iter_mut().flat_map(|s| &s.get_mut().entries).flatten().map(Entry::weight).sum();
        self.budget.used.fetch_sub(weight, Ordering::Relaxed);
    }
}

impl Shard {
    fn find<R: Kept>(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let is = |at: &u32| self.entries[*at as usize].as_ref().is_some_and(|entry| entry.key[..] == *key && R::of(&entry.row).is_some());
        self.index.find(hash, is).copied()
    }

    fn put(&mut self, entry: Entry) {
        let hash = entry.hash;
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = Some(entry);
                at
            }
            None => {
                self.entries.push(Some(entry));
                (self.entries.len() - 1) as u32
            }
        };
        let entries = &self.entries;
        self.index.insert_unique(hash, at, |at| entries[*at as usize].as_ref().map_or(0, |entry| entry.hash));
    }

    fn take<R: Kept>(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let at = self.find::<R>(hash, key)?;
        self.remove(hash, at)
    }

    fn remove(&mut self, hash: u64, at: u32) -> Option<Entry> {
        if let Ok(found) = self.index.find_entry(hash, |other| *other == at) {
            found.remove();
        }
        self.free.push(at);
        self.entries[at as usize].take()
    }

    /// Lets go of about `wanted` bytes, less if there is not as much; how many.
    fn evict(&mut self, wanted: usize) -> usize {
        let mut freed = 0;
        // Two rounds: the first may only find out that everything is in use.
        for _ in 0..(2 * self.entries.len()).min(EVICT_STEPS) {
            if freed >= wanted {
                break;
            }
            self.hand = (self.hand + 1) % self.entries.len();
            let Some(entry) = &mut self.entries[self.hand] else { continue };
            if std::mem::take(&mut entry.used) {
                continue;
            }
            let hash = entry.hash;
            freed += self.remove(hash, self.hand as u32).map_or(0, |entry| entry.weight());
        }
        freed
    }
}

impl Entry {
    fn weight(&self) -> usize {
        ENTRY_BYTES + self.key.len() + self.row.len()
    }
}

/// Makes all bits depend on all bits.
fn spread(hash: u64) -> u64 {
    let hash = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ (hash >> 32)
}

const SHARDS: usize = 8;
/// A larger value is not worth the room: reading it costs more than finding it.
const VALUE_MAX: usize = 4 << 10;
/// An entry beside its key and value: the entry itself, its share of the index, the allocator's rounding.
const ENTRY_BYTES: usize = size_of::<Option<Entry>>() + 32;
/// Entries the hand passes for one insertion at most, so that none takes long.
const EVICT_STEPS: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use bytes::Bytes;
    use types::root::Kind;

    use super::*;

    fn rows(max: usize) -> Rows {
        Rows::new(Arc::new(Budget::new(max)))
    }

    fn key(n: u64) -> Vec<u8> {
        let mut key = n.wrapping_mul(0x1234_5678_9ABC_DEF1).to_be_bytes().to_vec();
        key.extend_from_slice(b"\0\0\0\x01name");
        key
    }

    fn root(text: &str) -> Root {
        Root::inline(Kind::String, Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn a_root_is_found_until_it_is_hidden_and_again_when_it_settled() {
        let rows = rows(1 << 20);
        assert_eq!(rows.get::<Root>(&key(1)), None);
        assert!(!rows.hide::<Root>(&key(1)));
        rows.insert(&key(1), &root("old"), || true);
        assert_eq!(rows.get::<Root>(&key(1)), Some(root("old")));
        assert!(rows.hide::<Root>(&key(1)));
        assert_eq!(rows.get::<Root>(&key(1)), None);
        rows.settle(&key(1), root("new"));
        assert_eq!(rows.get::<Root>(&key(1)), Some(root("new")));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_put_back() {
        let rows = rows(1 << 20);
        rows.insert(&key(1), &root("stale"), || false);
        assert_eq!(rows.get::<Root>(&key(1)), None);
    }

    #[test]
    fn the_budget_holds_and_what_is_asked_for_stays() {
        let rows = rows(200_000);
        for n in 0..20_000 {
            rows.insert(&key(n), &root("value"), || true);
            rows.get::<Root>(&key(7));
        }
        assert!(rows.budget.used() <= 200_000 + 8 * 400, "{}", rows.budget.used());
        assert!(rows.get::<Root>(&key(7)).is_some(), "the key that is always asked for");
        let here = (0..20_000).filter(|n| rows.get::<Root>(&key(*n)).is_some()).count();
        assert!(here > 300, "{here}");
        let budget = Arc::clone(&rows.budget);
        drop(rows);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn roots_and_elements_do_not_meet() {
        let rows = rows(1 << 20);
        let element = Bytes::from("element");
        rows.insert(&key(1), &root("root"), || true);
        assert_eq!(rows.get::<Bytes>(&key(1)), None);
        rows.insert(&key(1), &element, || true);
        assert_eq!(rows.get(&key(1)), Some(root("root")));
        assert_eq!(rows.get(&key(1)), Some(element.clone()));
        assert!(rows.hide::<Root>(&key(1)));
        assert_eq!(rows.get(&key(1)), Some(element));
    }

    #[test]
    fn large_values_are_left_to_rocksdb() {
        let rows = rows(1 << 20);
        rows.insert(&key(1), &root(&"x".repeat(VALUE_MAX + 1)), || true);
        assert_eq!(rows.get::<Root>(&key(1)), None);
    }
}
