//! Reading the log beside its writer: what a learner's primary sends it.
//!
//! No lock is held while a segment is read. A segment that is removed meanwhile ends the scan; one whose file is used again cannot be mistaken, as
//! every record's checksum depends on its place. The last segment ends, for a scan, where its good records end.

use bytes::Bytes;
use types::id::PartitionId;

use crate::format::{FILE_HEADER_BYTES, FileHeader, segment_name};
use crate::log::Log;
use crate::record::Record;
use crate::segment::walk;
use crate::shared::Shared;

/// Why a scan ended early. What it showed is good, and there is more.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A segment was trimmed before it could be read.
    #[error("log segment {0:016x} was removed meanwhile")]
    Trimmed(u64),
    /// A segment is not as long as the one after it says.
    #[error("log segment {segment:016x} is damaged at byte {offset}")]
    Damaged {
        /// Which.
        segment: u64,
        /// Where the good records end.
        offset: u64,
    },
}

impl Log {
    /// Shows every record of `partition` that the log still has, in the order in which they were appended, through some that were
    /// written after the call began. Blocks for as long as reading the log takes; memory for one segment.
    ///
    /// # Errors
    /// [`ScanError`].
    pub fn scan(&self, partition: PartitionId, each: &mut dyn FnMut(Record)) -> Result<(), ScanError> {
        let shared = self.shared();
        let segments = shared.ledger.lock().numbers();
        let mut before: Option<(u64, u64, u64)> = None;
        for segment in segments {
            let (header, image) = read(shared, segment).ok_or(ScanError::Trimmed(segment))?;
            if let Some((number, end, next_sequence)) = before
                && (header.previous_end != end || header.first_sequence != next_sequence)
            {
                return Err(ScanError::Damaged { segment: number, offset: end });
            }
            let run = walk(&image, &header, FILE_HEADER_BYTES, |record, body| {
                if record.partition == partition {
                    let body = Bytes::copy_from_slice(&image[body]);
                    each(Record { partition, decree: record.decree, body });
                }
            });
            before = Some((segment, run.end, run.next_sequence));
        }
        Ok(())
    }
}

/// A segment's header and bytes; `None` if it is not there any more.
fn read(shared: &Shared, segment: u64) -> Option<(FileHeader, Vec<u8>)> {
    let file = shared.disk.open(&segment_name(segment)).ok()?;
    let image = file.read(0, file.len().ok()?).ok()?;
    let header = FileHeader::decode(image.get(..FILE_HEADER_BYTES as usize)?).ok()?;
    (header.log == shared.log && header.segment == segment).then_some((header, image))
}
