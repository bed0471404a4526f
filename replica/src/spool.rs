//! Long replies: they lie in files of the node until those who asked have taken them.
//!
//! ```text
//!   evaluation ──1 MiB──▶ file ──complete──▶ pieces, each asked for by its place
//!                  │                              │
//!                  ╰▶ Outcome::Long(number)       ╰▶ forgotten when told so, or when nobody has asked for a while
//! ```
//! A file has no name from the moment it is made: it goes with the process. So no reply takes more memory than a piece, and no snapshot,
//! iterator or thread waits for a client.
//!
//! Invariant: the sum of all files is below a bound, as is their number, and they leave the disk's last part to the log and the stores.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use net::service::{CallError, Pending};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tracing::warn;
use types::reply::{Insertions, Spool, Stop};
use types::time::Time;
use wire::rpc::ControlResponse;

use crate::clock::Clock;
use crate::machine::{Machine, SpoolFile};
use crate::pool::Pool;

/// All long replies of a node.
pub(crate) struct Spools {
    directory: PathBuf,
    bytes_max: u64,
    clock: Arc<dyn Clock>,
    machine: Arc<dyn Machine>,
    state: Mutex<State>,
}

struct State {
    replies: HashMap<u64, Entry>,
    /// Of all files.
    bytes: u64,
    last: u64,
    /// The node is closing.
    closed: bool,
}

struct Entry {
    /// When somebody asked for it, or it grew.
    used: Time,
    /// Bytes of its file.
    bytes: u64,
    stage: Stage,
}

enum Stage {
    /// Who waits for it to be complete.
    Making(Stop, Vec<Waiting>),
    Complete(Arc<Complete>),
    /// Its maker failed, with the text of an error reply.
    Failed(&'static str),
}

struct Waiting {
    offset: u64,
    bytes_max: u32,
    answer: oneshot::Sender<Result<ControlResponse, CallError>>,
}

impl Spools {
    /// None yet. What an earlier process left in `directory` is removed. `first` makes numbers unlike those of other processes.
    pub(crate) fn new(directory: PathBuf, bytes_max: u64, first: u64, clock: Arc<dyn Clock>, machine: Arc<dyn Machine>) -> Spools {
        let _ = std::fs::remove_dir_all(&directory);
        let last = first.wrapping_mul(NUMBERS);
        Spools { directory, bytes_max, clock, machine, state: Mutex::new(State { replies: HashMap::new(), bytes: 0, last, closed: false }) }
    }

    /// Bytes of all files, and how many there are.
    pub(crate) fn usage(&self) -> (u64, usize) {
        let state = self.state.lock();
        (state.bytes, state.replies.len())
    }

    /// A place for a reply that may become long. `begun` is told its number, or an error reply's text, when it does.
    /// `stop` is set when nothing more is wanted.
    pub(crate) fn writer(self: &Arc<Self>, stop: Stop, begun: impl FnOnce(Result<u64, &'static str>) + Send + 'static) -> Writer {
        Writer { spools: Arc::clone(self), stop, begun: Some(Box::new(begun)), open: None }
    }

    /// Forgets a reply.
    pub(crate) fn end(&self, pool: &Pool, reply: u64) {
        // To close a large file that has no name takes long. A full pool drops the job, and so the file, here.
        if let Some(gone) = self.state.lock().remove(reply) {
            let _ = pool.submit(move || drop(gone));
        }
    }

    /// Forgets all, and keeps no more.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let all: Vec<u64> = state.replies.keys().copied().collect();
        let gone: Vec<Entry> = all.into_iter().filter_map(|reply| state.remove(reply)).collect();
        drop(state);
        drop(gone); // the files with them, without the lock
    }

    /// Forgets what nobody asked for lately.
    pub(crate) fn expire(&self) {
        let now = self.clock.now();
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        let old: Vec<u64> = state.replies.iter().filter(|(_, e)| now.since(e.used) > IDLE_MAX).map(|(&reply, _)| reply).collect();
        gone.extend(old.into_iter().filter_map(|reply| state.remove(reply)));
        drop(state);
        drop(gone); // the files with them, without the lock
    }

