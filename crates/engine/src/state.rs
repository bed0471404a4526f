//! A tiny durable key-value store for what a node must never forget: ballots, the meta server's state.
//!
//! A RocksDB of its own, with its write-ahead log on and synced: when [`StateStore::write`] returns, all of it survives a loss of
//! power, or (after an error or a crash) all or none of it is there. Not for data: every write is an fsync.

use std::path::Path;

use rocksdb::{DBWithThreadMode, Direction, IteratorMode, Options, ReadOptions, SingleThreaded, WriteBatch, WriteOptions};

use crate::directory;
use crate::error::{OpenError, StorageFailure};

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A durable map from bytes to bytes.
pub struct StateStore {
    db: DBWithThreadMode<SingleThreaded>,
    synced: WriteOptions,
}

impl StateStore {
    /// Opens the store in `dir`, making it (and its parents) if need be.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path) -> Result<StateStore, OpenError> {
        let format = directory::prepare(dir, CONTENT)?;
        let mut options = Options::default();
        options.create_if_missing(!format.complete());
        options.set_write_buffer_size(1 << 20);
        options.set_arena_block_size(64 << 10);
        options.set_max_write_buffer_number(2);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(1 << 20);
        options.set_max_open_files(64);
        let db = DBWithThreadMode::open(&options, dir).map_err(|e| OpenError::from_engine(dir, e))?;
        format.finish()?;
        let mut synced = WriteOptions::new();
        synced.set_sync(true);
        Ok(StateStore { db, synced })
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageFailure> {
        self.db.get(key).map_err(StorageFailure::new("read node state"))
    }

    /// All keys that begin with `prefix`, in order, with their values.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn list(&self, prefix: &[u8]) -> Result<Vec<Entry>, StorageFailure> {
        let mut found = Vec::new();
        for entry in self.db.iterator_opt(IteratorMode::From(prefix, Direction::Forward), ReadOptions::default()) {
            let (key, value) = entry.map_err(StorageFailure::new("list node state"))?;
            if !key.starts_with(prefix) {
                break;
            }
            found.push((key.into_vec(), value.into_vec()));
        }
        Ok(found)
    }

    /// Sets (`Some`) or removes (`None`) keys, all or none, durably. Later entries win over earlier ones of the same key.
    ///
    /// # Errors
    /// [`StorageFailure`]: it is not known whether the write will be there after a restart.
    pub fn write(&self, changes: &[(&[u8], Option<&[u8]>)]) -> Result<(), StorageFailure> {
        let mut batch = WriteBatch::new();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        self.db.write_opt(batch, &self.synced).map_err(StorageFailure::new("write node state"))
    }
}

const CONTENT: &str = "state";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_write_is_there_after_reopening_without_closing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        {
            let state = StateStore::open(&path).unwrap();
            state.write(&[(b"ballot/1.0", Some(b"7")), (b"ballot/1.1", Some(b"8")), (b"other", Some(b"x"))]).unwrap();
            state.write(&[(b"ballot/1.0", None)]).unwrap();
        }
        let state = StateStore::open(&path).unwrap();
        assert_eq!(state.get(b"ballot/1.0").unwrap(), None);
        assert_eq!(state.list(b"ballot/").unwrap(), [(b"ballot/1.1".to_vec(), b"8".to_vec())]);
        assert_eq!(state.list(b"").unwrap().len(), 2);
        assert!(matches!(StateStore::open(&path), Err(OpenError::InUse { .. })));
    }
}
