//! Reading a segment, and telling what a crash tore from what was damaged.
//!
//! ```text
//!   header │ good │ good │ good │ ?bad? │ ..
//!                               ╰ end: the last good record ends here
//! ```
//! In a *sealed* segment the next one's header says where it ends, and it was synced before that header was written: whatever is bad
//! before that point is damage.
//!
//! In the *last* segment the first bad record may be
//! - **torn**: it was written after the last fdatasync when the power or the process went. Pages of unsynced writes reach the disk in any
//!   order, so whole records may well stand behind it; or
//! - **damaged**: it had been synced (and acknowledged), and the disk lost it.
//!
//! So "a valid record follows" proves nothing by itself. What proves damage is knowing that bytes at or after the bad spot had been synced,
//! and two witnesses know: every record says how far the log was synced when it was written, and the mark beside the log says so for
//! the time after the last record. If either is beyond `end`, synced bytes are bad. If none is, nothing behind `end` was ever synced.
//!
//! Pure: bytes in, verdict out; no content panics.

use std::ops::Range;

use crate::format::{ALIGN, FileHeader, Place, RECORD_HEADER_BYTES, RecordHeader, SECTOR};

/// The unbroken run of good records of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where the last of them ends.
    pub(crate) end: u64,
    /// What the next record's sequence number has to be.
    pub(crate) next_sequence: u64,
}

/// What valid record headers behind the run tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Remains {
    /// The highest position any of them knew to be synced.
    pub(crate) synced: u64,
    /// Where the last of these headers ends; 0 if there is none.
    pub(crate) end: u64,
}

/// Walks the good records of the segment that `image` holds from its start, and shows each with the place of its body.
pub(crate) fn walk(image: &[u8], header: &FileHeader, start: u64, mut each: impl FnMut(&RecordHeader, Range<usize>)) -> Run {
    let mut run = Run { end: start, next_sequence: header.first_sequence };
    while let Some((record, body)) = record_after(image, header, run) {
        run = Run {
            end: (body.end as u64).next_multiple_of(ALIGN).min(image.len() as u64),
            next_sequence: run.next_sequence.wrapping_add(1),
        };
        each(&record, body);
    }
    run
}

/// Looks at everything behind `from` for headers of records that were written there once.
pub(crate) fn remains(image: &[u8], header: &FileHeader, from: u64) -> Remains {
    let mut remains = Remains::default();
    let mut position = from.next_multiple_of(ALIGN);
    while position + RECORD_HEADER_BYTES <= image.len() as u64 {
        if let Some(record) = RecordHeader::decode(&image[position as usize..], place(header, position)) {
            remains.synced = remains.synced.max(record.synced);
            remains.end = position + RECORD_HEADER_BYTES;
        }
        position += ALIGN;
    }
    remains
}

/// The record that continues the run: right behind it, or at the next sector if a sync lay between. Its sequence number proves that
/// nothing is missing between.
fn record_after(image: &[u8], header: &FileHeader, run: Run) -> Option<(RecordHeader, Range<usize>)> {
    record_at(image, header, run.end, run.next_sequence)
        .or_else(|| record_at(image, header, run.end.next_multiple_of(SECTOR), run.next_sequence))
}

fn record_at(image: &[u8], header: &FileHeader, position: u64, sequence: u64) -> Option<(RecordHeader, Range<usize>)> {
    let record = RecordHeader::decode(image.get(position as usize..)?, place(header, position))?;
    if record.sequence != sequence {
        return None;
    }
    let start = (position + RECORD_HEADER_BYTES) as usize;
    let body = start..start.checked_add(record.body_bytes as usize)?;
    (crc32c::crc32c(image.get(body.clone())?) == record.body_crc).then_some((record, body))
}

fn place(header: &FileHeader, position: u64) -> Place {
    Place { log: header.log, segment: header.segment, position }
}
