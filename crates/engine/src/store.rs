//! The applied state of one partition: a RocksDB with four column families.
//!
//! | family | holds |
//! |---|---|
//! | `default` | root records: one for each key. The default one, because the hot path then needs no handle |
//! | `elements` | elements of exploded values |
//! | `expiries` | the expiry index: one empty record for each key that expires |
//! | `meta` | one record with applied decree, databases and counters; one for each ended value whose elements are still there |
//!
//! **Invariant:** what is on disk is the state after one decree, the one its `meta` record names. Everything is flushed at once
//! (atomic flush) and every batch writes `meta` too; RocksDB's own log is off. What was applied after the last flush is lost with the
//! process, and the mutations are applied again from the replicated log.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BottommostLevelCompaction, ColumnFamily, ColumnFamilyDescriptor, CompactOptions, DBWithThreadMode, FlushOptions, ReadOptions, ReadTier,
    SingleThreaded, WriteBatch, WriteOptions, properties,
};
use tracing::info;
use types::id::Decree;
use types::root::Root;
use types::slot::Slot;
use types::txn::{Abort, Database, KeyCount};

use crate::databases::Databases;
use crate::directory;
use crate::error::{OpenError, StorageFailure, read_failed};
use crate::filter::Kept;
use crate::garbage::{Orphan, RECORDS};
use crate::published::Published;
use crate::reader::decode_root;
use crate::rows::Rows;
use crate::shared::Shared;
use crate::walk;

/// The handles of all families belong to the database and never change: the thread mode without a lock.
pub(crate) type Db = DBWithThreadMode<SingleThreaded>;

/// One partition's data on this node.
pub struct Store {
    pub(crate) db: Db,
    slots: RangeInclusive<u16>,
    reads: [ReadOptions; 2],
    persisted: ReadOptions,
    pub(crate) writes: WriteOptions,
    /// What was applied, for readers on any thread.
    pub(crate) published: Published,
    /// Serialises [`Store::apply`]; the memory it reuses.
    pub(crate) applying: Mutex<Databases>,
    pub(crate) kept: Kept,
    pub(crate) rows: Rows,
    pub(crate) keep_writes: AtomicBool,
    // Last: outlives the database.
    _shared: Shared,
}

/// Whether a read may wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// No: what is not in memory is [`types::txn::Abort::Cold`].
    Memory,
    /// Yes: only on threads that may block.
    Disk,
}

/// Sizes of one store, as RocksDB estimates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All files.
    pub disk_bytes: u64,
    /// Live data in files, without what compactions will drop.
    pub live_bytes: u64,
    /// Memtables, those being flushed included.
    pub memtable_bytes: u64,
    /// Waiting to be compacted.
    pub compaction_pending_bytes: u64,
    /// Background errors since it was opened: anything but 0 means that flushes or compactions fail.
    pub background_errors: u64,
}

/// What is there for compactions to drop, and what they dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Litter {
    /// Ended values whose elements may still be on the disk.
    pub values: u64,
    /// Their elements.
    pub elements: u64,
    /// Root records that compactions dropped since the store was opened.
    pub dropped_roots: u64,
    /// Elements that compactions dropped since the store was opened.
    pub dropped_elements: u64,
}

