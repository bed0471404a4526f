//! One command's transaction at the primary: reads through overlay and store, writes into overlay and write set.

use std::ops::RangeInclusive;

use bytes::Bytes;
use types::id::Decree;
use types::root::Root;
use types::slot::{Cursor, Slot};
use types::time::UnixMs;
use types::txn::{Abort, Database, HashKey, HashKeyTxn, KeyCount, Scanned};

use crate::error::read_failed;
use crate::keys::{Key, Physical, RootKey, element_key};
use crate::overlay::{self, Overlay};
pub use crate::reader::Reader;
use crate::root::Presence;
use crate::scan::{self, Bounds};
use crate::store::{Store, Tier, read_options};
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
    last: Option<(Key, Presence)>,
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
        Txn { store, overlay, writes, context, savepoint, committed: false, last: None }
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

    fn presence(&self, key: &RootKey<'_>, encoded: &[u8]) -> Result<Presence, Abort> {
        if let Some((last, presence)) = &self.last
            && last[..] == *encoded
        {
            return Ok(*presence);
        }
        self.find(key, encoded, Presence::of, |store| Ok(Presence::of(store.read_root(encoded, self.context.tier)?.as_ref())))
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
        let new = Presence::of(root.as_ref());
        assert!(self.overlay.databases.count_change(key.database, old, new), "keys of database {} miscounted", key.database.0);
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
        self.last = Some((encoded, Presence::of(root.as_ref())));
        Ok(root)
    }

    fn put_root(&mut self, key: &HashKey<'_>, mut root: Root) -> Result<(), Abort> {
        self.store.check_slot(key.slot);
        let key = RootKey::of(key, self.map(key.database)?);
        let encoded = key.encode();
        let old = self.presence(&key, &encoded)?;
        root.version = self.context.decree.0;
        root.written = u32::try_from(self.context.now.secs()).unwrap_or(0);
        self.writes.put_root(&encoded, &root, old);
        self.change(&key, encoded, old, Some(root));
        Ok(())
    }

    fn delete_root(&mut self, key: &HashKey<'_>) -> Result<(), Abort> {
        self.store.check_slot(key.slot);
        let Some(physical) = self.overlay.databases.physical(key.database) else { return Ok(()) };
        let key = RootKey::of(key, physical);
        let encoded = key.encode();
        let old = self.presence(&key, &encoded)?;
        let Presence::Present { expire } = old else { return Ok(()) };
        self.overlay.save_databases();
        self.writes.delete_root(&encoded, expire);
        self.change(&key, encoded, old, None);
        Ok(())
    }

    fn scan(&mut self, database: Database, from: Cursor, limit: usize, visit: usize) -> Result<(Vec<Scanned>, Option<Cursor>), Abort> {
        let Some(physical) = self.overlay.databases.physical(database) else { return Ok((Vec::new(), None)) };
        let options = read_options(self.context.tier);
        scan::scan(self.store, options, Some(self.overlay), physical, from, Bounds { limit, visit })
    }

    fn expired(&mut self, limit: usize) -> Result<Vec<(Database, Bytes)>, Abort> {
        let databases = self.overlay.databases.clone();
        let tier = self.context.tier;
        scan::expired(self.store, || read_options(tier), Some(self.overlay), &databases, self.context.now, limit)
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

    fn get(&mut self, slot: Slot, id: u64, sort_key: &[u8]) -> Result<Option<Bytes>, Abort> {
        self.store.check_slot(slot);
        let key = element_key(slot, id, sort_key);
        if let Some(value) = self.overlay.element(&key) {
            return Ok(value.cloned());
        }
        let options = self.store.read_options(self.context.tier);
        let value = self.store.db.get_pinned_cf_opt(self.store.elements(), &key, options).map_err(read_failed)?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn put(&mut self, slot: Slot, id: u64, sort_key: &[u8], value: Bytes) {
        self.store.check_slot(slot);
        let key = element_key(slot, id, sort_key);
        self.writes.put_element(&key, &value);
        self.overlay.put_element(self.context.decree, key, Some(value));
    }

    fn delete(&mut self, slot: Slot, id: u64, sort_key: &[u8]) {
        self.store.check_slot(slot);
        let key = element_key(slot, id, sort_key);
        self.writes.delete_element(&key);
        self.overlay.put_element(self.context.decree, key, None);
    }
}
