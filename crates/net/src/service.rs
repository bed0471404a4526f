//! What a node offers, whether it is reached through TCP, through a channel in the same process or through a simulated network.
//!
//! The server side implements [`Service`]; a connection to a remote node implements it too, by encoding. So a caller cannot tell
//! the difference, except by [`CallError::Unreachable`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use types::id::NodeId;
use wire::rpc::{ControlRequest, ControlResponse, Execute, Executed, Replicate};

/// A node, here or elsewhere.
pub trait Service: Send + Sync + 'static {
    /// Runs commands at the partitions this node is primary of. Calls made one after the other arrive in that order.
    fn execute(&self, request: Execute) -> Pending<Executed>;

    /// Delivers messages of groups. One way, may be lost, never blocks: what does not fit into a bounded queue is dropped.
    fn replicate(&self, batch: Replicate);

    /// Answers a question off the hot path within `patience`.
    fn control(&self, request: ControlRequest, patience: Duration) -> Pending<ControlResponse>;
}

/// Finds nodes.
pub trait Network: Send + Sync + 'static {
    /// The node called `node`, last heard of at `address` (`host:port`). Returns at once; connecting happens behind it.
    fn node(&self, node: &NodeId, address: &str) -> Arc<dyn Service>;

    /// Whatever listens at `address`, when its name is not known (a meta server from the configuration).
    fn address(&self, address: &str) -> Arc<dyn Service>;

    /// From now on calls `gone` whenever the process of a node is visibly not there: a standing connection broke, and a new one is
    /// refused by the machine. Once for each break; a node that hangs, or a machine that is cut off, is not noticed like this.
    /// `gone` must not block. A network that cannot tell never calls it.
    fn on_gone(&self, gone: OnGone) {
        let _ = gone;
    }
}

/// Hears which node is gone.
pub type OnGone = Arc<dyn Fn(&NodeId) + Send + Sync>;

/// An answer that is there at once or comes later. Dropping it gives the answer up, not the request.
#[derive(Debug)]
pub enum Pending<T> {
    /// It is here; `None` once taken.
    Ready(Option<Result<T, CallError>>),
    /// It will come.
    Waiting(oneshot::Receiver<Result<T, CallError>>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent.
    #[error("{0} is not reachable")]
    Unreachable(String),
    /// The request was (or may have been) sent, then the connection broke: it may or may not have been carried out.
    #[error("connection to {0} broke with a request under way")]
    Broken(String),
    /// No answer in time: it may or may not have been carried out.
    #[error("no answer in time")]
    Timeout,
    /// Too many requests under way on this connection; nothing was sent.
    #[error("too many requests under way")]
    Overloaded,
    /// The node does not offer this.
    #[error("not offered here")]
    NotOffered,
}

impl<T> Pending<T> {
    /// An answer that is here.
    pub fn ready(answer: Result<T, CallError>) -> Pending<T> {
        Pending::Ready(Some(answer))
    }

    /// An answer to come, and where to put it.
    pub fn waiting() -> (oneshot::Sender<Result<T, CallError>>, Pending<T>) {
        let (sender, receiver) = oneshot::channel();
        (sender, Pending::Waiting(receiver))
    }
}

impl<T: Unpin> Future for Pending<T> {
    type Output = Result<T, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Pending::Ready(answer) => Poll::Ready(answer.take().expect("polled after completion")),
            Pending::Waiting(receiver) => Pin::new(receiver).poll(cx).map(|received| {
                // The sender is dropped without an answer only when the node is closing.
                received.unwrap_or_else(|_| Err(CallError::Broken("a closing node".to_owned())))
            }),
        }
    }
}