    /// A piece of a reply: now, when the reply is complete, or when `pool` has read it.
    pub(crate) fn piece(&self, pool: &Pool, reply: u64, offset: u64, bytes_max: u32) -> Pending<ControlResponse> {
        let mut state = self.state.lock();
        let Some(entry) = state.replies.get_mut(&reply) else { return Pending::ready(Ok(ControlResponse::Refused(FORGOTTEN.to_owned()))) };
        entry.used = self.clock.now();
        match &mut entry.stage {
            _ if bytes_max == 0 => Pending::ready(Ok(ControlResponse::ReplyPiece { bytes: Bytes::new(), total: 0 })),
            Stage::Failed(text) => Pending::ready(Ok(ControlResponse::Refused((*text).to_owned()))),
            Stage::Making(_, waiting) => {
                let (answer, pending) = Pending::waiting();
                waiting.retain(|other| !other.answer.is_closed());
                waiting.push(Waiting { offset, bytes_max, answer });
                pending
            }
            Stage::Complete(complete) => {
                let (answer, pending) = Pending::waiting();
                let complete = Arc::clone(complete);
                drop(state);
                // Who asked may have given up.
                match pool.submit(move || drop(answer.send(Ok(complete.answer(offset, bytes_max))))) {
                    Ok(()) => pending,
                    Err(_) => Pending::ready(Err(CallError::Overloaded)),
                }
            }
        }
    }

    /// A number for a new reply and its file.
    fn begin(&self, stop: &Stop) -> Result<(u64, Box<dyn SpoolFile>), &'static str> {
        if self.state.lock().replies.len() >= REPLIES_MAX {
            return Err(TOO_MANY);
        }
        let file = self.machine.spool(&self.directory).map_err(|error| {
            warn!(directory = %self.directory.display(), %error, "make a file for a long reply");
            NO_ROOM
        })?;
        let mut state = self.state.lock();
        if state.closed {
            return Err(BROKEN_OFF);
        }
        state.last = state.last.wrapping_add(1);
        let reply = state.last;
        let stage = Stage::Making(stop.clone(), Vec::new());
        state.replies.insert(reply, Entry { used: self.clock.now(), bytes: 0, stage });
        Ok((reply, file))
    }

    /// Makes room for so many more bytes of a reply.
    fn grow(&self, reply: u64, more: u64) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        let State { replies, bytes, .. } = &mut *state;
        let entry = replies.get_mut(&reply).ok_or(FORGOTTEN)?;
        if *bytes + more > self.bytes_max {
            return Err(TOO_LONG);
        }
        *bytes += more;
        entry.bytes += more;
        entry.used = self.clock.now();
        Ok(())
    }

    /// Forgets the end of a reply.
    fn shrink(&self, reply: u64, less: u64) {
        let mut state = self.state.lock();
        let State { replies, bytes, .. } = &mut *state;
        if let Some(entry) = replies.get_mut(&reply) {
            *bytes -= less;
            entry.bytes -= less;
        }
    }

    /// A reply has come to its end, or cannot: whoever waits hears.
    fn settle(&self, reply: u64, ended: Result<Complete, &'static str>) {
        let mut state = self.state.lock();
        let State { replies, bytes, .. } = &mut *state;
        let Some(entry) = replies.get_mut(&reply) else { return };
        let ended = ended.map(Arc::new);
        let stage = match &ended {
            Ok(complete) => Stage::Complete(Arc::clone(complete)),
            Err(text) => {
                *bytes -= std::mem::take(&mut entry.bytes);
                Stage::Failed(text)
            }
        };
        entry.used = self.clock.now();
        let before = std::mem::replace(&mut entry.stage, stage);
        drop(state);
        let Stage::Making(_, waiting) = before else { return };
        for Waiting { offset, bytes_max, answer } in waiting {
            let piece = match &ended {
                Ok(complete) => complete.answer(offset, bytes_max),
                Err(text) => ControlResponse::Refused((*text).to_owned()),
            };
            let _ = answer.send(Ok(piece)); // who asked may have given up
        }
    }
}

impl State {
    fn remove(&mut self, reply: u64) -> Option<Entry> {
        let entry = self.replies.remove(&reply)?;
        self.bytes -= entry.bytes;
        if let Stage::Making(stop, _) = &entry.stage {
            stop.set();
        }
        Some(entry)
    }
}

/// A reply that is all there.
struct Complete {
    file: Box<dyn SpoolFile>,
    /// What belongs in front of places of the file, each with its place in the reply.
    insertions: Vec<(u64, Box<[u8]>)>,
    /// Bytes of the reply.
    total: u64,
}

impl Complete {
    /// `stored`: the file's length.
    fn new(file: Box<dyn SpoolFile>, stored: u64, insertions: Insertions) -> Complete {
        let mut before = 0;
        let place = |(at, bytes): (u64, Box<[u8]>)| {
            let place = at + before;
            before += bytes.len() as u64;
            (place, bytes)
        };
        let insertions = insertions.into_iter().map(place).collect();
        Complete { file, insertions, total: stored + before }
    }

    fn answer(&self, offset: u64, bytes_max: u32) -> ControlResponse {
        match self.read(offset, bytes_max) {
            Ok(bytes) => ControlResponse::ReplyPiece { bytes, total: self.total },
            Err(error) => {
                warn!(%error, "read a piece of a long reply");
                ControlResponse::Refused(UNREADABLE.to_owned())
            }
        }
    }

