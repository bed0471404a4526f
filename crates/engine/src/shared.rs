//! What all stores of a process share: the block cache, the budget of memtables, and RocksDB's threads.

use std::sync::Arc;

use rocksdb::{
    BlockBasedOptions, BlockBasedTablePinningTier, Cache, DBCompressionType, DataBlockIndexType, Env, LogLevel, SliceTransform,
    WriteBufferManager,
};

use crate::filter::Kept;
use crate::keys::ELEMENT_PREFIX;
use crate::rows::Budget;

/// How much of the machine the stores of a process use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Uncompressed blocks, indexes and filters kept in memory, of all stores together.
    pub cache_bytes: usize,
    /// Roots kept for reading, of all stores together, beside the block cache.
    pub row_bytes: usize,
    /// Memtables of all stores together. Above it the store that is being written to is flushed.
    pub memtable_bytes: usize,
    /// Memtable of the roots of one store, a quarter of that of its elements; at this size it is flushed.
    pub store_memtable_bytes: usize,
    /// Threads that flush and compact, shared by all stores.
    pub background_threads: u16,
}

/// The defaults of a node that has the machine for itself.
pub const DEFAULT_OPTIONS: Options = Options {
    cache_bytes: 1 << 30,
    row_bytes: 256 << 20,
    memtable_bytes: 512 << 20,
    store_memtable_bytes: 64 << 20,
    background_threads: 2,
};

/// Handle to what is shared. A clone shares too.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    options: Options,
    env: Env,
    cache: Cache,
    rows: Arc<Budget>,
    memtables: WriteBufferManager,
}

/// Memory held now, of all stores together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// In the block cache.
    pub cache_bytes: usize,
    /// In the block cache and in use, so that it cannot be evicted.
    pub pinned_bytes: usize,
    /// In the rows kept for reading.
    pub row_bytes: usize,
    /// In memtables.
    pub memtable_bytes: usize,
}

impl Shared {
    /// Reserves nothing yet: memory is taken as stores fill it.
    ///
    /// # Errors
    /// RocksDB's, when it cannot set up its environment.
    pub fn new(options: &Options) -> Result<Shared, rocksdb::Error> {
        let mut env = Env::new()?;
        // A flush is a thread of its own: a queue of compactions must not hold up writes.
        env.set_low_priority_background_threads(i32::from(options.background_threads.max(1)));
        env.set_high_priority_background_threads(i32::from(options.background_threads.div_ceil(4).max(1)));
        // 0: the table grows with what is in it.
        let cache = Cache::new_hyper_clock_cache(options.cache_bytes, 0);
        // Never stalls by itself: its stall would block the calling thread, see `Store::apply`.
        let memtables = WriteBufferManager::new_write_buffer_manager(options.memtable_bytes, false);
        Ok(Shared(Arc::new(Inner { options: options.clone(), env, cache, rows: Arc::new(Budget::new(options.row_bytes)), memtables })))
    }

    /// Memory held now.
    pub fn memory(&self) -> Memory {
        Memory {
            cache_bytes: self.0.cache.get_usage(),
            pinned_bytes: self.0.cache.get_pinned_usage(),
            row_bytes: self.0.rows.used(),
            memtable_bytes: self.0.memtables.get_usage(),
        }
    }

    /// The budget of the rows.
    pub(crate) fn rows(&self) -> Arc<Budget> {
        Arc::clone(&self.0.rows)
    }

    /// Options of one store's database.
    pub(crate) fn database(&self) -> Result<rocksdb::Options, rocksdb::Error> {
        // The binding has no setters for these. A store that is dropped without `close` writes nothing any more; and a manifest does not
        // reserve 4 MiB of disk for each of many small partitions.
        let plain = "avoid_flush_during_shutdown=true;manifest_preallocation_size=65536";
        let mut o = rocksdb::Options::default().get_options_from_string(plain)?;
        o.set_env(&self.0.env);
        o.set_write_buffer_manager(&self.0.memtables);
        o.set_atomic_flush(true);
        // One writer at a time by construction.
        o.set_allow_concurrent_memtable_write(false);
        o.set_max_background_jobs(i32::from(self.0.options.background_threads.max(1)) + 1);
        // Files stay open: no table cache between a get and its file.
        o.set_max_open_files(-1);
        o.set_skip_stats_update_on_db_open(true);
        o.set_bytes_per_sync(1 << 20);
        o.set_max_manifest_file_size(16 << 20);
        o.set_stats_dump_period_sec(0);
        o.set_log_level(LogLevel::Warn);
        o.set_keep_log_file_num(2);
        o.set_max_log_file_size(4 << 20);
        Ok(o)
    }

