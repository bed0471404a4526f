//! A log without threads: their work is done by whoever holds its [`Driver`], as slowly as a simulated disk is.
//!
//! ```text
//!   append ──▶ queue ──ring──▶ write ──(crash here: torn)──▶ sync ──▶ done, done, done
//! ```
//! The same code runs as on the threads ([`crate::commit`], [`crate::keeper`]), but for what waits there. Only under
//! [`crate::options::Sync::Always`], where an appender never writes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::commit::{fail, finish, refuse_broken, skip_refused, sync_mark, write_some};
use crate::keeper;
use crate::shared::{Entry, Shared};
use crate::writer::Writer;

/// The world of a log without threads.
pub struct Outside {
    /// Called when there is something for the driver to do. Must not call the log.
    pub ring: Arc<dyn Fn() + Send + Sync>,
    /// A monotonic clock: syncs are measured with it.
    pub now: Arc<dyn Fn() -> Duration + Send + Sync>,
}

/// Does a log's work. Dropping it leaves the work undone.
pub struct Driver(pub(crate) Arc<Mutex<Committer>>);

impl Driver {
    /// Writes what is queued, and keeps segments ready and removes old ones. Whether something has to be synced now.
    pub fn write(&self) -> bool {
        self.0.lock().write()
    }

    /// Syncs what was written, and tells those who wait for it. There may be more to write afterwards.
    pub fn sync(&self) {
        self.0.lock().sync();
    }

    /// To be called when nothing was appended for a moment.
    pub fn rest(&self) {
        sync_mark(&self.0.lock().shared);
    }
}

/// What the committing thread has in its hands.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    batch: VecDeque<Entry>,
    /// Of the batch when it was taken.
    bytes: u64,
    /// The first so many entries of the batch are written.
    written: usize,
    writer: Option<Box<Writer>>,
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>) -> Committer {
        Committer { shared, batch: VecDeque::new(), bytes: 0, written: 0, writer: None }
    }

    fn write(&mut self) -> bool {
        keeper::work_off(&self.shared);
        while self.written == 0 {
            skip_refused(&mut self.batch);
            if self.batch.is_empty() && !self.take() {
                return false;
            }
            skip_refused(&mut self.batch);
            let writer = self.writer.as_mut().expect("taken with the batch");
            match write_some(&self.shared, writer, &mut self.batch) {
                Ok(count) => {
                    self.written = count;
                    self.shared.begin_sync();
                }
                Err(error) => fail(&self.shared, error, &mut self.batch),
            }
        }
        true
    }

    fn sync(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        let written = std::mem::take(&mut self.written);
        match writer.sync(&self.shared) {
            Ok(()) => self.batch.drain(..written).for_each(|entry| (entry.done)(Ok(()))),
            Err(error) => fail(&self.shared, error, &mut self.batch),
        }
    }

    /// Takes what is queued, in place of a batch that is done.
    fn take(&mut self) -> bool {
        let mut state = self.shared.state.lock();
        state.queue_bytes -= std::mem::take(&mut self.bytes);
        if state.queue.is_empty() {
            if let Some(writer) = self.writer.take() {
                state.writer = Some(writer);
            }
            return false;
        }
        if self.writer.is_none() {
            self.writer = state.writer.take();
        }
        self.bytes = state.queue_bytes;
        std::mem::swap(&mut state.queue, &mut self.batch);
        refuse_broken(&state, &mut self.batch);
        true
    }

    /// The log is closed: everything that was taken is done.
    pub(crate) fn end(&mut self) {
        self.sync();
        while self.write() {
            self.sync();
        }
        let mut state = self.shared.state.lock();
        let writer = state.writer.take();
        drop(state);
        if let Some(mut writer) = writer {
            finish(&self.shared, &mut writer);
            self.shared.state.lock().writer = Some(writer);
        }
    }
}
