//! Applying committed mutations: one RocksDB batch for any number of them.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use rocksdb::{ColumnFamily, ErrorKind, WriteBatch};
use types::id::Decree;
use types::root::Root;

use crate::databases::Databases;
use crate::error::{ApplyError, StorageFailure};
use crate::garbage::Orphan;
use crate::keys::{ElementKey, Physical, RootKey};
use crate::root::{Presence, decode, decode_times};
use crate::store::{STATE, Store};
use crate::write_set::{Malformed, Op, Ops};

impl Store {
    /// Applies mutations, all of them or (with an error) none.
    ///
    /// Never waits for flushes or compactions: when those are behind it says [`ApplyError::Stalled`], and the caller, who has other
    /// partitions to serve, comes back. Nothing is lost by that, the mutations are in the log; what is in flight is bounded by the window.
    ///
    /// # Errors
    /// [`ApplyError`].
    ///
    /// # Panics
    /// If the decrees do not follow [`Store::applied`] one by one.
    pub fn apply(&self, mutations: &[(Decree, Bytes)]) -> Result<(), ApplyError> {
        let Some(&(last, _)) = mutations.last() else { return Ok(()) };
        let mut databases = self.applying.lock();
        databases.copy_from(&self.published.databases.read());
        let mut pass = Pass::new(self, &mut databases, mutations);
        let mut before = self.applied();
        for (decree, body) in mutations {
            assert!(*decree == before.next(), "apply decree {decree} after {before}");
            pass.mutation(*decree, body).map_err(|source| ApplyError::Malformed { decree: *decree, source })?;
            before = *decree;
        }
        let Done { batch, mappings, orphans, changed, elements } = pass.finish(last);
        let mapping_step = u64::from(!mappings.is_empty());
        self.published.changes.fetch_add(1, Ordering::AcqRel);
        self.published.mappings.fetch_add(mapping_step, Ordering::AcqRel);
        let hidden: Vec<bool> = changed.iter().map(|(key, _)| self.rows.hide::<Root>(key)).collect();
        let hidden_elements: Vec<bool> = elements.iter().map(|(key, _)| self.rows.hide::<Bytes>(key)).collect();
        let written = self.db.write_opt(batch, &self.writes);
        if written.is_ok() {
            self.settle(&changed, &hidden);
            self.settle_elements(&elements, &hidden_elements);
            for mapping in &mappings {
                match *mapping {
                    Mapping::Mapped(physical) => self.kept.mapped(physical),
                    Mapping::Unmapped(physical, by) => self.kept.unmapped(physical, by),
                    Mapping::Swapped => {}
                }
            }
            for (orphan, by) in orphans {
                self.kept.garbage.dies(orphan, by);
            }
            self.published.publish(last, &mut databases, !mappings.is_empty());
        }
        self.published.mappings.fetch_add(mapping_step, Ordering::AcqRel);
        self.published.changes.fetch_add(1, Ordering::AcqRel);
        written.map_err(apply_error)
    }
}

impl Store {
    /// Shows the new roots of keys that were hidden while they changed, or of all where writes are kept for reading.
    fn settle(&self, changed: &[Change<'_>], hidden: &[bool]) {
        let all = self.keep_writes.load(Ordering::Relaxed);
        for ((key, record), hidden) in changed.iter().zip(hidden) {
            if !*hidden {
                self.rows.hide::<Root>(key); // an earlier change of the same batch may have settled it
            }
            if let Some(root) = record.filter(|record| (all || *hidden) && record.len() <= RECORD_MAX).and_then(decode) {
                self.rows.settle(key, root);
            }
        }
    }

    /// Shows the new elements where there were any: what nobody has read is not kept, for most of what is written is not read soon.
    fn settle_elements(&self, changed: &[Change<'_>], hidden: &[bool]) {
        for ((key, element), hidden) in changed.iter().zip(hidden) {
            // An earlier change of the same batch may have settled it.
            if (*hidden || self.rows.hide::<Bytes>(key))
                && let Some(element) = element.filter(|element| element.len() <= RECORD_MAX)
            {
                self.rows.settle(key, Bytes::copy_from_slice(element));
            }
        }
    }

    /// Whether keys that are written are kept in memory for reading, as a primary's should be. Off at first.
    pub fn keep_writes(&self, keep: bool) {
        self.keep_writes.store(keep, Ordering::Relaxed);
    }
}

/// Records that are copied into the rows at most; larger ones would not be kept.
const RECORD_MAX: usize = 8 << 10;

/// A key and its new record, `None` if it is gone.
type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// A change of the logical databases, told to the compaction filter once it is in RocksDB.
enum Mapping {
    Mapped(Physical),
    Unmapped(Physical, Decree),
    Swapped,
}

/// What came of a pass.
struct Done<'a> {
    batch: WriteBatch,
    mappings: Vec<Mapping>,
    orphans: Vec<(Orphan, Decree)>,
    changed: Vec<Change<'a>>,
    elements: Vec<Change<'a>>,
}

/// One call of `apply`: the batch as it grows, and the databases after it.
struct Pass<'a> {
    store: &'a Store,
    family: &'a ColumnFamily,
    expiries: &'a ColumnFamily,
    databases: &'a mut Databases,
    batch: WriteBatch,
    mappings: Vec<Mapping>,
    orphans: Vec<(Orphan, Decree)>,
    changed: Vec<Change<'a>>,
    elements: Vec<Change<'a>>,
}