    fn read(&self, offset: u64, bytes_max: u32) -> std::io::Result<Bytes> {
        let left = self.total.checked_sub(offset).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let mut piece = vec![0; left.min(u64::from(bytes_max)).min(PIECE_MAX) as usize];
        let mut at = offset; // in the reply
        let mut rest = &mut piece[..];
        // Of those before `at` all but perhaps the last one are over.
        let first = self.insertions.partition_point(|(place, bytes)| place + bytes.len() as u64 <= at);
        let mut inserted: u64 = self.insertions[..first].iter().map(|(_, bytes)| bytes.len() as u64).sum();
        for (place, bytes) in &self.insertions[first..] {
            let stored = place.saturating_sub(at).min(rest.len() as u64);
            let (part, behind) = rest.split_at_mut(stored as usize);
            self.file.read_at(part, at - inserted)?;
            (rest, at) = (behind, at + stored);
            if rest.is_empty() {
                return Ok(piece.into());
            }
            let held = &bytes[(at - place) as usize..];
            let held = &held[..held.len().min(rest.len())];
            rest[..held.len()].copy_from_slice(held);
            (rest, at) = (&mut rest[held.len()..], at + held.len() as u64);
            if rest.is_empty() {
                return Ok(piece.into());
            }
            inserted += bytes.len() as u64;
        }
        self.file.read_at(rest, at - inserted)?;
        Ok(piece.into())
    }
}

/// Is told the number of a reply that has become long, or the text of an error reply.
type Begun = dyn FnOnce(Result<u64, &'static str>) + Send;

/// Takes in one reply, on the thread that evaluates its command.
pub(crate) struct Writer {
    spools: Arc<Spools>,
    stop: Stop,
    begun: Option<Box<Begun>>,
    open: Option<Open>,
}

struct Open {
    reply: u64,
    file: Box<dyn SpoolFile>,
    stored: u64,
}

impl Writer {
    fn try_append(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let open = match (&mut self.open, self.begun.take()) {
            (Some(open), _) => open,
            (None, Some(begun)) => {
                let (reply, file) = match self.spools.begin(&self.stop) {
                    Ok(new) => new,
                    Err(text) => {
                        begun(Err(text));
                        return Err(text);
                    }
                };
                begun(Ok(reply));
                self.open.insert(Open { reply, file, stored: 0 })
            }
            (None, None) => return Ok(()), // it has failed before
        };
        self.spools.grow(open.reply, bytes.len() as u64)?;
        open.file.append(bytes).map_err(|error| {
            warn!(%error, "write a long reply");
            NO_ROOM
        })?;
        open.stored += bytes.len() as u64;
        Ok(())
    }

    fn fail(&mut self, text: &'static str) {
        self.stop.set();
        if let Some(open) = self.open.take() {
            self.spools.settle(open.reply, Err(text));
        }
    }
}

impl Spool for Writer {
    fn append(&mut self, bytes: &[u8]) {
        if let Err(text) = self.try_append(bytes) {
            self.fail(text);
        }
    }

    fn truncate(&mut self, len: u64) {
        let Some(open) = &mut self.open else { return };
        match open.file.truncate(len) {
            Ok(()) => {
                self.spools.shrink(open.reply, open.stored - len);
                open.stored = len;
            }
            Err(error) => {
                warn!(%error, "shorten a long reply");
                self.fail(UNREADABLE);
            }
        }
    }

    fn finish(mut self: Box<Self>, insertions: Insertions) {
        if let Some(Open { reply, file, stored }) = self.open.take() {
            self.spools.settle(reply, Ok(Complete::new(file, stored, insertions)));
        }
    }
}

impl Drop for Writer {
    /// An evaluation that broke off.
    fn drop(&mut self) {
        self.fail(BROKEN_OFF);
    }
}

/// Bytes of a reply from which on it is long.
pub(crate) const LONG: usize = 1 << 20;
/// Bytes of a piece at most.
const PIECE_MAX: u64 = 1 << 20;
/// Long replies at once.
const REPLIES_MAX: usize = 1024;
/// A reply that nobody asked for in so long is forgotten.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Between the first numbers of two processes.
const NUMBERS: u64 = 0x9E37_79B9_7F4A_7C15;
const TOO_MANY: &str = "TRYAGAIN too many long replies wait for their clients";
const TOO_LONG: &str = "ERR the long replies that wait for their clients take more than reply.spool_max_mib";
const NO_ROOM: &str = "MISCONF the disk has no room for this long reply";
const UNREADABLE: &str = "ERR the long reply cannot be read";
const FORGOTTEN: &str = "TRYAGAIN the long reply was not asked for in time";
const BROKEN_OFF: &str = "TRYAGAIN the command broke off in the middle of a long reply";

#[cfg(test)]
mod tests;
