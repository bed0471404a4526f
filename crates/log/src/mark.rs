//! The mark: a small file beside the segments that knows how far they are synced and which of them exist.
//!
//! It is written after every fdatasync of the log, before anybody hears of it, and not synced itself: so it is exact after a crash of the
//! process, and costs a microsecond. It is synced when the log falls idle, when a segment is sealed and before one is removed: after
//! loss of power it may lag by what the records themselves do not tell, and lagging it proves less but never the wrong thing.
//! (Syncing it with every commit was measured: 0.25 instead of 0.13 ms.)

use std::io;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, write_all};
use crate::format::{MARK_SLOT_BYTES, Mark, NotAHeader};

/// The open mark.
pub(crate) struct MarkFile {
    file: Arc<dyn DiskFile>,
    mark: Mark,
}

impl MarkFile {
    /// Makes the mark of a new log.
    pub(crate) fn create(disk: &dyn Disk, log: u64) -> io::Result<MarkFile> {
        let mark = Mark { log, serial: 0, first: 1, segment: 0, synced: 0 };
        let file = disk.create(NEW)?;
        write_all(&*file, 0, &[0; 2 * MARK_SLOT_BYTES as usize])?;
        write_all(&*file, 0, &mark.encode())?;
        file.sync()?;
        disk.rename(NEW, NAME)?;
        disk.sync()?;
        Ok(MarkFile { file, mark })
    }

    /// Reads the mark of an existing log.
    pub(crate) fn open(disk: &dyn Disk) -> io::Result<Result<MarkFile, NotAHeader>> {
        let file = disk.open(NAME)?;
        let bytes = file.read(0, file.len()?.min(2 * MARK_SLOT_BYTES))?;
        let slots = [0, MARK_SLOT_BYTES as usize].map(|at| Mark::decode(bytes.get(at..).unwrap_or_default()));
        Ok(match slots {
            [Err(NotAHeader::Version(version)), _] | [_, Err(NotAHeader::Version(version))] => Err(NotAHeader::Version(version)),
            [Ok(a), Ok(b)] => Ok(if a.serial > b.serial { a } else { b }),
            [Ok(one), Err(_)] | [Err(_), Ok(one)] => Ok(one),
            [Err(NotAHeader::Damaged), Err(NotAHeader::Damaged)] => Err(NotAHeader::Damaged),
        }
        .map(|mark| MarkFile { file, mark }))
    }

    /// What it says.
    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// Notes that `segment` is synced through `synced`.
    pub(crate) fn advance(&mut self, segment: u64, synced: u64) -> io::Result<()> {
        if (segment, synced) <= (self.mark.segment, self.mark.synced) {
            return Ok(());
        }
        self.write(Mark { segment, synced, ..self.mark })
    }

    /// Notes that segments before `first` may be gone, in both slots, so that neither asks for them.
    pub(crate) fn remove_before(&mut self, first: u64) -> io::Result<()> {
        let first = first.max(self.mark.first);
        self.write(Mark { first, ..self.mark })?;
        self.write(Mark { first, ..self.mark })
    }

    /// The file, to sync it without holding up who writes it.
    pub(crate) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    fn write(&mut self, mark: Mark) -> io::Result<()> {
        self.mark = Mark { serial: self.mark.serial + 1, ..mark };
        write_all(&*self.file, self.mark.serial % 2 * MARK_SLOT_BYTES, &self.mark.encode())
    }
}

/// The mark's file name.
pub(crate) const NAME: &str = "mark";
/// A mark in the making.
pub(crate) const NEW: &str = "mark.new";
