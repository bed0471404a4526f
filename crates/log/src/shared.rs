//! What the threads of a log share.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::error;
use types::id::PartitionId;

use crate::clock;
use crate::disk::Disk;
use crate::driven::Outside;
use crate::error::AppendError;
use crate::keeper::{Desk, Spare, take_now};
use crate::ledger::Ledger;
use crate::mark::MarkFile;
use crate::options::Options;
use crate::record::Record;
use crate::recover::Recovered;
use crate::writer::Writer;

/// Told once what became of an append.
pub type Done = Box<dyn FnOnce(Result<(), AppendError>) + Send>;

/// One append.
pub(crate) struct Entry {
    pub(crate) records: Vec<Record>,
    pub(crate) done: Done,
    /// On disk.
    pub(crate) bytes: u64,
    /// A partition of it is broken: see [`State::broken`].
    pub(crate) refused: bool,
}

/// The common ground of appenders, the committing thread and the keeper.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) log: u64,
    pub(crate) state: Mutex<State>,
    /// The committing thread waits here, for entries or for the turn.
    pub(crate) work: Condvar,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) mark: Mutex<MarkFile>,
    pub(crate) desk: Desk,
    pub(crate) counters: Counters,
    /// What takes the place of the threads.
    outside: Option<Outside>,
    bytes: AtomicU64,
    poisoned: AtomicBool,
    started: Instant,
    /// Keeps others out until the last thread of the log is gone.
    _lock: Box<dyn Send + Sync>,
}

/// What waits, and whose turn it is.
pub(crate) struct State {
    pub(crate) queue: VecDeque<Entry>,
    /// Of the queue and of what is being written.
    pub(crate) queue_bytes: u64,
    /// The turn: who takes this writes, and calls `done`s, until it is put back.
    pub(crate) writer: Option<Box<Writer>>,
    /// Partitions with an append that failed for want of space.
    pub(crate) broken: HashSet<PartitionId>,
    /// Enough was written without a sync that one is due.
    pub(crate) sync_due: bool,
    /// The committing thread is asleep, and wants to be woken for entries.
    pub(crate) idle: bool,
    /// The committing thread waits for the turn, for something other than entries.
    pub(crate) turn_wanted: bool,
    pub(crate) closing: bool,
    /// The committing thread is gone.
    pub(crate) dead: bool,
}

/// Running totals.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_micros: AtomicU64,
    /// When the sync under way began, in microseconds after the log was opened, plus one; 0 if there is none.
    syncing_since: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        disk: Arc<dyn Disk>,
        lock: Box<dyn Send + Sync>,
        recovered: Recovered,
        outside: Option<Outside>,
    ) -> Shared {
        let Recovered { writer, ledger, mark } = recovered;
        Shared {
            log: mark.mark().log,
            bytes: AtomicU64::new(ledger.bytes()),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                queue_bytes: 0,
                writer: Some(Box::new(writer)),
                broken: HashSet::new(),
                sync_due: false,
                // A driver never is: it has to be called.
                idle: outside.is_some(),
                turn_wanted: false,
                closing: false,
                dead: false,
            }),
            work: Condvar::new(),
            ledger: Mutex::new(ledger),
            mark: Mutex::new(mark),
            desk: Desk::default(),
            counters: Counters::default(),
            outside,
            poisoned: AtomicBool::new(false),
            started: clock::now(),
            options,
            disk,
            _lock: lock,
        }
    }

    /// Calls whoever commits.
    pub(crate) fn notify(&self) {
        match &self.outside {
            None => drop(self.work.notify_one()),
            Some(outside) => (outside.ring)(),
        }
    }

    /// Takes a spare of at least this capacity; waits for it if there is none.
    pub(crate) fn take_spare(&self, capacity: u64) -> io::Result<Spare> {
        match &self.outside {
            None => self.desk.take(capacity),
            Some(_) => take_now(self, capacity),
        }
    }

    /// From here on nothing is acknowledged: what the kernel holds and what the disk holds may differ, and no later fdatasync would tell
    /// (the kernel reports an error once and may call the pages clean).
    pub(crate) fn poison(&self, action: &'static str, error: &io::Error) {
        if !self.poisoned.swap(true, Ordering::SeqCst) {
            error!(path = %self.disk.path("").display(), action, %error, "the log failed and takes no more records");
        }
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::SeqCst)
    }

    /// Bytes of all records that are kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Changes the ledger; what nobody holds any more goes to the keeper.
    pub(crate) fn with_ledger(&self, change: impl FnOnce(&mut Ledger)) {
        let mut ledger = self.ledger.lock();
        change(&mut ledger);
        let removable = ledger.take_removable(self.options.retain_bytes);
        self.bytes.store(ledger.bytes(), Ordering::Relaxed);
        if !removable.is_empty() {
            // With the ledger locked: they reach the keeper in their order.
            self.desk.remove(removable);
            if let Some(outside) = &self.outside {
                (outside.ring)();
            }
        }
    }

    /// Runs a sync of the log and measures it.
    pub(crate) fn measured(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let began = self.begin_sync();
        let result = sync();
        self.counters.syncing_since.store(0, Ordering::Relaxed);
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        self.counters.sync_micros.fetch_add(self.micros().saturating_sub(began), Ordering::Relaxed);
        result
    }

    /// Takes note of when a sync began, if it has not begun already.
    pub(crate) fn begin_sync(&self) -> u64 {
        let now = self.micros();
        match self.counters.syncing_since.compare_exchange(0, now + 1, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => now,
            Err(since) => since - 1,
        }
    }

    /// How long the sync under way has been taking.
    pub(crate) fn syncing(&self) -> Option<Duration> {
        let since = self.counters.syncing_since.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_micros(self.micros().saturating_sub(since)))
    }

    fn micros(&self) -> u64 {
        match &self.outside {
            None => clock::now().duration_since(self.started).as_micros() as u64,
            Some(outside) => (outside.now)().as_micros() as u64,
        }
    }
}
