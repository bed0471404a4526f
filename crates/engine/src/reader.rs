//! Read-only evaluation over what is applied, on any thread, beside the owner that writes.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use rocksdb::DBPinnableSlice;
use types::reply::Stop;
use types::root::Root;
use types::slot::Cursor;
use types::time::UnixMs;
use types::txn::{Abort, Database, HashKey, HashKeyTxn, KeyCount, Scanned, SortKeys, ValueId, Visit};

use crate::error::read_failed;
use crate::keys::{ElementKey, Key, Physical, root_key};
use crate::overlay::random;
use crate::root::{decode, decode_head};
use crate::scan::{self, Bounds, damaged};
use crate::store::{Store, Tier};
use crate::view::View;
use crate::walk::{Budget, Iterators, Walk};

/// One read-only command's view of the applied state. Writing through it is a bug, and panics.
///
/// A command sees one state even while mutations are applied beside it. The first read of a key costs nothing for that; a second
/// one takes a snapshot and looks whether the first still holds in it. If not, or where that cannot be told, the command is
/// [`Abort::Cold`]: evaluated again with [`Tier::Disk`], which takes its snapshot first and is never cold.
pub struct Reader<'a> {
    store: &'a Store,
    tier: Tier,
    now: UnixMs,
    random: u64,
    seen: Seen,
    budget: Budget,
    /// Keys that were scanned.
    scanned: usize,
    // Before the view, whose snapshot they read.
    iterators: Iterators<'a>,
    view: Option<View<'a>>,
}

/// What the command has read without a snapshot.
enum Seen {
    Nothing,
    Root(SeenRoot),
}

/// A root that was read when the store's change counter stood at `changes`; `version` is `None` if it was absent.
struct SeenRoot {
    changes: u64,
    database: Database,
    located: Option<(Physical, Key)>,
    version: Option<u64>,
}

impl<'a> Reader<'a> {
    /// A view of `store` for one command that runs at `now`; `seed` starts its random numbers.
    pub fn new(store: &'a Store, tier: Tier, now: UnixMs, seed: u64) -> Reader<'a> {
        Reader {
            store,
            tier,
            now,
            random: seed,
            seen: Seen::Nothing,
            budget: Budget::of(tier),
            scanned: 0,
            iterators: Iterators::default(),
            view: None,
        }
    }

    /// The command ends soon after `stop` was set, as [`Abort::Cold`].
    pub fn stopping(mut self, stop: Stop) -> Reader<'a> {
        self.budget.watch(stop);
        self
    }

    /// The cheap case: the first read of a command, which may be its only one.
    fn first_root(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Abort> {
        let changes = self.store.published.changes.load(Ordering::Acquire);
        let located = self.store.published.physical(key.database).map(|physical| (physical, root_key(key, physical)));
        let root = match &located {
            Some((_, key)) => self.store.read_root(key, self.tier)?,
            None => None,
        };
        let version = root.as_ref().map(|root| root.version);
        self.seen = Seen::Root(SeenRoot { changes, database: key.database, located, version });
        Ok(root)
    }

    /// Everything from here on, and what was read so far, is one state.
    fn view(&mut self) -> Result<&View<'a>, Abort> {
        self.budget.check()?;
        if self.view.is_none() {
            let view = View::new(self.store, self.tier)?;
            match std::mem::replace(&mut self.seen, Seen::Nothing) {
                Seen::Nothing => {}
                Seen::Root(seen) => check(self.store, &view, &seen)?,
            }
            self.view = Some(view);
        }
        Ok(self.view.as_ref().expect("just made"))
    }

    /// Which elements `value` means; `None` if its database holds nothing.
    fn elements(&mut self, value: ValueId) -> Result<Option<ElementKey>, Abort> {
        self.store.check_slot(value.slot);
        let database = self.view()?.databases.physical(value.database);
        Ok(database.map(|database| ElementKey { slot: value.slot, database, id: value.id }))
    }

    fn first(&self) -> bool {
        self.tier == Tier::Memory && self.view.is_none() && matches!(self.seen, Seen::Nothing)
    }
}