impl Store {
    /// Opens the store in `dir` for the slots of its partition, making it if need be. What it holds is the state after
    /// [`Store::applied`], which then equals [`Store::durable`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path, slots: RangeInclusive<u16>, shared: &Shared) -> Result<Store, OpenError> {
        let engine_error = |e| OpenError::from_engine(dir, e);
        let format = directory::prepare(dir, &content(&slots))?;
        let kept = Kept::everything();
        let mut options = shared.database().map_err(engine_error)?;
        options.create_if_missing(!format.complete());
        options.create_missing_column_families(!format.complete());
        let families = [
            ColumnFamilyDescriptor::new(rocksdb::DEFAULT_COLUMN_FAMILY_NAME, shared.roots(&kept).map_err(engine_error)?),
            ColumnFamilyDescriptor::new(ELEMENTS, shared.elements(&kept).map_err(engine_error)?),
            ColumnFamilyDescriptor::new(EXPIRIES, shared.expiries(&kept).map_err(engine_error)?),
            ColumnFamilyDescriptor::new(META, shared.meta().map_err(engine_error)?),
        ];
        let db = Db::open_cf_descriptors(&options, dir, families).map_err(engine_error)?;
        let damaged = |reason: &str| OpenError::Damaged { dir: dir.to_owned(), reason: reason.to_owned() };
        for name in [ELEMENTS, EXPIRIES, META] {
            db.cf_handle(name).ok_or_else(|| damaged("a column family is missing"))?;
        }
        let meta = db.cf_handle(META).ok_or_else(|| damaged("a column family is missing"))?;
        let (applied, databases) = match db.get_cf(meta, STATE).map_err(engine_error)? {
            Some(_) if !format.complete() => return Err(damaged("it holds data, and its format file is missing")),
            Some(record) => Databases::decode(&record).ok_or_else(|| damaged("its meta record is none"))?,
            None => (Decree(0), Databases::new()),
        };
        format.finish()?;
        info!(dir = %dir.display(), decree = %applied, "opened store");
        kept.reset(&databases);
        let store = Store {
            db,
            slots,
            reads: [Tier::Memory, Tier::Disk].map(read_options),
            persisted: persisted(),
            writes: write_options(),
            applying: Mutex::new(databases.clone()),
            published: Published::new(),
            kept,
            rows: Rows::new(shared.rows()),
            keep_writes: AtomicBool::new(false),
            _shared: shared.clone(),
        };
        store.published.publish(applied, &mut databases.clone(), true);
        store.load_garbage().map_err(|reason| damaged(&reason))?;
        Ok(store)
    }

    fn load_garbage(&self) -> Result<(), String> {
        let mut options = read_options(Tier::Disk);
        options.set_iterate_lower_bound(RECORDS);
        let mut records = self.db.raw_iterator_cf_opt(self.meta(), options);
        records.seek_to_first();
        while let Some((key, record)) = records.item().filter(|(key, _)| key.starts_with(RECORDS)) {
            self.kept.garbage.is_dead(Orphan::parse(key, record).ok_or("a record of garbage is none")?);
            records.next();
        }
        records.status().map_err(rocksdb::Error::into_string)
    }

    /// The partition's slots.
    pub fn slots(&self) -> RangeInclusive<u16> {
        self.slots.clone()
    }

    /// The last decree that was applied.
    pub fn applied(&self) -> Decree {
        self.published.applied()
    }

    /// The last decree that is on disk: mutations through it are not needed any more to rebuild this store.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn durable(&self) -> Result<Decree, StorageFailure> {
        let record =
            self.db.get_pinned_cf_opt(self.meta(), STATE, &self.persisted).map_err(StorageFailure::new("read the flushed decree"))?;
        let durable = record.and_then(|r| Databases::decode(&r)).map_or(Decree(0), |(applied, _)| applied);
        self.kept.flushed(durable);
        Ok(durable)
    }

    /// Writes everything applied to disk and waits for it; the decree that is durable then.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn flush(&self) -> Result<Decree, StorageFailure> {
        self.start_flush(true)?;
        self.durable()
    }

    /// Begins to write everything applied to disk; [`Store::durable`] grows once that is done. Can wait for an earlier flush: not
    /// for a thread that serves.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn flush_soon(&self) -> Result<(), StorageFailure> {
        self.start_flush(false)
    }

    /// Exact number of keys of a logical database, as applied.
    pub fn count(&self, database: Database) -> KeyCount {
        self.published.databases.read().count(database)
    }

    /// Makes a copy of the store in `dir`, which must not exist; data files are hard links. Returns a decree that the copy holds at least:
    /// opening it tells the exact one.
    ///
    /// # Errors
    /// [`StorageFailure`]; [`OpenError::File`] if the copy could not be marked as complete.
    pub fn checkpoint(&self, dir: &Path) -> Result<Decree, CheckpointError> {
        let durable = self.flush()?;
        // Any number but 0 means "do not flush": what is flushed already is a state between two decrees, a flush of
        // RocksDB's own choice of families need not be.
        Checkpoint::new(&self.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint_with_log_size(dir, u64::MAX))
            .map_err(StorageFailure::new("make a checkpoint"))?;
        directory::mark(dir, &content(&self.slots)).map_err(|source| OpenError::File { dir: dir.to_owned(), source })?;
        Ok(durable)
    }

    /// Rewrites everything, without what flushed databases and ended values left, unless `stop` says before it is done that there is no time
    /// any more. Blocks; reads and writes go on.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn compact(&self, stop: &dyn Fn() -> bool) -> Result<(), StorageFailure> {
        let (databases, values) = (self.kept.dead(), self.kept.garbage.dead());
        info!(databases = databases.len(), values = values.len(), "compacting all");
        for family in [self.roots(), self.elements()] {
            if !self.compact_slots(family, self.slots(), stop) {
                return Ok(());
            }
        }
        self.compact_range(self.expiries(), None, None);
        self.kept.compacted(&databases);
        self.forget(&values)
    }

    /// What is there to collect, and what was.
    pub fn litter(&self) -> Litter {
        let (values, elements) = self.kept.garbage.size();
        Litter {
            values: values as u64,
            elements,
            dropped_roots: self.kept.dropped.roots.load(Ordering::Relaxed),
            dropped_elements: self.kept.dropped.elements.load(Ordering::Relaxed),
        }
    }

    /// Whether so much of the store is garbage that [`Store::collect`] should be called.
    pub fn is_littered(&self) -> bool {
        let (values, elements) = self.kept.garbage.size();
        let estimate = || self.db.property_int_value_cf(self.elements(), properties::ESTIMATE_NUM_KEYS).ok().flatten().unwrap_or(0);
        !self.kept.dead().is_empty() || values > GARBAGE_VALUES_MAX || (elements >= GARBAGE_ELEMENTS_MIN && elements >= estimate() / 4)
    }

    /// Rewrites the files in which ended values and flushed databases lie, without them. Otherwise as [`Store::compact`].
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn collect(&self, stop: &dyn Fn() -> bool) -> Result<(), StorageFailure> {
        if !self.kept.dead().is_empty() {
            return self.compact(stop);
        }
        let dead = self.kept.garbage.dead();
        let (Some(first), Some(last)) = (dead.first(), dead.last()) else { return Ok(()) };
        info!(values = dead.len(), elements = self.kept.garbage.size().1, "collecting garbage");
        if dead.len() > RANGES_MAX {
            let slots = first.value.slot.number()..=last.value.slot.number();
            return if self.compact_slots(self.elements(), slots, stop) { self.forget(&dead) } else { Ok(()) };
        }
        for orphan in dead.iter().take_while(|_| !stop()) {
            let prefix = orphan.value.prefix();
            self.compact_range(self.elements(), Some(&prefix), Some(&walk::after(&prefix)));
            self.forget(std::slice::from_ref(orphan))?;
        }
        Ok(())
    }

    /// In steps between which there is time to stop; whether all was done.
    fn compact_slots(&self, family: &ColumnFamily, slots: RangeInclusive<u16>, stop: &dyn Fn() -> bool) -> bool {
        let last = u32::from(*slots.end());
        let step = (last + 1 - u32::from(*slots.start())).div_ceil(STEPS) as usize;
        for from in (u32::from(*slots.start())..=last).step_by(step) {
            if stop() {
                return false;
            }
            let bound = |slot: u32| u16::try_from(slot).map_or([u8::MAX; 2], u16::to_be_bytes);
            self.compact_range(family, Some(&bound(from)), Some(&bound((from + step as u32).min(last + 1))));
        }
        true
    }

    fn compact_range(&self, family: &ColumnFamily, from: Option<&[u8]>, to: Option<&[u8]>) {
        let mut options = CompactOptions::default();
        options.set_exclusive_manual_compaction(false);
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db.compact_range_cf_opt(family, from, to, &options);
    }

    /// The elements of these values are gone. If that is lost in a crash they are looked for once more.
    fn forget(&self, dead: &[Orphan]) -> Result<(), StorageFailure> {
        for chunk in dead.chunks(1024) {
            let mut batch = WriteBatch::default();
            for orphan in chunk {
                batch.delete_cf(self.meta(), orphan.key());
            }
            let mut options = WriteOptions::new();
            options.disable_wal(true);
            self.db.write_opt(batch, &options).map_err(StorageFailure::new("forget garbage"))?;
            for orphan in chunk {
                self.kept.garbage.forget(orphan);
            }
        }
        Ok(())
    }

    /// Sizes, as RocksDB estimates them.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn usage(&self) -> Result<Usage, StorageFailure> {
        let mut usage = Usage::default();
        for family in [self.roots(), self.elements(), self.expiries(), self.meta()] {
            let value = |name: &properties::PropName| -> Result<u64, StorageFailure> {
                let value = self.db.property_int_value_cf(family, name).map_err(StorageFailure::new("read a property"))?;
                Ok(value.unwrap_or(0))
            };
            usage.disk_bytes += value(properties::TOTAL_SST_FILES_SIZE)?;
            usage.live_bytes += value(properties::ESTIMATE_LIVE_DATA_SIZE)?;
            usage.memtable_bytes += value(properties::CUR_SIZE_ALL_MEM_TABLES)?;
            usage.compaction_pending_bytes += value(properties::ESTIMATE_PENDING_COMPACTION_BYTES)?;
            usage.background_errors = usage.background_errors.max(value(properties::BACKGROUND_ERRORS)?);
        }
        Ok(usage)
    }

    /// Flushes and closes. A store that is dropped instead keeps what it last flushed.
    ///
    /// # Errors
    /// [`StorageFailure`] of the flush; the store is closed all the same.
    pub fn close(self) -> Result<Decree, StorageFailure> {
        self.flush()
    }

    /// The applied root of a physical key. Beside an owner that applies, too: what is read is what was there at some moment of the call.
    pub(crate) fn read_root(&self, key: &[u8], tier: Tier) -> Result<Option<Root>, Abort> {
        if let Some(root) = self.rows.get(key) {
            return Ok(Some(root));
        }
        let changes = &self.published.changes;
        let before = changes.load(Ordering::Acquire);
        let root = decode_root(self.db.get_pinned_opt(key, self.read_options(tier)))?;
        if let Some(root) = &root
            && before.is_multiple_of(2)
        {
            self.rows.insert(key, root, || changes.load(Ordering::Acquire) == before);
        }
        Ok(root)
    }

    /// The applied element of a physical key: likewise.
    pub(crate) fn read_element(&self, key: &[u8], tier: Tier) -> Result<Option<Bytes>, Abort> {
        if let Some(element) = self.rows.get(key) {
            return Ok(Some(element));
        }
        let changes = &self.published.changes;
        let before = changes.load(Ordering::Acquire);
        let element = self.stored_element(key, self.read_options(tier))?;
        if let Some(element) = &element
            && before.is_multiple_of(2)
        {
            self.rows.insert(key, element, || changes.load(Ordering::Acquire) == before);
        }
        Ok(element)
    }

    /// The element that RocksDB holds.
    pub(crate) fn stored_element(&self, key: &[u8], options: &ReadOptions) -> Result<Option<Bytes>, Abort> {
        let element = self.db.get_pinned_cf_opt(self.elements(), key, options).map_err(read_failed)?;
        Ok(element.map(|element| Bytes::copy_from_slice(&element)))
    }

    pub(crate) fn read_options(&self, tier: Tier) -> &ReadOptions {
        &self.reads[tier as usize]
    }

    /// # Panics
    /// If the slot is another partition's: the router or the replica sent a command to the wrong store.
    pub(crate) fn check_slot(&self, slot: Slot) {
        assert!(self.slots.contains(&slot.number()), "slot {} in the store of {:?}", slot.number(), self.slots);
    }

    pub(crate) fn databases(&self) -> Databases {
        self.published.databases.read().clone()
    }

    pub(crate) fn roots(&self) -> &ColumnFamily {
        self.family(rocksdb::DEFAULT_COLUMN_FAMILY_NAME)
    }

    pub(crate) fn elements(&self) -> &ColumnFamily {
        self.family(ELEMENTS)
    }

    pub(crate) fn expiries(&self) -> &ColumnFamily {
        self.family(EXPIRIES)
    }

    pub(crate) fn meta(&self) -> &ColumnFamily {
        self.family(META)
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("all families are opened with the store and never dropped")
    }

    fn start_flush(&self, wait: bool) -> Result<(), StorageFailure> {
        let mut options = FlushOptions::default();
        options.set_wait(wait);
        let families = [self.roots(), self.elements(), self.expiries(), self.meta()];
        self.db.flush_cfs_opt(&families.each_ref(), &options).map_err(StorageFailure::new("flush"))
    }
}

