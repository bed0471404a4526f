//! What a client has sent and nobody has looked at yet.
//!
//! A connection that waits for its next request holds no buffer: all connections of a thread read into the same one. What is left of
//! it when the requests are cut off belongs to the connection until the rest has arrived.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

/// The read buffer of one connection.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// The beginning of a request, or what the last read brought.
    pub(crate) buffer: BytesMut,
    /// The last read filled all the room there was: the client sends faster than we read.
    filled: bool,
}

thread_local! {
    /// The buffer that connections of this thread read into.
    static SHARED: Cell<BytesMut> = Cell::default();
}

impl Input {
    /// Reads what is there, at least a byte; 0 at the end. `wanted` is how many bytes the request under way needs at least, if known.
    pub(crate) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        wanted: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.buffer.is_empty() {
            let mut shared = SHARED.take();
            if shared.capacity() < READ_MIN {
                shared.reserve(READ);
            }
            let room = shared.capacity();
            let read = poll_read_buf(Pin::new(stream), cx, &mut shared);
            if let Poll::Ready(Ok(count)) = read {
                self.filled = count == room;
                self.buffer = shared;
            } else {
                SHARED.set(shared);
            }
            return read;
        }
        // What a client announces is believed as far as it has sent as much.
        let announced = wanted.saturating_sub(self.buffer.len());
        let least = if self.filled { READ } else { READ_REST };
        self.buffer.reserve(announced.min(self.buffer.len()).clamp(least, READ_MAX));
        let room = self.buffer.capacity() - self.buffer.len();
        let count = ready!(poll_read_buf(Pin::new(stream), cx, &mut self.buffer))?;
        self.filled = count == room;
        Poll::Ready(Ok(count))
    }

    /// The requests were taken out. What is left is kept, but not at the price of a large buffer.
    pub(crate) fn settle(&mut self) {
        if self.buffer.is_empty() {
            let buffer = std::mem::take(&mut self.buffer);
            let shared = SHARED.take();
            SHARED.set(if shared.capacity() < buffer.capacity() { buffer } else { shared });
        } else if self.buffer.len() < SMALL && !self.filled && self.buffer.capacity() > 2 * SMALL {
            let small = BytesMut::from(&self.buffer[..]);
            self.buffer.clear();
            SHARED.set(std::mem::replace(&mut self.buffer, small));
        }
    }
}

/// Room for one read into the shared buffer.
const READ: usize = 64 << 10;
/// With less room than this a read would often be cut short.
const READ_MIN: usize = 16 << 10;
/// Least room for the rest of a request: thousands of connections may have stopped in the middle of one.
const READ_REST: usize = 2 << 10;
/// Most that is reserved at a time for a large argument.
const READ_MAX: usize = 4 << 20;
/// The beginning of a request is moved out of a larger buffer if it is shorter than this.
const SMALL: usize = 4 << 10;
