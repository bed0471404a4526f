//! One command's transaction at the primary: reads through overlay and store, writes into overlay and write set.

use std::ops::RangeInclusive;

use bytes::Bytes;
use types::id::Decree;
use types::reply::Stop;
use types::root::Root;
use types::slot::Cursor;
use types::time::UnixMs;
use types::txn::{Abort, Database, HashKey, HashKeyTxn, KeyCount, Scanned, SortKeys, ValueId, Visit};

use crate::keys::{ElementKey, Key, Physical, RootKey};
use crate::overlay::{self, Overlay};
pub use crate::reader::Reader;
use crate::root::Presence;
use crate::scan::{self, Bounds};
use crate::store::{Store, Tier, read_options};
use crate::walk::{Budget, Iterators, Walk, laid_over};
use crate::write_set::WriteSet;

/// The transaction of one command that may write. Without [`Txn::commit`] it never happened.
pub struct Txn<'a> {
    store: &'a Store,
    overlay: &'a mut Overlay,
    writes: &'a mut WriteSet,
    context: Context,
    savepoint: (usize, overlay::Savepoint),
    committed: bool,
    /// The root looked at last: most commands read a key and then write it, which is one look-up.
    last: Option<(Key, Old)>,
    iterators: Iterators<'a>,
    budget: Budget,
}

/// What there was under a key.
#[derive(Debug, Clone, Copy)]
struct Old {
    presence: Presence,
    /// Of an exploded value, else 0.
    id: u64,
    count: u64,
}

impl Old {
    fn of(root: Option<&Root>) -> Old {
        Old { presence: Presence::of(root), id: root.map_or(0, |root| root.id), count: root.map_or(0, |root| root.count) }
    }
}

/// What a command is evaluated with, beside the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Whether reads may wait for the disk.
    pub tier: Tier,
    /// The primary's wall clock.
    pub now: UnixMs,
    /// Decree of the mutation that the command's writes will be in.
    pub decree: Decree,
}

impl<'a> Txn<'a> {
    /// Begins a command. Its writes will follow those in `writes`.
    pub fn begin(store: &'a Store, overlay: &'a mut Overlay, writes: &'a mut WriteSet, context: Context) -> Txn<'a> {
        let savepoint = (writes.savepoint(), overlay.savepoint());
        Txn {
            store,
            overlay,
            writes,
            context,
            savepoint,
            committed: false,
            last: None,
            iterators: Iterators::default(),
            budget: Budget::default(),
        }
    }

    /// Walks end soon after `stop` was set, as [`Abort::Cold`].
    pub fn stop_at(&mut self, stop: Stop) {
        self.budget.watch(stop);
    }

    /// Bytes that the command added to the write set so far.
    pub fn written(&self) -> usize {
        self.writes.len() - self.savepoint.0
    }

    /// Keeps the command's writes.
    pub fn commit(mut self) {
        self.overlay.commit();
        self.committed = true;
    }

    /// The root of a key, its presence and its physical key, from the overlay or the store.
    fn find<T>(
        &self,
        key: &RootKey<'_>,
        encoded: &[u8],
        held: impl FnOnce(Option<&Root>) -> T,
        stored: impl FnOnce(&Store) -> Result<T, Abort>,
    ) -> Result<T, Abort> {
        match self.overlay.root(key, encoded) {
            Some(root) => Ok(held(root)),
            None => stored(self.store),
        }
    }

    fn old(&self, key: &RootKey<'_>, encoded: &[u8]) -> Result<Old, Abort> {
        if let Some((last, old)) = &self.last
            && last[..] == *encoded
        {
            return Ok(*old);
        }
        self.find(key, encoded, Old::of, |store| Ok(Old::of(store.read_root(encoded, self.context.tier)?.as_ref())))
    }

    /// The elements of what was there are garbage, unless the new root names them, too.
    fn orphan(&mut self, key: &RootKey<'_>, old: Old, new_id: u64) {
        if old.id != 0
            && old.id != new_id
            && let Some(slot) = key.place.slot()
        {
            self.writes.orphan(&ElementKey { slot, database: key.database, id: old.id }, old.count);
        }
    }

    /// Removes a root, if it is there.
    fn remove_root(&mut self, key: &HashKey<'_>, keep_elements: bool) -> Result<(), Abort> {
        self.store.check_slot(key.slot);
        let Some(physical) = self.overlay.databases.physical(key.database) else { return Ok(()) };
        let key = RootKey::of(key, physical);
        let encoded = key.encode();
        let old = self.old(&key, &encoded)?;
        let Presence::Present(times) = old.presence else { return Ok(()) };
        self.overlay.save_databases();
        if !keep_elements {
            self.orphan(&key, old, 0);
        }
        self.writes.delete_root(&encoded, times);
        self.change(&key, encoded, old.presence, None);
        Ok(())
    }

    /// Which elements `value` means; `None` if its database holds nothing.
    fn elements(&self, value: ValueId) -> Option<ElementKey> {
        self.store.check_slot(value.slot);
        let database = self.overlay.databases.physical(value.database)?;
        Some(ElementKey { slot: value.slot, database, id: value.id })
    }

    fn write_element(&mut self, value: ValueId, sort_key: &[u8], element: Option<Bytes>) {
        self.store.check_slot(value.slot);
        // A database without a number fails the write of the root, which is part of every command that writes elements.
        let Ok(database) = self.map(value.database) else { return };
        let key = ElementKey { slot: value.slot, database, id: value.id }.element(sort_key);
        match &element {
            Some(element) => self.writes.put_element(&key, element),
            None => self.writes.delete_element(&key),
        }
        self.overlay.put_element(self.context.decree, key, element);
    }

    /// The physical number of a database that is about to be written to.
    fn map(&mut self, logical: Database) -> Result<Physical, Abort> {
        self.overlay.save_databases();
        if let Some(physical) = self.overlay.databases.physical(logical) {
            return Ok(physical);
        }
        let Some(physical) = self.overlay.databases.next_physical() else {
            return Err(Abort::Storage("the partition's databases were emptied four billion times".to_owned()));
        };
        assert!(self.overlay.databases.map(logical, physical), "database {} is not mapped", logical.0);
        self.writes.map(logical, physical);
        Ok(physical)
    }

    /// Books the change of a root in the counters, the memo and the overlay.
    fn change(&mut self, key: &RootKey<'_>, encoded: Key, old: Presence, root: Option<Root>) {
        let new = Old::of(root.as_ref());
        assert!(self.overlay.databases.count_change(key.database, old, new.presence), "keys of database {} miscounted", key.database.0);
        self.last = Some((encoded.clone(), new));
        self.overlay.put_root(self.context.decree, key, encoded, root);
    }
}

impl Drop for Txn<'_> {
    fn drop(&mut self) {
        if !self.committed {
            self.writes.rollback(self.savepoint.0);
            self.overlay.rollback(self.savepoint.1);
        }
    }
}

