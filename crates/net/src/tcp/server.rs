//! Accepts connections and serves them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use types::args::Args;
use types::txn::CommandId;

use super::greeting::{GreetError, welcome};
use super::options::{Identity, Options};
use super::session::Session;
use super::transport::Listen;
use crate::service::Service;

/// Finds the command that a call's first argument names, as [`types::txn::Coprocessor::resolve`].
pub type Resolve = Arc<dyn Fn(&Args) -> Option<CommandId> + Send + Sync>;

/// What is served.
#[derive(Clone)]
pub struct Server {
    /// Who we are.
    pub us: Identity,
    /// Who answers. Called on the connections' tasks: it must not block.
    pub service: Arc<dyn Service>,
    /// Finds commands; a meta server has none.
    pub resolve: Resolve,
    /// Bounds.
    pub options: Options,
}

/// Accepts connections until `stop`, then waits (for at most [`Options::drain`]) for the answers under way.
pub async fn serve<L: Listen>(mut listener: L, server: Arc<Server>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or the client is gone already. Neither is mended by trying at once.
                warn!(%error, "accept failed");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if connections.len() >= server.options.connections_max {
            warn!(%from, connections = connections.len(), "too many connections, closed");
            continue;
        }
        let (server, stop) = (Arc::clone(&server), stop.clone());
        connections.spawn(async move { serve_stream(stream, &from, &server, stop).await });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Serves one connection, whatever it is made of, until it ends or `stop`. `from` is what it is called in logs.
pub async fn serve_stream<S>(mut stream: S, from: &str, server: &Server, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let greeted = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        greeted = timeout(server.options.connect_timeout, welcome(&mut stream, &server.us)) => greeted.unwrap_or(Err(GreetError::Timeout)),
    };
    let (hello, read) = match greeted {
        Ok(greeted) => greeted,
        Err(error @ GreetError::Io(_)) => return debug!(%from, error = chain(&error), "connection without a greeting"),
        Err(error) => return warn!(%from, error = chain(&error), "connection refused"),
    };
    let session = Session::new(stream, read, server);
    match session.run(&stop).await {
        Ok(()) => debug!(node = %hello.node, %from, lane = ?hello.lane, "connection ended"),
        Err(error) => warn!(node = %hello.node, %from, lane = ?hello.lane, error = chain(&error), "connection broke"),
    }
}

fn chain(error: &(impl std::error::Error + 'static)) -> &(dyn std::error::Error + 'static) {
    error
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("us", &self.us).field("options", &self.options).finish_non_exhaustive()
    }
}

/// Whether a connection that ended like this just ended.
pub(super) fn is_goodbye(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof)
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
