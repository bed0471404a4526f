//! The log itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use parking_lot::Mutex;
use types::id::{Decree, PartitionId};

use crate::commit::{self, Turn};
use crate::disk::{Directory, Disk};
use crate::driven::Committer;
pub use crate::driven::{Driver, Outside};
use crate::error::{AppendError, Full, OpenError};
use crate::format::record_bytes;
use crate::keeper;
use crate::options::{Options, Sync};
use crate::record::{APPEND_BYTES_MAX, Record};
use crate::recover::recover;
pub use crate::shared::Done;
use crate::shared::{Entry, Shared};

/// The log of one data directory. Any thread may append and trim.
pub struct Log {
    shared: Arc<Shared>,
    /// The committing thread, then the keeper, which goes when the other is gone.
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Or what a [`Driver`] works with.
    committer: Option<Arc<Mutex<Committer>>>,
}

/// Gauges and running totals of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Of all records that are kept, trimmed or not.
    pub bytes: u64,
    /// Files with records.
    pub segments: usize,
    /// More than `bytes_max` are kept: the partition of [`Log::oldest_blocking`] should be flushed and trimmed.
    pub over: bool,
    /// Of what waits for the disk.
    pub queue_bytes: u64,
    /// How long the fdatasync under way has been taking: tells a stalled disk.
    pub syncing: Option<Duration>,
    /// The disk was too full for the next segment. Appends may still work for a while.
    pub no_space: bool,
    /// Nothing is logged any more.
    pub poisoned: bool,
    /// Records written since the log was opened.
    pub records: u64,
    /// Bytes written since the log was opened.
    pub bytes_written: u64,
    /// Writes: `records / writes` is the size of a group.
    pub writes: u64,
    /// fdatasyncs of segments.
    pub syncs: u64,
    /// The time they took.
    pub sync_time: Duration,
}

impl Log {
    /// Opens the log in the directory `dir`, which is created if need be, and shows `replay` every record that is still there, in the
    /// order they were appended. What was shown is on stable storage when this returns, whatever the sync mode.
    ///
    /// Records of a segment stay until all of them are trimmed, so `replay` sees trimmed records again, and those of forgotten partitions.
    ///
    /// # Errors
    /// See [`OpenError`]. On any of them what `replay` has seen is to be thrown away.
    pub fn open(dir: &Path, options: Options, replay: &mut dyn FnMut(Record)) -> Result<Log, OpenError> {
        let disk = Directory::open(dir).map_err(|source| OpenError::Write { path: dir.to_owned(), source })?;
        Log::open_on(Arc::new(disk), options, replay)
    }

    /// As [`Log::open`], on a disk of the caller's making.
    ///
    /// # Errors
    /// See [`Log::open`].
    pub fn open_on(disk: Arc<dyn Disk>, options: Options, replay: &mut dyn FnMut(Record)) -> Result<Log, OpenError> {
        let log = Log::recovered(disk, options, replay, None)?;
        log.start("log-commit", commit::run)?;
        log.start("log-keeper", keeper::run)?;
        Ok(log)
    }

    /// As [`Log::open_on`] but without threads: somebody has to work the driver whenever it rings.
    ///
    /// # Errors
    /// See [`Log::open`]; and a sync mode other than [`Sync::Always`] is refused.
    pub fn open_driven(
        disk: Arc<dyn Disk>,
        options: Options,
        outside: Outside,
        replay: &mut dyn FnMut(Record),
    ) -> Result<(Log, Driver), OpenError> {
        if options.sync != Sync::Always {
            return Err(OpenError::Options("a log without threads syncs always"));
        }
        let mut log = Log::recovered(disk, options, replay, Some(outside))?;
        let committer = Arc::new(Mutex::new(Committer::new(Arc::clone(&log.shared))));
        log.committer = Some(Arc::clone(&committer));
        Ok((log, Driver(committer)))
    }

