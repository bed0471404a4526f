//! A connection's socket: reading and writing that end when the connection is told to close.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::clients::{Client, Signal};
use crate::input::Input;
use crate::output::Output;

/// The socket and the entry through which others reach the connection.
pub(crate) struct Link<S> {
    stream: S,
    client: Arc<Client>,
}

/// Why nothing more is read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// The client closed its side, or a drain let everything finish that had arrived.
    #[error("closed")]
    Closed,
    /// Somebody ended it.
    #[error("killed")]
    Killed,
    /// The client does not take what it is sent.
    #[error("client takes no replies")]
    Stuck,
    /// The socket failed.
    #[error("socket")]
    Socket(#[source] io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(stream: S, client: Arc<Client>) -> Link<S> {
        Link { stream, client }
    }

    /// Waits for bytes and appends them to `input`; tells how many.
    pub(crate) async fn read(&mut self, input: &mut Input, wanted: usize) -> Result<usize, End> {
        let Link { stream, client } = self;
        poll_fn(|cx| {
            if client.signal() == Signal::Kill {
                return Poll::Ready(Err(End::Killed));
            }
            if let Poll::Ready(read) = input.poll_read(stream, wanted, cx) {
                return Poll::Ready(match read {
                    Ok(0) => Err(End::Closed),
                    Ok(count) => Ok(count),
                    Err(error) => Err(End::Socket(error)),
                });
            }
            client.listen(cx.waker());
            match client.signal() {
                Signal::None => Poll::Pending,
                Signal::Drain => Poll::Ready(Err(End::Closed)), // nothing has arrived that was not answered
                Signal::Kill => Poll::Ready(Err(End::Killed)),
            }
        })
        .await
    }

    /// Writes all of `output`. The client may take its time, as long as it takes something within [`STUCK`].
    pub(crate) async fn write(&mut self, output: &mut Output) -> Result<usize, End> {
        let mut total = 0;
        loop {
            let count = match self.try_write(output).await {
                Some(written) => written.map_err(End::Socket)?,
                // Only a client that is slow costs a timer.
                None => match tokio::time::timeout(STUCK, self.write_some(output)).await {
                    Ok(written) => written?,
                    Err(_) => return Err(End::Stuck),
                },
            };
            if count == 0 {
                self.client.unwritten.store(0, Ordering::Relaxed);
                return Ok(total);
            }
            total += count;
        }
    }

    /// Writes what the socket takes now; `None` if it takes nothing.
    async fn try_write(&mut self, output: &mut Output) -> Option<io::Result<usize>> {
        let Link { stream, .. } = self;
        poll_fn(|cx| match output.poll_write(stream, cx) {
            Poll::Ready(written) => Poll::Ready(Some(written)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Writes once; 0 means there is nothing left.
    async fn write_some(&mut self, output: &mut Output) -> Result<usize, End> {
        let Link { stream, client } = self;
        poll_fn(|cx| {
            if client.signal() == Signal::Kill {
                return Poll::Ready(Err(End::Killed));
            }
            if let Poll::Ready(written) = output.poll_write(stream, cx) {
                return Poll::Ready(written.map_err(End::Socket));
            }
            client.unwritten.store(output.len(), Ordering::Relaxed);
            client.listen(cx.waker());
            if client.signal() == Signal::Kill { Poll::Ready(Err(End::Killed)) } else { Poll::Pending }
        })
        .await
    }

    /// Says that nothing more will come, then waits a moment for the client to have read everything: closing a socket with unread input
    /// would take the last reply away from it.
    pub(crate) async fn linger(mut self) {
        let _ = self.stream.shutdown().await; // it is gone already: as good
        let mut unread = vec![0; 16 << 10];
        let _ =
            tokio::time::timeout(LINGER, async { while matches!(self.stream.read(&mut unread).await, Ok(count) if count > 0) {} }).await;
    }
}

/// A client that takes not a single byte of its replies for so long is closed.
const STUCK: Duration = Duration::from_secs(300);
/// How long a client may go on sending after its last reply.
const LINGER: Duration = Duration::from_secs(1);