impl HashKeyTxn for Reader<'_> {
    fn now(&self) -> UnixMs {
        self.now
    }

    fn slots(&self) -> RangeInclusive<u16> {
        self.store.slots()
    }

    fn random(&mut self) -> u64 {
        random(&mut self.random)
    }

    fn next_id(&mut self) -> u64 {
        read_only()
    }

    fn root(&mut self, key: &HashKey<'_>) -> Result<Option<Root>, Abort> {
        self.store.check_slot(key.slot);
        if self.first() {
            return self.first_root(key);
        }
        let store = self.store;
        let view = self.view()?;
        let Some(physical) = view.databases.physical(key.database) else { return Ok(None) };
        decode_root(store.db.get_pinned_opt(root_key(key, physical), &view.options))
    }

    fn put_root(&mut self, _key: &HashKey<'_>, _root: Root) -> Result<(), Abort> {
        read_only()
    }

    fn delete_root(&mut self, _key: &HashKey<'_>) -> Result<(), Abort> {
        read_only()
    }

    fn forget_root(&mut self, _key: &HashKey<'_>) -> Result<(), Abort> {
        read_only()
    }

    fn scan(&mut self, database: Database, from: Cursor, limit: usize, visit: usize) -> Result<(Vec<Scanned>, Option<Cursor>), Abort> {
        if self.tier == Tier::Memory && self.scanned > SCANNED_MAX {
            return Err(Abort::Cold);
        }
        let store = self.store;
        let view = self.view()?;
        let Some(physical) = view.databases.physical(database) else { return Ok((Vec::new(), None)) };
        let (found, next) = scan::scan(store, view.iterate(), None, physical, from, Bounds { limit, visit })?;
        self.scanned += found.len();
        Ok((found, next))
    }

    fn sweepable(&mut self, limit: usize) -> Result<Vec<(Database, Bytes)>, Abort> {
        let (store, now) = (self.store, self.now);
        let view = self.view()?;
        scan::sweepable(store, || view.iterate(), None, &view.databases, now, limit)
    }

    fn count(&self, database: Database) -> KeyCount {
        match &self.view {
            Some(view) => view.databases.count(database),
            None => self.store.count(database),
        }
    }

    fn flush(&mut self, _database: Database) {
        read_only()
    }

    fn databases(&self) -> Vec<Database> {
        match &self.view {
            Some(view) => view.databases.in_use(),
            None => self.store.databases().in_use(),
        }
    }

    fn swap(&mut self, _a: Database, _b: Database) -> Result<(), Abort> {
        read_only()
    }

    fn get(&mut self, value: ValueId, sort_key: &[u8]) -> Result<Option<Bytes>, Abort> {
        let store = self.store;
        self.budget.get()?;
        let Some(elements) = self.elements(value)? else { return Ok(None) };
        let view = self.view()?;
        let key = elements.element(sort_key);
        // First the look, then the question: what was there while nothing has changed yet is what the view shows.
        if let Some(element) = store.rows.get(&key).filter(|_| view.is_newest(store)) {
            return Ok(Some(element));
        }
        let element = store.stored_element(&key, &view.options)?;
        if let Some(element) = &element {
            store.rows.insert(&key, element, || view.is_newest(store));
        }
        Ok(element)
    }

    fn range(&mut self, value: ValueId, keys: &SortKeys<'_>, visit: &mut Visit<'_>) -> Result<(), Abort> {
        let store = self.store;
        let Some(walk) = self.elements(value)?.and_then(|elements| Walk::of(&elements.prefix(), keys)) else { return Ok(()) };
        self.view()?;
        let view = self.view.as_ref().expect("just made");
        self.budget.begin();
        walk.stored(&mut self.iterators, store, || view.iterate(), &mut self.budget, visit)
    }

    fn put(&mut self, _value: ValueId, _sort_key: &[u8], _element: Bytes) {
        read_only()
    }

    fn delete(&mut self, _value: ValueId, _sort_key: &[u8]) {
        read_only()
    }
}

/// Whether `seen` is what `view` holds.
fn check(store: &Store, view: &View<'_>, seen: &SeenRoot) -> Result<(), Abort> {
    let unchanged = seen.changes.is_multiple_of(2) && seen.changes == store.published.changes.load(Ordering::Acquire);
    if unchanged {
        return Ok(());
    }
    let physical = view.databases.physical(seen.database);
    let version = match &seen.located {
        _ if physical != seen.located.as_ref().map(|(physical, _)| *physical) => return Err(Abort::Cold),
        None => None,
        Some((_, key)) => {
            let record = store.db.get_pinned_opt(key, &view.options).map_err(read_failed)?;
            record.map(|r| decode_head(&r).map(|(root, _)| root.version).ok_or_else(|| damaged("a root record"))).transpose()?
        }
    };
    if version == seen.version { Ok(()) } else { Err(Abort::Cold) }
}

pub(crate) fn decode_root(record: Result<Option<DBPinnableSlice<'_>>, rocksdb::Error>) -> Result<Option<Root>, Abort> {
    match record.map_err(read_failed)? {
        None => Ok(None),
        Some(record) => decode(&record).map(Some).ok_or_else(|| damaged("a root record")),
    }
}

/// Keys that a command scans where it must not take long, before it may not go on.
const SCANNED_MAX: usize = 4096;

#[cold]
fn read_only() -> ! {
    panic!("a command that does not write called a writing operation")
}
