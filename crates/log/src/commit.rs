//! Group commit: the thread that writes what is queued, and the turn it shares with appenders.
//!
//! Under [`Sync::Always`] the thread takes all that is queued, writes it at once, syncs it and calls every `done`; what arrives meanwhile
//! is the next batch, so the slower the disk the larger the batch. Under the other modes an appender who finds nothing queued takes the turn
//! and writes on its own thread; only what meets a taken turn is queued.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use crate::clock;
use crate::error::AppendError;
use crate::options::Sync;
use crate::shared::{Entry, Shared, State};
use crate::writer::{WriteError, Writer};

/// The right to write, and to call `done`s. Goes back when dropped.
pub(crate) struct Turn<'a> {
    shared: &'a Shared,
    writer: Option<Box<Writer>>,
    /// Of the queue's bytes, what this turn is taking care of.
    bytes: u64,
}

impl<'a> Turn<'a> {
    /// Takes the turn if it is free.
    pub(crate) fn take(shared: &'a Shared, state: &mut State, bytes: u64) -> Option<Turn<'a>> {
        state.writer.take().map(|writer| Turn { shared, writer: Some(writer), bytes })
    }

    pub(crate) fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().expect("it goes back only when the turn is dropped")
    }

    /// Writes one append that fits, on the appender's thread.
    pub(crate) fn commit_one(mut self, entry: Entry) {
        let shared = self.shared;
        if shared.is_poisoned() {
            return (entry.done)(Err(AppendError::Poisoned));
        }
        match self.writer().write(shared, std::slice::from_ref(&entry)) {
            Ok(()) => (entry.done)(Ok(())),
            Err(error) => fail(shared, error, &mut VecDeque::from([entry])),
        }
    }

    /// Writes all of the batch, and tells everybody.
    fn commit(&mut self, batch: &mut VecDeque<Entry>) {
        while !batch.is_empty() {
            match self.commit_some(batch) {
                Ok(count) => batch.drain(..count).for_each(|entry| (entry.done)(Ok(()))),
                Err(error) => fail(self.shared, error, batch),
            }
            skip_refused(batch);
        }
    }

    /// Commits as many of the first entries as go into one write; returns how many.
    fn commit_some(&mut self, batch: &mut VecDeque<Entry>) -> Result<usize, WriteError> {
        let shared = self.shared;
        let count = write_some(shared, self.writer(), batch)?;
        if shared.options.sync == Sync::Always {
            self.writer().sync(shared)?;
        }
        Ok(count)
    }
}

/// Writes as many of the first entries as go into one write; returns how many.
pub(crate) fn write_some(shared: &Shared, writer: &mut Writer, batch: &mut VecDeque<Entry>) -> Result<usize, WriteError> {
    let entries = batch.make_contiguous();
    let whole = entries.iter().position(|entry| entry.refused).unwrap_or(entries.len());
    let Some(first) = entries[..whole].first() else { return Ok(0) };
    if shared.is_poisoned() {
        return Err(WriteError::Poisoned);
    }
    let bytes = first.bytes;
    if writer.fitting(&entries[..whole]) == 0 {
        writer.roll(shared, bytes)?;
    }
    let count = writer.fitting(&entries[..whole]);
    assert!(count > 0, "a new segment has room for the entry it was made for");
    writer.write(shared, &entries[..count])?;
    Ok(count)
}

/// Tells the first entries, as far as they are refused.
pub(crate) fn skip_refused(batch: &mut VecDeque<Entry>) {
    while let Some(entry) = batch.pop_front_if(|entry| entry.refused) {
        (entry.done)(Err(AppendError::NoSpace));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.poison("commit", &std::io::Error::other("panic"));
        }
        let mut state = self.shared.state.lock();
        state.queue_bytes -= self.bytes;
        state.sync_due |= self.shared.options.sync != Sync::Always && self.writer().unsynced_bytes() > UNSYNCED_BYTES;
        state.writer = self.writer.take();
        if state.idle && (!state.queue.is_empty() || state.sync_due || state.closing) || state.turn_wanted {
            self.shared.work.notify_one();
        }
    }
}

/// Tells all of the batch that it is not logged.
pub(crate) fn fail(shared: &Shared, error: WriteError, batch: &mut VecDeque<Entry>) {
    let error = match error {
        WriteError::NoSpace => {
            shared.state.lock().broken.extend(batch.iter().flat_map(|entry| &entry.records).map(|record| record.partition));
            AppendError::NoSpace
        }
        WriteError::Failed(action, error) => {
            shared.poison(action, &error);
            AppendError::Poisoned
        }
        WriteError::Poisoned => AppendError::Poisoned,
    };
    batch.drain(..).for_each(|entry| (entry.done)(Err(error)));
}

