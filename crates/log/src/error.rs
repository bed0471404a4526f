//! What can go wrong, by who has to act.

use std::io;
use std::path::PathBuf;

/// The log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another [`crate::log::Log`] of this one, has it open.
    #[error("log {path} is in use by another process")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// Written by a release that this one does not understand.
    #[error("log file {path} has format version {found}, this release reads version {expected}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// Bytes that were synced are missing or changed. This node lost acknowledged records: it must not take up its old memberships.
    #[error("log file {path} is damaged at byte {offset}")]
    Damaged {
        /// The file; it may be missing altogether.
        path: PathBuf,
        /// Where the first bad record would start.
        offset: u64,
    },
    /// Options that contradict each other.
    #[error("log options: {0}")]
    Options(&'static str),
    /// Reading failed.
    #[error("read {path}")]
    Read {
        /// File or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Creating, writing or syncing failed; nothing was lost.
    #[error("write {path}")]
    Write {
        /// File or directory.
        path: PathBuf,
        /// Why. [`io::ErrorKind::StorageFull`] if the disk is full.
        source: io::Error,
    },
    /// The log's threads could not be started.
    #[error("start a thread of the log")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// The records of one append are not on the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk is full. None of the records of the append are on the log, now or after a restart. Appends with records of the same
    /// partitions fail the same way until [`crate::log::Log::resume`], so that a partition's records never have a gap.
    #[error("no space for the log")]
    NoSpace,
    /// Writing or syncing failed, now or earlier. Whether the records are on disk is unknown; nothing will be logged any more.
    #[error("the log failed and takes no more records")]
    Poisoned,
    /// More than [`crate::record::APPEND_BYTES_MAX`].
    #[error("too much for one append to the log")]
    TooLarge,
    /// The log was closed before the append.
    #[error("the log is closed")]
    Closed,
}

/// The append was not taken: nothing of it is queued and its `done` was dropped uncalled. Try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// More than `queue_bytes_max` wait for the disk.
    #[error("too much waits to be logged")]
    Queue,
    /// The log holds twice `bytes_max` and somebody has to trim: see [`crate::log::Log::oldest_blocking`].
    #[error("the log is full of records that are not trimmed")]
    Log,
}
