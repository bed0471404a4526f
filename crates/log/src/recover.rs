//! Opening: finds the end of the log, shows every record on the way, and makes sure that what it showed is on disk.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tracing::info;

use crate::disk::{Disk, DiskFile, write_all};
use crate::error::OpenError;
use crate::format::{FILE_HEADER_BYTES, FileHeader, NotAHeader, PAGE, VERSION, record_bytes, segment_name, segment_of};
use crate::keeper::{SPARE_SUFFIX, discard, make_spare};
use crate::ledger::Ledger;
use crate::mark::{self, MarkFile};
use crate::options::Options;
use crate::record::Record;
use crate::segment::{Remains, remains, walk};
use crate::writer::{Segment, WriteError, Writer, begin};

/// A log that is ready to be written.
pub(crate) struct Recovered {
    pub(crate) writer: Writer,
    pub(crate) ledger: Ledger,
    pub(crate) mark: MarkFile,
}

/// Opens the log on `disk`, which is locked.
pub(crate) fn recover(disk: &dyn Disk, options: &Options, replay: &mut dyn FnMut(Record)) -> Result<Recovered, OpenError> {
    let names = disk.names().map_err(|source| OpenError::Read { path: disk.path(""), source })?;
    let mut segments: BTreeSet<u64> = names.iter().filter_map(|name| segment_of(name)).collect();
    for name in names.iter().filter(|name| name.ends_with(SPARE_SUFFIX) || *name == mark::NEW) {
        discard(disk, name);
    }
    let mut mark = open_mark(disk, names.iter().any(|name| name == mark::NAME), &segments)?;
    remove_leftovers(disk, &mut segments, mark.mark().first);
    check_complete(disk, &segments, &mark)?;
    let recovery = Recovery { disk, mark: &mut mark, ledger: Ledger::default(), replay };
    let (writer, ledger) = match segments.last() {
        None => recovery.first_segment(options)?,
        Some(&last) => recovery.read(last)?,
    };
    disk.sync().map_err(|source| OpenError::Write { path: disk.path(""), source })?;
    Ok(Recovered { writer, ledger, mark })
}

fn open_mark(disk: &dyn Disk, exists: bool, segments: &BTreeSet<u64>) -> Result<MarkFile, OpenError> {
    let path = disk.path(mark::NAME);
    if exists {
        let mark = MarkFile::open(disk).map_err(|source| OpenError::Read { path, source })?;
        return mark.map_err(|error| not_a_header(disk, mark::NAME, error));
    }
    if !segments.is_empty() {
        // The mark is durable before the first segment is made.
        return Err(OpenError::Damaged { path, offset: 0 });
    }
    // Only uniqueness matters, and only for bytes that should never be read as ours.
    let log = RandomState::new().hash_one("log");
    MarkFile::create(disk, log).map_err(|source| OpenError::Write { path, source })
}

/// Segments that were trimmed when the process ended before it could remove them.
fn remove_leftovers(disk: &dyn Disk, segments: &mut BTreeSet<u64>, first: u64) {
    let kept = segments.split_off(&first);
    for segment in std::mem::replace(segments, kept) {
        discard(disk, &segment_name(segment));
    }
}

/// No segment may be missing that the mark knows of, or between two that exist.
fn check_complete(disk: &dyn Disk, segments: &BTreeSet<u64>, mark: &MarkFile) -> Result<(), OpenError> {
    let mark = mark.mark();
    let last = segments.last().copied().unwrap_or(0).max(mark.segment);
    match (mark.first..=last).find(|segment| !segments.contains(segment)) {
        None => Ok(()),
        Some(missing) => Err(OpenError::Damaged { path: disk.path(&segment_name(missing)), offset: 0 }),
    }
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    mark: &'a mut MarkFile,
    ledger: Ledger,
    replay: &'a mut dyn FnMut(Record),
}