/// Body of the committing thread.
pub(crate) fn run(shared: &Shared) {
    let _obituary = Obituary(shared);
    let mut batch = VecDeque::new();
    let mut deadline = (shared.options.sync == Sync::Everysec).then(|| clock::now() + shared.options.sync_interval);
    loop {
        match next(shared, &mut batch, deadline) {
            Work::Commit(mut turn) => {
                turn.commit(&mut batch);
                drop(turn);
                if shared.options.sync == Sync::Always {
                    deadline = Some(clock::now() + REST);
                }
            }
            Work::Sync => sync_aside(shared),
            Work::Deadline if shared.options.sync == Sync::Always => {
                deadline = None;
                sync_mark(shared);
            }
            Work::Deadline => {
                sync_aside(shared);
                deadline = Some(clock::now() + shared.options.sync_interval);
            }
            Work::End(mut turn) => return finish(shared, turn.writer()),
        }
    }
}

/// What the committing thread has to do.
enum Work<'a> {
    /// Write the batch.
    Commit(Turn<'a>),
    /// Much is unsynced.
    Sync,
    /// The time to sync, or to rest, has come.
    Deadline,
    /// The log is closed and nothing is queued.
    End(Turn<'a>),
}

/// Waits for something to do; if it is to commit, what is queued is in `batch`, which was empty.
fn next<'a>(shared: &'a Shared, batch: &mut VecDeque<Entry>, deadline: Option<Instant>) -> Work<'a> {
    let mut state = shared.state.lock();
    let mut late = shared.options.sync == Sync::Everysec && deadline.is_some_and(|deadline| clock::now() >= deadline);
    loop {
        if late {
            return Work::Deadline;
        }
        if state.sync_due {
            return Work::Sync;
        }
        let bytes = state.queue_bytes;
        if !state.queue.is_empty()
            && let Some(turn) = Turn::take(shared, &mut state, bytes)
        {
            std::mem::swap(&mut state.queue, batch);
            refuse_broken(&state, batch);
            return Work::Commit(turn);
        }
        if state.closing
            && state.queue.is_empty()
            && let Some(turn) = Turn::take(shared, &mut state, 0)
        {
            return Work::End(turn);
        }
        state.idle = true;
        late = wait(shared, &mut state, deadline);
        state.idle = false;
    }
}

/// Returns whether the deadline passed.
fn wait(shared: &Shared, state: &mut MutexGuard<'_, State>, deadline: Option<Instant>) -> bool {
    match deadline {
        Some(deadline) => shared.work.wait_until(state, deadline).timed_out() && state.queue.is_empty(),
        None => {
            shared.work.wait(state);
            false
        }
    }
}

pub(crate) fn refuse_broken(state: &State, batch: &mut VecDeque<Entry>) {
    if state.broken.is_empty() {
        return;
    }
    // An append with one broken partition breaks its others too, before the next append is looked at.
    let mut broken = state.broken.clone();
    for entry in batch {
        entry.refused = entry.records.iter().any(|record| broken.contains(&record.partition));
        if entry.refused {
            broken.extend(entry.records.iter().map(|record| record.partition));
        }
    }
}

/// fdatasyncs while others go on writing.
fn sync_aside(shared: &Shared) {
    shared.state.lock().sync_due = false;
    let Some(unsynced) = with_writer(shared, |writer| writer.unsynced()) else { return };
    if shared.is_poisoned() {
        return;
    }
    let synced = shared.measured(|| unsynced.file.sync()).map_err(|error| WriteError::Failed("sync", error));
    match synced.and_then(|()| with_writer(shared, |writer| writer.synced(shared, &unsynced))) {
        Ok(()) => sync_mark(shared),
        Err(error) => fail(shared, error, &mut VecDeque::new()),
    }
}

/// Waits for the turn, and uses it for something short without taking it away.
fn with_writer<T>(shared: &Shared, work: impl FnOnce(&mut Writer) -> T) -> T {
    let mut state = shared.state.lock();
    loop {
        if let Some(writer) = &mut state.writer {
            return work(writer);
        }
        state.turn_wanted = true;
        shared.work.wait(&mut state);
        state.turn_wanted = false;
    }
}

pub(crate) fn sync_mark(shared: &Shared) {
    let file = shared.mark.lock().file();
    if !shared.is_poisoned()
        && let Err(error) = file.sync()
    {
        shared.poison("sync the mark", &error);
    }
}

/// The last thing: a log that was closed is synced, whatever the mode.
pub(crate) fn finish(shared: &Shared, writer: &mut Writer) {
    if shared.is_poisoned() {
        return;
    }
    match writer.sync(shared) {
        Ok(()) => sync_mark(shared),
        Err(error) => fail(shared, error, &mut VecDeque::new()),
    }
}

/// If the committing thread ends, nobody waits for it.
struct Obituary<'a>(&'a Shared);

impl Drop for Obituary<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("commit", &std::io::Error::other("panic"));
        }
        let mut state = self.0.state.lock();
        state.dead = true;
        let queue = std::mem::take(&mut state.queue);
        drop(state);
        queue.into_iter().for_each(|entry| (entry.done)(Err(AppendError::Poisoned)));
        self.0.desk.stop();
    }
}

/// After this long without an append the mark is synced. Longer than a round of group commit, so that a busy log never waits for it.
const REST: Duration = Duration::from_millis(20);
/// Without [`Sync::Always`]: so much is written before a sync is due all the same, so that sealing a segment finds little left to sync.
const UNSYNCED_BYTES: u64 = 8 << 20;
