//! Whole requests out of a read buffer: one, or all of a pipeline at once.

use bytes::{Buf, BytesMut};
use types::args::Args;

use crate::scan::{Found, Limits, ProtocolError, RANGES_KEPT, Scan, Scanner};

/// How a [`Scanner::drain`] ended.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request that has arrived was taken. Read more.
    Empty {
        /// Bytes the buffer has to hold at least before there can be another, 0 if that is not known.
        wanted: usize,
    },
    /// The batch is full and there may be more requests in the buffer. Drain again before reading.
    Full,
}

impl Scanner {
    /// Takes one request off the front of `buffer`, if a whole one has arrived.
    ///
    /// # Errors
    /// As [`Scanner::scan`].
    pub fn take(&mut self, buffer: &mut BytesMut, limits: &Limits) -> Result<Option<Args>, ProtocolError> {
        loop {
            match self.scan(buffer, limits)? {
                Scan::More { .. } => return Ok(None),
                Scan::Nothing { len } => buffer.advance(len),
                Scan::Request { len } => {
                    return Ok(Some(match self.inline() {
                        Some(args) => {
                            buffer.advance(len);
                            args
                        }
                        None => Args::new(buffer.split_to(len).freeze(), self.ranges().iter().cloned()),
                    }));
                }
            }
        }
    }

    /// Takes the requests that have arrived off the front of `buffer` and appends them to `out`: up to [`BATCH_REQUESTS`], and none
    /// after [`BATCH_BYTES`]. Those of a batch share one allocation. Before the client has authenticated a batch is one request:
    /// the next one has to be judged by what became of it.
    ///
    /// # Errors
    /// As [`Scanner::scan`]. The requests before the offending one are in `out`: run them first.
    pub fn drain(&mut self, buffer: &mut BytesMut, limits: &Limits, out: &mut Vec<Args>) -> Result<Drained, ProtocolError> {
        self.begin();
        let full = out.len() + if limits.authenticated { BATCH_REQUESTS } else { 1 };
        let result = loop {
            if out.len() + self.ends.len() >= full || self.start >= BATCH_BYTES {
                break Ok(Drained::Full);
            }
            let found = match self.step(buffer, limits) {
                Ok(Found::More) => break Ok(Drained::Empty { wanted: self.wanted() }),
                Err(error) => break Err(error),
                Ok(found) => found,
            };
            self.start = self.position;
            if found == Found::Request {
                match self.inline() {
                    None => self.ends.push(self.ranges.len()),
                    Some(args) => {
                        self.hand_over(buffer, out);
                        out.push(args);
                    }
                }
            }
        };
        self.hand_over(buffer, out);
        result
    }

    /// Cuts everything before `start` off `buffer` and makes arguments of it. What remains is the beginning of a request.
    fn hand_over(&mut self, buffer: &mut BytesMut, out: &mut Vec<Args>) {
        let done = std::mem::take(&mut self.start);
        if done == 0 {
            return;
        }
        self.position -= done;
        if self.ends.is_empty() {
            buffer.advance(done);
        } else {
            let bytes = buffer.split_to(done).freeze();
            out.reserve(self.ends.len());
            let mut first = 0;
            for end in self.ends.drain(..) {
                out.push(Args::new(bytes.clone(), self.ranges[first..end].iter().cloned()));
                first = end;
            }
            self.ranges.drain(..first);
            self.ranges.shrink_to(RANGES_KEPT);
            self.ends.shrink_to(RANGES_KEPT);
        }
        for range in &mut self.ranges {
            *range = range.start - done..range.end - done;
        }
    }
}

/// Requests of one batch.
pub const BATCH_REQUESTS: usize = 1024;
/// Bytes after which a batch takes no further request.
pub const BATCH_BYTES: usize = 1 << 20;
