//! Where streams come from: the seam at which a simulated network takes the place of TCP.

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tracing::debug;

use super::socket;

/// Opens connections. The other half of the seam is [`Listen`].
pub trait Connect: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects to `host:port`. May take for ever: the caller bounds it.
    fn connect(&self, address: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Takes connections.
pub trait Listen: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection, and what to call the other side in logs. Nothing is lost if the future is dropped.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, String)>> + Send;
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, String)> {
        loop {
            let (stream, from) = TcpListener::accept(self).await?;
            match socket::tune(&stream) {
                Ok(()) => return Ok((stream, from.to_string())),
                Err(error) => debug!(%from, %error, "connection gone before it was served"),
            }
        }
    }
}

/// Real connections.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Connect for Tcp {
    type Stream = TcpStream;

    async fn connect(&self, address: &str) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        socket::tune(&stream)?;
        Ok(stream)
    }
}
