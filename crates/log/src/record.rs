//! What is logged.

use bytes::Bytes;
use types::id::{Decree, PartitionId};

/// One entry of the log: an opaque body that belongs to a partition and a decree of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose record this is.
    pub partition: PartitionId,
    /// What [`crate::log::Log::trim`] goes by. The log does not care about order or repetition.
    pub decree: Decree,
    /// Means nothing to the log.
    pub body: Bytes,
}

/// One append's records may take this many bytes on disk, 48 to 55 of them per record besides its body. An append is never split between
/// two segments, and a segment is made, and read, in one go.
pub const APPEND_BYTES_MAX: u64 = 1 << 30;