    fn recovered(
        disk: Arc<dyn Disk>,
        options: Options,
        replay: &mut dyn FnMut(Record),
        outside: Option<Outside>,
    ) -> Result<Log, OpenError> {
        let options = options.checked()?;
        let lock = disk.lock().map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => OpenError::InUse { path: disk.path("LOCK") },
            _ => OpenError::Write { path: disk.path("LOCK"), source },
        })?;
        let recovered = recover(&*disk, &options, replay)?;
        let shared = Arc::new(Shared::new(options, disk, lock, recovered, outside));
        Ok(Log { shared, threads: Mutex::default(), committer: None })
    }

    /// Takes records to be logged together: they are on the log in this order, and after every append that was taken before.
    /// Never waits for an fdatasync; without [`Sync::Always`] it may write to the page cache on the calling thread.
    ///
    /// `done` is called once, from here or from the log's thread, in the order of the appends, when the records are as durable as the sync
    /// mode asks for, or with the reason why they are not. It must be short and must not panic; it may append.
    ///
    /// # Errors
    /// [`Full`]: nothing was taken, `done` is dropped.
    pub fn append(&self, records: Vec<Record>, done: Done) -> Result<(), Full> {
        let bytes = records.iter().map(|record| record_bytes(record.body.len())).sum();
        if bytes > APPEND_BYTES_MAX {
            done(Err(AppendError::TooLarge));
            return Ok(());
        }
        let shared = &*self.shared;
        let entry = Entry { records, done, bytes, refused: false };
        let mut state = shared.state.lock();
        if state.closing || state.dead {
            let error = if state.closing { AppendError::Closed } else { AppendError::Poisoned };
            drop(state);
            (entry.done)(Err(error));
            return Ok(());
        }
        if shared.bytes() + state.queue_bytes >= shared.options.bytes_max * 2 {
            return Err(Full::Log);
        }
        if shared.options.sync != Sync::Always
            && state.queue.is_empty()
            && state.broken.is_empty()
            && state.writer.as_ref().is_some_and(|writer| writer.fitting(std::slice::from_ref(&entry)) == 1)
            && let Some(turn) = Turn::take(shared, &mut state, 0)
        {
            drop(state);
            turn.commit_one(entry);
            return Ok(());
        }
        // An append larger than the whole queue goes when nothing else is queued: it could never go otherwise.
        if state.queue_bytes > 0 && state.queue_bytes + bytes > shared.options.queue_bytes_max {
            return Err(Full::Queue);
        }
        state.queue.push_back(entry);
        state.queue_bytes += bytes;
        if state.idle {
            shared.notify();
        }
        Ok(())
    }

    /// Nobody needs the records of `partition` through `upto` any more: what they say is durable elsewhere.
    pub fn trim(&self, partition: PartitionId, upto: Decree) {
        self.shared.with_ledger(|ledger| ledger.trim(partition, upto));
    }

    /// Nobody needs any record of `partition` that was appended so far. Not remembered over a restart: call it again when a partition shows
    /// up in the replay that the node does not hold.
    pub fn forget(&self, partition: PartitionId) {
        self.shared.with_ledger(|ledger| ledger.trim(partition, Decree(u64::MAX)));
    }

    /// Takes records of `partition` again after [`AppendError::NoSpace`]. Call it when every append of the partition has been answered, and
    /// append again what failed, from the first.
    pub fn resume(&self, partition: PartitionId) {
        self.shared.state.lock().broken.remove(&partition);
    }

    /// The partition that holds most of the oldest segment, and how many bytes of it: trimming it brings the log nearest to being shorter.
    /// None if the oldest segment is still written, or waits only to be removed.
    pub fn oldest_blocking(&self) -> Option<(PartitionId, u64)> {
        self.shared.ledger.lock().blocking()
    }

    /// A random number that was made together with the log. A node that remembers it notices when it is given another log, or none.
    pub fn id(&self) -> u64 {
        self.shared.log
    }

    /// How the log is doing.
    pub fn stats(&self) -> Stats {
        let shared = &*self.shared;
        let (bytes, segments) = {
            let ledger = shared.ledger.lock();
            (ledger.bytes(), ledger.segments())
        };
        Stats {
            bytes,
            segments,
            over: bytes > shared.options.bytes_max,
            queue_bytes: shared.state.lock().queue_bytes,
            syncing: shared.syncing(),
            no_space: shared.desk.no_space(),
            poisoned: shared.is_poisoned(),
            records: shared.counters.records.load(Ordering::Relaxed),
            bytes_written: shared.counters.bytes.load(Ordering::Relaxed),
            writes: shared.counters.writes.load(Ordering::Relaxed),
            syncs: shared.counters.syncs.load(Ordering::Relaxed),
            sync_time: Duration::from_micros(shared.counters.sync_micros.load(Ordering::Relaxed)),
        }
    }

    /// Logs what was taken, syncs everything, and ends. Later appends hear [`AppendError::Closed`]. Dropping the log does the same.
    pub fn close(&self) {
        let closed = std::mem::replace(&mut self.shared.state.lock().closing, true);
        if let Some(committer) = &self.committer {
            if !closed {
                committer.lock().end();
            }
            return;
        }
        self.shared.work.notify_one();
        let mut threads = self.threads.lock();
        // A `done` that holds the last reference drops the log on the log's own thread. That one ends by itself, and the keeper after it.
        if threads.iter().any(|thread| thread.thread().id() == thread::current().id()) {
            threads.clear();
        }
        for thread in threads.drain(..) {
            // If it panicked the log is poisoned, and said so.
            let _ = thread.join();
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn start(&self, name: &str, body: fn(&Shared)) -> Result<(), OpenError> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || body(&shared));
        self.threads.lock().push(thread.map_err(|source| OpenError::Thread { source })?);
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}