/// Why a checkpoint was not made.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// RocksDB's part.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
    /// Ours: the format file.
    #[error(transparent)]
    Mark(#[from] OpenError),
}

fn content(slots: &RangeInclusive<u16>) -> String {
    format!("partition {}-{}", slots.start(), slots.end())
}

/// Options of reads at `tier`.
pub(crate) fn read_options(tier: Tier) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_read_tier(match tier {
        Tier::Memory => ReadTier::BlockCache,
        Tier::Disk => ReadTier::All,
    });
    options
}

/// Options of gets that see only what is flushed.
fn persisted() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_read_tier(ReadTier::Persisted);
    options
}

fn write_options() -> WriteOptions {
    let mut options = WriteOptions::new();
    options.disable_wal(true);
    // A write that would have to wait fails instead: see `Store::apply`.
    options.set_no_slowdown(true);
    options
}

/// Fewer elements of ended values than this are left to the compactions that come anyway.
const GARBAGE_ELEMENTS_MIN: u64 = 10_000;
/// More ended values than this are collected, however few elements they have: each takes memory.
const GARBAGE_VALUES_MAX: usize = 100_000;
/// Steps of a compaction of all slots.
const STEPS: u32 = 16;
/// So many ended values are compacted one by one at most.
const RANGES_MAX: usize = 8;
/// Key of the record in `meta` that every batch replaces.
pub(crate) const STATE: &[u8] = b"state";
const ELEMENTS: &str = "elements";
const EXPIRIES: &str = "expiries";
const META: &str = "meta";