impl HashKeyTxn for Txn<'_> {
    fn now(&self) -> UnixMs {
        self.context.now
    }

    fn slots(&self) -> RangeInclusive<u16> {
        self.store.slots()
    }

    fn random(&mut self) -> u64 {
        self.overlay.random()
    }

    fn next_id(&mut self) -> u64 {
        self.overlay.save_databases();
        let id = self.overlay.databases.next_id;
        self.overlay.databases.next_id += 1;
        self.writes.next_id(id + 1);
        id
    }

    fn root(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Abort> {
        self.store.check_slot(key.slot);
        let Some(physical) = self.overlay.databases.physical(key.database) else { return Ok(None) };
        let key = RootKey::of(key, physical);
        let encoded = key.encode();
        let root = self.find(&key, &encoded, |root| root.cloned(), |store| store.read_root(&encoded, self.context.tier))?;
        self.last = Some((encoded, Old::of(root.as_ref())));
        Ok(root)
    }

    fn put_root(&mut self, key: &HashKey<'_>, mut root: Root) -> Result<(), Abort> {
        self.store.check_slot(key.slot);
        let key = RootKey::of(key, self.map(key.database)?);
        let encoded = key.encode();
        let old = self.old(&key, &encoded)?;
        root.version = self.context.decree.0;
        root.written = u32::try_from(self.context.now.secs()).unwrap_or(0);
        self.orphan(&key, old, root.id);
        self.writes.put_root(&encoded, &root, old.presence);
        self.change(&key, encoded, old.presence, Some(root));
        Ok(())
    }

    fn delete_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
        self.remove_root(key, false)
    }

    fn forget_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
        self.remove_root(key, true)
    }

    fn scan(&mut self, database: Database, from: Cursor, limit: usize, visit: usize) -> Result<(Vec<Scanned>, Option<Cursor>), Abort> {
        self.budget.check()?;
        let Some(physical) = self.overlay.databases.physical(database) else { return Ok((Vec::new(), None)) };
        let options = read_options(self.context.tier);
        scan::scan(self.store, options, Some(self.overlay), physical, from, Bounds { limit, visit })
    }

    fn sweepable(&mut self, limit: usize) -> Result<Vec<(Database, Bytes)>, Abort> {
        let databases = self.overlay.databases.clone();
        let tier = self.context.tier;
        scan::sweepable(self.store, || read_options(tier), Some(self.overlay), &databases, self.context.now, limit)
    }

    fn count(&self, database: Database) -> KeyCount {
        self.overlay.databases.count(database)
    }

    fn flush(&mut self, database: Database) {
        if self.overlay.databases.count(database) == KeyCount::default() {
            return;
        }
        self.overlay.save_databases();
        self.overlay.databases.unmap(database);
        self.writes.unmap(database);
        self.last = None;
    }

    fn databases(&self) -> Vec<Database> {
        self.overlay.databases.in_use()
    }

    fn swap(&mut self, a: Database, b: Database) -> Result<(), Abort> {
        if a != b && (self.overlay.databases.physical(a).is_some() || self.overlay.databases.physical(b).is_some()) {
            self.overlay.save_databases();
            self.overlay.databases.swap(a, b);
            self.writes.swap(a, b);
            self.last = None;
        }
        Ok(())
    }

    fn get(&mut self, value: ValueId, sort_key: &[u8]) -> Result<Option<Bytes>, Abort> {
        let Some(elements) = self.elements(value) else { return Ok(None) };
        let key = elements.element(sort_key);
        if let Some(value) = self.overlay.element(&key) {
            return Ok(value.cloned());
        }
        self.store.read_element(&key, self.context.tier)
    }

    fn range(&mut self, value: ValueId, keys: &SortKeys<'_>, visit: &mut Visit<'_>) -> Result<(), Abort> {
        let Some(walk) = self.elements(value).and_then(|elements| Walk::of(&elements.prefix(), keys)) else { return Ok(()) };
        // Its budget has no bounds: a write is evaluated once, where it must be.
        let (store, tier, iterators, budget) = (self.store, self.context.tier, &mut self.iterators, &mut self.budget);
        let stored = |visit: &mut Visit<'_>| walk.stored(iterators, store, || read_options(tier), budget, visit);
        laid_over(self.overlay.elements(&walk), walk.reverse(), stored, visit)
    }

    fn put(&mut self, value: ValueId, sort_key: &[u8], element: Bytes) {
        self.write_element(value, sort_key, Some(element));
    }

    fn delete(&mut self, value: ValueId, sort_key: &[u8]) {
        self.write_element(value, sort_key, None);
    }
}