impl Recovery<'_> {
    /// A log without segments is new.
    fn first_segment(mut self, options: &Options) -> Result<(Writer, Ledger), OpenError> {
        let header = FileHeader { log: self.mark.mark().log, segment: self.mark.mark().first, first_sequence: 1, previous_end: 0 };
        let path = || self.disk.path(&segment_name(header.segment));
        let write = |source| OpenError::Write { path: path(), source };
        let spare = make_spare(self.disk, options.segment_bytes, format!("first{SPARE_SUFFIX}")).map_err(write)?;
        begin(self.disk, &header, &spare).map_err(|error| match error {
            WriteError::Failed(_, source) => write(source),
            WriteError::NoSpace | WriteError::Poisoned => write(io::ErrorKind::StorageFull.into()),
        })?;
        let segment = Segment {
            file: spare.file,
            number: header.segment,
            capacity: spare.capacity,
            end: FILE_HEADER_BYTES,
            synced: FILE_HEADER_BYTES,
        };
        self.ledger.start(header.segment, FILE_HEADER_BYTES);
        self.finish(segment, header.first_sequence)
    }

    /// Reads the segments from the first through `last`.
    fn read(mut self, last: u64) -> Result<(Writer, Ledger), OpenError> {
        let (mut file, mut header) = self.open(self.mark.mark().first)?;
        while header.segment < last {
            let (next_file, next) = self.open(header.segment + 1)?;
            self.read_sealed(&*file, &header, &next)?;
            (file, header) = (next_file, next);
        }
        self.read_last(file, &header)
    }

    fn open(&self, segment: u64) -> Result<(Arc<dyn DiskFile>, FileHeader), OpenError> {
        let name = segment_name(segment);
        let read = |source| OpenError::Read { path: self.disk.path(&name), source };
        let file = self.disk.open(&name).map_err(read)?;
        let len = file.len().map_err(read)?;
        if len < FILE_HEADER_BYTES {
            return Err(OpenError::Damaged { path: self.disk.path(&name), offset: len });
        }
        let bytes = file.read(0, FILE_HEADER_BYTES).map_err(read)?;
        let header = FileHeader::decode(&bytes).map_err(|error| not_a_header(self.disk, &name, error))?;
        if header.log != self.mark.mark().log || header.segment != segment {
            return Err(OpenError::Damaged { path: self.disk.path(&name), offset: 0 });
        }
        Ok((file, header))
    }

    /// Every record up to where the next segment says it ends has to be good.
    fn read_sealed(&mut self, file: &dyn DiskFile, header: &FileHeader, next: &FileHeader) -> Result<(), OpenError> {
        let bytes = self.image(file, header, next.previous_end)?;
        let image = Image { header, bytes };
        let run = self.show(&image);
        let mark = self.mark.mark();
        let overrun = mark.segment == header.segment && mark.synced > next.previous_end;
        if run.end != next.previous_end || run.next_sequence != next.first_sequence || overrun {
            return Err(self.damaged(header, run.end));
        }
        Ok(())
    }

    /// The last segment ends where its good records end, unless a witness says that more was synced.
    fn read_last(mut self, file: Arc<dyn DiskFile>, header: &FileHeader) -> Result<(Writer, Ledger), OpenError> {
        let bytes = self.image(&*file, header, IMAGE_BYTES_MAX)?;
        let capacity = bytes.len() as u64 / PAGE * PAGE;
        let image = Image { header, bytes };
        let run = self.show(&image);
        let remains = remains(&image.bytes, header, run.end);
        let mark = self.mark.mark();
        let marked = if mark.segment == header.segment { mark.synced } else { FILE_HEADER_BYTES };
        if marked.max(remains.synced) > run.end {
            return Err(self.damaged(header, run.end));
        }
        self.settle(&*file, image, marked, run.end, remains)
            .map_err(|source| OpenError::Write { path: self.disk.path(&segment_name(header.segment)), source })?;
        let segment = Segment { file, number: header.segment, capacity, end: run.end, synced: run.end };
        self.finish(segment, run.next_sequence)
    }

    /// Puts the last segment on disk as it was shown. What may never have been synced is written once more: after a failed fdatasync the
    /// page cache can hold what the disk does not, clean, and another fdatasync alone would do nothing. What was torn off is wiped, so that
    /// none of it can ever continue a later run.
    fn settle(&self, file: &dyn DiskFile, image: Image<'_>, marked: u64, end: u64, remains: Remains) -> io::Result<()> {
        let (header, mut bytes) = (image.header, image.bytes);
        let wiped = remains.end.max(end);
        if wiped > end {
            info!(segment = header.segment, from = end, upto = wiped, "cut off records that were not synced when the log ended");
        }
        bytes[end as usize..wiped as usize].fill(0);
        write_all(file, marked, &bytes[marked as usize..wiped as usize])?;
        file.sync()
    }

    fn finish(self, segment: Segment, next_sequence: u64) -> Result<(Writer, Ledger), OpenError> {
        let advanced = self.mark.advance(segment.number, segment.end).and_then(|()| self.mark.file().sync());
        advanced.map_err(|source| OpenError::Write { path: self.disk.path(mark::NAME), source })?;
        Ok((Writer::new(segment, next_sequence), self.ledger))
    }

    /// The first `bytes` bytes of a segment, or all if there are fewer.
    fn image(&self, file: &dyn DiskFile, header: &FileHeader, bytes: u64) -> Result<Vec<u8>, OpenError> {
        let read = |source| OpenError::Read { path: self.disk.path(&segment_name(header.segment)), source };
        let len = file.len().map_err(read)?;
        file.read(0, len.min(bytes)).map_err(read)
    }

    /// Shows the good records of a segment.
    fn show(&mut self, image: &Image<'_>) -> crate::segment::Run {
        self.ledger.start(image.header.segment, FILE_HEADER_BYTES);
        walk(&image.bytes, image.header, FILE_HEADER_BYTES, |record, body| {
            self.ledger.add(record.partition, record.decree, record_bytes(body.len()));
            let body = Bytes::copy_from_slice(&image.bytes[body]);
            (self.replay)(Record { partition: record.partition, decree: record.decree, body });
        })
    }

    fn damaged(&self, header: &FileHeader, offset: u64) -> OpenError {
        OpenError::Damaged { path: self.disk.path(&segment_name(header.segment)), offset }
    }
}

/// No segment is larger: see [`crate::record::APPEND_BYTES_MAX`].
const IMAGE_BYTES_MAX: u64 = 2 << 30;

/// A segment as it was read.
struct Image<'a> {
    header: &'a FileHeader,
    bytes: Vec<u8>,
}

fn not_a_header(disk: &dyn Disk, name: &str, error: NotAHeader) -> OpenError {
    let path = disk.path(name);
    match error {
        NotAHeader::Version(found) => OpenError::Version { path, found, expected: VERSION },
        NotAHeader::Damaged => OpenError::Damaged { path, offset: 0 },
    }
}