impl<'a> Pass<'a> {
    fn new(store: &'a Store, databases: &'a mut Databases, mutations: &'a [(Decree, Bytes)]) -> Pass<'a> {
        let bytes: usize = mutations.iter().map(|(_, body)| body.len()).sum();
        Pass {
            store,
            family: store.elements(),
            expiries: store.expiries(),
            databases,
            // Room for index entries and the meta record too, so that the batch rarely grows.
            batch: WriteBatch::with_capacity_bytes(bytes + bytes / 8 + 256),
            mappings: Vec::new(),
            orphans: Vec::new(),
            changed: Vec::new(),
            elements: Vec::new(),
        }
    }

    fn mutation(&mut self, decree: Decree, body: &'a [u8]) -> Result<(), Malformed> {
        let mut ops = Ops::new(body)?;
        while let Some(op) = ops.next().transpose()? {
            self.op(decree, op).map_err(|reason| ops.malformed(reason))?;
        }
        Ok(())
    }

    fn op(&mut self, decree: Decree, op: Op<'a>) -> Result<(), &'static str> {
        match op {
            Op::PutRoot { key, value, old } => {
                let times = decode_times(value).ok_or("a root record is none")?;
                self.root_change(key, old, Presence::Present(times))?;
                self.batch.put(key, value);
                self.changed.push((key, Some(value)));
            }
            Op::DeleteRoot { key, old } => {
                self.root_change(key, Presence::Present(old), Presence::Absent)?;
                self.batch.delete(key);
                self.changed.push((key, None));
            }
            Op::PutElement { key, value } => {
                self.check_element(key)?;
                self.batch.put_cf(self.family, key, value);
                self.elements.push((key, Some(value)));
            }
            Op::DeleteElement { key } => {
                self.check_element(key)?;
                self.batch.delete_cf(self.family, key);
                self.elements.push((key, None));
            }
            Op::Map { logical, physical } => {
                self.databases.map(logical, physical).then_some(()).ok_or("a database is mapped out of turn")?;
                self.mappings.push(Mapping::Mapped(physical));
            }
            Op::Unmap { logical } => {
                let physical = self.databases.unmap(logical).ok_or("a database is unmapped that is not mapped")?;
                self.mappings.push(Mapping::Unmapped(physical, decree));
            }
            Op::NextId(next) => {
                (next >= self.databases.next_id).then_some(()).ok_or("an id is given twice")?;
                self.databases.next_id = next;
            }
            Op::Orphan { value, count } => {
                self.store.slots().contains(&value.slot.number()).then_some(()).ok_or("elements of another partition")?;
                let orphan = Orphan { value, count };
                self.batch.put_cf(self.store.meta(), orphan.key(), orphan.record());
                self.orphans.push((orphan, decree));
            }
            Op::Swap { a, b } => {
                self.databases.swap(a, b);
                self.mappings.push(Mapping::Swapped);
            }
        }
        Ok(())
    }

    /// Counts and expiry index follow the root.
    fn root_change(&mut self, key: &[u8], old: Presence, new: Presence) -> Result<(), &'static str> {
        let root = RootKey::parse(key).ok_or("a root key is none")?;
        let slot = root.place.slot().ok_or("a root key is none")?;
        self.store.slots().contains(&slot.number()).then_some(()).ok_or("a key of another partition")?;
        self.databases.count_change(root.database, old, new).then_some(()).ok_or("a key is counted that cannot be")?;
        let (before, after) = (old.times().sweep_at(), new.times().sweep_at());
        if before != after {
            if let Some(at) = before {
                self.batch.delete_cf(self.expiries, root.expire_key(at));
            }
            if let Some(at) = after {
                self.batch.put_cf(self.expiries, root.expire_key(at), []);
            }
        }
        Ok(())
    }

    fn check_element(&self, key: &[u8]) -> Result<(), &'static str> {
        let value = ElementKey::parse(key).ok_or("an element key is none")?;
        self.store.slots().contains(&value.slot.number()).then_some(()).ok_or("an element of another partition")
    }

    fn finish(mut self, applied: Decree) -> Done<'a> {
        let mut record = Vec::with_capacity(128);
        self.databases.encode(applied, &mut record);
        self.batch.put_cf(self.store.meta(), STATE, &record);
        Done { batch: self.batch, mappings: self.mappings, orphans: self.orphans, changed: self.changed, elements: self.elements }
    }
}

fn apply_error(error: rocksdb::Error) -> ApplyError {
    match error.kind() {
        // `no_slowdown`: RocksDB looked before it wrote anything.
        ErrorKind::Incomplete => ApplyError::Stalled,
        _ => StorageFailure::new("apply mutations")(error).into(),
    }
}
