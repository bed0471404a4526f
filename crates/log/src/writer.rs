//! The writer: the end of the log, where records are added. There is one, and who holds it has the turn.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::disk::{Disk, DiskFile, is_no_space, write_all, write_counted};
use crate::format::{ALIGN, FILE_HEADER_BYTES, FileHeader, PAGE, Place, RecordHeader, SECTOR, record_bytes, segment_name};
use crate::keeper::{Spare, discard};
use crate::shared::{Entry, Shared};

/// Position and file of the next record.
pub(crate) struct Writer {
    segment: Segment,
    /// Of the next record.
    sequence: u64,
    buffer: Vec<u8>,
}

/// The segment that is being written.
pub(crate) struct Segment {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) number: u64,
    pub(crate) capacity: u64,
    /// Where the last record ends.
    pub(crate) end: u64,
    /// Everything before this was fdatasynced.
    pub(crate) synced: u64,
}

/// Something to fdatasync without holding the turn.
pub(crate) struct Unsynced {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) segment: u64,
    pub(crate) end: u64,
}

/// Nothing of it is on the log.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// And space may return.
    NoSpace,
    /// And nothing more can be.
    Failed(&'static str, io::Error),
    /// As something failed before.
    Poisoned,
}

impl Writer {
    pub(crate) fn new(segment: Segment, next_sequence: u64) -> Writer {
        Writer { segment, sequence: next_sequence, buffer: Vec::new() }
    }

    /// How many of the first entries go into one write: what fits the segment and [`WRITE_BYTES`], but at least one if it fits at all.
    pub(crate) fn fitting(&self, entries: &[Entry]) -> usize {
        let mut bytes = 0;
        let room = self.segment.capacity.saturating_sub(self.start());
        let fits = |entry: &&Entry| {
            bytes += entry.bytes;
            bytes <= room && (bytes <= WRITE_BYTES || bytes == entry.bytes)
        };
        entries.iter().take_while(fits).count()
    }

    /// Writes entries, which fit, with one write.
    pub(crate) fn write(&mut self, shared: &Shared, entries: &[Entry]) -> Result<(), WriteError> {
        let start = self.start();
        let sequence = self.encode(shared.log, start, entries);
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err((written, error)) = write_counted(&*self.segment.file, start, &self.buffer) {
            return Err(self.undo(start, written, error));
        }
        let half = self.segment.capacity / 2;
        if self.segment.end <= half && start + self.buffer.len() as u64 > half {
            shared.desk.order(shared.options.segment_bytes);
        }
        shared.counters.records.fetch_add(sequence - self.sequence, Ordering::Relaxed);
        shared.counters.bytes.fetch_add(self.buffer.len() as u64, Ordering::Relaxed);
        shared.counters.writes.fetch_add(1, Ordering::Relaxed);
        self.sequence = sequence;
        self.segment.end = start + self.buffer.len() as u64;
        if self.buffer.capacity() > 2 * WRITE_BYTES as usize {
            self.buffer = Vec::new();
        }
        shared.with_ledger(|ledger| {
            for record in entries.iter().flat_map(|entry| &entry.records) {
                ledger.add(record.partition, record.decree, record_bytes(record.body.len()));
            }
        });
        Ok(())
    }

    /// fdatasyncs what was written, and moves the mark.
    pub(crate) fn sync(&mut self, shared: &Shared) -> Result<(), WriteError> {
        if let Some(unsynced) = self.unsynced() {
            shared.measured(|| unsynced.file.sync()).map_err(|error| WriteError::Failed("sync", error))?;
            self.synced(shared, &unsynced)?;
        }
        Ok(())
    }

    /// What was written since the last sync.
    pub(crate) fn unsynced(&self) -> Option<Unsynced> {
        let segment = &self.segment;
        let unsynced = || Unsynced { file: Arc::clone(&segment.file), segment: segment.number, end: segment.end };
        (segment.end > segment.synced).then(unsynced)
    }

    /// How much was written since the last sync.
    pub(crate) fn unsynced_bytes(&self) -> u64 {
        self.segment.end - self.segment.synced
    }

    /// Takes note that `what` is fdatasynced.
    pub(crate) fn synced(&mut self, shared: &Shared, what: &Unsynced) -> Result<(), WriteError> {
        if self.segment.number == what.segment {
            self.segment.synced = self.segment.synced.max(what.end);
        }
        shared.mark.lock().advance(what.segment, what.end).map_err(|error| WriteError::Failed("write the mark", error))
    }

