//! What can go wrong with a store, told apart by who has to act.

use std::io;
use std::path::{Path, PathBuf};

use rocksdb::ErrorKind;
use types::id::Decree;
use types::txn::Abort;

use crate::write_set::Malformed;

/// Why a directory could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another `Store` of this one) has it open.
    #[error("store {dir} is in use")]
    InUse {
        /// The store's directory.
        dir: PathBuf,
    },
    /// A newer program wrote it.
    #[error("store {dir} has format {found}, this program knows {known}")]
    Version {
        /// The store's directory.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format this program knows.
        known: u32,
    },
    /// It belongs to other slots than those it was opened for.
    #[error("store {dir} holds slots {found}, not {wanted}")]
    OtherSlots {
        /// The store's directory.
        dir: PathBuf,
        /// What its format file says.
        found: String,
        /// What the caller asked for.
        wanted: String,
    },
    /// Files are missing or their contents are not what was written.
    #[error("store {dir} is damaged: {reason}")]
    Damaged {
        /// The store's directory.
        dir: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A file of ours could not be read or written.
    #[error("access store {dir}")]
    File {
        /// The store's directory.
        dir: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// RocksDB could not open it for another reason.
    #[error("open store {dir}")]
    Engine {
        /// The store's directory.
        dir: PathBuf,
        /// The cause.
        source: rocksdb::Error,
    },
}

/// Why mutations were not applied. In every case none of them was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Flushes or compactions are behind. The same call succeeds later, usually within milliseconds.
    #[error("storage engine is stalled")]
    Stalled,
    /// A mutation's body is not a write set. It must not have got here: peers and logs are checksummed.
    #[error("mutation {decree} is malformed")]
    Malformed {
        /// Its decree.
        decree: Decree,
        /// What is wrong with it.
        source: Malformed,
    },
    /// The engine failed; see [`StorageFailure::disk_full`].
    #[error(transparent)]
    Storage(#[from] StorageFailure),
}

/// RocksDB failed at something that cannot fail while the machine is well. The replica is closed.
#[derive(Debug, thiserror::Error)]
#[error("{action}")]
pub struct StorageFailure {
    action: &'static str,
    source: rocksdb::Error,
}

impl StorageFailure {
    /// Whether the disk is full: reads go on; a later reopen can succeed once there is space.
    pub fn disk_full(&self) -> bool {
        disk_full(&self.source)
    }

    pub(crate) fn new(action: &'static str) -> impl FnOnce(rocksdb::Error) -> StorageFailure {
        move |source| StorageFailure { action, source }
    }
}

impl OpenError {
    pub(crate) fn from_engine(dir: &Path, source: rocksdb::Error) -> OpenError {
        let dir = dir.to_owned();
        let text: &str = source.as_ref();
        // "While lock file: .../LOCK: Resource temporarily unavailable", or "lock hold by current process" inside one process.
        if text.contains("/LOCK") && (text.contains("lock file") || text.contains("lock hold")) {
            return OpenError::InUse { dir };
        }
        match source.kind() {
            ErrorKind::Corruption => OpenError::Damaged { dir, reason: source.into_string() },
            // With create_if_missing off: our format file is there, the database is not.
            ErrorKind::InvalidArgument if text.contains("does not exist") => OpenError::Damaged { dir, reason: source.into_string() },
            _ => OpenError::Engine { dir, source },
        }
    }
}

/// A failed read as the transaction's caller sees it.
pub(crate) fn read_failed(error: rocksdb::Error) -> Abort {
    match error.kind() {
        ErrorKind::Incomplete => Abort::Cold,
        _ => Abort::Storage(error.into_string()),
    }
}

pub(crate) fn disk_full(error: &rocksdb::Error) -> bool {
    let text: &str = error.as_ref();
    text.contains("No space left on device") || text.contains("Disk quota exceeded")
}
