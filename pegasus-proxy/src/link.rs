//! A connection's socket: reading and writing that end when the connection is told to close.

use std::future::{Future as _, poll_fn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use client::long::{Lost, TOUCH};
use resp::reply;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::clients::{Client, Signal};
use crate::errors;
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
    /// The rest of a long reply is not to be had any more. The protocol knows no other way to say so.
    #[error("lost in the middle of a reply")]
    Lost(#[source] Lost),
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
            if output.turn().is_some() {
                Box::pin(self.fetch(output)).await?;
                continue;
            }
            let count = match self.try_write(output).await {
                Some(written) => written.map_err(End::Socket)?,
                // Only a client that is slow costs a timer.
                None => self.write_slowly(output).await?,
            };
            if count == 0 {
                self.client.unwritten.store(0, Ordering::Relaxed);
                return Ok(total);
            }
            total += count;
        }
    }

    /// Fetches a piece of the long reply whose turn it is.
    async fn fetch(&mut self, output: &mut Output) -> Result<(), End> {
        loop {
            let Some(long) = output.turn() else { return Ok(()) };
            let fetched = {
                let client = &self.client;
                let mut next = std::pin::pin!(long.next());
                let fetched = poll_fn(|cx| {
                    if let Poll::Ready(fetched) = next.as_mut().poll(cx) {
                        return Poll::Ready(Ok(fetched));
                    }
                    client.listen(cx.waker());
                    if client.signal() == Signal::Kill { Poll::Ready(Err(End::Killed)) } else { Poll::Pending }
                });
                tokio::time::timeout(TOUCH, fetched).await
            };
            match fetched {
                // It is being made: the others wait, too.
                Err(_) => output.longs().for_each(|long| long.touch()),
                Ok(fetched) => {
                    match fetched? {
                        Ok(Some(piece)) => output.insert(piece),
                        Ok(None) => output.end_turn(),
                        Err(lost) if long_begun(output) => return Err(End::Lost(lost)),
                        Err(lost) => {
                            let mut error = Vec::new();
                            reply::error(&mut error, &errors::lost(&lost));
                            output.end_turn();
                            output.insert(error.into());
                        }
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Writes to a client that does not take everything at once.
    async fn write_slowly(&mut self, output: &mut Output) -> Result<usize, End> {
        let mut waited = Duration::ZERO;
        while waited < STUCK {
            match tokio::time::timeout(TOUCH, self.write_some(output)).await {
                Ok(written) => return written,
                Err(_) => output.longs().for_each(|long| long.touch()),
            }
            waited += TOUCH;
        }
        Err(End::Stuck)
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

fn long_begun(output: &mut Output) -> bool {
    output.turn().is_some_and(|long| long.begun())
}

/// A client that takes not a single byte of its replies for so long is closed.
const STUCK: Duration = Duration::from_secs(300);
/// How long a client may go on sending after its last reply.
const LINGER: Duration = Duration::from_secs(1);