    /// Root records: point reads above all, of keys that exist and of keys that do not.
    pub(crate) fn roots(&self, kept: &Kept) -> Result<rocksdb::Options, rocksdb::Error> {
        let mut o = self.family(self.0.options.store_memtable_bytes, 256 << 10, &self.table(8 << 10))?;
        // Every write looks its key up first, mostly in vain while data is loaded: the memtable answers "no" from its bloom filter.
        o.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM);
        o.set_memtable_whole_key_filtering(true);
        o.set_compaction_filter_factory(kept.root_filter());
        Ok(o)
    }

    /// Elements: point reads, and ranges inside one value.
    pub(crate) fn elements(&self, kept: &Kept) -> Result<rocksdb::Options, rocksdb::Error> {
        let mut o = self.family(ELEMENTS_MEMTABLES * self.0.options.store_memtable_bytes, 64 << 10, &self.table(8 << 10))?;
        o.set_prefix_extractor(SliceTransform::create_fixed_prefix(ELEMENT_PREFIX));
        o.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM / ELEMENTS_MEMTABLES as f64);
        o.set_memtable_whole_key_filtering(true);
        // Queues and trimmed collections leave tombstones at their ends: a file that is mostly tombstones is compacted.
        o.add_compact_on_deletion_collector_factory(4096, 2048, 0.5);
        o.set_compaction_filter_factory(kept.element_filter());
        Ok(o)
    }

    /// The expiry index: a queue, read at its head.
    pub(crate) fn expiries(&self, kept: &Kept) -> Result<rocksdb::Options, rocksdb::Error> {
        let mut table = self.table(16 << 10);
        table.set_whole_key_filtering(false);
        let mut o = self.family(self.0.options.store_memtable_bytes, 64 << 10, &table)?;
        // What is swept leaves tombstones at the head: a file that is mostly tombstones is compacted.
        o.add_compact_on_deletion_collector_factory(4096, 2048, 0.5);
        o.set_compaction_filter_factory(kept.expire_filter());
        Ok(o)
    }

    /// One record that every batch replaces, and those of garbage. Not in place, though a memtable then keeps its past, about 100 bytes a batch:
    /// RocksDB gives no snapshots once any family is updated in place.
    pub(crate) fn meta(&self) -> Result<rocksdb::Options, rocksdb::Error> {
        self.family(self.0.options.store_memtable_bytes, 64 << 10, &self.table(4 << 10))
    }

    fn family(&self, memtable_bytes: usize, arena_block: usize, table: &BlockBasedOptions) -> Result<rocksdb::Options, rocksdb::Error> {
        let mut bare = rocksdb::Options::default();
        bare.set_block_based_table_factory(table);
        // What was just written is what is read next: without this a flush or a compaction makes it cold. What is in files that a compaction
        // has replaced leaves the cache with them, or each flush would fill fresh memory until the cache is full. The binding has no setters.
        let mut o = bare.get_options_from_string(
            "block_based_table_factory={prepopulate_block_cache=kFlushAndCompaction};uncache_aggressiveness=10000",
        )?;
        o.set_env(&self.0.env);
        o.set_write_buffer_size(memtable_bytes);
        o.set_max_write_buffer_number(4);
        // What an idle partition holds: with RocksDB's default of 1 MiB a thousand partitions would hold gigabytes.
        o.set_arena_block_size(arena_block);
        o.set_level_compaction_dynamic_level_bytes(true);
        o.set_compression_per_level(&[DBCompressionType::None, DBCompressionType::None, DBCompressionType::Lz4]);
        o.set_bottommost_compression_type(DBCompressionType::Zstd);
        o.set_level_zero_slowdown_writes_trigger(24);
        o.set_level_zero_stop_writes_trigger(48);
        Ok(o)
    }

    fn table(&self, block_bytes: usize) -> BlockBasedOptions {
        let mut t = BlockBasedOptions::default();
        t.set_block_cache(&self.0.cache);
        t.set_block_size(block_bytes);
        t.set_format_version(6);
        // Keys are in the order of a hash and share few first bytes: short runs cost little space and save comparisons.
        t.set_block_restart_interval(4);
        t.set_bloom_filter(10.0, false);
        // Accounted for in the cache but pinned there: about 1.5 bytes for each key. A get then looks one block up, not three, reads at most
        // one block from disk, and a key that does not exist is never cold.
        t.set_cache_index_and_filter_blocks(true);
        t.set_unpartitioned_pinning_tier(BlockBasedTablePinningTier::All);
        t.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        t.set_data_block_hash_ratio(0.75);
        t
    }
}

/// How much larger a memtable of elements is than one of roots: a large collection is rewritten by every compaction of a few memtables, and
/// most of what is read lies in the rows, so that a slower skip list costs less.
const ELEMENTS_MEMTABLES: usize = 4;
/// Part of a memtable that its bloom filter takes: about 10 bits for each key of 64 bytes.
const MEMTABLE_BLOOM: f64 = 0.015;
