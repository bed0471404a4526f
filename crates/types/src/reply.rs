//! A reply while it is being written.
//!
//! ```text
//!   0            spooled                 len
//!   ├─ in the spool ─┼──── held, <= limit ────┤      a short reply is all held: a plain vector
//! ```
//! A reply may be of any size, the memory it takes may not: when more than a limit is held, that goes to a [`Spool`], if there is one;
//! otherwise the reply is *lost*: whoever evaluates the command has to do it again where there is one.
//!
//! Invariant: positions ([`Reply::len`], what [`Reply::truncate`] and [`Reply::insert`] take) do not count what was inserted into the spooled part,
//! so that a position that was noted before stays right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a reply is written. One call of [`Sink::settle`] for each element or so keeps it within its bounds.
pub trait Sink {
    /// The end of what has been written, to be appended to.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Something has been appended.
    fn settle(&mut self) {}
}

impl Sink for Vec<u8> {
    #[inline]
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// Keeps the beginning of a long reply. What fails is remembered by the spool itself, which then wants nothing more.
pub trait Spool: Send {
    /// Appends bytes.
    fn append(&mut self, bytes: &[u8]);

    /// Forgets what is behind the first `len` bytes.
    fn truncate(&mut self, len: u64);

    /// The reply is complete: what was appended, with other bytes put in at some places, in ascending order.
    fn finish(self: Box<Self>, insertions: Insertions);
}

/// Bytes that belong in front of what stands at a position of a spool. Of several at one position the first comes first.
pub type Insertions = Vec<(u64, Box<[u8]>)>;

/// Tells an evaluation that nobody needs its result.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nobody needs it any more.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether nobody does.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A reply.
pub struct Reply {
    held: Vec<u8>,
    /// Position of the first byte that is held.
    spooled: usize,
    /// Bytes that may be held.
    limit: usize,
    spool: Option<Box<dyn Spool>>,
    insertions: Insertions,
    lost: bool,
    /// The spool was given something: from then on it has the reply, whatever becomes of it.
    began: bool,
    stop: Option<Stop>,
}

/// What became of a reply.
pub enum Finished {
    /// It is short: here it is.
    Held(Vec<u8>),
    /// The spool has it.
    Spooled,
    /// It was too long to be held, and there was no spool.
    Lost,
}

impl Default for Reply {
    fn default() -> Reply {
        Reply::bounded(usize::MAX)
    }
}

impl Reply {
    /// A reply that is lost when it is longer than `limit` bytes.
    pub fn bounded(limit: usize) -> Reply {
        Reply { held: Vec::new(), spooled: 0, limit, spool: None, insertions: Vec::new(), lost: false, began: false, stop: None }
    }

    /// A reply that goes to `spool` when it is longer than `limit` bytes.
    pub fn spooled(limit: usize, spool: Box<dyn Spool>) -> Reply {
        Reply { spool: Some(spool), ..Reply::bounded(limit) }
    }

    /// Has `stop` set as soon as the reply is lost.
    pub fn stopping(self, stop: Stop) -> Reply {
        Reply { stop: Some(stop), ..self }
    }

    /// Bytes so far.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.spooled + self.held.len()
    }

    /// Whether it was too long and nothing could keep it.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        self.settle();
    }

    /// Takes back what was written behind position `len`.
    pub fn truncate(&mut self, len: usize) {
        if let Some(held) = len.checked_sub(self.spooled) {
            return self.held.truncate(held);
        }
        self.held.clear();
        self.spooled = len;
        self.insertions.retain(|(at, _)| *at < len as u64);
        if let Some(spool) = &mut self.spool {
            spool.truncate(len as u64);
        }
    }

    /// Puts bytes in front of what was written from position `at` on: headers that count what follows.
    pub fn insert(&mut self, at: usize, bytes: &[u8]) {
        match at.checked_sub(self.spooled) {
            Some(at) => {
                self.held.extend_from_slice(bytes);
                self.held[at..].rotate_right(bytes.len());
                self.settle();
            }
            None => {
                let place = self.insertions.partition_point(|(position, _)| *position < at as u64);
                self.insertions.insert(place, (at as u64, bytes.into()));
            }
        }
    }

    /// The reply is complete.
    pub fn finish(mut self) -> Finished {
        match self.spool.take() {
            _ if self.lost => Finished::Lost,
            Some(mut spool) if self.began => {
                spool.append(&self.held);
                spool.finish(self.insertions);
                Finished::Spooled
            }
            _ => Finished::Held(self.held),
        }
    }

    #[cold]
    fn overflow(&mut self) {
        self.spooled += self.held.len();
        match &mut self.spool {
            Some(spool) => {
                self.began = true;
                spool.append(&self.held);
            }
            None => {
                self.lost = true;
                if let Some(stop) = &self.stop {
                    stop.set();
                }
            }
        }
        self.held.clear();
    }
}

impl Sink for Reply {
    #[inline]
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    #[inline]
    fn settle(&mut self) {
        if self.held.len() > self.limit {
            self.overflow();
        }
    }
}

#[cfg(test)]
mod tests;
