//! The hello, either side.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wire::hello::{Hello, HelloError, Lane, VERSIONS, Welcome};

use super::options::Identity;
use super::server::is_goodbye;

/// No connection came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetError {
    #[error("no answer in time")]
    Timeout,
    #[error("connection failed")]
    Io(#[from] io::Error),
    #[error("no greeting")]
    Hello(#[from] HelloError),
    #[error("refused by node {node:?}: {reason}")]
    Refused { node: String, reason: String },
}

impl GreetError {
    /// Whether nobody listens there: the machine itself said so.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, GreetError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Whether whoever listened there was about to end.
    pub(super) fn is_goodbye(&self) -> bool {
        matches!(self, GreetError::Io(error) if is_goodbye(error))
    }
}

/// Greets as client. Returns what has arrived behind the answer.
pub(super) async fn greet<S>(stream: &mut S, us: &Identity, lane: Lane, expected: &str) -> Result<BytesMut, GreetError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hello = Hello { versions: VERSIONS, lane, cluster: us.cluster.clone(), node: us.node.clone(), expected: expected.to_owned() };
    stream.write_all(&hello.encode()).await?;
    stream.flush().await?;
    let mut buffer = BytesMut::new();
    match receive(stream, &mut buffer, Welcome::take).await? {
        Welcome::Accepted { .. } => Ok(buffer),
        Welcome::Refused { node, reason } => Err(GreetError::Refused { node, reason }),
    }
}

/// Answers a greeting as server. Returns it and what has arrived behind it.
pub(super) async fn welcome<S>(stream: &mut S, us: &Identity) -> Result<(Hello, BytesMut), GreetError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = BytesMut::new();
    let hello = receive(stream, &mut buffer, Hello::take).await?;
    let answer = hello.answer(&us.cluster, &us.node);
    stream.write_all(&answer.encode()).await?;
    stream.flush().await?;
    match answer {
        Welcome::Accepted { .. } => Ok((hello, buffer)),
        Welcome::Refused { reason, .. } => Err(GreetError::Refused { node: hello.node, reason }),
    }
}

async fn receive<S, T>(
    stream: &mut S,
    buffer: &mut BytesMut,
    take: fn(&mut BytesMut) -> Result<Option<T>, HelloError>,
) -> Result<T, GreetError>
where
    S: AsyncRead + Unpin,
{
    loop {
        if let Some(message) = take(buffer)? {
            return Ok(message);
        }
        buffer.reserve(READ);
        if stream.read_buf(buffer).await? == 0 {
            return Err(GreetError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

const READ: usize = 1024;