    /// Seals the segment and goes on in a new one with room for an entry of `bytes`.
    pub(crate) fn roll(&mut self, shared: &Shared, bytes: u64) -> Result<(), WriteError> {
        let capacity = (FILE_HEADER_BYTES + bytes).next_multiple_of(PAGE).max(shared.options.segment_bytes);
        // The next header vouches for this segment's end.
        self.sync(shared)?;
        let spare = shared.take_spare(capacity).map_err(|error| no_space_or("make a segment", error))?;
        let header =
            FileHeader { log: shared.log, segment: self.segment.number + 1, first_sequence: self.sequence, previous_end: self.segment.end };
        if let Err(error) = begin(&*shared.disk, &header, &spare) {
            if matches!(error, WriteError::NoSpace) {
                discard(&*shared.disk, &spare.name);
            }
            return Err(error);
        }
        self.segment = Segment {
            file: spare.file,
            number: header.segment,
            capacity: spare.capacity,
            end: FILE_HEADER_BYTES,
            synced: FILE_HEADER_BYTES,
        };
        let mut mark = shared.mark.lock();
        mark.advance(header.segment, FILE_HEADER_BYTES)
            .and_then(|()| mark.file().sync())
            .map_err(|error| WriteError::Failed("write the mark", error))?;
        drop(mark);
        shared.with_ledger(|ledger| ledger.start(header.segment, FILE_HEADER_BYTES));
        Ok(())
    }

    /// Where the next record goes.
    fn start(&self) -> u64 {
        let synced = self.segment.end == self.segment.synced;
        self.segment.end.next_multiple_of(if synced { SECTOR } else { ALIGN })
    }

    /// Fills the buffer; returns the sequence number after the last record.
    fn encode(&mut self, log: u64, start: u64, entries: &[Entry]) -> u64 {
        let mut sequence = self.sequence;
        self.buffer.clear();
        for record in entries.iter().flat_map(|entry| &entry.records) {
            let header = RecordHeader {
                sequence,
                partition: record.partition,
                decree: record.decree,
                body_bytes: record.body.len() as u32,
                body_crc: crc32c::crc32c(&record.body),
                synced: self.segment.synced,
            };
            let place = Place { log, segment: self.segment.number, position: start + self.buffer.len() as u64 };
            self.buffer.extend_from_slice(&header.encode(place));
            self.buffer.extend_from_slice(&record.body);
            self.buffer.resize(self.buffer.len().next_multiple_of(ALIGN as usize), 0);
            sequence += 1;
        }
        sequence
    }

    /// A write failed after `written` bytes. If only space is missing the log goes on, so nothing of it may be found later: whole records
    /// of it would continue the run behind a shorter write, and answer "failed" with a resurrection.
    fn undo(&self, start: u64, written: usize, error: io::Error) -> WriteError {
        if !is_no_space(&error) {
            return WriteError::Failed("write", error);
        }
        if written == 0 {
            return WriteError::NoSpace;
        }
        let file = &*self.segment.file;
        match write_all(file, start, &vec![0; written]).and_then(|()| file.sync()) {
            Ok(()) => WriteError::NoSpace,
            Err(error) => WriteError::Failed("undo a write that found no space", error),
        }
    }
}

/// Turns a spare into the segment `header` describes. The header is durable before the segment has its name, so the header of a segment
/// is never torn.
pub(crate) fn begin(disk: &dyn Disk, header: &FileHeader, spare: &Spare) -> Result<(), WriteError> {
    write_all(&*spare.file, 0, &header.encode()).map_err(|error| no_space_or("write a segment's header", error))?;
    spare.file.sync().map_err(|error| WriteError::Failed("sync a segment's header", error))?;
    disk.rename(&spare.name, &segment_name(header.segment)).map_err(|error| no_space_or("name a segment", error))?;
    disk.sync().map_err(|error| WriteError::Failed("sync the directory", error))
}

fn no_space_or(action: &'static str, error: io::Error) -> WriteError {
    if is_no_space(&error) { WriteError::NoSpace } else { WriteError::Failed(action, error) }
}

/// One write is at most this long, unless a single append is longer: 4 MiB take a disk of 500 MB/s 8 ms.
const WRITE_BYTES: u64 = 4 << 20;
