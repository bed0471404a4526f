//! How a log is run.

use std::time::Duration;

use crate::error::OpenError;
use crate::format::{FILE_HEADER_BYTES, PAGE};

/// When an append counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// After fdatasync: survives loss of power.
    Always,
    /// After write(2), with an fdatasync every [`Options::sync_interval`]: survives the process; loss of power may cost that long.
    Everysec,
    /// After write(2); the kernel decides when it reaches the disk. Synced in the background only every 8 MiB, so that sealing a segment
    /// is quick, and when the log is closed.
    No,
}

/// Options of a log. All sizes are in bytes.
#[derive(Debug, Clone)]
pub struct Options {
    /// When an append counts as done.
    pub sync: Sync,
    /// Period of the fdatasync under [`Sync::Everysec`].
    pub sync_interval: Duration,
    /// Size of a segment: what is preallocated at a time and removed at a time. A larger append gets a larger segment.
    pub segment_bytes: u64,
    /// Beyond this [`crate::log::Stats::over`] asks for trimming; at twice this appends are refused.
    pub bytes_max: u64,
    /// This much of the youngest records stays even when trimmed, for whoever wants to see recent records after a restart.
    pub retain_bytes: u64,
    /// How much may wait for the disk.
    pub queue_bytes_max: u64,
}

impl Options {
    /// The defaults with this sync mode.
    pub fn new(sync: Sync) -> Options {
        Options {
            sync,
            sync_interval: Duration::from_secs(1),
            segment_bytes: SEGMENT_BYTES,
            bytes_max: 1 << 30,
            retain_bytes: SEGMENT_BYTES,
            queue_bytes_max: 64 << 20,
        }
    }

    pub(crate) fn checked(mut self) -> Result<Options, OpenError> {
        if self.segment_bytes < SEGMENT_BYTES_MIN || self.segment_bytes > SEGMENT_BYTES_MAX {
            return Err(OpenError::Options("segment_bytes must be between 16 KiB and 1 GiB"));
        }
        self.segment_bytes = self.segment_bytes.next_multiple_of(PAGE);
        if self.bytes_max < 2 * self.segment_bytes {
            return Err(OpenError::Options("bytes_max must be at least twice segment_bytes"));
        }
        if self.retain_bytes > self.bytes_max / 2 {
            return Err(OpenError::Options("retain_bytes must be at most half of bytes_max"));
        }
        if self.bytes_max > 1 << 50 {
            return Err(OpenError::Options("bytes_max must be at most 1 PiB"));
        }
        if self.queue_bytes_max == 0 {
            return Err(OpenError::Options("queue_bytes_max must not be 0"));
        }
        Ok(self)
    }
}

// 32 MiB take ~100 ms to fill with zeros here; rolling costs ~1 ms, so at 100 MB/s of log it is 0.3 % of the time.
const SEGMENT_BYTES: u64 = 32 << 20;
const SEGMENT_BYTES_MIN: u64 = 4 * FILE_HEADER_BYTES;
const SEGMENT_BYTES_MAX: u64 = 1 << 30;
