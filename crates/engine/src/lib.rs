//! RocksDB: physical keys, column families, compaction filter, checkpoints.
